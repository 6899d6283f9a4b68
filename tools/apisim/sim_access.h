/* sim_access.h - who asks, and may they: tokens of users, and rules in the manner of RBAC.
 *
 * They come from --access FILE (JSON or YAML) and POST /sim/access, which puts others in their place at once:
 *
 *   users: [{token: T, name: N, uid: U, groups: [G], extra: {K: [V]}}]
 *   rules: [{users: [N], groups: [G], verbs: [get], apiGroups: [""], resources: [pods, pods/log], resourceNames: [X], namespaces: [NS]},
 *           {groups: [G], verbs: [get], nonResourceURLs: ["/metrics"]}]
 *
 * "*" is any verb, group or resource, at the end of a URL all below it; without namespaces a rule holds in all and at the cluster scope;
 * system:masters may everything. Everybody who has a token is in system:authenticated and may look at discovery, health and version, and review himself.
 * Without users nobody is asked for a token, and all is allowed.
 */
#ifndef SIM_ACCESS_H
#define SIM_ACCESS_H

#include "sim_json.h"

struct sim_access {
    json_t *users, *rules; /* arrays; NULL: none */
    bool asked;            /* are callers asked for a token? */
};

/* One who asks. Borrowed from the access, as long as it is not changed. */
struct sim_user {
    const char *name;
    const json_t *uid, *groups, *extra; /* NULL: none */
    bool anonymous, admin;              /* admin: by --token, or because nobody is asked */
};

struct sim_attempt {
    const char *verb, *group, *resource, *subresource, *name, *ns; /* "": none */
    const char *path; /* instead of a resource; NULL: a resource */
};

void sim_access_release(struct sim_access *a);
/* Take users and rules from v (borrowed). 0, or TARN_E_INVAL with what is wrong: then nothing is changed. */
int sim_access_set(struct sim_access *a, const json_t *v, struct tarn_error *err);
/* The same from a file, JSON or YAML. */
int sim_access_load(struct sim_access *a, const char *path, struct tarn_error *err);
/* One more user, who may everything. */
void sim_access_add_admin(struct sim_access *a, const char *token);

/* Whose is this token? False: nobody's. */
bool sim_access_user(const struct sim_access *a, const char *token, struct sim_user *ret);
/* Who sent a request with this Authorization header (NULL: none)? False: it has a token that nobody has. */
bool sim_access_caller(const struct sim_access *a, const char *authorization, struct sim_user *ret);
bool sim_access_allows(const struct sim_access *a, const struct sim_user *u, const struct sim_attempt *what);

#endif
