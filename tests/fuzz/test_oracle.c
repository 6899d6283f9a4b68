/* test_oracle.c - simdjson as the judge: the same texts accepted, the same MessagePack from both, byte for byte.
 *
 * Over the recorded lists, and over random changes of them and of small texts. Known differences are named where
 * they are let pass: simdjson 3.0 refuses integers beyond 64 bits, takes half of a surrogate pair in some places,
 * and stops at 1024 levels.
 */
#include <tarn/transcode.h>

#include <stdio.h>
#include <stdlib.h>

#include "tarn_test.h"

#ifndef HAVE_SIMDJSON

int main(void)
{
    puts("SKIPPED: libsimdjson-dev was not there when this was built");
    return 0;
}

#else

#include "peer_simdjson.h"

static uint64_t state = 88172645463325252u;

static size_t chance(size_t n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (size_t)(state % n);
}

/* An integer of 19 digits or more, or \ud8.. to \udf.. somewhere: where simdjson 3.0 may judge otherwise. */
static bool may_differ(struct tarn_bytes text, int peer_error)
{
    size_t run = 0;

    for (size_t i = 0; i < text.len; i++) {
        run = text.data[i] >= '0' && text.data[i] <= '9' ? run + 1 : 0;
        if (run >= 19 && peer_error == PEER_SIMDJSON_NUMBER)
            return true;
        if (text.len - i >= 4 && text.data[i] == '\\' && text.data[i + 1] == 'u' && (text.data[i + 2] | 0x20) == 'd' &&
            (text.data[i + 3] | 0x20) >= '8')
            return true;
    }
    return peer_error == PEER_SIMDJSON_DEPTH;
}

/* Both on text (PEER_SIMDJSON_PADDING bytes stand behind it); false: they disagree. */
static bool agree(struct tarn_bytes text)
{
    static struct tarn_buf packed;
    const struct tarn_object *o = NULL;
    int ours = tarn_object_from_json(text, &o, NULL), peer;
    size_t len = 0;
    bool same;

    packed.len = 0;
    CU_ASSERT_EQUAL_FATAL(tarn_buf_reserve(&packed, 3 * text.len + 64), 0);
    peer = peer_simdjson_pack(text.data, text.len, (uint8_t *)packed.data, &len);
    if (ours == TARN_E_KEY) /* good JSON, but no object */
        return peer == 0;
    same = ours || peer ? !!ours == !!peer : tarn_bytes_equal(tarn_object_body(o), (struct tarn_bytes){packed.data, len});
    tarn_object_unref(o);
    return same || may_differ(text, peer);
}

static struct tarn_buf read_data(const char *file)
{
    struct tarn_buf b = {0};
    char path[512];
    FILE *f;
    size_t n = 1;

    (void)snprintf(path, sizeof path, "%s/protocol/%s", TARN_TEST_DATA, file);
    f = fopen(path, "rb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    while (n) {
        CU_ASSERT_EQUAL_FATAL(tarn_buf_reserve(&b, 65536 + PEER_SIMDJSON_PADDING), 0);
        n = fread(b.data + b.len, 1, 65536, f);
        b.len += n;
    }
    (void)fclose(f);
    return b;
}

static const char *const FILES[] = {"pods.json",     "nodes.json",    "widgets.json",   "configmaps.json",     "secrets.json",
                                    "services.json", "leases.json",   "namespaces.json", "endpointslices.json", "deployments.json"};
#define NFILES (sizeof FILES / sizeof *FILES)

static void recorded_lists_become_the_same_messagepack(void)
{
    for (size_t i = 0; i < NFILES; i++) {
        struct tarn_buf text = read_data(FILES[i]);

        CU_ASSERT_TRUE(agree(tarn_buf_bytes(&text)));
        tarn_buf_release(&text);
    }
}

