/* grace.c - see grace.h.
 *
 * `order` has the kept ones, oldest first. It is only a shortcut to what the records say, and made anew from them when an abort or a
 * take-over has made it doubtful.
 */
#include "grace.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define TICK_MOST 256 /* that go in one tick */
#define SHORT_MOST 64 /* ... before their time, while memory is short */

struct tarn_grace {
    struct tarn_keep_deleted o;
    uint16_t store;           /* of the list */
    struct tarn_ring order;   /* tag: when it goes, runtime's ms; a: object number; b: ref of its record, to know it again */
    bool doubtful;            /* order is to be made anew */
    struct tarn_index_func *indexes; /* the resource's own: what the list's are made of */
    unsigned nindex;
    struct tarn_kept_facts facts;
};

static struct tarn_resource *list_of(const struct tarn_writer *w, const struct tarn_grace *g)
{
    return w->resources[g->store];
}

static uint64_t wall_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

/* ---- its indexes: those of the resource, of the final state ------------------------------------------------------- */

static int by_final_state(void *ctx, const struct tarn_object *obj, struct tarn_index_values *out)
{
    const struct tarn_index_func *f = ctx;
    const struct tarn_object *state = tarn_object_final_state(obj);

    return state ? f->fn(f->ctx, state, out) : 0;
}

static int by_key(void *ctx, const struct tarn_object *obj, struct tarn_index_values *out)
{
    const struct tarn_object *state = tarn_object_final_state(obj);

    (void)ctx;
    return state ? tarn_index_values_add(out, tarn_object_key(state)) : 0;
}

static int by_uid(void *ctx, const struct tarn_object *obj, struct tarn_index_values *out)
{
    struct tarn_bytes uid = tarn_object_uid(obj);

    (void)ctx;
    return uid.len ? tarn_index_values_add(out, uid) : 0;
}

/* In the order of the resource's, so that "namespace" is there; then these two. */
static int copy_indexes(struct tarn_grace *g, const struct tarn_resource *res, struct tarn_index_func *ret)
{
    static const struct tarn_index_func own[] = {{.name = TARN_DELETED_BY_KEY, .fn = by_key}, {.name = TARN_DELETED_BY_UID, .fn = by_uid}};

    g->indexes = calloc(res->nindex + 1, sizeof *g->indexes);
    if (!g->indexes)
        return TARN_E_NOMEM;
    for (; g->nindex < res->nindex; g->nindex++) {
        g->indexes[g->nindex] = res->indexes[g->nindex].func;
        ret[g->nindex] = (struct tarn_index_func){.name = res->indexes[g->nindex].name, .fn = by_final_state, .ctx = &g->indexes[g->nindex]};
    }
    memcpy(ret + g->nindex, own, sizeof own);
    return 0;
}

/* ---- life --------------------------------------------------------------------------------------------------------- */

static int add_list(struct tarn_writer *w, struct tarn_resource *res, struct tarn_grace *g, struct tarn_error *err)
{
    struct tarn_index_func indexes[TARN_REGION_INDEXES_MAX + 2];
    char name[TARN_GRACE_NAME_BYTES];
    int rc = copy_indexes(g, res, indexes);

    if (rc)
        return tarn_error_set(err, rc, "list of deleted '%s': out of memory", res->name);
    rc = tarn_writer_add_resource(w,
                                  &(struct tarn_writer_resource){.name = tarn_grace_name(res, name).data, .api_version = res->api_version, .kind = res->kind, .namespaced = res->namespaced,
                                                                 .indexes = indexes, .nindex = g->nindex + 2},
                                  &g->store, err);
    if (!rc)
        w->resources[g->store]->is_list_of_deleted = true;
    return rc;
}

int tarn_grace_new(struct tarn_writer *w, struct tarn_resource *res, const struct tarn_keep_deleted *o, struct tarn_error *err)
{
    struct tarn_grace *g = calloc(1, sizeof *g);
    int rc;

    if (!g)
        return tarn_error_set(err, TARN_E_NOMEM, "list of deleted '%s': out of memory", res->name);
    g->o = *o;
    g->doubtful = true;
    rc = add_list(w, res, g, err);
    if (rc)
        tarn_grace_free(g);
    else
        res->grace = g;
    return rc;
}

void tarn_grace_free(struct tarn_grace *g)
{
    if (!g)
        return;
    free(g->order.v);
    free(g->indexes);
    free(g);
}

int tarn_grace_drop(struct tarn_writer *w, struct tarn_resource *res, struct tarn_error *err)
{
    struct tarn_grace *g = res->grace;
    int rc = g ? tarn_writer_remove_resource(w, g->store, err) : 0;

    if (rc)
        return rc;
    tarn_grace_free(g);
    res->grace = NULL;
    return 0;
}

uint16_t tarn_grace_store(const struct tarn_resource *res)
{
    return res->grace ? res->grace->store : 0;
}

