/* pin.c - control pages: made by the agent, written by the client, lines given out by a bitmap private to the client. */
#include <tarn/pin.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel.h"

#define PAGE_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static bool size_ok(uint32_t bytes)
{
    return bytes >= 4096 && bytes % 4096 == 0 && bytes <= TARN_CONTROL_BYTES_MAX;
}

static struct tarn_pin_page *page_of(void *mapping, uint32_t bytes)
{
    struct tarn_pin_page *p = calloc(1, sizeof *p);

    if (!p)
        return NULL;
    p->page = mapping;
    p->bytes = bytes;
    p->lines = TARN_CONTROL_LINES(bytes);
    return p;
}

static int map_page(int fd, uint32_t bytes, struct tarn_pin_page **ret, struct tarn_error *err)
{
    void *m = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    struct tarn_pin_page *p;

    if (m == MAP_FAILED)
        return tarn_error_set(err, TARN_E_IO, "mapping a control page of %u bytes: %s", bytes, strerror(errno));
    p = page_of(m, bytes);
    if (!p) {
        (void)munmap(m, bytes);
        return tarn_error_set(err, TARN_E_NOMEM, "control page: out of memory");
    }
    *ret = p;
    return 0;
}

int tarn_pin_page_new(uint32_t bytes, struct tarn_pin_page **ret, int *ret_fd, struct tarn_error *err)
{
    int fd, rc;

    if (!bytes)
        bytes = TARN_CONTROL_BYTES_DEFAULT;
    if (!size_ok(bytes))
        return tarn_error_set(err, TARN_E_INVAL, "control page of %u bytes: must be a multiple of 4096 up to %u", bytes,
                              TARN_CONTROL_BYTES_MAX);
    fd = memfd_create("tarn-control", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
    if (fd < 0 && errno == EINVAL)
        fd = memfd_create("tarn-control", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return tarn_error_set(err, TARN_E_IO, "memfd_create for a control page: %s", strerror(errno));
    if (ftruncate(fd, bytes) || fcntl(fd, F_ADD_SEALS, PAGE_SEALS))
        rc = tarn_error_set(err, TARN_E_IO, "preparing a control page: %s", strerror(errno));
    else
        rc = map_page(fd, bytes, ret, err);
    if (rc)
        (void)close(fd);
    else
        *ret_fd = fd;
    return rc;
}

int tarn_pin_page_map(int fd, uint32_t bytes, struct tarn_pin_page **ret, struct tarn_error *err)
{
    struct stat st;
    int seals = fcntl(fd, F_GET_SEALS), rc;

    if (seals < 0 || (seals & PAGE_SEALS) != PAGE_SEALS)
        return tarn_error_set(err, TARN_E_CORRUPT, "control page is not sealed as it must be");
    if (!size_ok(bytes) || fstat(fd, &st) || st.st_size != (off_t)bytes)
        return tarn_error_set(err, TARN_E_CORRUPT, "control page has not the %u bytes that WELCOME said", bytes);
    rc = map_page(fd, bytes, ret, err);
    if (!rc && madvise((*ret)->page, bytes, MADV_DONTFORK))
        rc = tarn_error_set(err, TARN_E_IO, "control page: MADV_DONTFORK: %s", strerror(errno));
    if (rc == TARN_E_IO && *ret)
        tarn_pin_page_free(*ret), *ret = NULL;
    return rc;
}

int tarn_pin_page_new_private(uint32_t bytes, struct tarn_pin_page **ret)
{
    void *m;

    if (!bytes)
        bytes = TARN_CONTROL_BYTES_DEFAULT;
    if (!size_ok(bytes))
        return TARN_E_INVAL;
    m = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (m == MAP_FAILED)
        return TARN_E_NOMEM;
    *ret = page_of(m, bytes);
    if (!*ret)
        (void)munmap(m, bytes);
    return *ret ? 0 : TARN_E_NOMEM;
}

void tarn_pin_page_free(struct tarn_pin_page *p)
{
    if (!p)
        return;
    (void)munmap(p->page, p->bytes);
    free(p);
}

/* Tell the agent how many lines to scan. It must see this before a pin in the line: the pin is stored later by the same
 * process and the agent scans behind a seq_cst fence, so that what covers the pin (pin.h, model step R2/R3) covers this store too. */
static void raise_high(struct tarn_control_page *page, uint32_t lines)
{
    uint32_t seen = atomic_load_explicit(&page->high, memory_order_relaxed);

    while (seen < lines &&
           !atomic_compare_exchange_weak_explicit(&page->high, &seen, lines, memory_order_seq_cst, memory_order_relaxed))
        ;
}

int tarn_pin_claim(struct tarn_pin_page *p, struct tarn_pin_line **ret)
{
    for (uint32_t w = 0; w * 64 < p->lines; w++) {
        uint64_t used = atomic_load_explicit(&p->used[w], memory_order_relaxed);

        while (~used) {
            uint32_t bit = (uint32_t)__builtin_ctzll(~used);

            if (w * 64 + bit >= p->lines)
                return TARN_E_LIMIT;
            /* acquire: pairs with the release in tarn_pin_release; the last user is done with the line. */
            if (!atomic_compare_exchange_weak_explicit(&p->used[w], &used, used | UINT64_C(1) << bit,
                                                       memory_order_acquire, memory_order_relaxed))
                continue;
            raise_high(p->page, w * 64 + bit + 1);
            *ret = &p->page->line[w * 64 + bit];
            return 0;
        }
    }
    return TARN_E_LIMIT;
}

void tarn_pin_release(struct tarn_pin_page *p, struct tarn_pin_line *line)
{
    uint32_t i;

    if (!line)
        return;
    i = (uint32_t)(line - p->page->line);
    /* release: reads under this pin come before the agent sees it gone (collect.c scans with acquire). */
    atomic_store_explicit(&line->pin, 0, memory_order_release);
    atomic_fetch_and_explicit(&p->used[i / 64], ~(UINT64_C(1) << i % 64), memory_order_release);
}

uint32_t tarn_pin_used(const struct tarn_pin_page *p)
{
    uint32_t n = 0;

    for (uint32_t w = 0; w < TARN_PIN_WORDS; w++)
        n += (uint32_t)__builtin_popcountll(atomic_load_explicit(&p->used[w], memory_order_relaxed));
    return n;
}

uint64_t tarn_pin_arm(struct tarn_pin_page *p, const _Atomic uint64_t *commit_seq)
{
    atomic_store_explicit(&p->page->armed, 1, memory_order_seq_cst);
    /* Model step D2: our arming before our look at commit_seq. Pairs with the fence in ring_doorbells() (collect.c): either the
     * writer sees us armed, or we see its commit. */
    atomic_thread_fence(memory_order_seq_cst);
    return atomic_load_explicit(commit_seq, memory_order_acquire);
}
