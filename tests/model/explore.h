/* explore.h - an exhaustive explorer of small concurrent programs under SC, TSO and PSO.
 *
 * A world is a handful of bytes of shared memory and up to three threads, each a step function with a program counter and
 * registers. Stores go through a store buffer: in TSO it drains in order, in PSO per address, with store-store barriers
 * kept. Loads are in order (what acquire promises). Every interleaving of steps and drains is visited once.
 */
#ifndef EXPLORE_H
#define EXPLORE_H

#include <stdbool.h>
#include <stdint.h>

#define WORLD_VARS 28
#define WORLD_THREADS 3
#define WORLD_REGS 16
#define WORLD_BUFFER 10

enum memory_model { MODEL_SC, MODEL_TSO, MODEL_PSO, MODELS };

struct state {
    uint8_t mem[WORLD_VARS];
    struct {
        uint8_t pc, reg[WORLD_REGS], n;
        struct {
            uint8_t var, val, barrier; /* barrier: nothing stored later may come before what was stored earlier */
        } buffer[WORLD_BUFFER];
    } thread[WORLD_THREADS];
};

struct world {
    const char *name;
    unsigned threads;
    void (*begin)(struct state *s, unsigned flags);
    /* One step of thread t. Returns false when it cannot move (finished, or waits for its buffer). */
    bool (*step)(struct state *s, unsigned t, unsigned flags);
    /* Optional: judge a state in which nobody can move. */
    void (*end)(const struct state *s, unsigned flags);
};

struct result {
    uint64_t states, wrong;
    char first[160]; /* what went wrong first */
};

/* Explore everything. *ret->wrong counts the calls of explore_wrong. */
void explore(const struct world *w, enum memory_model model, unsigned flags, struct result *ret);

/* ---- for step functions ------------------------------------------------------------------ */

uint8_t explore_load(const struct state *s, unsigned t, unsigned var);
/* false: the buffer is full, the step must return false. */
bool explore_store(struct state *s, unsigned t, unsigned var, uint8_t val);
/* A store behind a store-store barrier. */
bool explore_release(struct state *s, unsigned t, unsigned var, uint8_t val);
/* A store-store barrier by itself: for the next store. */
void explore_store_fence(struct state *s, unsigned t);
/* May a full fence (or an atomic exchange) pass? Only with an empty buffer. */
bool explore_fenced(const struct state *s, unsigned t);
/* Fork: the step is also taken in the state `other`, made by the step function. */
void explore_also(const struct state *other);
/* The protocol gave a wrong answer. */
void explore_wrong(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
