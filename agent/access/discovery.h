/* discovery.h - which group, version and kind is meant by `pods`, `deployments.apps`, `po` or `Deployment`.
 *
 * Asks the API server for /api and /apis in the aggregated form (apidiscovery.k8s.io), which has all resources in two answers; from
 * one that has not, for /api/v1, then the preferred version of each group, or all versions of the group that is named. A name with a
 * version, or an api_version, asks only for that. Lookups are answered one after the other, so that many at a start share the documents; these
 * are forgotten when none is left waiting. Names match the plural first, then singular, kind (any case) and short names.
 *
 * On the loop's thread. Source: client-go discovery and restmapper (shortcut, category left out).
 */
#ifndef TARN_AGENT_DISCOVERY_H
#define TARN_AGENT_DISCOVERY_H

#include "http.h"

struct tarn_discovery;
struct tarn_lookup;

/* Borrowed during the callback. */
struct tarn_discovered {
    const char *api_version; /* "v1", "apps/v1" */
    const char *group;       /* "" for the core group */
    const char *plural, *singular, *kind;
    struct tarn_string_list short_names;
    bool namespaced;
    bool watchable; /* false: the server only lists it */
};

/* found is NULL when error says why not: TARN_E_NOTFOUND (the server knows no such resource), TARN_E_UNSUPPORTED (it
 * cannot be listed), or what went wrong on the way. Never called from inside tarn_discovery_find. */
struct tarn_lookup_sink {
    void (*on_found)(void *ctx, const struct tarn_discovered *found, const struct tarn_error *error);
    void *ctx;
};

/* http is borrowed. */
int tarn_discovery_new(struct tarn_http *http, struct tarn_discovery **ret);
/* Drops what is under way without calls. NULL is allowed. */
void tarn_discovery_free(struct tarn_discovery *d);

/* Look name up; api_version (NULL: any) narrows it. Strings are copied. 0 or TARN_E_NOMEM. The lookup ends with its callback. */
int tarn_discovery_find(struct tarn_discovery *d, const char *name, const char *api_version, const struct tarn_lookup_sink *sink,
                        struct tarn_lookup **ret);
/* No callback any more. Not from inside it. */
void tarn_discovery_cancel(struct tarn_lookup *l);

#endif
