/* api_follow.c - turns: from the state delivered last to the newest commit, by the change log. See api_realm.h.
 *
 * Each entry of the log is one object in one commit; base's pin keeps every version since, so each is told as it was, just before and just
 * after its commit. Only what happened to an object within one commit is one change.
 *
 * Over a planned hand-over (takeover.h) object numbers and positions of the log go on: the rest of the old region's log is read, then the
 * new one's. Numbers of resources do not go on, so each half is read with its own.
 */
#include <stdlib.h>

#include "api_realm_impl.h"

/* ---- hubs ------------------------------------------------------------------------------------------------------- */

static struct api_hub *hub_by_name(const struct api_realm *r, struct tarn_bytes name)
{
    for (size_t i = 0; i < r->nhubs; i++)
        if (tarn_bytes_equal(api_hub_name(r->hubs[i]), name))
            return r->hubs[i];
    return NULL;
}

/* Which hub a resource's number belongs to, in the generation of base. */
static int map_stores(struct api_realm *r)
{
    size_t n = 1;
    struct api_hub **v;

    for (size_t i = 0; i < r->nhubs; i++)
        n = api_hub_store(r->hubs[i]) >= n ? api_hub_store(r->hubs[i]) + 1u : n;
    v = calloc(n, sizeof *v);
    if (!v)
        return TARN_E_NOMEM;
    for (size_t i = 0; i < r->nhubs; i++)
        v[api_hub_store(r->hubs[i])] = r->hubs[i];
    v[0] = NULL; /* hubs of resources that are not there */
    free(r->by_store);
    r->by_store = v;
    r->nstores = n;
    return 0;
}

static struct api_hub *hub_of(const struct api_realm *r, uint16_t store)
{
    return store < r->nstores ? r->by_store[store] : NULL;
}

static int add_hub(struct api_realm *r, const struct api_snapshot *s, const struct tarn_resource_info *info, struct api_hub **ret)
{
    struct api_hub_options o = {.realm = r,
                                .name = info->name,
                                .history_bytes = r->o.history_bytes,
                                .history_entries = r->o.history_entries,
                                .queue_bytes = r->o.queue_bytes};
    int rc;

    if (r->nhubs == r->hubs_cap) {
        size_t cap = r->hubs_cap ? r->hubs_cap * 2 : 16;
        struct api_hub **v = realloc(r->hubs, cap * sizeof *v);

        if (!v)
            return TARN_E_NOMEM;
        r->hubs = v;
        r->hubs_cap = cap;
    }
    rc = api_hub_new(&o, s, info, ret);
    if (rc)
        return rc;
    r->hubs[r->nhubs++] = *ret;
    rc = map_stores(r);
    if (rc)
        api_hub_free(r->hubs[--r->nhubs]);
    return rc;
}

static bool is_deleted_list(struct tarn_bytes name)
{
    struct tarn_bytes suffix = TARN_BYTES(TARN_DELETED_SUFFIX);

    return name.len > suffix.len && memcmp(name.data + name.len - suffix.len, suffix.data, suffix.len) == 0;
}

int api_realm_hub(struct api_realm *r, struct tarn_bytes name, struct api_hub **ret)
{
    struct api_hub *h;
    struct tarn_resource_info info;
    int rc;

    api_realm_turn(r);
    if (!r->base || r->closing)
        return TARN_E_AGAIN;
    h = hub_by_name(r, name);
    rc = is_deleted_list(name) ? TARN_E_NOTFOUND : tarn_reader_resource(&r->base->r, name, &info);
    if (rc == TARN_E_NOTFOUND)
        return TARN_E_RESOURCE;
    if (rc || !info.state.synced)
        return TARN_E_AGAIN; /* also when base was taken away: the next turn finds another */
    if (!h)
        return add_hub(r, r->base, &info, ret);
    if (api_hub_store(h) != info.store || !api_hub_goes_on(h, &info)) {
        api_hub_reset(h, r->base);
        rc = map_stores(r);
    }
    *ret = h;
    return rc;
}

/* Histories begin with the first state that is seen: so a watch can go on whose client knew an earlier agent. */
static void begin_hubs(struct api_realm *r)
{
    struct tarn_resource_info info;
    struct tarn_reader_iter it;
    struct api_hub *h;

    if (tarn_reader_resources(&r->base->r, &it))
        return;
    while (tarn_reader_next_resource(&it, &info) == 1)
        if (info.state.synced && !is_deleted_list(info.name) && !hub_by_name(r, info.name) && add_hub(r, r->base, &info, &h))
            return;
}

/* ---- what changed ------------------------------------------------------------------------------------------------ */

