/* check.c - walk a region through a snapshot and name the first rule it breaks.
 *
 * Every rule has a name; docs/region-format.md lists them. Three passes: the table's slots; the records by object
 * number, with all their versions; the nodes with their postings. The last two must agree: each value id of each object
 * that is alive at the snapshot is found once in that node's posting.
 */
#include <tarn/check.h>
#include <tarn/log.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "crc32c.h"
#include "reader_impl.h"
#include "resource_record.h"

struct check {
    const struct tarn_reader *r;
    const struct tarn_region_view *v;
    bool quiet;
    struct tarn_check_report report;
    struct tarn_error *err;
    const struct tarn_array *heads;
    uint32_t nheads;
    uint32_t *stamp; /* by object number: the last posting that named it */
    uint32_t stamps;
    uint64_t pairs_wanted, pairs_found; /* (object, value id) */
    uint64_t *objects, *bytes;          /* by store */
};

/* Name the rule. */
static int TARN_PRINTF(3, 4) broken(struct check *c, const char *rule, const char *fmt, ...)
{
    char text[256];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return tarn_error_set(c->err, TARN_E_CORRUPT, "region breaks rule '%s': %s", rule, text);
}

static unsigned long long offset_of(const struct check *c, const void *p)
{
    return (unsigned long long)((const char *)p - c->v->base);
}

/* ---- one record ------------------------------------------------------------------------------------------ */

static int check_extent(struct check *c, const struct tarn_link *l)
{
    const struct tarn_blob_head *b = tarn_link_blob(l);
    uint64_t need = sizeof *l + (uint64_t)b->size + 4u * tarn_link_nvid(tarn_load_u16(&l->kind_nvid));

    if (b->size % 8 || b->size < sizeof *b + tarn_key_bytes(b->klen))
        return broken(c, "record-size", "record at %#llx has %u bytes for a key of %u", offset_of(c, l), b->size, b->klen);
    if (need > tarn_view_rest(c->v, l))
        return broken(c, "record-extent", "record at %#llx ends behind the region", offset_of(c, l));
    if (b->klen > TARN_REGION_KEY_MAX || tarn_link_nvid(tarn_load_u16(&l->kind_nvid)) > TARN_REGION_VIDS_MAX)
        return broken(c, "record-limits", "record at %#llx: key of %u bytes", offset_of(c, l), b->klen);
    return 0;
}

static int check_record(struct check *c, const struct tarn_link *l)
{
    const struct tarn_blob_head *b = tarn_link_blob(l);
    int rc = check_extent(c, l);

    if (rc)
        return rc;
    c->report.records++;
    c->report.bytes += sizeof *l + b->size;
    if (tarn_crc32c(b, b->size) != tarn_load_u32(&l->crc))
        return broken(c, "record-checksum", "record at %#llx, key '%.*s'", offset_of(c, l), b->klen < 80 ? (int)b->klen : 80, tarn_link_key(l));
    return 0;
}

static int record_at(struct check *c, uint32_t ref, const char *from, const struct tarn_link **ret)
{
    *ret = tarn_view_at(c->v, ref, RECORD_HEAD_BYTES);
    return *ret ? 0 : broken(c, "reference", "%s refers to %#llx, outside the region", from, (unsigned long long)ref << TARN_REGION_UNIT_SHIFT);
}

static struct tarn_name_ref name_of(const struct tarn_link *l)
{
    return (struct tarn_name_ref){.store = tarn_load_u16(&l->store), .key = {.data = tarn_link_key(l), .len = tarn_link_blob(l)->klen}};
}

/* ---- the table -------------------------------------------------------------------------------------------- */

static uint32_t tag_of(const struct check *c, const struct tarn_link *l)
{
    uint16_t store = tarn_load_u16(&l->store);
    bool node = tarn_link_kind(tarn_load_u16(&l->kind_nvid)) == TARN_RECORD_NODE;
    uint64_t space = node ? tarn_space_node(store, tarn_load_u32(&l->oid)) : tarn_space_objects(store);

    return tarn_hash_tag(tarn_hash(c->v->hash_key, space, tarn_link_key(l), tarn_link_blob(l)->klen));
}

