/* What a snapshot answers: batches, copies, object numbers, the change log, long and many index values, verification. */
#include "region_fixture.h"

static void put(struct fixture *f, unsigned k, unsigned v)
{
    CU_ASSERT_EQUAL(fixture_put(f, &(struct fixture_object){.k = k, .v = v, .app = 1 + k % 4, .tags = k % 16}), 0);
}
static void commit(struct fixture *f)
{
    CU_ASSERT_EQUAL(tarn_writer_commit(f->w, NULL), 0);
}

/* ---- lookups --------------------------------------------------------------------------------------------- */

static void get_many_finds_what_get_finds(void)
{
    static char text[500][64];
    struct tarn_bytes keys[500];
    const struct tarn_object *many[500], *one;
    struct tarn_reader r;
    struct fixture f;
    int found = 0;

    fixture_open(&f, 16u << 20);
    for (unsigned k = 0; k < 1000; k += 2)
        put(&f, k, k);
    commit(&f);
    fixture_begin(&f, &r);
    for (unsigned i = 0; i < 500; i++)
        keys[i] = fixture_key_bytes(text[i], i * 3);
    keys[7] = (struct tarn_bytes){.data = "", .len = 0};
    CU_ASSERT_TRUE(tarn_reader_get_many(&r, f.id, keys, 500, many) > 100);
    for (unsigned i = 0; i < 500; i++) {
        one = NULL;
        found += !tarn_reader_get(&r, f.id, keys[i], &one);
        CU_ASSERT_PTR_EQUAL(one, many[i]);
    }
    CU_ASSERT_EQUAL(tarn_reader_get_many(&r, f.id, keys, 500, many), found);
    CU_ASSERT_EQUAL(tarn_reader_get_many(&r, f.id, keys, 0, many), 0);
    fixture_end(&f, &r);
    fixture_close(&f);
}

/* However much of each object is said to be read next, up to nonsense. */
static void a_walk_that_fetches_ahead_gives_the_same_objects(void)
{
    static const uint32_t bytes[] = {0, 1, 512, 4096, UINT32_MAX};
    const struct tarn_object *obj, *first[500];
    struct tarn_reader_iter it;
    struct tarn_reader r;
    struct fixture f;

    fixture_open(&f, 16u << 20);
    for (unsigned k = 0; k < 500; k++)
        put(&f, k, k);
    commit(&f);
    fixture_begin(&f, &r);
    for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++) {
        unsigned n = 0;

        CU_ASSERT_EQUAL_FATAL(tarn_reader_list(&r, f.id, &it), 0);
        if (i)
            tarn_reader_expect(&it, bytes[i]);
        for (; n < 500 && tarn_reader_next(&it, &obj) == 1; n++) {
            CU_ASSERT_TRUE(!i || first[n] == obj);
            first[n] = obj;
        }
        CU_ASSERT_EQUAL(n, 500);
        CU_ASSERT_EQUAL(tarn_reader_next(&it, &obj), 0);
    }
    fixture_end(&f, &r);
    fixture_close(&f);
}

static void strange_keys_and_stores_are_not_found(void)
{
    static char long_key[5000];
    const struct tarn_object *obj;
    struct tarn_reader_iter it;
    struct tarn_reader r;
    struct fixture f;

    fixture_open(&f, 8u << 20);
    put(&f, 1, 1);
    commit(&f);
    fixture_begin(&f, &r);
    CU_ASSERT_EQUAL(tarn_reader_get(&r, f.id, (struct tarn_bytes){long_key, sizeof long_key}, &obj), TARN_E_NOTFOUND);
    CU_ASSERT_EQUAL(tarn_reader_get(&r, f.id, (struct tarn_bytes){0}, &obj), TARN_E_NOTFOUND);
    CU_ASSERT_EQUAL(tarn_reader_get(&r, 9999, TARN_BYTES("ns1/obj-1"), &obj), TARN_E_NOTFOUND);
    CU_ASSERT_EQUAL(tarn_reader_get(&r, 0, TARN_BYTES("ns1/obj-1"), &obj), TARN_E_NOTFOUND);
    CU_ASSERT_EQUAL(tarn_reader_list(&r, 9999, &it), 0);
    CU_ASSERT_EQUAL(tarn_reader_next(&it, &obj), 0);
    fixture_end(&f, &r);
    fixture_close(&f);
}

