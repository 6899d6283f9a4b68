/* Forks: a child must not use the parent's pins or socket, so it counts as another process from its first instruction. */
#include "internal.h"

_Atomic uint32_t tarn_fork_count;

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void in_child(void)
{
    atomic_fetch_add_explicit(&tarn_fork_count, 1, memory_order_relaxed);
}

static void install(void)
{
    (void)pthread_atfork(NULL, NULL, in_child);
}

void tarn_fork_watch(void)
{
    (void)pthread_once(&once, install);
}
