/* driver.c - one resource: looking, waiting to look again, running.
 *
 * One uv_timer serves both: the wait before the next lookup and the reflector's deadline.
 */
#include "driver_impl.h"

#include <tarn/status.h>

#define LOOK_AGAIN_LEAST_MS 1000
#define LOOK_AGAIN_MOST_MS 30000
/* How often discovery is asked anew while the server says that a resource is not there (any more). */
#define LOOK_ANEW_MS 10000
#define APPLYING_MS 10
#define FULL_STATE_MS 1000
#define DOUBT_MS 2000
#define GONE_LOOKUPS 3

static void on_timer(uv_timer_t *timer);

/* ---- timers ---------------------------------------------------------------------------------------------- */

static void arm(struct tarn_driver *d, uint64_t ms)
{
    uv_update_time(d->o.loop);
    (void)uv_timer_start(&d->timer, on_timer, ms, 0);
}

static void arm_for_feeds(struct tarn_driver *d)
{
    uint64_t at = tarn_feeds_deadline_ms(d->feeds), now = tarn_now_ms(d->o.rt);

    if (at == UINT64_MAX)
        (void)uv_timer_stop(&d->timer);
    else
        arm(d, at > now ? at - now : 0);
}

/* ---- what is said about it ---------------------------------------------------------------------------------- */

static void log_report(void *ctx, const char *ns, const struct tarn_reflector_report *r)
{
    static const enum tarn_log_level levels[] = {TARN_LOG_DEBUG, TARN_LOG_DEBUG, TARN_LOG_INFO, TARN_LOG_WARN, TARN_LOG_ERROR};
    struct tarn_driver *d = ctx;
    char key[300];

    (void)snprintf(key, sizeof key, "%.*s", TARN_BYTES_ARG(r->key));
    tarn_log(levels[r->level], r->error.message, "resource", d->name, "realm", d->o.resource->realm, "namespace", *ns ? ns : NULL, "code",
             r->error.code ? tarn_error_name(r->error.code) : NULL, "key", r->key.len ? key : NULL, "http",
             r->http_code ? TARN_LOG_U64(r->http_code) : NULL, NULL);
}

static void log_state(struct tarn_driver *d, const struct tarn_reflector_status *s)
{
    if (s->has_synced && !d->was_synced)
        tarn_log(TARN_LOG_INFO, "resource synced", "resource", d->name, "realm", d->o.resource->realm, "objects",
                 TARN_LOG_U64(s->counters.last_list_items), "ms", TARN_LOG_U64(s->counters.last_list_ms), "rv", s->resource_version.text, NULL);
    if (s->live != d->was_live)
        tarn_log(TARN_LOG_INFO, s->live ? "resource live" : "resource no longer live", "resource", d->name, "realm", d->o.resource->realm,
                 "error", s->last_error.code ? s->last_error.message : NULL, NULL);
    d->was_synced = s->has_synced;
    d->was_live = s->live;
}

/* May come from inside a store's call, while the reflector's lock is held: its deadline is asked for in the next turn. */
static void on_change(void *ctx)
{
    struct tarn_driver *d = ctx;

    d->changed = true;
    if (!d->stopped && d->feeds)
        arm(d, 0);
}

/* ---- the region's entry -------------------------------------------------------------------------------------- */

static void remove_from_region(struct tarn_driver *d)
{
    struct tarn_error err;

    if (d->in_region && tarn_writer_remove_resource(d->o.writer, d->store_id, &err))
        tarn_log(TARN_LOG_ERROR, err.message, "resource", d->name, NULL);
    d->in_region = false;
}

struct tarn_keep_deleted driver_keep_deleted(const struct tarn_config_resource *r)
{
    return (struct tarn_keep_deleted){.keep_ms = r->keep_deleted_ms, .objects_max = r->keep_deleted_objects, .bytes_max = r->keep_deleted_bytes};
}

