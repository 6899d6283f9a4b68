/* driver_adopt.c - a resource that an earlier agent left in the region: the server need not be asked what it is, nor for a list.
 *
 * Its entry says what the server said to that agent. If that has changed meanwhile, the watch is answered by 404 and it is looked for anew.
 */
#include "driver_impl.h"

#include <tarn/reader.h>

static int no_memory(struct tarn_error *err)
{
    return tarn_error_set(err, TARN_E_NOMEM, "out of memory");
}

/* "deployments.apps": the plural before the first dot. */
static int take_names(struct tarn_driver *d, const struct tarn_resource_info *info, struct tarn_error *err)
{
    struct tarn_arena a = {0};
    char *name = tarn_arena_copy(&a, info->name), *version = tarn_arena_copy(&a, info->api_version), *kind = tarn_arena_copy(&a, info->kind);
    char *plural = name ? tarn_arena_copy(&a, (struct tarn_bytes){.data = name, .len = strcspn(name, ".")}) : NULL;
    bool ok = name && version && kind && plural && driver_set_string(&d->name, name) && driver_set_string(&d->api_version, version) &&
              driver_set_string(&d->kind, kind) && driver_set_string(&d->plural, plural);

    tarn_arena_release(&a);
    return ok ? 0 : no_memory(err);
}

static int become(struct tarn_driver *d, const struct tarn_resource_info *info, struct tarn_error *err)
{
    struct tarn_discovered found;
    int rc = take_names(d, info, err);

    if (rc)
        return rc;
    d->namespaced = info->namespaced;
    d->store_id = info->store;
    d->in_region = d->changed = d->was_synced = true;
    d->adopted_event_ms = info->state.last_event_ms;
    d->adopted_list_ms = info->state.last_list_ms;
    found = (struct tarn_discovered){.api_version = d->api_version, .plural = d->plural, .kind = d->kind, .namespaced = d->namespaced, .watchable = true};
    return driver_make_feeds(d, &found, info, err);
}

int driver_adopt(struct tarn_driver *d, struct tarn_driver_adopt *a, struct tarn_error *err)
{
    struct tarn_resource_info info;
    struct tarn_reader r;
    int rc;

    d->indexes = (struct driver_indexes){.v = a->indexes, .n = a->nindexes};
    a->indexes = NULL;
    a->nindexes = 0;
    d->adopted = a->from;
    d->adopted_age_ms = a->age_ms;
    d->error_at_ms = tarn_now_ms(d->o.rt);
    tarn_reader_begin(&r, tarn_writer_view(d->o.writer), NULL); /* nothing is collected before the loop runs */
    rc = tarn_reader_resource(&r, tarn_bytes_of(a->name), &info);
    if (rc)
        return tarn_error_set(err, rc, "'%s' of the %s: %s", a->name, a->from, tarn_strerror(rc));
    rc = become(d, &info, err);
    if (!rc)
        tarn_log(TARN_LOG_INFO, tarn_resource_resume(&info).len ? "resource resumes" : "resource is served, and listed anew", "resource", d->name, "realm",
                 d->o.resource->realm, "from", a->from, "objects", TARN_LOG_U64(info.objects), "age_ms", TARN_LOG_U64(a->age_ms), NULL);
    return rc;
}

/* What was once listed as a whole stays so. */
void driver_adopted_state(const struct tarn_driver *d, struct tarn_resource_state *state, char *text, size_t size)
{
    state->synced = true;
    state->last_event_ms = state->last_event_ms ? state->last_event_ms : d->adopted_event_ms;
    state->last_list_ms = state->last_list_ms ? state->last_list_ms : d->adopted_list_ms;
    if (d->was_up || state->last_error.len)
        return;
    (void)snprintf(text, size, "the last state of an earlier agent (%s, %llu s old at the start); its watch is not up yet", d->adopted,
                   (unsigned long long)(d->adopted_age_ms / 1000));
    state->last_error = tarn_bytes_of(text);
    state->last_error_ms = d->error_at_ms;
}
