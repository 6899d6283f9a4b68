/* Attach messages: there and back, cut anywhere, with any byte wrong. */
#include <stdlib.h>

#include <tarn/attach.h>

#include "tarn_test.h"

static const struct tarn_attach_message samples[] = {
    {.type = TARN_ATTACH_HELLO, .hello = {.abi_min = 1, .abi_max = 2, .pins = 9, .realm = {"cluster", 7}, .program = {"test", 4}}},
    {.type = TARN_ATTACH_WELCOME, .welcome = {.region_bytes = 1ull << 33, .generation = 3, .instance = {1, 2, 3}, .control_bytes = 65536, .lease_ms = 30000,
                                              .heartbeat_ms = 500, .abi_major = 1, .realm = {"r", 1}, .agent = {"0.1", 3}}},
    {.type = TARN_ATTACH_REFUSED, .refused = {.code = TARN_E_PERM, .text = {"no", 2}, .retry_after_ms = 5}},
    {.type = TARN_ATTACH_CONTROL, .control = {.verb = {"status", 6}}},
    {.type = TARN_ATTACH_REPLY, .reply = {.code = 0, .last = true, .bytes = {"{}", 2}}},
    {.type = TARN_ATTACH_SUPERSEDED, .superseded = {.generation = 8}},
    {.type = TARN_ATTACH_DOORBELL},
};
#define SAMPLES (sizeof samples / sizeof *samples)

static void every_message_survives_the_way(void)
{
    for (size_t i = 0; i < SAMPLES; i++) {
        struct tarn_buf one = {0}, two = {0};
        struct tarn_attach_message m;

        CU_ASSERT_EQUAL_FATAL(tarn_attach_encode(&samples[i], &one), 0);
        CU_ASSERT_EQUAL_FATAL(tarn_attach_decode(tarn_buf_bytes(&one), &m, NULL), 0);
        CU_ASSERT_EQUAL(m.type, samples[i].type);
        CU_ASSERT_EQUAL_FATAL(tarn_attach_encode(&m, &two), 0);
        CU_ASSERT_TRUE(tarn_bytes_equal(tarn_buf_bytes(&one), tarn_buf_bytes(&two)));
        tarn_buf_release(&one);
        tarn_buf_release(&two);
    }
}

static void a_message_cut_anywhere_is_corrupt(void)
{
    for (size_t i = 0; i < SAMPLES; i++) {
        struct tarn_buf b = {0};
        struct tarn_attach_message m;

        CU_ASSERT_EQUAL_FATAL(tarn_attach_encode(&samples[i], &b), 0);
        for (size_t n = 0; n < b.len; n++) {
            char *exact = malloc(n ? n : 1); /* so that a sanitizer sees a read too far */
            struct tarn_error err = {0};

            memcpy(exact, b.data, n);
            CU_ASSERT_EQUAL(tarn_attach_decode((struct tarn_bytes){exact, n}, &m, &err), TARN_E_CORRUPT);
            CU_ASSERT_NOT_EQUAL(err.message[0], 0);
            free(exact);
        }
        tarn_buf_release(&b);
    }
}

static void wrong_bytes_never_read_outside(void)
{
    unsigned seed = 1;

    for (size_t i = 0; i < SAMPLES; i++)
        for (int round = 0; round < 2000; round++) {
            struct tarn_buf b = {0};
            struct tarn_attach_message m;
            char *exact;
            int rc;

            CU_ASSERT_EQUAL_FATAL(tarn_attach_encode(&samples[i], &b), 0);
            for (int k = 0; k < 3; k++) {
                seed = seed * 1103515245u + 12345u;
                b.data[(seed >> 8) % b.len] ^= (char)(seed >> 16);
            }
            exact = malloc(b.len);
            memcpy(exact, b.data, b.len);
            rc = tarn_attach_decode((struct tarn_bytes){exact, b.len}, &m, NULL);
            CU_ASSERT_TRUE(rc == 0 || rc == TARN_E_CORRUPT || rc == TARN_E_ABI);
            free(exact);
            tarn_buf_release(&b);
        }
}

static void unknown_trailing_bytes_are_ignored(void)
{
    struct tarn_buf b = {0};
    struct tarn_attach_message m;

    CU_ASSERT_EQUAL_FATAL(tarn_attach_encode(&samples[0], &b), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_buf_add(&b, "later", 5), 0);
    CU_ASSERT_EQUAL(tarn_attach_decode(tarn_buf_bytes(&b), &m, NULL), 0);
    tarn_buf_release(&b);
}

static void what_cannot_be_said_is_refused(void)
{
    static char big[70000];
    struct tarn_attach_message m = {.type = TARN_ATTACH_REPLY, .reply = {.bytes = {big, sizeof big}}};
    struct tarn_buf b = {0};

    CU_ASSERT_EQUAL(tarn_attach_encode(&m, &b), TARN_E_INVAL);
    CU_ASSERT_EQUAL(b.len, 0);
    m = (struct tarn_attach_message){.type = 99};
    CU_ASSERT_EQUAL(tarn_attach_encode(&m, &b), TARN_E_INVAL);
    m = (struct tarn_attach_message){.type = TARN_ATTACH_HELLO, .hello = {.realm = {"a realm of more than 23 bytes", 29}}};
    CU_ASSERT_EQUAL_FATAL(tarn_attach_encode(&m, &b), 0);
    CU_ASSERT_EQUAL(tarn_attach_decode(tarn_buf_bytes(&b), &m, NULL), TARN_E_CORRUPT);
    tarn_buf_release(&b);
}

TARN_TEST_MAIN("attach", TARN_TEST(every_message_survives_the_way), TARN_TEST(a_message_cut_anywhere_is_corrupt), TARN_TEST(wrong_bytes_never_read_outside),
               TARN_TEST(unknown_trailing_bytes_are_ignored), TARN_TEST(what_cannot_be_said_is_refused))