static void an_unknown_index_is_an_error_an_unknown_value_is_empty(void)
{
    struct tarn_resource_info info;
    struct tarn_reader_values values;
    const struct tarn_object *obj;
    struct tarn_reader_iter it;
    struct tarn_reader r;
    struct fixture f;

    fixture_open(&f, 8u << 20);
    put(&f, 1, 1);
    commit(&f);
    fixture_begin(&f, &r);
    CU_ASSERT_EQUAL_FATAL(tarn_reader_resource(&r, TARN_BYTES("widgets"), &info), 0);
    CU_ASSERT_EQUAL(tarn_reader_by_index(&r, &info, 77, TARN_BYTES("x"), &it), TARN_E_INDEX_MISSING);
    CU_ASSERT_EQUAL(tarn_reader_index_values(&r, &info, 77, &values), TARN_E_INDEX_MISSING);
    CU_ASSERT_EQUAL(tarn_reader_by_index(&r, &info, FIXTURE_INDEX_APP, TARN_BYTES("no such app"), &it), 0);
    CU_ASSERT_EQUAL(tarn_reader_next(&it, &obj), 0);
    CU_ASSERT_EQUAL(tarn_reader_next(&it, &obj), 0);
    fixture_end(&f, &r);
    fixture_close(&f);
}

static void a_copy_is_validated_and_outlives_the_snapshot(void)
{
    const struct tarn_object *obj, *copy;
    struct tarn_reader r;
    struct fixture f;
    char key[64];

    fixture_open(&f, 8u << 20);
    put(&f, 3, 33);
    commit(&f);
    fixture_begin(&f, &r);
    CU_ASSERT_EQUAL_FATAL(tarn_reader_get(&r, f.id, fixture_key_bytes(key, 3), &obj), 0);
    CU_ASSERT_EQUAL(tarn_reader_object_store(obj), f.id);
    CU_ASSERT_EQUAL(tarn_reader_object_seq(obj), tarn_writer_commit_seq(f.w));
    CU_ASSERT_EQUAL_FATAL(tarn_reader_copy(&r, obj, &copy), 0);
    ((char *)(uintptr_t)obj)[60] ^= 1; /* a torn byte */
    {
        const struct tarn_object *bad = NULL;

        CU_ASSERT_EQUAL(tarn_reader_copy(&r, obj, &bad), TARN_E_CORRUPT);
        CU_ASSERT_PTR_NULL(bad);
    }
    ((char *)(uintptr_t)obj)[60] ^= 1;
    fixture_end(&f, &r);
    fixture_close(&f);
    CU_ASSERT_EQUAL(fixture_uint(copy, "spec.v"), 33);
    tarn_object_unref(copy);
}

/* An unpinned reader is told when memory may have been used again, and never before. */
static void an_unpinned_reader_expires_with_the_horizon(void)
{
    const struct tarn_object *obj;
    struct tarn_reader r;
    struct fixture f;
    char key[64];

    fixture_open(&f, 8u << 20);
    put(&f, 3, 1);
    commit(&f);
    tarn_reader_begin(&r, tarn_writer_view(f.w), NULL);
    CU_ASSERT_EQUAL(tarn_reader_get(&r, f.id, fixture_key_bytes(key, 3), &obj), 0);
    put(&f, 3, 2);
    commit(&f);
    CU_ASSERT_EQUAL(tarn_reader_get(&r, f.id, fixture_key_bytes(key, 3), &obj), 0);
    CU_ASSERT_EQUAL(fixture_uint(obj, "spec.v"), 1);
    (void)tarn_writer_collect(f.w);
    CU_ASSERT_EQUAL(tarn_reader_get(&r, f.id, fixture_key_bytes(key, 3), &obj), TARN_E_EXPIRED);
    CU_ASSERT_EQUAL(tarn_reader_check(&r), TARN_E_EXPIRED);
    tarn_reader_end(&r);
    fixture_close(&f);
}

/* ---- index values beyond the caps ----------------------------------------------------------------------------- */

