/* reflector_list.c - LIST by pages into the staging of the store, and what a committed list means.
 *
 * A round is: choose how to list, list, watch. A list goes page by page through the pager's rules; its items go straight
 * into store.replace_add and become visible together at replace_commit. Rows R-11 ..., W-2.
 */
#include "reflector_state.h"

bool tarn_rfl_is_expired(const struct tarn_status *s)
{
    return tarn_status_is_expired(s) || tarn_status_is_gone(s);
}

/* ---- the requests --------------------------------------------------------------------------- */

void tarn_rfl_begin_round(struct tarn_reflector *r)
{
    r->retried = false;
    r->resync_ms = NEVER; /* a relist restarts the period */
    if (tarn_rfl_may_stream(r))
        tarn_rfl_request_stream(r);
    else
        tarn_rfl_begin_list(r);
}

/* "" when ours is unavailable, "0" when there is none, else "not older than ours". */
static struct tarn_rv list_version(const struct tarn_reflector *r)
{
    if (r->unavailable)
        return (struct tarn_rv){.len = 0};
    if (r->st.resource_version.len == 0)
        return (struct tarn_rv){.len = 1, .text = "0"};
    return r->st.resource_version;
}

/* no limit where a version is named, so that the server's watch cache may answer. */
static uint32_t list_limit(const struct tarn_reflector *r, const struct tarn_rv *rv)
{
    if (r->o.page_size)
        return r->o.page_size;
    if (r->paginated || tarn_rv_is_open(rv))
        return TARN_PAGE_SIZE;
    return 0;
}

void tarn_rfl_begin_list(struct tarn_reflector *r)
{
    struct tarn_rv rv = list_version(r);

    if (!r->retried) /* the second list of a round keeps the first one's page size */
        r->limit = list_limit(r, &rv);
    tarn_pager_start(&r->pager, &rv, r->limit);
    r->st.counters.lists++;
    r->st.counters.relists += r->st.has_synced;
    r->list_began_ms = tarn_rfl_now_of(r);
    if (tarn_rfl_begin_staging(r))
        tarn_rfl_request_page(r);
}

bool tarn_rfl_begin_staging(struct tarn_reflector *r)
{
    struct tarn_error err = {0};

    r->list_items = 0;
    r->page_retries = 0;
    err.code = r->o.store->ops->replace_begin(r->o.store, &err);
    r->staged = err.code == 0;
    if (r->staged)
        return true;
    r->st.counters.list_errors++;
    tarn_rfl_store_failed(r, "failed to begin a list of", &err);
    return false;
}

void tarn_rfl_request_page(struct tarn_reflector *r)
{
    struct tarn_list_options o = tarn_pager_request(&r->pager);
    struct tarn_error err;
    int rc;

    r->page_began_items = r->list_items;
    r->st.phase = TARN_REFLECTOR_LISTING;
    r->changed = true;
    tarn_rfl_unlock(r);
    rc = r->o.list_watch->ops->list(r->o.list_watch, &o, &r->sink);
    tarn_rfl_enter(r);
    if (rc == 0 || r->st.phase != TARN_REFLECTOR_LISTING)
        return;
    (void)tarn_error_set(&err, rc, "the request could not be started: %s", tarn_strerror(rc));
    tarn_rfl_on_list_failure(r, &(struct tarn_end){.reason = TARN_END_ERROR, .error = &err});
}

/* ---- the items -------------------------------------------------------------------------------- */

bool tarn_rfl_is_objects_fault(int code)
{
    switch (code) {
    case TARN_E_KEY:
    case TARN_E_KEY_FORMAT:
    case TARN_E_NO_META:
    case TARN_E_INDEX:
    case TARN_E_TRANSFORM:
    case TARN_E_SIZE:
    case TARN_E_DEPTH:
    case TARN_E_TYPE:
        return true;
    default:
        return false;
    }
}

void tarn_rfl_count_skipped(struct tarn_reflector *r, int code, struct tarn_bytes key, const char *why)
{
    r->st.counters.skipped++;
    if (tarn_rfl_may_tell_of_object(r))
        tarn_rfl_report(r, TARN_REPORT_WARNING, code, key, "skipped an object of %s, '%.*s': %s", r->name,
                        TARN_BYTES_ARG(key), why);
}