/* f is NULL for the placeholder. */
static int add_to_region(struct tarn_driver *d, const struct tarn_discovered *f, struct tarn_error *err)
{
    const struct tarn_config_resource *r = d->o.resource;
    struct tarn_writer_resource w = {.name = d->name, .indexes = d->indexes.v, .nindex = d->indexes.n, .slots = r->slots.v, .nslot = r->slots.n, .source = d->source.data};
    int rc;

    if (f) {
        w.api_version = f->api_version;
        w.kind = f->kind;
        w.singular = f->singular;
        w.namespaced = f->namespaced;
        w.short_names = f->short_names.v;
        w.nshort = f->short_names.n;
        w.keep_deleted = driver_keep_deleted(r);
    }
    rc = tarn_writer_add_resource(d->o.writer, &w, &d->store_id, err);
    d->in_region = rc == 0;
    return rc;
}

bool driver_set_string(char **at, const char *s)
{
    char *copy = strdup(s);

    if (!copy)
        return false;
    free(*at);
    *at = copy;
    return true;
}

/* "pods", "deployments.apps" */
static char *canonical_name(const struct tarn_discovered *f)
{
    char *name = NULL;

    return asprintf(&name, "%s%s%s", f->plural, *f->group ? "." : "", f->group) < 0 ? NULL : name;
}

/* What is mostly asked for, where the configuration names no indexes. (The writer itself adds "namespace".) */
static const struct {
    const char *resource, *indexes[3];
} ready_indexes[] = {
    {"pods", {"spec.nodeName", "owner"}},
    {"endpointslices.discovery.k8s.io", {"label:kubernetes.io/service-name"}},
};

static struct tarn_string_list indexes_of(const char *name, const struct tarn_config_resource *r)
{
    static const char *owner = "owner"; /* what the ready ones have of metadata */

    if (r->metadata_only && !r->indexes_given)
        return (struct tarn_string_list){.v = &owner, .n = 1};
    for (size_t i = 0; !r->indexes_given && i < sizeof ready_indexes / sizeof *ready_indexes; i++)
        if (strcmp(ready_indexes[i].resource, name) == 0) {
            const char *const *names = ready_indexes[i].indexes;
            unsigned n = 0;

            while (n < 3 && names[n])
                n++;
            return (struct tarn_string_list){.v = (const char **)names, .n = n};
        }
    return r->indexes;
}

void driver_release_indexes(struct driver_indexes *i)
{
    while (i->n)
        tarn_index_func_release(&i->v[--i->n]);
    free(i->v);
    i->v = NULL;
}

int driver_make_indexes(const char *name, const struct tarn_config_resource *r, struct driver_indexes *ret, struct tarn_error *err)
{
    struct tarn_string_list names = indexes_of(name, r);
    int rc = 0;

    *ret = (struct driver_indexes){.v = calloc(names.n ? names.n : 1, sizeof *ret->v)};
    if (!ret->v)
        return tarn_error_set(err, TARN_E_NOMEM, "out of memory");
    while (!rc && ret->n < names.n) {
        rc = tarn_index_func_builtin(names.v[ret->n], &ret->v[ret->n], err);
        ret->n += rc == 0;
    }
    if (rc)
        driver_release_indexes(ret);
    return rc;
}

/* ---- running --------------------------------------------------------------------------------------------------- */

static void list_state(void *ctx, struct tarn_resource_state *ret);

int driver_make_feeds(struct tarn_driver *d, const struct tarn_discovered *f, const struct tarn_resource_info *old, struct tarn_error *err)
{
    return tarn_feeds_new(
        &(struct tarn_feeds_options){
            .http = d->o.http,
            .writer = d->o.writer,
            .rt = d->o.rt,
            .config = d->o.config,
            .resource = d->o.resource,
            .found = f,
            .name = d->name,
            .store_id = d->store_id,
            .old = old,
            .on_report = log_report,
            .on_change = on_change,
            .state = list_state,
            .ctx = d,
        },
        &d->feeds, err);
}

/* The placeholder becomes the resource itself. */
static int become(struct tarn_driver *d, const struct tarn_discovered *f, struct tarn_error *err)
{
    char *name = canonical_name(f);
    int rc;

    remove_from_region(d);
    driver_release_indexes(&d->indexes); /* no entry uses them any more */
    d->adopted = NULL;
    d->namespaced = f->namespaced;
    if (!name || !driver_set_string(&d->name, name) || !driver_set_string(&d->api_version, f->api_version) || !driver_set_string(&d->kind, f->kind) || !driver_set_string(&d->plural, f->plural))
        rc = tarn_error_set(err, TARN_E_NOMEM, "out of memory");
    else
        rc = driver_make_indexes(name, d->o.resource, &d->indexes, err);
    free(name);
    if (!rc)
        rc = add_to_region(d, f, err);
    return rc ? rc : driver_make_feeds(d, f, NULL, err);
}

