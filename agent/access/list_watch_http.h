/* list_watch_http.h - a struct tarn_list_watch over HTTP: one resource of an API server.
 *
 * Builds the requests, feeds the answers to the transcoder as they arrive and hands what closes to the sink. The
 * status of a response is looked at before its body: only a 2xx of JSON reaches the transcoder, the body of an error is
 * kept (at most 64 KiB) and becomes a Status. A broken page or watch line is TARN_END_UNDECODABLE and names the
 * resource and the byte.
 *
 * One request at a time, on the loop's thread. Rows: L-1, L-3, L-5, R-18, R-24, R-25, R-31, R-32, A-23.
 */
#ifndef TARN_AGENT_LIST_WATCH_HTTP_H
#define TARN_AGENT_LIST_WATCH_HTTP_H

#include <tarn/list_watch.h>

#include "http.h"

struct tarn_list_watch_http_options {
    struct tarn_http *http; /* borrowed, outlives it */
    const char *api_version; /* "v1" or "apps/v1" */
    const char *plural;      /* "pods" */
    const char *namespace;   /* NULL or "": all */
    const char *label_selector, *field_selector; /* NULL: none */
    bool metadata_only;      /* ask for PartialObjectMetadata in place of the objects */
    struct tarn_projection projection;
    uint32_t max_object_bytes;
    uint16_t store_id;
    bool streaming_lists;
};

/* Options are copied. TARN_E_INVAL names a path that does not parse; TARN_E_NOMEM. */
int tarn_list_watch_http_new(const struct tarn_list_watch_http_options *o, struct tarn_list_watch **ret, struct tarn_error *err);
/* Drops a request under way. Not from inside a sink's call. NULL is allowed. */
void tarn_list_watch_http_free(struct tarn_list_watch *lw);

/* Have objects or parts of them come since the last call? */
bool tarn_list_watch_http_take_touched(struct tarn_list_watch *lw);
/* Bytes of heap it holds now, for the memory bound. */
size_t tarn_list_watch_http_memory(const struct tarn_list_watch *lw);

/* ---- request_path.c ------------------------------------------------------------------------------ */

/* Append text percent-encoded: everything but RFC 3986's unreserved characters. */
int tarn_percent_encode(struct tarn_buf *out, struct tarn_bytes text);
/* Append "/api/v1/namespaces/NS/pods" or "/apis/apps/v1/deployments". */
int tarn_resource_path(struct tarn_buf *out, const char *api_version, const char *namespace, const char *plural);
int tarn_list_query(struct tarn_buf *out, const struct tarn_list_options *o);
int tarn_watch_query(struct tarn_buf *out, const struct tarn_watch_options *o);

/* Take no more from the stream, or go on: the server feels it. Holds for later requests too. */
void tarn_list_watch_http_pause(struct tarn_list_watch *lw, bool paused);

#endif
