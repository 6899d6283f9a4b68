/* object.c - the object blob: made on the heap, counted, and read without trust.
 *
 * A heap object is a blob behind a hidden header with the count and a cookie. The HEAP flag alone makes nobody
 * count or free: the flag stands in bytes that a region's writer controls, the cookie is made of the address and
 * of where this process was loaded.
 */
#include <tarn/object.h>

#include <stdatomic.h>
#include <stdlib.h>

#include "blob.h"
#include "field.h"
#include "value.h"

/* ---- the heap ---------------------------------------------------------------------------- */

struct heap_object {
    uint64_t cookie;
    atomic_uint refs;
    uint32_t unused; /* the blob that follows is 8-aligned */
};

_Static_assert(sizeof(struct heap_object) % 8 == 0, "the blob behind it is 8-aligned");

static uint64_t cookie_of(const struct heap_object *h)
{
    static const char here;

    return ((uint64_t)(uintptr_t)h * 0x9e3779b97f4a7c15u) ^ (uint64_t)(uintptr_t)&here ^ 0x7461726e6f626aULL;
}

/* The hidden header, or NULL if obj is not ours to count. */
static struct heap_object *heap_of(const struct tarn_object *obj)
{
    struct heap_object *h;

    if (!(tarn_once8(obj->flags) & TARN_OBJECT_HEAP))
        return NULL;
    h = (struct heap_object *)((uintptr_t)obj - sizeof *h);
    return h->cookie == cookie_of(h) ? h : NULL;
}

/* Room for a blob of size bytes with one reference; the caller fills the blob and then calls heap_seal. */
static struct tarn_object *heap_new(uint32_t size)
{
    struct heap_object *h = malloc(sizeof *h + size);

    if (!h)
        return NULL;
    h->cookie = cookie_of(h);
    h->unused = 0;
    atomic_init(&h->refs, 1);
    return (struct tarn_object *)(h + 1);
}

static const struct tarn_object *heap_seal(struct tarn_object *obj)
{
    obj->flags |= TARN_OBJECT_HEAP;
    return obj;
}

static uint32_t blob_size(const struct tarn_object *obj);

/* A copy on the heap. The size is put back as it was checked: the source may change under the copy. */
static const struct tarn_object *heap_copy(const struct tarn_object *obj)
{
    uint32_t size = blob_size(obj);
    struct tarn_object *copy = heap_new(size > sizeof *obj ? size : (uint32_t)sizeof *obj);

    if (!copy)
        return NULL;
    memset(copy, 0, sizeof *copy);
    memcpy(copy, obj, size);
    copy->size = size;
    return heap_seal(copy);
}

const struct tarn_object *tarn_object_ref(const struct tarn_object *obj)
{
    struct heap_object *h;

    if (!obj)
        return NULL;
    h = heap_of(obj);
    if (!h)
        return heap_copy(obj);
    /* relaxed: whoever counts up holds a reference already, so nothing is published here. */
    atomic_fetch_add_explicit(&h->refs, 1, memory_order_relaxed);
    return obj;
}

void tarn_object_unref(const struct tarn_object *obj)
{
    struct heap_object *h = obj ? heap_of(obj) : NULL;

    if (!h)
        return;
    /* release: our reads of the object come before the count falls; acquire: pairs with that in whichever thread
     * takes the count to zero, so that it frees after everybody's last read. Not a fence: ThreadSanitizer sees none. */
    if (atomic_fetch_sub_explicit(&h->refs, 1, memory_order_acq_rel) != 1)
        return;
    h->cookie = 0;
    free(h);
}

/* ---- reading the blob ----------------------------------------------------------------------- */

/* The size as loaded once and capped; 0 for what cannot be a blob. */
static uint32_t blob_size(const struct tarn_object *obj)
{
    uint32_t size = tarn_once32(&obj->size);

    return size < sizeof *obj || size > TARN_OBJECT_BYTES_MAX ? 0 : size;
}

/* A blob whose header was checked: every later check is against this size. */
struct view {
    const char *p;
    uint32_t size, klen;
    const char *meta; /* struct tarn_blob_meta; NULL if there is none inside size */
};