static void drop_feeds(struct tarn_driver *d)
{
    tarn_feeds_free(d->feeds);
    d->feeds = NULL;
}

/* Not found, or no room for it: say so once, look again later. */
static void look_again(struct tarn_driver *d, const struct tarn_error *error)
{
    unsigned doublings = d->lookups_failed < 5 ? d->lookups_failed : 5;
    uint64_t ms = (uint64_t)LOOK_AGAIN_LEAST_MS << doublings;

    ms = ms < LOOK_AGAIN_MOST_MS ? ms : LOOK_AGAIN_MOST_MS;
    ms += tarn_random(d->o.rt) % (ms / 2); /* so that many agents do not ask in step */
    if (strcmp(d->last_logged, error->message) != 0) {
        (void)snprintf(d->last_logged, sizeof d->last_logged, "%s", error->message);
        tarn_log(TARN_LOG_WARN, error->message, "resource", d->o.resource->name, "realm", d->o.resource->realm, "again_in_ms", TARN_LOG_U64(ms), NULL);
    }
    d->lookups_failed++;
    d->error = *error;
    d->error_at_ms = tarn_now_ms(d->o.rt);
    d->changed = true;
    arm(d, ms);
}

/* It could not become what it is (no room, a second name of one that is there already): readers still see why. */
static void back_to_placeholder(struct tarn_driver *d)
{
    drop_feeds(d);
    remove_from_region(d);
    if (driver_set_string(&d->name, d->o.resource->name))
        (void)add_to_region(d, NULL, NULL);
}

static bool is_what_it_was(const struct tarn_driver *d, const struct tarn_discovered *f)
{
    char *name = canonical_name(f);
    bool same = name && strcmp(name, d->name) == 0 && strcmp(f->api_version, d->api_version) == 0 && strcmp(f->kind, d->kind) == 0;

    free(name);
    return same;
}

/* The answer of a lookup while it runs, after a 404 of its own. True: the server has had no such resource GONE_LOOKUPS times in a row (one that
 * starts may not know its definitions yet): its objects are gone, also those whose deletes came while no watch was up. */
static bool is_gone(struct tarn_driver *d, const struct tarn_discovered *f, const struct tarn_error *error)
{
    d->lookups_gone = !f && error->code == TARN_E_NOTFOUND ? d->lookups_gone + 1 : 0;
    if (d->lookups_gone < GONE_LOOKUPS)
        return false;
    tarn_log(TARN_LOG_WARN, "the server has no such resource any more: its objects go", "resource", d->name, NULL);
    return true;
}

/* The answer of a lookup while it runs. True: it is served otherwise now and begins anew. Else the reflector's own error says what there is to say. */
static bool is_served_otherwise(struct tarn_driver *d, const struct tarn_discovered *f)
{
    if (!f || (is_what_it_was(d, f) && (f->watchable || tarn_feeds_poll_ms(d->feeds))))
        return false;
    tarn_log(TARN_LOG_WARN, "the server has the resource in another form now", "resource", d->name, "was", d->api_version, "is", f->api_version, NULL);
    return true;
}

