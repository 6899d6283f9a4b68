/* Control pages: sizes, seals, lines given out once. */
/* tarn-test: threads */
#include <pthread.h>
#include <unistd.h>

#include <tarn/pin.h>

#include "tarn_test.h"

static void both_sides_see_one_page(void)
{
    struct tarn_pin_page *agent = NULL, *client = NULL;
    struct tarn_pin_line *line;
    int fd;

    CU_ASSERT_EQUAL_FATAL(tarn_pin_page_new(0, &agent, &fd, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_pin_page_map(fd, TARN_CONTROL_BYTES_DEFAULT, &client, NULL), 0);
    CU_ASSERT_EQUAL(client->lines, 1023);
    CU_ASSERT_EQUAL(tarn_pin_claim(client, &line), 0);
    atomic_store(&line->pin, 77);
    CU_ASSERT_EQUAL(atomic_load(&agent->page->line[0].pin), 77);
    CU_ASSERT_EQUAL(atomic_load(&agent->page->high), 1);
    tarn_pin_release(client, line);
    CU_ASSERT_EQUAL(atomic_load(&agent->page->line[0].pin), 0);
    CU_ASSERT_EQUAL(ftruncate(fd, 4096), -1); /* the client cannot shrink it under the agent */
    tarn_pin_page_free(client);
    CU_ASSERT_EQUAL(tarn_pin_page_map(fd, 8192, &client, NULL), TARN_E_CORRUPT); /* not what WELCOME said */
    (void)close(fd);
    tarn_pin_page_free(agent);
}

static void odd_sizes_are_refused(void)
{
    static const uint32_t bytes[] = {1, 4095, 4097, TARN_CONTROL_BYTES_MAX + 4096};
    struct tarn_pin_page *p;
    int fd;

    for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++)
        CU_ASSERT_EQUAL(tarn_pin_page_new(bytes[i], &p, &fd, NULL), TARN_E_INVAL);
}

static void lines_run_out_with_limit_and_come_back(void)
{
    struct tarn_pin_line *lines[63], *more;
    struct tarn_pin_page *p;

    CU_ASSERT_EQUAL_FATAL(tarn_pin_page_new_private(4096, &p), 0);
    for (int i = 0; i < 63; i++)
        CU_ASSERT_EQUAL(tarn_pin_claim(p, &lines[i]), 0);
    CU_ASSERT_EQUAL(tarn_pin_claim(p, &more), TARN_E_LIMIT);
    CU_ASSERT_EQUAL(tarn_pin_used(p), 63);
    tarn_pin_release(p, lines[17]);
    CU_ASSERT_EQUAL(tarn_pin_claim(p, &more), 0);
    CU_ASSERT_PTR_EQUAL(more, lines[17]);
    tarn_pin_page_free(p);
}

static struct tarn_pin_page *shared;
static _Atomic unsigned char owners[63];
static _Atomic int clashes;

static void *claimer(void *arg)
{
    (void)arg;
    for (int i = 0; i < 20000; i++) {
        struct tarn_pin_line *l;

        if (tarn_pin_claim(shared, &l))
            continue;
        if (atomic_fetch_add(&owners[l - shared->page->line], 1))
            atomic_fetch_add(&clashes, 1);
        atomic_fetch_sub(&owners[l - shared->page->line], 1);
        tarn_pin_release(shared, l);
    }
    return NULL;
}

static void threads_never_share_a_line(void)
{
    pthread_t t[4];

    CU_ASSERT_EQUAL_FATAL(tarn_pin_page_new_private(4096, &shared), 0);
    for (int i = 0; i < 4; i++)
        pthread_create(&t[i], NULL, claimer, NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    CU_ASSERT_EQUAL(atomic_load(&clashes), 0);
    CU_ASSERT_EQUAL(tarn_pin_used(shared), 0);
    tarn_pin_page_free(shared);
}

TARN_TEST_MAIN("pin", TARN_TEST(both_sides_see_one_page), TARN_TEST(odd_sizes_are_refused), TARN_TEST(lines_run_out_with_limit_and_come_back),
               TARN_TEST(threads_never_share_a_line))
