/* grace.h - private: deleted objects that can still be read for a while. grace.c
 *
 * The list is a resource of its own in the region, "NAME/deleted", which readers ask by tarn_get_deleted and tarn_list_deleted; it holds
 * tombstones with the final state and the time (tarn_object_new_deleted). What is added and what leaves is part of the transaction that
 * deletes, so a snapshot shows an object either alive or deleted, or neither, never both.
 */
#ifndef TARN_SHM_GRACE_H
#define TARN_SHM_GRACE_H

#include "writer_impl.h"

#define TARN_GRACE_NAME_BYTES (TARN_REGION_NAME_MAX + sizeof TARN_DELETED_SUFFIX)

/* Begin to keep what is deleted of res. TARN_E_LIMIT (too many indexes), TARN_E_FULL, TARN_E_NOMEM. */
TARN_MUST_CHECK int tarn_grace_new(struct tarn_writer *w, struct tarn_resource *res, const struct tarn_keep_deleted *o, struct tarn_error *err);
/* End it: the list goes with what it holds, in the open transaction. */
TARN_MUST_CHECK int tarn_grace_drop(struct tarn_writer *w, struct tarn_resource *res, struct tarn_error *err);
/* Memory only. NULL is allowed. */
void tarn_grace_free(struct tarn_grace *g);

/* Record ref is about to be linked: if an object ends by it, keep that one. Failures are counted; the deletion goes on. */
void tarn_grace_before(struct tarn_writer *w, struct tarn_resource *res, uint32_t ref);
/* What was linked since the last commit was undone: the order is no longer known. Also behind a take-over. */
void tarn_grace_undone(struct tarn_writer *w);
/* Let go what is too old, and more when memory is short. Between Replaces. */
void tarn_grace_tick(struct tarn_writer *w);

/* The number of the list of res, 0: none. */
uint16_t tarn_grace_store(const struct tarn_resource *res);
/* What the list of res is called, if it has one. */
struct tarn_bytes tarn_grace_name(const struct tarn_resource *res, char buf[TARN_GRACE_NAME_BYTES]);

#endif
