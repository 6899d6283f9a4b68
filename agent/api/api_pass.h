/* api_pass.h - what the read API does not serve: refused, or passed on to the real API server (`api.passThrough`).
 *
 * Passed on are writes, logs and other subresources, and what is not mirrored; with the caller's headers and nothing of the agent's own: its token,
 * certificate, name and password are not even there (api_upstream.h). Whether it is allowed, the server says to the caller. A request's body comes whole from
 * http_server.h, which bounds it; the answer is streamed as it comes, through API_PASS_BUFFER_BYTES for each, so that a caller who reads slowly is
 * sent slowly by the server. At most API_PASS_MAX at a time, others get 429. Upgrades (exec, attach, port-forward) are refused by a Status that
 * says so. What changes something is sent once, also if the connection ends before an answer: the caller hears of that.
 *
 * Everything on the loop's thread. Sources: RFC 9110 7.6 (what is of one hop only), net/http/httputil ReverseProxy.
 */
#ifndef TARN_AGENT_API_PASS_H
#define TARN_AGENT_API_PASS_H

#include <uv.h>

#include "config.h"
#include "http_server.h"

#define API_PASS_MAX 128u
#define API_PASS_BUFFER_BYTES (64u << 10)

struct api_pass;

/* on: pass through; else everything is refused. loop and server are borrowed until the close. Errors as those of tarn_api_server_open. */
int api_pass_new(uv_loop_t *loop, const struct tarn_config_server *server, bool on, struct api_pass **ret, struct tarn_error *err);
/* The server of the exchanges stops: who waits for an answer is told so. Answers that have begun go on until their streams are cut. */
void api_pass_stop(struct api_pass *p);
/* When no exchange is left; the memory goes while the loop runs. NULL is allowed. */
void api_pass_close(struct api_pass *p);

/* SIGHUP: on or off from now on. What is under way goes on. */
void api_pass_set(struct api_pass *p, bool on);
bool api_pass_is_on(const struct api_pass *p);

/* Answer x in any case: by the server, or with 405 (it writes; where to do so is said), 404 (it reads what is not mirrored), 501 (an upgrade), 429, 503. */
void api_pass_serve(struct api_pass *p, struct tarn_http_exchange *x);

#endif