static struct view view_of(const struct tarn_object *obj)
{
    struct view v = {.p = (const char *)obj, .size = blob_size(obj), .klen = tarn_once16(&obj->klen)};
    uint32_t meta = tarn_blob_meta_off(v.klen);

    if (meta + sizeof(struct tarn_blob_meta) <= v.size)
        v.meta = v.p + meta;
    return v;
}

#define META32(v, field) tarn_once32((v)->meta + offsetof(struct tarn_blob_meta, field))
#define META16(v, field) tarn_once16((v)->meta + offsetof(struct tarn_blob_meta, field))

/* [off, off + len) of the blob, or no bytes if that is not inside or off is 0 (absent). */
static struct tarn_bytes part(const struct view *v, uint32_t off, uint32_t len)
{
    if (!off || off > v->size || len > v->size - off)
        return (struct tarn_bytes){0};
    return (struct tarn_bytes){.data = v->p + off, .len = len};
}

uint32_t tarn_object_size(const struct tarn_object *obj)
{
    return blob_size(obj);
}

uint8_t tarn_object_flags(const struct tarn_object *obj)
{
    return tarn_once8(obj->flags);
}

struct tarn_bytes tarn_object_key(const struct tarn_object *obj)
{
    struct view v = view_of(obj);

    return v.meta ? part(&v, sizeof *obj, v.klen) : (struct tarn_bytes){0};
}

static uint32_t namespace_len(const struct view *v)
{
    uint32_t len = META16(v, nslen);

    return len < v->klen ? len : 0;
}

struct tarn_bytes tarn_object_namespace(const struct tarn_object *obj)
{
    struct view v = view_of(obj);

    return v.meta ? part(&v, sizeof *obj, namespace_len(&v)) : (struct tarn_bytes){0};
}

struct tarn_bytes tarn_object_name(const struct tarn_object *obj)
{
    struct view v = view_of(obj);
    uint32_t skip;

    if (!v.meta)
        return (struct tarn_bytes){0};
    skip = namespace_len(&v);
    skip += skip ? 1 : 0; /* the slash */
    return part(&v, (uint32_t)sizeof *obj + skip, v.klen - skip);
}

struct tarn_bytes tarn_object_uid(const struct tarn_object *obj)
{
    struct view v = view_of(obj);
    uint32_t off = v.meta ? META32(&v, uid_off) : 0;
    struct tarn_bytes len = part(&v, off, 2);

    return len.len ? part(&v, off + 2, tarn_once16(len.data)) : (struct tarn_bytes){0};
}

uint64_t tarn_object_resource_version(const struct tarn_object *obj)
{
    struct view v = view_of(obj);

    return v.meta ? tarn_once64(v.meta + offsetof(struct tarn_blob_meta, resource_version)) : 0;
}

struct tarn_bytes tarn_object_resource_version_text(const struct tarn_object *obj)
{
    struct tarn_bytes text = {0};

    (void)tarn_object_get_string(obj, "metadata.resourceVersion", &text);
    return text;
}

static struct tarn_bytes body_of(const struct view *v)
{
    return v->meta ? part(v, META32(v, body_off), META32(v, body_len)) : (struct tarn_bytes){0};
}

struct tarn_bytes tarn_object_body(const struct tarn_object *obj)
{
    struct view v = view_of(obj);

    return tarn_once8(obj->flags) & TARN_OBJECT_TOMBSTONE ? (struct tarn_bytes){0} : body_of(&v);
}

/* The inner blob must end inside. */
const struct tarn_object *tarn_object_final_state(const struct tarn_object *obj)
{
    struct view v = view_of(obj);
    struct tarn_bytes inner = tarn_once8(obj->flags) & TARN_OBJECT_TOMBSTONE ? body_of(&v) : (struct tarn_bytes){0};

    if (inner.len < sizeof *obj || (uintptr_t)inner.data % 8 || blob_size((const struct tarn_object *)inner.data) > inner.len)
        return NULL;
    return (const struct tarn_object *)inner.data;
}

/* ---- the depth-2 table and the slots --------------------------------------------------------- */

struct table {
    uint32_t n;
    const char *tags, *offs;
    struct tarn_bytes body;
};

