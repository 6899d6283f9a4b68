/* The informer factory. Row I-47.  tarn-test: threads */
#include <stdio.h>
#include <stdlib.h>

#include <tarn/informer_factory.h>

#include "cache_fixture.h"
#include "fault.h"
#include "heard.h"
#include "tarn_test.h"

struct asked {
    unsigned times;
    char last[64];
};

static int configure(void *ctx, const char *resource, struct tarn_shared_informer_options *o, struct tarn_error *err)
{
    struct asked *a = ctx;

    a->times++;
    (void)snprintf(a->last, sizeof a->last, "%s", resource);
    CU_ASSERT_STRING_EQUAL(o->reflector.name, resource);
    CU_ASSERT_PTR_NOT_NULL(o->reflector.rt);
    return strcmp(resource, "unicorns") == 0 ? tarn_error_set(err, TARN_E_NOTFOUND, "there are no unicorns") : 0;
}

static struct tarn_informer_factory *factory(struct asked *a)
{
    struct tarn_informer_factory_options o = {.rt = tarn_runtime_posix(), .configure = configure, .ctx = a};
    struct tarn_informer_factory *f = NULL;

    CU_ASSERT_EQUAL_FATAL(tarn_informer_factory_new(&o, &f, NULL), 0);
    return f;
}

static struct tarn_shared_informer *informer(struct tarn_informer_factory *f, const char *resource)
{
    struct tarn_shared_informer *s = NULL;

    CU_ASSERT_EQUAL_FATAL(tarn_informer_factory_informer(f, resource, &s, NULL), 0);
    return s;
}

/* I-47: one informer for each resource. Upstream: TestSharedInformerFactory... (informers/factory). */
static void i47_there_is_one_informer_for_each_resource(void)
{
    struct asked a = {0};
    struct tarn_informer_factory *f = factory(&a);
    struct tarn_shared_informer *pods = informer(f, "pods"), *untouched = NULL;
    struct tarn_error err = {0};

    CU_ASSERT_PTR_EQUAL(informer(f, "pods"), pods);
    CU_ASSERT_PTR_NOT_EQUAL(informer(f, "nodes"), pods);
    CU_ASSERT_EQUAL(a.times, 2);
    CU_ASSERT_STRING_EQUAL(a.last, "nodes");
    CU_ASSERT_EQUAL(tarn_informer_factory_informer(f, "unicorns", &untouched, &err), TARN_E_NOTFOUND);
    CU_ASSERT_STRING_EQUAL(err.message, "there are no unicorns");
    CU_ASSERT_PTR_NULL(untouched);
    tarn_informer_factory_free(f);
    tarn_informer_factory_free(NULL);
}

/* I-47: start is idempotent and starts only new ones; waiting names those that have not synced; shut-down waits for all. */
static void i47_start_wait_and_shut_down_treat_all(void)
{
    struct asked a = {0};
    struct tarn_informer_factory *f = factory(&a);
    struct tarn_shared_informer *pods = informer(f, "pods"), *nodes;
    struct heard h = {0};
    struct tarn_event_handler handler = heard_handler(&h);
    struct tarn_error err = {0};

    CU_ASSERT_EQUAL(tarn_shared_informer_add_handler(pods, &handler, NULL, NULL, NULL), 0);
    CU_ASSERT_EQUAL(tarn_informer_factory_wait_synced(f, 0, NULL), 0); /* none runs */
    CU_ASSERT_EQUAL(tarn_informer_factory_start(f, NULL), 0);
    CU_ASSERT_EQUAL(replace(&tarn_shared_informer_queue(pods)->store, "n/a@1"), 0);
    CU_ASSERT_EQUAL(tarn_informer_factory_wait_synced(f, UINT64_MAX, NULL), 0);
    nodes = informer(f, "nodes");
    CU_ASSERT_EQUAL(tarn_informer_factory_start(f, NULL), 0);
    CU_ASSERT_EQUAL(tarn_informer_factory_start(f, NULL), 0);
    CU_ASSERT_EQUAL(tarn_informer_factory_wait_synced(f, 1, &err), TARN_E_TIMEOUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "not done: nodes"));
    CU_ASSERT(tarn_shared_informer_has_synced(pods));
    CU_ASSERT(!tarn_shared_informer_has_synced(nodes));
    CU_ASSERT_EQUAL(replace(&tarn_shared_informer_queue(nodes)->store, ""), 0);
    CU_ASSERT_EQUAL(tarn_informer_factory_wait_synced(f, UINT64_MAX, NULL), 0);
    tarn_informer_factory_shut_down(f);
    tarn_informer_factory_shut_down(f);
    HEARD(&h, "add(initial) n/a@1"); /* its thread has ended, so it may be looked at */
    CU_ASSERT(tarn_shared_informer_is_stopped(pods));
    CU_ASSERT_EQUAL(tarn_informer_factory_start(f, &err), TARN_E_STOPPED);
    tarn_informer_factory_free(f);
    heard_release(&h);
}

static void a_factory_survives_any_failed_allocation(void)
{
    struct asked a = {0};
    struct tarn_informer_factory_options o = {.rt = tarn_runtime_posix(), .configure = configure, .ctx = &a};
    long before = tarn_fault_blocks();
    bool failed = true;

    CU_ASSERT_EQUAL(tarn_informer_factory_new(&(struct tarn_informer_factory_options){.rt = o.rt}, NULL, NULL), TARN_E_INVAL);
    for (long n = 0; failed; n++) {
        struct tarn_informer_factory *f = NULL;
        struct tarn_shared_informer *s = NULL;
        int rc;

        tarn_fault_arm(n);
        rc = tarn_informer_factory_new(&o, &f, NULL);
        if (!rc)
            rc = tarn_informer_factory_informer(f, "pods", &s, NULL);
        failed = tarn_fault_disarm();
        CU_ASSERT_EQUAL(rc, failed ? TARN_E_NOMEM : 0);
        tarn_informer_factory_free(f);
        CU_ASSERT_EQUAL_FATAL(tarn_fault_blocks(), before);
    }
}

TARN_TEST_MAIN("informer_factory", TARN_TEST(i47_there_is_one_informer_for_each_resource),
               TARN_TEST(i47_start_wait_and_shut_down_treat_all), TARN_TEST(a_factory_survives_any_failed_allocation))
