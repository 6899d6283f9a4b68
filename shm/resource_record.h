/* resource_record.h - private: the bytes of a resource's record. */
#ifndef TARN_SHM_RESOURCE_RECORD_H
#define TARN_SHM_RESOURCE_RECORD_H

#include <tarn/resource.h>

#include "bytes_shm.h"

/* The blob for i into out (cleared before); texts: index names, slot paths, short names, source, resume, n together. */
TARN_MUST_CHECK int tarn_resource_blob(const struct tarn_resource_info *i, const struct tarn_bytes *texts, size_t n,
                                       struct tarn_buf *out);
/* Read a blob of size bytes, all of them readable, with a key of klen bytes. TARN_E_CORRUPT when it breaks the format. */
TARN_MUST_CHECK int tarn_resource_parse(const char *blob, uint32_t size, uint16_t klen, struct tarn_resource_info *ret);

#endif
