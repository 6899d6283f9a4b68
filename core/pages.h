/* pages.h - a hint for the tables that are read at random: large pages, so that a look-up does not miss in the TLB too. */
#ifndef TARN_CORE_PAGES_H
#define TARN_CORE_PAGES_H

#include <stddef.h>
#include <stdint.h>

#include <sys/mman.h>

#define TARN_PAGES_LARGE ((size_t)2 << 20)

/*
 * Call it once the memory [p, p + bytes) from malloc has been taken and before it is filled. Blocks of several large pages are mappings
 * of their own, so nothing else is meant by it. Where the system has none, or never gives any, nothing happens.
 */
static inline void tarn_pages_hint(void *p, size_t bytes)
{
#ifdef MADV_HUGEPAGE
    uintptr_t begin = ((uintptr_t)p + TARN_PAGES_LARGE - 1) & ~(uintptr_t)(TARN_PAGES_LARGE - 1);
    uintptr_t end = ((uintptr_t)p + bytes) & ~(uintptr_t)(TARN_PAGES_LARGE - 1);

    if (bytes >= 2 * TARN_PAGES_LARGE && end > begin)
        (void)madvise((void *)begin, end - begin, MADV_HUGEPAGE);
#else
    (void)p;
    (void)bytes;
#endif
}

#endif
