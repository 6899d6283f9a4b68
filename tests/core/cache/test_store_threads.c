/* Stores under many writers and readers: every read sees one state, and what a list holds stays. */
/* tarn-test: threads */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <tarn/cache.h>
#include <tarn/undelta_store.h>

#include "cache_fixture.h"
#include "fake_runtime.h"
#include "tarn_test.h"

#define WRITERS 3
#define READERS 3
#define PAIRS 32
#define OPS_EACH 6000

/*
 * Pairs of keys l<i> and r<i> that change only together, by a transaction or a replace: both are there with the same version, or
 * neither. So any read of one state can be checked.
 */
struct arena {
    struct tarn_indexer *x;
    struct tarn_store *s;
    const struct tarn_object *objs[PAIRS][2][2]; /* [pair][version][left, right] */
    _Atomic size_t wrong;
    _Atomic bool stop;
};

struct worker {
    struct arena *a;
    pthread_t thread;
    uint64_t seed;
};

static void complain_if(struct arena *a, bool wrong)
{
    if (wrong)
        atomic_fetch_add(&a->wrong, 1);
}

static void *writer(void *arg)
{
    struct worker *w = arg;
    struct arena *a = w->a;

    for (int i = 0; i < OPS_EACH; i++) {
        uint64_t pair = fake_random(&w->seed) % PAIRS, version = fake_random(&w->seed) % 2, what = fake_random(&w->seed) % 20;
        const struct tarn_object *const *both = a->objs[pair][version];
        enum tarn_txn_type type = what < 6 ? TARN_TXN_DELETE : TARN_TXN_UPDATE;
        struct tarn_txn txns[] = {{type, both[0]}, {type, both[1]}};

        if (what < 19)
            complain_if(a, tarn_cache_transaction(a->x, txns, 2, NULL, NULL) != 0);
        else
            complain_if(a, tarn_store_replace(a->s, both, 2, TARN_BYTES("3"), NULL) != 0);
    }
    return NULL;
}

/* The version of each side in a list; 0: not there. */
static void check_pairs(struct arena *a, const struct tarn_objects *l)
{
    uint64_t seen[PAIRS][2] = {{0}};

    for (size_t i = 0; i < l->n; i++) {
        struct tarn_bytes name = tarn_object_name(l->v[i]);
        int pair = atoi(name.data + 1);

        seen[pair][name.data[0] == 'r'] = tarn_object_resource_version(l->v[i]);
    }
    for (int p = 0; p < PAIRS; p++)
        complain_if(a, seen[p][0] != seen[p][1]);
}

static void read_once(struct worker *w, struct tarn_objects *held)
{
    struct arena *a = w->a;
    const struct tarn_object *obj;
    struct tarn_objects l = {0};
    char key[16];

    switch (fake_random(&w->seed) % 4) {
    case 0: /* S-6: one state; and the list of before is as it was */
        complain_if(a, tarn_store_list(a->s, &l) != 0);
        check_pairs(a, &l);
        check_pairs(a, held);
        tarn_objects_release(held);
        *held = l;
        break;
    case 1: /* index and objects agree: both labels have the same number of objects */
        complain_if(a, tarn_indexer_by_index(a->x, "namespace", TARN_BYTES("n"), &l, NULL) != 0);
        check_pairs(a, &l);
        tarn_objects_release(&l);
        break;
    case 2:
        complain_if(a, tarn_indexer_by_index(a->x, "label:version", TARN_BYTES("v1"), &l, NULL) != 0);
        check_pairs(a, &l);
        for (size_t i = 0; i < l.n; i++)
            complain_if(a, tarn_object_resource_version(l.v[i]) != 1);
        tarn_objects_release(&l);
        break;
    default:
        snprintf(key, sizeof key, "n/l%d", (int)(fake_random(&w->seed) % PAIRS));
        if (tarn_store_get_by_key(a->s, tarn_bytes_of(key), &obj, NULL) == 0) {
            complain_if(a, !tarn_bytes_equal(tarn_object_key(obj), tarn_bytes_of(key)));
            tarn_object_unref(obj);
        }
    }
}

static void *reader(void *arg)
{
    struct worker *w = arg;
    struct tarn_objects held = {0};

    while (!atomic_load(&w->a->stop))
        read_once(w, &held);
    tarn_objects_release(&held);
    return NULL;
}

static void *asker_of_indexes(void *arg)
{
    struct worker *w = arg;

    for (int i = 0; i < 100 && !atomic_load(&w->a->stop); i++) {
        struct tarn_keys names = {0};

        complain_if(w->a, tarn_indexer_indexers(w->a->x, &names) != 0 || names.n != 2);
        tarn_keys_release(&names);
        names = (struct tarn_keys){0};
        complain_if(w->a, tarn_indexer_list_index_values(w->a->x, "label:version", &names) != 0);
        tarn_keys_release(&names);
    }
    return NULL;
}

