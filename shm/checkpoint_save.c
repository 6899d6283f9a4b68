/* checkpoint_save.c - from a snapshot to a file.
 *
 * Objects are copied out of the region into a block, tested against their checksums, packed and written; a block at a time, so
 * memory stays at two blocks whatever the region's size. Whether the snapshot still held is tested after each block.
 */
#include <tarn/checkpoint.h>

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "checkpoint_file.h"
#include "checkpoint_format.h"
#include "crc32c.h"
#include "reader_impl.h"
#include "resource_record.h"

#define LEVEL 1 /* zstd's: 2 hardly saves space here and takes half as long again */

struct save {
    const struct tarn_checkpoint_save *o;
    struct ckpt_file file;
    struct ckpt_header header;
    ZSTD_CCtx *zstd;
    struct tarn_buf raw, packed;
    uint32_t number, count; /* of blocks; of objects in raw */
    struct ckpt_end end;
    struct tarn_error *err;
};

static int no_memory(struct tarn_error *err)
{
    return tarn_error_set(err, TARN_E_NOMEM, "checkpoint: out of memory");
}

/* ---- blocks --------------------------------------------------------------------------------------------------------- */

static int write_block(struct save *s, struct ckpt_block *b, const void *payload)
{
    int rc;

    b->file = s->header.crc;
    b->number = s->number++;
    b->payload_crc = tarn_crc32c(payload, b->stored);
    b->crc = tarn_crc32c(b, offsetof(struct ckpt_block, crc));
    rc = ckpt_file_write(&s->file, b, sizeof *b, s->err);
    return rc ? rc : ckpt_file_write(&s->file, payload, b->stored, s->err);
}

static int write_plain(struct save *s, enum ckpt_type type, uint16_t store, const void *payload, uint32_t n)
{
    struct ckpt_block b = {.type = (uint16_t)type, .codec = CKPT_PLAIN, .stored = n, .raw = n, .store = store};

    return write_block(s, &b, payload);
}

/* What does not shrink is stored as it is. */
static int write_objects(struct save *s, uint16_t store)
{
    struct ckpt_block b = {.type = CKPT_OBJECTS, .codec = CKPT_ZSTD, .raw = (uint32_t)s->raw.len, .count = s->count, .store = store};
    size_t n;

    if (!s->count)
        return 0;
    tarn_buf_clear(&s->packed);
    if (tarn_buf_reserve(&s->packed, ZSTD_compressBound(s->raw.len)))
        return no_memory(s->err);
    n = ZSTD_compressCCtx(s->zstd, s->packed.data, s->packed.cap, s->raw.data, s->raw.len, LEVEL);
    if (ZSTD_isError(n) || n >= s->raw.len)
        b.codec = CKPT_PLAIN;
    b.stored = b.codec == CKPT_ZSTD ? (uint32_t)n : b.raw;
    s->end.objects += s->count;
    s->end.raw_bytes += s->raw.len;
    s->count = 0;
    return write_block(s, &b, b.codec == CKPT_ZSTD ? s->packed.data : s->raw.data);
}

/* ---- objects --------------------------------------------------------------------------------------------------------- */

/* Give up when asked to; what was read counts only if the snapshot held. */
static int still_good(const struct save *s)
{
    /* relaxed: the flag stands for itself; a late look costs one block. Partner: whoever ends the save. */
    if (s->o->stop && atomic_load_explicit(s->o->stop, memory_order_relaxed))
        return tarn_error_set(s->err, TARN_E_STOPPED, "checkpoint: it took too long and was given up");
    if (tarn_reader_check(s->o->reader))
        return tarn_error_set(s->err, TARN_E_EXPIRED, "checkpoint: its snapshot was taken away, as memory is short");
    return 0;
}

static int region_is_broken(const struct save *s, const struct tarn_resource_info *info, const char *what)
{
    int rc = still_good(s);

    return rc ? rc : tarn_error_set(s->err, TARN_E_CORRUPT, "checkpoint: '%.*s' in the region: %s", TARN_BYTES_ARG(info->name), what);
}

static int add_object(struct save *s, const struct tarn_resource_info *info, const struct tarn_object *obj)
{
    const struct tarn_link *l = (const struct tarn_link *)(const void *)obj - 1;
    uint32_t size = tarn_object_size(obj);

    if (size % 8 || size > tarn_view_rest(s->o->reader->view, obj))
        return region_is_broken(s, info, "an object ends behind it");
    if (tarn_buf_reserve(&s->raw, size))
        return no_memory(s->err);
    tarn_load(s->raw.data + s->raw.len, obj, size);
    if (tarn_crc32c(s->raw.data + s->raw.len, size) != tarn_load_u32(&l->crc))
        return region_is_broken(s, info, "an object's checksum differs");
    s->raw.len += size;
    s->count++;
    return 0;
}

static int flush(struct save *s, const struct tarn_resource_info *info)
{
    int rc = still_good(s);

    if (!rc)
        rc = write_objects(s, info->store);
    tarn_buf_clear(&s->raw);
    return rc;
}

