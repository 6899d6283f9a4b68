/* replay.h - the frame of trace-replay and what the types under test plug into.
 *
 * A trace (one file) names a type; a type makes a subject from options and knows operations. An operation gets its input line and
 * fills in an answer with the same members as the line's "want"; the frame compares the two as JSON values.
 */
#ifndef REPLAY_H
#define REPLAY_H

#include <jansson.h>

#include <tarn/indexer.h>
#include <tarn/queue.h>

/* One operation. Returns 0, or -1 if the line lacks an input that the operation needs. */
struct replay_op {
    const char *name;
    int (*run)(void *subject, const json_t *in, json_t *answer);
};

struct replay_type {
    const char *name;
    /* Make a subject; NULL if the options cannot be met. */
    void *(*make)(const json_t *options);
    void (*drop)(void *subject);
    const struct replay_op *ops[5]; /* tables that end with {0} each; looked through in order, up to a NULL */
};

extern const struct replay_type replay_store, replay_undelta, replay_expiration, replay_indexer, replay_lister, replay_threadsafe,
    replay_heap, replay_fifo, replay_delta_fifo, replay_real_fifo, replay_selector, replay_keyfunc, replay_informer;

/* ---- values (values.c) ------------------------------------------------------------------------ */

/* The object that v describes (FORMAT section 3): owned; NULL if v describes none. */
const struct tarn_object *replay_object(const json_t *v);
/* The reverse: a new reference. */
json_t *replay_object_json(const struct tarn_object *obj);
/* KEY@RESOURCEVERSION and its forms for tombstones: a new reference. */
json_t *replay_ref(const struct tarn_object *obj);

/* The objects of an array; 0, or -1 if it is none. Release with tarn_objects_release. */
int replay_objects(const json_t *array, struct tarn_objects *ret);
/* The string member `name` as bytes, borrowed from in. -1 if it is missing or no string. */
int replay_string(const json_t *in, const char *name, struct tarn_bytes *ret);
/* The same as an owned object. */
int replay_object_member(const json_t *in, const char *name, const struct tarn_object **ret);

/* Deltas as FORMAT shows them, and back. */
json_t *replay_deltas_json(const struct tarn_delta *v, size_t n);
/* Fills v (room for as many as the array has); each obj is owned. -1 if it is none. */
int replay_deltas(const json_t *array, struct tarn_delta *v);

/* The word for an error code. */
const char *replay_error_word(int code);

/* answer[name] = … ; a member that cannot be made stays out and shows as a difference. */
void answer_error(json_t *answer, int code);
void answer_int(json_t *answer, const char *name, size_t n);
void answer_bool(json_t *answer, const char *name, bool b);
void answer_object(json_t *answer, const char *name, const struct tarn_object *obj);
/* Refs of the objects, sorted. */
void answer_refs(json_t *answer, const char *name, const struct tarn_objects *objs);
json_t *replay_sorted_refs(const struct tarn_objects *objs);
/* Keys as they come. */
void answer_keys(json_t *answer, const char *name, const struct tarn_keys *keys);

/* ---- index functions and transformers (functions.c) -------------------------------------------- */

/* The index function FORMAT calls `name`; static storage. NULL: unknown. */
const struct tarn_index_func *replay_index_func(const char *name);
/* Those that an array names, into v (room for max); -1 if one is unknown. */
int replay_index_funcs(const json_t *array, struct tarn_index_func *v, size_t max, size_t *ret_n);
#define REPLAY_INDEXERS_MAX 64
/* The transformer `name` ("none", NULL: fn is NULL). -1: unknown. */
int replay_transform(const json_t *name, struct tarn_transform *ret);

#endif
