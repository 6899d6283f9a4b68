/* api_watch.h - one WATCH of the read API, from its first event to its end, as kube-apiserver's watch cache serves it.
 *
 *     BEHIND: events made one by one when there is room for them, out of a snapshot that is held: the state as ADDED events, or what happened since
 *             the version asked for, of each object the last; meanwhile what happens anew is queued
 *     LIVE:   what is queued
 *     ENDING: an ERROR, or nothing, and the end
 *
 * A selector sees an object come (ADDED), change, and go (DELETED, with the state that still fitted and the version of the change). The queue holds texts
 * shared with all watches of the same form; one that grows over its bound ends the watch with 410, so that a slow reader costs bounded
 * memory and holds nothing of the region.
 *
 * Of history only the last state is told, and a selector is asked whether it fitted before only where the old state is still there: where not, an
 * object that fits no more is told as DELETED though it may never have been told as ADDED. That is harmless to a cache, silence would not be.
 *
 * Sources: k8s.io/apiserver pkg/storage/cacher (cache_watcher.go), API concepts "resource versions" and "streaming lists"; the recorded
 * exchanges watch-*.
 */
#ifndef TARN_AGENT_API_WATCH_H
#define TARN_AGENT_API_WATCH_H

#include <sys/types.h>

#include "api_form.h"
#include "api_hub.h"
#include "api_request.h"

/* What api_watch_read returns besides a number of bytes and 0 (nothing now). */
#define API_WATCH_END (-1) /* a clean end */

struct api_watch_options {
    const struct api_request *request; /* verb API_WATCH, nothing refused; it and what follows are borrowed as long as the watch */
    struct api_form form;
    void (*wake)(void *ctx); /* there is something to read, after a 0; never from within a call of this header */
    void *ctx;
};

/* 0, TARN_E_NOMEM. A version that is too old, or (of a streaming list) too new, is told by the first event. */
int api_watch_new(struct api_hub *h, const struct api_watch_options *o, struct api_watch **ret);
/* Up to n bytes of the stream, 0, or API_WATCH_END. */
ssize_t api_watch_read(struct api_watch *w, char *to, size_t n);
/* Events it was told (queued or written). */
uint64_t api_watch_told(const struct api_watch *w);
/* Did it end by a 410? Because it was read too slowly? */
bool api_watch_was_expired(const struct api_watch *w);
bool api_watch_was_slow(const struct api_watch *w);
/* NULL is allowed. */
void api_watch_free(struct api_watch *w);

#endif