/* The log's entries up to `until` that concern a hub. */
static int read_log(struct api_realm *r, const struct tarn_reader *until)
{
    struct tarn_log_change c;
    int rc;

    while ((rc = tarn_log_next(until, &r->cursor, &c)) == 1) {
        rc = hub_of(r, c.store) ? tarn_log_changes_add(&r->changes, &c) : 0;
        if (rc)
            return rc;
    }
    return rc;
}

static int at(const struct tarn_reader *r, uint32_t oid, const struct tarn_object **ret)
{
    int rc = tarn_reader_by_oid(r, oid, ret);

    if (rc == TARN_E_NOTFOUND)
        *ret = NULL;
    return rc == TARN_E_NOTFOUND ? 0 : rc;
}

/* What became of an object between two moments, which base's pin or that of the newest state covers. */
static int tell(struct api_realm *r, const struct tarn_log_change *n, const struct tarn_reader *from, const struct tarn_reader *until)
{
    const struct tarn_object *old, *obj;
    uint64_t gone = 0;
    int rc = at(from, n->oid, &old);

    if (!rc)
        rc = at(until, n->oid, &obj);
    if (!rc && old && !obj) {
        rc = tarn_reader_deleted_version(until, n->oid, &gone);
        rc = rc == TARN_E_NOTFOUND ? 0 : rc;
    }
    if (rc || (!old && !obj))
        return rc;
    if (old && obj && !tarn_bytes_equal(tarn_object_key(old), tarn_object_key(obj)))
        return TARN_E_GONE; /* not two versions of one object: numbers that did not go on after all */
    return api_hub_note(hub_of(r, n->store), &(struct api_noted){.seq = n->seq, .oid = n->oid, .old = old, .obj = obj, .gone = gone});
}

static int tell_version(struct api_realm *r, const struct tarn_log_change *n)
{
    struct tarn_reader from = r->base->r, until = from;

    from.seq = n->seq - 1;
    until.seq = n->seq;
    return tell(r, n, &from, &until);
}

/* ---- a newer generation --------------------------------------------------------------------------------------------- */

static bool goes_on(const struct api_snapshot *from, const struct api_snapshot *to)
{
    struct tarn_region_facts facts;

    tarn_region_view_facts(&from->g->view, &facts);
    return facts.superseded == to->g->view.generation && memcmp(from->g->view.instance, to->g->view.instance, sizeof to->g->view.instance) == 0;
}

/* Each hub goes on under its resource's new number, or begins again. */
static int move_hubs(struct api_realm *r, const struct api_snapshot *to)
{
    struct tarn_resource_info info;

    for (size_t i = 0; i < r->nhubs; i++) {
        struct api_hub *h = r->hubs[i];
        int rc = tarn_reader_resource(&to->r, api_hub_name(h), &info);

        if (rc && rc != TARN_E_NOTFOUND)
            return rc;
        if (!rc && api_hub_goes_on(h, &info))
            api_hub_move(h, info.store);
        else
            api_hub_reset(h, rc || !info.state.synced ? NULL : to);
    }
    return map_stores(r);
}

/* ---- a turn ----------------------------------------------------------------------------------------------------------- */

/* In the region of base: from version to version, up to the commit `end`. */
static int tell_versions(struct api_realm *r, uint64_t end)
{
    struct tarn_reader last = r->base->r;
    int rc;

    last.seq = end;
    r->changes.n = 0;
    rc = read_log(r, &last);
    for (size_t i = 0; !rc && i < r->changes.n; i++)
        rc = tell_version(r, &r->changes.v[i]);
    r->counters.changes += r->changes.n;
    return rc;
}

/* In a region that took base's over, nothing of ours kept what was between: from the old region's end to the newest state. */
static int tell_taken_over(struct api_realm *r, const struct api_snapshot *to)
{
    struct tarn_reader last = r->base->r;
    int rc = move_hubs(r, to);

    last.seq = tarn_region_view_commit(&r->base->g->view);
    r->changes.n = 0;
    if (!rc)
        rc = read_log(r, &to->r);
    if (!rc)
        rc = tarn_log_changes_coalesce(&r->changes);
    for (size_t i = 0; !rc && i < r->changes.n; i++)
        rc = tell(r, &r->changes.v[i], &last, &to->r);
    r->counters.changes += r->changes.n;
    return rc;
}

