/* sim_review.h - the server's answers to who somebody is and what they may: TokenReview, SelfSubjectReview, and the SubjectAccessReviews.
 *
 * Bodies as kube-apiserver v1.34 writes them; tests/interop compares. They are created and not kept.
 */
#ifndef SIM_REVIEW_H
#define SIM_REVIEW_H

#include "sim_api.h"

/* Is the path of n segments v (/apis/GROUP/VERSION/RESOURCE...) one of them? Then u's request for it is answered. */
bool sim_review_serve(struct sim_api *api, struct sim_request *req, const struct sim_user *u, const char *const *v, unsigned n);

#endif
