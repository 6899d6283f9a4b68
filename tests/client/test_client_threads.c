/* tarn-test: threads */
/* One client shared by threads: snapshots, lists, waits, closings, while the agent changes everything and is replaced. */
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include <tarn/tarn.h>

#include "agent_stub.h"
#include "tarn_test.h"

enum { READERS = 4, PODS = 50 };

struct shared {
    struct tarn_client *c;
    _Atomic bool stop;
    _Atomic unsigned wrong, rounds, expired;
};

/* Each commit of the stub gives all pods one resourceVersion: a snapshot that shows two is wrong. */
static void look(struct shared *sh, bool sorted)
{
    const struct tarn_object *obj;
    struct tarn_snapshot *s;
    struct tarn_iter it;
    uint64_t rv = 0;
    unsigned n = 0;
    bool mixed = false;

    if (tarn_snapshot_open(sh->c, &s, NULL) != 0) {
        atomic_fetch_add(&sh->wrong, 1);
        return;
    }
    if (tarn_list(s, "pods", &(struct tarn_query){.sorted = sorted}, &it, NULL) == 0)
        for (; (obj = tarn_iter_next(&it)); n++) {
            mixed |= rv && tarn_object_resource_version(obj) != rv;
            rv = tarn_object_resource_version(obj);
        }
    if (tarn_snapshot_close(s) != 0)
        atomic_fetch_add(&sh->expired, 1); /* then nothing that was read counts */
    else if (mixed || (n != 0 && n != PODS))
        atomic_fetch_add(&sh->wrong, 1);
    atomic_fetch_add(&sh->rounds, 1);
}

static void *reader(void *arg)
{
    struct shared *sh = arg;

    for (unsigned i = 0; !atomic_load(&sh->stop); i++)
        look(sh, i % 4 == 0);
    return NULL;
}

static void *waiter(void *arg)
{
    struct shared *sh = arg;
    struct tarn_client_info info;

    while (!atomic_load(&sh->stop)) {
        if (tarn_client_info(sh->c, &info) != 0)
            atomic_fetch_add(&sh->wrong, 1);
        (void)!tarn_wait_commit(sh->c, info.commit, 20);
        look(sh, false);
    }
    return NULL;
}

/* Short-lived threads leave idle snapshots behind; they must not use the pin lines up. */
static void *passer_by(void *arg)
{
    look(arg, false);
    return NULL;
}

static void change(struct agent *a, unsigned rounds, unsigned *rv)
{
    for (unsigned i = 0; i < rounds; i++)
        CU_ASSERT(agent_fill(a, "p", PODS, ++*rv, 0));
}

static void threads_share_a_client_while_agents_come_and_go(void)
{
    pthread_t threads[READERS + 2];
    struct shared sh = {0};
    struct agent a = {0}, next[3];
    struct tarn_client_info info;
    unsigned rv = 0;

    agent_start(&a, NULL);
    for (unsigned i = 0; i < 3; i++) {
        next[i] = a;
        agent_prepare(&next[i], &(struct agent_options){.generation = i + 2});
    }
    change(&a, 1, &rv);
    CU_ASSERT_EQUAL_FATAL(tarn_client_open(&(struct tarn_client_options){.socket = a.socket}, &sh.c, NULL), 0);
    for (unsigned i = 0; i < READERS + 2; i++)
        CU_ASSERT_EQUAL(pthread_create(&threads[i], NULL, i < READERS ? reader : waiter, &sh), 0);
    for (unsigned generation = 2; generation < 5; generation++) {
        change(&a, 50, &rv);
        agent_kill(&a);
        a = next[generation - 2];
        agent_go(&a);
        for (int k = 0; k < 500; k++) {
            CU_ASSERT_EQUAL(tarn_client_info(sh.c, &info), 0);
            if (info.generation == generation)
                break;
            (void)poll(NULL, 0, 10);
        }
        CU_ASSERT_EQUAL(info.generation, generation);
    }
    atomic_store(&sh.stop, true);
    for (unsigned i = 0; i < READERS + 2; i++)
        pthread_join(threads[i], NULL);
    CU_ASSERT_EQUAL(sh.wrong, 0);
    CU_ASSERT(sh.rounds > 100);
    tarn_client_close(sh.c);
    agent_stop(&a);
}

static void threads_that_end_leave_no_pin_line_taken(void)
{
    struct shared sh = {0};
    struct agent a = {0};
    struct tarn_snapshot *s;
    unsigned clients, pins;

    agent_start(&a, NULL);
    CU_ASSERT_EQUAL_FATAL(tarn_client_open(&(struct tarn_client_options){.socket = a.socket}, &sh.c, NULL), 0);
    for (int i = 0; i < 1500; i++) { /* more than there are lines */
        pthread_t t;

        CU_ASSERT_EQUAL_FATAL(pthread_create(&t, NULL, passer_by, &sh), 0);
        pthread_join(t, NULL);
    }
    CU_ASSERT_EQUAL(sh.wrong, 0);
    CU_ASSERT_EQUAL(tarn_snapshot_open(sh.c, &s, NULL), 0);
    agent_clients(&a, &clients, &pins);
    CU_ASSERT_EQUAL(pins, 1);
    CU_ASSERT_EQUAL(tarn_snapshot_close(s), 0);
    tarn_client_close(sh.c);
    agent_stop(&a);
}

TARN_TEST_MAIN("client threads", TARN_TEST(threads_share_a_client_while_agents_come_and_go),
               TARN_TEST(threads_that_end_leave_no_pin_line_taken))
