/* What a client checks before it believes a region, and what the seals forbid, root included. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "region_fixture.h"
#include "smaps.h"

static void a_region_maps_and_tells_its_facts(void)
{
    struct tarn_region_view v;
    struct tarn_region_facts facts;
    struct tarn_error err = {0};
    struct fixture f;

    fixture_open(&f, 8u << 20);
    CU_ASSERT_EQUAL_FATAL(tarn_region_view_map(tarn_writer_fd(f.w), &v, &err), 0);
    tarn_region_view_facts(&v, &facts);
    CU_ASSERT_EQUAL(facts.size, 8u << 20);
    CU_ASSERT_EQUAL(facts.commit_seq, tarn_writer_commit_seq(f.w));
    CU_ASSERT_EQUAL(facts.abi_major, TARN_REGION_ABI_MAJOR);
    CU_ASSERT_STRING_EQUAL(facts.realm, "cluster");
    CU_ASSERT_EQUAL((uintptr_t)v.base % TARN_REGION_CHUNK_BYTES, 0);
    CU_ASSERT_EQUAL(v.base[v.size + TARN_OBJECT_BYTES_MAX - 1], 0); /* readable behind the end */
    tarn_region_view_unmap(&v);
    fixture_close(&f);
}

/* Section 2.1 of the design of the region: every other way to write fails, also for root. */
static void nobody_else_can_write_it(void)
{
    struct fixture f;
    char path[64];
    int fd, again;

    fixture_open(&f, 8u << 20);
    fd = tarn_writer_fd(f.w);
    CU_ASSERT_EQUAL(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
    CU_ASSERT_EQUAL(write(fd, "x", 1), -1);
    CU_ASSERT_EQUAL(ftruncate(fd, 0), -1);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    again = open(path, O_RDWR);
    if (again >= 0) {
        CU_ASSERT_EQUAL(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, again, 0), MAP_FAILED);
        CU_ASSERT_EQUAL(pwrite(again, "x", 1, 0), -1);
        CU_ASSERT_EQUAL(ftruncate(again, 4096), -1);
        CU_ASSERT_EQUAL(fallocate(again, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), -1);
        (void)close(again);
    }
    fixture_close(&f);
}

/* Neither the agent's mapping nor a reader's: there may be Secrets in it. */
static void no_core_dump_holds_it(void)
{
    struct fixture f;
    struct tarn_region_view v;
    char *plain = malloc(64);

    fixture_open(&f, 8u << 20);
    CU_ASSERT(tarn_test_is_not_dumped(tarn_writer_view(f.w)->base));
    CU_ASSERT_EQUAL_FATAL(tarn_region_view_map(tarn_writer_fd(f.w), &v, NULL), 0);
    CU_ASSERT(tarn_test_is_not_dumped(v.base) && tarn_test_is_not_dumped((const char *)v.base + (8u << 20) - 1));
    CU_ASSERT_FALSE(tarn_test_is_not_dumped(plain));
    tarn_region_view_unmap(&v);
    fixture_close(&f);
    free(plain);
}

static void an_unsealed_file_is_refused(void)
{
    struct tarn_region_view v;
    struct tarn_error err = {0};
    int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    CU_ASSERT_EQUAL(ftruncate(fd, 8 << 20), 0);
    CU_ASSERT_EQUAL(tarn_region_view_map(fd, &v, &err), TARN_E_CORRUPT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "seal"));
    (void)close(fd);
    fd = open("/dev/zero", O_RDONLY);
    CU_ASSERT_EQUAL(tarn_region_view_map(fd, &v, &err), TARN_E_CORRUPT);
    (void)close(fd);
}

/* Each field of the header that a lie could stand in, and the answer. */
static void a_lying_header_is_refused(void)
{
    static const struct {
        size_t off;
        unsigned char x;
        int rc;
        const char *says;
    } rows[] = {
        {0, 1, TARN_E_CORRUPT, "magic"},   {8, 2, TARN_E_ABI, "libtarn"},      {16, 1, TARN_E_ABI, "byte order"},
        {24, 1, TARN_E_CORRUPT, "checksum"}, {40, 1, TARN_E_CORRUPT, "checksum"}, {64, 1, TARN_E_CORRUPT, "checksum"},
        {80, 1, TARN_E_ABI, "features"},   {124, 1, TARN_E_CORRUPT, "checksum"},
    };
    struct tarn_region_view v;
    struct fixture f;
    char *copy = malloc(8u << 20);

    fixture_open(&f, 8u << 20);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tarn_error err = {0};

        memcpy(copy, tarn_writer_view(f.w)->base, 8u << 20);
        copy[rows[i].off] ^= (char)rows[i].x;
        CU_ASSERT_EQUAL(tarn_region_view_of(copy, 8u << 20, &v, &err), rows[i].rc);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.message, rows[i].says));
    }
    memcpy(copy, tarn_writer_view(f.w)->base, 8u << 20);
    CU_ASSERT_EQUAL(tarn_region_view_of(copy, 4u << 20, &v, NULL), TARN_E_CORRUPT);
    CU_ASSERT_EQUAL(tarn_region_view_of(copy, 1u << 20, &v, NULL), TARN_E_CORRUPT);
    fixture_close(&f);
    free(copy);
}

static void a_newer_minor_is_read(void)
{
    struct tarn_region_view v;
    struct fixture f;
    char *copy = malloc(8u << 20);
    uint32_t crc = ~0u;

    fixture_open(&f, 8u << 20);
    memcpy(copy, tarn_writer_view(f.w)->base, 8u << 20);
    copy[10] = 9; /* minor */
    copy[88] = 1; /* a compatible feature */
    for (int i = 0; i < 124; i++) { /* crc32c, bit by bit */
        crc ^= (unsigned char)copy[i];
        for (int b = 0; b < 8; b++)
            crc = crc & 1 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
    }
    crc = ~crc;
    memcpy(copy + 124, &crc, 4);
    CU_ASSERT_EQUAL(tarn_region_view_of(copy, 8u << 20, &v, NULL), 0);
    fixture_close(&f);
    free(copy);
}

TARN_TEST_MAIN("region", TARN_TEST(a_region_maps_and_tells_its_facts), TARN_TEST(nobody_else_can_write_it), TARN_TEST(no_core_dump_holds_it), TARN_TEST(an_unsealed_file_is_refused),
               TARN_TEST(a_lying_header_is_refused), TARN_TEST(a_newer_minor_is_read))
