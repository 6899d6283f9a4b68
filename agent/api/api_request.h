/* api_request.h - what a caller of the read API asks for: method, path and query taken apart and checked. Pure, and fuzzed.
 *
 * Paths are read as kube-apiserver's RequestInfo does (also `/watch/` of old), parameters as its ListOptions: of a parameter that comes
 * twice the first counts, what is not known is ignored. Selectors are compiled here; a field selector names the fields that the server's
 * kind has selectors for (api_fields.h).
 *
 * What is wrong with a parameter is only told to who may ask at all: it is kept as `refusal`, to be answered once access was decided.
 * Sources: k8s.io/apiserver pkg/endpoints/request, apimachinery pkg/apis/meta/internalversion/validation.
 */
#ifndef TARN_AGENT_API_REQUEST_H
#define TARN_AGENT_API_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include <tarn/bytes.h>
#include <tarn/selector.h>

#include "api_status.h"

enum api_place {
    API_AT_RESOURCE,      /* group, version, resource and what follows are set */
    API_AT_ROOT,          /* "/" */
    API_AT_CORE,          /* "/api" */
    API_AT_GROUPS,        /* "/apis" */
    API_AT_GROUP,         /* "/apis/GROUP" */
    API_AT_GROUP_VERSION, /* "/api/v1", "/apis/GROUP/VERSION" */
    API_AT_VERSION,       /* "/version" */
    API_AT_HEALTH,        /* "/healthz", "/livez", "/readyz", and below */
    API_AT_OPENAPI,       /* "/openapi/..." */
    API_AT_ELSEWHERE,     /* none of these, or not to be decoded */
};

/* As RBAC spells them (api_verb_text). */
enum api_verb {
    API_GET,
    API_LIST,
    API_WATCH,
    API_CREATE,
    API_UPDATE,
    API_PATCH,
    API_DELETE,
    API_DELETE_COLLECTION,
    API_OTHER_VERB, /* a method that no resource knows */
};

enum api_version_ask { API_VERSION_NONE, API_VERSION_ANY /* "0" */, API_VERSION_NUMBER, API_VERSION_GARBAGE };
enum api_match { API_MATCH_NONE, API_MATCH_EXACT, API_MATCH_NOT_OLDER, API_MATCH_GARBAGE };
enum api_flag { API_UNSET, API_NO, API_YES };
enum api_include { API_INCLUDE_METADATA, API_INCLUDE_NONE, API_INCLUDE_OBJECT }; /* of a Table's rows */

/* All texts are borrowed from `owned`: a request may be moved, not copied. */
struct api_request {
    enum api_place place;
    enum api_verb verb; /* at a resource; elsewhere API_GET stands for GET and HEAD */
    bool head;          /* the method is HEAD */
    struct tarn_bytes path; /* decoded */
    struct tarn_bytes group, version, resource, subresource; /* "apps", "v1", "deployments", "status" */
    struct tarn_bytes ns;   /* empty: all, or none. Of /api/v1/namespaces/X it is empty: X is the name (but see api_request_access_namespace) */
    struct tarn_bytes name; /* of the path; of a LIST or WATCH also the one that fieldSelector metadata.name=X demands */
    /* parameters */
    const struct tarn_selector *labels;       /* NULL: all */
    const struct tarn_field_selector *fields; /* NULL: all */
    enum api_version_ask rv_ask;
    uint64_t rv;
    struct tarn_bytes rv_text;
    enum api_match match;
    struct tarn_bytes cont; /* continue; empty: none */
    uint64_t limit;         /* 0: none */
    bool bookmarks;
    enum api_flag send_initial_events;
    uint32_t timeout_s; /* timeoutSeconds; 0: none */
    enum api_flag pretty;
    enum api_include include;
    struct api_answer refusal; /* .code 0: nothing is wrong */
    char *owned;
};

/*
 * method "GET"; target "/api/v1/pods?limit=5" as it came. 0 or TARN_E_NOMEM: what cannot be understood is API_AT_ELSEWHERE or a refusal.
 * Release *ret in every case.
 */
TARN_MUST_CHECK int api_request_parse(struct tarn_bytes method, struct tarn_bytes target, struct api_request *ret);
void api_request_release(struct api_request *r);

/* "get", "list", "deletecollection"; "" for API_OTHER_VERB. Static. */
const char *api_verb_text(enum api_verb v);
/* Does it only read? */
static inline bool api_request_reads(const struct api_request *r)
{
    return r->verb == API_GET || r->verb == API_LIST || r->verb == API_WATCH;
}
/* The namespace that access is decided for: a request about one Namespace object is one in that namespace. */
struct tarn_bytes api_request_access_namespace(const struct api_request *r);
/* Does it select by label or field? Then counts of what remains are not told. */
static inline bool api_request_selects(const struct api_request *r)
{
    return r->labels || r->fields;
}

#endif
