/* subject.h - what the types that are stores and indexers share inside trace-replay. */
#ifndef REPLAY_SUBJECT_H
#define REPLAY_SUBJECT_H

#include "replay.h"

#include <stddef.h>

/* A store under test; also an indexer's. */
struct store_subject {
    struct tarn_store *store;
    struct tarn_indexer *indexer; /* or NULL */
    json_t *pushes;               /* of an UndeltaStore: the calls of its push function; else NULL */
    struct tarn_runtime rt;       /* a clock that only `advance` moves */
    uint64_t now_ms;
};

void *store_subject_make_indexer(const json_t *options);
void store_subject_drop(void *subject);

/* Answers that several types give. */
int answer_found(json_t *answer, int code, const struct tarn_object *found);
int answer_list(json_t *answer, struct tarn_store *store);
int answer_list_keys(json_t *answer, struct tarn_store *store); /* sorted */

/* The questions to an indexer (indexer_ops.c); -1 if an input is missing. */
int replay_index(struct tarn_indexer *x, const json_t *in, json_t *answer);
int replay_by_index(struct tarn_indexer *x, const json_t *in, json_t *answer);
int replay_index_keys(struct tarn_indexer *x, const json_t *in, json_t *answer);
int replay_list_values(struct tarn_indexer *x, const json_t *in, json_t *answer);
int replay_add_indexers(struct tarn_indexer *x, const json_t *in, json_t *answer);
int replay_get_indexers(struct tarn_indexer *x, json_t *answer);
int replay_index_state(struct tarn_indexer *x, json_t *answer);

/* A change to a queue with the line's object, and the answer to any change of one (queue_ops.c). */
int replay_queue_change(struct tarn_queue *q, const json_t *in, json_t *answer,
                        int (*change)(struct tarn_store *, const struct tarn_object *, struct tarn_error *));
int replay_queue_changed(struct tarn_queue *q, int code, json_t *answer);
/* The changes of every queue on a struct store_subject whose store is one. */
extern const struct replay_op replay_queue_ops[];

/* The operations of every store and of every indexer on a struct store_subject. */
extern const struct replay_op replay_store_ops[], replay_indexer_ops[];

#endif
