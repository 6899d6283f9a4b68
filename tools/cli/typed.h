/* An object with what a server leaves out of a list's items and a reader wants back: its apiVersion and kind. */
#ifndef TARN_CLI_TYPED_H
#define TARN_CLI_TYPED_H

#include <tarn/query.h>

/*
 * The root value of obj, with apiVersion and kind in front where the body lacks them, and with deletedAt at its end where deleted_ms (Unix time) is not 0: an
 * object has no member of that name, and a deletionTimestamp is something else. Borrowed from obj or from scratch, which is
 * overwritten. TARN_NIL: the object has no body.
 */
struct tarn_value typed_root(const struct tarn_object *obj, const struct tarn_resource *type, uint64_t deleted_ms, struct tarn_buf *scratch);

#define TYPED_TIME_BYTES 32
/* Unix time in ms as API objects have times: "2026-11-24T09:00:00Z". */
void typed_time(uint64_t unix_ms, char ret[TYPED_TIME_BYTES]);

/* Append such a root to the items of a List, as MessagePack. */
void typed_list_add(struct tarn_buf *items, const struct tarn_value *root);
/* The root of a List around `count` items; borrowed from scratch, which is overwritten. */
struct tarn_value typed_list_root(struct tarn_buf *items, size_t count, struct tarn_buf *scratch);

#endif
