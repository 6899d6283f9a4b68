/* api_review.h - one question to the API server, asked with the agent's credentials: whose is this token, may this user do that?
 *
 * Whatever is not a clear yes or no of the server is `answered` false: it could not be reached, does not let the agent ask, or says something
 * that cannot be read; the log says what. No token and no answer that holds one is left in memory of this module's, and none goes into a message.
 * Sources: authentication.k8s.io/v1 TokenReview, authorization.k8s.io/v1 SubjectAccessReview.
 */
#ifndef TARN_AGENT_API_REVIEW_H
#define TARN_AGENT_API_REVIEW_H

#include "api_access.h"
#include "api_upstream.h"

struct api_review;

/* Borrowed during the call. */
struct api_review_answer {
    bool answered, yes;
    /* of a token that is somebody's */
    struct tarn_bytes name; /* "system:serviceaccount:web:reader" */
    struct tarn_bytes user; /* name, uid, groups and extra as the members that a SubjectAccessReview's spec has for them: JSON without braces */
    /* of an access that is refused; mostly empty */
    struct tarn_bytes reason;
};
typedef void (*api_review_done)(void *ctx, const struct api_review_answer *a);

/* Arguments are copied. done is called once, later, unless it is cancelled. 0 or TARN_E_NOMEM. */
int api_review_token(struct api_upstream *u, struct tarn_bytes token, api_review_done done, void *ctx, struct api_review **ret);
/* user: as a token's review told it. */
int api_review_access(struct api_upstream *u, struct tarn_bytes user, const struct api_attributes *what, api_review_done done, void *ctx,
                      struct api_review **ret);
/* Not from inside its done. */
void api_review_cancel(struct api_review *r);

#endif