/* An object with n tags, the last one `len` bytes long. */
static const struct tarn_object *with_tags(unsigned k, unsigned n, unsigned len)
{
    struct tarn_buf b = {0};
    const struct tarn_object *obj = NULL;

    (void)!tarn_buf_addf(&b, "{\"metadata\":{\"name\":\"big-%u\",\"namespace\":\"ns0\"},\"spec\":{\"tags\":[", k);
    for (unsigned i = 0; i < n; i++)
        (void)!tarn_buf_addf(&b, "%s\"tag-%u-%u\"", i ? "," : "", k, i);
    (void)!tarn_buf_addf(&b, "%s\"common\",\"%0*u\"]}}", n ? "," : "", (int)len, k);
    CU_ASSERT_EQUAL(tarn_object_from_json(tarn_buf_bytes(&b), &obj, NULL), 0);
    tarn_buf_release(&b);
    return obj;
}

static unsigned count_by(const struct tarn_reader *r, const struct tarn_resource_info *info, struct tarn_bytes value)
{
    const struct tarn_object *obj;
    struct tarn_reader_iter it;
    unsigned n = 0;
    int rc;

    CU_ASSERT_EQUAL(tarn_reader_by_index(r, info, FIXTURE_INDEX_TAGS, value, &it), 0);
    while ((rc = tarn_reader_next(&it, &obj)) == 1)
        n++;
    CU_ASSERT_EQUAL(rc, 0);
    return n;
}

static void long_values_are_found_whole(void)
{
    static char value[2001];
    struct tarn_resource_info info;
    struct tarn_reader_values it;
    struct tarn_bytes v;
    struct tarn_reader r;
    struct fixture f;
    unsigned longest = 0, values = 0;

    fixture_open(&f, 16u << 20);
    for (unsigned k = 1; k <= 3; k++) {
        const struct tarn_object *obj = with_tags(k, 0, 2000);

        CU_ASSERT_EQUAL(tarn_store_add(f.store, obj, NULL), 0);
        tarn_object_unref(obj);
    }
    commit(&f);
    fixture_begin(&f, &r);
    CU_ASSERT_EQUAL_FATAL(tarn_reader_resource(&r, TARN_BYTES("widgets"), &info), 0);
    (void)snprintf(value, sizeof value, "%02000u", 2);
    CU_ASSERT_EQUAL(count_by(&r, &info, (struct tarn_bytes){value, 2000}), 1);
    value[500] = 'x';
    CU_ASSERT_EQUAL(count_by(&r, &info, (struct tarn_bytes){value, 2000}), 0);
    CU_ASSERT_EQUAL(count_by(&r, &info, TARN_BYTES("common")), 3);
    CU_ASSERT_EQUAL(tarn_reader_index_values(&r, &info, FIXTURE_INDEX_TAGS, &it), 0);
    while (tarn_reader_values_next(&it, &v) == 1) {
        values++;
        longest += v.len == 2000;
    }
    tarn_reader_values_release(&it);
    CU_ASSERT_EQUAL(values, 4);
    CU_ASSERT_EQUAL(longest, 3);
    CU_ASSERT_EQUAL(tarn_check_region(&r, true, NULL, NULL), 0);
    fixture_end(&f, &r);
    fixture_close(&f);
}

