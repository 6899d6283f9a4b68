/* discovery_document.h - what a discovery document says of a resource, in either of its forms.
 *
 * Plain: an APIResourceList has the resources of one group and version, an APIGroupList names groups, APIVersions the
 * versions of the core group. Aggregated (apidiscovery.k8s.io v2 and v2beta1): an APIGroupDiscoveryList has all of it at once.
 * No I/O, no memory. Sources: k8s.io/api/apidiscovery, apimachinery meta/v1 (APIResource), client-go discovery.
 */
#ifndef TARN_AGENT_DISCOVERY_DOCUMENT_H
#define TARN_AGENT_DISCOVERY_DOCUMENT_H

#include <tarn/object.h>

/* Asks for the aggregated form where there is one. */
#define TARN_DISCOVERY_ACCEPT                                               \
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList," \
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"

/* A resource inside a document; all of it borrowed from the document. */
struct tarn_discovery_entry {
    struct tarn_bytes group, version; /* aggregated; plain: see group_version */
    struct tarn_bytes group_version;  /* plain: "v1", "apps/v1"; aggregated: empty */
    struct tarn_bytes plural, singular, kind;
    struct tarn_value short_names; /* an array, or TARN_NIL */
    bool namespaced, can_list, can_watch;
};

/* Which one is meant. */
struct tarn_discovery_wish {
    struct tarn_bytes word; /* plural; else singular, kind (any case) or a short name */
    struct tarn_bytes group;
    bool any_group;
};

enum tarn_discovery_form { TARN_DISCOVERY_RESOURCES, TARN_DISCOVERY_GROUPS, TARN_DISCOVERY_VERSIONS, TARN_DISCOVERY_AGGREGATED, TARN_DISCOVERY_OTHER };

enum tarn_discovery_form tarn_discovery_form_of(const struct tarn_object *doc);

/*
 * The resource that is meant, in a document of resources or an aggregated one. The plural counts before the other names, and one that can be
 * listed and watched before one that cannot. False: none.
 */
bool tarn_discovery_find_entry(const struct tarn_object *doc, const struct tarn_discovery_wish *wish, struct tarn_discovery_entry *ret);

/* A string at path below v; empty if there is none. */
struct tarn_bytes tarn_discovery_text(const struct tarn_value *v, const char *path);

#endif
