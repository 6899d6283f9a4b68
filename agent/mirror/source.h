/* source.h - one line that tells where a resource's objects come from and what was done to them.
 *
 * It stands in the region's record of the resource (tarn_resource_source). A later agent goes on with the objects, from a kept region or
 * a checkpoint, only if its own line is the same: another server, selector or projection would give other objects. The resource stands there
 * as the configuration has it, since what `po` means is the server's to say, and it said so to the agent before.
 */
#ifndef TARN_AGENT_SOURCE_H
#define TARN_AGENT_SOURCE_H

#include <tarn/bytes.h>

#include "config.h"

/* The line for r at the API server `url` into out (cleared before), with a NUL behind it that len does not count. 0 or TARN_E_NOMEM. */
int tarn_source_line(const struct tarn_config_resource *r, const char *url, struct tarn_buf *out);
/* What differs between two lines, for a message: "labels, drop"; "" when none does. Returns buf. */
const char *tarn_source_difference(struct tarn_bytes a, struct tarn_bytes b, char *buf, size_t size);

#endif
