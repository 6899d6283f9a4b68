/* api_page.h - one LIST on its way out: what of a view it shows, and the text of it, made as it is sent.
 *
 * Check, then send: bytes leave only after the snapshot was found still honoured behind them. One that expires in the middle cuts the
 * connection; before the first byte it is an error that the caller of api_page_begin may try again.
 */
#ifndef TARN_AGENT_API_PAGE_H
#define TARN_AGENT_API_PAGE_H

#include "api_call.h"
#include "api_view.h"

struct api_page;

struct api_page_ask {
    struct api_call *call;
    struct api_views *views;
    struct api_view *view; /* taken, also on an error */
    struct tarn_bytes after; /* only what is behind this key; empty: all */
    uint64_t limit;          /* 0: none */
    uint64_t now_ms;         /* the loop's clock */
    int64_t now_s;           /* the wall clock */
};

/*
 * Begin, and answer the call, which is the page's own from here. 0; or TARN_E_EXPIRED, TARN_E_NOMEM, TARN_E_CORRUPT: then the call is
 * still the caller's.
 */
TARN_MUST_CHECK int api_page_begin(const struct api_page_ask *a);

#endif