static int check_node(struct check *c, const struct tarn_link *l);

static int check_slot(struct check *c, uint64_t slot)
{
    const struct tarn_link *l;
    int rc = record_at(c, (uint32_t)slot, "a table slot", &l);

    if (!rc)
        rc = check_extent(c, l);
    if (rc)
        return rc;
    if (tag_of(c, l) != slot >> 32)
        return broken(c, "slot-tag", "slot of the record at %#llx has tag %08x, its key has %08x", offset_of(c, l), (uint32_t)(slot >> 32), tag_of(c, l));
    c->report.slots_used++;
    return tarn_link_kind(tarn_load_u16(&l->kind_nvid)) == TARN_RECORD_NODE ? check_node(c, l) : 0;
}

static int check_table(struct check *c)
{
    uint32_t ref = atomic_load_explicit(&tarn_view_header(c->v)->table, memory_order_acquire), log2;
    const struct tarn_table *t = tarn_view_at(c->v, ref, sizeof *t);
    int rc = 0;

    log2 = t ? tarn_load_u32(&t->log2) : 0;
    if (log2 < TARN_TABLE_LOG2_MIN || log2 > TARN_TABLE_LOG2_MAX || (sizeof(uint64_t) << log2) > tarn_view_rest(c->v, t->slot))
        return broken(c, "table-extent", "table at %#llx of 2^%u slots", (unsigned long long)ref << TARN_REGION_UNIT_SHIFT, log2);
    for (uint64_t i = 0; !rc && i < UINT64_C(1) << log2; i++) {
        uint64_t s = atomic_load_explicit(&t->slot[i], memory_order_acquire);

        if ((uint32_t)s == TARN_REF_DELETED)
            c->report.slots_deleted++;
        else if (s)
            rc = check_slot(c, s);
    }
    return rc;
}

/* ---- objects -------------------------------------------------------------------------------------------------- */

static int check_vids(struct check *c, const struct tarn_link *l)
{
    unsigned n = tarn_link_nvid(tarn_load_u16(&l->kind_nvid));
    const _Atomic uint32_t *vids = (const _Atomic uint32_t *)((const char *)tarn_link_blob(l) + tarn_link_blob(l)->size);

    for (unsigned i = 0; i < n; i++) {
        const struct tarn_link *node;
        int rc = record_at(c, tarn_load_u32(&vids[i]), "a value id", &node);

        if (rc)
            return rc;
        if (tarn_link_kind(tarn_load_u16(&node->kind_nvid)) != TARN_RECORD_NODE || tarn_load_u16(&node->store) != tarn_load_u16(&l->store))
            return broken(c, "value-id", "record at %#llx: value id %u is no node of its resource", offset_of(c, l), i);
    }
    return 0;
}

/* Older versions of an object: same key, falling commits, down to the one the snapshot sees. */
static int check_versions(struct check *c, uint32_t oid, const struct tarn_link *head)
{
    const struct tarn_link *l = head;
    unsigned n = 0;

    for (;; n++) {
        uint32_t prev = tarn_load_u32(&l->prev);
        uint64_t seq = tarn_load_u64(&l->seq);
        const struct tarn_link *older;
        int rc = check_record(c, l);

        if (rc)
            return rc;
        if (tarn_load_u32(&l->oid) != oid)
            return broken(c, "object-number", "record at %#llx says object number %u, stands under %u", offset_of(c, l), tarn_load_u32(&l->oid), oid);
        if (seq <= c->r->seq || !prev)
            return 0;
        rc = record_at(c, prev, "a version", &older);
        if (rc)
            return rc;
        if (tarn_load_u64(&older->seq) >= seq || n > TARN_REGION_VERSIONS_MAX)
            return broken(c, "version-order", "version at %#llx of commit %llu is followed by one of commit %llu", offset_of(c, l),
                          (unsigned long long)seq, (unsigned long long)tarn_load_u64(&older->seq));
        if (!tarn_bytes_equal(name_of(l).key, name_of(older).key) || name_of(l).store != name_of(older).store)
            return broken(c, "version-key", "versions at %#llx and %#llx have different keys", offset_of(c, l), offset_of(c, older));
        l = older;
    }
}

