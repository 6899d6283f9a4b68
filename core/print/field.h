/* Short forms of reading a field: absent or of another type reads as empty, 0 or false. */
#ifndef TARN_PRINT_FIELD_H
#define TARN_PRINT_FIELD_H

#include <tarn/object.h>

#include "print_text.h"

/* The root of an object, as a value to walk. */
struct tarn_value field_root(const struct tarn_object *obj);
/* The value at path below v: TARN_NIL if absent. */
struct tarn_value field_at(const struct tarn_value *v, const char *path);
struct tarn_bytes field_string(const struct tarn_value *v, const char *path);
int64_t field_int(const struct tarn_value *v, const char *path);
bool field_true(const struct tarn_value *v, const char *path);
bool field_exists(const struct tarn_value *v, const char *path); /* there, and not null */
/* Elements of the array or map at path; 0 if there is none. */
unsigned field_count(const struct tarn_value *v, const char *path);
/* The same of a whole object, whose table of keys leads there faster than a walk from its root. */
struct tarn_value object_at(const struct tarn_object *obj, const char *path);
struct tarn_bytes object_string(const struct tarn_object *obj, const char *path);
int64_t object_int(const struct tarn_object *obj, const char *path);
bool object_true(const struct tarn_object *obj, const char *path);
bool object_exists(const struct tarn_object *obj, const char *path);
unsigned object_count(const struct tarn_object *obj, const char *path);
/* A scalar as people read it; nothing for containers and null. */
void field_text(const struct tarn_value *v, struct print_text *out);

#endif
