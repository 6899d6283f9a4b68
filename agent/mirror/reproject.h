/* reproject.h - an object that is there already, as another projection would have made it: without asking the server again.
 *
 * Paths that are not wanted any more are left out and slots are filled anew, from the body. What an earlier projection left out cannot
 * come back this way; tarn_projection_widens tells whether something is missing. About 10 us an object.
 */
#ifndef TARN_AGENT_REPROJECT_H
#define TARN_AGENT_REPROJECT_H

#include <tarn/transcode.h>

#include "config.h"

struct tarn_reprojector;

/* What the configuration says about a resource's paths; borrows from r. */
struct tarn_projection tarn_projection_of(const struct tarn_config_resource *r);
bool tarn_projection_same(const struct tarn_config_resource *a, const struct tarn_config_resource *b);
/* May objects of projection `to` have something that those of `from` lack? Then they must be listed again. */
bool tarn_projection_widens(const struct tarn_config_resource *from, const struct tarn_config_resource *to);

/* For projection p (copied). 0, TARN_E_NOMEM, TARN_E_INVAL. */
int tarn_reprojector_new(const struct tarn_projection *p, uint32_t max_object_bytes, struct tarn_reprojector **ret, struct tarn_error *err);
void tarn_reprojector_free(struct tarn_reprojector *r);
/* *ret: obj as p makes it, borrowed until the next call. 0, TARN_E_NOMEM, TARN_E_CORRUPT. */
int tarn_reproject(struct tarn_reprojector *r, const struct tarn_object *obj, const struct tarn_object **ret, struct tarn_error *err);

#endif
