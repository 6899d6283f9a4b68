/* ladder.c - the pressure ladder: which pins are honoured when memory is short.
 *
 *     0  all pins                      3  active pins older than the lease may go
 *     1  parked pins may go            4  writes are refused, older data is served
 *     2  ask for a second generation
 *
 * One step at a time, each only if memory is still short and what is retired is held by pins. Control pages are
 * believed nothing: a pin above the newest commit counts as it. One below the horizon counts as the horizon: its reader may have
 * been slow between R1 and R2, then its snapshot is as new as that; but a pin that was revoked stays so until it changes.
 */
#include "writer_impl.h"

#include <stdlib.h>

static struct tarn_pin_seen *seen_of(struct tarn_client_entry *c, uint32_t lines)
{
    struct tarn_pin_seen *v;

    if (lines <= c->nseen)
        return c->seen;
    v = realloc(c->seen, lines * sizeof *v);
    if (!v) /* ages are unknown then: pins count as fresh */
        return NULL;
    for (uint32_t i = c->nseen; i < lines; i++) /* lines never shrink below what was seen */
        v[i] = (struct tarn_pin_seen){0};
    c->seen = v;
    c->nseen = lines;
    return v;
}

/* A snapshot opened since the scan before names its commit or a newer one. A pin that changed to an older one is late: its reader
 * was slow between R1 and R2, or it is no reader at all. All late pins of a client share one age, from the first scan that met one to
 * the last: so changing pins all the time holds memory no longer than a lease. */
static uint64_t pin_age(const struct tarn_writer *w, const struct tarn_client_entry *c, struct tarn_pin_seen *s, uint64_t pin, uint64_t now)
{
    if (!s)
        return 0;
    if (s->pin != pin) {
        bool late = pin < w->scanned_commit;

        *s = (struct tarn_pin_seen){.pin = pin, .late = late, .since_ms = late && c->late_since_ms ? c->late_since_ms : now};
    }
    return now - s->since_ms;
}

static void count_pin(struct tarn_client_entry *c, struct tarn_pins *p, uint64_t seq, bool parked, uint64_t since)
{
    struct tarn_writer_client *f = &c->facts;

    p->pins++;
    p->parked += parked;
    f->pins++;
    f->parked += parked;
    if (!f->oldest_seq || seq < f->oldest_seq) {
        f->oldest_seq = seq;
        f->oldest_age_ms = since; /* made an age by the caller */
    }
    if (seq < p->all) {
        p->all = seq;
        p->oldest_ms = since;
    }
}

static bool may_revoke(const struct tarn_writer *w, bool parked, uint64_t age)
{
    return parked ? w->st.pressure >= TARN_PRESSURE_PARKED
                  : w->st.pressure >= TARN_PRESSURE_LEASE && age >= w->o.lease_ms;
}

/* The commit that a pin, as it stands in its line, protects. */
static uint64_t pin_seq(const struct tarn_writer *w, uint64_t pin)
{
    uint64_t seq = pin & ~TARN_PIN_PARKED;

    return seq > w->commit ? w->commit : seq < w->horizon ? w->horizon : seq;
}

static void scan_line(struct tarn_writer *w, struct tarn_client_entry *c, uint64_t pin, struct tarn_pin_seen *s, uint64_t now, struct tarn_pins *p)
{
    uint64_t raw = pin & ~TARN_PIN_PARKED, seq = pin_seq(w, pin), age;
    bool parked = pin & TARN_PIN_PARKED;

    if (!raw) {
        if (s)
            *s = (struct tarn_pin_seen){0};
        return;
    }
    age = pin_age(w, c, s, raw, now);
    if (s && s->revoked)
        return;
    count_pin(c, p, seq, parked, now - age);
    if (!may_revoke(w, parked, age) && seq < p->honoured)
        p->honoured = seq;
}

static void scan_client(struct tarn_writer *w, struct tarn_client_entry *c, uint64_t now, struct tarn_pins *p)
{
    struct tarn_control_page *page = c->page->page;
    uint32_t lines = tarn_load_u32(&page->high);
    struct tarn_pin_seen *seen;
    bool late = false;

    if (lines > c->page->lines)
        lines = c->page->lines;
    seen = seen_of(c, lines);
    c->facts.pins = c->facts.parked = 0;
    c->facts.oldest_seq = c->facts.oldest_age_ms = 0;
    for (uint32_t i = 0; i < lines; i++) {
        /* C2, acquire: pairs with the release stores of pins in reader.c (R2, R7): all reads under the old pin come before the reuse. */
        uint64_t pin = atomic_load_explicit(&page->line[i].pin, memory_order_acquire);

        scan_line(w, c, pin, seen ? &seen[i] : NULL, now, p);
        late |= seen && seen[i].late;
    }
    c->late_since_ms = !late ? 0 : c->late_since_ms ? c->late_since_ms : now;
    if (c->facts.oldest_seq)
        c->facts.oldest_age_ms = now - c->facts.oldest_age_ms;
}

