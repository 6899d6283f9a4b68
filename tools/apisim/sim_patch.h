/* sim_patch.h - the three ways to say what should change in an object (a fourth: sim_apply.h). */
#ifndef SIM_PATCH_H
#define SIM_PATCH_H

#include "sim_schema.h"

/* JSON merge patch (RFC 7386) of target in place; returns the result (target, or another value). Takes target. */
json_t *sim_patch_merge(json_t *target, const json_t *patch);
/* Strategic merge patch of an object of type s: as a merge patch, but lists that the type says so merge by their key, and the
 * directives $patch, $retainKeys, $deleteFromPrimitiveList and $setElementOrder are obeyed. Takes target. NULL with the
 * reason in err: nothing of it counts. */
json_t *sim_patch_strategic(const struct sim_schema *s, json_t *target, const json_t *patch, struct tarn_error *err);
/* JSON patch (RFC 6902). Takes target. NULL with the reason in err: nothing of it counts. */
json_t *sim_patch_json(json_t *target, const json_t *patch, struct tarn_error *err);

#endif
