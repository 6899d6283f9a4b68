/* api_cache.c - see api_cache.h. */
#include "api_cache.h"

void api_cache_init(struct api_cache *c, unsigned max, void (*free_entry)(struct api_cache_entry *e))
{
    *c = (struct api_cache){.max = max, .free_entry = free_entry};
    for (unsigned i = 0; i < API_CACHE_BUCKETS; i++)
        LIST_INIT(&c->buckets[i]);
    TAILQ_INIT(&c->uses);
}

/* The hash is as good as random. */
static unsigned bucket_of(const struct api_hash *h)
{
    unsigned n;

    memcpy(&n, h->v, sizeof n);
    return n % API_CACHE_BUCKETS;
}

void api_cache_remove(struct api_cache *c, struct api_cache_entry *e)
{
    LIST_REMOVE(e, link);
    TAILQ_REMOVE(&c->uses, e, use);
    c->n--;
    c->free_entry(e);
}

void api_cache_release(struct api_cache *c)
{
    struct api_cache_entry *e;

    while ((e = TAILQ_FIRST(&c->uses)))
        api_cache_remove(c, e);
}

struct api_cache_entry *api_cache_find(struct api_cache *c, const struct api_hash *question, uint64_t now_ms)
{
    struct api_cache_entry *e;

    LIST_FOREACH(e, &c->buckets[bucket_of(question)], link)
        if (memcmp(e->question.v, question->v, sizeof question->v) == 0)
            break;
    if (e && !e->asking && now_ms >= e->until_ms) {
        api_cache_remove(c, e);
        return NULL;
    }
    if (e) {
        TAILQ_REMOVE(&c->uses, e, use);
        TAILQ_INSERT_TAIL(&c->uses, e, use);
    }
    return e;
}

static bool make_room(struct api_cache *c)
{
    struct api_cache_entry *e;

    TAILQ_FOREACH(e, &c->uses, use)
        if (!e->asking)
            break;
    if (e)
        api_cache_remove(c, e);
    return e != NULL;
}

bool api_cache_add(struct api_cache *c, struct api_cache_entry *e)
{
    if (c->n >= c->max && !make_room(c))
        return false;
    LIST_INSERT_HEAD(&c->buckets[bucket_of(&e->question)], e, link);
    TAILQ_INSERT_TAIL(&c->uses, e, use);
    c->n++;
    return true;
}

void api_cache_answered(struct api_cache_entry *e, uint64_t now_ms, uint32_t good_for_ms)
{
    e->asking = false;
    e->until_ms = now_ms + good_for_ms;
}
