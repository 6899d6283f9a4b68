/* sim_json.h - JSON as Go's encoder writes it, and back through jansson. */
#ifndef SIM_JSON_H
#define SIM_JSON_H

#include <jansson.h>

#include "sim_object.h"

/* Append a quoted string: `<`, `>`, `&`, U+2028 and U+2029 escaped, everything else beyond ASCII raw. */
void sim_json_put_string(struct tarn_buf *out, struct tarn_bytes s);
/* Append v compactly; numbers as Go prints them. sorted: keys in alphabetical order. */
void sim_json_dump(const json_t *v, bool sorted, struct tarn_buf *out);
/* The keys of an object in alphabetical order, *ret_n of them, borrowed from v; the array is to be freed. */
const char **sim_json_keys(const json_t *v, size_t *ret_n);
/* Parse one document. NULL with a message in err (TARN_E_SYNTAX). */
json_t *sim_json_parse(struct tarn_bytes text, struct tarn_error *err);
/* The whole text of o, parsed; keys kind and apiVersion are there only if its text has them. */
json_t *sim_json_of_object(const struct sim_object *o);
/* The value at a path of plain keys ("metadata.labels"); NULL if something is missing. Borrowed. */
json_t *sim_json_at(const json_t *v, const char *path);
/* As sim_json_at for a string; "" if it is missing or no string. */
const char *sim_json_text(const json_t *v, const char *path);

#endif
