#include "fake_runtime.h"

#include <stddef.h>

static uint64_t now_ms(struct tarn_runtime *rt)
{
    return ((struct fake_runtime *)rt)->now_ms;
}

uint64_t fake_random(uint64_t *seed)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint64_t draw(struct tarn_runtime *rt)
{
    struct fake_runtime *f = (struct fake_runtime *)rt;

    return f->seeded ? fake_random(&f->seed) : f->fixed;
}

struct fake_runtime fake_runtime_init(void)
{
    static const struct tarn_runtime_ops ops = {.now_ms = now_ms, .random = draw};

    return (struct fake_runtime){.rt.ops = &ops, .now_ms = 1000 * 1000};
}
