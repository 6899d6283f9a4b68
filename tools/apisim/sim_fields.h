/* sim_fields.h - sets of fields, as metadata.managedFields holds them, and the algebra of server-side apply on them.
 *
 * A set is a JSON object in the form of fieldsV1 (NULL is the empty set): keys are path elements, `f:NAME` a field, `k:{...}` the
 * item of a list that these keys identify, `v:VALUE` a plain item; "." says that the place itself is a member, and so does an
 * empty object. All functions take their sets borrowed and give back a new one.
 */
#ifndef SIM_FIELDS_H
#define SIM_FIELDS_H

#include "sim_schema.h"

json_t *sim_fields_union(const json_t *a, const json_t *b);
json_t *sim_fields_both(const json_t *a, const json_t *b);  /* in a and in b */
json_t *sim_fields_minus(const json_t *a, const json_t *b); /* in a and not in b */
/* In a, and neither in b nor below a member of b. */
json_t *sim_fields_outside(const json_t *a, const json_t *b);
/* a, and every field on the way to one of its members. */
json_t *sim_fields_with_parents(const json_t *a);

/* The path element of item i of a list (`k:{"name":"c"}`), owned text; NULL: its items cannot be told apart. */
char *sim_fields_item(const struct sim_schema *list, const json_t *item);
/* Does a list of this type hold items that are fields of their own? */
bool sim_fields_granular_list(const struct sim_schema *s);
bool sim_fields_granular_map(const struct sim_schema *s, const json_t *v);

/* What v says, as who applies it owns it. */
json_t *sim_fields_of(const struct sim_schema *s, const json_t *v);
/* What differs between two states: sets, owned, NULL where nothing does. */
struct sim_fields_change {
    json_t *added, *modified, *removed;
};
void sim_fields_compare(const struct sim_schema *s, const json_t *before, const json_t *after, struct sim_fields_change *ret);
void sim_fields_change_release(struct sim_fields_change *c);

/* Call each(ctx, path) for every member: ".spec.containers[name=\"c\"].image". */
void sim_fields_each(const json_t *set, void (*each)(void *ctx, const char *path), void *ctx);

#endif
