/* tarn/work_queue.h - keys to work on: each at most once at a time, each at least once after its last add; later, or ever later, after a failure.
 *
 *     worker:  while (tarn_work_queue_get(q, &key) == 0) { ... ; tarn_work_queue_done(q, tarn_buf_bytes(&key)); }
 *
 * A key that waits is not added twice. One that is added while it is worked on is worked on again, after tarn_work_queue_done. Keys are bytes, copied.
 *
 * Delays need no thread: whoever gets sleeps until the next key is due. An event loop uses tarn_work_queue_try_get at tarn_work_queue_deadline_ms.
 *
 * Every function may be called from any thread. Sources: client-go util/workqueue (Type, DelayingQueue, RateLimitingInterface,
 * DefaultControllerRateLimiter). Rows T-6 ... T-8.
 */
#ifndef TARN_WORK_QUEUE_H
#define TARN_WORK_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

#include <tarn/bytes.h>
#include <tarn/error.h>
#include <tarn/runtime.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tarn_work_queue;

/* Zero is the default of every field, as the original's controllers have them. */
struct tarn_work_queue_options {
    struct tarn_runtime *rt; /* borrowed; NULL: tarn_runtime_posix() */
    /* How long add_rate_limited waits: the longer of two. base * 2^failures of the key, at most max; and a bucket for all keys. */
    uint64_t base_ms, max_ms;     /* 5, 1,000,000 */
    uint32_t per_second, burst;   /* 10, 100 */
};

/* o may be NULL. 0 or TARN_E_NOMEM. */
TARN_API TARN_MUST_CHECK int tarn_work_queue_new(const struct tarn_work_queue_options *o, struct tarn_work_queue **ret);
/* NULL is allowed. Nobody may be in a call on it. */
TARN_API void tarn_work_queue_free(struct tarn_work_queue *q);

/* Have key worked on. 0 (also when it waits already), TARN_E_CLOSED after a shut-down: not added; TARN_E_NOMEM: not added. */
TARN_API TARN_MUST_CHECK int tarn_work_queue_add(struct tarn_work_queue *q, struct tarn_bytes key);
/* Add it when delay_ms have passed; 0: now. Of two delays of one key the earlier end holds. Errors as add. O(log of the delayed). */
TARN_API TARN_MUST_CHECK int tarn_work_queue_add_after(struct tarn_work_queue *q, struct tarn_bytes key, uint64_t delay_ms);
/* Add it after a failure: later each time, until tarn_work_queue_forget. Errors as add. */
TARN_API TARN_MUST_CHECK int tarn_work_queue_add_rate_limited(struct tarn_work_queue *q, struct tarn_bytes key);
/* Its failures are over: the next is the first again. It stays in the queue if it is there. */
TARN_API void tarn_work_queue_forget(struct tarn_work_queue *q, struct tarn_bytes key);
/* How often it was added rate-limited since it was forgotten. */
TARN_API uint32_t tarn_work_queue_failures(struct tarn_work_queue *q, struct tarn_bytes key);

/*
 * Take the key that waits longest; sleeps until there is one. *ret is cleared and holds a copy. It is in work until done.
 * 0; TARN_E_CLOSED: shut down, and nothing waits any more; TARN_E_NOMEM: it still waits.
 */
TARN_API TARN_MUST_CHECK int tarn_work_queue_get(struct tarn_work_queue *q, struct tarn_buf *ret);
/* The same without sleeping: TARN_E_AGAIN when nothing is due. */
TARN_API TARN_MUST_CHECK int tarn_work_queue_try_get(struct tarn_work_queue *q, struct tarn_buf *ret);
/* When try_get will find something, on the runtime's clock: 0: now; UINT64_MAX: only after another call. */
TARN_API uint64_t tarn_work_queue_deadline_ms(struct tarn_work_queue *q);
/* key is not in work any more; if it was added meanwhile it waits again. A key that was not in work is ignored. */
TARN_API void tarn_work_queue_done(struct tarn_work_queue *q, struct tarn_bytes key);
/* Keys that wait now; neither those in work nor the delayed. */
TARN_API size_t tarn_work_queue_len(struct tarn_work_queue *q);

/* No more adds; what is delayed is dropped; gets take what waits, and then say TARN_E_CLOSED. Ends a drain that another thread waits in. */
TARN_API void tarn_work_queue_shut_down(struct tarn_work_queue *q);
/* The same, and wait until no key is in work. Not from a worker: it would wait for itself. */
TARN_API void tarn_work_queue_shut_down_with_drain(struct tarn_work_queue *q);
TARN_API bool tarn_work_queue_is_shut_down(struct tarn_work_queue *q);

#ifdef __cplusplus
}
#endif
#endif
