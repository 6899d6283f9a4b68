/* feeds.c - see feeds.h. */
#include "feeds_impl.h"

/* ---- making ------------------------------------------------------------------------------------------------ */

static int make_feed(struct feed *f, struct tarn_error *err)
{
    const struct tarn_feeds_options *o = &f->all->o;
    struct tarn_backlog_sink sink = feed_backlog_sink;
    int rc = tarn_region_store_new_scoped(o->writer, o->store_id, *f->ns ? f->ns : NULL, &f->store, err);

    sink.ctx = f;
    if (!rc && tarn_backlog_new(f->store, &sink, &f->backlog))
        rc = tarn_error_set(err, TARN_E_NOMEM, "out of memory");
    return rc ? rc : feed_source_new(f, o->found, o->old ? tarn_resource_resume_at(o->old, tarn_bytes_of(f->ns)) : (struct tarn_bytes){0}, &f->source, err);
}

int tarn_feeds_new(const struct tarn_feeds_options *o, struct tarn_feeds **ret, struct tarn_error *err)
{
    const struct tarn_string_list *ns = &o->resource->namespaces;
    unsigned n = ns->n && o->found->namespaced ? ns->n : 1;
    struct tarn_feeds *f = calloc(1, sizeof *f + n * sizeof f->v[0]);
    int rc = 0;

    if (!f)
        return tarn_error_set(err, TARN_E_NOMEM, "out of memory");
    if (ns->n && !o->found->namespaced)
        rc = tarn_error_set(err, TARN_E_CONFIG, "%s have no namespaces; leave `namespaces` out of their configuration", o->name);
    f->o = *o;
    for (; !rc && f->n < n; f->n++) {
        f->v[f->n] = (struct feed){.all = f, .ns = ns->n ? ns->v[f->n] : ""};
        rc = make_feed(&f->v[f->n], err);
    }
    f->o.found = NULL;
    f->o.old = NULL;
    if (rc)
        tarn_feeds_free(f);
    else
        *ret = f;
    return rc;
}

void tarn_feeds_free(struct tarn_feeds *f)
{
    for (unsigned i = 0; f && i < f->n; i++) {
        feed_source_free(f->v[i].source);
        tarn_backlog_free(f->v[i].backlog);
        tarn_store_free(f->v[i].store);
    }
    free(f);
}

/* ---- another configuration, another region --------------------------------------------------------------------- */

static int convert_one(void *ctx, const struct tarn_object *obj, const struct tarn_object **ret, struct tarn_error *err)
{
    return tarn_reproject(ctx, obj, ret, err);
}

/* A second source beside the one that runs. */
static int second_source(struct feed *f, const struct tarn_discovered *found, struct source **ret, struct tarn_error *err)
{
    struct tarn_reflector_status s;

    feed_source_status(f->source, &s);
    return feed_source_new(f, found, s.has_synced ? tarn_rv_bytes(&s.resource_version) : (struct tarn_bytes){0}, ret, err);
}

/* The old one's list, if one is under way, is aborted before the new one may begin its own. */
static void exchange(struct feed *f, struct source *with)
{
    feed_source_free(f->source);
    f->source = with;
    tarn_list_watch_http_pause(feed_source_list_watch(with), tarn_backlog_paused(f->backlog));
    feed_source_start(with);
}

static int second_sources(struct tarn_feeds *f, const struct tarn_discovered *found, struct source **ret, struct tarn_error *err)
{
    int rc = 0;

    for (unsigned i = 0; !rc && i < f->n; i++)
        rc = second_source(&f->v[i], found, &ret[i], err);
    for (unsigned i = 0; rc && i < f->n; i++)
        feed_source_free(ret[i]);
    return rc;
}

