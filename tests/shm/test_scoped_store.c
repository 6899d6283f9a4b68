/* Several stores of one resource, one for each namespace: changes and Replaces of each, staged across each other, against the
 * simplest model. What one namespace's list does not name is deleted there and nowhere else. */
#include "region_fixture.h"

#define KEYS 210u

struct scope {
    struct tarn_store *store;
    bool replacing;
    unsigned staged[KEYS]; /* version, 0: not in the list; only keys of this namespace */
};
struct world {
    struct fixture f;
    struct scope scopes[FIXTURE_NAMESPACES];
    unsigned live[KEYS]; /* version, 0: not there */
    unsigned version;
    uint64_t seed;
};

static unsigned pick(struct world *x, unsigned n)
{
    return (unsigned)(fixture_rand(&x->seed) >> 11) % n;
}

static void open_world(struct world *x, uint64_t seed)
{
    memset(x, 0, sizeof *x);
    x->seed = seed * 77777;
    fixture_open(&x->f, 32u << 20);
    tarn_store_free(x->f.store); /* the whole resource's: the scoped ones take its place */
    x->f.store = NULL;
    for (unsigned n = 0; n < FIXTURE_NAMESPACES; n++) {
        char ns[8];
        struct tarn_error err;

        (void)sprintf(ns, "ns%u", n);
        CU_ASSERT_EQUAL_FATAL(tarn_region_store_new_scoped(x->f.w, x->f.id, ns, &x->scopes[n].store, &err), 0);
    }
}

static void close_world(struct world *x)
{
    for (unsigned n = 0; n < FIXTURE_NAMESPACES; n++)
        tarn_store_free(x->scopes[n].store);
    fixture_close(&x->f);
}

static void change(struct world *x, unsigned k)
{
    struct scope *s = &x->scopes[k % FIXTURE_NAMESPACES];
    const struct tarn_object *obj = fixture_make(&(struct fixture_object){.k = k, .v = ++x->version, .app = 1 + k % 3, .rv = x->version});
    bool put = pick(x, 3) != 0;
    int rc = put ? tarn_store_update(s->store, obj, NULL) : tarn_store_delete(s->store, obj, NULL);

    CU_ASSERT_EQUAL(rc, s->replacing ? TARN_E_AGAIN : 0);
    if (!rc)
        x->live[k] = put ? x->version : 0;
    tarn_object_unref(obj);
}

static void stage(struct world *x, unsigned n)
{
    struct scope *s = &x->scopes[n];
    unsigned k = n + FIXTURE_NAMESPACES * pick(x, KEYS / FIXTURE_NAMESPACES);
    /* a third of what is staged is what is there already, byte for byte */
    unsigned v = x->live[k] && !pick(x, 3) ? x->live[k] : ++x->version;
    const struct tarn_object *obj = fixture_make(&(struct fixture_object){.k = k, .v = v, .app = 1 + k % 3, .rv = v});

    CU_ASSERT_EQUAL(s->store->ops->replace_add(s->store, obj, NULL), 0);
    s->staged[k] = v;
    tarn_object_unref(obj);
}

static void replace_step(struct world *x, unsigned n)
{
    struct scope *s = &x->scopes[n];

    if (!s->replacing) {
        CU_ASSERT_EQUAL(s->store->ops->replace_begin(s->store, NULL), 0);
        memset(s->staged, 0, sizeof s->staged);
        s->replacing = true;
    } else if (pick(x, 12)) {
        stage(x, n);
    } else if (pick(x, 4)) {
        CU_ASSERT_EQUAL(s->store->ops->replace_commit(s->store, TARN_BYTES("7"), NULL), 0);
        for (unsigned k = n; k < KEYS; k += FIXTURE_NAMESPACES)
            x->live[k] = s->staged[k];
        s->replacing = false;
    } else {
        s->store->ops->replace_abort(s->store);
        s->replacing = false;
    }
}

/* A snapshot and each store's own list show the model. */
static void check(struct world *x)
{
    unsigned per[FIXTURE_NAMESPACES] = {0};
    struct tarn_reader r;

    fixture_begin(&x->f, &r);
    for (unsigned k = 0; k < KEYS; k++) {
        const struct tarn_object *obj;
        char key[64];
        int rc = tarn_reader_get(&r, x->f.id, fixture_key_bytes(key, k), &obj);

        CU_ASSERT_EQUAL(rc, x->live[k] ? 0 : TARN_E_NOTFOUND);
        if (!rc)
            CU_ASSERT_EQUAL(fixture_uint(obj, "spec.v"), x->live[k]);
        per[k % FIXTURE_NAMESPACES] += x->live[k] != 0;
    }
    fixture_end(&x->f, &r);
    for (unsigned n = 0; n < FIXTURE_NAMESPACES; n++) {
        struct tarn_keys keys = {0};
        struct tarn_objects objs = {0};

        CU_ASSERT_EQUAL(tarn_store_list_keys(x->scopes[n].store, &keys), 0);
        CU_ASSERT_EQUAL(tarn_store_list(x->scopes[n].store, &objs), 0);
        CU_ASSERT(keys.n == per[n] && objs.n == per[n]);
        tarn_keys_release(&keys);
        tarn_objects_release(&objs);
    }
}

static void each_namespace_is_replaced_by_itself(void)
{
    static struct world x;

    for (uint64_t seed = 1; seed < 6; seed++) {
        open_world(&x, seed);
        for (unsigned i = 0; i < 20000; i++) {
            if (pick(&x, 3))
                replace_step(&x, pick(&x, FIXTURE_NAMESPACES));
            else
                change(&x, pick(&x, KEYS));
            if (pick(&x, 40) == 0)
                CU_ASSERT_EQUAL(tarn_writer_commit(x.f.w, NULL), 0);
            if (pick(&x, 100) == 0)
                fixture_settle(&x.f);
            if (i % 500 == 0) {
                CU_ASSERT_EQUAL(tarn_writer_commit(x.f.w, NULL), 0);
                check(&x);
            }
        }
        close_world(&x);
    }
}

static void what_is_not_its_own_is_refused(void)
{
    static struct world x;
    const struct tarn_object *obj;
    struct tarn_store *s, *whole;
    struct tarn_error err = {0};

    open_world(&x, 1);
    s = x.scopes[1].store;
    obj = fixture_make(&(struct fixture_object){.k = 2, .v = 1}); /* in ns2 */
    CU_ASSERT_EQUAL(tarn_store_add(s, obj, &err), TARN_E_KEY);
    CU_ASSERT(strstr(err.message, "'ns2/obj-2' is not in namespace 'ns1'") != NULL);
    CU_ASSERT_EQUAL(tarn_store_delete(s, obj, &err), TARN_E_KEY);
    CU_ASSERT_EQUAL(s->ops->replace_begin(s, &err), 0);
    CU_ASSERT_EQUAL(s->ops->replace_add(s, obj, &err), TARN_E_KEY);
    CU_ASSERT(s->ops->replace_remove(s, obj, &err) < 0);
    s->ops->replace_abort(s);
    tarn_object_unref(obj);
    CU_ASSERT_EQUAL(tarn_region_store_new(x.f.w, x.f.id, &whole, &err), TARN_E_INVAL);
    CU_ASSERT_EQUAL(tarn_writer_remove_resource(x.f.w, x.f.id, &err), TARN_E_INVAL); /* stores are in use */
    close_world(&x);
}

TARN_TEST_MAIN("scoped_store", TARN_TEST(each_namespace_is_replaced_by_itself), TARN_TEST(what_is_not_its_own_is_refused))
