/* arena.c - an array of malloc'ed pieces; of mappings of their own, filled from the start, if it is secret. */
#include "arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define SECRET_BYTES (64u << 10)
#define SECRET_ALIGN 16u

/* The head of a secret arena's piece. */
struct secret {
    size_t bytes; /* of the mapping */
    size_t unused;
};
_Static_assert(sizeof(struct secret) == SECRET_ALIGN, "what follows is aligned");

static bool make_room(struct tarn_arena *a)
{
    size_t cap = a->cap ? a->cap * 2 : 16;
    void **v;

    if (a->n < a->cap)
        return true;
    v = realloc(a->v, cap * sizeof *v);
    if (!v)
        return false;
    a->v = v;
    a->cap = cap;
    return true;
}

static struct secret *map_secret(size_t n)
{
    size_t bytes = n + sizeof(struct secret) > SECRET_BYTES ? n + sizeof(struct secret) : SECRET_BYTES;
    struct secret *s = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (s == MAP_FAILED)
        return NULL;
    if (madvise(s, bytes, MADV_DONTDUMP)) {
        (void)munmap(s, bytes);
        return NULL;
    }
    s->bytes = bytes;
    return s;
}

static void *alloc_secret(struct tarn_arena *a, size_t n)
{
    struct secret *s = a->n ? a->v[a->n - 1] : NULL;
    char *p;

    n = (n + SECRET_ALIGN - 1) & ~(size_t)(SECRET_ALIGN - 1);
    if (!s || s->bytes - a->used < n) {
        s = make_room(a) ? map_secret(n) : NULL;
        if (!s)
            return NULL;
        a->v[a->n++] = s;
        a->used = sizeof *s;
    }
    p = (char *)s + a->used;
    a->used += n;
    return p;
}

void *tarn_arena_alloc(struct tarn_arena *a, size_t n)
{
    void *p;

    if (a->secret)
        return alloc_secret(a, n);
    p = make_room(a) ? calloc(1, n ? n : 1) : NULL;
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

static void forget(struct secret *s)
{
    size_t bytes = s->bytes;

    explicit_bzero(s, bytes);
    (void)munmap(s, bytes);
}

void tarn_arena_release(struct tarn_arena *a)
{
    for (size_t i = 0; i < a->n; i++)
        if (a->secret)
            forget(a->v[i]);
        else
            free(a->v[i]);
    free(a->v);
    *a = (struct tarn_arena){.secret = a->secret};
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

bool tarn_string_list_same(const struct tarn_string_list *a, const struct tarn_string_list *b)
{
    if (a->n != b->n)
        return false;
    for (unsigned i = 0; i < a->n; i++)
        if (strcmp(a->v[i], b->v[i]) != 0)
            return false;
    return true;
}
