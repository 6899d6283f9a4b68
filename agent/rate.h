/* rate.h - a token bucket: so many a second in the long run, a burst after a rest. Source: client-go util/flowcontrol (QPS, Burst). */
#ifndef TARN_AGENT_RATE_H
#define TARN_AGENT_RATE_H

#include <stdbool.h>
#include <stdint.h>

/* {0}: no limit. One thread at a time; set the first two, keep the rest. */
struct tarn_rate {
    uint32_t per_second, burst; /* per_second 0: no limit; burst is at least 1 */
    uint64_t tokens;            /* thousandths of one */
    uint64_t filled_ms;         /* when it was filled last */
    bool begun;                 /* a bucket begins full */
};

/* Take one token at this time (ms, any clock that does not go back). False: there is none, see tarn_rate_wait_ms. */
bool tarn_rate_take(struct tarn_rate *r, uint64_t now_ms);
/* How long until there is one; 0: there is. */
uint32_t tarn_rate_wait_ms(struct tarn_rate *r, uint64_t now_ms);

#endif
