/* driver_change.c - another configuration, another generation: what changes of a resource that goes on.
 *
 * tarn_driver_prepare makes everything that can fail; the hand-over asks for the new entry and converts objects; tarn_driver_moved
 * puts the store on the new region; tarn_driver_settle makes the new configuration the one in force, or forgets it.
 */
#include "driver_impl.h"

static bool same_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

static bool same_selectors(const struct tarn_config_resource *a, const struct tarn_config_resource *b)
{
    return same_text(a->label_selector, b->label_selector) && same_text(a->field_selector, b->field_selector);
}

bool tarn_driver_must_go(const struct tarn_driver *d, const struct tarn_config_resource *to)
{
    const struct tarn_config_resource *from = d->o.resource;

    return strcmp(from->name, to->name) != 0 || !same_text(from->realm, to->realm) || !same_text(from->api_version, to->api_version) ||
           !tarn_string_list_same(&from->namespaces, &to->namespaces) || from->metadata_only != to->metadata_only || !from->poll_ms != !to->poll_ms;
}

/* What is asked of the server in another way, but for the same objects. */
static bool same_manner(const struct tarn_config *a, const struct tarn_config *b)
{
    return a->max_object_bytes == b->max_object_bytes && a->page_size == b->page_size && a->streaming_lists == b->streaming_lists &&
           a->probe_ms == b->probe_ms;
}

static bool same_periods(const struct tarn_config_resource *a, const struct tarn_config_resource *b)
{
    return a->poll_ms == b->poll_ms && a->relist_ms == b->relist_ms;
}

static bool same_indexes(const struct driver_indexes *a, const struct driver_indexes *b)
{
    if (a->n != b->n)
        return false;
    for (unsigned i = 0; i < a->n; i++)
        if (strcmp(a->v[i].name, b->v[i].name) != 0)
            return false;
    return true;
}

static void forget(struct tarn_driver *d)
{
    driver_release_indexes(&d->next.indexes);
    tarn_reprojector_free(d->next.reprojector);
    tarn_buf_release(&d->next.source);
    d->next = (struct driver_next){0};
}

int tarn_driver_prepare(struct tarn_driver *d, const struct tarn_config *config, const struct tarn_config_resource *to, struct tarn_error *err)
{
    const struct tarn_config_resource *from = d->o.resource;
    bool same = tarn_projection_same(from, to), same_asked = same_selectors(from, to);
    struct tarn_projection p = tarn_projection_of(to);
    int rc = driver_make_indexes(d->name, to, &d->next.indexes, err);

    d->next.config = config;
    d->next.resource = to;
    d->next.other_indexes = !rc && !same_indexes(&d->indexes, &d->next.indexes);
    d->next.other_projection = !same;
    d->next.restart = !same || !same_asked || !same_manner(d->o.config, config) || !same_periods(from, to);
    d->next.list = !same_asked || tarn_projection_widens(from, to);
    if (!rc && !same && d->feeds)
        rc = tarn_reprojector_new(&p, config->max_object_bytes, &d->next.reprojector, err);
    if (!rc && tarn_source_line(to, d->o.server->url, &d->next.source))
        rc = tarn_error_set(err, TARN_E_NOMEM, "out of memory");
    if (rc)
        forget(d);
    return rc;
}

bool tarn_driver_wants_generation(const struct tarn_driver *d)
{
    return d->next.resource && d->feeds && (d->next.other_indexes || d->next.reprojector);
}

bool tarn_driver_owns(const struct tarn_driver *d, const struct tarn_writer *w, uint16_t store)
{
    return d->in_region && d->o.writer == w && d->store_id == store;
}

void tarn_driver_spec(const struct tarn_driver *d, struct tarn_writer_resource *spec)
{
    if (d->next.other_indexes) {
        spec->indexes = d->next.indexes.v;
        spec->nindex = d->next.indexes.n;
    }
    if (d->next.reprojector) {
        spec->slots = d->next.resource->slots.v;
        spec->nslot = d->next.resource->slots.n;
    }
    if (d->next.resource)
        spec->source = d->next.source.data;
}