/* The object must be found by its key, and be the same record. */
static int check_reachable(struct check *c, const struct tarn_link *head, const struct tarn_link *version)
{
    struct tarn_name_ref name = name_of(version);
    const struct tarn_link *found;
    int rc = tarn_reader_lookup(c->v, &name, &found);

    if (!rc && c->quiet && found != head)
        return broken(c, "table-head", "table and heads disagree about the newest version of '%.*s'", TARN_BYTES_ARG(name.key));
    if (!rc)
        rc = tarn_reader_version(c->r, found, &found);
    if (rc || found != version)
        return broken(c, "table-lookup", "object number %u, key '%.*s' is not found by its key", tarn_load_u32(&version->oid), TARN_BYTES_ARG(name.key));
    return 0;
}

static int check_live(struct check *c, const struct tarn_link *head, const struct tarn_link *l)
{
    uint16_t store = tarn_load_u16(&l->store);
    unsigned kind = tarn_link_kind(tarn_load_u16(&l->kind_nvid));
    int rc;

    if (kind != (store ? TARN_RECORD_OBJECT : TARN_RECORD_RESOURCE))
        return broken(c, "record-kind", "record at %#llx of store %u has kind %u", offset_of(c, l), store, kind);
    if (store > TARN_REGION_RESOURCES_MAX)
        return broken(c, "store-number", "record at %#llx: store %u", offset_of(c, l), store);
    c->report.objects += store != 0;
    c->objects[store]++;
    c->bytes[store] += tarn_link_blob(l)->size;
    c->pairs_wanted += 1u + tarn_link_nvid(tarn_load_u16(&l->kind_nvid));
    rc = check_vids(c, l);
    return rc ? rc : check_reachable(c, head, l);
}

static int check_oid(struct check *c, uint32_t oid)
{
    uint32_t ref = atomic_load_explicit(&c->heads->v[oid], memory_order_acquire);
    const struct tarn_link *head, *l;
    int rc;

    if (!ref)
        return 0;
    rc = record_at(c, ref, "a head", &head);
    if (!rc)
        rc = check_versions(c, oid, head);
    if (rc)
        return rc;
    rc = tarn_reader_version(c->r, head, &l);
    if (rc == TARN_E_NOTFOUND)
        return 0;
    if (tarn_link_kind(tarn_load_u16(&l->kind_nvid)) == TARN_RECORD_TOMBSTONE) {
        if (tarn_link_blob(l)->size < TARN_BLOB_VERSION_OFF(tarn_link_blob(l)->klen) + TARN_BLOB_META_BYTES)
            return broken(c, "record-size", "tombstone at %#llx has %u bytes for a key of %u", offset_of(c, l), tarn_link_blob(l)->size,
                          tarn_link_blob(l)->klen);
        c->report.tombstones++;
        return 0;
    }
    return check_live(c, head, l);
}

static int check_objects(struct check *c)
{
    int rc = 0;

    for (uint32_t oid = 0; !rc && oid < c->nheads; oid++)
        rc = check_oid(c, oid);
    return rc;
}

/* ---- nodes ------------------------------------------------------------------------------------------------------- */