static bool table_of(const struct view *v, struct table *ret)
{
    uint32_t off = v->meta ? META32(v, table_off) : 0, n;
    struct tarn_bytes head = part(v, off, 4), all;

    if (!head.len)
        return false;
    n = tarn_once16(head.data);
    all = part(v, off, tarn_align4(4 + 2 * n) + 4 * n);
    if (!n || n > TARN_BLOB_TABLE_KEYS_MAX || !all.len)
        return false;
    *ret = (struct table){.n = n, .tags = all.data + 4, .offs = all.data + tarn_align4(4 + 2 * n), .body = body_of(v)};
    return true;
}

/* Is the key at off (from the body's start) this one? Then *ret is its value. */
static bool table_key_is(const struct table *t, uint32_t off, struct tarn_bytes name, struct tarn_value *ret)
{
    const uint8_t *p = (const uint8_t *)t->body.data, *end;
    struct tarn_value key;

    off &= ~TARN_BLOB_CHILD;
    if (off >= t->body.len)
        return false;
    end = p + t->body.len;
    p = tarn_value_read(p + off, end, &key);
    return p && key.type == TARN_STRING && tarn_bytes_equal(key.string, name) && tarn_value_read(p, end, ret);
}

/* The first place from `from` on with this tag, four looked at at once; n or more if there is none. What is behind the
 * tags and read with them is the offsets. */
static uint32_t tag_find(const struct table *t, uint32_t from, uint16_t tag)
{
    const uint64_t ones = 0x0001000100010001u, highs = 0x8000800080008000u;
    uint64_t x;

    for (uint32_t i = from; i < t->n; i += 4) {
        memcpy(&x, t->tags + 2 * i, sizeof x);
        x ^= ones * tag;
        x = (x - ones) & ~x & highs; /* a bit for each zero; the lowest is right */
        if (x)
            return i + (uint32_t)__builtin_ctzll(x) / 16;
    }
    return t->n;
}

static bool is_child(const struct table *t, uint32_t i)
{
    return tarn_once32(t->offs + 4 * i) & TARN_BLOB_CHILD;
}

/* The root's first key of this name and tag: its place, or n. */
static uint32_t root_find(const struct table *t, struct tarn_bytes name, uint16_t tag, struct tarn_value *ret)
{
    uint32_t i = tag_find(t, 0, tag);

    while (i < t->n && (is_child(t, i) || !table_key_is(t, tarn_once32(t->offs + 4 * i), name, ret)))
        i = tag_find(t, i + 1, tag);
    return i < t->n ? i : t->n;
}

/* The first key of this name and tag in the map of the root's key at place root. */
static bool child_find(const struct table *t, uint32_t root, struct tarn_bytes name, uint16_t tag, struct tarn_value *ret)
{
    for (uint32_t next = root + 1, i = tag_find(t, next, tag); i < t->n; i = tag_find(t, next, tag)) {
        while (next <= i)
            if (!is_child(t, next++))
                return false;
        if (table_key_is(t, tarn_once32(t->offs + 4 * i), name, ret))
            return true;
    }
    return false;
}

/* Take the path's first one or two steps by the table. As tarn_object_get. */
static int table_follow(const struct table *t, struct tarn_path p, struct tarn_value *ret)
{
    struct tarn_step step;
    struct tarn_value v;
    uint32_t at;

    if (tarn_path_next(&p, &step) || step.kind == TARN_STEP_EVERY)
        return TARN_E_INVAL;
    at = step.kind == TARN_STEP_KEY ? root_find(t, step.key, tarn_blob_tag(step.key.data, step.key.len), &v) : t->n;
    if (at == t->n)
        return tarn_path_verdict(p, TARN_E_NOTFOUND);
    if (v.type == TARN_MAP) {
        struct tarn_path before = p;

        if (tarn_path_next(&p, &step))
            return TARN_E_INVAL;
        if (step.kind != TARN_STEP_KEY)
            p = before;
        else if (!child_find(t, at, step.key, tarn_blob_tag(step.key.data, step.key.len), &v))
            return tarn_path_verdict(p, TARN_E_NOTFOUND);
    }
    return tarn_value_follow(&v, p, ret);
}

