/* region_store.c - the Store over one resource of a writer.
 *
 * A Replace keeps a list of records that are made but not linked, and a bit for each object number that stays or is
 * linked. Applying links the list, then deletes what has no bit. Unchanged objects cost one bit.
 */
#include <tarn/region_store.h>
#include <tarn/resource_version.h>

#include <stdlib.h>
#include <time.h>

#include "writer_impl.h"

enum phase { PHASE_NONE, PHASE_STAGING, PHASE_LINKING, PHASE_DELETING };

struct bits {
    uint64_t *v;
    size_t words;
};

struct replace {
    enum phase phase;
    struct tarn_u32s staged; /* refs of records, in the order they came; the last of a key wins */
    size_t linked;           /* of them */
    struct bits keep;        /* by object number: stays, or was linked */
    struct bits touched;     /* by object number: something is staged for it, so order matters */
    uint32_t member; /* position in the members' posting */
    uint64_t version; /* while it is applied: the list's, at which is deleted what it has not */
};

struct region_store {
    struct tarn_store base;
    struct tarn_writer *w;
    uint16_t store;
    struct tarn_buf ns; /* of a scoped store: its namespace; empty: the whole resource */
    struct replace replace;
    bool distrust; /* a version does not tell that an object is unchanged */
    struct tarn_buf resource_version; /* S-12: what it was told last */
};

static struct region_store *self(struct tarn_store *s)
{
    return (struct region_store *)s;
}

static struct tarn_resource *resource(const struct region_store *s)
{
    return s->w->resources[s->store];
}

/* Is an object of that key part of what this store is for? */
static bool in_scope(const struct region_store *s, struct tarn_bytes ns)
{
    return !s->ns.len || tarn_bytes_equal(ns, tarn_buf_bytes(&s->ns));
}

static int check_scope(const struct region_store *s, const struct tarn_object *obj, struct tarn_error *err)
{
    if (in_scope(s, tarn_object_namespace(obj)))
        return 0;
    return tarn_error_set(err, TARN_E_KEY, "%s '%.*s' is not in namespace '%.*s', which was asked for", resource(s)->name,
                          TARN_BYTES_ARG(tarn_object_key(obj)), TARN_BYTES_ARG(tarn_buf_bytes(&s->ns)));
}

/* ---- single changes ------------------------------------------------------------------------------------- */

static int may_change(struct region_store *s, struct tarn_error *err)
{
    if (s->replace.phase != PHASE_NONE || s->w->applying == s->store)
        return tarn_error_set(err, TARN_E_AGAIN, "a Replace of '%s' is under way", resource(s)->name);
    return tarn_writer_may_change(s->w, s->store, err);
}

static void note_version(struct region_store *s, struct tarn_bytes rv)
{
    tarn_buf_clear(&s->resource_version);
    if (tarn_buf_add(&s->resource_version, rv.data, rv.len)) /* information only */
        tarn_buf_clear(&s->resource_version);
}

static int store_put(struct tarn_store *base, const struct tarn_object *obj, struct tarn_error *err)
{
    struct region_store *s = self(base);
    int rc = may_change(s, err);

    if (!rc)
        rc = check_scope(s, obj, err);
    if (!rc)
        rc = tarn_writer_put(s->w, s->store, obj, err);
    if (!rc)
        note_version(s, tarn_object_resource_version_text(obj));
    return rc;
}

/* What is told with a deletion is the object's last state: that one is kept, where deleted objects are. If it cannot be put
 * there, the one before is. */
static void take_final_state(struct region_store *s, const struct tarn_object *obj)
{
    struct tarn_bytes key = tarn_object_key(obj);

    if (resource(s)->grace && tarn_object_body(obj).len && key.len <= TARN_REGION_KEY_MAX && tarn_version_find(s->w, s->store, key))
        (void)!tarn_writer_put(s->w, s->store, obj, NULL);
}

static int store_delete(struct tarn_store *base, const struct tarn_object *obj, struct tarn_error *err)
{
    struct region_store *s = self(base);
    struct tarn_bytes key = tarn_object_key(obj);
    int rc = may_change(s, err);

    if (!rc && !key.len)
        rc = tarn_error_set(err, TARN_E_KEY, "%s: an object without a key cannot be deleted", resource(s)->name);
    if (!rc)
        rc = check_scope(s, obj, err);
    if (!rc)
        take_final_state(s, obj);
    if (!rc && key.len <= TARN_REGION_KEY_MAX)
        rc = tarn_writer_delete(s->w, s->store, key, tarn_object_resource_version(obj), err);
    if (!rc)
        note_version(s, tarn_object_resource_version_text(obj));
    return rc;
}