static size_t change(char *data, size_t len)
{
    static const char *const words[] = {"\"", "\\", "{", "}", "[", "]", ",", ":", "\\u0041", "\\n", "1e22", "null", "true", "0.1",
                                        "-", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xc3", " ", "0", "123456789012345678", ".5", "e7",
                                        "1.7976931348623157e308", "2.2250738585072011e-308", "9007199254740993", "4.35e-5"};
    const char *word = words[chance(sizeof words / sizeof *words)];
    size_t at = chance(len + 1), n = strlen(word);

    switch (chance(4)) {
    case 0:
        if (at < len)
            data[at] = (char)chance(256);
        return len;
    case 1:
        memmove(data + at + n, data + at, len - at);
        memcpy(data + at, word, n);
        return len + n;
    case 2:
        n = len - at < 8 ? len - at : chance(8);
        memmove(data + at, data + at + n, len - at - n);
        return len - n;
    default:
        n = len - at < n ? len - at : n;
        memcpy(data + at, word, n);
        return len;
    }
}

/* A text to change: a small one, or up to 3000 bytes out of a recorded list, from the start of one of its items. */
static size_t take_seed(char *to, const struct tarn_buf *files)
{
    static const char *const small[] = {
        "[1,-1,0.5,1e5,-0.0,123456789,1234567890123456789]",
        "{\"a\":\"\\u00e9\\n\\\"x\\\\\",\"b\":[true,false,null,{}],\"c\":{\"d\":[[],[[]]]}}",
        "[\"0123456789012345678901234567890123456789\",\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"]",
        "[0.1,0.2,3.141592653589793,2.718281828459045e-10,6.02214076e23,1e-320,123456789.123456789]",
        "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20]",
        "\"text\"", "-12.5e-3", "{}", " [ ] ",
    };
    const struct tarn_buf *f = &files[chance(NFILES)];
    const char *from = f->data + chance(f->len), *item;
    size_t n;

    if (chance(2)) {
        n = chance(sizeof small / sizeof *small);
        memcpy(to, small[n], strlen(small[n]));
        return strlen(small[n]);
    }
    item = memchr(from, '{', (size_t)(f->data + f->len - from));
    item = item ? item : f->data;
    n = (size_t)(f->data + f->len - item);
    n = n < 3000 ? n : chance(3000);
    memcpy(to, item, n);
    return n;
}

/* The recorded text from its '{' on, cut where its brackets are closed: good JSON to start from. */
static size_t cut_at_close(const char *text, size_t len)
{
    long depth = 0;
    bool in_string = false;

    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\\')
            i++;
        else if (text[i] == '"')
            in_string = !in_string;
        else if (!in_string && (text[i] == '{' || text[i] == '['))
            depth++;
        else if (!in_string && (text[i] == '}' || text[i] == ']') && --depth == 0)
            return i + 1;
    }
    return len;
}

static void changed_texts_are_judged_alike(void)
{
    static char text[8192 + PEER_SIMDJSON_PADDING];
    struct tarn_buf files[NFILES];
    long rounds = getenv("TEST_LONG") ? 5000000 : 150000, accepted = 0;

    for (size_t i = 0; i < NFILES; i++)
        files[i] = read_data(FILES[i]);
    for (long r = 0; r < rounds; r++) {
        size_t len = cut_at_close(text, take_seed(text, files));

        for (size_t k = chance(4); k; k--)
            len = change(text, len);
        memset(text + len, 0, PEER_SIMDJSON_PADDING);
        accepted += peer_simdjson_parse(text, len) == 0;
        if (!agree((struct tarn_bytes){text, len})) {
            fprintf(stderr, "round %ld: %.*s\n", r, (int)len, text);
            CU_FAIL("simdjson and tarn disagree");
        }
    }
    CU_ASSERT(accepted > rounds / 10 && accepted < rounds * 9 / 10); /* both kinds were tried */
    for (size_t i = 0; i < NFILES; i++)
        tarn_buf_release(&files[i]);
}

TARN_TEST_MAIN("oracle", TARN_TEST(recorded_lists_become_the_same_messagepack), TARN_TEST(changed_texts_are_judged_alike))

#endif
