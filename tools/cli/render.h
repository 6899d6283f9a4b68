/* One object as JSON or YAML text, as a server would send it. */
#ifndef TARN_CLI_RENDER_H
#define TARN_CLI_RENDER_H

#include <tarn/object.h>

/* Append root as JSON, indented by four blanks a level as kubectl does, shifted right by `depth` levels. 0 or the value's error. */
int render_json(const struct tarn_value *root, unsigned depth, struct tarn_buf *out);
/* Append root (a map) as a YAML document, or as one item of `items:` with a "- " before it. */
int render_yaml(const struct tarn_value *root, bool as_item, struct tarn_buf *out);

#endif