/* ---- reading back: heap copies, the open transaction included ----------------------------------------------- */

static const struct tarn_object *object_at(const struct region_store *s, uint32_t ref)
{
    return (const struct tarn_object *)tarn_link_blob(tarn_writer_link(s->w, ref));
}

static int store_get_by_key(struct tarn_store *base, struct tarn_bytes key, const struct tarn_object **ret, struct tarn_error *err)
{
    struct region_store *s = self(base);
    uint32_t ref = key.len && key.len <= TARN_REGION_KEY_MAX ? tarn_version_find(s->w, s->store, key) : 0;
    const struct tarn_object *copy;

    if (!ref)
        return TARN_E_NOTFOUND;
    copy = tarn_object_ref(object_at(s, ref));
    if (!copy)
        return tarn_error_set(err, TARN_E_NOMEM, "copying an object: out of memory");
    *ret = copy;
    return 0;
}

static int store_get(struct tarn_store *base, const struct tarn_object *obj, const struct tarn_object **ret, struct tarn_error *err)
{
    struct tarn_bytes key = tarn_object_key(obj);

    if (!key.len)
        return tarn_error_set(err, TARN_E_KEY, "an object without a key cannot be looked up");
    return store_get_by_key(base, key, ret, err);
}

/* The live object number `i` of the members' posting is this store's: its ref, else 0. */
static uint32_t live_member(const struct region_store *s, const struct tarn_array *posting, uint32_t i)
{
    uint32_t oid = tarn_load_u32(&posting->v[i]), ref = tarn_writer_head(s->w, oid);
    const struct tarn_link *l = ref ? tarn_writer_link(s->w, ref) : NULL;

    if (!l || tarn_load_u16(&l->store) != s->store || tarn_link_kind_of(l) != TARN_RECORD_OBJECT)
        return 0;
    return in_scope(s, tarn_object_namespace(object_at(s, ref))) ? ref : 0;
}

static const struct tarn_array *members(const struct region_store *s)
{
    uint32_t node = resource(s)->members, ref = node ? tarn_load_u32(&tarn_writer_link(s->w, node)->prev) : 0;

    return ref ? tarn_writer_at(s->w, ref) : NULL;
}

static int store_list(struct tarn_store *base, struct tarn_objects *ret)
{
    struct region_store *s = self(base);
    const struct tarn_array *posting = members(s);
    uint32_t n = posting ? tarn_load_u32(&posting->n) : 0;
    struct tarn_objects l = {.v = calloc(n + 1, sizeof *l.v), .cap = n + 1};

    if (!l.v)
        return TARN_E_NOMEM;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t ref = live_member(s, posting, i);

        if (!ref)
            continue;
        l.v[l.n] = tarn_object_ref(object_at(s, ref));
        if (!l.v[l.n]) {
            tarn_objects_release(&l);
            return TARN_E_NOMEM;
        }
        l.n++;
    }
    tarn_objects_release(ret);
    *ret = l;
    return 0;
}

/* The keys' bytes first, then their places, since the buffer may move. */
static int collect_keys(const struct region_store *s, const struct tarn_array *posting, uint32_t n, struct tarn_keys *k)
{
    size_t at = 0;

    for (uint32_t i = 0; i < n; i++) {
        uint32_t ref = live_member(s, posting, i);
        struct tarn_bytes key = ref ? tarn_object_key(object_at(s, ref)) : (struct tarn_bytes){0};

        if (!ref)
            continue;
        if (tarn_buf_add(&k->text, key.data, key.len))
            return TARN_E_NOMEM;
        k->v[k->n++].len = key.len;
    }
    for (size_t i = 0; i < k->n; at += k->v[i++].len)
        k->v[i].data = k->text.data + at;
    return 0;
}

static int store_list_keys(struct tarn_store *base, struct tarn_keys *ret)
{
    struct region_store *s = self(base);
    const struct tarn_array *posting = members(s);
    uint32_t n = posting ? tarn_load_u32(&posting->n) : 0;
    struct tarn_keys k = {.v = calloc(n + 1, sizeof *k.v), .cap = n + 1};
    int rc = k.v ? collect_keys(s, posting, n, &k) : TARN_E_NOMEM;

    if (rc) {
        tarn_keys_release(&k);
        return rc;
    }
    tarn_keys_release(ret);
    *ret = k;
    return 0;
}

