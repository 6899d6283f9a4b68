/* walk.c - lists and index lookups: a posting gives candidates, the record at the snapshot decides.
 *
 * The three dependent loads (head, record, value ids behind the record) of the objects ahead are started early, so a
 * walk runs at the memory's throughput instead of its latency.
 */
#include "reader_impl.h"

#include <stdlib.h>

#include "resource_record.h"

/* How far ahead each stage runs. */
#define AHEAD_HEAD 48u
#define AHEAD_RECORD 32u
#define AHEAD_VIDS 16u
#define AHEAD_LINES 6u /* objects, of which up to LINES_MAX lines each are fetched: more would push out what is to be read next */
#define LINES_MAX 24u

/* ---- arrays ------------------------------------------------------------------------------------------------ */

int tarn_reader_array(const struct tarn_region_view *v, uint32_t ref, const struct tarn_array **ret, uint32_t *ret_n)
{
    const struct tarn_array *a = NULL;
    uint32_t cap, n = 0;

    if (ref) {
        a = tarn_view_at(v, ref, sizeof *a);
        if (!a)
            return TARN_E_CORRUPT;
        cap = tarn_load_u32(&a->cap);
        /* acquire: pairs with the release of n in array_push() (nodes.c) and head_set() (version.c), W3: the entries are visible. */
        n = atomic_load_explicit(&a->n, memory_order_acquire);
        if (n > cap || 4 * (uint64_t)cap > tarn_view_rest(v, a->v))
            return TARN_E_CORRUPT;
    }
    *ret = a;
    *ret_n = n;
    return 0;
}

int tarn_reader_heads(const struct tarn_region_view *v, const struct tarn_array **ret, uint32_t *ret_n)
{
    /* acquire: pairs with heads_grow() in version.c. */
    uint32_t ref = atomic_load_explicit(&tarn_view_header(v)->heads, memory_order_acquire);
    int rc = tarn_reader_array(v, ref, ret, ret_n);

    return rc ? rc : *ret ? 0 : TARN_E_CORRUPT;
}

/* The posting of a node. */
static int node_posting(const struct tarn_region_view *v, const struct tarn_link *node, const struct tarn_array **ret, uint32_t *ret_n)
{
    /* acquire: pairs with posting_replace() in nodes.c, W3: the array's content is visible. */
    return tarn_reader_array(v, atomic_load_explicit(&node->prev, memory_order_acquire), ret, ret_n);
}

/* The node with this name and its posting; no such node: an empty one and *ret_node 0. */
static int open_node(const struct tarn_region_view *v, const struct tarn_name_ref *name, uint32_t *ret_node, const struct tarn_array **ret, uint32_t *ret_n)
{
    const struct tarn_link *l;
    int rc = tarn_reader_lookup(v, name, &l);

    if (rc == TARN_E_NOTFOUND) {
        *ret_node = *ret_n = 0;
        *ret = NULL;
        return 0;
    }
    if (rc)
        return rc;
    *ret_node = (uint32_t)((uint64_t)((const char *)l - v->base) >> TARN_REGION_UNIT_SHIFT);
    return node_posting(v, l, ret, ret_n);
}

static int open_special(const struct tarn_region_view *v, uint16_t store, uint32_t code, uint32_t *ret_node, const struct tarn_array **ret, uint32_t *ret_n)
{
    const struct tarn_name_ref name = {.store = store, .node = true, .code = code, .key = TARN_BYTES("")};

    return open_node(v, &name, ret_node, ret, ret_n);
}

static int open_value(const struct tarn_region_view *v, uint16_t store, unsigned index, struct tarn_bytes value, uint32_t *ret_node, const struct tarn_array **ret, uint32_t *ret_n)
{
    struct tarn_name_ref name = {.store = store, .node = true, .code = TARN_NODE_CODE(TARN_NODE_VALUE, index), .key = value};
    char hash[16];

    if (value.len > TARN_REGION_VALUE_INLINE_MAX) {
        tarn_hash_value(v->hash_key, value.data, value.len, hash);
        name.key = (struct tarn_bytes){.data = hash, .len = sizeof hash};
        name.value = value;
    }
    return open_node(v, &name, ret_node, ret, ret_n);
}

/* ---- candidates ----------------------------------------------------------------------------------------------- */

