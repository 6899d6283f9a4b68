/* test_bytes.c - the borrowed run, the growing buffer, the error list. */
#include <tarn/bytes.h>

#include "fault.h"
#include "tarn_test.h"

static void compare_orders_bytewise_and_prefix_first(void)
{
    static const struct {
        const char *a, *b;
        int sign;
    } rows[] = {
        {"", "", 0}, {"a", "a", 0}, {"", "a", -1}, {"a", "", 1}, {"a", "ab", -1}, {"b", "ab", 1}, {"\xff", "a", 1},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int c = tarn_bytes_compare(tarn_bytes_of(rows[i].a), tarn_bytes_of(rows[i].b));

        CU_ASSERT_EQUAL((c > 0) - (c < 0), rows[i].sign);
        CU_ASSERT_EQUAL(tarn_bytes_equal(tarn_bytes_of(rows[i].a), tarn_bytes_of(rows[i].b)), rows[i].sign == 0);
    }
}

static void no_bytes_are_equal_to_empty_bytes(void)
{
    CU_ASSERT_TRUE(tarn_bytes_equal(tarn_bytes_of(NULL), TARN_BYTES("")));
    CU_ASSERT_EQUAL(tarn_bytes_compare((struct tarn_bytes){0}, TARN_BYTES("")), 0);
}

static void a_buffer_keeps_what_was_added_in_order(void)
{
    struct tarn_buf b = {0};

    for (int i = 0; i < 1000; i++)
        CU_ASSERT_EQUAL(tarn_buf_addf(&b, "%d,", i % 10), 0);
    CU_ASSERT_EQUAL(b.len, 2000);
    for (int i = 0; i < 1000; i++)
        if (b.data[2 * i] != '0' + i % 10)
            CU_FAIL("a byte is not where it was added");
    CU_ASSERT_EQUAL(tarn_buf_adds(&b, "end"), 0);
    CU_ASSERT_TRUE(tarn_bytes_equal((struct tarn_bytes){b.data + 2000, 3}, TARN_BYTES("end")));
    tarn_buf_clear(&b);
    CU_ASSERT_EQUAL(tarn_buf_bytes(&b).len, 0);
    CU_ASSERT(b.cap >= 2003);
    tarn_buf_release(&b);
    CU_ASSERT_PTR_NULL(b.data);
}

static void a_failed_allocation_leaves_the_buffer_as_it_was(void)
{
    struct tarn_buf b = {0};

    CU_ASSERT_EQUAL(tarn_buf_adds(&b, "0123456789"), 0);
    tarn_fault_arm(0);
    CU_ASSERT_EQUAL(tarn_buf_reserve(&b, 1000), TARN_E_NOMEM);
    CU_ASSERT_TRUE(tarn_fault_disarm());
    tarn_fault_arm(0);
    CU_ASSERT_EQUAL(tarn_buf_addf(&b, "%0100d", 1), TARN_E_NOMEM);
    CU_ASSERT_TRUE(tarn_fault_disarm());
    CU_ASSERT_TRUE(tarn_bytes_equal(tarn_buf_bytes(&b), TARN_BYTES("0123456789")));
    CU_ASSERT_EQUAL(tarn_buf_reserve(&b, SIZE_MAX - 5), TARN_E_NOMEM);
    tarn_buf_release(&b);
}

static void bytes_are_equal_only_if_every_byte_is(void)
{
    char a[100], b[101];

    for (size_t n = 0; n < sizeof a; n++) {
        memset(a, 'x', n);
        memset(b, 'x', n + 1);
        CU_ASSERT_TRUE(tarn_bytes_equal((struct tarn_bytes){a, n}, (struct tarn_bytes){b, n}));
        CU_ASSERT_FALSE(tarn_bytes_equal((struct tarn_bytes){a, n}, (struct tarn_bytes){b, n + 1}));
        for (size_t i = 0; i < n; i++) {
            b[i] = 'y';
            CU_ASSERT_FALSE(tarn_bytes_equal((struct tarn_bytes){a, n}, (struct tarn_bytes){b, n}));
            b[i] = 'x';
        }
    }
}

static void every_error_has_a_name_and_a_text(void)
{
#define X(name, value, text)                                    \
    CU_ASSERT_STRING_EQUAL(tarn_strerror(value), text);         \
    CU_ASSERT_STRING_EQUAL(tarn_error_name(value), "TARN_E_" #name);
    TARN_ERROR_MAP(X)
#undef X
    CU_ASSERT_STRING_EQUAL(tarn_strerror(0), "success");
    CU_ASSERT_STRING_EQUAL(tarn_strerror(-999), "unknown error");
}

static void an_error_message_is_cut_at_its_end_and_may_be_unwanted(void)
{
    struct tarn_error err;

    CU_ASSERT_EQUAL(tarn_error_set(NULL, TARN_E_IO, "%s", "x"), TARN_E_IO);
    CU_ASSERT_EQUAL(tarn_error_set(&err, TARN_E_IO, "%0600d", 7), TARN_E_IO);
    CU_ASSERT_EQUAL(err.code, TARN_E_IO);
    CU_ASSERT_EQUAL(strlen(err.message), TARN_ERROR_MESSAGE_BYTES - 1);
}

TARN_TEST_MAIN("bytes", TARN_TEST(compare_orders_bytewise_and_prefix_first), TARN_TEST(no_bytes_are_equal_to_empty_bytes),
               TARN_TEST(bytes_are_equal_only_if_every_byte_is), TARN_TEST(a_buffer_keeps_what_was_added_in_order),
               TARN_TEST(a_failed_allocation_leaves_the_buffer_as_it_was), TARN_TEST(every_error_has_a_name_and_a_text),
               TARN_TEST(an_error_message_is_cut_at_its_end_and_may_be_unwanted))
