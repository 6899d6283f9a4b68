/* feeds_full.c - what happens to a feed while its region cannot take what comes.
 *
 * What does not fit waits in the backlog, and every RETRY_MS the first of it is tried again: the collector, the ladder and a hand-over
 * make room meanwhile. A list that does not fit keeps what it staged from all others; so after GIVE_UP_MS it goes on without what does
 * not fit: what it no longer has is deleted, and that makes room. What is missing then, or was more than the backlog
 * keeps, is listed again after a while, or at once when there is room.
 */
#include "feeds_impl.h"

#define SLICE_US 8000
#define RETRY_MS 20
#define GIVE_UP_MS 10000
#define RELIST_LEAST_MS 5000
#define RELIST_MOST_MS 300000

static uint64_t now_ms(const struct feed *f)
{
    return tarn_now_ms(f->all->o.rt);
}

static void changed(struct feed *f)
{
    f->all->o.on_change(f->all->o.ctx);
}

/* ---- what the backlog tells ------------------------------------------------------------------------------------- */

static void on_pause(void *ctx, bool paused)
{
    struct feed *f = ctx;

    if (f->source)
        tarn_list_watch_http_pause(feed_source_list_watch(f->source), paused);
}

static void on_skipped(void *ctx, struct tarn_bytes key, const struct tarn_error *error)
{
    struct feed *f = ctx;
    char text[300];

    f->skipped_late++;
    (void)snprintf(text, sizeof text, "%.*s", TARN_BYTES_ARG(key));
    tarn_log(TARN_LOG_WARN, error->message, "resource", f->all->o.name, "key", text, NULL);
}

static void note_full(struct feed *f, const struct tarn_error *error)
{
    bool news = !f->full.code;

    f->full = *error;
    if (!news)
        return;
    f->full_since_ms = now_ms(f);
    tarn_log(TARN_LOG_WARN, error->message, "resource", f->all->o.name, "what", "it waits", NULL);
    changed(f);
}

static void note_room(struct feed *f)
{
    if (!f->full.code || f->incomplete)
        return;
    tarn_log(TARN_LOG_INFO, "the region has room again", "resource", f->all->o.name, "after_ms", TARN_LOG_U64(now_ms(f) - f->full_since_ms), NULL);
    f->full.code = 0;
    f->tries = 0;
    changed(f);
}

static void note_missing(struct feed *f)
{
    uint64_t ms = (uint64_t)RELIST_LEAST_MS << (f->tries < 6 ? f->tries : 6);

    ms = ms < RELIST_MOST_MS ? ms : RELIST_MOST_MS;
    f->tries++;
    f->incomplete = true;
    f->relist_ms = now_ms(f) + ms;
    tarn_log(TARN_LOG_WARN, "objects are missing that do not fit the region", "resource", f->all->o.name, "listed_again_in_ms", TARN_LOG_U64(ms), NULL);
    changed(f);
}

static void on_lost(void *ctx, const struct tarn_error *error)
{
    note_full(ctx, error);
    note_missing(ctx);
}

static void on_listed(void *ctx, uint64_t left_out)
{
    struct feed *f = ctx;

    f->left_out = left_out;
    f->incomplete = false;
    if (left_out)
        note_missing(f);
}

/* The list's version and that it synced are true when its commit is, unless something was left out. */
static void state(void *ctx, struct tarn_bytes rv, bool whole, struct tarn_resource_state *ret)
{
    struct feed *f = ctx;
    struct tarn_rv version = f->applied_version;
    bool synced = f->applied_synced, must_list = f->must_list;

    f->must_list &= !whole;
    if (whole && tarn_rv_set(&f->applied_version, rv))
        f->applied_version = version; /* too long: the reflector would not have taken it */
    f->applied_synced |= whole;
    f->all->o.state(f->all->o.ctx, ret);
    f->applied_version = version;
    f->applied_synced = synced;
    f->must_list = must_list;
}

const struct tarn_backlog_sink feed_backlog_sink = {
    .on_pause = on_pause, .on_skipped = on_skipped, .on_lost = on_lost, .on_listed = on_listed, .state = state};

/* ---- listing again ------------------------------------------------------------------------------------------------- */

uint64_t feed_deadline_ms(const struct feed *f)
{
    return f->incomplete ? f->relist_ms : UINT64_MAX;
}

