/* sim_schema.h - the types of the objects: fields, how lists and maps merge, which values a server fills in.
 *
 * schema.txt, made from a real server's /openapi/v3 by tests/interop/client (`interop-client schema`), is compiled in and
 * read when it is first asked for; what comes out lives as long as the program. A line of it is a type:
 *
 *     NAME[;ATTRIBUTE...] FIELD[!]:TYPE[;ATTRIBUTE...] ...        or      NAME =TYPE
 *
 * NAME stands behind "io.k8s."; `!`: required. TYPE: a primitive (string, integer:int32, ... as type:format), `any`,
 * `@NAME`, `[]TYPE`, `{}TYPE`. ATTRIBUTEs: `atomic`, `set`, `map=KEY,KEY` (how server-side apply sees a list or a map),
 * `merge[=KEY]`, `replace`, `retainKeys` (how a strategic merge patch does), `default=JSON`.
 */
#ifndef SIM_SCHEMA_H
#define SIM_SCHEMA_H

#include "sim_json.h"
#include "sim_kind.h"

enum sim_layout { SIM_OF_SCALAR, SIM_OF_ANY, SIM_OF_STRUCT, SIM_OF_MAP, SIM_OF_LIST };

enum { SIM_SCHEMA_KEYS = 4 };

struct sim_type;

/* One position in an object: a field, an element, the whole. */
struct sim_schema {
    const char *name; /* of the field; "" */
    enum sim_layout shape;
    const char *primitive, *format;      /* "string", "date-time"; NULL where there is none */
    const struct sim_type *type;         /* the named type it refers to, or NULL */
    const struct sim_schema *element;    /* of lists and maps */
    bool required, atomic, set;          /* atomic: one value for server-side apply; set: a list of unique plain values */
    bool merges, retain_keys;            /* in a strategic merge patch: a list that merges; $retainKeys is used */
    const char *merge_key;               /* what such a list merges by; NULL: plain values */
    const char *keys[SIM_SCHEMA_KEYS];   /* what identifies the items of a list in server-side apply; [0] NULL: not so */
    const char *default_text;            /* JSON; NULL: none */
};

struct sim_type {
    const char *name; /* without "io.k8s." */
    const struct sim_schema *fields; /* in alphabetical order */
    unsigned n;
    const struct sim_schema *alias; /* a type without fields is this one */
    bool atomic;
    bool open; /* further fields may come, of any kind */
};

/* The type of a kind: a built-in one's from the table, a custom one's from its definition. Never NULL. */
const struct sim_schema *sim_schema_of(const struct sim_kind *kind);
/* What all custom resources have: apiVersion, kind, a typed metadata; and anything else. */
const struct sim_schema *sim_schema_custom(void);
/* What stands under key in s: a field, or the element of a map. NULL: there is no such field. */
const struct sim_schema *sim_schema_at(const struct sim_schema *s, const char *key);
/* The fields of a struct (also through its named type), *ret_n of them. */
const struct sim_schema *sim_schema_fields(const struct sim_schema *s, unsigned *ret_n);
/* All named types, *ret_n of them, in alphabetical order. */
const struct sim_type *sim_schema_types(unsigned *ret_n);
/* The default of s as a value, owned; NULL: none. */
json_t *sim_schema_default(const struct sim_schema *s);

#endif
