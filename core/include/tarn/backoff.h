/* tarn/backoff.h - how long to wait before the next attempt: exponential, jittered, reset by quiet.
 *
 * Time and chance are arguments. One state may serve several reasons to wait, as in client-go's
 * reflector. Not thread-safe. Source: client-go tools/cache/reflector.go (0.8 s, factor 2, cap 30 s,
 * jitter 1.0, reset 2 min) and apimachinery's wait.Backoff.
 */
#ifndef TARN_BACKOFF_H
#define TARN_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

#include <tarn/error.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tarn_backoff_options {
    uint32_t base_ms;  /* the first wait before jitter; 0: 800 */
    uint32_t cap_ms;   /* no wait before jitter is longer; 0: 30,000 */
    uint32_t reset_ms; /* 0: 120,000 */
    /* false: start again after reset_ms in which nobody asked for a wait (client-go <= 1.35).
     * true: start again every reset_ms even while all attempts fail (client-go >= 1.36). */
    bool window;
};

/* Caller's memory; nothing to release. */
struct tarn_backoff {
    struct tarn_backoff_options options;
    uint32_t next_ms; /* the next wait before jitter */
    uint64_t mark_ms; /* the last ask, or with window the window's begin */
};

/* options NULL: the defaults. */
TARN_API void tarn_backoff_init(struct tarn_backoff *b, const struct tarn_backoff_options *options);
/*
 * The wait before the next attempt: uniform in [d, 2d) for d = base, 2 base, 4 base ... cap.
 * random: 64 uniform random bits.
 */
TARN_API uint32_t tarn_backoff_next(struct tarn_backoff *b, uint64_t now_ms, uint64_t random);

#ifdef __cplusplus
}
#endif
#endif