/* The object `oid` counts for a posting if the snapshot sees it there. */
static int count_candidate(struct check *c, const struct tarn_link *node, uint32_t ref, uint32_t oid, bool members)
{
    uint32_t head = oid < c->nheads ? atomic_load_explicit(&c->heads->v[oid], memory_order_acquire) : 0;
    const struct tarn_link *l = head ? tarn_view_at(c->v, head, RECORD_HEAD_BYTES) : NULL;
    const _Atomic uint32_t *vids;
    unsigned n;

    if (!l || tarn_reader_version(c->r, l, &l) || tarn_link_kind(tarn_load_u16(&l->kind_nvid)) == TARN_RECORD_TOMBSTONE ||
        tarn_load_u16(&l->store) != tarn_load_u16(&node->store) || check_extent(c, l))
        return 0;
    vids = (const _Atomic uint32_t *)((const char *)tarn_link_blob(l) + tarn_link_blob(l)->size);
    n = members ? 0 : tarn_link_nvid(tarn_load_u16(&l->kind_nvid));
    c->pairs_found += members;
    for (unsigned i = 0; i < n; i++)
        c->pairs_found += tarn_load_u32(&vids[i]) == ref;
    return 0;
}

static int check_entry(struct check *c, const struct tarn_link *node, uint32_t ref, enum tarn_node_class class, uint32_t entry)
{
    const struct tarn_link *l;
    int rc;

    if (class == TARN_NODE_DIRECTORY) {
        rc = record_at(c, entry, "a directory", &l);
        if (!rc && tarn_link_kind(tarn_load_u16(&l->kind_nvid)) != TARN_RECORD_NODE)
            rc = broken(c, "directory-entry", "entry %u of the directory at %#llx is no node", entry, offset_of(c, node));
        return rc;
    }
    if (entry >= c->nheads)
        return c->quiet ? broken(c, "posting-entry", "posting of the node at %#llx names object number %u of %u", offset_of(c, node), entry, c->nheads) : 0;
    if (c->stamp[entry] == c->stamps)
        return broken(c, "posting-twice", "posting of the node at %#llx names object number %u twice", offset_of(c, node), entry);
    c->stamp[entry] = c->stamps;
    return count_candidate(c, node, ref, entry, class == TARN_NODE_MEMBERS);
}

static int check_node(struct check *c, const struct tarn_link *l)
{
    uint32_t ref = (uint32_t)(offset_of(c, l) >> TARN_REGION_UNIT_SHIFT), n;
    enum tarn_node_class class = tarn_load_u32(&l->oid) >> 16;
    const struct tarn_array *posting;
    int rc = check_record(c, l);

    if (rc)
        return rc;
    c->report.nodes++;
    if (class > TARN_NODE_INCOMPLETE)
        return broken(c, "node-class", "node at %#llx has class %u", offset_of(c, l), class);
    if (tarn_reader_array(c->v, atomic_load_explicit(&l->prev, memory_order_acquire), &posting, &n))
        return broken(c, "posting-extent", "posting of the node at %#llx", offset_of(c, l));
    c->report.postings += posting != NULL;
    c->stamps++;
    for (uint32_t i = 0; !rc && i < n; i++)
        rc = check_entry(c, l, ref, class, tarn_load_u32(&posting->v[i]));
    return rc;
}

/* ---- resources, log, header ---------------------------------------------------------------------------------------- */

static int check_resources(struct check *c)
{
    struct tarn_reader_iter it;
    struct tarn_resource_info info;
    int rc = tarn_reader_resources(c->r, &it);

    while (!rc && (rc = tarn_reader_next_resource(&it, &info)) == 1) {
        rc = 0;
        c->report.resources++;
        if (info.store == 0 || info.store > TARN_REGION_RESOURCES_MAX)
            return broken(c, "resource-store", "resource '%.*s' has number %u", TARN_BYTES_ARG(info.name), info.store);
        if (c->objects[info.store] != info.objects || c->bytes[info.store] != info.bytes)
            return broken(c, "resource-count", "resource '%.*s' says %llu objects of %llu bytes, has %llu of %llu", TARN_BYTES_ARG(info.name),
                          (unsigned long long)info.objects, (unsigned long long)info.bytes, (unsigned long long)c->objects[info.store],
                          (unsigned long long)c->bytes[info.store]);
    }
    return rc == TARN_E_CORRUPT ? broken(c, "resource-record", "a resource's record does not parse") : rc;
}