/* ---- Replace: staging ----------------------------------------------------------------------------------------- */

static int bits_reserve(struct bits *b, uint32_t i)
{
    size_t words = b->words ? b->words : 16;
    uint64_t *v;

    if (i / 64 < b->words)
        return 0;
    while (words <= i / 64)
        words *= 2;
    v = realloc(b->v, words * sizeof *v);
    if (!v)
        return TARN_E_NOMEM;
    memset(v + b->words, 0, (words - b->words) * sizeof *v);
    b->v = v;
    b->words = words;
    return 0;
}

static bool bits_get(const struct bits *b, uint32_t i)
{
    return i / 64 < b->words && b->v[i / 64] >> i % 64 & 1;
}

/* Room was reserved. */
static void bits_set(struct bits *b, uint32_t i, bool on)
{
    b->v[i / 64] = (b->v[i / 64] & ~(UINT64_C(1) << i % 64)) | (uint64_t)on << i % 64;
}

static void replace_release(struct region_store *s)
{
    free(s->replace.staged.v);
    free(s->replace.keep.v);
    free(s->replace.touched.v);
    s->replace = (struct replace){0};
    resource(s)->replacing--;
}

static int store_replace_begin(struct tarn_store *base, struct tarn_error *err)
{
    struct region_store *s = self(base);
    int rc;

    if (s->replace.phase != PHASE_NONE)
        return tarn_error_set(err, TARN_E_INVAL, "a Replace of '%s' is under way already", resource(s)->name);
    /* Staging compares with this store's committed state, which no abort can take back. */
    rc = s->w->applying ? 0 : tarn_writer_commit(s->w, err);
    if (rc)
        return rc;
    s->replace.phase = PHASE_STAGING;
    resource(s)->replacing++;
    return 0;
}

/* Charge a record that is linked nowhere. */
static int stage(struct region_store *s, uint32_t ref)
{
    struct replace *r = &s->replace;

    r->staged.v[r->staged.n++] = ref;
    s->w->staged_bytes += tarn_alloc_bytes(&s->w->alloc, ref);
    return 0;
}

/* Same uid and resourceVersion, both told; or the same bytes. */
static bool unchanged(const struct region_store *s, uint32_t ref, const struct tarn_object *obj)
{
    const struct tarn_object *old = object_at(s, ref);
    struct tarn_bytes uid = tarn_object_uid(obj);
    uint64_t rv = tarn_object_resource_version(obj);

    if (uid.len && rv && !s->distrust)
        return rv == tarn_object_resource_version(old) && tarn_bytes_equal(uid, tarn_object_uid(old));
    return tarn_version_same(s->w, ref, obj);
}

/* The live object under key and its number, with room for its bits. *ret_ref 0: there is none. */
static int existing(struct region_store *s, struct tarn_bytes key, uint32_t *ret_ref, uint32_t *ret_oid)
{
    int rc;

    *ret_ref = tarn_version_find(s->w, s->store, key);
    *ret_oid = *ret_ref ? tarn_load_u32(&tarn_writer_link(s->w, *ret_ref)->oid) : 0;
    rc = bits_reserve(&s->replace.keep, *ret_oid);
    return rc ? rc : bits_reserve(&s->replace.touched, *ret_oid);
}

static int stage_object(struct region_store *s, const struct tarn_object *obj, struct tarn_error *err)
{
    struct replace *r = &s->replace;
    uint32_t old, oid, ref;
    int rc = existing(s, tarn_object_key(obj), &old, &oid);

    if (!rc)
        rc = tarn_u32s_reserve(&r->staged, 1);
    if (rc)
        return rc;
    if (old && !bits_get(&r->touched, oid) && unchanged(s, old, obj)) {
        bits_set(&r->keep, oid, true);
        s->w->st.unchanged++;
        return 0;
    }
    rc = tarn_version_of_object(s->w, resource(s), obj, &ref, err);
    if (rc)
        return rc;
    if (old)
        bits_set(&r->touched, oid, true);
    return stage(s, ref);
}

