/* checkpoint_restore.c - from a checked checkpoint into a new region, block by block. */
#include <stdio.h>
#include <stdlib.h>
#include <zstd.h>

#include "checkpoint_read.h"
#include "grace.h"
#include "writer_impl.h"

struct restore {
    struct tarn_checkpoint *c;
    struct tarn_writer *w; /* NULL: only test */
    ZSTD_DCtx *zstd;
    struct tarn_buf raw;
    uint16_t map[TARN_REGION_RESOURCES_MAX + 1]; /* saved store -> new store; 0: left out */
    struct tarn_error *err;
};

static int corrupt(struct restore *r, const struct ckpt_resource *res, const char *what)
{
    return tarn_error_set(r->err, TARN_E_CORRUPT, "checkpoint: '%.*s': %s", TARN_BYTES_ARG(res->info.name), what);
}

/* ---- blocks ------------------------------------------------------------------------------------------------------------ */

/* The block's raw bytes; borrowed until the next call. */
static int unpack(struct restore *r, const struct ckpt_block *b, const struct ckpt_resource *res, const char **ret)
{
    size_t n;

    *ret = r->c->stored.data;
    if (b->codec == CKPT_PLAIN)
        return 0;
    tarn_buf_clear(&r->raw);
    if (tarn_buf_reserve(&r->raw, b->raw + 1))
        return tarn_error_set(r->err, TARN_E_NOMEM, "checkpoint: out of memory");
    n = ZSTD_decompressDCtx(r->zstd, r->raw.data, b->raw, r->c->stored.data, b->stored);
    if (n != b->raw)
        return corrupt(r, res, ZSTD_isError(n) ? ZSTD_getErrorName(n) : "a block unpacks to another length");
    *ret = r->raw.data;
    return 0;
}

/* Is there an object at p, whole within n bytes, with all that storing it touches? Its accessors check the rest. Deleted ones are tombstones
 * with the final state, of which their indexes are made. */
static bool object_ok(const char *p, size_t n, bool deleted, uint32_t *ret_size)
{
    struct tarn_blob_head h;

    if (n < sizeof h)
        return false;
    memcpy(&h, p, sizeof h);
    *ret_size = h.size;
    return h.size <= n && h.size % 8 == 0 && h.format == TARN_OBJECT_FORMAT_MSGPACK && h.flags == (deleted ? TARN_OBJECT_TOMBSTONE : 0) && h.klen &&
           h.klen <= TARN_REGION_KEY_MAX && h.size >= sizeof h + tarn_key_bytes(h.klen) + TARN_BLOB_META_BYTES &&
           (!deleted || tarn_object_final_state((const struct tarn_object *)(const void *)p));
}

static int put(struct restore *r, struct tarn_resource *res, const struct tarn_object *obj)
{
    uint32_t ref;
    int rc = tarn_version_of_object(r->w, res, obj, &ref, r->err);

    return rc ? rc : tarn_version_link_or_drop(r->w, res, ref);
}

static int restore_block(struct restore *r, const struct ckpt_block *b, const struct ckpt_resource *res)
{
    struct tarn_resource *to = r->w ? r->w->resources[r->map[b->store]] : NULL;
    bool deleted = tarn_resource_lists_deleted(res->info.name, NULL);
    const char *p;
    uint32_t size, n = 0;
    int rc = unpack(r, b, res, &p);

    for (size_t left = b->raw; !rc && left; left -= size, p += size, n++) {
        if (!object_ok(p, left, deleted, &size))
            return corrupt(r, res, "an object breaks the format");
        if (to)
            rc = put(r, to, (const struct tarn_object *)(const void *)p);
    }
    if (!rc && n != b->count)
        rc = corrupt(r, res, "a block holds another number of objects than it says");
    return rc;
}

/* Is anything of this block wanted? */
static const struct ckpt_resource *wanted(const struct restore *r, const struct ckpt_block *b)
{
    const struct ckpt_resource *res = b->type == CKPT_OBJECTS && b->store <= TARN_REGION_RESOURCES_MAX ? ckpt_resource_of(r->c, b->store) : NULL;

    return res && ckpt_is_whole(res) && (!r->w || r->map[b->store]) ? res : NULL;
}

/* Opening has seen every block: one that is bad now is of no resource that is whole, or the file has changed since. */
static int restore_blocks(struct restore *r)
{
    int rc = 0;

    ckpt_rewind(r->c);
    for (struct ckpt_block b = {0}; !rc && b.type != CKPT_END;) {
        const struct ckpt_resource *res;
        int block = ckpt_next_block(r->c, &b);

        if (block < 0)
            return block == TARN_E_CORRUPT ? 0 : tarn_error_set(r->err, block, "checkpoint: %s", r->c->damage.message);
        res = wanted(r, &b);
        if (res)
            rc = block ? corrupt(r, res, "a block has changed since it was checked") : restore_block(r, &b, res);
    }
    return rc;
}