/* Does the record carry the value id? 1, 0, or TARN_E_CORRUPT. */
static int carries(const struct tarn_region_view *v, const struct tarn_link *l, uint32_t vid)
{
    unsigned nvid = tarn_link_nvid(tarn_load_u16(&l->kind_nvid));
    uint32_t size = tarn_blob_load(tarn_link_blob(l)).size;
    const _Atomic uint32_t *vids = (const _Atomic uint32_t *)((const char *)tarn_link_blob(l) + size);

    if (size % 8 || nvid > TARN_REGION_VIDS_MAX || size + 4ull * nvid > tarn_view_rest(v, l) - sizeof *l)
        return TARN_E_CORRUPT;
    for (unsigned i = 0; i < nvid; i++)
        if (tarn_load_u32(&vids[i]) == vid)
            return 1;
    return 0;
}

static uint32_t head_of(const struct tarn_reader_iter *it, uint32_t i)
{
    uint32_t oid = tarn_load_u32(&it->posting->v[i]);

    /* acquire: pairs with W2 in head_set(): the record's bytes are visible. */
    return oid < it->nheads ? atomic_load_explicit(&it->heads->v[oid], memory_order_acquire) : TARN_REF_NONE;
}

/* The lines behind an object's first. A prefetch cannot fault, wherever it leads. */
static void prefetch_lines(const struct tarn_reader_iter *it, uint32_t ref)
{
    const char *record = it->r->view->base + ((uint64_t)ref << TARN_REGION_UNIT_SHIFT);

    for (unsigned i = 1; i <= it->lines; i++)
        __builtin_prefetch(record + 64 * i);
}

static void prefetch(const struct tarn_reader_iter *it)
{
    uint32_t i = it->i, oid;

    if (i + AHEAD_HEAD < it->n) {
        oid = tarn_load_u32(&it->posting->v[i + AHEAD_HEAD]);
        __builtin_prefetch((const void *)&it->heads->v[oid < it->nheads ? oid : 0]);
    }
    if (i + AHEAD_RECORD < it->n)
        __builtin_prefetch(it->r->view->base + ((uint64_t)head_of(it, i + AHEAD_RECORD) << TARN_REGION_UNIT_SHIFT));
    if (it->lines && i + AHEAD_LINES < it->n)
        prefetch_lines(it, head_of(it, i + AHEAD_LINES));
    if (it->vid && i + AHEAD_VIDS < it->n) {
        const struct tarn_link *l = tarn_view_at(it->r->view, head_of(it, i + AHEAD_VIDS), RECORD_HEAD_BYTES);

        if (l)
            __builtin_prefetch((const char *)(l + 1) + tarn_blob_load(tarn_link_blob(l)).size);
    }
}

/* The candidate: 1 and its object, 0 when it is none at this snapshot, or an error. */
static int candidate(const struct tarn_reader_iter *it, uint32_t ref, const struct tarn_object **ret)
{
    const struct tarn_link *l = tarn_view_at(it->r->view, ref, RECORD_HEAD_BYTES);
    int rc;

    if (!ref)
        return 0;
    rc = l ? tarn_reader_object(it->r, l, &l, ret) : TARN_E_CORRUPT;
    if (rc)
        return rc == TARN_E_NOTFOUND ? 0 : rc;
    if (tarn_load_u16(&l->store) != it->store)
        return 0;
    return it->vid ? carries(it->r->view, l, it->vid) : 1;
}

static int next_of_posting(struct tarn_reader_iter *it, const struct tarn_object **ret)
{
    while (it->i < it->n) {
        int rc;

        prefetch(it);
        rc = candidate(it, head_of(it, it->i++), ret);
        if (rc)
            return rc;
    }
    return 0;
}

/* ---- objects with more values than fit ---------------------------------------------------------------------------- */

/* The values of obj in an index, computed here: only the built-in functions are known to a reader. */
static int compute_values(const struct tarn_resource_info *info, unsigned index, const struct tarn_object *obj, struct tarn_index_values *out)
{
    struct tarn_bytes name = tarn_resource_index_name(info, index);
    char text[TARN_REGION_NAME_MAX + 1];
    struct tarn_index_func f;
    int rc;

    if (name.len > TARN_REGION_NAME_MAX)
        return TARN_E_INDEX;
    memcpy(text, name.data, name.len);
    text[name.len] = 0;
    if (tarn_index_func_builtin(text, &f, NULL))
        return TARN_E_INDEX;
    tarn_index_values_clear(out);
    rc = f.fn(f.ctx, obj, out);
    tarn_index_func_release(&f);
    return rc;
}

static int has_value(const struct tarn_reader_iter *it, const struct tarn_object *obj)
{
    struct tarn_index_values values = {0};
    int rc = compute_values(it->info, it->index, obj, &values);

    for (size_t i = 0; !rc && i < values.n; i++)
        rc = tarn_bytes_equal(values.v[i], it->value);
    tarn_index_values_release(&values);
    return rc;
}