/* More than 1024 values: the object is stored, counted, and no answer is wrong. */
static void too_many_values_make_the_index_slower_not_wrong(void)
{
    struct tarn_resource_info info;
    struct tarn_reader_values it;
    const struct tarn_object *obj;
    struct tarn_bytes v;
    struct tarn_reader r;
    struct fixture f;
    unsigned values = 0;

    fixture_open(&f, 16u << 20);
    for (unsigned k = 0; k < 3; k++) {
        obj = with_tags(k, k == 1 ? 3000 : 5, 8);
        CU_ASSERT_EQUAL(tarn_store_add(f.store, obj, NULL), 0);
        tarn_object_unref(obj);
    }
    commit(&f);
    fixture_begin(&f, &r);
    CU_ASSERT_EQUAL_FATAL(tarn_reader_resource(&r, TARN_BYTES("widgets"), &info), 0);
    CU_ASSERT_EQUAL(info.incomplete, 1);
    CU_ASSERT_EQUAL(count_by(&r, &info, TARN_BYTES("common")), 3);
    CU_ASSERT_EQUAL(count_by(&r, &info, TARN_BYTES("tag-1-2999")), 1);
    CU_ASSERT_EQUAL(count_by(&r, &info, TARN_BYTES("tag-1-3000")), 0);
    CU_ASSERT_EQUAL(count_by(&r, &info, TARN_BYTES("tag-2-4")), 1);
    CU_ASSERT_EQUAL(tarn_reader_index_values(&r, &info, FIXTURE_INDEX_TAGS, &it), 0);
    while (tarn_reader_values_next(&it, &v) == 1)
        values++;
    tarn_reader_values_release(&it);
    CU_ASSERT_EQUAL(values, 3000 + 5 + 5 + 1 + 3);
    CU_ASSERT_EQUAL(tarn_check_region(&r, true, NULL, NULL), 0);
    fixture_end(&f, &r);
    obj = with_tags(1, 2, 8); /* and back to few */
    CU_ASSERT_EQUAL(tarn_store_update(f.store, obj, NULL), 0);
    tarn_object_unref(obj);
    commit(&f);
    fixture_begin(&f, &r);
    CU_ASSERT_EQUAL_FATAL(tarn_reader_resource(&r, TARN_BYTES("widgets"), &info), 0);
    CU_ASSERT_EQUAL(info.incomplete, 0);
    CU_ASSERT_EQUAL(count_by(&r, &info, TARN_BYTES("tag-1-1")), 1);
    CU_ASSERT_EQUAL(count_by(&r, &info, TARN_BYTES("tag-1-2")), 0);
    fixture_end(&f, &r);
    fixture_close(&f);
}

/* ---- the change log ----------------------------------------------------------------------------------------------- */

#define KEYS 300u

/* An informer in miniature: its state must equal the newer snapshot after each batch. */
struct follower {
    struct tarn_reader at;
    struct tarn_log_cursor cursor;
    unsigned v[KEYS]; /* 0: absent */
    unsigned overruns;
};

static unsigned key_number(const struct tarn_object *obj)
{
    return (unsigned)strtoul(strrchr(tarn_object_key(obj).data, '-') + 1, NULL, 10);
}

/* One object number changed between two snapshots: what happened, seen from both. */
static void apply_change(struct follower *w, const struct tarn_reader *next, uint32_t oid)
{
    const struct tarn_object *old = NULL, *new = NULL;
    int before = tarn_reader_by_oid(&w->at, oid, &old), after = tarn_reader_by_oid(next, oid, &new);

    CU_ASSERT_TRUE((before == 0 || before == TARN_E_NOTFOUND) && (after == 0 || after == TARN_E_NOTFOUND));
    if (!before) {
        CU_ASSERT_TRUE(after || key_number(new) == key_number(old)); /* a number means one object between two held snapshots */
        w->v[key_number(old)] = 0;
    }
    if (!after)
        w->v[key_number(new)] = fixture_uint(new, "spec.v");
}

static void follow(struct fixture *f, struct follower *w)
{
    struct tarn_log_change c;
    struct tarn_reader next;
    uint16_t store;
    uint32_t oids;
    int rc;

    fixture_begin(f, &next);
    while ((rc = tarn_log_next(&next, &w->cursor, &c)) == 1)
        if (c.store == f->id)
            apply_change(w, &next, c.oid);
    if (rc == TARN_E_GONE) { /* overrun: compare by object number */
        w->overruns++;
        CU_ASSERT_EQUAL(tarn_reader_oids(&next, &oids), 0);
        for (uint32_t oid = 0; oid < oids; oid++)
            if (tarn_reader_changed(&next, oid, w->at.seq, &store) == 1 && store == f->id)
                apply_change(w, &next, oid);
        rc = tarn_log_cursor_at(&next, &w->cursor);
    }
    CU_ASSERT_EQUAL(rc, 0);
    fixture_end(f, &w->at);
    w->at = next;
}