/* A refusal of the store that is no single object's fault: report, wait, list again. */
void tarn_rfl_store_failed(struct tarn_reflector *r, const char *what, const struct tarn_error *err)
{
    const char *text = err->message[0] ? err->message : tarn_strerror(err->code);

    tarn_rfl_abort_staging(r);
    r->st.counters.store_errors++;
    tarn_rfl_fail(
        r, &(struct failure){.what = what, .code = err->code, .level = TARN_REPORT_ERROR, .text = tarn_bytes_of(text)},
        true);
    tarn_rfl_wait_backoff(r, STEP_ROUND, 0);
}

int tarn_rfl_stage(struct tarn_reflector *r, const struct tarn_object *obj)
{
    struct tarn_error err = {0};
    int rc = r->o.store->ops->replace_add(r->o.store, obj, &err);

    if (rc == 0) {
        r->list_items++;
        return 0;
    }
    if (tarn_rfl_is_objects_fault(rc) && !tarn_rfl_is_original(r, TARN_ORIGINAL_STORE_ERRORS)) {
        r->st.counters.store_errors++;
        tarn_rfl_count_skipped(r, rc, tarn_object_key(obj), err.message[0] ? err.message : tarn_strerror(rc));
        return 0;
    }
    err.code = rc;
    r->st.counters.list_errors++;
    r->st.behind = true;
    tarn_rfl_store_failed(r, "unable to take the list of", &err);
    return rc;
}

/* ---- the end of a page ---------------------------------------------------------------------------- */

/* The round failed: tell and wait. */
static void list_failed(struct tarn_reflector *r, const struct failure *f)
{
    tarn_rfl_abort_staging(r);
    r->st.counters.list_errors++;
    tarn_rfl_fail(r, f, true);
    tarn_rfl_wait_backoff(r, STEP_ROUND, f->retry_after_ms);
}

/* our version cannot be had. True: list again at once, which happens once in a round. */
static bool list_without_version(struct tarn_reflector *r, const struct tarn_status *s)
{
    bool expired = s && tarn_rfl_is_expired(s), too_large = s && tarn_status_is_resource_version_too_large(s);
    bool named = r->pager.requested.len != 0;

    r->st.counters.expired += expired;
    r->st.counters.too_large += too_large;
    if (!expired && !too_large)
        return false;
    r->unavailable = true;
    if (r->retried || !named)
        return false;
    r->retried = true;
    return true;
}

/* what the pages before brought is worth asking for this one again: it shows the same state, and an item given twice
 * counts once. True: that is done. */
static bool retry_page(struct tarn_reflector *r, const struct tarn_end *end)
{
    struct failure f = tarn_rfl_failure_of_end("failed to list a page of", end);
    bool cut = end->reason == TARN_END_NORMAL || end->reason == TARN_END_ERROR;
    bool throttled = (f.http_code == 429 || f.http_code >= 500) && f.retry_after_ms;

    if (r->pager.cont.len == 0 || r->page_retries >= PAGE_RETRIES || !(cut || throttled) ||
        f.retry_after_ms > PAGE_RETRY_AFTER_MAX_MS)
        return false;
    r->page_retries++;
    r->list_items = r->page_began_items;
    tarn_rfl_fail(r, &f, false);
    tarn_rfl_wait_for(r, STEP_PAGE, throttled ? f.retry_after_ms : PAGE_RETRY_MS);
    return true;
}

void tarn_rfl_on_list_failure(struct tarn_reflector *r, const struct tarn_end *end)
{
    const struct tarn_status *s = end->reason == TARN_END_STATUS ? end->status : NULL;
    struct failure f;

    if (retry_page(r, end))
        return;
    if (tarn_pager_on_failed(&r->pager, s)) { /* what came so far is void */
        tarn_rfl_abort_staging(r);
        if (tarn_rfl_begin_staging(r))
            tarn_rfl_wait_for(r, STEP_PAGE, 0);
    } else if (list_without_version(r, s)) {
        tarn_rfl_abort_staging(r);
        tarn_rfl_wait_for(r, STEP_LIST, 0);
    } else {
        f = tarn_rfl_failure_of_end("failed to list", end);
        list_failed(r, &f);
    }
}

