/* api_lines.c - see api_lines.h. */
#include "api_lines.h"

#include <stdlib.h>

struct api_line *api_line_new(struct tarn_bytes text)
{
    struct api_line *l = malloc(sizeof *l + text.len);

    if (!l)
        return NULL;
    l->refs = 1;
    l->len = text.len;
    memcpy(l->text, text.data, text.len);
    return l;
}

void api_line_unref(struct api_line *l)
{
    if (l && --l->refs == 0)
        free(l);
}

static struct api_line **at(const struct api_lines *q, size_t i)
{
    return &q->v[(q->head + i) & (q->cap - 1)];
}

static int grow(struct api_lines *q)
{
    size_t cap = q->cap ? q->cap * 2 : 16;
    struct api_line **v = malloc(cap * sizeof *v);

    if (!v)
        return TARN_E_NOMEM;
    for (size_t i = 0; i < q->n; i++)
        v[i] = *at(q, i);
    free(q->v);
    q->v = v;
    q->head = 0;
    q->cap = cap;
    return 0;
}

int api_lines_push(struct api_lines *q, struct api_line *l)
{
    if (q->n == q->cap && grow(q))
        return TARN_E_NOMEM;
    l->refs++;
    *at(q, q->n++) = l;
    q->bytes += l->len;
    return 0;
}

size_t api_lines_take(struct api_lines *q, char *to, size_t n)
{
    struct api_line *l = q->v[q->head];
    size_t k = l->len - q->sent < n ? l->len - q->sent : n;

    memcpy(to, l->text + q->sent, k);
    q->sent += k;
    if (q->sent < l->len)
        return k;
    q->bytes -= l->len;
    q->head = (q->head + 1) & (q->cap - 1);
    q->n--;
    q->sent = 0;
    api_line_unref(l);
    return k;
}

void api_lines_clear(struct api_lines *q)
{
    while (q->n > (q->sent != 0)) {
        struct api_line *l = *at(q, --q->n);

        q->bytes -= l->len;
        api_line_unref(l);
    }
}

void api_lines_release(struct api_lines *q)
{
    q->sent = 0;
    api_lines_clear(q);
    free(q->v);
    *q = (struct api_lines){0};
}
