/* ingest_change.c - hand-overs of realms, and the difference that a new configuration makes.
 *
 * A reload makes everything that can fail first: new realms, new indexes, new generations beside the current ones. Then it
 * switches, which cannot fail. So a configuration is in force as a whole or not at all.
 */
#include "ingest_impl.h"

#include <errno.h>
#include <string.h>

#include "generation.h"

/* ---- one hand-over -------------------------------------------------------------------------------------------- */

/* What a new generation of a realm holds: every resource of the old one, as its driver wants it from now on. */
struct plan {
    struct realm *realm;
    enum realm_reason why;
    unsigned n;
    struct tarn_writer_resource specs[TARN_REGION_RESOURCES_MAX];
    struct tarn_driver *owners[TARN_REGION_RESOURCES_MAX]; /* NULL: nobody's */
    uint16_t stores[TARN_REGION_RESOURCES_MAX];
    struct tarn_index_func indexes[TARN_REGION_RESOURCES_MAX][TARN_REGION_INDEXES_MAX];
};

static struct tarn_driver *owner_of(const struct tarn_ingest *in, const struct realm *r, uint16_t store)
{
    for (unsigned i = 0; i < in->ndrivers; i++)
        if (tarn_driver_owns(in->drivers[i], r->writer, store))
            return in->drivers[i];
    return NULL;
}

static struct plan *plan_of(const struct tarn_ingest *in, struct realm *r)
{
    struct plan *p = calloc(1, sizeof *p); /* touched only as far as it is used */

    if (!p)
        return NULL;
    p->realm = r;
    for (unsigned store = 1; store <= TARN_REGION_RESOURCES_MAX; store++) {
        struct tarn_writer_resource *spec = &p->specs[p->n];

        if (!tarn_writer_describe(r->writer, (uint16_t)store, spec, p->indexes[p->n]))
            continue;
        p->owners[p->n] = owner_of(in, r, (uint16_t)store);
        if (p->owners[p->n])
            tarn_driver_spec(p->owners[p->n], spec);
        p->n++;
    }
    return p;
}

static int convert(void *ctx, unsigned i, const struct tarn_object *obj, const struct tarn_object **ret, struct tarn_error *err)
{
    const struct plan *p = ctx;

    if (p->owners[i])
        return tarn_driver_convert(p->owners[i], obj, ret, err);
    *ret = obj;
    return 0;
}

static int prepare(struct plan *p, const struct tarn_config *config, const struct tarn_config_realm *entry, struct tarn_error *err)
{
    const struct tarn_takeover t = {.resources = p->specs, .n = p->n, .convert = convert, .ctx = p};

    return realm_prepare(p->realm, config, entry, &t, p->stores, err);
}

/* What writes moves first: nothing of the old region is written after its clients were told. */
static void switch_over(struct plan *p, enum realm_reason why)
{
    for (unsigned i = 0; i < p->n; i++)
        if (p->owners[i])
            tarn_driver_moved(p->owners[i], p->realm->next, p->stores[i]);
    realm_switch(p->realm, why);
}

void ingest_note_generations(struct tarn_ingest *in)
{
    ingest_keep_regions(in);
    for (unsigned i = 0; i < in->nrealms; i++)
        if (tarn_generation_note(in->config->runtime_dir, realm_generation_number(in->realms[i])))
            tarn_log(TARN_LOG_WARN, "the number of the newest generation could not be written down", "directory", in->config->runtime_dir, "error",
                     strerror(errno), NULL);
}

static void make_room_in(struct tarn_ingest *in, struct realm *r, enum realm_reason why)
{
    struct tarn_error err = {0};
    struct plan *p = plan_of(in, r);
    int rc = p ? prepare(p, r->config, r->entry, &err) : tarn_error_set(&err, TARN_E_NOMEM, "out of memory");

    if (!rc)
        switch_over(p, why);
    for (unsigned i = 0; !rc && i < p->n; i++)
        if (p->owners[i])
            tarn_driver_relieved(p->owners[i]);
    if (rc && strcmp(r->last_error.message, err.message) != 0)
        tarn_log(TARN_LOG_WARN, err.message, "realm", r->entry->name, "why", realm_reason_names[why], NULL);
    if (rc)
        r->last_error = err;
    else
        ingest_note_generations(in);
    free(p);
    ingest_forget_turn(in);
}