int tarn_object_get(const struct tarn_object *obj, const char *path, struct tarn_value *ret)
{
    struct view v = view_of(obj);
    struct tarn_value root;
    struct table t;

    if (tarn_once8(obj->flags) & TARN_OBJECT_TOMBSTONE)
        return tarn_path_verdict(tarn_path_start(path), TARN_E_NOTFOUND);
    if (table_of(&v, &t))
        return table_follow(&t, tarn_path_start(path), ret);
    if (tarn_value_parse(body_of(&v), &root))
        return tarn_path_verdict(tarn_path_start(path), v.meta && META32(&v, body_off) ? TARN_E_CORRUPT : TARN_E_NOTFOUND);
    return tarn_value_follow(&root, tarn_path_start(path), ret);
}

int tarn_object_get_string(const struct tarn_object *obj, const char *path, struct tarn_bytes *ret)
{
    struct tarn_value v;
    int err = tarn_object_get(obj, path, &v);

    if (err)
        return err;
    if (v.type != TARN_STRING)
        return TARN_E_TYPE;
    *ret = v.string;
    return 0;
}

int tarn_object_each(const struct tarn_object *obj, const char *path, int (*fn)(void *ctx, const struct tarn_value *v),
                     void *ctx)
{
    struct tarn_value root;

    if (tarn_value_parse(tarn_object_body(obj), &root))
        root = (struct tarn_value){.type = TARN_NIL};
    return tarn_value_each_from(&root, tarn_path_start(path), (struct tarn_value_visitor){.fn = fn, .ctx = ctx});
}

int tarn_object_slot(const struct tarn_object *obj, unsigned n, struct tarn_value *ret)
{
    struct view v = view_of(obj);
    struct tarn_bytes body = body_of(&v);
    uint32_t slots = v.meta ? META32(&v, slots_off) : 0, off;
    const uint8_t *p = (const uint8_t *)body.data;

    if (!slots || slots > v.size - 4 || n >= tarn_once16(v.p + slots) || n >= (v.size - 4 - slots) / 4)
        return TARN_E_NOTFOUND;
    off = tarn_once32(v.p + slots + 4 + 4 * (size_t)n);
    if (!off)
        return TARN_E_NOTFOUND;
    return off < body.len && tarn_value_read(p + off, p + body.len, ret) ? 0 : TARN_E_CORRUPT;
}

struct tarn_field tarn_field_of(const char *path)
{
    struct tarn_path p = tarn_path_start(path);
    struct tarn_step first, second, end;

    if (tarn_path_next(&p, &first) || first.kind != TARN_STEP_KEY || tarn_path_next(&p, &second) || second.kind != TARN_STEP_KEY ||
        tarn_path_next(&p, &end) || end.kind != TARN_STEP_END)
        return (struct tarn_field){.path = path};
    return (struct tarn_field){.path = path,
                               .first = first.key,
                               .second = second.key,
                               .first_tag = tarn_blob_tag(first.key.data, first.key.len),
                               .second_tag = tarn_blob_tag(second.key.data, second.key.len)};
}

static inline int field(const struct tarn_object *obj, const struct tarn_field *f, struct tarn_value *ret)
{
    struct view v = view_of(obj);
    struct tarn_value map;
    struct table t;
    uint32_t at;

    if (!f->first.len || (tarn_once8(obj->flags) & TARN_OBJECT_TOMBSTONE) || !table_of(&v, &t))
        return tarn_object_get(obj, f->path, ret);
    at = root_find(&t, f->first, f->first_tag, &map);
    return at < t.n && map.type == TARN_MAP && child_find(&t, at, f->second, f->second_tag, ret) ? 0 : TARN_E_NOTFOUND;
}

int tarn_object_field(const struct tarn_object *obj, const struct tarn_field *f, struct tarn_value *ret)
{
    return field(obj, f, ret);
}

/* metadata.labels, its tags known when this is compiled. */
static int labels_of(const struct tarn_object *obj, struct tarn_value *ret)
{
    const struct tarn_field f = {.path = "metadata.labels",
                                 .first = TARN_BYTES("metadata"),
                                 .second = TARN_BYTES("labels"),
                                 .first_tag = tarn_blob_tag("metadata", 8),
                                 .second_tag = tarn_blob_tag("labels", 6)};

    return field(obj, &f, ret);
}

