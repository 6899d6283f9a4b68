#include "chaos.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tarn_test.h"

static uint64_t below(struct chaos *c, uint64_t n)
{
    return fake_random(&c->seed) % n;
}

struct tarn_reflector_status chaos_status(struct chaos *c)
{
    struct tarn_reflector_status s;

    tarn_reflector_status(c->r, &s);
    return s;
}

/* The driver looks. */
static void look(struct chaos *c)
{
    c->told_ms = tarn_reflector_deadline_ms(c->r);
    c->told = chaos_status(c);
}

static void on_change(void *ctx, struct tarn_reflector *r)
{
    (void)r;
    look(ctx);
}

struct chaos *chaos_new(uint64_t seed, struct tarn_reflector_options o, struct tarn_store *real)
{
    struct chaos *c = calloc(1, sizeof *c);

    if (!c)
        abort();
    c->seed = seed;
    c->rt = fake_runtime_init();
    c->rt.seeded = true;
    c->rt.seed = seed + 1;
    fake_source_init(&c->source, &c->rt.rt, seed + 2);
    fake_store_init(&c->store, !real && below(c, 4) == 0);
    o.list_watch = &c->source.lw;
    o.store = &c->store.store;
    if (real) {
        c->tee = tee_store_init(&c->store, real);
        o.store = &c->tee.store;
    }
    o.rt = &c->rt.rt;
    o.name = "pods";
    o.on_change = on_change;
    o.ctx = c;
    if (tarn_reflector_new(&o, &c->r, NULL) < 0)
        abort();
    return c;
}

void chaos_free(struct chaos *c)
{
    tarn_reflector_free(c->r);
    CU_ASSERT_EQUAL(c->store.misuses, 0);
    CU_ASSERT_EQUAL(c->source.overlaps, 0);
    CU_ASSERT_EQUAL(c->tee.disagreements, 0);
    tarn_store_free(c->tee.real);
    tarn_store_free(&c->store.store);
    fake_source_release(&c->source);
    free(c);
}

/* (a) */
static void note_requests(struct chaos *c)
{
    uint64_t now = c->rt.now_ms;
    unsigned n = 0;

    while (c->requests < c->source.first_pages && c->requests < sizeof c->times / sizeof *c->times)
        c->times[c->requests++] = now;
    for (unsigned i = c->requests; i-- > 0 && c->times[i] + 60000 > now;)
        n++;
    if (n > c->most)
        c->most = n;
}

/* (c), (d), (e) */
static void check(struct chaos *c)
{
    struct tarn_reflector_status s = chaos_status(c);

    CU_ASSERT_FATAL(tarn_reflector_deadline_ms(c->r) >= c->told_ms);
    CU_ASSERT_FATAL(s.phase == c->told.phase && s.live == c->told.live && s.has_synced == c->told.has_synced);
    CU_ASSERT_FATAL(s.behind == c->told.behind && s.last_error.code == c->told.last_error.code);
    CU_ASSERT(s.has_synced || !c->synced);
    c->synced = s.has_synced;
    if (c->strayed && (s.counters.lists_ok != c->commits || s.counters.rv_rewinds != c->rewinds))
        c->strayed = s.counters.lists_ok == c->commits; /* a rewind is noticed first, healed by the list */
    if (c->tee.real)
        CU_ASSERT_FATAL(tee_store_agrees(&c->tee));
    if (!s.has_synced || c->strayed)
        return;
    CU_ASSERT_FATAL(s.resource_version.number <= c->source.rv);
    if (!fake_table_equal(&c->store.now, fake_source_state(&c->source, s.resource_version.number))) {
        fprintf(stderr, "at %llu the store is %s\nlog %s\n", (unsigned long long)s.resource_version.number, fake_store_text(&c->store), c->store.log);
        CU_FAIL_FATAL("the store is not the server's state at the reflector's version");
    }
}

