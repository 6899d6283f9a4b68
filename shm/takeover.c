/* takeover.c - copy the living state of one region into a new one, object number by object number. */
#include <tarn/takeover.h>

#include <tarn/attach.h>
#include <tarn/check.h>
#include <tarn/log.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "grace.h"
#include "writer_impl.h"

struct copy {
    const struct tarn_takeover *t;
    struct tarn_writer *w;
    struct tarn_reader r;
    uint16_t map[TARN_REGION_RESOURCES_MAX + 1]; /* old store -> new store; 0: left behind */
    uint16_t nth[TARN_REGION_RESOURCES_MAX + 1]; /* new store -> its place in t->resources */
    struct tarn_u32s holes;                      /* object numbers nobody has */
    struct tarn_error *err;
};

/* ---- resources ---------------------------------------------------------------------------------------- */

static bool same_slots(const struct tarn_resource_info *old, const struct tarn_writer_resource *new)
{
    if (old->nslot != new->nslot)
        return false;
    for (unsigned i = 0; i < new->nslot; i++)
        if (!tarn_bytes_equal(tarn_resource_slot_path(old, i), tarn_bytes_of(new->slots[i])))
            return false;
    return true;
}

bool tarn_resource_goes_on(const struct tarn_resource_info *old, const struct tarn_writer_resource *new, bool same_run)
{
    return same_slots(old, new) && (same_run || tarn_bytes_equal(tarn_resource_source(old), tarn_bytes_of(new->source ? new->source : "")));
}

int tarn_resource_go_on(struct tarn_writer *w, uint16_t store, const struct tarn_resource_info *old, struct tarn_error *err)
{
    struct tarn_resource_state state = old->state;

    state.live = state.polled = state.relisting = false; /* its watch is not up yet */
    state.resume = tarn_resource_resume(old);
    w->resources[store]->incarnation = old->incarnation;
    return tarn_writer_set_resource_state(w, store, &state, err);
}

/* The list of deleted objects goes on with its resource. */
static void map_deleted(struct copy *c, const struct tarn_resource *res)
{
    struct tarn_resource_info info;
    char name[TARN_GRACE_NAME_BYTES];
    uint16_t list = tarn_grace_store(res);

    if (list && tarn_reader_resource(&c->r, tarn_grace_name(res, name), &info) == 0)
        c->map[info.store] = list;
}

static int copy_resource(struct copy *c, const struct tarn_writer_resource *res, uint16_t *ret_store)
{
    struct tarn_resource_info info;
    int rc = tarn_writer_add_resource(c->w, res, ret_store, c->err), found;

    if (rc)
        return rc;
    c->nth[*ret_store] = (uint16_t)(res - c->t->resources);
    found = tarn_reader_resource(&c->r, tarn_bytes_of(res->name), &info);
    if (found == TARN_E_NOTFOUND || (!found && !c->t->convert && !tarn_resource_goes_on(&info, res, c->t->same_run)))
        return 0;
    if (found)
        return tarn_error_set(c->err, found, "taking over '%s': %s", res->name, tarn_strerror(found));
    c->map[info.store] = *ret_store;
    map_deleted(c, c->w->resources[*ret_store]);
    return tarn_resource_go_on(c->w, *ret_store, &info, c->err);
}

static int copy_resources(struct copy *c, uint16_t *ret_stores)
{
    int rc = 0;

    for (unsigned i = 0; !rc && i < c->t->n; i++) {
        uint16_t store;

        rc = copy_resource(c, &c->t->resources[i], &store);
        if (!rc && ret_stores)
            ret_stores[i] = store;
    }
    return rc;
}

/* ---- objects --------------------------------------------------------------------------------------------- */

static int hole(struct copy *c)
{
    int rc = tarn_u32s_reserve(&c->holes, 1);

    if (!rc)
        rc = tarn_version_skip_oid(c->w, &c->holes.v[c->holes.n]);
    c->holes.n += !rc;
    return rc;
}

static int copy_object(struct copy *c, const struct tarn_object *obj)
{
    struct tarn_resource *res = c->w->resources[c->map[tarn_reader_object_store(obj)]];
    uint32_t ref;
    int rc;

    if (!res->store)
        return hole(c);
    if (c->t->convert && !res->is_list_of_deleted) {
        rc = c->t->convert(c->t->ctx, c->nth[res->store], obj, &obj, c->err);
        if (rc)
            return rc;
    }
    rc = tarn_version_of_object(c->w, res, obj, &ref, c->err);
    if (rc)
        return rc;
    return tarn_version_link_or_drop(c->w, res, ref);
}

