/* The rules of paging: rows R-12, L-6, L-7; after client-go TestListPager_List and _EachListItem. */
#include <tarn/pager.h>

#include <stdio.h>
#include <string.h>

#include "fake_objects.h"
#include "tarn_test.h"

static struct tarn_pager pager_at(const char *rv, uint32_t limit)
{
    struct tarn_pager p = {.full_list_if_expired = true};
    struct tarn_rv v = {0};

    CU_ASSERT_EQUAL(tarn_rv_set(&v, tarn_bytes_of(rv)), 0);
    tarn_pager_start(&p, &v, limit);
    return p;
}

static int page(struct tarn_pager *p, const char *rv, const char *cont)
{
    struct tarn_list_meta m = {.resource_version = tarn_bytes_of(rv), .cont = tarn_bytes_of(cont), .remaining_item_count = -1};

    return tarn_pager_on_page(p, &m);
}

/* The request in short. Static buffer. */
static const char *asks(const struct tarn_pager *p)
{
    static char text[200];
    struct tarn_list_options o = tarn_pager_request(p);

    CU_ASSERT_EQUAL(o.resource_version_match.len, 0);
    (void)snprintf(text, sizeof text, "rv=%.*s cont=%.*s limit=%u", TARN_BYTES_ARG(o.resource_version),
                   TARN_BYTES_ARG(o.cont), o.limit);
    return text;
}

static bool expired(struct tarn_pager *p)
{
    struct tarn_status s = tarn_status_failure(TARN_REASON_EXPIRED, TARN_BYTES("gone"));

    return tarn_pager_on_failed(p, &s);
}

static void one_page_is_a_list(void)
{
    struct tarn_pager p = pager_at("0", 500);

    CU_ASSERT_STRING_EQUAL(asks(&p), "rv=0 cont= limit=500");
    CU_ASSERT_EQUAL(page(&p, "12", ""), 0);
    CU_ASSERT_STRING_EQUAL(p.result.text, "12");
    CU_ASSERT_FALSE(tarn_pager_paged(&p));
    tarn_pager_release(&p);
}

/* same limit, continue, no version; the result's version is the first page's */
static void further_pages_carry_the_token_and_no_version(void)
{
    struct tarn_pager p = pager_at("7", 2);

    CU_ASSERT_EQUAL(page(&p, "12", "A"), 1);
    CU_ASSERT_STRING_EQUAL(asks(&p), "rv= cont=A limit=2");
    CU_ASSERT_EQUAL(page(&p, "13", "B"), 1);
    CU_ASSERT_STRING_EQUAL(asks(&p), "rv= cont=B limit=2");
    CU_ASSERT_EQUAL(page(&p, "14", ""), 0);
    CU_ASSERT_STRING_EQUAL(p.result.text, "12");
    CU_ASSERT(tarn_pager_paged(&p));
    tarn_pager_release(&p);
}

/* Expired on page two or later: one full list at the version first asked for */
static void an_expired_token_is_answered_by_one_full_list(void)
{
    struct tarn_pager p = pager_at("7", 2);

    CU_ASSERT_EQUAL(page(&p, "12", "A"), 1);
    CU_ASSERT(expired(&p));
    CU_ASSERT_STRING_EQUAL(asks(&p), "rv=7 cont= limit=0");
    CU_ASSERT_FALSE(expired(&p)); /* the error then is final */
    CU_ASSERT_EQUAL(page(&p, "20", ""), 0);
    CU_ASSERT_STRING_EQUAL(p.result.text, "20");
    CU_ASSERT(tarn_pager_paged(&p));
    tarn_pager_release(&p);
}

static void an_expired_first_page_fails_the_list(void)
{
    struct tarn_pager p = pager_at("7", 2);

    CU_ASSERT_FALSE(expired(&p));
    tarn_pager_release(&p);
}

/* L-7: any other error of a page fails the whole list */
static void another_error_of_a_page_fails_the_list(void)
{
    struct tarn_status s = tarn_status_failure(TARN_REASON_INTERNAL_ERROR, TARN_BYTES("x"));
    struct tarn_pager p = pager_at("0", 2);

    CU_ASSERT_EQUAL(page(&p, "12", "A"), 1);
    CU_ASSERT_FALSE(tarn_pager_on_failed(&p, &s));
    CU_ASSERT_FALSE(tarn_pager_on_failed(&p, NULL));
    tarn_pager_release(&p);
}

/* L-6: EachListItem has no full-list fallback */
static void without_the_fallback_an_expired_token_fails(void)
{
    struct tarn_pager p = pager_at("0", 2);

    p.full_list_if_expired = false;
    CU_ASSERT_EQUAL(page(&p, "12", "A"), 1);
    CU_ASSERT_FALSE(expired(&p));
    tarn_pager_release(&p);
}

