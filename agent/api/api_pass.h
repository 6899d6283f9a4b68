/* api_pass.h - what the read API does not serve: refused, or passed on to the real API server (`api.passThrough`).
 *
 * Passed on are writes, logs and other subresources, and resources that are not mirrored; with the headers of the caller and nothing of the
 * agent's own: its token, certificate, name and password are not even there (api_upstream.h). Whether it is allowed, the server says to the caller.
 * The answer is streamed as it comes, through API_PASS_BUFFER_BYTES for each; when the caller reads slowly, the server is read slowly. At most
 * API_PASS_MAX at a time, others get 429. Upgrades (exec, attach, port-forward) are refused by a Status that says so.
 *
 * Everything on the loop's thread.
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
/* What is under way is cut; the memory goes while the loop runs. */
void api_pass_close(struct api_pass *p);

/* SIGHUP: on or off from now on. What is under way goes on. */
void api_pass_set(struct api_pass *p, bool on);
bool api_pass_is_on(const struct api_pass *p);

/* Answer x in any case: by the server, or with 405 (writes; it says where to write), 404 (reads of what is not mirrored), 501 (upgrades), 429. */
void api_pass_serve(struct api_pass *p, struct tarn_http_exchange *x);

struct api_pass_stats {
    uint64_t passed, failures, refused; /* failures: no whole answer of the server */
    unsigned active;
};
void api_pass_stats(const struct api_pass *p, struct api_pass_stats *ret);

#endif