static bool is_listing(struct feed *f)
{
    struct tarn_reflector_status s;

    feed_source_status(f->source, &s);
    return s.phase == TARN_REFLECTOR_LISTING || s.phase == TARN_REFLECTOR_STREAMING || tarn_region_store_replacing(f->store);
}

void feed_on_timer(struct feed *f)
{
    if (!f->incomplete || now_ms(f) < f->relist_ms)
        return;
    if (is_listing(f)) { /* that one may bring it */
        f->relist_ms = now_ms(f) + RELIST_LEAST_MS;
        return;
    }
    f->relist_ms = UINT64_MAX; /* until that list has ended one way or the other */
    f->full_since_ms = now_ms(f);
    feed_source_relist(f->source);
}

void tarn_feeds_relieved(struct tarn_feeds *f)
{
    for (unsigned i = 0; i < f->n; i++) {
        f->v[i].retry_ms = f->v[i].relist_ms = 0;
        f->v[i].tries = 0;
    }
    f->o.on_change(f->o.ctx);
}

/* ---- turns ---------------------------------------------------------------------------------------------------------- */

static enum tarn_feeds_wait refused(struct feed *f, int rc, const struct tarn_error *err)
{
    if (rc == TARN_E_AGAIN)
        return TARN_FEEDS_WAITS;
    note_full(f, err);
    f->retry_ms = now_ms(f) + RETRY_MS;
    if (tarn_region_store_replacing(f->store) && now_ms(f) - f->full_since_ms >= GIVE_UP_MS)
        tarn_backlog_leave_out(f->backlog);
    return TARN_FEEDS_FULL;
}

static enum tarn_feeds_wait turn(struct feed *f)
{
    struct tarn_error err = {0};
    int rc;

    if (!tarn_backlog_waits(f->backlog))
        return f->incomplete ? TARN_FEEDS_FULL : TARN_FEEDS_IDLE;
    if (now_ms(f) < f->retry_ms)
        return TARN_FEEDS_FULL;
    rc = tarn_backlog_run(f->backlog, SLICE_US, &err);
    if (rc == 1)
        return TARN_FEEDS_BUSY;
    if (rc)
        return refused(f, rc, &err);
    note_room(f);
    changed(f);
    return f->incomplete ? TARN_FEEDS_FULL : TARN_FEEDS_IDLE;
}

enum tarn_feeds_wait tarn_feeds_turn(struct tarn_feeds *f)
{
    enum tarn_feeds_wait worst = TARN_FEEDS_IDLE;

    for (unsigned i = 0; i < f->n; i++) {
        enum tarn_feeds_wait w = turn(&f->v[i]);

        worst = w > worst ? w : worst;
    }
    return worst;
}

/* ---- what is told ------------------------------------------------------------------------------------------------------ */

void feed_status(struct feed *f, struct tarn_reflector_status *s)
{
    feed_source_status(f->source, s);
    if (tarn_backlog_waits(f->backlog) || f->incomplete) {
        s->resource_version = f->applied_version;
        s->has_synced = f->applied_synced;
    } else {
        f->applied_version = s->resource_version;
        f->applied_synced = s->has_synced;
        f->must_list &= s->counters.lists_ok == f->lists_ok_then;
    }
    s->counters.skipped += f->skipped_late;
    if (!f->full.code)
        return;
    s->behind = true;
    s->last_error = f->full;
    s->last_error_at_ms = f->full_since_ms;
    s->last_http_code = 0;
}

void tarn_feeds_held(const struct tarn_feeds *f, struct tarn_feeds_held *ret)
{
    *ret = (struct tarn_feeds_held){0};
    for (unsigned i = 0; i < f->n; i++) {
        const struct feed *v = &f->v[i];
        struct tarn_backlog_facts b;

        tarn_backlog_facts(v->backlog, &b);
        ret->waiting += b.waiting;
        ret->bytes += b.bytes;
        ret->held += b.held;
        ret->full += b.full;
        ret->skipped += v->skipped_late;
        ret->left_out += v->incomplete ? v->left_out : 0;
        ret->incomplete |= v->incomplete;
        if (v->full.code && !ret->error.code) {
            ret->error = v->full;
            ret->since_ms = v->full_since_ms;
        }
    }
}
