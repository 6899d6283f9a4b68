/* chaos.h - a reflector between a server with faults and a store, driven through random times on a fake clock, and what must
 * hold all the while:
 *   (a) it never loops hot: `most` counts the requests of the busiest minute,
 *   (b) it comes to the server's state once the faults are over (chaos_converge),
 *   (c) it never loses or invents an object: the store is the server's state at the version the reflector names,
 *   (d) has_synced is never taken back,
 *   (e) on_change tells when the time it wants the timer comes earlier, or its status changes.
 */
#ifndef CHAOS_H
#define CHAOS_H

#include <tarn/reflector.h>

#include "fake_source.h"
#include "tee_store.h"

struct chaos {
    struct fake_runtime rt;
    struct fake_source source;
    struct fake_store store;
    struct tee_store tee; /* of the store above and a real one, which must always agree; real NULL: none */
    void (*after_turn)(void *ctx); /* the end of each turn of the driver: a region commits; NULL: nothing */
    void *turn_ctx;
    struct tarn_reflector *r;
    uint64_t seed;
    uint64_t times[1 << 16]; /* of requests but next pages */
    unsigned requests, most; /* in a minute */
    uint64_t told_ms;                     /* deadline and status when on_change was last called, */
    struct tarn_reflector_status told;    /* or the driver looked by itself */
    bool synced, strayed;    /* strayed: restored behind the store's version, which nobody has noticed yet */
    unsigned commits, rewinds;
};

/*
 * A reflector at rest with options o. real: a store to fill as well; the run owns it, and its store then has
 * replace_remove. NULL: only the fake one, which has that or not by the seed.
 */
struct chaos *chaos_new(uint64_t seed, struct tarn_reflector_options o, struct tarn_store *real);
void chaos_free(struct chaos *c);
/* A mixture of options that depends on the seed. */
struct tarn_reflector_options chaos_options(uint64_t seed);
/* Let ms pass; the server answers at once unless it is silent. Checks (a) and (c) to (e) at each step. */
void chaos_pass(struct chaos *c, uint64_t ms);
/* Random changes, resets, restores, refusals of the store, stops and starts. */
void chaos_live_through(struct chaos *c, unsigned steps);
/* The faults are over: (b). */
void chaos_converge(struct chaos *c);
/* From here until the next list the store need not be what its version says. */
void chaos_stray(struct chaos *c);
/* Any key of twelve. Static buffer. */
const char *chaos_key(struct chaos *c);
struct tarn_reflector_status chaos_status(struct chaos *c);

#endif
