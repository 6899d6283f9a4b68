/* An object with what a server leaves out of a list's items and a reader wants back: its apiVersion and kind. */
#ifndef TARN_CLI_TYPED_H
#define TARN_CLI_TYPED_H

#include <tarn/query.h>

/*
 * The root value of obj, with apiVersion and kind in front where the body lacks them. Borrowed from obj or from scratch, which is
 * overwritten. TARN_NIL: the object has no body.
 */
struct tarn_value typed_root(const struct tarn_object *obj, const struct tarn_resource *type, struct tarn_buf *scratch);

/* Append such a root to the items of a List, as MessagePack. */
void typed_list_add(struct tarn_buf *items, const struct tarn_value *root);
/* The root of a List around `count` items; borrowed from scratch, which is overwritten. */
struct tarn_value typed_list_root(struct tarn_buf *items, size_t count, struct tarn_buf *scratch);

#endif