/* Let ms pass; the server answers at once unless it is silent. */
void chaos_pass(struct chaos *c, uint64_t ms)
{
    uint64_t end = c->rt.now_ms + ms;
    unsigned spins = 0;

    for (;;) {
        uint64_t at = tarn_reflector_deadline_ms(c->r);

        if (at > c->rt.now_ms && !fake_source_pump(&c->source)) {
            uint64_t next = c->rt.now_ms + 5000; /* so that a silent server gets its turn */

            if (c->rt.now_ms >= end)
                return;
            next = at < next ? at : next;
            c->rt.now_ms = next < end ? next : end;
            spins = 0;
        }
        if (at <= c->rt.now_ms) {
            tarn_reflector_on_timer(c->r);
            c->told_ms = tarn_reflector_deadline_ms(c->r); /* a driver looks at it after each on_timer */
        }
        if (c->after_turn)
            c->after_turn(c->turn_ctx);
        note_requests(c);
        check(c);
        if (++spins > 10000) {
            CU_FAIL_FATAL("a hot loop");
        }
    }
}

/* Any key of twelve. Static buffer. */
const char *chaos_key(struct chaos *c)
{
    static char key[16];

    (void)snprintf(key, sizeof key, "ns/pod-%02u", (unsigned)below(c, 12));
    return key;
}

/* From here until the next list the store is not what its version says. */
void chaos_stray(struct chaos *c)
{
    struct tarn_reflector_status s = chaos_status(c);

    c->strayed = true;
    c->commits = (unsigned)s.counters.lists_ok;
    c->rewinds = (unsigned)s.counters.rv_rewinds;
}

static void restore(struct chaos *c)
{
    struct tarn_reflector_status s = chaos_status(c);
    unsigned long rv = c->source.rv - below(c, c->source.rv / 2 + 1);

    if (rv == c->source.rv || rv == 0)
        return;
    if (s.has_synced && s.resource_version.number > rv)
        chaos_stray(c);
    fake_source_restore(&c->source, rv);
}

static void change_something(struct chaos *c)
{
    if (c->strayed) /* changes on a new branch that overtakes ours before anyone lists are beyond finding out */
        return;
    switch (below(c, 40)) {
    case 0:
        fake_source_reset_watch(&c->source);
        break;
    case 1:
        restore(c);
        break;
    case 2 ... 13:
        fake_source_delete(&c->source, chaos_key(c));
        break;
    default:
        fake_source_put(&c->source, chaos_key(c));
    }
}

static void let_the_store_refuse(struct chaos *c)
{
    static const int codes[] = {TARN_E_FULL, TARN_E_NOMEM};
    enum fake_store_call call = (enum fake_store_call)below(c, FAKE_STORE_CALLS);

    c->store.refuse[call] = codes[below(c, 2)];
    c->store.refusals[call] = 1 + (int)below(c, 2);
}

void chaos_live_through(struct chaos *c, unsigned steps)
{
    for (unsigned i = 0; i < steps; i++) {
        for (uint64_t n = below(c, 4); n > 0; n--)
            change_something(c);
        if (below(c, 30) == 0)
            let_the_store_refuse(c);
        if (below(c, 100) == 0)
            tarn_reflector_relist(c->r);
        chaos_pass(c, below(c, 10) ? below(c, 4000) : below(c, 200000));
        if (below(c, 200) == 0) {
            tarn_reflector_stop(c->r);
            check(c);
            tarn_reflector_start(c->r);
        }
    }
}

/* (b) */
void chaos_converge(struct chaos *c)
{
    struct tarn_reflector_status s;

    c->source.fault_per_mille = 0;
    memset(c->store.refuse, 0, sizeof c->store.refuse);
    chaos_pass(c, 1200 * 1000);
    s = chaos_status(c);
    CU_ASSERT(s.has_synced && s.live && !s.behind);
    CU_ASSERT_EQUAL(s.last_error.code, 0);
    CU_ASSERT_FALSE(c->strayed);
    CU_ASSERT(fake_table_equal(&c->store.now, &c->source.state));
    fake_source_put(&c->source, "ns/last");
    chaos_pass(c, 1000);
    CU_ASSERT(fake_table_equal(&c->store.now, &c->source.state));
}

struct tarn_reflector_options chaos_options(uint64_t seed)
{
    return (struct tarn_reflector_options){.page_size = seed % 3 ? 2 : 0,
                                           .streaming_list = seed % 2,
                                           .resync_period_ms = seed % 5 ? 0 : 30000,
                                           .relist_period_ms = seed % 7 ? 0 : 400000,
                                           .internal_error_retry_ms = seed % 4 ? 0 : 5000,
                                           .start_delay_ms = seed % 6 ? 0 : 3000};
}

