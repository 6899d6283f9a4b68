/* sim_patch.h - the three ways to say what should change in an object. */
#ifndef SIM_PATCH_H
#define SIM_PATCH_H

#include "sim_json.h"

/* JSON merge patch (RFC 7386) of target in place; returns the result (target, or another value). Takes target. */
json_t *sim_patch_merge(json_t *target, const json_t *patch);
/* Strategic merge patch: as a merge patch, but known lists merge by their key, and $patch, $retainKeys,
 * $deleteFromPrimitiveList are obeyed. Takes target. */
json_t *sim_patch_strategic(json_t *target, const json_t *patch);
/* JSON patch (RFC 6902). Takes target. NULL with the reason in err: nothing of it counts. */
json_t *sim_patch_json(json_t *target, const json_t *patch, struct tarn_error *err);

#endif
