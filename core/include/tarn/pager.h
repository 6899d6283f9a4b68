/* tarn/pager.h - the rules by which one list is fetched in pages, without the fetching.
 *
 * Ask tarn_pager_request for each page's options, tell the pager how the page went. It keeps the continue
 * token and the result's resourceVersion, and knows when an expired token is answered by one full list.
 * Items never pass through it. Not thread-safe. Source: client-go tools/pager/pager.go (List, and with
 * full_list_if_expired false the rules of EachListItem); rows R-12, L-6, L-7.
 */
#ifndef TARN_PAGER_H
#define TARN_PAGER_H

#include <tarn/list_watch.h>
#include <tarn/resource_version.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TARN_PAGE_SIZE 500

/* {0} is a pager at rest; release it with tarn_pager_release. */
struct tarn_pager {
    struct tarn_rv requested; /* of the first page's request */
    struct tarn_rv result;    /* of the first page's answer: what the whole list shows */
    struct tarn_buf cont;     /* the token for the next page; empty: the first */
    uint32_t limit;           /* per page, 0: none */
    uint32_t pages;           /* received in this attempt */
    bool full_list_if_expired;
    bool full;                /* the fallback: one list without limit is under way */
};

/* Begin a list at rv (may be "" or "0") with pages of limit. Keeps the pager's memory. */
TARN_API void tarn_pager_start(struct tarn_pager *p, const struct tarn_rv *rv, uint32_t limit);
/* Free its memory and make it a pager at rest. */
TARN_API void tarn_pager_release(struct tarn_pager *p);

/* The options of the page to ask for now; borrowed from p, until its next call. */
TARN_API struct tarn_list_options tarn_pager_request(const struct tarn_pager *p);

/*
 * A page came. Returns 1: ask for the next; 0: the list is complete, p->result is its resourceVersion;
 * TARN_E_NOMEM; TARN_E_SIZE (resourceVersion too long); TARN_E_CORRUPT (the server gave the same token again).
 */
TARN_API TARN_MUST_CHECK int tarn_pager_on_page(struct tarn_pager *p, const struct tarn_list_meta *meta);

/*
 * A page failed; status may be NULL. Returns true when a full list is to be asked for instead: what the pages
 * before brought is void. False: the list failed.
 */
TARN_API bool tarn_pager_on_failed(struct tarn_pager *p, const struct tarn_status *status);

/* Did the list come in more than one answer? */
static inline bool tarn_pager_paged(const struct tarn_pager *p)
{
    return p->pages > 1 || p->full;
}

#ifdef __cplusplus
}
#endif
#endif
