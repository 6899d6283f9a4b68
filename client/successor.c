/* May a newer region take the place of the one we have? Only when it has caught up.
 *
 * An agent that was killed comes back with a region that has nothing yet. Until it has synced what the old region had, the
 * old one, which still is the last state, serves; it is stale and says so. A region of a planned hand-over has everything at once.
 * One that begins with a checkpoint has an older state than we read already, until its watch has brought the rest: time must not go back.
 * What the server no longer serves never syncs: so once the new region has any resource synced, the server answers, and after
 * PATIENCE_MS the new region is taken as it is. While nothing syncs, the server is away, and the last state is all there is.
 */
#include "internal.h"

#include <tarn/resource_version.h>

enum {
    PATIENCE_MS = 60000,
    CATCH_UP_MS = 5000, /* what a watch that is up may need to bring what happened meanwhile; then what it shows is the server's word */
};

/* Is what i shows older than what was read already? */
static bool is_older(const struct tarn_resource_info *i, const struct tarn_resource_info *was, uint64_t waited_ms)
{
    struct tarn_rv is = {0}, before = {0};

    return (!i->state.live || waited_ms < CATCH_UP_MS) && tarn_rv_set(&is, i->state.resource_version) == 0 && tarn_rv_set(&before, was->state.resource_version) == 0 &&
           tarn_rv_older(&is, &before);
}

/* Is resource i of the new region behind what old had? */
static bool is_behind(const struct tarn_reader *old, const struct tarn_resource_info *i, uint64_t waited_ms)
{
    struct tarn_resource_info was;
    int r;

    r = tarn_reader_resource(old, i->name, &was);
    if (i->state.synced)
        return r == 0 && was.state.synced && is_older(i, &was, waited_ms);
    if (r == 0)
        return was.state.synced;
    /* Not found at the server yet: under which name old had it is not known. */
    return r != TARN_E_NOTFOUND || i->kind.len == 0;
}

struct progress {
    bool behind, any_synced;
};

static int look_through(const struct tarn_reader *old, const struct tarn_reader *fresh, uint64_t waited_ms, struct progress *p)
{
    struct tarn_resource_info i;
    struct tarn_reader_iter it;
    int r = tarn_reader_resources(fresh, &it);

    while (r >= 0 && (r = tarn_reader_next_resource(&it, &i)) == 1) {
        p->any_synced |= i.state.synced;
        p->behind |= is_behind(old, &i, waited_ms);
    }
    return r;
}

/* Begin a snapshot of what a session has now. Without a free pin line it may expire early: then it is looked at again. */
static void begin(struct tarn_reader *r, struct tarn_session *s, struct tarn_pin_line **ret_line)
{
    *ret_line = NULL;
    if (tarn_pin_claim(s->page, ret_line) != 0)
        *ret_line = NULL;
    tarn_reader_begin(r, &s->view, *ret_line);
}

static void end(struct tarn_reader *r, struct tarn_session *s, struct tarn_pin_line *line)
{
    tarn_reader_end(r);
    tarn_pin_release(s->page, line);
}

bool tarn_successor_is_due(struct tarn_session *old, struct tarn_session *fresh, uint64_t waited_ms)
{
    struct tarn_pin_line *old_line, *fresh_line;
    struct tarn_reader was, is;
    struct progress p = {0};
    int r;

    begin(&was, old, &old_line);
    begin(&is, fresh, &fresh_line);
    r = look_through(&was, &is, waited_ms, &p);
    if (r == 0)
        r = tarn_reader_check(&is);
    if (r == 0)
        r = tarn_reader_check(&was);
    end(&is, fresh, fresh_line);
    end(&was, old, old_line);
    /* A region that cannot be read is replaced at once: there is nothing to lose. */
    if (r == TARN_E_CORRUPT)
        return true;
    return r == 0 && (!p.behind || (p.any_synced && waited_ms >= PATIENCE_MS));
}
