/* tarn/rate.h - a token bucket: so many a second in the long run, a burst after a rest.
 *
 * Time is an argument. Not thread-safe. Source: client-go util/flowcontrol (QPS, Burst), golang.org/x/time/rate (Reserve).
 */
#ifndef TARN_RATE_H
#define TARN_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include <tarn/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* {0}: no limit. Set the first two, keep the rest. */
struct tarn_rate {
    uint32_t per_second, burst; /* per_second 0: no limit; burst is at least 1 */
    int64_t tokens;             /* thousandths of one; below 0: reserved ahead */
    uint64_t filled_ms;         /* when it was filled last */
    bool begun;                 /* a bucket begins full */
};

/* Take one token at this time (ms, any clock that does not go back). False: there is none, see tarn_rate_wait_ms. */
TARN_API bool tarn_rate_take(struct tarn_rate *r, uint64_t now_ms);
/* How long until there is one; 0: there is. */
TARN_API uint64_t tarn_rate_wait_ms(struct tarn_rate *r, uint64_t now_ms);
/* Take one token in any case, ahead of time if there is none. Returns how long to wait before using it (ms). */
TARN_API uint64_t tarn_rate_reserve(struct tarn_rate *r, uint64_t now_ms);

#ifdef __cplusplus
}
#endif
#endif
