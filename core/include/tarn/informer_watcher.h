/* tarn/informer_watcher.h - an informer as a watch: what was listed and what changes, as ADDED, MODIFIED and DELETED in order; and
 * waiting until conditions on them hold.
 *
 * Unlike a watch it goes on over 410 and over ends of streams, and unlike tarn_retry_watcher it begins with what is there. Source: client-go
 * tools/watch (NewIndexerInformerWatcher, UntilWithSync). Rows T-4, T-5.
 */
#ifndef TARN_INFORMER_WATCHER_H
#define TARN_INFORMER_WATCHER_H

#include <tarn/retry_watcher.h>
#include <tarn/shared_informer.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tarn_informer_watcher;

/* Where events go: on the informer's thread for handlers, or from tarn_shared_informer_step. obj is borrowed. of DELETED: the last known state; a
 * bare key (TARN_OBJECT_EXPLICIT_KEY) when none is known. */
struct tarn_event_sink {
    void (*on_event)(void *ctx, enum tarn_watch_event_type type, const struct tarn_object *obj);
    void *ctx;
};

/* o as tarn_shared_informer_new's, borrowed until free; sink is copied. The errors of making it and of adding a handler. */
TARN_API TARN_MUST_CHECK int tarn_informer_watcher_new(const struct tarn_shared_informer_options *o, const struct tarn_event_sink *sink,
                                                       struct tarn_informer_watcher **ret, struct tarn_error *err);
/* The informer: run or start it, read its indexer, stop it. Owned by the watcher. */
TARN_API struct tarn_shared_informer *tarn_informer_watcher_informer(struct tarn_informer_watcher *w);
/* As tarn_shared_informer_free: not while it runs. NULL is allowed. */
TARN_API void tarn_informer_watcher_free(struct tarn_informer_watcher *w);

/* Asked once, after the store has synced. 1: that is enough, no event is waited for; 0: go on; negative: give up with it. */
struct tarn_precondition {
    int (*fn)(void *ctx, struct tarn_indexer *store);
    void *ctx;
};

/*
 * List and watch until the precondition (NULL: none) holds or u's conditions have come true in turn, beginning with what was listed. Blocks; the
 * informer runs on threads of o's runtime and has ended when this returns. u->last is the event that fulfilled the last condition, NULL
 * when the precondition was enough.
 *
 * 0; TARN_E_TIMEOUT after timeout_ms (UINT64_MAX: no limit; err says whether the list was still missing); an error of a condition, of
 * the precondition or of making the informer.
 */
TARN_API TARN_MUST_CHECK int tarn_until_with_sync(const struct tarn_shared_informer_options *o, const struct tarn_precondition *precondition,
                                                  struct tarn_until *u, uint64_t timeout_ms, struct tarn_error *err);

#ifdef __cplusplus
}
#endif
#endif