/* Every change to its hub, then every hub to its watches. What was read is only believed when both states still stood at the end. */
static int bring(struct api_realm *r, const struct api_snapshot *to)
{
    bool handed_over = r->base->g != to->g;
    int rc = handed_over && !goes_on(r->base, to) ? TARN_E_GONE : 0;

    if (!rc)
        rc = tell_versions(r, handed_over ? tarn_region_view_commit(&r->base->g->view) : to->r.seq);
    if (!rc && handed_over)
        rc = tell_taken_over(r, to);
    for (size_t i = 0; !rc && i < r->nhubs; i++)
        rc = api_hub_turn(r->hubs[i], r->base, to);
    if (!rc)
        rc = tarn_reader_check(&r->base->r);
    return rc ? rc : tarn_reader_check(&to->r);
}

static void set_base(struct api_realm *r, struct api_snapshot *to)
{
    struct api_snapshot *was = r->base;

    r->base = to;
    api_snapshot_unref(was);
}

/* Begin again at `to`. */
static void reset(struct api_realm *r, struct api_snapshot *to)
{
    struct tarn_resource_info info;
    bool began = r->base != NULL;

    set_base(r, to);
    r->counters.resets += began;
    for (size_t i = 0; i < r->nhubs; i++)
        api_hub_reset(r->hubs[i], tarn_reader_resource(&to->r, api_hub_name(r->hubs[i]), &info) == 0 && info.state.synced ? to : NULL);
    if (tarn_log_cursor_at(&to->r, &r->cursor) || map_stores(r)) {
        set_base(r, NULL); /* the next turn begins once more */
        return;
    }
    begin_hubs(r);
}

static void call_waiters(struct api_realm *r)
{
    struct api_commit_waiter *w, *next;
    LIST_HEAD(, api_commit_waiter) told;

    /* Each is called once, whoever begins or ends to wait meanwhile. */
    LIST_INIT(&told);
    while ((w = LIST_FIRST(&r->waiters))) {
        LIST_REMOVE(w, link);
        LIST_INSERT_HEAD(&told, w, link);
    }
    while ((w = LIST_FIRST(&told))) {
        next = w;
        LIST_REMOVE(next, link);
        LIST_INSERT_HEAD(&r->waiters, next, link);
        next->fn(next);
    }
}

struct api_snapshot *api_realm_base(struct api_realm *r)
{
    return r->base;
}

static bool somebody_waits(const struct api_realm *r)
{
    return r->watches || !LIST_EMPTY(&r->waiters);
}

void api_follow_arm(struct api_realm *r)
{
    struct api_generation *g = r->current;

    if (!g || !r->base || r->closing || !somebody_waits(r))
        return; /* without a base the tick tries again */
    /* A commit that came before the bell was set rings no more: look again, after what else the loop has to do. */
    if (tarn_pin_arm(g->page, &((const struct tarn_region_header *)(const void *)g->view.base)->commit_seq) != r->base->r.seq || r->base->g != g)
        (void)uv_idle_start(&r->again, api_follow_again);
}

void api_follow_again(uv_idle_t *again)
{
    (void)uv_idle_stop(again);
    api_realm_turn(again->data);
}

void api_realm_turn(struct api_realm *r)
{
    struct api_snapshot *to = r->turning ? NULL : api_realm_snapshot(r);

    if (!to)
        return;
    if (r->base && r->base->g == to->g && r->base->r.seq == to->r.seq && tarn_reader_check(&r->base->r) == 0) {
        api_snapshot_unref(to);
        api_follow_arm(r);
        return;
    }
    r->turning = true;
    r->counters.turns++;
    if (!r->base || bring(r, to))
        reset(r, to);
    else
        set_base(r, to);
    for (size_t i = 0; i < r->nhubs; i++)
        api_hub_turned(r->hubs[i]);
    call_waiters(r);
    r->turning = false;
    api_follow_arm(r);
}

/* ---- the rest --------------------------------------------------------------------------------------------------------- */

void api_follow_tick(struct api_realm *r, uint64_t now_ms)
{
    struct tarn_resource_info info;

    for (size_t i = 0; r->base && i < r->nhubs; i++) {
        int rc = tarn_reader_resource(&r->base->r, api_hub_name(r->hubs[i]), &info);

        if (rc == TARN_E_NOTFOUND && api_hub_store(r->hubs[i]))
            api_hub_reset(r->hubs[i], NULL); /* it went without a change: it had no objects */
        api_hub_tick(r->hubs[i], now_ms);
    }
}

void api_follow_end(struct api_realm *r)
{
    for (size_t i = 0; i < r->nhubs; i++)
        api_hub_reset(r->hubs[i], NULL);
    set_base(r, NULL);
}

void api_follow_free(struct api_realm *r)
{
    for (size_t i = 0; i < r->nhubs; i++)
        api_hub_free(r->hubs[i]);
    free(r->hubs);
    free(r->by_store);
    free(r->changes.v);
}
