/* api_call.h - one request to the read API on its way through the parts that serve it. All on the API thread.
 *
 *     http_server ─▶ api_route.c ─▶ api_access.h ─┬▶ api_discovery_serve   /api, /apis, /version
 *                    (what is it,    (may they?)  ├▶ api_list_serve        GET, LIST
 *                     which realm)                ├▶ api_watch_serve       WATCH
 *                          └──────────────────────┴▶ api_pass_serve        all else (api_pass.h)
 *
 * A part that is given a call owns it, and ends it after its answer, or when its stream is done.
 */
#ifndef TARN_AGENT_API_CALL_H
#define TARN_AGENT_API_CALL_H

#include <sys/queue.h>

#include "api_access.h"
#include "api_counters.h"
#include "api_form.h"
#include "api_realm.h"
#include "api_request.h"
#include "http_server.h"

struct api;
struct api_lists;

struct api_call {
    LIST_ENTRY(api_call) link; /* of all calls */
    struct api *api;
    struct tarn_http_exchange *x;
    struct api_request request;
    struct api_caller caller;
    struct api_form form;           /* what the caller accepts, once access was decided */
    struct api_realm *realm;        /* that serves it; NULL: discovery */
    struct api_decision *decision;  /* is waited for */
    void *part;                     /* the part's own */
};

/* ---- for the parts ------------------------------------------------------------------------------------------- */

uv_loop_t *api_loop(struct api *a);
struct api_counters *api_counters(struct api *a);
struct api_lists *api_lists(struct api *a);
/* The configuration in force; another may be in the loop's next turn. */
const struct tarn_config *api_config(const struct api *a);
/* The n-th realm in the configuration's order, NULL behind the last. */
struct api_realm *api_realm_at(struct api *a, unsigned n);
/* May the caller see what is in r at all? What of it, access has decided. */
bool api_call_may_read(const struct api_call *c, const struct api_realm *r);

/* Answer and end the call. body and a are taken, and empty after. type is a constant. */
void api_call_reply(struct api_call *c, unsigned status, const char *type, struct tarn_buf *body);
void api_call_answer(struct api_call *c, struct api_answer *a);
/*
 * Answer by a stream whose source is the part's; the part ends the call in the source's done, which may be called from inside. A long answer that comes without waits is
 * compressed, if the caller takes that and the configuration wants it; so what waits long (a watch) is streamed by tarn_http_exchange_stream.
 */
void api_call_stream(struct api_call *c, unsigned status, const char *type, const struct tarn_http_source *source, void *ctx);
/* The answer was given, or the stream is done. */
void api_call_end(struct api_call *c);

/* ---- the parts ------------------------------------------------------------------------------------------------- */

void api_discovery_serve(struct api_call *c);
void api_list_serve(struct api_call *c);
void api_watch_serve(struct api_call *c);

/* What api_list_serve keeps from one request to the next. Begin on the loop; stop: who waits is answered, nothing is kept any more; free: after the loop. */
int api_lists_new(struct api *a, struct api_lists **ret);
void api_lists_stop(struct api_lists *l);
void api_lists_free(struct api_lists *l);

#endif
