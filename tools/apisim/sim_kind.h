/* sim_kind.h - what the simulator knows about the kinds it serves: names, scope, selectable fields.
 *
 * The built-in kinds are a table; kinds of custom resources are made from their definition (sim_crd.h).
 */
#ifndef SIM_KIND_H
#define SIM_KIND_H

#include <stdbool.h>

#include <tarn/bytes.h>

#define SIM_KIND_LIST_MAX 8

struct sim_schema;

struct sim_kind {
    const char *group;   /* "" for the core group */
    const char *version; /* "v1" */
    const char *kind;    /* "Pod" */
    const char *plural;  /* "pods" */
    const char *singular;
    const char *short_names[SIM_KIND_LIST_MAX]; /* ended by NULL */
    const char *categories[SIM_KIND_LIST_MAX];
    const char *fields[SIM_KIND_LIST_MAX + 8];  /* field selectors besides metadata.name and metadata.namespace */
    bool namespaced;
    bool custom;     /* keys in alphabetical order, items carry kind and apiVersion */
    bool has_status; /* serves the status subresource */
    bool has_scale;
    const struct sim_schema *type; /* of a custom kind, from its definition */
    bool generation; /* metadata.generation counts the changes of spec */
};

/* The built-in kinds, in the order of discovery; *ret_n of them. */
const struct sim_kind *sim_kind_builtin(unsigned *ret_n);
/* Is path a field that a field selector of kind may name? */
bool sim_kind_selectable(const struct sim_kind *kind, const char *path);
/* "pods" or "deployments.apps": how messages and the command line name it. ret has room for n. */
void sim_kind_resource_name(const struct sim_kind *kind, char *ret, size_t n);

#endif
