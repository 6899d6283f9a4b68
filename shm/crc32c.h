/* crc32c.h - the checksum of records and of the header (Castagnoli polynomial, RFC 3720 appendix B.4). */
#ifndef TARN_SHM_CRC32C_H
#define TARN_SHM_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* crc32c of n bytes. Any thread. The processor's instruction where it has one, else a table. */
uint32_t tarn_crc32c(const void *data, size_t n);
/* The table variant, for the test that compares both. */
uint32_t tarn_crc32c_table(const void *data, size_t n);

#endif