void tarn_ladder_scan(struct tarn_writer *w, uint64_t now, struct tarn_pins *ret)
{
    *ret = (struct tarn_pins){.honoured = UINT64_MAX, .all = UINT64_MAX};
    for (unsigned i = 0; i < w->nclients && !TARN_MUTANT(IGNORE_PINS); i++)
        scan_client(w, &w->clients[i], now, ret);
    w->scanned_commit = w->commit;
}

static void count_revoked(struct tarn_writer *w, struct tarn_client_entry *c, uint64_t m)
{
    for (uint32_t i = 0; i < c->nseen; i++) {
        uint64_t pin = tarn_load_u64(&c->page->page->line[i].pin);
        struct tarn_pin_seen *s = &c->seen[i];

        if (!s->pin || s->revoked || s->pin != (pin & ~TARN_PIN_PARKED) || pin_seq(w, pin) >= m)
            continue;
        s->revoked = true;
        c->facts.revoked++;
        w->st.revoked_parked += !!(pin & TARN_PIN_PARKED);
        w->st.revoked_lease += !(pin & TARN_PIN_PARKED);
    }
}

void tarn_ladder_count_revoked(struct tarn_writer *w, uint64_t m)
{
    for (unsigned i = 0; i < w->nclients; i++)
        count_revoked(w, &w->clients[i], m);
}

/* Does memory wait for pins? */
static bool held_by_pins(const struct tarn_writer *w)
{
    return w->quarantined < w->retired.tail && tarn_ring_at(&w->retired, w->quarantined)->tag <= w->commit;
}

static uint64_t free_bytes(const struct tarn_writer *w)
{
    return w->size - w->alloc.used_bytes;
}

/* Little is left; or not much, and less than what is only kept for readers. Early enough that what a revocation frees
 * has rested before it is needed. */
static bool short_of_memory(const struct tarn_writer *w)
{
    return w->st.refused_full > w->refused_seen || free_bytes(w) < w->size / 16 ||
           (free_bytes(w) < w->size / 4 && w->retired_bytes > free_bytes(w));
}

static enum tarn_pressure next_step(const struct tarn_writer *w)
{
    enum tarn_pressure p = w->st.pressure;

    if (p == TARN_PRESSURE_PARKED && !w->o.generations)
        return TARN_PRESSURE_LEASE;
    if (p == TARN_PRESSURE_LEASE && w->st.refused_full == w->refused_seen)
        return p; /* nothing was refused yet */
    return p < TARN_PRESSURE_REFUSE ? p + 1 : p;
}

static void go_to(struct tarn_writer *w, enum tarn_pressure step, uint64_t now)
{
    if (step == w->st.pressure)
        return;
    w->st.generation_requests += step == TARN_PRESSURE_GENERATION;
    w->st.pressure = step;
    w->level_since_ms = now;
    w->refused_seen = w->st.refused_full;
}

/* Nothing was refused since the last step, or not because of pins. */
static bool relaxed(const struct tarn_writer *w)
{
    return free_bytes(w) >= w->size / 8 && w->retired_bytes <= free_bytes(w) && !(w->st.refused_full > w->refused_seen && held_by_pins(w));
}

/* How long a step is given to show an effect: a quarantine, or what an agent needs for a hand-over. */
static uint64_t patience_ms(const struct tarn_writer *w)
{
    return w->st.pressure == TARN_PRESSURE_GENERATION ? 1000 : 2 * (uint64_t)w->o.quarantine_ms;
}

void tarn_writer_allow_generation(struct tarn_writer *w, bool allowed)
{
    w->o.generations = allowed;
}

void tarn_ladder_step(struct tarn_writer *w, uint64_t now)
{
    if (relaxed(w)) {
        go_to(w, TARN_PRESSURE_NONE, now);
        w->refused_seen = w->st.refused_full;
        atomic_store_explicit(&w->h->counters.over_budget, 0, memory_order_relaxed);
        return;
    }
    if (short_of_memory(w) && held_by_pins(w) && now - w->level_since_ms >= patience_ms(w))
        go_to(w, next_step(w), now);
}
