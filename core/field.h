/* field.h - a path of two plain keys, read once: what index functions and selectors ask of every object.
 *
 * The same answer as tarn_object_get with the path; where the object has a table of its keys it is found there without reading the path
 * again or hashing its keys. Any other path is kept as it is.
 */
#ifndef TARN_CORE_FIELD_H
#define TARN_CORE_FIELD_H

#include <tarn/object.h>

struct tarn_field {
    const char *path; /* borrowed */
    struct tarn_bytes first, second; /* of path; no first: it has another form */
    uint16_t first_tag, second_tag;  /* tarn_blob_tag of them */
};

struct tarn_field tarn_field_of(const char *path);
/* As tarn_object_get(obj, f->path, ret). */
int tarn_object_field(const struct tarn_object *obj, const struct tarn_field *f, struct tarn_value *ret);

#endif