struct tarn_bytes tarn_grace_name(const struct tarn_resource *res, char buf[TARN_GRACE_NAME_BYTES])
{
    (void)snprintf(buf, TARN_GRACE_NAME_BYTES, "%s%s", res->name, TARN_DELETED_SUFFIX);
    return tarn_bytes_of(buf);
}

/* ---- leaving -------------------------------------------------------------------------------------------------------- */

/* The kept one that e tells of, if it is still there: 0 else. */
static uint32_t kept_at(const struct tarn_writer *w, const struct tarn_grace *g, const struct tarn_tagged *e)
{
    uint32_t ref = e->a < tarn_load_u32(&tarn_writer_heads(w)->n) ? tarn_writer_head(w, e->a) : 0;
    const struct tarn_link *l = ref ? tarn_writer_link(w, ref) : NULL;

    if (!l || tarn_load_u16(&l->store) != g->store || tarn_link_kind_of(l) != TARN_RECORD_OBJECT)
        return 0;
    return ref == e->b ? ref : 0;
}

/* The oldest goes. False: it could not; later again. */
static bool drop_oldest(struct tarn_writer *w, struct tarn_grace *g, uint64_t *counter)
{
    struct tarn_tagged e = *tarn_ring_at(&g->order, g->order.head);
    uint32_t ref = kept_at(w, g, &e), tombstone;
    const struct tarn_link *l;

    g->order.head++;
    if (!ref)
        return true;
    l = tarn_writer_link(w, ref);
    if (!tarn_version_make_tombstone(w, g->store, (struct tarn_bytes){.data = tarn_link_key(l), .len = tarn_link_blob(l)->klen}, 0, &tombstone) &&
        !tarn_version_link_or_drop(w, list_of(w, g), tombstone)) {
        ++*counter;
        return true;
    }
    g->order.head--;
    return false;
}

static bool is_over(const struct tarn_writer *w, const struct tarn_grace *g)
{
    const struct tarn_resource *l = list_of(w, g);

    return l->objects > g->o.objects_max || l->bytes > g->o.bytes_max;
}

static void keep_bounds(struct tarn_writer *w, struct tarn_grace *g)
{
    while (g->order.head < g->order.tail && is_over(w, g))
        if (!drop_oldest(w, g, &g->facts.evicted))
            return;
}

/* ---- the order, from the records ---------------------------------------------------------------------------------------- */

struct kept {
    uint64_t deleted_ms;
    uint32_t oid, ref;
};

static int by_time(const void *a, const void *b)
{
    const struct kept *x = a, *y = b;

    return x->deleted_ms < y->deleted_ms ? -1 : x->deleted_ms > y->deleted_ms;
}

static size_t collect_kept(const struct tarn_writer *w, const struct tarn_grace *g, struct kept *v, size_t cap)
{
    const struct tarn_resource *list = list_of(w, g);
    uint32_t posting = list->members ? tarn_load_u32(&tarn_writer_link(w, list->members)->prev) : 0;
    const struct tarn_array *members = posting ? tarn_writer_at(w, posting) : NULL;
    size_t n = 0;

    for (uint32_t i = 0; members && n < cap && i < tarn_load_u32(&members->n); i++) {
        uint32_t oid = tarn_load_u32(&members->v[i]), ref = tarn_writer_head(w, oid);
        const struct tarn_link *l = ref ? tarn_writer_link(w, ref) : NULL;

        if (l && tarn_load_u16(&l->store) == g->store && tarn_link_kind_of(l) == TARN_RECORD_OBJECT)
            v[n++] = (struct kept){tarn_object_deleted_ms((const struct tarn_object *)tarn_link_blob(l)), oid, ref};
    }
    return n;
}

/* A clock that was set back, or far forward, gives each at most its full time. */
static uint64_t left_ms(const struct tarn_grace *g, uint64_t deleted_ms, uint64_t wall)
{
    uint64_t age = wall > deleted_ms ? wall - deleted_ms : 0;

    return age < g->o.keep_ms ? g->o.keep_ms - age : 0;
}

static void make_order(struct tarn_writer *w, struct tarn_grace *g)
{
    size_t cap = list_of(w, g)->objects, n;
    struct kept *v = calloc(cap + 1, sizeof *v);
    uint64_t now = tarn_now_ms(w->rt), wall = wall_ms();

    g->order.head = g->order.tail = 0;
    if (!v || tarn_ring_reserve(&g->order, cap + 1)) {
        free(v);
        return; /* at the next tick again */
    }
    n = collect_kept(w, g, v, cap);
    qsort(v, n, sizeof *v, by_time);
    for (size_t i = 0; i < n; i++)
        tarn_ring_push(&g->order, now + left_ms(g, v[i].deleted_ms, wall), v[i].oid, v[i].ref);
    g->doubtful = false;
    free(v);
}

/* ---- coming ------------------------------------------------------------------------------------------------------------ */