/* What was put off for want of room need not wait out its time. */
static void relieve(struct tarn_ingest *in, const struct realm *r)
{
    for (unsigned i = 0; i < in->ndrivers; i++)
        if (strcmp(tarn_driver_realm(in->drivers[i]), r->entry->name) == 0)
            tarn_driver_relieved(in->drivers[i]);
}

void ingest_make_room(struct tarn_ingest *in)
{
    for (unsigned i = 0; i < in->nrealms; i++) {
        struct realm *r = in->realms[i];
        struct tarn_writer_stats s;
        enum realm_reason why;

        tarn_writer_stats(r->writer, &s);
        if (realm_is_relieved(r, &s))
            relieve(in, r);
        if (realm_wants_handover(r, &s, &why))
            make_room_in(in, r, why);
    }
}

/* ---- a reload ---------------------------------------------------------------------------------------------------- */

struct reload {
    struct tarn_ingest *in;
    const struct tarn_config *to;
    struct realm **realms;       /* as to->realms; new ones are not in `in` yet */
    struct tarn_driver **drivers; /* as to->resources; NULL: to be made */
    struct plan **plans;         /* as to->realms; NULL: stays as it is */
};

static bool has_id(const struct tarn_ids *ids, uint32_t id)
{
    for (unsigned i = 0; i < ids->n; i++)
        if (ids->v[i] == id)
            return true;
    return false;
}

static bool has_all_ids(const struct tarn_ids *ids, const struct tarn_ids *of)
{
    for (unsigned i = 0; i < of->n; i++)
        if (!has_id(ids, of->v[i]))
            return false;
    return true;
}

/* Someone may have it mapped who may not read what comes from now on. */
static bool loses_readers(const struct realm *r, const struct tarn_config_realm *to)
{
    return r->clients && !(has_all_ids(&to->uids, &r->entry->uids) && has_all_ids(&to->gids, &r->entry->gids));
}

static bool needs_generation(const struct reload *l, const struct realm *r, const struct tarn_config_realm *to, enum realm_reason *why)
{
    bool other = r->entry->budget_bytes != to->budget_bytes || r->config->max_object_bytes != l->to->max_object_bytes ||
                 r->config->huge_pages != l->to->huge_pages;

    for (unsigned i = 0; i < l->to->nresources; i++)
        other |= l->drivers[i] && strcmp(tarn_driver_realm(l->drivers[i]), to->name) == 0 && tarn_driver_wants_generation(l->drivers[i]);
    *why = other ? REALM_RELOAD : REALM_READERS;
    return other || loses_readers(r, to);
}

static bool is_taken(const struct reload *l, const struct tarn_driver *d)
{
    for (unsigned i = 0; i < l->to->nresources; i++)
        if (l->drivers[i] == d)
            return true;
    return false;
}

/* The driver that goes on as resource i of the new configuration. */
static struct tarn_driver *driver_for(const struct reload *l, unsigned i)
{
    for (unsigned k = 0; k < l->in->ndrivers; k++)
        if (!tarn_driver_must_go(l->in->drivers[k], &l->to->resources[i]) && !is_taken(l, l->in->drivers[k]))
            return l->in->drivers[k];
    return NULL;
}

static int prepare_drivers(struct reload *l, struct tarn_error *err)
{
    int rc = 0;

    for (unsigned i = 0; !rc && i < l->to->nresources; i++) {
        struct tarn_driver *d = driver_for(l, i);

        rc = d ? tarn_driver_prepare(d, l->to, &l->to->resources[i], err) : 0;
        l->drivers[i] = rc ? NULL : d;
    }
    return rc;
}

static int prepare_realm(struct reload *l, unsigned i, struct tarn_error *err)
{
    const struct tarn_config_realm *to = &l->to->realms[i];
    struct realm *r = ingest_realm(l->in, to->name);
    enum realm_reason why;
    int rc;

    if (!r)
        return ingest_make_realm(l->in, l->to, i, NULL, &l->realms[i], err);
    l->realms[i] = r;
    if (!needs_generation(l, r, to, &why))
        return 0;
    l->plans[i] = plan_of(l->in, r);
    rc = l->plans[i] ? prepare(l->plans[i], l->to, to, err) : tarn_error_set(err, TARN_E_NOMEM, "out of memory");
    if (rc) {
        free(l->plans[i]);
        l->plans[i] = NULL;
    } else {
        l->plans[i]->why = why;
    }
    return rc;
}

