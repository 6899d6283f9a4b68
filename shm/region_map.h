/* region_map.h - private: mapping at 2 MiB alignment, and the making of a region by the agent. */
#ifndef TARN_SHM_REGION_MAP_H
#define TARN_SHM_REGION_MAP_H

#include <stdint.h>

#include <tarn/error.h>
#include <tarn/layout.h>

/* Map size bytes of fd at a 2 MiB boundary, with tail readable zero bytes behind them; core dumps leave it out. NULL and errno on failure. */
char *tarn_region_map_aligned(int fd, uint64_t size, int prot, uint64_t tail);

struct tarn_region_spec {
    const char *realm;
    uint64_t size, generation;
    uint64_t hash_key[2];
    uint8_t instance[16];
    uint64_t created_ns;
};
/*
 * Make a memfd of spec->size bytes, map it writable, write the constant part of the header and seal it, so that this mapping stays the only way to write it.
 * *ret_base: the mapping, with TARN_OBJECT_BYTES_MAX readable bytes behind. *ret_fd: an O_RDONLY descriptor.
 */
TARN_MUST_CHECK int tarn_region_make(const struct tarn_region_spec *spec, char **ret_base, int *ret_fd,
                                     struct tarn_error *err);
void tarn_region_unmake(char *base, uint64_t size, int fd);

#endif
