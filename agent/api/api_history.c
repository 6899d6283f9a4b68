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

/* What is known of one object number while the entries are walked: places in the replay, plus 1. */
struct seen {
    uint64_t oid; /* plus 1; 0: free */
    size_t now;   /* the item of what is there now */
    bool gone;    /* the last entry was a deletion */
};

struct walk {
    struct seen *v;
    size_t mask;
    struct api_replay *replay;
};

static struct seen *seen_of(const struct walk *w, uint32_t oid)
{
    uint64_t key = (uint64_t)oid + 1;
    size_t i = (key * UINT64_C(0x9e3779b97f4a7c15) >> 20) & w->mask;

    while (w->v[i].oid && w->v[i].oid != key)
        i = (i + 1) & w->mask;
    return &w->v[i];
}

static struct api_missed *item_new(struct api_replay *r)
{
    if (r->n == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 64;
        struct api_missed *v = realloc(r->v, cap * sizeof *v);

        if (!v)
            return NULL;
        r->v = v;
        r->cap = cap;
    }
    r->v[r->n] = (struct api_missed){0};
    return &r->v[r->n++];
}

static const struct tarn_object *ref_or_null(const struct tarn_object *obj)
{
    return obj ? tarn_object_ref(obj) : NULL;
}

/* The first of an object tells whether it was there before. Its item begins as one of what is there now. */
static int first_seen(struct walk *w, struct seen *s, const struct api_entry *e)
{
    struct api_missed *m = item_new(w->replay);

    if (!m)
        return TARN_E_NOMEM;
    s->oid = (uint64_t)e->oid + 1;
    s->now = w->replay->n;
    m->oid = e->oid;
    m->was_there = e->type != API_ADDED;
    return 0;
}

/* After a deletion the number is an object that was not there. */
static int came_again(struct walk *w, struct seen *s, const struct api_entry *e)
{
    struct api_missed *m = item_new(w->replay);

    if (!m)
        return TARN_E_NOMEM;
    m->oid = e->oid;
    s->now = w->replay->n;
    s->gone = false;
    return 0;
}

static int walk_entry(struct walk *w, const struct api_entry *e, uint64_t position)
{
    struct seen *s = seen_of(w, e->oid);
    int rc = !s->oid ? first_seen(w, s, e) : s->gone ? came_again(w, s, e) : 0;
    struct api_missed *m;

    if (rc)
        return rc;
    m = &w->replay->v[s->now - 1];
    m->position = position;
    m->version = e->version;
    if (e->touched && m->was_there && !m->before && !m->unsure) {
        m->before = ref_or_null(e->was);
        m->unsure = !e->was;
    }
    if (e->type == API_DELETED) {
        m->deleted = true;
        m->final = ref_or_null(e->was);
        s->gone = true;
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

static int by_position(const void *a, const void *b)
{
    const struct api_missed *x = a, *y = b;

    return x->position < y->position ? -1 : x->position > y->position;
}

static void drop_item(struct api_missed *m)
{
    tarn_object_unref(m->before);
    tarn_object_unref(m->final);
}

/* What came and went meanwhile is nothing. */
static void leave_out_transients(struct api_replay *r)
{
    size_t kept = 0;

    for (size_t i = 0; i < r->n; i++)
        if (r->v[i].deleted && !r->v[i].was_there)
            drop_item(&r->v[i]);
        else
            r->v[kept++] = r->v[i];
    r->n = kept;
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
    free(w.v);
    if (rc) {
        api_replay_release(ret);
        return rc;
    }
    leave_out_transients(ret);
    if (ret->n)
        qsort(ret->v, ret->n, sizeof *ret->v, by_position);
    return 0;
}

void api_replay_release(struct api_replay *r)
{
    for (size_t i = 0; i < r->n; i++)
        drop_item(&r->v[i]);
    free(r->v);
    *r = (struct api_replay){0};
}
