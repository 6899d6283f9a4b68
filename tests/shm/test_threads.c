/* Readers and the writer as threads over one mapping, so that ThreadSanitizer sees every address both touch.
 * Pinned readers must never see a torn or a wrong object; validating (copying) readers without a pin must never accept one.
 */
/* tarn-test: threads */
#include <pthread.h>

#include "region_fixture.h"

#define KEYS 200u
#define READERS 3

struct thread {
    pthread_t t;
    struct fixture *f;
    struct tarn_pin_line *line; /* NULL: no pin */
    uint64_t seed, reads, wrong, expired;
};
static _Atomic int stop;

static bool whole(const struct tarn_object *obj)
{
    return fixture_uint(obj, "spec.v") == fixture_uint(obj, "spec.check");
}

/* Count by index must sum up to the list: every object has exactly one namespace. */
static void check_sums(struct thread *t, const struct tarn_reader *r)
{
    struct tarn_resource_info info;
    const struct tarn_object *obj;
    struct tarn_reader_iter it;
    unsigned listed = 0, indexed = 0;
    char ns[16];

    if (tarn_reader_resource(r, TARN_BYTES("widgets"), &info) || tarn_reader_list(r, info.store, &it)) {
        t->wrong++;
        return;
    }
    while (tarn_reader_next(&it, &obj) == 1)
        listed += whole(obj);
    for (unsigned n = 0; n < FIXTURE_NAMESPACES; n++) {
        (void)snprintf(ns, sizeof ns, "ns%u", n);
        if (tarn_reader_by_index(r, &info, FIXTURE_INDEX_NAMESPACE, tarn_bytes_of(ns), &it))
            t->wrong++;
        while (tarn_reader_next(&it, &obj) == 1)
            indexed++;
    }
    t->wrong += listed != indexed || listed != info.objects;
}

static void *pinned(void *arg)
{
    struct thread *t = arg;
    char key[64];

    while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
        const struct tarn_object *obj;
        struct tarn_reader r;

        tarn_reader_begin(&r, tarn_writer_view(t->f->w), t->line);
        for (int i = 0; i < 20; i++) {
            unsigned k = (unsigned)(fixture_rand(&t->seed) >> 9) % KEYS;
            int rc = tarn_reader_get(&r, t->f->id, fixture_key_bytes(key, k), &obj);

            t->wrong += rc ? rc != TARN_E_NOTFOUND : !whole(obj);
            t->reads++;
        }
        if (fixture_rand(&t->seed) % 8 == 0)
            check_sums(t, &r);
        t->wrong += tarn_reader_check(&r) != 0; /* a pin that is honoured is never told "expired" */
        tarn_reader_end(&r);
    }
    return NULL;
}

static void *validating(void *arg)
{
    struct thread *t = arg;
    char key[64];

    while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
        const struct tarn_object *obj, *copy;
        struct tarn_reader r;
        int rc;

        tarn_reader_begin(&r, tarn_writer_view(t->f->w), NULL);
        rc = tarn_reader_get(&r, t->f->id, fixture_key_bytes(key, (unsigned)(fixture_rand(&t->seed) >> 9) % KEYS), &obj);
        if (!rc)
            rc = tarn_reader_copy(&r, obj, &copy);
        if (!rc) {
            t->wrong += !whole(copy);
            tarn_object_unref(copy);
        }
        t->reads++;
        t->expired += rc == TARN_E_EXPIRED;
        t->wrong += rc && rc != TARN_E_EXPIRED && rc != TARN_E_NOTFOUND;
        tarn_reader_end(&r);
    }
    return NULL;
}

static void write_some(struct fixture *f, uint64_t *seed, unsigned i)
{
    unsigned k = (unsigned)(fixture_rand(seed) >> 9) % KEYS;

    if (fixture_rand(seed) % 8) {
        CU_ASSERT_EQUAL(fixture_put(f, &(struct fixture_object){.k = k, .v = i, .app = i % 5, .tags = i % 16, .pad = i % 300}), 0);
    } else {
        CU_ASSERT_EQUAL(fixture_delete(f, k), 0);
    }
    if (i % 3 == 0)
        CU_ASSERT_EQUAL(tarn_writer_commit(f->w, NULL), 0);
    if (i % 5 == 0) {
        f->rt.now_ms += 11; /* quarantine passes at once: reuse as early as it can be */
        (void)tarn_writer_collect(f->w);
    }
}

static void replace_all(struct fixture *f, unsigned v)
{
    CU_ASSERT_EQUAL(f->store->ops->replace_begin(f->store, NULL), 0);
    for (unsigned k = v % 3; k < KEYS; k += 2) {
        const struct tarn_object *obj = fixture_make(&(struct fixture_object){.k = k, .v = v, .app = v % 5});

        CU_ASSERT_EQUAL(f->store->ops->replace_add(f->store, obj, NULL), 0);
        tarn_object_unref(obj);
    }
    CU_ASSERT_EQUAL(f->store->ops->replace_commit(f->store, TARN_BYTES("1"), NULL), 0);
}

static void readers_and_the_writer_share_one_mapping(void)
{
    struct thread t[READERS] = {0};
    struct fixture f;
    uint64_t seed = 17;
    unsigned ops = getenv("TEST_LONG") ? 1000000 : 15000;

    fixture_open(&f, 8u << 20);
    for (int i = 0; i < READERS; i++) {
        t[i] = (struct thread){.f = &f, .seed = 100u + (unsigned)i};
        if (i != READERS - 1)
            CU_ASSERT_EQUAL_FATAL(tarn_pin_claim(f.page, &t[i].line), 0);
        pthread_create(&t[i].t, NULL, i == READERS - 1 ? validating : pinned, &t[i]);
    }
    for (unsigned i = 1; i <= ops; i++) {
        write_some(&f, &seed, i);
        if (i % 3000 == 0)
            replace_all(&f, i);
    }
    atomic_store(&stop, 1);
    for (int i = 0; i < READERS; i++) {
        pthread_join(t[i].t, NULL);
        CU_ASSERT_TRUE(t[i].reads > 0);
        CU_ASSERT_EQUAL(t[i].wrong, 0);
    }
    fixture_close(&f);
}

TARN_TEST_MAIN("threads", TARN_TEST(readers_and_the_writer_share_one_mapping))
