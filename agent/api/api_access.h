/* api_access.h - who asks the read API, and may they read what they ask for?
 *
 * Whoever comes by the Unix socket is known by the kernel: uid and groups against the readers of each realm, as for the attach socket.
 * Whoever comes by TCP must bring a bearer token: the real API server says whose it is (TokenReview), then whether that user may do this
 * (SubjectAccessReview), both asked with the agent's own credentials. Answers are kept for 10 s, refusals for 5 s, at most API_ACCESS_TOKENS and
 * API_ACCESS_DECISIONS of them; the same question is asked once at a time. So a revoked token or role is good for 10 s more, for new requests: what is being
 * answered goes on, as at the server.
 *
 * Never open: no token, one the server does not know, a server that cannot be asked, an answer that cannot be read are all refusals (401, 403, 503).
 * Tokens are kept as hashes under a key of this process only, wiped after use, and never logged. Client certificates and impersonation are not understood.
 *
 * Everything on the loop's thread. Sources: k8s.io/apiserver pkg/server/options (delegated authentication and authorization: 10 s),
 * pkg/endpoints/handlers/responsewriters (texts of 403), authentication.k8s.io/v1, authorization.k8s.io/v1.
 */
#ifndef TARN_AGENT_API_ACCESS_H
#define TARN_AGENT_API_ACCESS_H

#include <uv.h>

#include <tarn/status.h>

#include "config.h"
#include "peer.h"

#define API_ACCESS_ALLOWED_MS 10000u
#define API_ACCESS_REFUSED_MS 5000u
#define API_ACCESS_TOKENS 1024u
#define API_ACCESS_DECISIONS 4096u

struct api_access;
struct api_decision; /* one that waits for the API server */

/* Who sent a request. Borrowed during the call. */
struct api_caller {
    const struct tarn_peer *peer; /* of the Unix socket; NULL: came by TCP */
    const char *authorization;    /* the header's value; NULL: none. A peer's is not looked at */
    bool impersonates;            /* has a header Impersonate-User, -Group, -Uid or -Extra-...: refused, for it asks as another */
};

/* What it wants. Borrowed during the call. */
struct api_attributes {
    const char *verb;                           /* "get", "list", "watch" */
    struct tarn_bytes group, version, resource; /* "apps", "v1", "deployments" */
    struct tarn_bytes ns, name;                 /* empty: all. A list or watch with the field selector metadata.name=N has the name N */
    struct tarn_bytes path;                     /* "/apis": instead of a resource (discovery, /version); empty: a resource */
    const struct tarn_config_realm *const *realms; /* that hold the resource; for a path: all there are */
    unsigned nrealms;
};

/* loop and server are borrowed until the close; nothing is asked of the API server before the first caller by TCP. Errors as those of tarn_api_server_open. */
int api_access_new(uv_loop_t *loop, const struct tarn_config_server *server, struct api_access **ret, struct tarn_error *err);
/* Drops what is under way without calls; the memory goes while the loop runs. */
void api_access_close(struct api_access *a);

/*
 * May caller do this? done is called once: with NULL (yes), or with the Status to answer (borrowed during the call). It may be called from
 * inside; then the return is NULL. Else it comes later, unless the returned decision is cancelled. A peer's is always known at once: yes if any of
 * the realms may be read by it; which of them, api_access_may_read tells.
 */
struct api_decision *api_access_decide(struct api_access *a, const struct api_caller *caller, const struct api_attributes *what,
                                       void (*done)(void *ctx, const struct tarn_status *refusal), void *ctx);
void api_access_cancel(struct api_decision *d);

/* May what realm r holds be shown to this caller at all? Of a caller by TCP the API server says the rest: always true. */
bool api_access_may_read(const struct api_caller *caller, const struct tarn_config_realm *r);

/* Counted since the start. */
struct api_access_stats {
    uint64_t token_reviews, access_reviews; /* asked of the API server */
    uint64_t failures;                      /* of these, without an answer that could be used */
    uint64_t cached;                        /* questions answered without asking */
    uint64_t unauthorized, forbidden;       /* refused with 401, 403 */
    unsigned tokens, decisions;             /* kept now */
};
void api_access_stats(const struct api_access *a, struct api_access_stats *ret);

#endif
