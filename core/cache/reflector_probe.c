/* reflector_probe.c - was the server restored from a backup while we were cut off?
 *
 * A plain WATCH from a version that the server has not reached (again) is no error: it is silent until its time is over,
 * and so is the next. Only a LIST tells. So when a watch was cut or refused or said nothing in all its time, and the one
 * after it says nothing either within a bookmark's time, one object is listed at our version: a server that lies behind it
 * answers "too large resource version", any other answer ends the doubt. Section 15, R-20.
 */
#include "reflector_state.h"

/* The watch is over. Before its time, long after it, or silent throughout: something may have happened to the server. */
void tarn_rfl_doubt_if_disturbed(struct tarn_reflector *r)
{
    uint64_t now = tarn_rfl_now_of(r), planned = r->watch_deadline_ms - WATCH_GRACE_MS;

    if (r->events == 0 || now + ON_TIME_MS < planned || now >= r->watch_deadline_ms)
        r->doubt = true;
}

/* When to ask; NEVER: no doubt, or none wanted. */
uint64_t tarn_rfl_doubt_deadline(const struct tarn_reflector *r)
{
    if (!r->doubt || r->events || tarn_rfl_is_original(r, TARN_ORIGINAL_RV_REWIND))
        return NEVER;
    return r->request_ms + (r->o.doubt_ms ? r->o.doubt_ms : DOUBT_MS);
}

void tarn_rfl_request_probe(struct tarn_reflector *r)
{
    struct tarn_list_options o = {.limit = 1};
    struct tarn_rv asked = r->st.resource_version;
    int rc;

    o.resource_version = tarn_rv_bytes(&asked);
    r->probing = true;
    r->probe_items = 0;
    r->st.counters.probes++;
    r->st.phase = TARN_REFLECTOR_LISTING;
    r->changed = true;
    tarn_rfl_unlock(r);
    rc = r->o.list_watch->ops->list(r->o.list_watch, &o, &r->sink);
    tarn_rfl_enter(r);
    if (rc < 0 && r->st.phase == TARN_REFLECTOR_LISTING)
        tarn_rfl_on_probe_failure(r, &(struct tarn_end){.reason = TARN_END_ERROR});
}

static void answered(struct tarn_reflector *r)
{
    r->probing = r->doubt = false;
    tarn_rfl_wait_for(r, STEP_WATCH, 0);
}

/* A server that ignores the limit need not send the rest: that it answers at all was the question. */
int tarn_rfl_on_probe_item(struct tarn_reflector *r)
{
    if (r->probe_items++ == 0)
        return 0;
    answered(r);
    return TARN_E_CLOSED;
}

void tarn_rfl_on_probe_page(struct tarn_reflector *r, const struct tarn_list_meta *meta)
{
    struct tarn_rv rv = {0};

    if (tarn_rv_set(&rv, meta->resource_version) < 0 || !tarn_rv_older(&rv, &r->st.resource_version)) {
        answered(r);
        return;
    }
    r->probing = r->doubt = false;
    tarn_rfl_went_back(r, &rv);
}

void tarn_rfl_on_probe_failure(struct tarn_reflector *r, const struct tarn_end *end)
{
    const struct tarn_status *s = end->reason == TARN_END_STATUS ? end->status : NULL;

    r->probing = false;
    if (s && tarn_status_is_resource_version_too_large(s)) {
        r->doubt = false;
        r->st.counters.too_large++;
        tarn_rfl_went_back(r, NULL);
        return;
    }
    tarn_rfl_wait_backoff(r, STEP_WATCH, end->retry_after_ms); /* the doubt stays */
}