int tarn_feeds_restart(struct tarn_feeds *f, const struct tarn_config *config, const struct tarn_config_resource *resource,
                       const struct tarn_discovered *found, struct tarn_reprojector *convert, struct tarn_error *err)
{
    const struct tarn_feeds_options before = f->o;
    struct source **next = calloc(f->n, sizeof(struct source *));
    int rc = next ? 0 : tarn_error_set(err, TARN_E_NOMEM, "out of memory");

    f->o.config = config;
    f->o.resource = resource;
    if (!rc)
        rc = second_sources(f, found, next, err);
    if (!rc)
        tarn_feeds_configure(f, config, resource);
    for (unsigned i = 0; !rc && i < f->n; i++) {
        exchange(&f->v[i], next[i]);
        if (convert && tarn_backlog_convert(f->v[i].backlog, convert_one, convert, err)) /* some stay as the server gave them */
            feed_source_relist(f->v[i].source);
    }
    if (rc)
        f->o = before;
    free(next);
    return rc;
}

void tarn_feeds_configure(struct tarn_feeds *f, const struct tarn_config *config, const struct tarn_config_resource *resource)
{
    f->o.config = config;
    f->o.resource = resource;
    for (unsigned i = 0; i < f->n; i++)
        f->v[i].ns = resource->namespaces.n ? resource->namespaces.v[i] : "";
}

void tarn_feeds_move(struct tarn_feeds *f, struct tarn_writer *w, uint16_t store)
{
    struct tarn_error err = {0};

    f->o.writer = w;
    f->o.store_id = store;
    for (unsigned i = 0; i < f->n; i++)
        if (tarn_region_store_move(f->v[i].store, w, store, &err)) {
            tarn_log(TARN_LOG_WARN, err.message, "resource", f->o.name, "what", "its list begins again", NULL);
            feed_source_relist(f->v[i].source);
        }
}

void tarn_feeds_distrust(struct tarn_feeds *f)
{
    for (unsigned i = 0; i < f->n; i++)
        tarn_region_store_distrust(f->v[i].store);
}

/* ---- running --------------------------------------------------------------------------------------------------- */

void tarn_feeds_start(struct tarn_feeds *f)
{
    for (unsigned i = 0; i < f->n; i++)
        feed_source_start(f->v[i].source);
}

void tarn_feeds_stop(struct tarn_feeds *f)
{
    for (unsigned i = 0; i < f->n; i++)
        feed_source_stop(f->v[i].source);
}

uint64_t tarn_feeds_deadline_ms(struct tarn_feeds *f)
{
    uint64_t least = UINT64_MAX;

    for (unsigned i = 0; i < f->n; i++) {
        uint64_t at = feed_source_deadline_ms(f->v[i].source), missing = feed_deadline_ms(&f->v[i]);

        at = missing < at ? missing : at;
        least = at < least ? at : least;
    }
    return least;
}

void tarn_feeds_on_timer(struct tarn_feeds *f)
{
    for (unsigned i = 0; i < f->n; i++) {
        feed_on_timer(&f->v[i]);
        feed_source_on_timer(f->v[i].source);
    }
}

static void note_must_list(struct feed *f)
{
    struct tarn_reflector_status s;

    feed_source_status(f->source, &s);
    f->must_list = true;
    f->lists_ok_then = s.counters.lists_ok;
}

void tarn_feeds_relist(struct tarn_feeds *f)
{
    for (unsigned i = 0; i < f->n; i++) {
        note_must_list(&f->v[i]);
        feed_source_relist(f->v[i].source);
    }
}

void tarn_feeds_relist_afresh(struct tarn_feeds *f)
{
    tarn_feeds_distrust(f);
    for (unsigned i = 0; i < f->n; i++) {
        note_must_list(&f->v[i]);
        feed_source_relist_afresh(f->v[i].source);
    }
}

uint32_t tarn_feeds_poll_ms(const struct tarn_feeds *f)
{
    return feed_source_poll_ms(f->v[0].source);
}

bool tarn_feeds_take_touched(struct tarn_feeds *f)
{
    bool touched = false;

    for (unsigned i = 0; i < f->n; i++)
        touched |= tarn_list_watch_http_take_touched(feed_source_list_watch(f->v[i].source));
    return touched;
}

size_t tarn_feeds_memory(const struct tarn_feeds *f)
{
    size_t n = 0;

    for (unsigned i = 0; i < f->n; i++)
        n += tarn_list_watch_http_memory(feed_source_list_watch(f->v[i].source));
    return n;
}

