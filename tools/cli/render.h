/* One object as JSON or YAML text, as a server would send it. */
#ifndef TARN_CLI_RENDER_H
#define TARN_CLI_RENDER_H

#include <tarn/object.h>

/* What a server leaves out of a list's items and a reader wants back. */
struct render_type {
    struct tarn_bytes api_version, kind;
};

/* Append obj as JSON, indented by `indent` blanks a level (kubectl: 4), shifted right by `depth` levels. 0 or the object's error. */
int render_json(const struct tarn_object *obj, const struct render_type *type, unsigned depth, struct tarn_buf *out);
/* Append obj as a YAML document, or as one item of `items:` with a "- " before it. */
int render_yaml(const struct tarn_object *obj, const struct render_type *type, bool as_item, struct tarn_buf *out);

#endif
