/* yaml_file.h - a YAML file read whole, its maps pair by pair or by tables that say how they become structs.
 *
 * libyaml parses; this file adds what configuration needs: every error names file:line:column, keys given twice are
 * errors, and so are (strict, for our own files) scalars of another type. Kubeconfigs are read leniently, by tables.
 */
#ifndef TARN_AGENT_YAML_FILE_H
#define TARN_AGENT_YAML_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <yaml.h>

#include "arena.h"

struct tarn_yaml {
    const char *path; /* for messages; borrowed, must outlive this */
    yaml_document_t doc;
    bool loaded, strict;
    struct tarn_arena *arena; /* where the strings read from it go */
};

/* Read and parse a file of at most 4 MiB and one document. 0, TARN_E_IO, TARN_E_CONFIG or TARN_E_NOMEM. Release it in every case. */
int tarn_yaml_load(struct tarn_yaml *y, const char *path, bool strict, struct tarn_arena *arena, struct tarn_error *err);
/* The same from memory; name stands in messages. */
int tarn_yaml_load_text(struct tarn_yaml *y, const char *name, struct tarn_bytes text, bool strict, struct tarn_arena *arena,
                        struct tarn_error *err);
void tarn_yaml_release(struct tarn_yaml *y);

/* The root node, NULL for an empty document. Valid until the release. */
yaml_node_t *tarn_yaml_root(struct tarn_yaml *y);

/* Fill err with "path:line:column: message"; returns TARN_E_CONFIG. n may be NULL (no position). */
int tarn_yaml_error(struct tarn_yaml *y, const yaml_node_t *n, struct tarn_error *err, const char *fmt, ...) TARN_PRINTF(4, 5);

struct tarn_yaml_field {
    const char *key;
    /* reads node n into what `out` points to; 0 or an error set in err */
    int (*read)(struct tarn_yaml *y, yaml_node_t *n, void *out, struct tarn_error *err);
    size_t offset; /* of the member inside the struct that the map fills */
};

/* Read a map into *out by its table of nfields rows; unknown keys are left alone. */
int tarn_yaml_map(struct tarn_yaml *y, yaml_node_t *n, const struct tarn_yaml_field *fields, size_t nfields, void *out,
                  struct tarn_error *err);
/* Call read(y, key node, its text, value node, ctx, err) for each pair of a map; a key that is no word or is given twice is an error. */
int tarn_yaml_pairs(struct tarn_yaml *y, yaml_node_t *n,
                    int (*read)(struct tarn_yaml *y, yaml_node_t *k, const char *key, yaml_node_t *v, void *ctx, struct tarn_error *err),
                    void *ctx, struct tarn_error *err);
/* Call read(y, item, ctx, err) for each item of a sequence. */
int tarn_yaml_each(struct tarn_yaml *y, yaml_node_t *n,
                   int (*read)(struct tarn_yaml *y, yaml_node_t *item, void *ctx, struct tarn_error *err), void *ctx,
                   struct tarn_error *err);

/* Readers for members. Strings are copied to the arena. */
/* const char * */
int tarn_yaml_string(struct tarn_yaml *y, yaml_node_t *n, void *out, struct tarn_error *err);
/* bool */
int tarn_yaml_bool(struct tarn_yaml *y, yaml_node_t *n, void *out, struct tarn_error *err);
/* struct tarn_string_list: a sequence of strings */
int tarn_yaml_strings(struct tarn_yaml *y, yaml_node_t *n, void *out, struct tarn_error *err);

/* Append node n as JSON: plain scalars of YAML's core schema become null, true, false and numbers, all others strings.
 * TARN_E_LIMIT: deeper than 32 levels or larger than 64 KiB (aliases can make a small file large); TARN_E_NOMEM. */
TARN_MUST_CHECK int tarn_yaml_to_json(struct tarn_yaml *y, const yaml_node_t *n, struct tarn_buf *out);

/* A scalar's text, NULL for other nodes. Borrowed. */
const char *tarn_yaml_text(const yaml_node_t *n);
/* "a map", "a list", "a value", "nothing": for messages. */
const char *tarn_yaml_kind(const yaml_node_t *n);

/* "64MiB" and the like to bytes; decimal digits and an optional KiB, MiB or GiB. False: not of that form, or too large. */
bool tarn_parse_bytes(const char *text, uint64_t *ret);

/* 1, 0, or -1: neither true nor false in YAML's core schema. */
int tarn_parse_bool(const char *text);

#endif