static int store_replace_add(struct tarn_store *base, const struct tarn_object *obj, struct tarn_error *err)
{
    struct region_store *s = self(base);
    int rc;

    if (s->replace.phase != PHASE_STAGING)
        return tarn_error_set(err, TARN_E_INVAL, "no Replace of '%s' was begun", resource(s)->name);
    rc = tarn_writer_check(s->w, s->store, obj, err);
    if (!rc)
        rc = check_scope(s, obj, err);
    if (rc)
        return rc;
    rc = stage_object(s, obj, err);
    return rc ? tarn_writer_refuse(s->w, rc, resource(s), tarn_object_key(obj), err) : 0;
}

static int store_replace_remove(struct tarn_store *base, const struct tarn_object *obj, struct tarn_error *err)
{
    struct region_store *s = self(base);
    struct tarn_bytes key = tarn_object_key(obj);
    uint32_t old, oid, ref;
    int rc;

    if (s->replace.phase != PHASE_STAGING || !key.len || key.len > TARN_REGION_KEY_MAX || !in_scope(s, tarn_object_namespace(obj)))
        return tarn_error_set(err, TARN_E_INVAL, "nothing of '%s' to take out of a Replace", resource(s)->name);
    rc = existing(s, key, &old, &oid);
    if (!rc && old) {
        bits_set(&s->replace.keep, oid, false);
        if (!bits_get(&s->replace.touched, oid))
            return 0;
    }
    if (!rc)
        rc = tarn_u32s_reserve(&s->replace.staged, 1);
    if (!rc) /* staged in its turn, so that it ends what stands before it in the list and nothing else */
        rc = tarn_version_make_tombstone(s->w, s->store, key, tarn_object_resource_version(obj), &ref);
    return rc ? tarn_writer_refuse(s->w, rc, resource(s), key, err) : stage(s, ref);
}

int tarn_region_store_replace_keep(struct tarn_store *base, const struct tarn_object *obj, struct tarn_error *err)
{
    struct region_store *s = self(base);
    uint32_t old, oid;
    int rc;

    if (s->replace.phase != PHASE_STAGING)
        return tarn_error_set(err, TARN_E_INVAL, "no Replace of '%s' was begun", resource(s)->name);
    rc = existing(s, tarn_object_key(obj), &old, &oid);
    if (!rc && old)
        bits_set(&s->replace.keep, oid, true);
    return rc;
}

static void drop_staged(struct region_store *s)
{
    struct replace *r = &s->replace;

    for (; r->linked < r->staged.n; r->linked++) {
        s->w->staged_bytes -= tarn_alloc_bytes(&s->w->alloc, r->staged.v[r->linked]);
        tarn_version_drop(s->w, r->staged.v[r->linked]);
    }
}

static void store_replace_abort(struct tarn_store *base)
{
    struct region_store *s = self(base);

    if (s->replace.phase == PHASE_NONE)
        return;
    if (s->replace.phase != PHASE_STAGING) {
        tarn_writer_undo(s->w);
        s->w->applying = 0;
    }
    drop_staged(s);
    replace_release(s);
}

/* ---- Replace: applying -------------------------------------------------------------------------------------------- */

/* Link one staged record. A tombstone of a key that is not there is dropped. */
static int apply_staged(struct region_store *s, uint32_t ref)
{
    const struct tarn_link *l = tarn_writer_link(s->w, ref);
    bool live = tarn_link_kind_of(l) == TARN_RECORD_OBJECT;
    struct tarn_bytes key = {.data = tarn_link_key(l), .len = tarn_link_blob(l)->klen};
    uint64_t bytes = tarn_alloc_bytes(&s->w->alloc, ref);
    int rc = bits_reserve(&s->replace.keep, tarn_load_u32(&tarn_writer_heads(s->w)->n));

    if (rc)
        return rc;
    if (!live && !tarn_version_find(s->w, s->store, key)) {
        tarn_version_drop(s->w, ref);
    } else {
        rc = tarn_version_link(s->w, resource(s), ref);
        if (rc)
            return rc;
        bits_set(&s->replace.keep, tarn_load_u32(&l->oid), live);
        s->w->st.puts += live;
        s->w->st.deletes += !live;
    }
    s->w->staged_bytes -= bytes;
    return 0;
}

static int link_next(struct region_store *s)
{
    struct replace *r = &s->replace;
    int rc;

    if (r->linked == r->staged.n) {
        r->phase = PHASE_DELETING;
        return 0;
    }
    rc = apply_staged(s, r->staged.v[r->linked]);
    r->linked += !rc;
    return rc;
}

