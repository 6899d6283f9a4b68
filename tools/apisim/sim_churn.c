/* sim_churn.c - a timer that owes changes: what a late tick missed is made up for, within a bound per tick. */
#include "sim_churn.h"

#include <stdlib.h>

enum { CHANGES_PER_TICK_MAX = 2000 };

struct sim_churn {
    uv_timer_t timer;
    struct sim_generator *generator;
    uint32_t per_second, paused_per_second;
    uint64_t last_ns;
    double owed;
    uint64_t done;
};

static void on_tick(uv_timer_t *timer)
{
    struct sim_churn *c = timer->data;
    uint64_t now = uv_hrtime();
    uint32_t n = 0;

    c->owed += (double)(now - c->last_ns) * c->per_second / 1e9;
    c->last_ns = now;
    while (c->owed >= 1 && n < CHANGES_PER_TICK_MAX) {
        uint32_t made = sim_generator_change(c->generator);

        if (!made)
            break;
        n += made;
        c->owed -= made;
    }
    if (c->owed > c->per_second) /* more than a second behind: give up on it rather than never catch up */
        c->owed = c->per_second;
    c->done += n;
}

struct sim_churn *sim_churn_new(uv_loop_t *loop, struct sim_generator *g, uint32_t per_second)
{
    struct sim_churn *c = sim_alloc(sizeof *c);

    *c = (struct sim_churn){.generator = g};
    (void)uv_timer_init(loop, &c->timer);
    c->timer.data = c;
    sim_churn_set_rate(c, per_second);
    return c;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void sim_churn_free(struct sim_churn *c)
{
    if (c)
        uv_close((uv_handle_t *)&c->timer, on_closed);
}

void sim_churn_set_rate(struct sim_churn *c, uint32_t per_second)
{
    if (!c)
        return;
    c->per_second = per_second;
    c->owed = 0;
    c->last_ns = uv_hrtime();
    if (per_second)
        uv_timer_start(&c->timer, on_tick, 1, per_second >= 1000 ? 1 : 1000 / per_second > 20 ? 20 : 1000 / per_second);
    else
        uv_timer_stop(&c->timer);
}

void sim_churn_pause(struct sim_churn *c)
{
    if (!c || !c->per_second)
        return;
    c->paused_per_second = c->per_second;
    sim_churn_set_rate(c, 0);
}

void sim_churn_resume(struct sim_churn *c)
{
    if (c && !c->per_second)
        sim_churn_set_rate(c, c->paused_per_second);
}

uint32_t sim_churn_rate(const struct sim_churn *c)
{
    return c ? c->per_second : 0;
}

uint64_t sim_churn_done(const struct sim_churn *c)
{
    return c ? c->done : 0;
}
