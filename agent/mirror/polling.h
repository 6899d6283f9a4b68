/* polling.h - keeps a store equal to a resource that is listed again and again: for what the server cannot watch, or shall not.
 *
 * core's poller (<tarn/poller.h>) says when and does the Replace; this asks a list_watch for the pages in between. The store makes
 * differences of it: an object that did not change causes no event. Told in a reflector's words, so that status and logs are the same for both:
 * has_synced when a whole list was stored, live while the newest poll went well.
 *
 * On the list_watch's thread.
 */
#ifndef TARN_AGENT_POLLING_H
#define TARN_AGENT_POLLING_H

#include <tarn/list_watch.h>
#include <tarn/reflector.h>

struct tarn_polling;

struct tarn_polling_options {
    struct tarn_list_watch *list_watch; /* borrowed until free, as are the next two; only LISTs are asked of it */
    struct tarn_store *store;
    struct tarn_runtime *rt;
    const char *name;        /* the resource, for messages; borrowed */
    uint32_t period_ms;      /* from the end of a list to the begin of the next, made longer by chance up to a tenth */
    uint32_t start_delay_ms; /* the first waits by chance up to so long */
    uint32_t page_size;      /* 0: 500 where no version is named */
    void (*on_report)(void *ctx, const struct tarn_reflector_report *report);
    void (*on_change)(void *ctx); /* the deadline or the status may have changed */
    void *ctx;
};

int tarn_polling_new(const struct tarn_polling_options *o, struct tarn_polling **ret, struct tarn_error *err);
/* NULL is allowed. Not from inside a callback. */
void tarn_polling_free(struct tarn_polling *p);
void tarn_polling_start(struct tarn_polling *p);
/* No request and no call of the store after this. */
void tarn_polling_stop(struct tarn_polling *p);
uint64_t tarn_polling_deadline_ms(struct tarn_polling *p);
void tarn_polling_on_timer(struct tarn_polling *p);
/* Poll now. */
void tarn_polling_relist(struct tarn_polling *p);
/* Poll another server now: what was under way at the one before is dropped. */
void tarn_polling_relist_afresh(struct tarn_polling *p);
void tarn_polling_status(struct tarn_polling *p, struct tarn_reflector_status *ret);

#endif
