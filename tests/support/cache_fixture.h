/* cache_fixture.h - what the tests of stores, indexers and queues share: objects written in one word, and answers read as one.
 *
 *     "n1/a@7"              namespace n1, name a, resourceVersion 7; "a@7" is cluster-scoped; "n1/a" has no version
 *     "n1/a@7{app=web,t=x}" with labels
 *     "n1/a@7[w1 w2]"       with spec.words; after the labels, if there are any
 *
 * Answers are texts in a static buffer, good until the next such call: "n1/a@7 n1/b@2", sorted where the library gives no order.
 * A failure to make what a test itself needs ends the program.
 */
#ifndef CACHE_FIXTURE_H
#define CACHE_FIXTURE_H

#include <tarn/indexer.h>
#include <tarn/queue.h>

/* An owned object. */
const struct tarn_object *thing(const char *word);
/* Others: without metadata, a bare key, a tombstone (state NULL: none). Owned. */
const struct tarn_object *thing_without_meta(void);
const struct tarn_object *thing_key(const char *key);
const struct tarn_object *thing_tombstone(const char *key, const char *state_word);

/* Store operations with an object made for the call; the result code. */
int add(struct tarn_store *s, const char *word);
int update(struct tarn_store *s, const char *word);
int del(struct tarn_store *s, const char *word);
/* Replace with the words of a text ("a@1 b@2"); resource version "1". */
int replace(struct tarn_store *s, const char *words);
/* The operation `change` with obj, whose reference it takes. */
int with(struct tarn_store *s, int (*change)(struct tarn_store *, const struct tarn_object *, struct tarn_error *),
         const struct tarn_object *obj);

/* "n1/a@7" of one object ("tombstone:n1/a:n1/a@7", "key:n1/a"). */
const char *word_of(const struct tarn_object *obj);
/* Sorted words and keys (an empty key or value is ''); "error NAME" if the question failed. */
const char *list_of(struct tarn_store *s);
const char *keys_of(struct tarn_store *s);
const char *keys_in_order_of(struct tarn_store *s);
const char *got(struct tarn_store *s, const char *key); /* the word, or "none" */
const char *by_index(struct tarn_indexer *x, const char *name, const char *value);
const char *index_keys(struct tarn_indexer *x, const char *name, const char *value); /* in the order given */
const char *index_values(struct tarn_indexer *x, const char *name);
const char *index_of(struct tarn_indexer *x, const char *name, const char *word);
const char *words_of(struct tarn_objects *objs); /* and release it */
const char *rv_of(struct tarn_store *s);

/* Pop one element: its deltas as "Added n1/a@1, Deleted n1/a@2", with " (initial)" behind if it was flagged; "closed". */
const char *pop(struct tarn_queue *q);
/* The same with the process function returning code; *ret (may be NULL) is what the pop returned. */
const char *pop_returning(struct tarn_queue *q, int code, int *ret);
/* Pop `n` elements, joined by "; ". */
const char *pops(struct tarn_queue *q, size_t n);

#endif