static void a_follower_of_the_log_loses_nothing(void)
{
    struct follower w = {0};
    unsigned model[KEYS] = {0}, version = 0;
    struct fixture f;
    uint64_t seed = 11;

    fixture_open_options(&f, &(struct tarn_writer_options){.budget_bytes = 16u << 20, .huge_pages = TARN_HUGE_PAGES_OFF, .log_entries = 256});
    fixture_begin(&f, &w.at);
    CU_ASSERT_EQUAL(tarn_log_cursor_at(&w.at, &w.cursor), 0);
    for (int batch = 0; batch < 600; batch++) {
        unsigned ops = (unsigned)fixture_rand(&seed) % (batch % 40 ? 60 : 700);

        for (unsigned i = 0; i < ops; i++) {
            unsigned k = (unsigned)(fixture_rand(&seed) >> 9) % KEYS;

            if (fixture_rand(&seed) % 3) {
                model[k] = ++version;
                put(&f, k, version);
            } else {
                model[k] = 0;
                CU_ASSERT_EQUAL(fixture_delete(&f, k), 0);
            }
            if (fixture_rand(&seed) % 20 == 0)
                commit(&f);
        }
        commit(&f);
        f.rt.now_ms += 7;
        (void)tarn_writer_collect(f.w);
        follow(&f, &w);
        CU_ASSERT_EQUAL(memcmp(w.v, model, sizeof model), 0);
    }
    CU_ASSERT_TRUE(w.overruns > 5);
    fixture_end(&f, &w.at);
    fixture_close(&f);
}

static void a_cursor_starts_behind_its_snapshot(void)
{
    struct tarn_log_cursor c;
    struct tarn_log_change change;
    struct tarn_reader old, new;
    struct fixture f;

    fixture_open(&f, 8u << 20);
    put(&f, 1, 1);
    commit(&f);
    fixture_begin(&f, &old);
    put(&f, 2, 1);
    commit(&f);
    put(&f, 3, 1); /* uncommitted */
    fixture_begin(&f, &new);
    CU_ASSERT_EQUAL(tarn_log_cursor_at(&old, &c), 0);
    CU_ASSERT_EQUAL(tarn_log_next(&old, &c, &change), 0); /* nothing up to the old snapshot */
    CU_ASSERT_EQUAL(tarn_log_next(&new, &c, &change), 1);
    CU_ASSERT_EQUAL(change.seq, new.seq);
    CU_ASSERT_EQUAL(tarn_log_next(&new, &c, &change), 0); /* the uncommitted one does not show */
    tarn_writer_abort(f.w);
    put(&f, 4, 1);
    commit(&f);
    fixture_end(&f, &new);
    fixture_begin(&f, &new);
    CU_ASSERT_EQUAL(tarn_log_next(&new, &c, &change), 1);
    CU_ASSERT_EQUAL(tarn_log_next(&new, &c, &change), 0);
    fixture_end(&f, &old);
    fixture_end(&f, &new);
    fixture_close(&f);
}

/* ---- verification ---------------------------------------------------------------------------------------------------- */

/* An image of a small region, to be broken at will. */
struct image {
    struct fixture f;
    char *bytes;
    struct tarn_region_view v;
};

static void image_make(struct image *im)
{
    fixture_open(&im->f, 8u << 20);
    for (unsigned k = 0; k < 40; k++)
        put(&im->f, k, k);
    commit(&im->f);
    im->bytes = calloc(1, (8u << 20) + TARN_OBJECT_BYTES_MAX);
    memcpy(im->bytes, tarn_writer_view(im->f.w)->base, 8u << 20);
    CU_ASSERT_EQUAL(tarn_region_view_of(im->bytes, 8u << 20, &im->v, NULL), 0);
}

static int image_check(struct image *im, struct tarn_error *err)
{
    struct tarn_reader r;

    tarn_reader_begin(&r, &im->v, NULL);
    return tarn_check_region(&r, true, NULL, err);
}

static struct tarn_region_header *header(struct image *im)
{
    return (struct tarn_region_header *)im->bytes;
}
static void *at(struct image *im, uint32_t ref)
{
    return im->bytes + ((uint64_t)ref << TARN_REGION_UNIT_SHIFT);
}
static uint32_t *head(struct image *im, uint32_t oid)
{
    return (uint32_t *)&((struct tarn_array *)at(im, header(im)->heads))->v[oid];
}
/* A used slot: of an object (node false) or an index value. */
static uint64_t *slot(struct image *im, bool node)
{
    struct tarn_table *t = at(im, header(im)->table);

    for (uint32_t i = 0; i < 1u << t->log2; i++) {
        uint32_t ref = (uint32_t)t->slot[i];

        if (ref > 1 && (tarn_link_kind(((struct tarn_link *)at(im, ref))->kind_nvid) == TARN_RECORD_NODE) == node &&
            (!node || ((struct tarn_link *)at(im, ref))->prev))
            return (uint64_t *)&t->slot[i];
    }
    return NULL;
}