static void a_server_that_repeats_its_token_is_caught(void)
{
    struct tarn_pager p = pager_at("0", 2);

    CU_ASSERT_EQUAL(page(&p, "12", "A"), 1);
    CU_ASSERT_EQUAL(page(&p, "12", "A"), TARN_E_CORRUPT);
    tarn_pager_release(&p);
}

static void a_version_too_long_is_an_error(void)
{
    char long_rv[TARN_RV_BYTES_MAX + 2];
    struct tarn_pager p = pager_at("0", 2);

    memset(long_rv, '1', sizeof long_rv - 1);
    long_rv[sizeof long_rv - 1] = '\0';
    CU_ASSERT_EQUAL(page(&p, long_rv, ""), TARN_E_SIZE);
    tarn_pager_release(&p);
}

static void starting_again_forgets_the_list_before(void)
{
    struct tarn_pager p = pager_at("0", 2);
    struct tarn_rv rv = {0};

    CU_ASSERT_EQUAL(page(&p, "12", "A"), 1);
    CU_ASSERT_EQUAL(tarn_rv_set(&rv, TARN_BYTES("12")), 0);
    tarn_pager_start(&p, &rv, 0);
    CU_ASSERT_STRING_EQUAL(asks(&p), "rv=12 cont= limit=0");
    CU_ASSERT_EQUAL(page(&p, "15", ""), 0);
    CU_ASSERT_STRING_EQUAL(p.result.text, "15");
    tarn_pager_release(&p);
}

/* 8.5: text kept, number where it is one */
static void versions_keep_their_text_and_compare_as_numbers(void)
{
    static const struct {
        const char *text;
        uint64_t number;
    } rows[] = {{"", 0},        {"0", 0},           {"12", 12},           {"18446744073709551615", UINT64_MAX},
                {"18446744073709551616", 0}, {"abc", 0}, {"12a", 0}, {"-1", 0}};
    struct tarn_rv a = {0}, b = {0};

    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        CU_ASSERT_EQUAL(tarn_rv_set(&a, tarn_bytes_of(rows[i].text)), 0);
        CU_ASSERT_STRING_EQUAL(a.text, rows[i].text);
        CU_ASSERT_EQUAL(a.number, rows[i].number);
    }
    CU_ASSERT_EQUAL(tarn_rv_set(&a, TARN_BYTES("9")), 0);
    CU_ASSERT_EQUAL(tarn_rv_set(&b, TARN_BYTES("10")), 0);
    CU_ASSERT(tarn_rv_older(&a, &b));
    CU_ASSERT_FALSE(tarn_rv_older(&b, &a));
    CU_ASSERT_FALSE(tarn_rv_older(&a, &a));
    CU_ASSERT_EQUAL(tarn_rv_set(&a, TARN_BYTES("x9")), 0);
    CU_ASSERT_FALSE(tarn_rv_older(&a, &b)); /* no number, no order */
    CU_ASSERT_FALSE(tarn_rv_older(&b, &a));
}

/* 8.5: the version of an object is its text, by way of the number in its header where there is one */
static void the_version_of_an_object_is_its_text(void)
{
    static const char *const rows[] = {"", "0", "1", "9", "10", "99", "100", "18446744073709551615", "18446744073709551616", "abc", "12a"};
    struct tarn_rv rv = {0};

    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct tarn_object *obj = fake_object("{\"metadata\":{\"name\":\"x\",\"resourceVersion\":\"%s\"}}", rows[i]);

        CU_ASSERT_EQUAL(tarn_rv_set_of(&rv, obj), 0);
        CU_ASSERT_STRING_EQUAL(rv.text, rows[i]);
        CU_ASSERT_EQUAL(rv.len, strlen(rows[i]));
        tarn_object_unref(obj);
    }
}

TARN_TEST_MAIN("pager", TARN_TEST(the_version_of_an_object_is_its_text), TARN_TEST(one_page_is_a_list), TARN_TEST(further_pages_carry_the_token_and_no_version),
               TARN_TEST(an_expired_token_is_answered_by_one_full_list), TARN_TEST(an_expired_first_page_fails_the_list),
               TARN_TEST(another_error_of_a_page_fails_the_list), TARN_TEST(without_the_fallback_an_expired_token_fails),
               TARN_TEST(a_server_that_repeats_its_token_is_caught), TARN_TEST(a_version_too_long_is_an_error),
               TARN_TEST(starting_again_forgets_the_list_before), TARN_TEST(versions_keep_their_text_and_compare_as_numbers))
