/* The region's allocator: no overlap, alignment, classes, giving back, and what it does at the end of memory. */
/* tarn-test: threads */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../shm/alloc.h"
#include "../../shm/bytes_shm.h"
#include "../../shm/crc32c.h"
#include "../../shm/u64map.h"
#include "tarn_test.h"

#define REGION (16u << 20)

static char *map(void)
{
    char *raw = mmap(NULL, REGION + TARN_REGION_CHUNK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return (char *)(((uintptr_t)raw + TARN_REGION_CHUNK_BYTES - 1) & ~(uintptr_t)(TARN_REGION_CHUNK_BYTES - 1));
}

static void classes_cover_every_size_with_little_waste(void)
{
    for (uint64_t bytes = 1; bytes <= TARN_ALLOC_CLASS_MAX; bytes += bytes < 5000 ? 1 : 97) {
        unsigned c = tarn_alloc_class(bytes);
        uint32_t size = tarn_alloc_class_bytes(c);

        CU_ASSERT_TRUE(c < TARN_ALLOC_CLASSES && size >= bytes && size % 16 == 0);
        CU_ASSERT_TRUE(bytes <= 64 || size % 64 == 0);
        CU_ASSERT_TRUE(c == 0 || tarn_alloc_class_bytes(c - 1) < bytes);
        CU_ASSERT_TRUE(bytes < 1024 || size <= bytes + bytes / 8 + 64);
    }
    CU_ASSERT_EQUAL(tarn_alloc_class_bytes(TARN_ALLOC_CLASSES - 1), TARN_ALLOC_CLASS_MAX);
}

struct piece {
    uint32_t ref, bytes;
};

/* Random gets and puts; a map of 16-byte units tells an overlap. */
static void pieces_never_overlap_and_all_comes_back(void)
{
    static unsigned char used[REGION / 16];
    static struct piece pieces[4000];
    struct tarn_alloc a;
    uint64_t seed = 88172645463325252ull, full = 0;
    unsigned n = 0;

    memset(used, 0, sizeof used);
    CU_ASSERT_EQUAL_FATAL(tarn_alloc_init(&a, map(), REGION, false), 0);
    for (int i = 0; i < 200000; i++) {
        seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
        if (n < 4000 && seed % 100 < 52) {
            uint32_t bytes = (uint32_t)(seed >> 20) % (seed % 1000 ? seed % 30 ? 2000 : 60000 : 3000000) + 1, ref;
            int rc = tarn_alloc_get(&a, bytes, TARN_ALLOC_NORMAL, &ref);

            if (rc) {
                full++;
                continue;
            }
            CU_ASSERT_TRUE(tarn_alloc_bytes(&a, ref) >= bytes && ref >= TARN_REGION_HEADER_BYTES / 16);
            CU_ASSERT_TRUE(bytes <= 64 || ref % 4 == 0);
            for (uint64_t u = ref; u < ref + (bytes + 15) / 16; u++) {
                CU_ASSERT_TRUE(u < REGION / 16 && !used[u]);
                used[u] = 1;
            }
            pieces[n++] = (struct piece){ref, bytes};
        } else if (n) {
            unsigned k = (unsigned)(seed >> 8) % n;

            memset(used + pieces[k].ref, 0, (pieces[k].bytes + 15) / 16);
            tarn_alloc_put(&a, pieces[k].ref);
            pieces[k] = pieces[--n];
        }
    }
    CU_ASSERT_TRUE(full > 0);
    while (n)
        tarn_alloc_put(&a, pieces[--n].ref);
    CU_ASSERT_EQUAL(a.used_bytes, 0);
    CU_ASSERT_EQUAL(a.free_units, a.nunits);
    tarn_alloc_release(&a);
}

static void the_end_of_memory_is_full_and_the_reserve_is_for_the_urgent(void)
{
    struct tarn_alloc a;
    uint32_t ref, n = 0;
    int rc;

    CU_ASSERT_EQUAL_FATAL(tarn_alloc_init(&a, map(), REGION, false), 0);
    while (!(rc = tarn_alloc_get(&a, 1000, TARN_ALLOC_NORMAL, &ref)))
        n++;
    CU_ASSERT_EQUAL(rc, TARN_E_FULL);
    CU_ASSERT_TRUE(n > REGION / 1024 * 95 / 100);
    CU_ASSERT_EQUAL(tarn_alloc_get(&a, 5u << 20, TARN_ALLOC_NORMAL, &ref), TARN_E_FULL);
    CU_ASSERT_EQUAL(tarn_alloc_get(&a, 200, TARN_ALLOC_URGENT, &ref), 0);
    tarn_alloc_release(&a);
}

/* A small region must hold many sizes: each class takes little, and a larger slot serves when groups are out. */
static void many_sizes_fit_a_small_region(void)
{
    struct tarn_alloc a;
    uint32_t ref;
    uint64_t sum = 0;

    CU_ASSERT_EQUAL_FATAL(tarn_alloc_init(&a, map(), 4u << 20, false), 0);
    for (uint32_t bytes = 16; sum < (2u << 20); bytes = bytes % 9000 + 64, sum += bytes)
        CU_ASSERT_EQUAL(tarn_alloc_get(&a, bytes, TARN_ALLOC_NORMAL, &ref), 0);
    tarn_alloc_release(&a);
}

static void each_failing_population_is_an_error_and_nothing_is_lost(void)
{
    for (uint32_t at = 1; at < 8; at++) {
        struct tarn_alloc a;
        uint32_t ref, ok = 0, failed = 0;

        CU_ASSERT_EQUAL_FATAL(tarn_alloc_init(&a, map(), REGION, false), 0);
        a.populate.fault_at = at;
        for (int i = 0; i < 14; i++) {
            int rc = tarn_alloc_get(&a, 1u << 20, TARN_ALLOC_NORMAL, &ref);

            ok += !rc;
            failed += rc == TARN_E_FULL;
        }
        CU_ASSERT_EQUAL(atomic_load(&a.populate.failed), 1);
        CU_ASSERT_TRUE(ok >= 13 && ok + failed == 14); /* memory elsewhere may serve */
        tarn_alloc_release(&a);
    }
}

/* A region that grows has its next chunks before it needs them; what is taken twice counts once, and each byte is there. */
static void a_helper_takes_memory_ahead(void)
{
    const uint64_t bytes = 128u << 20, chunks = bytes / TARN_REGION_CHUNK_BYTES;
    char *raw = mmap(NULL, bytes + TARN_REGION_CHUNK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *base = (char *)(((uintptr_t)raw + TARN_REGION_CHUNK_BYTES - 1) & ~(uintptr_t)(TARN_REGION_CHUNK_BYTES - 1));
    struct tarn_alloc a;
    uint32_t ref;
    uint64_t used = 0, most = 0;

    CU_ASSERT_EQUAL_FATAL(tarn_alloc_init(&a, base, bytes, false), 0);
    tarn_populate_ahead(&a.populate, tarn_runtime_posix());
    CU_ASSERT_PTR_NOT_NULL(a.populate.thread);
    while (used < (64u << 20)) {
        CU_ASSERT_EQUAL_FATAL(tarn_alloc_get(&a, 4096, TARN_ALLOC_NORMAL, &ref), 0);
        memset(base + ((uint64_t)ref << TARN_REGION_UNIT_SHIFT), 0x5a, 4096);
        used += 4096;
    }
    for (int tries = 0; tries < 3000 && most < used / TARN_REGION_CHUNK_BYTES + 8; tries++) {
        most = tarn_populate_count(&a.populate);
        (void)usleep(10000);
    }
    CU_ASSERT_TRUE(most >= used / TARN_REGION_CHUNK_BYTES + 8 && most <= chunks); /* it stays ahead */
    CU_ASSERT_EQUAL(atomic_load(&a.populate.failed), 0);
    tarn_alloc_release(&a);
    (void)munmap(raw, bytes + TARN_REGION_CHUNK_BYTES);
}

static void a_small_region_has_no_helper(void)
{
    struct tarn_alloc a;

    CU_ASSERT_EQUAL_FATAL(tarn_alloc_init(&a, map(), REGION, false), 0);
    tarn_populate_ahead(&a.populate, tarn_runtime_posix());
    CU_ASSERT_PTR_NULL(a.populate.thread);
    tarn_alloc_release(&a);
}

static void crc32c_agrees_with_its_table_and_the_rfc(void)
{
    unsigned char data[300];
    uint32_t seed = 7;

    memset(data, 0, sizeof data);
    CU_ASSERT_EQUAL(tarn_crc32c(data, 32), 0x8a9136aau); /* RFC 3720 B.4 */
    CU_ASSERT_EQUAL(tarn_crc32c("123456789", 9), 0xe3069283u);
    for (size_t n = 0; n < sizeof data; n++) {
        seed = seed * 1103515245u + 12345u;
        data[n] = (unsigned char)(seed >> 16);
        CU_ASSERT_EQUAL(tarn_crc32c(data, n), tarn_crc32c_table(data, n));
    }
}

/* Vectors of docs/region-format.md's hash, computed by an independent program from its words. */
static void the_hash_is_the_documented_one(void)
{
    static const struct {
        uint64_t space;
        const char *key;
        uint64_t hash;
    } rows[] = {
        {UINT64_C(0x1), "", UINT64_C(0xec92a19ca66b6868)},
        {UINT64_C(0x1), "a", UINT64_C(0xe55a3637e20831bf)},
        {UINT64_C(0x2), "node-7", UINT64_C(0x31b916bec35b4a11)},
        {UINT64_C(0x3), "kube-system", UINT64_C(0x9a54b0c3e5f4ac77)},
        {UINT64_C(0x3), "default/web-1234", UINT64_C(0xac8cdd3821deb26e)},
        {UINT64_C(0x3), "ns-123/workload-0a1b2c-4567d", UINT64_C(0xc72692e7476d88f6)},
        {UINT64_C(0x8000000000050009), "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", UINT64_C(0x8911fe40cdd8c411)},
    };
    static const uint64_t seed[2] = {UINT64_C(0x0123456789abcdef), UINT64_C(0xfedcba9876543211)};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        CU_ASSERT_EQUAL(tarn_hash(seed, rows[i].space, rows[i].key, strlen(rows[i].key)), rows[i].hash);
}

static void keys_are_compared_to_their_last_byte(void)
{
    _Alignas(8) char shared[48];
    char own[40]; /* its end is the end: ASan sees a byte read behind it */

    for (size_t n = 1; n <= sizeof own; n++) {
        char *key = own + sizeof own - n;

        memset(shared, 0xee, sizeof shared); /* what stands behind a key is nobody's business */
        for (size_t i = 0; i < n; i++)
            shared[i] = key[i] = (char)(i * 37 + n);
        CU_ASSERT_TRUE(tarn_same_bytes(shared, key, n));
        for (size_t i = 0; i < n; i++) {
            shared[i] ^= (char)(i % 2 ? 0x80 : 1);
            CU_ASSERT_FALSE(tarn_same_bytes(shared, key, n));
            shared[i] = key[i];
        }
    }
}

static void the_private_map_agrees_with_an_array(void)
{
    static uint64_t model[512];
    struct tarn_u64map m = {0};
    uint64_t seed = 5, n = 0;

    for (int i = 0; i < 100000; i++) {
        seed = seed * 6364136223846793005ull + 1442695040888963407ull;
        uint64_t key = (seed >> 33) % 512;

        if (seed >> 62) {
            CU_ASSERT_EQUAL(tarn_u64map_reserve(&m, 1), 0);
            tarn_u64map_put(&m, key + 1, seed | 1);
            n += !model[key];
            model[key] = seed | 1;
        } else {
            CU_ASSERT_EQUAL(tarn_u64map_remove(&m, key + 1), model[key] != 0);
            n -= model[key] != 0;
            model[key] = 0;
        }
        CU_ASSERT_EQUAL(m.n, n);
        key = (seed >> 13) % 512;
        CU_ASSERT_EQUAL(tarn_u64map_get(&m, key + 1) ? *tarn_u64map_get(&m, key + 1) : 0, model[key]);
    }
    tarn_u64map_release(&m);
}

TARN_TEST_MAIN("alloc", TARN_TEST(classes_cover_every_size_with_little_waste), TARN_TEST(pieces_never_overlap_and_all_comes_back),
               TARN_TEST(the_end_of_memory_is_full_and_the_reserve_is_for_the_urgent), TARN_TEST(many_sizes_fit_a_small_region),
               TARN_TEST(each_failing_population_is_an_error_and_nothing_is_lost), TARN_TEST(a_helper_takes_memory_ahead),
               TARN_TEST(a_small_region_has_no_helper), TARN_TEST(crc32c_agrees_with_its_table_and_the_rfc),
               TARN_TEST(the_private_map_agrees_with_an_array), TARN_TEST(the_hash_is_the_documented_one),
               TARN_TEST(keys_are_compared_to_their_last_byte))