int tarn_driver_convert(struct tarn_driver *d, const struct tarn_object *obj, const struct tarn_object **ret, struct tarn_error *err)
{
    if (d->next.reprojector)
        return tarn_reproject(d->next.reprojector, obj, ret, err);
    *ret = obj;
    return 0;
}

void tarn_driver_moved(struct tarn_driver *d, struct tarn_writer *w, uint16_t store)
{
    d->o.writer = w;
    d->store_id = store;
    d->changed = true;
    if (d->feeds)
        tarn_feeds_move(d->feeds, w, store);
}

/* The watches go on where they are; a list that was under way begins again. */
static void restart(struct tarn_driver *d)
{
    const struct tarn_discovered found = {.api_version = d->api_version, .plural = d->plural, .kind = d->kind, .namespaced = d->namespaced, .watchable = !tarn_feeds_poll_ms(d->feeds)};
    struct tarn_reflector_status s;
    struct tarn_error err = {0};

    tarn_feeds_status(d->feeds, &s);
    if (tarn_feeds_restart(d->feeds, d->next.config, d->next.resource, &found, d->next.reprojector, &err)) {
        tarn_log(TARN_LOG_ERROR, err.message, "resource", d->name, "what", "its old requests go on until the next reload", NULL);
        return;
    }
    tarn_reflector_counters_add(&d->before, &s.counters);
    if (d->next.other_projection)
        tarn_feeds_distrust(d->feeds);
    if (d->next.list)
        tarn_driver_relist(d);
}

static void exchange_indexes(struct tarn_driver *d)
{
    struct driver_indexes old = d->indexes;

    d->indexes = d->next.indexes;
    d->next.indexes = old; /* the old region calls them no more */
}

/* The objects are of that source as soon as a list that is wanted is in place; until then no later agent resumes (tarn_feeds_resume). */
static void exchange_sources(struct tarn_driver *d)
{
    struct tarn_buf old = d->source;
    struct tarn_error err = {0};

    d->source = d->next.source;
    d->next.source = old;
    d->changed = true;
    if (d->in_region && tarn_writer_set_resource_source(d->o.writer, d->store_id, d->source.data, &err))
        tarn_log(TARN_LOG_WARN, err.message, "resource", d->name, "what", "after a restart it is listed", NULL);
}

void tarn_driver_server_moved(struct tarn_driver *d)
{
    if (tarn_source_line(d->o.resource, d->o.server->url, &d->next.source))
        tarn_log(TARN_LOG_WARN, "out of memory", "resource", d->name, "what", "after a restart it is listed", NULL);
    else
        exchange_sources(d);
    tarn_buf_release(&d->next.source);
    if (d->lookup)
        tarn_discovery_cancel(d->lookup);
    d->lookup = NULL;
    d->lookups_failed = d->lookups_gone = 0;
    if (d->feeds)
        tarn_feeds_relist_afresh(d->feeds);
    tarn_driver_relist(d);
}

/* Another keepDeleted. No room for its list: nothing is kept, and the log says so. */
static void settle_deleted(struct tarn_driver *d)
{
    const struct tarn_keep_deleted keep = driver_keep_deleted(d->next.resource);
    struct tarn_error err;

    if (d->feeds && tarn_writer_keep_deleted(d->o.writer, d->store_id, &keep, &err))
        tarn_log(TARN_LOG_WARN, err.message, "resource", d->name, "what", "deleted objects are not kept", NULL);
}

void tarn_driver_settle(struct tarn_driver *d, bool in_force)
{
    if (!d->next.resource)
        return;
    if (in_force) {
        settle_deleted(d);
        if (d->feeds && d->next.restart)
            restart(d);
        else if (d->feeds)
            tarn_feeds_configure(d->feeds, d->next.config, d->next.resource);
        d->o.config = d->next.config;
        d->o.resource = d->next.resource;
        exchange_sources(d);
        if (d->next.other_indexes)
            exchange_indexes(d);
    }
    forget(d);
}