/* Delete the next member if it was not in the list. *ret_done: there is none. */
static int delete_next(struct region_store *s, bool *ret_done, struct tarn_error *err)
{
    const struct tarn_array *posting = members(s);
    uint32_t i = s->replace.member++, ref;
    const struct tarn_link *l;

    *ret_done = !posting || i >= tarn_load_u32(&posting->n);
    if (*ret_done)
        return 0;
    ref = live_member(s, posting, i);
    if (!ref || bits_get(&s->replace.keep, tarn_load_u32(&posting->v[i])))
        return 0;
    l = tarn_writer_link(s->w, ref);
    return tarn_writer_delete(s->w, s->store, (struct tarn_bytes){.data = tarn_link_key(l), .len = tarn_link_blob(l)->klen}, s->replace.version, err);
}

static uint64_t clock_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

/* Work until done, an error, or the slice is over. */
static int apply_slice(struct region_store *s, uint64_t until_us, bool *ret_done, struct tarn_error *err)
{
    int rc = 0;

    *ret_done = false;
    for (unsigned n = 1; !rc && !*ret_done; n++) {
        if (s->replace.phase == PHASE_LINKING)
            rc = link_next(s);
        else
            rc = delete_next(s, ret_done, err);
        if (n % 64 == 0 && !*ret_done && clock_us() >= until_us)
            break;
    }
    return rc ? tarn_writer_refuse(s->w, rc, resource(s), TARN_BYTES("(the whole list)"), err) : 0;
}

/* Everything committed so far stands by itself, and nothing else is in the Replace's transaction. */
static int apply_begin(struct region_store *s, struct tarn_bytes rv, struct tarn_error *err)
{
    int rc = tarn_writer_commit(s->w, err);
    struct tarn_rv version;

    if (rc)
        return rc;
    s->replace.version = tarn_rv_set(&version, rv) ? 0 : version.number;
    s->w->applying = s->store;
    s->replace.phase = PHASE_LINKING;
    return 0;
}

static int apply_end(struct region_store *s, struct tarn_bytes rv, const struct tarn_resource_state *state, struct tarn_error *err)
{
    int rc = state ? tarn_writer_set_resource_state(s->w, s->store, state, err) : 0;

    if (!rc && s->w->dirty)
        rc = tarn_writer_commit_now(s->w, err);
    if (rc)
        return rc;
    s->w->applying = 0;
    s->w->st.replaces++;
    s->distrust = false;
    note_version(s, rv);
    replace_release(s);
    return 0;
}

static void note_slice(struct tarn_writer *w, uint64_t us)
{
    w->st.apply_slices++;
    if (us > w->st.apply_slice_max_us)
        w->st.apply_slice_max_us = us;
}

int tarn_region_store_replace_apply(struct tarn_store *base, struct tarn_bytes rv, const struct tarn_resource_state *state,
                                    uint32_t slice_us, struct tarn_error *err)
{
    struct region_store *s = self(base);
    uint64_t begin = clock_us();
    bool done = false;
    int rc = 0;

    if (s->replace.phase == PHASE_NONE)
        return tarn_error_set(err, TARN_E_INVAL, "no Replace of '%s' was begun", resource(s)->name);
    if (s->replace.phase == PHASE_STAGING)
        rc = apply_begin(s, rv, err);
    if (rc == TARN_E_AGAIN) /* another Replace is being applied: this one waits, as it is */
        return rc;
    if (!rc)
        rc = apply_slice(s, begin + slice_us, &done, err);
    note_slice(s->w, clock_us() - begin);
    if (!rc && !done)
        return 1;
    if (!rc)
        rc = apply_end(s, rv, state, err);
    if (rc)
        store_replace_abort(base);
    return rc;
}

static int store_replace_commit(struct tarn_store *base, struct tarn_bytes rv, struct tarn_error *err)
{
    int rc = tarn_region_store_replace_apply(base, rv, NULL, UINT32_MAX, err);

    if (rc == TARN_E_AGAIN)
        store_replace_abort(base);
    return rc;
}

/* ---- another generation -------------------------------------------------------------------------------------------- */

/* A copy of a staged record on another writer. */
static int move_staged(struct region_store *s, const struct tarn_writer *from, uint32_t *ref, struct tarn_error *err)
{
    const struct tarn_link *l = tarn_writer_link(from, *ref);
    struct tarn_bytes key = {.data = tarn_link_key(l), .len = tarn_link_blob(l)->klen};
    int rc;

    if (tarn_link_kind_of(l) == TARN_RECORD_TOMBSTONE)
        rc = tarn_version_make_tombstone(s->w, s->store, key, tarn_object_resource_version((const struct tarn_object *)tarn_link_blob(l)), ref);
    else
        rc = tarn_version_of_object(s->w, resource(s), (const struct tarn_object *)tarn_link_blob(l), ref, err);
    if (rc)
        return tarn_writer_refuse(s->w, rc, resource(s), key, err);
    s->w->staged_bytes += tarn_alloc_bytes(&s->w->alloc, *ref);
    return 0;
}

