/* index.c - postings and links; see index.h for the picture. */
#include "index.h"

#include <stdlib.h>

#include "pages.h"

static struct tarn_bytes posting_key(const void *ctx, const struct tarn_map_slot *s)
{
    (void)ctx;
    return ((const struct tarn_posting *)s->p)->value;
}

static const struct tarn_map_keys by_value = {.key_of = posting_key};

void tarn_index_init(struct tarn_index *x, const struct tarn_index_func *func)
{
    *x = (struct tarn_index){.func = *func};
}

static void posting_free(struct tarn_posting *p)
{
    if (p->ids != p->ids_inline)
        free(p->ids);
    free(p);
}

void tarn_index_release(struct tarn_index *x, size_t entries)
{
    for (size_t i = 0; i < x->values.cap; i++)
        if (x->values.slots[i].p)
            posting_free((struct tarn_posting *)(uintptr_t)x->values.slots[i].p);
    for (size_t i = 0; i < entries; i++)
        free(x->links[i].many);
    tarn_map_release(&x->values);
    free(x->links);
    *x = (struct tarn_index){0};
}

int tarn_index_reserve(struct tarn_index *x, size_t n)
{
    size_t cap = x->cap ? x->cap : 16;
    struct tarn_index_link *links;

    if (n <= x->cap)
        return 0;
    while (cap < n)
        cap *= 2;
    links = realloc(x->links, cap * sizeof *links);
    if (!links)
        return TARN_E_NOMEM;
    tarn_pages_hint(links, cap * sizeof *links);
    x->links = links;
    x->cap = cap;
    return 0;
}

const struct tarn_posting *tarn_index_find(const struct tarn_index *x, struct tarn_bytes value)
{
    struct tarn_map_slot *s = tarn_map_find(&x->values, tarn_map_hash(&x->values, value), value, by_value);

    return s ? s->p : NULL;
}

/* ---- postings ------------------------------------------------------------------------------- */

static struct tarn_posting *posting_new(struct tarn_index *x, struct tarn_bytes value)
{
    struct tarn_posting *p;
    char *text;

    if (tarn_map_reserve(&x->values, x->values.n + 1))
        return NULL;
    p = malloc(sizeof *p + value.len + 1);
    if (!p)
        return NULL;
    text = (char *)(p + 1);
    if (value.len)
        memcpy(text, value.data, value.len);
    text[value.len] = 0;
    *p = (struct tarn_posting){.value = {text, value.len}, .cap = sizeof p->ids_inline / sizeof *p->ids_inline};
    p->ids = p->ids_inline;
    p->hash = tarn_map_hash(&x->values, value);
    tarn_map_put(&x->values, p->hash, p, 0);
    return p;
}

static int posting_grow(struct tarn_posting *p)
{
    uint32_t cap = p->cap * 2;
    bool is_inline = p->ids == p->ids_inline;
    uint32_t *ids = realloc(is_inline ? NULL : p->ids, cap * sizeof *ids);

    if (!ids)
        return TARN_E_NOMEM;
    if (is_inline)
        memcpy(ids, p->ids_inline, p->n * sizeof *ids);
    p->ids = ids;
    p->cap = cap;
    return 0;
}

/* an empty posting goes at once. */
static void posting_drop_if_empty(struct tarn_index *x, struct tarn_posting *p)
{
    if (p->n)
        return;
    tarn_map_remove(&x->values, tarn_map_slot_of(&x->values, p->hash, p));
    posting_free(p);
}

/* The posting of value with room for one more entry. NULL: out of memory. */
static struct tarn_posting *posting_with_room(struct tarn_index *x, struct tarn_bytes value)
{
    struct tarn_posting *p = (struct tarn_posting *)(uintptr_t)tarn_index_find(x, value);

    if (!p)
        p = posting_new(x, value);
    else if (p->n == p->cap && posting_grow(p))
        p = NULL;
    return p;
}

/* ---- places --------------------------------------------------------------------------------- */

struct places {
    struct tarn_index_place *v;
    size_t n;
};

static struct places places_of(struct tarn_index_link *l)
{
    if (l->many)
        return (struct places){.v = l->many->v, .n = l->many->n};
    return (struct places){.v = &l->one, .n = l->one.posting ? 1 : 0};
}

