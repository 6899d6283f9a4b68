/* api_history.c - see api_history.h. */
#include "api_history.h"

#include <stdlib.h>

static struct api_entry *at(const struct api_history *h, uint64_t position)
{
    return &h->v[position & (h->cap - 1)];
}

/* ---- keeping ------------------------------------------------------------------------------------------------ */

static void drop_copy(struct api_history *h, struct api_entry *e)
{
    if (e->was)
        h->bytes -= tarn_object_size(e->was);
    tarn_object_unref(e->was);
    e->was = NULL;
}

static void drop_oldest(struct api_history *h)
{
    struct api_entry *e = at(h, h->first);

    h->floor = e->reached + e->late; /* who starts from exactly there lacks a late one, but not others */
    drop_copy(h, e);
    h->first++;
    if (h->thin < h->first)
        h->thin = h->first;
}

static void keep_bounds(struct api_history *h)
{
    while (h->next - h->first > h->entries_max)
        drop_oldest(h);
    for (; h->bytes > h->bytes_max && h->thin < h->next; h->thin++)
        if (at(h, h->thin)->type != API_DELETED)
            drop_copy(h, at(h, h->thin));
    while (h->bytes > h->bytes_max)
        drop_oldest(h);
}

static int grow(struct api_history *h)
{
    size_t cap = h->cap ? h->cap * 2 : 64;
    struct api_entry *v;

    if (h->next - h->first < h->cap)
        return 0;
    v = calloc(cap, sizeof *v);
    if (!v)
        return TARN_E_NOMEM;
    for (uint64_t p = h->first; p < h->next; p++)
        v[p & (cap - 1)] = *at(h, p);
    free(h->v);
    h->v = v;
    h->cap = cap;
    return 0;
}

int api_history_add(struct api_history *h, const struct api_entry *e)
{
    if (grow(h)) {
        tarn_object_unref(e->was);
        return TARN_E_NOMEM;
    }
    *at(h, h->next++) = *e;
    h->bytes += e->was ? tarn_object_size(e->was) : 0;
    keep_bounds(h);
    return 0;
}

void api_history_reset(struct api_history *h, uint64_t floor)
{
    while (h->first < h->next)
        drop_oldest(h);
    h->floor = floor;
}

void api_history_release(struct api_history *h)
{
    api_history_reset(h, 0);
    free(h->v);
    h->v = NULL;
    h->cap = 0;
}

/* ---- what was missed ------------------------------------------------------------------------------------------- */

/* One object number while the entries are walked. */
struct seen {
    uint64_t oid; /* plus 1; 0: free */
    uint32_t object;
    bool there, exists; /* before the first entry, and after the last */
    uint64_t position, version; /* of the last */
    size_t next;
};

struct walk {
    struct seen *v;
    size_t mask, n;
    struct api_replay *replay;
};

static struct seen *seen_of(struct walk *w, uint32_t oid)
{
    uint64_t key = (uint64_t)oid + 1;
    size_t i = (key * UINT64_C(0x9e3779b97f4a7c15) >> 20) & w->mask;

    while (w->v[i].oid && w->v[i].oid != key)
        i = (i + 1) & w->mask;
    return &w->v[i];
}

static int push(struct walk *w, const struct seen *s, enum api_missed_kind kind, const struct tarn_object *before)
{
    struct api_replay *r = w->replay;

    if (r->n == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 64;
        struct api_missed *v = realloc(r->v, cap * sizeof *v);

        if (!v)
            return TARN_E_NOMEM;
        r->v = v;
        r->cap = cap;
    }
    r->v[r->n++] = (struct api_missed){.position = s->position, .version = s->version, .oid = (uint32_t)(s->oid - 1), .object = s->object, .kind = kind,
                                       .before = before ? tarn_object_ref(before) : NULL};
    return 0;
}

static int walk_entry(struct walk *w, const struct api_entry *e, uint64_t position)
{
    struct seen *s = seen_of(w, e->oid);
    int rc = 0;

    if (!s->oid)
        *s = (struct seen){.oid = (uint64_t)e->oid + 1, .object = (uint32_t)w->n++, .there = e->type != API_ADDED};
    s->position = position;
    s->version = e->version;
    s->exists = e->type != API_DELETED;
    if (e->touched)
        rc = push(w, s, API_MISSED_TOUCHED, e->was);
    if (!rc && !s->exists)
        rc = push(w, s, API_MISSED_GONE, e->was);
    return rc;
}

static int by_position(const void *a, const void *b)
{
    const struct api_missed *x = a, *y = b;

    if (x->position != y->position)
        return x->position < y->position ? -1 : 1;
    return (int)x->kind - (int)y->kind;
}

/* The last change of each that is there, the order, and what follows what. */
static int finish(struct walk *w)
{
    struct api_replay *r = w->replay;
    int rc = 0;

    r->there = calloc(w->n + 1, sizeof *r->there);
    if (!r->there)
        return TARN_E_NOMEM;
    r->nobjects = w->n;
    for (size_t i = 0; !rc && i <= w->mask; i++) {
        if (!w->v[i].oid)
            continue;
        r->there[w->v[i].object] = w->v[i].there;
        if (w->v[i].exists)
            rc = push(w, &w->v[i], API_MISSED_LAST, NULL);
    }
    if (rc || !r->n)
        return rc;
    qsort(r->v, r->n, sizeof *r->v, by_position);
    for (size_t i = r->n; i-- > 0;) {
        struct seen *s = seen_of(w, r->v[i].oid);

        r->v[i].next = s->next;
        s->next = i;
    }
    return 0;
}

/* The first entry that may concern `version`: `reached` does not fall. */
static uint64_t search(const struct api_history *h, uint64_t version)
{
    uint64_t low = h->first, high = h->next;

    while (low < high) {
        uint64_t mid = low + (high - low) / 2;

        if (at(h, mid)->reached < version)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

int api_history_since(const struct api_history *h, uint64_t version, struct api_replay *ret)
{
    uint64_t from = search(h, version);
    struct walk w = {.replay = ret, .mask = 63};
    int rc = 0;

    *ret = (struct api_replay){0};
    while (w.mask + 1 < (h->next - from) * 2)
        w.mask = w.mask * 2 + 1;
    w.v = calloc(w.mask + 1, sizeof *w.v);
    if (!w.v)
        return TARN_E_NOMEM;
    for (uint64_t p = from; !rc && p < h->next; p++)
        if (api_entry_concerns(at(h, p), version))
            rc = walk_entry(&w, at(h, p), p);
    if (!rc)
        rc = finish(&w);
    free(w.v);
    if (rc)
        api_replay_release(ret);
    return rc;
}

void api_replay_release(struct api_replay *r)
{
    for (size_t i = 0; i < r->n; i++)
        tarn_object_unref(r->v[i].before);
    free(r->v);
    free(r->there);
    *r = (struct api_replay){0};
}