/* A page that cannot be used. */
static void refuse_page(struct tarn_reflector *r, int code, const char *why)
{
    list_failed(r, &(struct failure){
                       .what = "failed to list", .code = code, .level = TARN_REPORT_ERROR, .text = tarn_bytes_of(why)});
}

static void list_completed(struct tarn_reflector *r)
{
    if (r->pager.requested.len && tarn_rv_is_open(&r->pager.requested) && tarn_pager_paged(&r->pager))
        r->paginated = true; /* "0" in pages, so there is no watch cache to spare */
    if (tarn_rfl_commit_list(r, &r->pager.result) == 0)
        tarn_rfl_wait_for(r, STEP_WATCH, 0);
}

void tarn_rfl_on_list_page(struct tarn_reflector *r, const struct tarn_list_meta *meta)
{
    int rc;

    r->st.counters.list_pages++;
    if (tarn_bytes_equal(meta->kind, TARN_BYTES("Table"))) { /* */
        refuse_page(r, TARN_E_UNSUPPORTED, "unsupported list gvk: meta.k8s.io Table");
        return;
    }
    rc = tarn_pager_on_page(&r->pager, meta);
    if (rc == 1)
        tarn_rfl_wait_for(r, STEP_PAGE, 0);
    else if (rc == 0)
        list_completed(r);
    else if (rc == TARN_E_CORRUPT)
        refuse_page(r, rc, "the server gave the same continue token twice");
    else
        refuse_page(r, rc, tarn_strerror(rc));
}

/* ---- a list is complete ------------------------------------------------------------------------------ */

static void note_version(struct tarn_reflector *r, const struct tarn_rv *rv)
{
    bool older = tarn_rv_older(rv, &r->st.resource_version);

    if (older) /* the server was restored from a backup; the list is the truth */
        tarn_rfl_report(r, TARN_REPORT_WARNING, 0, (struct tarn_bytes){0},
                        "the resourceVersion of %s went back from %s to %s: was the server restored?", r->name,
                        r->st.resource_version.text, rv->text);
    r->st.counters.rv_rewinds += older && !r->rewound;
    r->rewound = false;
    r->st.resource_version = *rv;
}

static void count_list(struct tarn_reflector *r, uint64_t now)
{
    struct tarn_reflector_counters *c = &r->st.counters;

    c->lists_ok++;
    c->list_items += r->list_items;
    c->last_list_items = r->list_items;
    c->last_list_ms = now - r->list_began_ms;
    c->list_ms += c->last_list_ms;
    if (c->last_list_ms > SLOW_LIST_MS)
        tarn_rfl_report(r, TARN_REPORT_INFO, 0, (struct tarn_bytes){0}, "a list of %s took %llu ms for %llu items", r->name,
                        (unsigned long long)c->last_list_ms, (unsigned long long)r->list_items);
}

int tarn_rfl_commit_list(struct tarn_reflector *r, const struct tarn_rv *rv)
{
    struct tarn_error err = {0};
    uint64_t now = tarn_rfl_now_of(r);

    r->staged = false; /* whatever commit says */
    err.code = r->o.store->ops->replace_commit(r->o.store, tarn_rv_bytes(rv), &err);
    if (err.code < 0) {
        r->st.counters.list_errors++;
        r->st.behind = true;
        tarn_rfl_store_failed(r, "unable to sync list result of", &err);
        return err.code;
    }
    note_version(r, rv);
    count_list(r, now);
    r->relist_ms = NEVER; /* the watch that follows arms it again */
    r->doubt = false;
    r->unavailable = false; /* */
    r->st.behind = false;
    r->st.has_synced = true;
    r->st.last_list_ms = r->st.last_event_ms = now;
    r->short_in_a_row = 0;
    r->changed = true;
    return 0;
}