/* Go on with the objects whose values did not all fit. */
static int begin_incomplete(struct tarn_reader_iter *it)
{
    it->incomplete = true;
    it->i = 0;
    return open_special(it->r->view, it->store, TARN_NODE_CODE(TARN_NODE_INCOMPLETE, it->index), &it->vid, &it->posting, &it->n);
}

static int next_incomplete(struct tarn_reader_iter *it, const struct tarn_object **ret)
{
    int rc;

    do {
        rc = next_of_posting(it, ret);
        if (rc <= 0)
            return rc;
        rc = has_value(it, *ret);
    } while (!rc);
    return rc;
}

/* ---- walks ----------------------------------------------------------------------------------------------------------- */

static int begin_walk(const struct tarn_reader *r, uint16_t store, struct tarn_reader_iter *it)
{
    *it = (struct tarn_reader_iter){.r = r, .store = store};
    return tarn_reader_heads(r->view, &it->heads, &it->nheads);
}

int tarn_reader_list(const struct tarn_reader *r, uint16_t store, struct tarn_reader_iter *ret)
{
    struct tarn_reader_iter it;
    uint32_t node;
    int rc = begin_walk(r, store, &it);

    if (!rc)
        rc = open_special(r->view, store, TARN_NODE_CODE(TARN_NODE_MEMBERS, 0), &node, &it.posting, &it.n);
    it.incomplete = true; /* nothing comes behind the posting */
    rc = tarn_reader_verdict(r, rc);
    if (!rc)
        *ret = it;
    return rc;
}

int tarn_reader_by_index(const struct tarn_reader *r, const struct tarn_resource_info *info, unsigned index, struct tarn_bytes value, struct tarn_reader_iter *ret)
{
    struct tarn_reader_iter it;
    int rc;

    if (index >= info->nindex)
        return TARN_E_INDEX_MISSING;
    rc = begin_walk(r, info->store, &it);
    it.info = info;
    it.index = (uint16_t)index;
    it.value = value.len ? value : TARN_BYTES("");
    if (!rc)
        rc = open_value(r->view, info->store, index, it.value, &it.vid, &it.posting, &it.n);
    rc = tarn_reader_verdict(r, rc);
    if (!rc)
        *ret = it;
    return rc;
}

void tarn_reader_expect(struct tarn_reader_iter *it, uint32_t bytes)
{
    uint32_t lines = bytes / 64 + (bytes % 64 != 0);

    it->lines = (uint8_t)(lines < LINES_MAX ? lines : LINES_MAX);
}

int tarn_reader_next(struct tarn_reader_iter *it, const struct tarn_object **ret)
{
    const struct tarn_object *obj;
    bool computed = it->incomplete && it->info;
    int rc = computed ? next_incomplete(it, &obj) : next_of_posting(it, &obj);

    if (!rc && !it->incomplete) {
        rc = begin_incomplete(it);
        if (!rc)
            rc = next_incomplete(it, &obj);
    }
    rc = tarn_reader_verdict(it->r, rc);
    if (rc == 1)
        *ret = obj;
    return rc;
}

/* ---- the values of an index ---------------------------------------------------------------------------------------------- */

/* The value a node stands for. */
static int node_value(const struct tarn_region_view *v, const struct tarn_link *l, struct tarn_bytes *ret)
{
    struct tarn_blob_head b = tarn_blob_load(tarn_link_blob(l));
    uint64_t rest = tarn_view_rest(v, l), at = RECORD_HEAD_BYTES + tarn_key_bytes(b.klen);
    uint32_t len;

    if (tarn_link_kind(tarn_load_u16(&l->kind_nvid)) != TARN_RECORD_NODE || at > rest)
        return TARN_E_CORRUPT;
    *ret = (struct tarn_bytes){.data = tarn_link_key(l), .len = b.klen};
    if (!(b.flags & TARN_NODE_HASHED))
        return 0;
    if (at + TARN_NODE_VALUE_OFF > rest)
        return TARN_E_CORRUPT;
    len = __atomic_load_n((const uint32_t *)(const void *)((const char *)l + at), __ATOMIC_RELAXED);
    if (at + TARN_NODE_VALUE_OFF + len > rest)
        return TARN_E_CORRUPT;
    *ret = (struct tarn_bytes){.data = (const char *)l + at + TARN_NODE_VALUE_OFF, .len = len};
    return 0;
}

/* Has a value any object at this snapshot? */
static int inhabited(const struct tarn_reader_values *it, uint32_t node, const struct tarn_link *l)
{
    struct tarn_reader_iter walk;
    const struct tarn_object *obj;
    int rc = begin_walk(it->r, it->info->store, &walk);

    walk.vid = node;
    if (!rc)
        rc = node_posting(it->r->view, l, &walk.posting, &walk.n);
    return rc ? rc : next_of_posting(&walk, &obj);
}