static int keep(struct tarn_writer *w, struct tarn_grace *g, const struct tarn_object *state)
{
    const struct tarn_object *gone;
    uint32_t ref;
    int rc = tarn_ring_reserve(&g->order, 1);

    if (!rc)
        rc = tarn_object_new_deleted(state, wall_ms(), &gone);
    if (rc)
        return rc;
    rc = tarn_object_key(gone).len > TARN_REGION_KEY_MAX || tarn_object_size(gone) > g->o.bytes_max ? TARN_E_SIZE
                                                                                                      : tarn_version_of_object(w, list_of(w, g), gone, &ref, NULL);
    tarn_object_unref(gone);
    if (!rc)
        rc = tarn_version_link_or_drop(w, list_of(w, g), ref);
    if (rc)
        return rc;
    tarn_ring_push(&g->order, tarn_now_ms(w->rt) + g->o.keep_ms, tarn_load_u32(&tarn_writer_link(w, ref)->oid), ref);
    return 0;
}

/* Does the object at `old` end by the record `l`? By a tombstone, or by another object of its name. */
static bool ends(const struct tarn_object *old, const struct tarn_link *l)
{
    struct tarn_bytes was = tarn_object_uid(old), is;

    if (tarn_link_kind_of(l) == TARN_RECORD_TOMBSTONE)
        return true;
    is = tarn_object_uid((const struct tarn_object *)tarn_link_blob(l));
    return was.len && is.len && !tarn_bytes_equal(was, is);
}

void tarn_grace_before(struct tarn_writer *w, struct tarn_resource *res, uint32_t ref)
{
    struct tarn_grace *g = res->grace;
    const struct tarn_link *l = tarn_writer_link(w, ref);
    uint32_t old = tarn_version_find(w, res->store, (struct tarn_bytes){.data = tarn_link_key(l), .len = tarn_link_blob(l)->klen});
    const struct tarn_object *state = old ? (const struct tarn_object *)tarn_link_blob(tarn_writer_link(w, old)) : NULL;

    if (!state || !ends(state, l))
        return;
    if (g->doubtful)
        make_order(w, g);
    if (keep(w, g, state)) {
        g->facts.refused++;
        return;
    }
    g->facts.kept++;
    keep_bounds(w, g);
}

/* ---- in the course of time -------------------------------------------------------------------------------------------- */

void tarn_grace_undone(struct tarn_writer *w)
{
    for (unsigned i = 1; i < w->nresources; i++)
        if (w->resources[i]->grace)
            w->resources[i]->grace->doubtful = true;
}

static void tick(struct tarn_writer *w, struct tarn_grace *g, uint64_t now)
{
    unsigned most = TICK_MOST, more = w->st.pressure >= TARN_PRESSURE_PARKED ? SHORT_MOST : 0;

    if (g->doubtful)
        make_order(w, g);
    while (most-- && g->order.head < g->order.tail && tarn_ring_at(&g->order, g->order.head)->tag <= now)
        if (!drop_oldest(w, g, &g->facts.expired))
            return;
    while (more-- && g->order.head < g->order.tail)
        if (!drop_oldest(w, g, &g->facts.evicted))
            return;
    keep_bounds(w, g);
}

void tarn_grace_tick(struct tarn_writer *w)
{
    uint64_t now = tarn_now_ms(w->rt);

    for (unsigned i = 1; i < w->nresources; i++)
        if (w->resources[i]->grace && !w->resources[i]->removed)
            tick(w, w->resources[i]->grace, now);
}

/* ---- the writer's calls ------------------------------------------------------------------------------------------------ */

static struct tarn_resource *resource_at(const struct tarn_writer *w, uint16_t store)
{
    return store && store < w->nresources && !w->resources[store]->removed ? w->resources[store] : NULL;
}

int tarn_writer_keep_deleted(struct tarn_writer *w, uint16_t store, const struct tarn_keep_deleted *o, struct tarn_error *err)
{
    struct tarn_resource *res = resource_at(w, store);

    if (!res || res->is_list_of_deleted)
        return tarn_error_set(err, TARN_E_INVAL, "resource number %u: unknown", store);
    if (!o->keep_ms)
        return tarn_grace_drop(w, res, err);
    if (!res->grace)
        return tarn_grace_new(w, res, o, err);
    res->grace->doubtful |= res->grace->o.keep_ms != o->keep_ms;
    res->grace->o = *o;
    return 0;
}

void tarn_writer_kept_deleted(const struct tarn_writer *w, uint16_t store, struct tarn_keep_deleted *ret_options, struct tarn_kept_facts *ret_facts)
{
    const struct tarn_resource *res = resource_at(w, store);
    const struct tarn_grace *g = res ? res->grace : NULL;

    *ret_options = g ? g->o : (struct tarn_keep_deleted){0};
    *ret_facts = g ? g->facts : (struct tarn_kept_facts){0};
    if (!g)
        return;
    ret_facts->objects = list_of(w, g)->objects;
    ret_facts->bytes = list_of(w, g)->bytes;
}
