/* region_make.c - the agent's half of region.c: create the memfd, map it once for writing, seal it for ever. */
#include "region_map.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tarn/object.h>

#include "crc32c.h"
#include "kernel.h"

static int create_memfd(void)
{
    int fd = memfd_create("tarn", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

    if (fd < 0 && errno == EINVAL) /* before Linux 6.3 */
        fd = memfd_create("tarn", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return fd;
}

static void write_constants(struct tarn_region_header *h, const struct tarn_region_spec *spec)
{
    h->magic = TARN_REGION_MAGIC;
    h->abi_major = TARN_REGION_ABI_MAJOR;
    h->abi_minor = TARN_REGION_ABI_MINOR;
    h->header_bytes = TARN_REGION_HEADER_BYTES;
    h->byte_order = TARN_REGION_BYTE_ORDER;
    h->unit_shift = TARN_REGION_UNIT_SHIFT;
    h->size = spec->size;
    memcpy(h->instance, spec->instance, sizeof h->instance);
    h->generation = spec->generation;
    h->created_ns = spec->created_ns;
    memcpy(h->hash_key, spec->hash_key, sizeof h->hash_key);
    memcpy(h->realm, spec->realm, strnlen(spec->realm, sizeof h->realm - 1));
    h->crc = tarn_crc32c(h, offsetof(struct tarn_region_header, crc));
}

/* The descriptor to hand out: a second open of the same memfd, for reading. */
static int reopen_read_only(int fd)
{
    char path[64];

    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, O_RDONLY | O_CLOEXEC);
}

static int take_page(char *base, struct tarn_error *err)
{
    if (!madvise(base, TARN_REGION_HEADER_BYTES, MADV_POPULATE_WRITE) || errno == EINVAL)
        return 0;
    return tarn_error_set(err, TARN_E_FULL, "the system gives no memory for a region: %s", strerror(errno));
}

/* Everything on a fresh memfd up to the seals. */
static int shape(int fd, const struct tarn_region_spec *spec, char **ret_base, int *ret_fd, struct tarn_error *err)
{
    char *base;
    int ro, rc;

    if (fchmod(fd, 0400) || ftruncate(fd, (off_t)spec->size))
        return tarn_error_set(err, TARN_E_IO, "sizing a region of %llu bytes: %s", (unsigned long long)spec->size, strerror(errno));
    ro = reopen_read_only(fd);
    if (ro < 0)
        return tarn_error_set(err, TARN_E_IO, "reopening the region read-only (is /proc mounted?): %s", strerror(errno));
    base = tarn_region_map_aligned(fd, spec->size, PROT_READ | PROT_WRITE, TARN_OBJECT_BYTES_MAX);
    if (!base) {
        rc = tarn_error_set(err, TARN_E_NOMEM, "mapping a region of %llu bytes: %s", (unsigned long long)spec->size, strerror(errno));
        goto out_fd;
    }
    rc = take_page(base, err);
    if (rc)
        goto out_map;
    write_constants((struct tarn_region_header *)base, spec);
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL)) {
        rc = tarn_error_set(err, TARN_E_UNSUPPORTED, "sealing the region: %s (Linux 5.1 or newer is needed)", strerror(errno));
        goto out_map;
    }
    *ret_base = base;
    *ret_fd = ro;
    return 0;
out_map:
    (void)munmap(base, spec->size + TARN_OBJECT_BYTES_MAX);
out_fd:
    (void)close(ro);
    return rc;
}

int tarn_region_make(const struct tarn_region_spec *spec, char **ret_base, int *ret_fd, struct tarn_error *err)
{
    int fd = create_memfd(), rc;

    if (fd < 0)
        return tarn_error_set(err, TARN_E_IO, "memfd_create: %s", strerror(errno));
    rc = shape(fd, spec, ret_base, ret_fd, err);
    (void)close(fd); /* the mapping stays writable, nothing else can become so */
    return rc;
}

void tarn_region_unmake(char *base, uint64_t size, int fd)
{
    (void)munmap(base, size + TARN_OBJECT_BYTES_MAX);
    (void)close(fd);
}