static void on_found(void *ctx, const struct tarn_discovered *f, const struct tarn_error *error)
{
    struct tarn_driver *d = ctx;
    struct tarn_error err;

    d->lookup = NULL;
    if (tarn_writer_applying(d->o.writer)) { /* the region's resources cannot change now */
        arm(d, APPLYING_MS);
        return;
    }
    if (d->feeds && is_gone(d, f, error)) {
        d->lookups_gone = 0;
        back_to_placeholder(d);
        look_again(d, error);
        return;
    }
    if (d->feeds && !is_served_otherwise(d, f))
        return;
    drop_feeds(d);
    if (!f) {
        look_again(d, error);
        return;
    }
    if (become(d, f, &err)) {
        back_to_placeholder(d);
        look_again(d, &err);
        return;
    }
    d->error.code = 0;
    d->lookups_failed = 0;
    d->changed = true;
    tarn_log(TARN_LOG_INFO, "resource found", "resource", d->name, "api_version", d->api_version, "kind", d->kind, "realm", d->o.resource->realm, "poll_ms",
             tarn_feeds_poll_ms(d->feeds) ? TARN_LOG_U64(tarn_feeds_poll_ms(d->feeds)) : NULL, NULL);
    tarn_feeds_start(d->feeds);
    arm_for_feeds(d);
}

static void look(struct tarn_driver *d)
{
    const struct tarn_lookup_sink sink = {on_found, d};
    struct tarn_error err;

    if (tarn_discovery_find(d->o.discovery, d->o.resource->name, d->o.resource->api_version, &sink, &d->lookup) && !d->feeds) {
        (void)tarn_error_set(&err, TARN_E_NOMEM, "out of memory");
        look_again(d, &err);
    }
}

/* A 404 for a resource that was there: its definition was removed, or it is served in another version by now; a 405: what an earlier agent
 * left cannot be watched. */
static void look_anew_if_gone(struct tarn_driver *d, const struct tarn_reflector_status *s)
{
    uint64_t now = tarn_now_ms(d->o.rt);

    if (s->live || (s->last_http_code != 404 && s->last_http_code != 405) || d->lookup || d->stopped || now - d->looked_anew_ms < LOOK_ANEW_MS)
        return;
    d->looked_anew_ms = now;
    look(d);
}

static void on_timer(uv_timer_t *timer)
{
    struct tarn_driver *d = timer->data;

    if (d->stopped)
        return;
    if (!d->feeds) {
        look(d);
        return;
    }
    tarn_feeds_on_timer(d->feeds);
    arm_for_feeds(d);
}

void tarn_driver_relist(struct tarn_driver *d)
{
    if (d->feeds)
        tarn_feeds_relist(d->feeds);
    if (!d->lookup)
        arm(d, 0);
}

/* ---- state ------------------------------------------------------------------------------------------------------- */

static struct tarn_resource_state state_while_looking(const struct tarn_driver *d)
{
    return (struct tarn_resource_state){
        .last_error = d->error.code ? tarn_bytes_of(d->error.message) : (struct tarn_bytes){0},
        .last_error_ms = d->error_at_ms,
        .errors = d->lookups_failed,
    };
}

/* "... (403 Forbidden)": readers tell by the code whether waiting can help. */
static struct tarn_bytes error_text(const struct tarn_reflector_status *s, char *buf, size_t size)
{
    enum tarn_status_reason r = TARN_REASON_BAD_REQUEST;

    if (!s->last_error.code)
        return (struct tarn_bytes){0};
    if (!s->last_http_code)
        return tarn_bytes_of(s->last_error.message);
    while (r < TARN_REASON_TIMEOUT && tarn_status_reason_code(r) != (int)s->last_http_code)
        r++;
    (void)snprintf(buf, size, "%s (%u%s%s)", s->last_error.message, s->last_http_code, r < TARN_REASON_TIMEOUT ? " " : "",
                   r < TARN_REASON_TIMEOUT ? tarn_status_reason_text(r) : "");
    return tarn_bytes_of(buf);
}

/* buf holds what the state borrows. */
static struct tarn_resource_state state_of(struct tarn_driver *d, const struct tarn_reflector_status *s, char *buf, size_t size)
{
    const struct tarn_reflector_counters *c = &s->counters;
    struct tarn_resource_state state = {
        .synced = s->has_synced,
        .live = s->live,
        .polled = s->live && tarn_feeds_poll_ms(d->feeds),
        .relisting = s->phase == TARN_REFLECTOR_LISTING || s->phase == TARN_REFLECTOR_STREAMING,
        .resource_version = tarn_rv_bytes(&s->resource_version),
        .last_error = error_text(s, buf, size),
        .last_event_ms = s->last_event_ms,
        .last_list_ms = s->last_list_ms,
        .last_error_ms = s->last_error.code ? s->last_error_at_ms : 0,
        .lists = c->lists + c->streaming_lists,
        .watches = c->watches,
        .events = c->added + c->modified + c->deleted,
        .relists = c->relists,
        .errors = c->list_errors + c->watch_errors,
        .rv_rewinds = c->rv_rewinds,
        .skipped = c->skipped,
    };

