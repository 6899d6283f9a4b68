/* fake_list_watch.h - a source that records each request and answers only when the test says so. */
#ifndef FAKE_LIST_WATCH_H
#define FAKE_LIST_WATCH_H

#include <tarn/list_watch.h>
#include <tarn/runtime.h>

struct fake_request {
    enum { FAKE_LIST, FAKE_WATCH } kind;
    char rv[160], match[32], cont[256], label_selector[64], field_selector[64];
    uint32_t limit, timeout_s;
    bool bookmarks, initial_events;
    uint64_t at_ms;
};

#define FAKE_REQUESTS_MAX 4096

struct fake_list_watch {
    struct tarn_list_watch lw; /* first */
    struct tarn_runtime *rt;
    struct fake_request requests[FAKE_REQUESTS_MAX];
    size_t n;                          /* requests so far; those beyond the maximum are only counted */
    struct tarn_list_watch_sink *sink; /* of the request under way, NULL: none */
    unsigned cancels, overlaps;        /* overlap: a request while one was under way */
    int refuse;                        /* the next list or watch returns this; stays until set to 0 */
    bool streaming;                    /* supports streaming lists */
};

void fake_list_watch_init(struct fake_list_watch *f, struct tarn_runtime *rt);
/* The newest request. */
const struct fake_request *fake_last(const struct fake_list_watch *f);
/* "LIST rv=0 limit=500", "WATCH rv=7", "STREAM rv=": the newest request in short. Static buffer. */
const char *fake_last_text(const struct fake_list_watch *f);

/* The answers. Each takes the reference of obj. After an answer that ends the request, or a non-zero
 * return of the sink, nothing is under way. */
int fake_item(struct fake_list_watch *f, const struct tarn_object *obj);
void fake_page_end(struct fake_list_watch *f, const char *rv, const char *cont);
void fake_list_failed(struct fake_list_watch *f, const struct tarn_end *end);
void fake_list_status(struct fake_list_watch *f, int code, const char *reason);
void fake_open(struct fake_list_watch *f);
int fake_event(struct fake_list_watch *f, enum tarn_watch_event_type type, const struct tarn_object *obj);
void fake_watch_end(struct fake_list_watch *f, bool established, const struct tarn_end *end);
void fake_watch_status(struct fake_list_watch *f, bool established, int code, const char *reason);

#endif
