/* pulse.h - a thread's sign of life: the time of its last turn, read by others. */
#ifndef TARN_AGENT_PULSE_H
#define TARN_AGENT_PULSE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#define TARN_PULSE_LATE_MS 30000 /* a thread that was silent so long is taken for stuck */

/* beat_ms: written by its thread, read by any. Relaxed: a number by itself, nothing else is published by it. */
struct tarn_pulse {
    _Atomic uint64_t beat_ms;
};

static inline uint64_t tarn_pulse_clock_ms(void)
{
    return uv_hrtime() / 1000000;
}

static inline void tarn_pulse_beat(struct tarn_pulse *p)
{
    atomic_store_explicit(&p->beat_ms, tarn_pulse_clock_ms(), memory_order_relaxed);
}

static inline bool tarn_pulse_has_beaten(const struct tarn_pulse *p)
{
    return atomic_load_explicit(&p->beat_ms, memory_order_relaxed) != 0;
}

static inline uint64_t tarn_pulse_age_ms(const struct tarn_pulse *p)
{
    uint64_t beat = atomic_load_explicit(&p->beat_ms, memory_order_relaxed), now = tarn_pulse_clock_ms();

    return now > beat ? now - beat : 0;
}

#endif
