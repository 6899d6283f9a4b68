/* region.c - check a region before the first byte of it is believed, and map it read-only. */
#include <tarn/region.h>

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include <tarn/object.h>

#include "bytes_shm.h"
#include "crc32c.h"
#include "kernel.h"
#include "region_map.h"

/* What must be sealed before a client dereferences anything: then nobody can truncate it or write it but its maker. */
#define SEALS_NEEDED (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE)

char *tarn_region_map_aligned(int fd, uint64_t size, int prot, uint64_t tail)
{
    const uint64_t align = TARN_REGION_CHUNK_BYTES;
    uint64_t whole = size + tail + align;
    char *raw = mmap(NULL, whole, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0), *base;

    if (raw == MAP_FAILED)
        return NULL;
    base = (char *)(((uintptr_t)raw + align - 1) & ~(uintptr_t)(align - 1));
    if (base > raw)
        (void)munmap(raw, (size_t)(base - raw));
    if (raw + whole > base + size + tail)
        (void)munmap(base + size + tail, (size_t)(raw + whole - (base + size + tail)));
    if (mmap(base, size, prot, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED) {
        int saved = errno;

        (void)munmap(base, size + tail);
        errno = saved;
        return NULL;
    }
    (void)madvise(base, size, MADV_DONTDUMP); /* a core dump holds no Secrets, and not the cluster's size either */
    return base;
}

static int check_constants(const struct tarn_region_header *h, struct tarn_error *err)
{
    if (h->magic != TARN_REGION_MAGIC)
        return tarn_error_set(err, TARN_E_CORRUPT, "not a tarn region: magic is %016llx", (unsigned long long)h->magic);
    if (h->byte_order != TARN_REGION_BYTE_ORDER)
        return tarn_error_set(err, TARN_E_ABI, "region was written with another byte order (%08x)", h->byte_order);
    if (h->abi_major != TARN_REGION_ABI_MAJOR)
        return tarn_error_set(err, TARN_E_ABI, "region has format %u.%u, this library reads %u.x: use a libtarn of the agent's version",
                              h->abi_major, h->abi_minor, TARN_REGION_ABI_MAJOR);
    if (h->incompatible)
        return tarn_error_set(err, TARN_E_ABI, "region uses features %016llx that this library does not know",
                              (unsigned long long)h->incompatible);
    if (tarn_crc32c(h, offsetof(struct tarn_region_header, crc)) != h->crc)
        return tarn_error_set(err, TARN_E_CORRUPT, "region header: checksum differs");
    return 0;
}

static int check_header(const struct tarn_region_header *h, uint64_t size, struct tarn_error *err)
{
    int rc = check_constants(h, err);

    if (rc)
        return rc;
    if (h->header_bytes != TARN_REGION_HEADER_BYTES || h->unit_shift != TARN_REGION_UNIT_SHIFT)
        return tarn_error_set(err, TARN_E_CORRUPT, "region header: %u bytes, unit shift %u", h->header_bytes, h->unit_shift);
    if (h->size != size || size % TARN_REGION_CHUNK_BYTES || size > TARN_REGION_BYTES_MAX)
        return tarn_error_set(err, TARN_E_CORRUPT, "region header: says %llu bytes, the file has %llu",
                              (unsigned long long)h->size, (unsigned long long)size);
    return 0;
}

static void fill_view(const char *base, uint64_t size, struct tarn_region_view *v)
{
    const struct tarn_region_header *h = (const struct tarn_region_header *)base;

    *v = (struct tarn_region_view){.base = base,
                                   .size = size,
                                   .hash_key = {h->hash_key[0], h->hash_key[1]},
                                   .generation = h->generation};
    memcpy(v->instance, h->instance, sizeof v->instance);
}

int tarn_region_view_of(const void *base, uint64_t size, struct tarn_region_view *ret, struct tarn_error *err)
{
    int rc;

    if (size < TARN_REGION_BYTES_MIN)
        return tarn_error_set(err, TARN_E_CORRUPT, "region of %llu bytes is too small", (unsigned long long)size);
    rc = check_header(base, size, err);
    if (!rc)
        fill_view(base, size, ret);
    return rc;
}

/* Seals and size: everything that can be known before mapping. */
static int check_descriptor(int fd, struct stat *st, struct tarn_error *err)
{
    int seals = fcntl(fd, F_GET_SEALS);

    if (seals < 0)
        return tarn_error_set(err, TARN_E_CORRUPT, "region descriptor is no memfd: %s", strerror(errno));
    if ((seals & SEALS_NEEDED) != SEALS_NEEDED)
        return tarn_error_set(err, TARN_E_CORRUPT, "region is not sealed as it must be: seals %#x, need %#x", seals, SEALS_NEEDED);
    if (fstat(fd, st))
        return tarn_error_set(err, TARN_E_IO, "region descriptor: fstat: %s", strerror(errno));
    if (st->st_size < (off_t)TARN_REGION_BYTES_MIN || (uint64_t)st->st_size > TARN_REGION_BYTES_MAX)
        return tarn_error_set(err, TARN_E_CORRUPT, "region of %lld bytes: out of range", (long long)st->st_size);
    return 0;
}

int tarn_region_view_map(int fd, struct tarn_region_view *ret, struct tarn_error *err)
{
    struct stat st;
    uint64_t size;
    char *base;
    int rc = check_descriptor(fd, &st, err);

    if (rc)
        return rc;
    size = (uint64_t)st.st_size;
    base = tarn_region_map_aligned(fd, size, PROT_READ, TARN_OBJECT_BYTES_MAX);
    if (!base)
        return tarn_error_set(err, errno == ENOMEM ? TARN_E_NOMEM : TARN_E_IO, "mapping a region of %llu bytes: %s",
                              (unsigned long long)size, strerror(errno));
    rc = check_header((const struct tarn_region_header *)base, size, err);
    if (rc) {
        (void)munmap(base, size + TARN_OBJECT_BYTES_MAX);
        return rc;
    }
    fill_view(base, size, ret);
    ret->inode = (uint64_t)st.st_ino;
    return 0;
}

void tarn_region_view_unmap(struct tarn_region_view *v)
{
    if (v->base)
        (void)munmap((void *)(uintptr_t)v->base, v->size + TARN_OBJECT_BYTES_MAX);
    *v = (struct tarn_region_view){0};
}

uint64_t tarn_region_view_commit(const struct tarn_region_view *v)
{
    /* acquire: pairs with the release store in publish() (writer.c), model step W5. */
    return atomic_load_explicit(&tarn_view_header(v)->commit_seq, memory_order_acquire);
}

void tarn_region_view_facts(const struct tarn_region_view *v, struct tarn_region_facts *ret)
{
    const struct tarn_region_header *h = tarn_view_header(v);
    const struct tarn_region_counters *c = &h->counters;

    /* Every value is a hint by itself: relaxed loads, no partner. */
    *ret = (struct tarn_region_facts){
        .commit_seq = tarn_load_u64(&h->commit_seq),
        .commit_ns = tarn_load_u64(&h->commit_ns),
        .horizon = tarn_load_u64(&h->horizon),
        .heartbeat_ns = tarn_load_u64(&h->heartbeat_ns),
        .agent_state = tarn_load_u32(&h->agent_state),
        .superseded = tarn_load_u64(&h->superseded),
        .generation = h->generation,
        .created_ns = h->created_ns,
        .size = v->size,
        .abi_major = h->abi_major,
        .abi_minor = h->abi_minor,
        .log_head = tarn_load_u64(&h->log_head),
        .log_floor = tarn_load_u64(&h->log_floor),
        .live_bytes = tarn_load_u64(&c->live_bytes),
        .retired_bytes = tarn_load_u64(&c->retired_bytes),
        .free_bytes = tarn_load_u64(&c->free_bytes),
        .objects = tarn_load_u64(&c->objects),
        .collections = tarn_load_u64(&c->collections),
        .revocations = tarn_load_u64(&c->revocations),
        .refused = tarn_load_u64(&c->refused),
        .over_budget = tarn_load_u64(&c->over_budget),
        .pressure = tarn_load_u64(&c->pressure),
    };
    memcpy(ret->instance, h->instance, sizeof ret->instance);
    memcpy(ret->realm, h->realm, sizeof h->realm);
}