static int copy_objects(struct copy *c)
{
    uint32_t n;
    int rc = tarn_reader_oids(&c->r, &n);

    for (uint32_t oid = 0; !rc && oid < n; oid++) {
        const struct tarn_object *obj;
        int found = tarn_reader_by_oid(&c->r, oid, &obj);

        if (found && found != TARN_E_NOTFOUND)
            return found;
        rc = !found && tarn_reader_object_store(obj) ? copy_object(c, obj) : hole(c);
    }
    return rc;
}

/* The numbers of nobody may be given to new objects. */
static int keep_holes(struct copy *c)
{
    int rc = tarn_u32s_reserve(&c->w->free_oids, c->holes.n);

    for (size_t i = c->holes.n; !rc && i-- > 0;)
        c->w->free_oids.v[c->w->free_oids.n++] = c->holes.v[i];
    return rc;
}

/* Commit numbers and log positions go on where the old region stands. */
static int continue_numbers(struct copy *c)
{
    struct tarn_log_cursor cursor;
    int rc = tarn_log_cursor_at(&c->r, &cursor);

    if (rc)
        return rc;
    c->w->commit = c->r.seq;
    c->w->log_pos = cursor.position;
    atomic_store_explicit(&c->w->h->log_floor, cursor.position, memory_order_relaxed);
    atomic_store_explicit(&c->w->h->log_head, cursor.position, memory_order_relaxed);
    return 0;
}

/* G1, G2. Nobody has the new region yet, so orders and horizons do not matter until the commit; the log's positions and its floor go on,
 * so that a follower that is late sees the gap. */
static int copy_all(struct copy *c, uint16_t *ret_stores)
{
    int rc = continue_numbers(c);

    c->w->copying = true;
    if (!rc)
        rc = copy_resources(c, ret_stores);
    if (!rc)
        rc = copy_objects(c);
    if (!rc)
        rc = keep_holes(c);
    c->w->copying = false;
    if (!rc)
        rc = tarn_writer_commit(c->w, c->err);
    return rc;
}

static int verify(const struct tarn_reader *r, struct tarn_error *err)
{
    struct tarn_error found = {0};
    int rc = tarn_check_region(r, false, NULL, &found);

    return rc ? tarn_error_set(err, rc, "the old generation cannot be taken over: %s", found.message) : 0;
}

int tarn_writer_takeover(const struct tarn_writer_options *o, const struct tarn_takeover *t, uint16_t *ret_stores,
                         struct tarn_writer **ret, struct tarn_error *err)
{
    struct tarn_writer_options options = *o;
    struct copy *c = calloc(1, sizeof *c);
    int rc;

    if (!c)
        return tarn_error_set(err, TARN_E_NOMEM, "take-over: out of memory");
    options.generation = o->generation ? o->generation : t->from->generation + 1;
    options.instance = t->same_run ? t->from->instance : NULL;
    options.auto_commit = false;
    c->t = t;
    c->err = err;
    tarn_reader_begin(&c->r, t->from, NULL); /* nobody collects the old region */
    rc = t->same_run ? 0 : verify(&c->r, err);
    if (!rc)
        rc = tarn_writer_new(&options, &c->w, err);
    if (!rc) {
        rc = copy_all(c, ret_stores);
        if (rc == TARN_E_FULL || rc == TARN_E_NOMEM)
            (void)tarn_error_set(err, rc, "take-over into %llu MiB: %s; the old generation goes on", (unsigned long long)c->w->size >> 20, tarn_strerror(rc));
        c->w->o.auto_commit = o->auto_commit;
    }
    if (rc)
        tarn_writer_free(c->w);
    else
        *ret = c->w;
    free(c->holes.v);
    free(c);
    return rc;
}

void tarn_writer_commit_last(struct tarn_writer *w)
{
    if (!w->dirty || w->applying)
        return;
    tarn_writer_publish(w);
    tarn_writer_ring_doorbells(w);
}

/* A full socket loses it: its client has packets to read, and looks at the header then. */
static void send_superseded(struct tarn_writer *w, uint64_t generation)
{
    struct tarn_attach_message m = {.type = TARN_ATTACH_SUPERSEDED, .superseded = {.generation = generation}};
    struct tarn_buf packet = {0};

    if (tarn_attach_encode(&m, &packet) == 0)
        for (unsigned i = 0; i < w->nclients; i++)
            if (w->clients[i].socket_fd >= 0)
                (void)send(w->clients[i].socket_fd, packet.data, packet.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    tarn_buf_release(&packet);
}

void tarn_writer_supersede(struct tarn_writer *w, uint64_t generation)
{
    /* G3, release: whoever sees the number may attach at once; the new region was committed before (G2). */
    atomic_store_explicit(&w->h->superseded, generation, memory_order_release);
    send_superseded(w, generation);
    tarn_writer_ring_doorbells(w);
}