    tarn_buf_clear(&d->resume);
    if (tarn_feeds_resume(d->feeds, &d->resume) == 0) /* else a later agent lists */
        state.resume = tarn_buf_bytes(&d->resume);
    d->was_up |= s->live;
    if (d->adopted)
        driver_adopted_state(d, &state, buf, size);
    return state;
}

/* Lists that were put in place since the last look; their mean if there were several. */
static void note_lists(struct tarn_driver *d, const struct tarn_reflector_counters *c)
{
    uint64_t n;

    if (c->lists_ok < d->lists_noted) /* new feeds count from zero */
        d->lists_noted = d->list_ms_noted = 0;
    n = c->lists_ok - d->lists_noted;
    if (n)
        tarn_histogram_add(&d->list_time, (c->list_ms - d->list_ms_noted) * 1000000 / n, n);
    d->lists_noted = c->lists_ok;
    d->list_ms_noted = c->list_ms;
}

/* Of the sources before these and of these. */
static void status_of(struct tarn_driver *d, struct tarn_reflector_status *s)
{
    tarn_feeds_status(d->feeds, s);
    tarn_reflector_counters_add(&s->counters, &d->before);
}

/* Between turns of a list that is being applied: it appears in the same commit as the list. */
static void list_state(void *ctx, struct tarn_resource_state *ret)
{
    struct tarn_driver *d = ctx;
    struct tarn_reflector_status s;

    status_of(d, &s);
    *ret = state_of(d, &s, d->state_text, sizeof d->state_text);
    d->changed = true;
}

/* While something waits for room the state would change with each turn, and its records take what is kept for commits: once a second then. */
static bool may_write_state(struct tarn_driver *d)
{
    uint64_t now = tarn_now_ms(d->o.rt);
    struct tarn_feeds_held held;

    if (!d->feeds)
        return true;
    tarn_feeds_held(d->feeds, &held);
    if (!held.error.code)
        return true;
    if (now - d->written_ms < FULL_STATE_MS)
        return false;
    d->written_ms = now;
    return true;
}

/* While a resource is not live its state is looked at now and then, also when nothing happens: whether it is to be found anew. */
static bool is_in_doubt(struct tarn_driver *d)
{
    uint64_t now = tarn_now_ms(d->o.rt);

    if (!d->feeds || d->was_live || now - d->doubted_ms < DOUBT_MS)
        return false;
    d->doubted_ms = now;
    return true;
}

void tarn_driver_publish(struct tarn_driver *d)
{
    struct tarn_reflector_status s;
    struct tarn_resource_state state;
    struct tarn_error err;
    char text[DRIVER_TEXT_BYTES];

    d->changed |= is_in_doubt(d);
    d->changed |= d->feeds && tarn_feeds_take_touched(d->feeds);
    if (!d->in_region || !d->changed || tarn_writer_applying(d->o.writer) /* nothing may get into that commit */ || !may_write_state(d))
        return;
    d->changed = false;
    if (d->feeds) {
        status_of(d, &s);
        note_lists(d, &s.counters);
        log_state(d, &s);
        look_anew_if_gone(d, &s);
        state = state_of(d, &s, text, sizeof text);
    } else {
        state = state_while_looking(d);
    }
    if (tarn_writer_set_resource_state(d->o.writer, d->store_id, &state, &err)) {
        d->changed = true; /* no room now: again at the next commit */
        tarn_log(TARN_LOG_DEBUG, err.message, "resource", d->name, NULL);
    }
}

enum tarn_feeds_wait tarn_driver_turn(struct tarn_driver *d)
{
    return d->feeds && !d->stopped ? tarn_feeds_turn(d->feeds) : TARN_FEEDS_IDLE;
}

void tarn_driver_relieved(struct tarn_driver *d)
{
    if (d->feeds)
        tarn_feeds_relieved(d->feeds);
}

