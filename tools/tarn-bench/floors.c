/* floors.c - what the machine allows: a chain of dependent loads, copying, and the barest walk over MessagePack.
 *
 * Every other figure stands on one of these: a get by key cannot be faster than its dependent loads, a list not than the copying of
 * first lines, a scan of bodies not than reading each head of a value once.
 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <tarn/object.h>

#define PART "floors"
#define ROUNDS 5u
#define CHAIN_STEPS 200000u

static volatile uint64_t sink;

#define LARGE_PAGE ((size_t)2 << 20)

static void *pages(size_t bytes, bool huge)
{
    void *p = aligned_alloc(LARGE_PAGE, (bytes + LARGE_PAGE - 1) / LARGE_PAGE * LARGE_PAGE);

    if (p)
        (void)madvise(p, bytes, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    return p;
}

/* One random cycle through all lines (Sattolo). */
static void chain(uint64_t *line, size_t n)
{
    uint64_t seed = 7;

    for (size_t i = 0; i < n; i++)
        line[8 * i] = i;
    for (size_t i = n - 1; i > 0; i--) {
        size_t j = bench_random(&seed) % i;
        uint64_t t = line[8 * i];

        line[8 * i] = line[8 * j];
        line[8 * j] = t;
    }
}

static uint64_t walk_chain(const uint64_t *line)
{
    uint64_t begin = bench_now_ns(), at = 0;

    for (unsigned i = 0; i < CHAIN_STEPS; i++)
        at = line[8 * at];
    sink += at;
    return bench_now_ns() - begin;
}

/* Small pages and large ones in turn: what the host's other guests do to the caches hits both. */
static int measure_chains(size_t mb)
{
    uint64_t *line[2], best[2] = {UINT64_MAX, UINT64_MAX};
    char what[48];

    for (unsigned huge = 0; huge < 2; huge++) {
        line[huge] = pages(mb << 20, huge);
        if (!line[huge])
            return 1;
        chain(line[huge], (mb << 20) / 64);
    }
    for (unsigned r = 0; r < 2 * ROUNDS; r++) {
        uint64_t took = walk_chain(line[r % 2]);

        best[r % 2] = took < best[r % 2] ? took : best[r % 2];
    }
    for (unsigned huge = 0; huge < 2; huge++) {
        (void)snprintf(what, sizeof what, "dependent load, %s pages", huge ? "2 MiB" : "4 KiB");
        bench_report(PART, "machine", what, mb << 20, (double)best[huge] / CHAIN_STEPS, "ns");
        free(line[huge]);
    }
    return 0;
}

static int measure_copy(size_t mb)
{
    char *from = pages(mb << 20, true), *to = pages(mb << 20, true);
    uint64_t best = UINT64_MAX;

    if (!from || !to)
        return 1;
    memset(from, 1, mb << 20);
    memset(to, 2, mb << 20);
    for (unsigned r = 0; r < ROUNDS; r++) {
        uint64_t begin = bench_now_ns(), took;

        memcpy(to, from, mb << 20);
        took = bench_now_ns() - begin;
        best = took < best ? took : best;
    }
    sink += (unsigned char)to[12345];
    bench_report(PART, "machine", "memcpy", mb << 20, (double)(mb << 20) * 1e3 / (double)best, "MB/s");
    free(from);
    free(to);
    return 0;
}

/* The bytes of one value's head, and what follows it: how many bytes to skip, how many values come. Only what JSON makes. */
static size_t walk(const unsigned char *p, size_t n)
{
    size_t at = 0, values = 0, left = 1;

    for (; left && at < n; values++, left--) {
        unsigned b = p[at++];

        if (b >= 0xa0 && b < 0xc0) {
            at += b & 31;
        } else if (b >= 0x80 && b < 0x90) {
            left += 2 * (b & 15);
        } else if (b >= 0x90 && b < 0xa0) {
            left += b & 15;
        } else if (b == 0xd9) {
            at += 1u + p[at];
        } else if (b == 0xda) {
            at += 2u + ((unsigned)p[at] << 8 | p[at + 1]);
        } else if (b == 0xdc || b == 0xde) {
            left += (size_t)(b == 0xde ? 2 : 1) * ((unsigned)p[at] << 8 | p[at + 1]);
            at += 2;
        } else if (b >= 0xcc && b <= 0xd3) {
            at += 1u << (b & 3);
        } else if (b == 0xcb) {
            at += 8;
        }
    }
    return values;
}

static int measure_walk(void)
{
    const char *file = TARN_TEST_DATA "/protocol/pods.json";
    static char text[4u << 20];
    const struct tarn_object *list;
    uint64_t best = UINT64_MAX;
    FILE *f = fopen(file, "r");
    struct tarn_bytes body;
    size_t n = f ? fread(text, 1, sizeof text, f) : 0;

    if (f)
        (void)fclose(f);
    if (!n || tarn_object_from_json((struct tarn_bytes){text, n}, &list, NULL))
        return 1;
    body = tarn_object_body(list);
    for (unsigned r = 0; r < 20 * ROUNDS; r++) {
        uint64_t begin = bench_now_ns(), took;

        sink += walk((const unsigned char *)body.data, body.len);
        took = bench_now_ns() - begin;
        best = took < best ? took : best;
    }
    bench_report(PART, "machine", "bare walk of MessagePack", body.len, (double)body.len * 1e3 / (double)best, "MB/s");
    tarn_object_unref(list);
    return 0;
}

int bench_floors(const struct bench_options *o)
{
    static const size_t sizes[] = {1, 16, 128, 1024};
    int bad = 0;

    for (size_t i = 0; i < (o->quick ? 3 : sizeof sizes / sizeof *sizes); i++)
        bad += measure_chains(sizes[i]);
    bad += measure_copy(o->quick ? 128 : 512) + measure_walk();
    if (bad)
        bench_note("floors: %d could not be measured", bad);
    return bad;
}