int tarn_object_label(const struct tarn_object *obj, struct tarn_bytes key, struct tarn_bytes *ret)
{
    struct tarn_value v;
    int err = labels_of(obj, &v);

    if (!err)
        err = tarn_value_step(&v, &(struct tarn_step){.kind = TARN_STEP_KEY, .key = key}, &v);
    if (err || v.type != TARN_STRING)
        return TARN_E_NOTFOUND;
    *ret = v.string;
    return 0;
}

/* ---- writing the blob ---------------------------------------------------------------------- */

/* The parts of a head, in order, each as its offset. */
struct head_layout {
    uint32_t klen, meta, uid, slots, table, end;
};

static struct head_layout head_layout(const struct tarn_blob_head *h)
{
    struct head_layout l = {.klen = (uint32_t)(h->ns.len + (h->ns.len ? 1 : 0) + h->name.len)};

    l.meta = tarn_blob_meta_off(l.klen);
    l.end = l.meta + (uint32_t)sizeof(struct tarn_blob_meta);
    if (h->uid.len) {
        l.uid = l.end;
        l.end = tarn_align4(l.end + 2 + (uint32_t)h->uid.len);
    }
    if (h->nslots) {
        l.slots = l.end;
        l.end += 4 + 4 * h->nslots;
    }
    if (h->nkeys) {
        l.table = l.end;
        l.end += tarn_align4(4 + 2 * h->nkeys) + 4 * h->nkeys;
    }
    return l;
}

uint32_t tarn_blob_head_size(const struct tarn_blob_head *h)
{
    return head_layout(h).end;
}

static void key_write(const struct tarn_blob_head *h, char *p)
{
    if (h->ns.len) {
        memcpy(p, h->ns.data, h->ns.len);
        p += h->ns.len;
        *p++ = '/';
    }
    if (h->name.len)
        memcpy(p, h->name.data, h->name.len);
}

static void uid_write(const struct tarn_blob_head *h, char *p)
{
    uint16_t len = (uint16_t)h->uid.len;

    memcpy(p, &len, sizeof len);
    memcpy(p + 2, h->uid.data, len);
}

static void slots_write(const struct tarn_blob_head *h, char *p)
{
    uint16_t n = (uint16_t)h->nslots;

    memcpy(p, &n, sizeof n);
    memcpy(p + 4, h->slots, 4 * (size_t)n);
}

static void table_write(const struct tarn_blob_head *h, char *p)
{
    uint16_t n = (uint16_t)h->nkeys;

    memcpy(p, &n, sizeof n);
    memcpy(p + 4, h->tags, 2 * (size_t)n);
    memcpy(p + tarn_align4(4u + 2u * n), h->offs, 4 * (size_t)n);
}

uint32_t tarn_blob_head_write(const struct tarn_blob_head *h, void *blob, uint32_t body_off, uint32_t body_len)
{
    struct head_layout l = head_layout(h);
    uint32_t end = body_off + body_len, size = tarn_align8(end);
    struct tarn_object o = {.size = size, .klen = (uint16_t)l.klen, .format = TARN_OBJECT_FORMAT_MSGPACK, .flags = h->flags};
    struct tarn_blob_meta m = {.resource_version = h->resource_version, .store = h->store, .nslen = (uint16_t)h->ns.len,
                               .uid_off = l.uid, .body_off = body_len ? body_off : 0, .slots_off = l.slots,
                               .table_off = l.table, .body_len = body_len};
    char *p = blob;

    memset(p, 0, body_off);
    memset(p + end, 0, size - end);
    memcpy(p, &o, sizeof o);
    key_write(h, p + sizeof o);
    memcpy(p + l.meta, &m, sizeof m);
    if (l.uid)
        uid_write(h, p + l.uid);
    if (l.slots)
        slots_write(h, p + l.slots);
    if (l.table)
        table_write(h, p + l.table);
    return size;
}

/* ---- keys and tombstones -------------------------------------------------------------------- */

/* "a/b" as namespace a and name b; any other form is all name. */
static void split_key(struct tarn_bytes key, struct tarn_blob_head *h)
{
    const char *slash = key.len ? memchr(key.data, '/', key.len) : NULL;
    size_t ns = slash ? (size_t)(slash - key.data) : 0;

    h->name = key;
    if (!ns || memchr(slash + 1, '/', key.len - ns - 1))
        return;
    h->ns = (struct tarn_bytes){.data = key.data, .len = ns};
    h->name = (struct tarn_bytes){.data = slash + 1, .len = key.len - ns - 1};
}