static int check_log(struct check *c)
{
    struct tarn_log_cursor cursor = {.position = tarn_load_u64(&tarn_view_header(c->v)->log_floor)};
    struct tarn_log_change change;
    uint64_t last = 0;
    int rc;

    while ((rc = tarn_log_next(c->r, &cursor, &change)) == 1) {
        c->report.log_entries++;
        if (change.seq < last)
            return broken(c, "log-order", "entry %llu is of commit %llu, the one before of %llu", (unsigned long long)cursor.position - 1,
                          (unsigned long long)change.seq, (unsigned long long)last);
        if (change.oid >= c->nheads && c->quiet)
            return broken(c, "log-object", "entry %llu names object number %u of %u", (unsigned long long)cursor.position - 1, change.oid, c->nheads);
        last = change.seq;
    }
    if (rc == TARN_E_CORRUPT)
        return broken(c, "log-extent", "the change log's ring");
    return rc == TARN_E_GONE && !c->quiet ? 0 : rc;
}

static int check_header(struct check *c)
{
    struct tarn_region_facts f;

    tarn_region_view_facts(c->v, &f);
    if (!f.commit_seq || (c->quiet && f.horizon > f.commit_seq))
        return broken(c, "commit", "newest commit %llu, horizon %llu", (unsigned long long)f.commit_seq, (unsigned long long)f.horizon);
    if (c->quiet && f.log_floor > f.log_head)
        return broken(c, "log-positions", "floor %llu, head %llu", (unsigned long long)f.log_floor, (unsigned long long)f.log_head);
    return 0;
}

static int check_pairs(struct check *c)
{
    if (c->pairs_found == c->pairs_wanted)
        return 0;
    return broken(c, "index-complete", "objects carry %llu values, %llu of them are found in the indexes",
                  (unsigned long long)c->pairs_wanted, (unsigned long long)c->pairs_found);
}

/* ---- all of it ---------------------------------------------------------------------------------------------------------- */

static int prepare(struct check *c)
{
    int rc = tarn_reader_heads(c->v, &c->heads, &c->nheads);

    if (rc)
        return broken(c, "heads-extent", "the heads");
    c->stamp = calloc((size_t)c->nheads + 1, sizeof *c->stamp);
    c->objects = calloc(TARN_REGION_RESOURCES_MAX + 1, sizeof *c->objects);
    c->bytes = calloc(TARN_REGION_RESOURCES_MAX + 1, sizeof *c->bytes);
    return c->stamp && c->objects && c->bytes ? 0 : tarn_error_set(c->err, TARN_E_NOMEM, "check: out of memory");
}

static int run(struct check *c)
{
    int (*const passes[])(struct check *) = {check_header, check_objects, check_table, check_pairs, check_resources, check_log};
    int rc = 0;

    for (size_t i = 0; !rc && i < sizeof passes / sizeof *passes; i++)
        rc = passes[i](c);
    return rc;
}

int tarn_check_region(const struct tarn_reader *r, bool quiet, struct tarn_check_report *ret, struct tarn_error *err)
{
    struct check c = {.r = r, .v = r->view, .quiet = quiet, .err = err};
    int rc = prepare(&c);

    if (!rc)
        rc = run(&c);
    if (tarn_reader_check(r) && rc != TARN_E_NOMEM && !(quiet && rc))
        rc = tarn_error_set(err, TARN_E_EXPIRED, "check: the snapshot expired while it was walked; try again");
    free(c.stamp);
    free(c.objects);
    free(c.bytes);
    if (!rc && ret)
        *ret = c.report;
    return rc;
}