void tarn_driver_facts(struct tarn_driver *d, struct tarn_driver_facts *ret)
{
    struct tarn_keep_deleted keep;

    *ret = (struct tarn_driver_facts){
        .name = d->name,
        .wanted = d->o.resource->name,
        .realm = d->o.resource->realm,
        .api_version = d->api_version ? d->api_version : "",
        .kind = d->kind ? d->kind : "",
        .found = d->feeds != NULL,
        .feeds = d->feeds,
        .poll_ms = d->feeds ? tarn_feeds_poll_ms(d->feeds) : 0,
        .objects = d->in_region ? tarn_writer_count(d->o.writer, d->store_id) : 0,
        .heap_bytes = d->feeds ? tarn_feeds_memory(d->feeds) : 0,
        .list_time = d->list_time,
    };
    if (d->in_region)
        tarn_writer_kept_deleted(d->o.writer, d->store_id, &keep, &ret->deleted);
    if (d->feeds) {
        status_of(d, &ret->status);
        tarn_feeds_held(d->feeds, &ret->held);
        return;
    }
    ret->status.last_error = d->error;
    ret->status.failures = d->lookups_failed;
}

/* ---- life ---------------------------------------------------------------------------------------------------------- */

static void free_driver(struct tarn_driver *d)
{
    driver_release_indexes(&d->indexes);
    driver_release_indexes(&d->next.indexes);
    tarn_reprojector_free(d->next.reprojector);
    tarn_buf_release(&d->next.source);
    tarn_buf_release(&d->source);
    tarn_buf_release(&d->resume);
    free(d->plural);
    free(d->name);
    free(d->api_version);
    free(d->kind);
    free(d);
}

static int begin_as_placeholder(struct tarn_driver *d, struct tarn_error *err)
{
    int rc = driver_set_string(&d->name, d->o.resource->name) ? driver_make_indexes(d->name, d->o.resource, &d->indexes, err)
                                                              : tarn_error_set(err, TARN_E_NOMEM, "out of memory");

    if (!rc && add_to_region(d, NULL, &d->error)) /* no room, or the name is another's still: seen in status, tried again when it is found */
        tarn_log(TARN_LOG_WARN, d->error.message, "resource", d->name, "realm", d->o.resource->realm, NULL);
    return rc;
}

int tarn_driver_new(const struct tarn_driver_options *o, struct tarn_driver **ret, struct tarn_error *err)
{
    struct tarn_driver *d = calloc(1, sizeof *d);
    int rc;

    if (!d)
        return tarn_error_set(err, TARN_E_NOMEM, "out of memory");
    d->o = *o;
    d->o.adopt = NULL;
    if (tarn_source_line(o->resource, o->server->url, &d->source))
        rc = tarn_error_set(err, TARN_E_NOMEM, "out of memory");
    else
        rc = o->adopt && o->adopt->name ? driver_adopt(d, o->adopt, err) : begin_as_placeholder(d, err);
    if (rc) {
        drop_feeds(d);
        free_driver(d);
        return rc;
    }
    (void)uv_timer_init(o->loop, &d->timer);
    d->timer.data = d;
    *ret = d;
    return 0;
}

void tarn_driver_start(struct tarn_driver *d)
{
    if (d->feeds)
        tarn_feeds_start(d->feeds);
    arm(d, 0);
}

void tarn_driver_stop(struct tarn_driver *d)
{
    d->stopped = true;
    (void)uv_timer_stop(&d->timer);
    if (d->lookup)
        tarn_discovery_cancel(d->lookup);
    d->lookup = NULL;
    if (d->feeds)
        tarn_feeds_stop(d->feeds);
}

void tarn_driver_leave(struct tarn_driver *d)
{
    drop_feeds(d);
    remove_from_region(d);
}

const char *tarn_driver_realm(const struct tarn_driver *d)
{
    return d->o.resource->realm;
}

static void on_closed(uv_handle_t *handle)
{
    free_driver(handle->data);
}

void tarn_driver_close(struct tarn_driver *d)
{
    if (!d)
        return;
    drop_feeds(d);
    uv_close((uv_handle_t *)&d->timer, on_closed);
}