struct tarn_store *tarn_feeds_store_at(struct tarn_feeds *f, unsigned n)
{
    return n < f->n ? f->v[n].store : NULL;
}

int tarn_feeds_resume(struct tarn_feeds *f, struct tarn_buf *out)
{
    size_t before = out->len;
    int rc = 0;

    for (unsigned i = 0; !rc && !tarn_feeds_poll_ms(f) && i < f->n; i++) {
        struct tarn_reflector_status s, own;

        feed_status(&f->v[i], &s);
        feed_source_status(f->v[i].source, &own); /* not `behind` because its stream is paused */
        if (!s.has_synced || own.behind || f->v[i].must_list || !s.resource_version.len) {
            out->len = before;
            return 0;
        }
        rc = tarn_buf_addf(out, "%s%s=%.*s", i ? " " : "", f->v[i].ns, TARN_BYTES_ARG(tarn_rv_bytes(&s.resource_version)));
    }
    return rc;
}

/* ---- status ----------------------------------------------------------------------------------------------------- */

bool tarn_feeds_status_at(struct tarn_feeds *f, unsigned n, const char **ret_ns, struct tarn_reflector_status *ret)
{
    if (n >= f->n)
        return false;
    *ret_ns = f->v[n].ns;
    feed_status(&f->v[n], ret);
    return true;
}

static uint64_t older(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

void tarn_reflector_counters_add(struct tarn_reflector_counters *to, const struct tarn_reflector_counters *c)
{
    uint64_t sum[sizeof *c / sizeof(uint64_t)], more[sizeof *c / sizeof(uint64_t)];

    memcpy(sum, to, sizeof sum);
    memcpy(more, c, sizeof more);
    for (size_t i = 0; i < sizeof sum / sizeof *sum; i++)
        sum[i] += more[i];
    memcpy(to, sum, sizeof sum);
}
_Static_assert(sizeof(struct tarn_reflector_counters) % sizeof(uint64_t) == 0, "counters are all u64");

/* The oldest version: what every feed has reached. One that has none yet counts as older than any. */
static void merge_version(struct tarn_rv *to, const struct tarn_rv *rv)
{
    if (to->len && (!rv->len || tarn_rv_older(rv, to)))
        *to = *rv;
}

static void merge_error(struct tarn_reflector_status *to, const struct tarn_reflector_status *s)
{
    if (s->failures > to->failures)
        to->failures = s->failures;
    if (!s->last_error.code || (to->last_error.code && to->last_error_at_ms >= s->last_error_at_ms))
        return;
    to->last_error = s->last_error;
    to->last_error_at_ms = s->last_error_at_ms;
    to->last_http_code = s->last_http_code;
}

static bool is_listing(const struct tarn_reflector_status *s)
{
    return s->phase == TARN_REFLECTOR_LISTING || s->phase == TARN_REFLECTOR_STREAMING;
}

static void merge(struct tarn_reflector_status *to, const struct tarn_reflector_status *s)
{
    if (to->live == s->live) /* dead since the first one died, alive since the last one lives */
        to->live_changed_ms = s->live ? later(to->live_changed_ms, s->live_changed_ms) : older(to->live_changed_ms, s->live_changed_ms);
    else if (!s->live)
        to->live_changed_ms = s->live_changed_ms;
    if (!is_listing(to) && (is_listing(s) || s->phase < to->phase))
        to->phase = s->phase;
    to->has_synced &= s->has_synced;
    to->live &= s->live;
    to->behind |= s->behind;
    to->streaming |= s->streaming;
    merge_version(&to->resource_version, &s->resource_version);
    to->last_event_ms = older(to->last_event_ms, s->last_event_ms);
    to->last_list_ms = older(to->last_list_ms, s->last_list_ms);
    merge_error(to, s);
    tarn_reflector_counters_add(&to->counters, &s->counters);
}

void tarn_feeds_status(struct tarn_feeds *f, struct tarn_reflector_status *ret)
{
    struct tarn_reflector_status s;

    feed_status(&f->v[0], ret);
    for (unsigned i = 1; i < f->n; i++) {
        feed_status(&f->v[i], &s);
        merge(ret, &s);
    }
}
