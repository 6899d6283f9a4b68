/* feeds_source.c - where a feed's objects come from: a list_watch, and a reflector or a polling that asks it. */
#include "feeds_impl.h"

#include "polling.h"

#define POLL_MS 30000 /* of what the server cannot watch, where the configuration names no period */

struct source {
    struct tarn_list_watch *lw;
    struct tarn_reflector *reflector; /* this or the next */
    struct tarn_polling *polling;
    uint32_t poll_ms; /* 0: watched */
};

static void on_report(void *ctx, const struct tarn_reflector_report *report)
{
    const struct feed *f = ctx;

    f->all->o.on_report(f->all->o.ctx, f->ns, report);
}

static void on_change(void *ctx)
{
    const struct feed *f = ctx;

    f->all->o.on_change(f->all->o.ctx);
}

static void on_reflector_change(void *ctx, struct tarn_reflector *r)
{
    (void)r;
    on_change(ctx);
}

static int make_list_watch(const struct feed *f, const struct tarn_discovered *found, struct tarn_list_watch **ret, struct tarn_error *err)
{
    const struct tarn_feeds_options *o = &f->all->o;

    return tarn_list_watch_http_new(
        &(struct tarn_list_watch_http_options){
            .http = o->http,
            .api_version = found->api_version,
            .plural = found->plural,
            .namespace = f->ns,
            .label_selector = o->resource->label_selector,
            .field_selector = o->resource->field_selector,
            .metadata_only = o->resource->metadata_only,
            .projection = tarn_projection_of(o->resource),
            .max_object_bytes = o->config->max_object_bytes,
            .store_id = o->store_id,
            .streaming_lists = o->config->streaming_lists,
        },
        ret, err);
}

static int make_reflector(struct feed *f, const struct tarn_discovered *found, struct tarn_bytes resume, struct source *s, struct tarn_error *err)
{
    const struct tarn_feeds_options *o = &f->all->o;

    return tarn_reflector_new(
        &(struct tarn_reflector_options){
            .list_watch = s->lw,
            .store = tarn_backlog_store(f->backlog),
            .rt = o->rt,
            .name = o->name,
            .expected_api_version = o->resource->metadata_only ? "meta.k8s.io/v1" : found->api_version,
            .expected_kind = o->resource->metadata_only ? "PartialObjectMetadata" : found->kind,
            .page_size = o->config->page_size,
            .streaming_list = o->config->streaming_lists,
            .start_delay_ms = o->config->start_spread_ms,
            .relist_period_ms = o->resource->relist_ms,
            .doubt_ms = o->config->probe_ms,
            .resume_resource_version = resume,
            .on_report = on_report,
            .on_change = on_reflector_change,
            .ctx = f,
        },
        &s->reflector, err);
}

static int make_polling(struct feed *f, struct source *s, struct tarn_error *err)
{
    const struct tarn_feeds_options *o = &f->all->o;

    return tarn_polling_new(
        &(struct tarn_polling_options){
            .list_watch = s->lw,
            .store = tarn_backlog_store(f->backlog),
            .rt = o->rt,
            .name = o->name,
            .period_ms = s->poll_ms,
            .start_delay_ms = o->config->start_spread_ms,
            .page_size = o->config->page_size,
            .on_report = on_report,
            .on_change = on_change,
            .ctx = f,
        },
        &s->polling, err);
}

int feed_source_new(struct feed *f, const struct tarn_discovered *found, struct tarn_bytes resume, struct source **ret, struct tarn_error *err)
{
    uint32_t poll_ms = f->all->o.resource->poll_ms;
    struct source *s = calloc(1, sizeof *s);
    int rc;

    if (!s)
        return tarn_error_set(err, TARN_E_NOMEM, "out of memory");
    s->poll_ms = poll_ms || found->watchable ? poll_ms : POLL_MS;
    rc = make_list_watch(f, found, &s->lw, err);
    if (!rc)
        rc = s->poll_ms ? make_polling(f, s, err) : make_reflector(f, found, resume, s, err);
    if (rc)
        feed_source_free(s);
    else
        *ret = s;
    return rc;
}

void feed_source_free(struct source *s)
{
    if (!s)
        return;
    tarn_reflector_free(s->reflector);
    tarn_polling_free(s->polling);
    tarn_list_watch_http_free(s->lw);
    free(s);
}

void feed_source_start(struct source *s)
{
    if (s->polling)
        tarn_polling_start(s->polling);
    else
        tarn_reflector_start(s->reflector);
}

void feed_source_stop(struct source *s)
{
    if (s->polling)
        tarn_polling_stop(s->polling);
    else
        tarn_reflector_stop(s->reflector);
}

void feed_source_on_timer(struct source *s)
{
    if (s->polling)
        tarn_polling_on_timer(s->polling);
    else
        tarn_reflector_on_timer(s->reflector);
}

void feed_source_relist(struct source *s)
{
    if (s->polling)
        tarn_polling_relist(s->polling);
    else
        tarn_reflector_relist(s->reflector);
}

void feed_source_relist_afresh(struct source *s)
{
    if (s->polling)
        tarn_polling_relist_afresh(s->polling);
    else
        tarn_reflector_relist_afresh(s->reflector);
}

uint64_t feed_source_deadline_ms(struct source *s)
{
    return s->polling ? tarn_polling_deadline_ms(s->polling) : tarn_reflector_deadline_ms(s->reflector);
}

void feed_source_status(struct source *s, struct tarn_reflector_status *ret)
{
    if (s->polling)
        tarn_polling_status(s->polling, ret);
    else
        tarn_reflector_status(s->reflector, ret);
}

struct tarn_list_watch *feed_source_list_watch(const struct source *s)
{
    return s->lw;
}

uint32_t feed_source_poll_ms(const struct source *s)
{
    return s->poll_ms;
}
