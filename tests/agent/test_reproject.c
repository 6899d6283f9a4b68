/* Another projection of objects that are there: equal to what the server's own bytes give under it. */
#include "reproject.h"

#include <string.h>

#include "tarn_test.h"

#define POD                                                                                                                          \
    "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"a\",\"namespace\":\"n\",\"uid\":\"u1\",\"resourceVersion\":\"7\","            \
    "\"labels\":{\"app\":\"x\",\"odd.key/with\":\"y\"},\"managedFields\":[{\"manager\":\"m\"}]},"                                                 \
    "\"spec\":{\"nodeName\":\"node-1\",\"big\":18446744073709551615,\"f\":0.1,\"l\":[1,-2,{\"a\":null}]},\"status\":{\"phase\":\"Running\\u2028\"}}"

static int keep_object(void *ctx, struct tarn_bytes type, const struct tarn_object *obj)
{
    (void)type;
    *(const struct tarn_object **)ctx = tarn_object_ref(obj);
    return 0;
}

static const struct tarn_object *object_of(const struct tarn_projection *p)
{
    const struct tarn_object *obj = NULL;
    const struct tarn_transcode_sink sink = {.on_object = keep_object, .ctx = &obj};
    struct tarn_transcoder *t;
    struct tarn_error err;

    CU_ASSERT_EQUAL_FATAL(tarn_transcoder_new(&(struct tarn_transcode_options){.mode = TARN_TRANSCODE_OBJECT, .projection = *p}, &sink, &t, &err), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_transcoder_feed(t, POD, sizeof POD - 1, &err), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_transcoder_end(t, &err), 0);
    tarn_transcoder_free(t);
    return obj;
}

static bool same_bytes(const struct tarn_object *a, const struct tarn_object *b)
{
    const char *x = (const char *)a, *y = (const char *)b;

    return tarn_object_size(a) == tarn_object_size(b) && memcmp(x + 8, y + 8, tarn_object_size(a) - 8) == 0; /* but size, flags */
}

static void it_is_what_the_server_would_have_given(void)
{
    static const char *const drop[] = {"metadata.labels", "status"}, *const slots[] = {"spec.nodeName", "spec.l[1]"}, *const keep[] = {"spec.nodeName"};
    const struct tarn_projection all = {0}, dropped = {.drop = drop, .ndrop = 2}, slotted = {.slots = slots, .nslots = 2}, kept = {.keep = keep, .nkeep = 1};
    const struct tarn_projection *const to[] = {&all, &dropped, &slotted, &kept};
    const struct tarn_object *from = object_of(&all);

    for (size_t i = 0; i < sizeof to / sizeof *to; i++) {
        const struct tarn_object *expected = object_of(to[i]), *made;
        struct tarn_reprojector *r;
        struct tarn_error err;

        CU_ASSERT_EQUAL_FATAL(tarn_reprojector_new(to[i], 0, &r, &err), 0);
        for (int twice = 0; twice < 2; twice++) {
            CU_ASSERT_EQUAL_FATAL(tarn_reproject(r, from, &made, &err), 0);
            CU_ASSERT_TRUE(same_bytes(made, expected));
        }
        tarn_reprojector_free(r);
        tarn_object_unref(expected);
    }
    tarn_object_unref(from);
}

static struct tarn_config_resource resource(const char **drop, unsigned ndrop, const char **keep, unsigned nkeep)
{
    return (struct tarn_config_resource){.drop = {.v = drop, .n = ndrop}, .keep = {.v = keep, .n = nkeep}};
}

static void what_must_be_listed_again(void)
{
    const char *a[] = {"metadata.managedFields"}, *ab[] = {"status", "metadata.managedFields"};
    const struct tarn_config_resource none = resource(NULL, 0, NULL, 0), d1 = resource(a, 1, NULL, 0), d2 = resource(ab, 2, NULL, 0),
                                      k1 = resource(NULL, 0, a, 1), k2 = resource(NULL, 0, ab, 2);

    CU_ASSERT_TRUE(tarn_projection_same(&d2, &d2));
    CU_ASSERT_FALSE(tarn_projection_same(&d1, &d2));
    CU_ASSERT_FALSE(tarn_projection_widens(&d1, &d2));
    CU_ASSERT_TRUE(tarn_projection_widens(&d2, &d1));
    CU_ASSERT_TRUE(tarn_projection_widens(&d1, &none));
    CU_ASSERT_FALSE(tarn_projection_widens(&none, &k1));
    CU_ASSERT_TRUE(tarn_projection_widens(&k1, &none));
    CU_ASSERT_TRUE(tarn_projection_widens(&k1, &k2));
    CU_ASSERT_FALSE(tarn_projection_widens(&k2, &k1));
}

static void a_path_that_does_not_parse_is_refused(void)
{
    static const char *const drop[] = {"a..b"};
    struct tarn_reprojector *r = NULL;
    struct tarn_error err = {0};

    CU_ASSERT_EQUAL(tarn_reprojector_new(&(struct tarn_projection){.drop = drop, .ndrop = 1}, 0, &r, &err), TARN_E_INVAL);
    CU_ASSERT_TRUE(err.message[0] != 0);
}

TARN_TEST_MAIN("reproject", TARN_TEST(it_is_what_the_server_would_have_given), TARN_TEST(what_must_be_listed_again),
               TARN_TEST(a_path_that_does_not_parse_is_refused))