static void make_objects(struct arena *a)
{
    char word[64];

    for (int p = 0; p < PAIRS; p++)
        for (int v = 0; v < 2; v++)
            for (int side = 0; side < 2; side++) {
                snprintf(word, sizeof word, "n/%c%d@%d{version=v%d}", side ? 'r' : 'l', p, v + 1, v + 1);
                a->objs[p][v][side] = thing(word);
            }
}

static void drop_objects(struct arena *a)
{
    for (int p = 0; p < PAIRS; p++)
        for (int v = 0; v < 2; v++)
            for (int side = 0; side < 2; side++)
                tarn_object_unref(a->objs[p][v][side]);
}

/* TestSharedInformerHandlerAbuse and TestHammerController race the same locks; S-15, X-15 */
static void readers_of_a_cache_see_one_state_while_writers_change_it(void)
{
    struct arena a = {0};
    struct worker writers[WRITERS], readers[READERS], asker;
    struct tarn_index_func funcs[2];

    CU_ASSERT_EQUAL_FATAL(tarn_index_func_builtin("namespace", &funcs[0], NULL), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_index_func_builtin("label:version", &funcs[1], NULL), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_cache_new(&(struct tarn_cache_options){.indexers = funcs, .indexer_count = 2}, &a.x, NULL), 0);
    a.s = &a.x->store;
    make_objects(&a);
    for (int i = 0; i < READERS; i++) {
        readers[i] = (struct worker){.a = &a, .seed = 50u + (uint64_t)i};
        CU_ASSERT_EQUAL_FATAL(pthread_create(&readers[i].thread, NULL, reader, &readers[i]), 0);
    }
    asker = (struct worker){.a = &a};
    CU_ASSERT_EQUAL_FATAL(pthread_create(&asker.thread, NULL, asker_of_indexes, &asker), 0);
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (struct worker){.a = &a, .seed = 1u + (uint64_t)i};
        CU_ASSERT_EQUAL_FATAL(pthread_create(&writers[i].thread, NULL, writer, &writers[i]), 0);
    }
    for (int i = 0; i < WRITERS; i++)
        CU_ASSERT_EQUAL(pthread_join(writers[i].thread, NULL), 0);
    atomic_store(&a.stop, true);
    for (int i = 0; i < READERS; i++)
        CU_ASSERT_EQUAL(pthread_join(readers[i].thread, NULL), 0);
    CU_ASSERT_EQUAL(pthread_join(asker.thread, NULL), 0);
    CU_ASSERT_EQUAL(a.wrong, 0);
    tarn_store_free(a.s);
    drop_objects(&a);
    tarn_index_func_release(&funcs[0]);
    tarn_index_func_release(&funcs[1]);
}

/* ---- UndeltaStore ------------------------------------------------------------------------------------ */

struct last_push {
    size_t n; /* only the push lock protects it: TSan sees if that is not so */
    uint64_t calls;
};

static void push(void *ctx, const struct tarn_objects *objs)
{
    struct last_push *p = ctx;

    p->n = objs->n;
    p->calls++;
}

static void *undelta_writer(void *arg)
{
    struct worker *w = arg;
    char word[32];

    for (int i = 0; i < 300; i++) {
        snprintf(word, sizeof word, "w%d-%d@1", (int)w->seed, i);
        complain_if(w->a, add(w->a->s, word) != 0);
    }
    return NULL;
}

/* U-3: the last push is the newest state, whoever wrote last */
static void the_last_push_of_an_undelta_store_is_the_newest_state(void)
{
    struct arena a = {0};
    struct last_push p = {0};
    struct worker writers[WRITERS];

    CU_ASSERT_EQUAL_FATAL(
        tarn_undelta_store_new((struct tarn_push_func){.fn = push, .ctx = &p}, (struct tarn_key_func){0}, &a.s, NULL), 0);
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (struct worker){.a = &a, .seed = (uint64_t)i};
        CU_ASSERT_EQUAL_FATAL(pthread_create(&writers[i].thread, NULL, undelta_writer, &writers[i]), 0);
    }
    for (int i = 0; i < WRITERS; i++)
        CU_ASSERT_EQUAL(pthread_join(writers[i].thread, NULL), 0);
    CU_ASSERT_EQUAL(a.wrong, 0);
    CU_ASSERT_EQUAL(p.n, WRITERS * 300);
    CU_ASSERT_EQUAL(p.calls, WRITERS * 300);
    tarn_store_free(a.s);
}

TARN_TEST_MAIN("store_threads", TARN_TEST(readers_of_a_cache_see_one_state_while_writers_change_it),
               TARN_TEST(the_last_push_of_an_undelta_store_is_the_newest_state))