/* Object numbers go on, so the bits stay as they are. */
int tarn_region_store_move(struct tarn_store *base, struct tarn_writer *w, uint16_t store, struct tarn_error *err)
{
    struct region_store *s = self(base);
    struct tarn_writer *from = s->w;
    struct replace *r = &s->replace;
    int rc = 0;

    if (r->phase > PHASE_STAGING)
        return tarn_error_set(err, TARN_E_AGAIN, "a Replace of '%s' is being applied", resource(s)->name);
    resource(s)->attached--;
    s->w = w;
    s->store = store;
    resource(s)->attached++;
    resource(s)->replacing += r->phase == PHASE_STAGING;
    for (size_t i = 0; !rc && i < r->staged.n; i++) {
        rc = move_staged(s, from, &r->staged.v[i], err);
        if (rc) {
            r->staged.n = i; /* the rest lies in the old region, which nobody changes any more */
            store_replace_abort(base);
        }
    }
    return rc;
}

void tarn_region_store_distrust(struct tarn_store *base)
{
    self(base)->distrust = true;
}

void tarn_region_store_keep_apart(struct tarn_store *base, struct tarn_bytes key)
{
    struct region_store *s = self(base);

    if (s->w->dirty && key.len <= TARN_REGION_KEY_MAX && tarn_version_is_open(s->w, s->store, key))
        (void)!tarn_writer_commit(s->w, NULL);
}

bool tarn_region_store_replacing(const struct tarn_store *base)
{
    return ((const struct region_store *)base)->replace.phase != PHASE_NONE;
}

/* ---- the rest --------------------------------------------------------------------------------------------------- */

static int store_resync(struct tarn_store *base, struct tarn_error *err)
{
    (void)base;
    (void)err;
    return 0;
}

static int store_bookmark(struct tarn_store *base, struct tarn_bytes rv)
{
    note_version(self(base), rv);
    return 0;
}

static int store_last_version(struct tarn_store *base, struct tarn_buf *ret)
{
    struct region_store *s = self(base);

    return tarn_buf_add(ret, s->resource_version.data, s->resource_version.len);
}

static void store_free(struct tarn_store *base)
{
    struct region_store *s = self(base);

    store_replace_abort(base);
    resource(s)->attached--;
    tarn_buf_release(&s->ns);
    tarn_buf_release(&s->resource_version);
    free(s);
}

static const struct tarn_store_ops ops = {
    .add = store_put,
    .update = store_put,
    .del = store_delete,
    .get = store_get,
    .get_by_key = store_get_by_key,
    .list = store_list,
    .list_keys = store_list_keys,
    .replace_begin = store_replace_begin,
    .replace_add = store_replace_add,
    .replace_commit = store_replace_commit,
    .replace_abort = store_replace_abort,
    .replace_remove = store_replace_remove,
    .resync = store_resync,
    .bookmark = store_bookmark,
    .last_resource_version = store_last_version,
    .free = store_free,
};

int tarn_region_store_new_scoped(struct tarn_writer *w, uint16_t store, const char *ns, struct tarn_store **ret, struct tarn_error *err)
{
    struct tarn_resource *res = store && store < w->nresources && !w->resources[store]->removed ? w->resources[store] : NULL;
    struct region_store *s;

    if (!res || (!ns && res->attached))
        return tarn_error_set(err, TARN_E_INVAL, "resource number %u: %s", store, res ? "it has a store already" : "unknown");
    s = calloc(1, sizeof *s);
    if (!s || (ns && tarn_buf_adds(&s->ns, ns))) {
        free(s);
        return tarn_error_set(err, TARN_E_NOMEM, "region store: out of memory");
    }
    s->base.ops = &ops;
    s->w = w;
    s->store = store;
    res->attached++;
    *ret = &s->base;
    return 0;
}

int tarn_region_store_new(struct tarn_writer *w, uint16_t store, struct tarn_store **ret, struct tarn_error *err)
{
    return tarn_region_store_new_scoped(w, store, NULL, ret, err);
}
