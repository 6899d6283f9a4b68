/* arena.c - an array of malloc'ed pieces. */
#include "arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void *tarn_arena_alloc(struct tarn_arena *a, size_t n)
{
    void *p;

    if (a->n == a->cap) {
        size_t cap = a->cap ? a->cap * 2 : 16;
        void **v = realloc(a->v, cap * sizeof *v);

        if (!v)
            return NULL;
        a->v = v;
        a->cap = cap;
    }
    p = calloc(1, n ? n : 1);
    if (p)
        a->v[a->n++] = p;
    return p;
}

char *tarn_arena_copy(struct tarn_arena *a, struct tarn_bytes b)
{
    char *s = tarn_arena_alloc(a, b.len + 1);

    if (s && b.len)
        memcpy(s, b.data, b.len);
    return s;
}

char *tarn_arena_printf(struct tarn_arena *a, const char *fmt, ...)
{
    va_list ap, again;
    char *s = NULL;
    int n;

    va_start(ap, fmt);
    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, ap);
    if (n >= 0)
        s = tarn_arena_alloc(a, (size_t)n + 1);
    if (s)
        (void)vsnprintf(s, (size_t)n + 1, fmt, again);
    va_end(again);
    va_end(ap);
    return s;
}

void tarn_arena_release(struct tarn_arena *a)
{
    for (size_t i = 0; i < a->n; i++)
        free(a->v[i]);
    free(a->v);
    *a = (struct tarn_arena){0};
}

int tarn_string_list_add(struct tarn_string_list *l, struct tarn_arena *a, const char *s)
{
    const char **v;

    if (!s)
        return TARN_E_NOMEM;
    v = tarn_arena_alloc(a, (l->n + 1) * sizeof *v);
    if (!v)
        return TARN_E_NOMEM;
    if (l->n)
        memcpy(v, l->v, l->n * sizeof *v);
    v[l->n++] = s;
    l->v = v;
    return 0;
}
