/* api_cache.h - a bounded number of answers, each under the hash of its question and good for a bounded time.
 *
 * An entry is the first member of what its owner keeps. While its answer is on the way (`asking`) it stays; else it goes when its time is over, or
 * when there is no room and it is the one that was not wanted for longest. One thread.
 */
#ifndef TARN_AGENT_API_CACHE_H
#define TARN_AGENT_API_CACHE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "api_hash.h"

#define API_CACHE_BUCKETS 1024u

struct api_cache_entry {
    LIST_ENTRY(api_cache_entry) link;
    TAILQ_ENTRY(api_cache_entry) use; /* the one used last at the end */
    struct api_hash question;
    bool asking;
    uint64_t until_ms; /* not asking: it is over then */
};

struct api_cache {
    LIST_HEAD(, api_cache_entry) buckets[API_CACHE_BUCKETS];
    TAILQ_HEAD(, api_cache_entry) uses;
    unsigned n, max;
    void (*free_entry)(struct api_cache_entry *e);
};

void api_cache_init(struct api_cache *c, unsigned max, void (*free_entry)(struct api_cache_entry *e));
/* Every entry goes. */
void api_cache_release(struct api_cache *c);

/* The entry of this question, NULL: none that is still good. O(1). */
struct api_cache_entry *api_cache_find(struct api_cache *c, const struct api_hash *question, uint64_t now_ms);
/* Put e (with its question, asking) in. False: there is no room, for all are being asked. */
bool api_cache_add(struct api_cache *c, struct api_cache_entry *e);
/* Its answer is there, and good for so long. */
void api_cache_answered(struct api_cache_entry *e, uint64_t now_ms, uint32_t good_for_ms);
/* Take e out and free it. */
void api_cache_remove(struct api_cache *c, struct api_cache_entry *e);

#endif