static void break_record(struct image *im)
{
    ((char *)at(im, *head(im, 5)))[70] ^= 1;
}
static void break_head(struct image *im)
{
    *head(im, 5) = 0x7fffffff;
}
static void break_number(struct image *im)
{
    *head(im, 5) = *head(im, 6);
}
static void break_slot(struct image *im)
{
    *slot(im, false) ^= UINT64_C(1) << 40;
}
static void lose_key(struct image *im)
{
    *slot(im, false) = 1;
}
static void break_commit(struct image *im)
{
    header(im)->horizon = 1000;
}
static void break_log(struct image *im)
{
    ((struct tarn_log_ring *)at(im, header(im)->log))->entry[1].seq = 0;
}
static void break_table(struct image *im)
{
    ((struct tarn_table *)at(im, header(im)->table))->log2 = 30;
}
static void break_heads(struct image *im)
{
    ((struct tarn_array *)at(im, header(im)->heads))->cap = 0x7fffffff;
}
static struct tarn_array *posting(struct image *im)
{
    return at(im, ((struct tarn_link *)at(im, (uint32_t)*slot(im, true)))->prev);
}
static void break_posting(struct image *im)
{
    posting(im)->cap = 0x7fffffff;
}
static void lose_entry(struct image *im)
{
    posting(im)->n--;
}
static void double_entry(struct image *im)
{
    posting(im)->v[0] = posting(im)->v[1];
}
static void break_count(struct image *im)
{
    /* the resource's own record: its objects field, with a right checksum again */
    for (uint32_t oid = 0; oid < 41; oid++) {
        struct tarn_link *l = at(im, *head(im, oid));
        struct tarn_blob_head *b = (struct tarn_blob_head *)(l + 1);
        unsigned char *p = (unsigned char *)b;
        uint32_t crc = ~0u;

        if (l->store)
            continue;
        p[8 + ((b->klen + 8) & ~7u) + 16]++;
        for (uint32_t i = 0; i < b->size; i++) {
            crc ^= p[i];
            for (int bit = 0; bit < 8; bit++)
                crc = crc & 1 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
        }
        l->crc = ~crc;
    }
}

static void each_broken_rule_is_named(void)
{
    static const struct {
        void (*breaks)(struct image *);
        const char *rule, *or_rule;
    } rows[] = {
        {break_record, "'record-checksum'", "'record-"}, {break_head, "'reference'", ""},       {break_number, "'object-number'", ""},
        {break_slot, "'table-lookup'", "'slot-tag'"},    {lose_key, "'table-lookup'", ""},       {break_commit, "'commit'", ""},
        {break_log, "'log-order'", ""},                  {break_table, "'table-", ""},           {break_heads, "'heads-extent'", ""},
        {break_posting, "'posting-extent'", ""},         {lose_entry, "'index-complete'", ""},   {double_entry, "'posting-twice'", ""},
        {break_count, "'resource-count'", ""},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tarn_error err = {0};
        struct image im;

        image_make(&im);
        CU_ASSERT_EQUAL(image_check(&im, &err), 0);
        rows[i].breaks(&im);
        CU_ASSERT_NOT_EQUAL(image_check(&im, &err), 0);
        if (!strstr(err.message, rows[i].rule) && !(*rows[i].or_rule && strstr(err.message, rows[i].or_rule))) {
            fprintf(stderr, "row %zu: %s\n", i, err.message);
            CU_FAIL("another rule was named");
        }
        free(im.bytes);
        fixture_close(&im.f);
    }
}

/* ---- tombstones ------------------------------------------------------------------------------------------ */

static uint32_t number_of(const struct tarn_reader *r, uint16_t store, unsigned k)
{
    const struct tarn_object *obj;
    char key[64];

    CU_ASSERT_EQUAL_FATAL(tarn_reader_get(r, store, fixture_key_bytes(key, k), &obj), 0);
    return ((const struct tarn_link *)(const void *)obj - 1)->oid;
}

