/* sim_fault.h - misbehaviour on demand: what goes wrong, for which requests, how often.
 *
 * A fault is armed by --fault or POST /sim/fault and fires at the place that knows how to misbehave in that way;
 * sim_faults_hit asks whether it should, and counts. One thread.
 */
#ifndef SIM_FAULT_H
#define SIM_FAULT_H

#include "sim_api.h"

/* X(NAME, "name", "what it does; which keys it reads") */
#define SIM_FAULT_MAP(X)                                                                                               \
    X(STATUS, "status", "answer with an error: code (410, 429, 500, 503, 401, 403, 404 ...), retry-after, shape=text") \
    X(MISSING, "missing", "the resource does not exist (404), until the fault is removed or its count is used up")     \
    X(CLOSE, "close", "close the connection without an answer")                                                        \
    X(DELAY, "delay", "answer only after ms")                                                                          \
    X(TRUNCATE, "truncate", "cut the connection behind bytes of the body")                                             \
    X(GARBLE, "garble", "spoil the byte of the body at offset bytes, so that it is no JSON")                           \
    X(SLOW, "slow", "send the body at bytes per second")                                                               \
    X(STALL, "stall", "send the headers and then nothing, for ever")                                                   \
    X(EXPIRE_CONTINUE, "expire-continue", "a continue token is too old (410)")                                         \
    X(NO_STREAMING, "no-streaming", "refuse streaming lists (422), as a server without the feature")                   \
    X(NO_WATCH, "no-watch", "the resource cannot be watched: discovery has no such verb, a watch is refused (405)")     \
    X(NO_END_BOOKMARK, "no-end-bookmark", "a streaming list never sends the bookmark at its end")                      \
    X(WATCH_ERROR, "watch-error", "an ERROR event with code (default 410) after events, then the watch ends")          \
    X(SHORT_WATCH, "short-watch", "a watch ends after ms, cleanly")                                                    \
    X(OLD_EVENT, "old-event", "a watch event shows a resourceVersion lower by `by` (default 10)")                      \
    X(LOST_EVENT, "lost-event", "a change is not told to any watch")

enum sim_fault_kind {
#define X(name, text, help) SIM_FAULT_##name,
    SIM_FAULT_MAP(X)
#undef X
    SIM_FAULT_KINDS
};

struct sim_fault {
    enum sim_fault_kind kind;
    unsigned id;
    char resource[160], verb[24]; /* "": any */
    int64_t count;                /* times left; -1: no end */
    double probability;
    unsigned code, retry_after_s;
    uint64_t bytes, ms, events, by;
    bool text_shape;
    char message[256];
    uint64_t hits;
    struct sim_fault *next;
};

struct sim_faults;

struct sim_faults *sim_faults_new(uint64_t seed);
void sim_faults_free(struct sim_faults *f);
/* Arm what "kind=status,code=429,resource=pods,count=3" says. The first word may stand without `kind=`. */
int sim_faults_add(struct sim_faults *f, const char *spec, unsigned *ret_id, struct tarn_error *err);
/* Disarm fault id; 0: all. */
void sim_faults_remove(struct sim_faults *f, unsigned id);
/* Does a fault of this kind hit now? It counts as used then. Borrowed until the next call; NULL: no. */
const struct sim_fault *sim_faults_hit(struct sim_faults *f, enum sim_fault_kind kind, const char *resource,
                                       const char *verb);
uint64_t sim_faults_total(const struct sim_faults *f); /* hits of all faults ever */
/* Append the armed faults as a JSON array. */
void sim_faults_print(const struct sim_faults *f, struct tarn_buf *out);
/* Append one line for each kind: for --help. */
void sim_faults_help(struct tarn_buf *out);

/* Let the faults that concern a whole request do their work. True: c was answered (or put off). delayed: it was put
 * off before. */
bool sim_fault_request(struct sim_call *c, bool delayed);

#endif