/* The place of an entry in posting p; the entry stands in it. */
static struct tarn_index_place *place_in(struct tarn_index_link *l, const struct tarn_posting *p)
{
    struct places places = places_of(l);
    size_t i = 0;

    while (places.v[i].posting != p)
        i++;
    return &places.v[i];
}

static void place_enter(struct tarn_index_place *at, uint32_t id)
{
    at->pos = at->posting->n;
    at->posting->ids[at->posting->n++] = id;
}

/* The posting's last entry moves into the hole. */
static void place_leave(struct tarn_index *x, struct tarn_index_place at)
{
    uint32_t moved = at.posting->ids[--at.posting->n];

    if (at.pos == at.posting->n)
        return;
    at.posting->ids[at.pos] = moved;
    place_in(&x->links[moved], at.posting)->pos = at.pos;
}

/* ---- a change in two halves ------------------------------------------------------------------- */

static bool same_values(struct tarn_index_link *l, const struct tarn_index_values *values)
{
    struct places places = places_of(l);

    if (places.n != values->n)
        return false;
    for (size_t i = 0; i < places.n; i++)
        if (!tarn_bytes_equal(places.v[i].posting->value, values->v[i]))
            return false;
    return true;
}

static bool holds(const struct tarn_index_places *places, const struct tarn_posting *p)
{
    for (size_t i = 0; i < places->n; i++)
        if (places->v[i].posting == p)
            return true;
    return false;
}

static int prepare_many(struct tarn_index *x, const struct tarn_index_values *values)
{
    struct tarn_index_places *many = malloc(sizeof *many + values->n * sizeof many->v[0]);

    if (!many)
        return TARN_E_NOMEM;
    many->n = 0;
    x->next.many = many; /* tarn_index_cancel drops what is in it */
    for (size_t i = 0; i < values->n; i++) {
        struct tarn_posting *p = posting_with_room(x, values->v[i]);

        if (!p)
            return TARN_E_NOMEM;
        if (!holds(many, p)) /* duplicates count once */
            many->v[many->n++] = (struct tarn_index_place){.posting = p};
    }
    return 0;
}

int tarn_index_prepare(struct tarn_index *x, uint32_t id, bool existing, const struct tarn_index_values *values)
{
    int err = 0;

    x->next = (struct tarn_index_link){0};
    x->changes = !existing || !same_values(&x->links[id], values);
    if (!x->changes || values->n == 0)
        return 0;
    if (values->n == 1) {
        x->next.one.posting = posting_with_room(x, values->v[0]);
        err = x->next.one.posting ? 0 : TARN_E_NOMEM;
    } else {
        err = prepare_many(x, values);
    }
    if (err)
        tarn_index_cancel(x);
    return err;
}

static void drop_empty(struct tarn_index *x, struct tarn_index_link *l)
{
    struct places places = places_of(l);

    for (size_t i = 0; i < places.n; i++)
        posting_drop_if_empty(x, places.v[i].posting);
    free(l->many);
}

void tarn_index_cancel(struct tarn_index *x)
{
    if (x->changes)
        drop_empty(x, &x->next);
    x->changes = false;
}

void tarn_index_apply(struct tarn_index *x, uint32_t id, bool existing)
{
    struct tarn_index_link old = {0};
    struct places places;

    if (!x->changes)
        return;
    if (existing)
        old = x->links[id];
    places = places_of(&old);
    for (size_t i = 0; i < places.n; i++)
        place_leave(x, places.v[i]);
    x->links[id] = x->next;
    places = places_of(&x->links[id]);
    for (size_t i = 0; i < places.n; i++)
        place_enter(&places.v[i], id);
    drop_empty(x, &old); /* after entering: a value in both stays */
    x->changes = false;
}

void tarn_index_remove(struct tarn_index *x, uint32_t id, uint32_t last)
{
    struct tarn_index_link gone = x->links[id];
    struct places places = places_of(&gone);

    for (size_t i = 0; i < places.n; i++)
        place_leave(x, places.v[i]);
    drop_empty(x, &gone);
    if (last == id)
        return;
    x->links[id] = x->links[last];
    places = places_of(&x->links[id]);
    for (size_t i = 0; i < places.n; i++)
        places.v[i].posting->ids[places.v[i].pos] = id;
}