int tarn_reader_index_values(const struct tarn_reader *r, const struct tarn_resource_info *info, unsigned index, struct tarn_reader_values *ret)
{
    struct tarn_reader_values it = {.r = r, .info = info, .index = index};
    uint32_t node;
    int rc;

    if (index >= info->nindex)
        return TARN_E_INDEX_MISSING;
    rc = open_special(r->view, info->store, TARN_NODE_CODE(TARN_NODE_DIRECTORY, index), &node, &it.directory, &it.n);
    rc = tarn_reader_verdict(r, rc);
    if (!rc)
        *ret = it;
    return rc;
}

static int next_in_directory(struct tarn_reader_values *it, struct tarn_bytes *ret)
{
    while (it->i < it->n) {
        uint32_t node = tarn_load_u32(&it->directory->v[it->i++]);
        const struct tarn_link *l = tarn_view_at(it->r->view, node, RECORD_HEAD_BYTES);
        int rc = l ? inhabited(it, node, l) : TARN_E_CORRUPT;

        if (rc)
            return rc < 0 ? rc : (rc = node_value(it->r->view, l, ret)) ? rc : 1;
    }
    return 0;
}

/* Was the value of an object with too many told before: by a node, or by such an object earlier in the walk? */
static int told_before(const struct tarn_reader_values *it, const struct tarn_object *obj, struct tarn_bytes value)
{
    struct tarn_reader_iter walk;
    const struct tarn_object *first;
    int rc = tarn_reader_by_index(it->r, it->info, it->index, value, &walk);

    if (!rc)
        rc = tarn_reader_next(&walk, &first);
    return rc < 0 ? rc : rc == 1 && first != obj;
}

static int open_rest(struct tarn_reader_values *it)
{
    it->resting = true;
    it->extra = calloc(1, sizeof *it->extra);
    if (!it->extra)
        return TARN_E_NOMEM;
    return begin_walk(it->r, it->info->store, &it->rest);
}

/* A value earlier in the same object's list? */
static bool repeated(const struct tarn_index_values *v, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (tarn_bytes_equal(v->v[k], v->v[i]))
            return true;
    return false;
}

static int next_extra(struct tarn_reader_values *it, const struct tarn_object **obj, struct tarn_bytes *ret)
{
    for (;;) {
        int rc;

        while (it->extra_i < it->extra->n) {
            size_t i = it->extra_i++;

            rc = repeated(it->extra, i) ? 1 : told_before(it, it->rest_object, it->extra->v[i]);
            if (rc < 0)
                return rc;
            if (!rc) {
                *ret = it->extra->v[i];
                return 1;
            }
        }
        rc = next_of_posting(&it->rest, obj);
        if (rc <= 0)
            return rc;
        it->rest_object = *obj;
        it->extra_i = 0;
        rc = compute_values(it->info, it->index, *obj, it->extra);
        if (rc)
            return rc;
    }
}

static int next_in_rest(struct tarn_reader_values *it, struct tarn_bytes *ret)
{
    const struct tarn_object *obj;
    int rc = 0;

    if (!it->resting) {
        rc = open_rest(it);
        if (!rc)
            rc = open_special(it->r->view, it->info->store, TARN_NODE_CODE(TARN_NODE_INCOMPLETE, it->index), &it->rest.vid,
                              &it->rest.posting, &it->rest.n);
    }
    return rc ? rc : next_extra(it, &obj, ret);
}

int tarn_reader_values_next(struct tarn_reader_values *it, struct tarn_bytes *ret)
{
    struct tarn_bytes value;
    int rc = it->resting ? 0 : next_in_directory(it, &value);

    if (!rc && it->info->incomplete)
        rc = next_in_rest(it, &value);
    rc = tarn_reader_verdict(it->r, rc);
    if (rc == 1)
        *ret = value;
    return rc;
}

void tarn_reader_values_release(struct tarn_reader_values *it)
{
    if (it->extra) {
        tarn_index_values_release(it->extra);
        free(it->extra);
    }
    *it = (struct tarn_reader_values){0};
}

/* ---- object numbers ---------------------------------------------------------------------------------------------------------- */

int tarn_reader_oids(const struct tarn_reader *r, uint32_t *ret)
{
    const struct tarn_array *heads;
    uint32_t n = 0;
    int rc = tarn_reader_verdict(r, tarn_reader_heads(r->view, &heads, &n));

    if (!rc)
        *ret = n;
    return rc;
}