static int run(struct restore *r)
{
    int rc;

    r->zstd = ZSTD_createDCtx();
    rc = r->zstd ? restore_blocks(r) : tarn_error_set(r->err, TARN_E_NOMEM, "checkpoint: out of memory");
    (void)ZSTD_freeDCtx(r->zstd);
    tarn_buf_release(&r->raw);
    return rc;
}

/* ---- the region ----------------------------------------------------------------------------------------------------------- */

static const struct ckpt_resource *resource_named(const struct tarn_checkpoint *c, struct tarn_bytes name)
{
    for (unsigned i = 0; i < c->nresources; i++)
        if (tarn_bytes_equal(c->resources[i].info.name, name))
            return &c->resources[i];
    return NULL;
}

/* The list of deleted objects goes on with its resource. */
static void map_deleted(struct restore *r, const struct tarn_resource *res)
{
    char name[TARN_GRACE_NAME_BYTES];
    const struct ckpt_resource *old = resource_named(r->c, tarn_grace_name(res, name));

    if (old && ckpt_is_whole(old) && tarn_grace_store(res))
        r->map[old->info.store] = tarn_grace_store(res);
}

static int add_resource(struct restore *r, const struct tarn_writer_resource *spec, uint16_t *ret_store)
{
    const struct ckpt_resource *old;
    int rc = tarn_writer_add_resource(r->w, spec, ret_store, r->err);

    if (rc)
        return rc;
    old = resource_named(r->c, tarn_bytes_of(spec->name));
    if (!old || !ckpt_is_whole(old) || !tarn_resource_goes_on(&old->info, spec, false))
        return 0;
    r->map[old->info.store] = *ret_store;
    map_deleted(r, r->w->resources[*ret_store]);
    return tarn_resource_go_on(r->w, *ret_store, &old->info, r->err);
}

/* Each resource must have what the file says; a lost block would otherwise be a silent delete. */
static int check_counts(struct restore *r)
{
    for (unsigned i = 0; i < r->c->nresources; i++) {
        const struct ckpt_resource *res = &r->c->resources[i];
        uint16_t to = r->map[res->info.store];

        if (to && tarn_writer_count(r->w, to) != res->info.objects)
            return corrupt(r, res, "keys repeat, or blocks have gone since it was checked");
    }
    return 0;
}

static int fill(struct restore *r, const struct tarn_writer_resource *resources, unsigned n, uint16_t *ret_stores)
{
    int rc = 0;

    r->w->commit = r->c->header.commit;
    r->w->copying = true; /* nothing of it is an event */
    for (unsigned i = 0; !rc && i < n; i++) {
        uint16_t store;

        rc = add_resource(r, &resources[i], &store);
        if (!rc && ret_stores)
            ret_stores[i] = store;
    }
    if (!rc)
        rc = run(r);
    if (!rc)
        rc = check_counts(r);
    r->w->copying = false;
    return rc ? rc : tarn_writer_commit(r->w, r->err);
}

static int make_region(struct restore *r, const struct tarn_writer_options *o)
{
    struct tarn_writer_options options = *o;

    options.generation = o->generation ? o->generation : r->c->header.generation + 1;
    options.auto_commit = false;
    return tarn_writer_new(&options, &r->w, r->err);
}

int tarn_checkpoint_restore(struct tarn_checkpoint *c, const struct tarn_writer_options *o, const struct tarn_writer_resource *resources, unsigned n,
                            uint16_t *ret_stores, struct tarn_writer **ret, struct tarn_error *err)
{
    struct restore *r = calloc(1, sizeof *r);
    int rc;

    if (!r)
        return tarn_error_set(err, TARN_E_NOMEM, "checkpoint: out of memory");
    r->c = c;
    r->err = err;
    rc = make_region(r, o);
    if (!rc) {
        rc = fill(r, resources, n, ret_stores);
        if (rc == TARN_E_FULL || rc == TARN_E_NOMEM)
            (void)tarn_error_set(err, rc, "the checkpoint does not fit into %llu MiB: %s", (unsigned long long)r->w->size >> 20, tarn_strerror(rc));
        r->w->o.auto_commit = o->auto_commit;
    }
    if (rc)
        tarn_writer_free(r->w);
    else
        *ret = r->w;
    free(r);
    return rc;
}

int tarn_checkpoint_verify(struct tarn_checkpoint *c, struct tarn_error *err)
{
    struct restore *r = calloc(1, sizeof *r);
    int rc;

    if (!r)
        return tarn_error_set(err, TARN_E_NOMEM, "checkpoint: out of memory");
    r->c = c;
    r->err = err;
    rc = run(r);
    if (!rc && c->damage.code)
        rc = tarn_error_set(err, TARN_E_CORRUPT, "checkpoint: %s", c->damage.message);
    free(r);
    return rc;
}