/* A blob of this head whose body is the blob inner (NULL: none), with `more` zeroed bytes behind it. */
static int new_around(const struct tarn_blob_head *h, const struct tarn_object *inner, uint32_t more, struct tarn_object **ret)
{
    uint32_t inner_size = inner ? blob_size(inner) : 0, body_off = tarn_align8(tarn_blob_head_size(h)), size;
    struct tarn_object *o;

    if (inner_size > TARN_OBJECT_BYTES_MAX - body_off - more)
        return TARN_E_SIZE;
    o = heap_new(body_off + tarn_align8(inner_size) + more);
    if (!o)
        return TARN_E_NOMEM;
    size = tarn_blob_head_write(h, o, body_off, inner_size);
    memset((char *)o + size, 0, more);
    o->size = size + more;
    if (inner_size) {
        struct tarn_object *copy = (struct tarn_object *)((char *)o + body_off);

        memcpy(copy, inner, inner_size);
        copy->size = inner_size;
        copy->flags &= (uint8_t)~TARN_OBJECT_HEAP; /* a part of this object, not one of its own */
    }
    *ret = o;
    return 0;
}

static int new_key_object(struct tarn_bytes key, uint8_t flags, const struct tarn_object *inner,
                          const struct tarn_object **ret)
{
    struct tarn_blob_head h = {.flags = flags};
    struct tarn_object *o;
    int rc;

    if (key.len > TARN_BLOB_KEY_MAX || (key.len && memchr(key.data, 0, key.len)))
        return TARN_E_KEY;
    split_key(key, &h);
    rc = new_around(&h, inner, 0, &o);
    if (!rc)
        *ret = heap_seal(o);
    return rc;
}

int tarn_object_new_explicit_key(struct tarn_bytes key, const struct tarn_object **ret)
{
    return new_key_object(key, TARN_OBJECT_EXPLICIT_KEY, NULL, ret);
}

int tarn_object_new_tombstone(struct tarn_bytes key, const struct tarn_object *final_state,
                              const struct tarn_object **ret)
{
    return new_key_object(key, TARN_OBJECT_TOMBSTONE, final_state, ret);
}

/* The key is that of the final state, a slash and its uid: two objects of one name are two that were deleted. */
int tarn_object_new_deleted(const struct tarn_object *final_state, uint64_t deleted_ms, const struct tarn_object **ret)
{
    struct tarn_blob_head h = {.flags = TARN_OBJECT_TOMBSTONE,
                               .ns = tarn_object_namespace(final_state),
                               .uid = tarn_object_uid(final_state),
                               .resource_version = tarn_object_resource_version(final_state)};
    struct tarn_bytes name = tarn_object_name(final_state);
    struct tarn_buf text = {0};
    struct tarn_object *o;
    int rc = tarn_object_key(final_state).len + 1 + h.uid.len > TARN_BLOB_KEY_MAX ? TARN_E_KEY : tarn_buf_add(&text, name.data, name.len);

    if (!rc && h.uid.len)
        rc = tarn_buf_adds(&text, "/");
    if (!rc)
        rc = tarn_buf_add(&text, h.uid.data, h.uid.len);
    h.name = tarn_buf_bytes(&text);
    if (!rc)
        rc = new_around(&h, final_state, sizeof deleted_ms, &o);
    if (!rc) {
        memcpy((char *)o + o->size - sizeof deleted_ms, &deleted_ms, sizeof deleted_ms);
        *ret = heap_seal(o);
    }
    tarn_buf_release(&text);
    return rc;
}

uint64_t tarn_object_deleted_ms(const struct tarn_object *obj)
{
    struct view v = view_of(obj);
    struct tarn_bytes time;

    if (!v.meta || !(tarn_once8(obj->flags) & TARN_OBJECT_TOMBSTONE))
        return 0;
    time = part(&v, META32(&v, body_off), tarn_align8(META32(&v, body_len)) + 8);
    return time.len >= 8 ? tarn_once64(time.data + time.len - 8) : 0;
}
