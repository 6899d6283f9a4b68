/* fault.c - stands before malloc, calloc, realloc and free in test programs (see fault.h). */
#include "fault.h"

#include <stdatomic.h>
#include <stddef.h>

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void __real_free(void *p);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void __wrap_free(void *p);

/* Allocations still to go through before the one that fails; below 0: none fails. Relaxed everywhere: a count
 * that publishes nothing, and tests arm it on the thread they measure. */
static atomic_long countdown = -1;
static atomic_bool fired;
static atomic_long blocks;

void tarn_fault_arm(long n)
{
    atomic_store_explicit(&fired, false, memory_order_relaxed);
    atomic_store_explicit(&countdown, n, memory_order_relaxed);
}

bool tarn_fault_disarm(void)
{
    atomic_store_explicit(&countdown, -1, memory_order_relaxed);
    return atomic_load_explicit(&fired, memory_order_relaxed);
}

long tarn_fault_blocks(void)
{
    return atomic_load_explicit(&blocks, memory_order_relaxed);
}

static bool fails(void)
{
    if (atomic_load_explicit(&countdown, memory_order_relaxed) < 0)
        return false;
    if (atomic_fetch_sub_explicit(&countdown, 1, memory_order_relaxed) != 0)
        return false;
    atomic_store_explicit(&fired, true, memory_order_relaxed);
    return true;
}

static void *counted(void *p)
{
    if (p)
        atomic_fetch_add_explicit(&blocks, 1, memory_order_relaxed);
    return p;
}

void *__wrap_malloc(size_t n)
{
    return fails() ? NULL : counted(__real_malloc(n));
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : counted(__real_calloc(n, size));
}

void *__wrap_realloc(void *p, size_t n)
{
    if (fails())
        return NULL;
    return p ? __real_realloc(p, n) : counted(__real_realloc(p, n));
}

void __wrap_free(void *p)
{
    if (p)
        atomic_fetch_sub_explicit(&blocks, 1, memory_order_relaxed);
    __real_free(p);
}