static void delete_at(struct fixture *f, unsigned k, unsigned rv)
{
    const struct tarn_object *obj = fixture_make(&(struct fixture_object){.k = k, .rv = rv});

    CU_ASSERT_EQUAL(tarn_store_delete(f->store, obj, NULL), 0);
    tarn_object_unref(obj);
}

/* A list at version 90 with objects 4 and 5 of six; 5 was deleted, at 80, while the list was streamed. */
static void replace_with_two(struct fixture *f)
{
    CU_ASSERT_EQUAL(f->store->ops->replace_begin(f->store, NULL), 0);
    for (unsigned k = 4; k < 6; k++) {
        const struct tarn_object *obj = fixture_make(&(struct fixture_object){.k = k, .v = 2, .rv = 70 + k}), *gone = fixture_make(&(struct fixture_object){.k = 5, .rv = 80});

        CU_ASSERT_EQUAL(f->store->ops->replace_add(f->store, obj, NULL), 0);
        if (k == 5)
            CU_ASSERT_EQUAL(f->store->ops->replace_remove(f->store, gone, NULL), 0);
        tarn_object_unref(obj);
        tarn_object_unref(gone);
    }
    CU_ASSERT_EQUAL(f->store->ops->replace_commit(f->store, TARN_BYTES("90"), NULL), 0);
}

/* Of a watch's DELETED, of a list that has it no more, and of a streamed list; to readers of that moment only. */
static void a_deletion_tells_its_resource_version(void)
{
    static const uint64_t versions[] = {50, 0, 90, 90, 0, 80};
    struct tarn_reader before, after;
    uint32_t oid[6];
    uint64_t version;
    struct fixture f;

    fixture_open(&f, 8u << 20);
    for (unsigned k = 0; k < 6; k++)
        CU_ASSERT_EQUAL(fixture_put(&f, &(struct fixture_object){.k = k, .v = 1, .rv = 10 + k}), 0);
    commit(&f);
    fixture_begin(&f, &before);
    for (unsigned k = 0; k < 6; k++)
        oid[k] = number_of(&before, f.id, k);
    delete_at(&f, 0, 50);
    CU_ASSERT_EQUAL(fixture_delete(&f, 1), 0); /* by its key only */
    commit(&f);
    replace_with_two(&f);
    fixture_begin(&f, &after);
    for (unsigned k = 0; k < 6; k++) {
        int rc = tarn_reader_deleted_version(&after, oid[k], &version);

        CU_ASSERT_EQUAL(rc, k == 4 ? TARN_E_NOTFOUND : 0);
        if (!rc)
            CU_ASSERT_EQUAL(version, versions[k]);
        CU_ASSERT_EQUAL(tarn_reader_deleted_version(&before, oid[k], &version), TARN_E_NOTFOUND);
    }
    CU_ASSERT_EQUAL(tarn_reader_deleted_version(&after, 1u << 20, &version), TARN_E_NOTFOUND);
    CU_ASSERT_EQUAL(tarn_check_region(&after, true, NULL, NULL), 0);
    fixture_end(&f, &before);
    fixture_end(&f, &after);
    fixture_settle(&f);
    fixture_begin(&f, &after);
    CU_ASSERT_EQUAL(tarn_reader_deleted_version(&after, oid[0], &version), TARN_E_NOTFOUND); /* swept */
    fixture_end(&f, &after);
    fixture_close(&f);
}

TARN_TEST_MAIN("reader", TARN_TEST(get_many_finds_what_get_finds), TARN_TEST(a_walk_that_fetches_ahead_gives_the_same_objects), TARN_TEST(strange_keys_and_stores_are_not_found),
               TARN_TEST(an_unknown_index_is_an_error_an_unknown_value_is_empty), TARN_TEST(a_copy_is_validated_and_outlives_the_snapshot),
               TARN_TEST(an_unpinned_reader_expires_with_the_horizon), TARN_TEST(long_values_are_found_whole),
               TARN_TEST(too_many_values_make_the_index_slower_not_wrong), TARN_TEST(a_follower_of_the_log_loses_nothing),
               TARN_TEST(a_cursor_starts_behind_its_snapshot), TARN_TEST(each_broken_rule_is_named),
               TARN_TEST(a_deletion_tells_its_resource_version))
