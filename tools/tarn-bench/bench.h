/* bench.h - what the parts of tarn-bench share: the clock, random numbers, percentiles, and one way to report.
 *
 * Every figure is a row {part, who, what, size, value, unit}; a peer's row of the same `what` and size gives a ratio. Peers are
 * measured in the same run, alternating. Units that end in "/s" are better when more, all others when less.
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
int bench_json(const struct bench_options *o);
int bench_core(const struct bench_options *o);
int bench_region(const struct bench_options *o);
int bench_agent(const struct bench_options *o);
int bench_tls(const struct bench_options *o);
int bench_informers(const struct bench_options *o);
int bench_fleet(const struct bench_options *o);
int bench_restart(const struct bench_options *o);
int bench_api(const struct bench_options *o);
/* What a process of the fleet runs: `tarn-bench consumer SOCKET`. Its exit code. */
#define BENCH_CONSUMER "consumer"
int bench_consumer(const char *socket);
int bench_floors(const struct bench_options *o);
/* Of the agent's part: how old a change is when a reader has it. */
int bench_freshness(const struct bench_options *o);

/* Nanoseconds: monotonic, and of this thread's CPU. */
uint64_t bench_now_ns(void);
uint64_t bench_cpu_ns(void);
void bench_pause_ms(unsigned ms);
/* xorshift; state must not be 0. */
uint64_t bench_random(uint64_t *state);
/* Sort v in place; the value at fraction q (0.5, 0.99, 1). n > 0. */
uint64_t bench_percentile(uint64_t *v, size_t n, double q);

/* Note one figure of who ("tarn", "lmdb", ...) for what ("get p50") at size n. Printed at once, and kept for --json. */
void bench_report(const char *part, const char *who, const char *what, uint64_t n, double value, const char *unit);
/* Of something measured more than once in a run: the row holds the best of its values. */
void bench_report_best(const char *part, const char *who, const char *what, uint64_t n, double value, const char *unit);
/* p50, p99, p99.9 and max of v, each times scale; v gets sorted. */
void bench_report_percentiles(const char *part, const char *who, const char *what, uint64_t n, uint64_t *v, size_t count, double scale,
                              const char *unit);
/* How many times as good a's figure is as b's, for what and n; floor: the ratio asked for, 0 for none. A missed floor is marked
 * MISSED and makes --floors exit 3. Nothing happens where one of the two was not measured. */
void bench_ratio(const char *part, const char *what, uint64_t n, const char *a, const char *b, double floor);
/* The same between two different rows. */
void bench_ratio_between(const char *part, const char *a, const char *what, uint64_t n, const char *part_b, const char *b, const char *what_b,
                         double floor);
/* An absolute target: at most limit, or at least where more is better. */
void bench_limit(const char *part, const char *who, const char *what, uint64_t n, double limit);
/* A line for people, e.g. why a peer was left out. */
void bench_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Figures as JSON; --json's file is tried before the run. 0, or 1 with the reason on stderr. */
bool bench_can_write(const char *path);
int bench_write_json(const char *path);
/* Drop them; how many targets were missed. */
unsigned bench_figures_end(void);

#endif
