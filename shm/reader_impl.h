/* reader_impl.h - private: the pieces of a lookup, shared by reader.c, walk.c, log.c and check.c. */
#ifndef TARN_SHM_READER_IMPL_H
#define TARN_SHM_READER_IMPL_H

#include <tarn/reader.h>
#include <tarn/store.h>

#include "bytes_shm.h"

#define RECORD_HEAD_BYTES (sizeof(struct tarn_link) + sizeof(struct tarn_blob_head))

/* A table whose extent was checked. */
struct table {
    const _Atomic uint64_t *slot;
    uint32_t log2;
};

/* What is looked for. */
struct tarn_name_ref {
    uint16_t store;
    bool node;
    uint32_t code;           /* of a node */
    struct tarn_bytes key;   /* of a long value: its 16-byte hash */
    struct tarn_bytes value; /* of a long value: itself */
};

/* The newest record under a name, its head and key readable. TARN_E_NOTFOUND, TARN_E_CORRUPT. */
int tarn_reader_find(const struct tarn_region_view *v, const struct table *t, uint32_t tag, const struct tarn_name_ref *n,
                     const struct tarn_link **ret);
int tarn_reader_lookup(const struct tarn_region_view *v, const struct tarn_name_ref *n, const struct tarn_link **ret);
/* The version at r's snapshot, from the newest one; a tombstone too. */
int tarn_reader_version(const struct tarn_reader *r, const struct tarn_link *head, const struct tarn_link **ret);
/* ... and its blob, if it is alive. */
int tarn_reader_object(const struct tarn_reader *r, const struct tarn_link *head, const struct tarn_link **ret_link,
                       const struct tarn_object **ret);
/* rc, or TARN_E_EXPIRED when the horizon has passed the snapshot: then rc means nothing, whatever it was. */
int tarn_reader_verdict(const struct tarn_reader *r, int rc);
/* An array behind ref, its n loaded and checked. ref 0: *ret is NULL and *ret_n 0. */
int tarn_reader_array(const struct tarn_region_view *v, uint32_t ref, const struct tarn_array **ret, uint32_t *ret_n);
int tarn_reader_heads(const struct tarn_region_view *v, const struct tarn_array **ret, uint32_t *ret_n);

#endif