static int newest_of_oid(const struct tarn_reader *r, uint32_t oid, const struct tarn_link **ret)
{
    const struct tarn_array *heads;
    uint32_t n, ref;
    int rc = tarn_reader_heads(r->view, &heads, &n);

    if (rc)
        return rc;
    /* acquire: as in head_of(). */
    ref = oid < n ? atomic_load_explicit(&heads->v[oid], memory_order_acquire) : TARN_REF_NONE;
    if (!ref)
        return TARN_E_NOTFOUND;
    *ret = tarn_view_at(r->view, ref, RECORD_HEAD_BYTES);
    return *ret ? 0 : TARN_E_CORRUPT;
}

int tarn_reader_by_oid(const struct tarn_reader *r, uint32_t oid, const struct tarn_object **ret)
{
    const struct tarn_object *obj;
    const struct tarn_link *l;
    int rc = newest_of_oid(r, oid, &l);

    if (!rc)
        rc = tarn_reader_object(r, l, &l, &obj);
    rc = tarn_reader_verdict(r, rc);
    if (!rc)
        *ret = obj;
    return rc;
}

static int tombstone_version(const struct tarn_region_view *v, const struct tarn_link *l, uint64_t *ret)
{
    struct tarn_blob_head b = tarn_blob_load(tarn_link_blob(l));

    if (tarn_link_kind(tarn_load_u16(&l->kind_nvid)) != TARN_RECORD_TOMBSTONE)
        return TARN_E_NOTFOUND;
    if (sizeof *l + TARN_BLOB_VERSION_OFF(b.klen) + 8 > tarn_view_rest(v, l))
        return TARN_E_CORRUPT;
    *ret = __atomic_load_n((const uint64_t *)(const void *)((const char *)tarn_link_blob(l) + TARN_BLOB_VERSION_OFF(b.klen)), __ATOMIC_RELAXED);
    return 0;
}

int tarn_reader_deleted_version(const struct tarn_reader *r, uint32_t oid, uint64_t *ret)
{
    const struct tarn_link *l;
    uint64_t version = 0;
    int rc = newest_of_oid(r, oid, &l);

    if (!rc)
        rc = tarn_reader_version(r, l, &l);
    if (!rc)
        rc = tombstone_version(r->view, l, &version);
    rc = tarn_reader_verdict(r, rc);
    if (!rc)
        *ret = version;
    return rc;
}

int tarn_reader_changed(const struct tarn_reader *r, uint32_t oid, uint64_t since, uint16_t *ret_store)
{
    const struct tarn_link *l;
    uint16_t store = 0;
    int rc = newest_of_oid(r, oid, &l);

    if (!rc)
        rc = tarn_reader_version(r, l, &l);
    if (!rc) {
        rc = tarn_load_u64(&l->seq) > since;
        store = tarn_load_u16(&l->store);
    }
    rc = tarn_reader_verdict(r, rc == TARN_E_NOTFOUND ? 0 : rc);
    if (rc == 1)
        *ret_store = store;
    return rc;
}

/* ---- resources ------------------------------------------------------------------------------------------------------------------- */

static int parse_resource(const struct tarn_object *obj, struct tarn_resource_info *ret)
{
    const struct tarn_blob_head *b = (const struct tarn_blob_head *)obj;
    uint32_t size = b->size;
    int rc;

    if (b->format != TARN_BLOB_RESOURCE || size > TARN_OBJECT_BYTES_MAX)
        return TARN_E_CORRUPT;
    rc = tarn_resource_parse((const char *)obj, size, b->klen, ret);
    ret->seq = rc ? 0 : tarn_reader_object_seq(obj);
    return rc;
}

int tarn_reader_resource(const struct tarn_reader *r, struct tarn_bytes name, struct tarn_resource_info *ret)
{
    const struct tarn_object *obj;
    struct tarn_resource_info info;
    int rc = tarn_reader_get(r, 0, name, &obj);

    if (rc)
        return rc;
    rc = tarn_reader_verdict(r, parse_resource(obj, &info));
    if (!rc)
        *ret = info;
    return rc;
}

int tarn_reader_resources(const struct tarn_reader *r, struct tarn_reader_iter *ret)
{
    return tarn_reader_list(r, 0, ret);
}

int tarn_reader_next_resource(struct tarn_reader_iter *it, struct tarn_resource_info *ret)
{
    const struct tarn_object *obj;
    struct tarn_resource_info info;
    int rc = tarn_reader_next(it, &obj);

    if (rc != 1)
        return rc;
    rc = tarn_reader_verdict(it->r, parse_resource(obj, &info));
    if (rc)
        return rc;
    *ret = info;
    return 1;
}