static void give_up(struct reload *l)
{
    for (unsigned i = 0; i < l->to->nrealms; i++) {
        if (l->plans[i])
            realm_discard(l->realms[i]);
        if (l->realms[i] && !ingest_realm(l->in, l->to->realms[i].name))
            realm_free(l->realms[i]);
    }
    for (unsigned i = 0; i < l->to->nresources; i++)
        if (l->drivers[i])
            tarn_driver_settle(l->drivers[i], false);
}

static void drop_driver(struct tarn_driver *d)
{
    tarn_driver_stop(d);
    tarn_driver_leave(d);
    tarn_driver_close(d);
}

/* Drivers of what is not configured any more, and realms. */
static void drop_the_rest(struct reload *l)
{
    struct tarn_ingest *in = l->in;

    for (unsigned i = 0; i < in->ndrivers; i++)
        if (!is_taken(l, in->drivers[i]))
            drop_driver(in->drivers[i]);
    for (unsigned i = 0; i < in->nrealms; i++)
        if (!tarn_config_realm(l->to, in->realms[i]->entry->name))
            realm_free(in->realms[i]);
}

static void make_new_drivers(struct reload *l)
{
    for (unsigned i = 0; i < l->to->nresources; i++) {
        struct tarn_error err;

        if (l->drivers[i])
            continue;
        if (ingest_make_driver(l->in, l->to, i, ingest_realm(l->in, l->to->resources[i].realm), NULL, &l->drivers[i], &err))
            tarn_log(TARN_LOG_ERROR, err.message, "resource", l->to->resources[i].name, NULL);
        else
            tarn_driver_start(l->drivers[i]);
    }
}

/* Those that could not be made (no memory) are left out. */
static void keep_drivers(struct reload *l)
{
    struct tarn_ingest *in = l->in;
    unsigned n = 0;

    for (unsigned i = 0; i < l->to->nresources; i++)
        if (l->drivers[i])
            l->drivers[n++] = l->drivers[i];
    free(in->drivers);
    in->drivers = l->drivers;
    in->ndrivers = n;
    l->drivers = NULL;
}

static void apply(struct reload *l)
{
    struct tarn_ingest *in = l->in;

    for (unsigned i = 0; i < l->to->nrealms; i++)
        if (l->plans[i])
            switch_over(l->plans[i], l->plans[i]->why);
    for (unsigned i = 0; i < l->to->nresources; i++)
        if (l->drivers[i])
            tarn_driver_settle(l->drivers[i], true);
    drop_the_rest(l);
    for (unsigned i = 0; i < l->to->nrealms; i++) {
        realm_configure(l->realms[i], l->to, &l->to->realms[i]);
        tarn_writer_set_agent_state(l->realms[i]->writer, TARN_AGENT_LIVE);
    }
    free(in->realms);
    in->realms = l->realms;
    in->nrealms = l->to->nrealms;
    l->realms = NULL;
    in->config = l->to;
    ingest_limit_requests(in);
    make_new_drivers(l);
    keep_drivers(l);
    ingest_note_generations(in);
    for (unsigned i = 0; i < in->ndrivers; i++)
        tarn_driver_relieved(in->drivers[i]);
}

static bool is_applying(const struct tarn_ingest *in)
{
    for (unsigned i = 0; i < in->nrealms; i++)
        if (tarn_writer_applying(in->realms[i]->writer))
            return true;
    return false;
}

static int prepare_all(struct reload *l, struct tarn_error *err)
{
    int rc = 0;

    if (!l->realms || !l->drivers || !l->plans)
        return tarn_error_set(err, TARN_E_NOMEM, "out of memory");
    rc = prepare_drivers(l, err);
    for (unsigned i = 0; !rc && i < l->to->nrealms; i++)
        rc = prepare_realm(l, i, err);
    if (rc)
        give_up(l);
    return rc;
}

int ingest_reload(struct tarn_ingest *in, const struct tarn_config *to, struct tarn_error *err)
{
    struct reload l = {.in = in, .to = to};
    int rc;

    if (is_applying(in))
        return tarn_error_set(err, TARN_E_AGAIN, "a list is being applied");
    l.realms = calloc(to->nrealms, sizeof(struct realm *));
    l.drivers = calloc(to->nresources + 1, sizeof(struct tarn_driver *));
    l.plans = calloc(to->nrealms, sizeof(struct plan *));
    rc = prepare_all(&l, err);
    if (!rc)
        apply(&l);
    for (unsigned i = 0; l.plans && i < to->nrealms; i++)
        free(l.plans[i]);
    free(l.plans);
    free(l.realms);
    free(l.drivers);
    ingest_forget_turn(in);
    return rc;
}