static int save_objects(struct save *s, const struct tarn_resource_info *info)
{
    const struct tarn_object *obj;
    struct tarn_reader_iter it;
    uint64_t n = 0;
    int rc = tarn_reader_list(s->o->reader, info->store, &it), more = 1;

    while (!rc && (more = tarn_reader_next(&it, &obj)) == 1) {
        rc = add_object(s, info, obj);
        n++;
        if (!rc && s->raw.len >= CKPT_BLOCK_BYTES)
            rc = flush(s, info);
    }
    if (rc || more < 0)
        return rc && s->err && s->err->code ? rc : region_is_broken(s, info, "its list breaks off");
    if (n != info->objects)
        return region_is_broken(s, info, "its number of objects differs from what it lists");
    return flush(s, info);
}

/* ---- resources ------------------------------------------------------------------------------------------------------- */

/* A list of deleted objects goes with its resource. */
static bool is_wanted(const struct save *s, const struct tarn_resource_info *info)
{
    struct tarn_resource_info resource;
    struct tarn_bytes of;

    if (tarn_resource_lists_deleted(info->name, &of)) {
        if (tarn_reader_resource(s->o->reader, of, &resource))
            return false;
        info = &resource;
    }
    return info->state.synced && (!s->o->wanted || s->o->wanted(s->o->ctx, info));
}

/* Call fn for each resource that is to be saved. */
static int each_resource(struct save *s, int (*fn)(struct save *s, const struct tarn_resource_info *info))
{
    struct tarn_resource_info info;
    struct tarn_reader_iter it;
    int rc = tarn_reader_resources(s->o->reader, &it), more = 1;

    while (!rc && (more = tarn_reader_next_resource(&it, &info)) == 1)
        if (is_wanted(s, &info))
            rc = fn(s, &info);
    if (!rc && more < 0)
        rc = tarn_error_set(s->err, more, "checkpoint: the list of resources: %s", tarn_strerror(more));
    return rc;
}

static int count_resource(struct save *s, const struct tarn_resource_info *info)
{
    s->header.resources++;
    if (info->objects && tarn_resource_lists_deleted(info->name, NULL))
        s->header.incompatible |= CKPT_HAS_DELETED;
    return 0;
}

/* The blob of its record: the key stands right behind the blob's head. */
static int save_resource(struct save *s, const struct tarn_resource_info *info)
{
    const struct tarn_object *blob = (const void *)(info->name.data - sizeof(struct tarn_blob_head));
    uint32_t n;
    int rc = add_object(s, info, blob);

    n = (uint32_t)s->raw.len;
    s->count = 0;
    tarn_buf_clear(&s->raw);
    return rc ? rc : write_plain(s, CKPT_RESOURCE, info->store, s->raw.data, n);
}

/* ---- the whole --------------------------------------------------------------------------------------------------------- */

static void make_header(struct save *s)
{
    const struct tarn_region_header *h = tarn_view_header(s->o->reader->view);
    struct tarn_checkpoint_clock now;

    if (s->o->clock)
        now = *s->o->clock;
    else
        tarn_checkpoint_clock_now(&now);
    s->header = (struct ckpt_header){.magic = CKPT_MAGIC,
                                     .major = CKPT_MAJOR,
                                     .minor = CKPT_MINOR,
                                     .header_bytes = sizeof s->header,
                                     .byte_order = CKPT_BYTE_ORDER,
                                     .resources = s->header.resources,
                                     .incompatible = s->header.incompatible,
                                     .real_ns = now.real_ns,
                                     .monotonic_ms = now.monotonic_ms,
                                     .generation = h->generation,
                                     .commit = s->o->reader->seq};
    memcpy(s->header.boot, now.boot, sizeof now.boot);
    memcpy(s->header.instance, h->instance, sizeof h->instance);
    memcpy(s->header.realm, h->realm, sizeof h->realm);
    s->header.crc = tarn_crc32c(&s->header, offsetof(struct ckpt_header, crc));
}

static int write_all(struct save *s)
{
    int rc;

    make_header(s);
    rc = ckpt_file_write(&s->file, &s->header, sizeof s->header, s->err);
    if (!rc)
        rc = each_resource(s, save_resource);
    if (!rc)
        rc = each_resource(s, save_objects);
    if (!rc)
        rc = write_plain(s, CKPT_END, 0, &s->end, sizeof s->end);
    return rc ? rc : ckpt_file_publish(&s->file, s->err);
}

static int save_file(struct save *s)
{
    int rc = each_resource(s, count_resource);

    if (!rc && !s->header.resources)
        rc = tarn_error_set(s->err, TARN_E_AGAIN, "checkpoint: no resource is synced yet");
    if (rc)
        return rc;
    s->zstd = ZSTD_createCCtx();
    rc = s->zstd ? ckpt_file_create(&s->file, s->o->path, s->o->io, s->err) : no_memory(s->err);
    if (!rc)
        rc = write_all(s);
    ckpt_file_close(&s->file);
    (void)ZSTD_freeCCtx(s->zstd);
    return rc;
}

int tarn_checkpoint_save(const struct tarn_checkpoint_save *o, struct tarn_checkpoint_saved *ret, struct tarn_error *err)
{
    struct tarn_error unheard = {0};
    struct save s = {.o = o, .file.fd = -1, .err = err ? err : &unheard};
    int rc;

    s.err->code = 0;
    rc = save_file(&s);
    if (!rc && ret)
        *ret = (struct tarn_checkpoint_saved){.commit = o->reader->seq, .objects = s.end.objects, .raw_bytes = s.end.raw_bytes,
                                              .file_bytes = s.file.bytes, .resources = s.header.resources};
    tarn_buf_release(&s.raw);
    tarn_buf_release(&s.packed);
    return rc;
}
