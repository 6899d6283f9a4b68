/* explore.c - depth first over all states, each remembered in a hash set. */
#include "explore.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum memory_model model;
static struct state *set;
static uint8_t *used;
static uint64_t set_cap, set_n;
static struct state *stack;
static uint64_t stack_n, stack_cap;
static struct result *result;

static uint64_t hash(const struct state *s)
{
    const unsigned char *p = (const unsigned char *)s;
    uint64_t h = sizeof *s, word;
    size_t i = 0;

    for (; i + 8 <= sizeof *s; i += 8) {
        memcpy(&word, p + i, 8);
        h = (h ^ word) * 0x9fb21c651e98df25ull;
        h ^= h >> 28;
    }
    for (; i < sizeof *s; i++)
        h = (h ^ p[i]) * 0x100000001b3ull;
    return h ^ h >> 31;
}

static bool insert(const struct state *s)
{
    uint64_t i = hash(s) & (set_cap - 1);

    for (; used[i]; i = (i + 1) & (set_cap - 1))
        if (!memcmp(&set[i], s, sizeof *s))
            return false;
    used[i] = 1;
    set[i] = *s;
    set_n++;
    return true;
}

static void grow(void)
{
    struct state *old = set;
    uint8_t *old_used = used;
    uint64_t old_cap = set_cap;

    set_cap = old_cap ? old_cap * 2 : 1 << 14;
    set = malloc(set_cap * sizeof *set);
    used = calloc(set_cap, 1);
    set_n = 0;
    for (uint64_t i = 0; i < old_cap; i++)
        if (old_used[i])
            (void)insert(&old[i]);
    free(old);
    free(old_used);
}

void explore_also(const struct state *s)
{
    if (stack_n == stack_cap) {
        stack_cap = stack_cap ? stack_cap * 2 : 1024;
        stack = realloc(stack, stack_cap * sizeof *stack);
    }
    stack[stack_n++] = *s;
}

uint8_t explore_load(const struct state *s, unsigned t, unsigned var)
{
    for (unsigned i = s->thread[t].n; i-- > 0;)
        if (s->thread[t].buffer[i].var == var)
            return s->thread[t].buffer[i].val;
    return s->mem[var];
}

static bool store(struct state *s, unsigned t, unsigned var, uint8_t val, bool barrier)
{
    unsigned n = s->thread[t].n;

    if (model == MODEL_SC) {
        s->mem[var] = val;
        return true;
    }
    if (n == WORLD_BUFFER)
        return false;
    s->thread[t].buffer[n].var = (uint8_t)var;
    s->thread[t].buffer[n].val = val;
    s->thread[t].buffer[n].barrier |= barrier;
    s->thread[t].n++;
    return true;
}

bool explore_store(struct state *s, unsigned t, unsigned var, uint8_t val)
{
    return store(s, t, var, val, false);
}

bool explore_release(struct state *s, unsigned t, unsigned var, uint8_t val)
{
    return store(s, t, var, val, true);
}

void explore_store_fence(struct state *s, unsigned t)
{
    if (model != MODEL_SC && s->thread[t].n < WORLD_BUFFER)
        s->thread[t].buffer[s->thread[t].n].barrier = 1; /* of the next store */
}

bool explore_fenced(const struct state *s, unsigned t)
{
    return !s->thread[t].n;
}

void explore_wrong(const char *fmt, ...)
{
    va_list ap;

    if (!result->wrong++) {
        va_start(ap, fmt);
        (void)vsnprintf(result->first, sizeof result->first, fmt, ap);
        va_end(ap);
    }
}

/* May entry i reach memory now? */
static bool may_drain(const struct state *s, unsigned t, unsigned i)
{
    if (model == MODEL_TSO)
        return i == 0;
    if (s->thread[t].buffer[i].barrier && i)
        return false;
    for (unsigned k = 0; k < i; k++)
        if (s->thread[t].buffer[k].var == s->thread[t].buffer[i].var || (k && s->thread[t].buffer[k].barrier))
            return false;
    return true;
}

/* The flag of a fence that waits in the slot behind the last entry moves along with the entries. */
static void drain(const struct state *from, unsigned t, unsigned i)
{
    struct state s = *from;

    s.mem[s.thread[t].buffer[i].var] = s.thread[t].buffer[i].val;
    memmove(&s.thread[t].buffer[i], &s.thread[t].buffer[i + 1], (WORLD_BUFFER - i - 1) * sizeof s.thread[t].buffer[0]);
    memset(&s.thread[t].buffer[WORLD_BUFFER - 1], 0, sizeof s.thread[t].buffer[0]);
    s.thread[t].n--;
    s.thread[t].buffer[0].barrier = 0; /* at the front it holds nothing back */
    explore_also(&s);
}

static bool expand(const struct world *w, const struct state *from, unsigned flags)
{
    bool moved = false;

    for (unsigned t = 0; t < w->threads; t++) {
        struct state s = *from;

        if (w->step(&s, t, flags)) {
            moved = true;
            explore_also(&s);
        }
        for (unsigned i = 0; i < from->thread[t].n; i++)
            if (may_drain(from, t, i)) {
                moved = true;
                drain(from, t, i);
            }
    }
    return moved;
}

void explore(const struct world *w, enum memory_model m, unsigned flags, struct result *ret)
{
    struct state s;

    model = m;
    result = ret;
    *ret = (struct result){0};
    memset(&s, 0, sizeof s);
    w->begin(&s, flags);
    explore_also(&s);
    while (stack_n) {
        s = stack[--stack_n];
        if (set_n * 2 >= set_cap)
            grow();
        if (!insert(&s))
            continue;
        ret->states++;
        if (!expand(w, &s, flags) && w->end)
            w->end(&s, flags);
    }
    free(set);
    free(used);
    free(stack);
    set = NULL;
    used = NULL;
    stack = NULL;
    set_cap = set_n = stack_cap = 0;
}
