/* sim_apply.h - server-side apply and the bookkeeping of who manages which field (metadata.managedFields).
 *
 * Behaviour: structured-merge-diff's Apply and Update and the API server's field manager around them, as kube-apiserver v1.34
 * shows it; tests/interop/conform compares the two.
 */
#ifndef SIM_APPLY_H
#define SIM_APPLY_H

#include "sim_schema.h"

/* Who changes an object, and through which door. Strings are borrowed. */
struct sim_manager {
    const char *name;        /* "kubectl" */
    const char *api_version; /* of the request's object: "apps/v1" */
    const char *subresource; /* "" or "status" */
};

/* after (whose managedFields are what the client sent, if anything) is what an update, a patch or a create made of before
 * (NULL: created): put who changed what into its managedFields. */
void sim_apply_track(const struct sim_schema *s, const json_t *before, json_t *after, const struct sim_manager *who);

/*
 * Apply config to live (NULL: there is none yet). Returns the new object, owned; NULL if others manage what would change and
 * force is not set: then *ret_conflicts (owned) has for each {"manager": the managedFields entry, "path": text}.
 */
json_t *sim_apply(const struct sim_schema *s, const json_t *live, const json_t *config, const struct sim_manager *who, bool force,
                  json_t **ret_conflicts);

/* "Apply failed with 1 conflict: ...", and the causes of the Status (owned). */
json_t *sim_apply_causes(const json_t *conflicts, struct tarn_buf *ret_message);

#endif
