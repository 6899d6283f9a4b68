/* api_counters.h - what the read API has done, and its sign of life: counted on its thread, told by the ingest thread with all other facts.
 *
 * Each by itself: relaxed. Those under "now" go up and down.
 */
#ifndef TARN_AGENT_API_COUNTERS_H
#define TARN_AGENT_API_COUNTERS_H

#include <stdatomic.h>

#include "http_server.h"
#include "pulse.h"

struct api_counters {
    struct tarn_pulse pulse; /* its thread's */
    struct tarn_http_counters http;
    _Atomic uint64_t gets, lists, watches, discoveries, passed; /* requests by what they were; passed: on to the API server, or refused as not ours */
    _Atomic uint64_t unauthorized, forbidden, unavailable;      /* answered 401, 403; 429 or 503 because the realm or the API server is not there */
    _Atomic uint64_t events;      /* told to watches */
    _Atomic uint64_t slow;        /* watches ended because their peer was too slow */
    _Atomic uint64_t expired;     /* 410, as an answer or an event */
    _Atomic uint64_t watches_now, lists_held; /* now */
};

static inline void api_count(_Atomic uint64_t *counter, int64_t n)
{
    atomic_fetch_add_explicit(counter, (uint64_t)n, memory_order_relaxed);
}

#endif
