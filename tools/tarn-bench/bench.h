/* bench.h - what the parts of tarn-bench share: the clock, random numbers, percentiles, and one way to report.
 *
 * Every figure is a row {part, what, size, value, unit}; a peer's row of the same `what` and `size` lets the
 * printer show a ratio. Peers are measured in the same run, alternating.
 */
#ifndef TARN_BENCH_H
#define TARN_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bench_options {
    bool quick;          /* fewer sizes and repetitions */
    const char *anchors; /* --anchors DIR: external programs to run beside, or NULL */
};

/* The parts; each returns 0 or the number of things that went wrong. */
int bench_ingest(const struct bench_options *o);
int bench_core(const struct bench_options *o);
int bench_region(const struct bench_options *o);
int bench_agent(const struct bench_options *o);

/* Nanoseconds: monotonic, and of this thread's CPU. */
uint64_t bench_now_ns(void);
uint64_t bench_cpu_ns(void);
/* xorshift; state must not be 0. */
uint64_t bench_random(uint64_t *state);
/* Sort v in place; the value at fraction q (0.5, 0.99). n > 0. */
uint64_t bench_percentile(uint64_t *v, size_t n, double q);

/* Note one figure of who ("tarn", "lmdb", ...) for what ("get p50") at size n. Printed at once, and kept for --json. */
void bench_report(const char *part, const char *who, const char *what, uint64_t n, double value, const char *unit);
/* Print `a`'s figure over `b`'s for what and n; better: "less" or "more" says which is good; floor: the ratio asked for,
 * 0 for none. A missed floor is marked MISSED and makes --floors exit 3. */
void bench_ratio(const char *part, const char *what, uint64_t n, const char *a, const char *b, double floor);
/* A line for people, e.g. why a peer was left out. */
void bench_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
