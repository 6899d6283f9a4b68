/* The region store and its snapshots against the simplest model: an array of objects, copied whole for each snapshot held.
 * Rows S-1 to S-9, S-12 where they apply to a store with commits. */
#include "region_fixture.h"

#define KEYS 500u
#define HELD 6u

struct model_entry {
    bool present;
    struct fixture_object o;
};
struct model {
    struct model_entry e[KEYS];
};
struct held {
    bool open;
    struct tarn_reader r;
    struct model m;
};
struct world {
    struct fixture f;
    struct model committed, open;
    struct held held[HELD];
    uint64_t seed;
    unsigned version;
    bool replacing;
    struct model staged;
    unsigned wrong;
};

static unsigned pick(struct world *x, unsigned n)
{
    return (unsigned)(fixture_rand(&x->seed) >> 11) % n;
}

#define EXPECT(x, cond)                                                                     \
    do {                                                                                    \
        if (!(cond) && (x)->wrong++ < 10)                                                   \
            fprintf(stderr, "%s:%d: wrong: %s\n", __FILE__, __LINE__, #cond);               \
    } while (0)

static struct fixture_object random_object(struct world *x, unsigned k)
{
    struct fixture_object o = {.k = k, .v = ++x->version, .app = pick(x, FIXTURE_APPS), .tags = pick(x, 1u << FIXTURE_TAGS), .pad = pick(x, 20) ? pick(x, 60) : pick(x, 3000)};

    o.rv = pick(x, 8) ? x->version : 0;
    return o;
}

static bool object_is(const struct tarn_object *obj, const struct fixture_object *o)
{
    char key[64];

    return tarn_bytes_equal(tarn_object_key(obj), fixture_key_bytes(key, o->k)) && fixture_uint(obj, "spec.v") == o->v &&
           fixture_uint(obj, "spec.check") == o->v;
}

/* ---- checking a snapshot against its model --------------------------------------------------------------------- */

static void check_key(struct world *x, const struct tarn_reader *r, const struct model *m, unsigned k)
{
    const struct tarn_object *obj = NULL;
    char key[64];
    int rc = tarn_reader_get(r, x->f.id, fixture_key_bytes(key, k), &obj);

    EXPECT(x, rc == (m->e[k].present ? 0 : TARN_E_NOTFOUND));
    if (!rc && m->e[k].present)
        EXPECT(x, object_is(obj, &m->e[k].o));
}

/* A walk must tell each object of the model that `wanted` selects exactly once. */
static void check_walk(struct world *x, struct tarn_reader_iter *it, const struct model *m, bool (*wanted)(const struct fixture_object *, unsigned), unsigned arg)
{
    static unsigned char seen[KEYS];
    const struct tarn_object *obj;
    int rc;

    memset(seen, 0, sizeof seen);
    while ((rc = tarn_reader_next(it, &obj)) == 1) {
        unsigned k = (unsigned)strtoul(strrchr(tarn_object_key(obj).data, '-') + 1, NULL, 10);

        EXPECT(x, k < KEYS && !seen[k] && m->e[k].present && object_is(obj, &m->e[k].o) && wanted(&m->e[k].o, arg));
        if (k < KEYS)
            seen[k] = 1;
    }
    EXPECT(x, rc == 0);
    for (unsigned k = 0; k < KEYS; k++)
        EXPECT(x, seen[k] == (m->e[k].present && wanted(&m->e[k].o, arg)));
}

static bool any(const struct fixture_object *o, unsigned arg)
{
    (void)o;
    (void)arg;
    return true;
}
static bool has_app(const struct fixture_object *o, unsigned app)
{
    return o->app == app;
}
static bool has_tag(const struct fixture_object *o, unsigned tag)
{
    return o->tags >> tag & 1;
}
static bool in_namespace(const struct fixture_object *o, unsigned ns)
{
    return o->k % FIXTURE_NAMESPACES == ns;
}

static void check_index(struct world *x, const struct tarn_reader *r, const struct model *m, const struct tarn_resource_info *info, unsigned index, const char *prefix, unsigned arg, bool (*wanted)(const struct fixture_object *, unsigned))
{
    struct tarn_reader_iter it;
    char value[32];

    (void)snprintf(value, sizeof value, "%s%u", prefix, arg);
    EXPECT(x, !tarn_reader_by_index(r, info, index, tarn_bytes_of(value), &it));
    check_walk(x, &it, m, wanted, arg);
}

static void check_values(struct world *x, const struct tarn_reader *r, const struct model *m, const struct tarn_resource_info *info, unsigned index, const char *prefix, unsigned n, bool (*wanted)(const struct fixture_object *, unsigned))
{
    unsigned want = 0, got = 0;
    struct tarn_reader_values it;
    struct tarn_bytes v;
    int rc;

    EXPECT(x, !tarn_reader_index_values(r, info, index, &it));
    while ((rc = tarn_reader_values_next(&it, &v)) == 1) {
        unsigned arg = (unsigned)strtoul(v.data + strlen(prefix), NULL, 10);

        EXPECT(x, v.len > strlen(prefix) && arg < n && !(got >> arg & 1));
        got |= 1u << arg;
    }
    EXPECT(x, rc == 0);
    tarn_reader_values_release(&it);
    for (unsigned arg = 0; arg < n; arg++)
        for (unsigned k = 0; k < KEYS; k++)
            if (m->e[k].present && wanted(&m->e[k].o, arg))
                want |= 1u << arg;
    if (wanted == has_app)
        want &= ~1u;
    EXPECT(x, want == got);
}

static uint64_t model_count(const struct model *m)
{
    uint64_t n = 0;

    for (unsigned k = 0; k < KEYS; k++)
        n += m->e[k].present;
    return n;
}

static void check_all(struct world *x, const struct tarn_reader *r, const struct model *m)
{
    struct tarn_resource_info info;
    struct tarn_reader_iter it;

    EXPECT(x, !tarn_reader_resource(r, TARN_BYTES("widgets"), &info));
    EXPECT(x, info.objects == model_count(m));
    for (unsigned k = 0; k < KEYS; k++)
        check_key(x, r, m, k);
    EXPECT(x, !tarn_reader_list(r, x->f.id, &it));
    check_walk(x, &it, m, any, 0);
    for (unsigned app = 1; app < FIXTURE_APPS; app++)
        check_index(x, r, m, &info, FIXTURE_INDEX_APP, "app-", app, has_app);
    for (unsigned tag = 0; tag < FIXTURE_TAGS; tag++)
        check_index(x, r, m, &info, FIXTURE_INDEX_TAGS, "t", tag, has_tag);
    check_index(x, r, m, &info, FIXTURE_INDEX_NAMESPACE, "ns", pick(x, FIXTURE_NAMESPACES), in_namespace);
    check_values(x, r, m, &info, FIXTURE_INDEX_APP, "app-", FIXTURE_APPS, has_app);
    check_values(x, r, m, &info, FIXTURE_INDEX_TAGS, "t", FIXTURE_TAGS, has_tag);
    EXPECT(x, !tarn_reader_check(r));
}

/* ---- operations --------------------------------------------------------------------------------------------------- */

static void do_put(struct world *x)
{
    unsigned k = pick(x, KEYS);
    struct fixture_object o = random_object(x, k);
    int rc;

    if (x->open.e[k].present && !pick(x, 6))
        o = x->open.e[k].o; /* the same again */
    rc = fixture_put(&x->f, &o);
    EXPECT(x, rc == (x->replacing ? TARN_E_AGAIN : 0));
    if (!rc)
        x->open.e[k] = (struct model_entry){.present = true, .o = o};
}

static void do_delete(struct world *x)
{
    unsigned k = pick(x, KEYS);
    int rc = fixture_delete(&x->f, k);

    EXPECT(x, rc == (x->replacing ? TARN_E_AGAIN : 0));
    if (!rc)
        x->open.e[k].present = false;
}

static void do_commit(struct world *x)
{
    EXPECT(x, !tarn_writer_commit(x->f.w, NULL));
    x->committed = x->open;
}

static void do_abort(struct world *x)
{
    tarn_writer_abort(x->f.w);
    x->open = x->committed;
}

static void replace_begin(struct world *x)
{
    EXPECT(x, !x->f.store->ops->replace_begin(x->f.store, NULL));
    x->committed = x->open;
    memset(&x->staged, 0, sizeof x->staged);
    x->replacing = true;
}

static void replace_add(struct world *x)
{
    unsigned k = pick(x, KEYS);
    struct fixture_object o = random_object(x, k);
    const struct tarn_object *obj;

    if (x->open.e[k].present && pick(x, 2))
        o = x->open.e[k].o;
    obj = fixture_make(&o);
    if (x->staged.e[k].present && !pick(x, 3)) {
        EXPECT(x, !x->f.store->ops->replace_remove(x->f.store, obj, NULL));
        x->staged.e[k].present = false;
    } else {
        EXPECT(x, !x->f.store->ops->replace_add(x->f.store, obj, NULL));
        x->staged.e[k] = (struct model_entry){.present = true, .o = o};
    }
    tarn_object_unref(obj);
}

static void replace_end(struct world *x)
{
    struct tarn_error err = {0};
    int rc;

    x->replacing = false;
    if (!pick(x, 5)) {
        x->f.store->ops->replace_abort(x->f.store);
        return;
    }
    /* what was open is committed by itself first */
    do
        rc = tarn_region_store_replace_apply(x->f.store, TARN_BYTES("77"), NULL, 1, &err);
    while (rc == 1 && (pick(x, 4) || tarn_writer_collect(x->f.w) || true));
    EXPECT(x, rc == 0);
    if (rc)
        fprintf(stderr, "replace: %s\n", err.message);
    x->open = x->committed = x->staged;
}

static void do_replace(struct world *x)
{
    if (!x->replacing)
        replace_begin(x);
    else if (pick(x, 150))
        replace_add(x);
    else
        replace_end(x);
}

static void do_snapshot(struct world *x)
{
    struct held *h = &x->held[pick(x, HELD)];

    if (h->open) {
        check_all(x, &h->r, &h->m);
        fixture_end(&x->f, &h->r);
    } else {
        fixture_begin(&x->f, &h->r);
        h->m = x->committed;
    }
    h->open = !h->open;
}

static void do_peek(struct world *x)
{
    struct held *h = &x->held[pick(x, HELD)];

    if (h->open)
        check_key(x, &h->r, &h->m, pick(x, KEYS));
}

static void do_collect(struct world *x)
{
    x->f.rt.now_ms += pick(x, 20);
    (void)tarn_writer_collect(x->f.w);
}

static void step(struct world *x)
{
    unsigned what = pick(x, 1000);

    if (what < 420)
        do_put(x);
    else if (what < 560)
        do_delete(x);
    else if (what < 700)
        do_commit(x);
    else if (what < 702)
        do_abort(x);
    else if (what < 800)
        do_replace(x);
    else if (what < 802)
        do_snapshot(x);
    else if (what < 900)
        do_peek(x);
    else
        do_collect(x);
}

static void run_world(uint64_t seed, unsigned ops, uint64_t budget)
{
    struct world *x = calloc(1, sizeof *x);
    struct tarn_check_report report;
    struct tarn_error err = {0};
    struct tarn_reader r;

    fixture_open(&x->f, budget);
    x->seed = seed * 0x9e3779b97f4a7c15ull + 1;
    for (unsigned i = 0; i < ops && !x->wrong; i++)
        step(x);
    for (unsigned i = 0; i < HELD; i++)
        if (x->held[i].open) {
            check_all(x, &x->held[i].r, &x->held[i].m);
            fixture_end(&x->f, &x->held[i].r);
        }
    if (x->replacing)
        x->f.store->ops->replace_abort(x->f.store);
    do_commit(x);
    fixture_begin(&x->f, &r);
    check_all(x, &r, &x->committed);
    EXPECT(x, !tarn_check_region(&r, true, &report, &err));
    if (err.code)
        fprintf(stderr, "%s\n", err.message);
    fixture_end(&x->f, &r);
    CU_ASSERT_EQUAL(x->wrong, 0);
    fixture_close(&x->f);
    free(x);
}

/* 1,000,000 operations with up to six snapshots held at different commits. */
static void a_million_operations_agree_with_the_model(void)
{
    run_world(1, 1000000, 32u << 20);
}

static void other_seeds_agree_too(void)
{
    for (uint64_t seed = 2; seed < 8; seed++)
        run_world(seed, 30000, 32u << 20);
}

TARN_TEST_MAIN("region_store", TARN_TEST(other_seeds_agree_too), TARN_TEST(a_million_operations_agree_with_the_model))
