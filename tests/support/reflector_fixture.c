#include "reflector_fixture.h"
#include "tarn_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void on_report(void *ctx, const struct tarn_reflector_report *rep)
{
    struct fx *f = ctx;

    f->last = *rep;
    f->last.key = (struct tarn_bytes){0};
    f->reports++;
    f->levels[rep->level]++;
    f->round_ends += rep->ends_round;
}

static void on_change(void *ctx, struct tarn_reflector *r)
{
    struct tarn_reflector_status s;

    ((struct fx *)ctx)->changes++;
    tarn_reflector_status(r, &s); /* it is allowed from here */
    (void)tarn_reflector_deadline_ms(r);
}

struct fx *fx_new(const struct tarn_reflector_options *o)
{
    struct fx *f = calloc(1, sizeof *f);

    if (!f)
        abort();
    f->rt = fake_runtime_init();
    fake_list_watch_init(&f->lw, &f->rt.rt);
    f->lw.streaming = true;
    fake_store_init(&f->store, false);
    f->o = o ? *o : (struct tarn_reflector_options){0};
    f->o.list_watch = &f->lw.lw;
    f->o.store = &f->store.store;
    f->o.rt = &f->rt.rt;
    if (!f->o.name)
        f->o.name = "pods";
    f->o.on_report = on_report;
    f->o.on_change = on_change;
    f->o.ctx = f;
    if (tarn_reflector_new(&f->o, &f->r, NULL) < 0)
        abort();
    return f;
}

void fx_free(struct fx *f)
{
    tarn_reflector_free(f->r);
    CU_ASSERT_EQUAL(f->store.misuses, 0);
    CU_ASSERT_FALSE(f->store.staged);
    CU_ASSERT_EQUAL(f->lw.overlaps, 0);
    CU_ASSERT_PTR_NULL(f->lw.sink);
    tarn_store_free(&f->store.store);
    free(f);
}

uint64_t fx_wait(struct fx *f)
{
    uint64_t at = tarn_reflector_deadline_ms(f->r);

    if (at == UINT64_MAX)
        return at;
    return at > f->rt.now_ms ? at - f->rt.now_ms : 0;
}

void fx_go(struct fx *f)
{
    for (int i = 0; fx_wait(f) == 0; i++) {
        if (i == 1000) {
            CU_FAIL("the reflector spins");
            return;
        }
        tarn_reflector_on_timer(f->r);
    }
}

struct fx *fx_started(const struct tarn_reflector_options *o)
{
    struct fx *f = fx_new(o);

    tarn_reflector_start(f->r);
    fx_go(f);
    return f;
}

uint64_t fx_next(struct fx *f)
{
    uint64_t ms = fx_wait(f);

    if (ms == UINT64_MAX)
        return ms;
    f->rt.now_ms += ms;
    fx_go(f);
    return ms;
}

void fx_sleep(struct fx *f, uint64_t ms)
{
    uint64_t end = f->rt.now_ms + ms;

    fx_go(f);
    while (fx_wait(f) != UINT64_MAX && f->rt.now_ms + fx_wait(f) <= end)
        (void)fx_next(f);
    f->rt.now_ms = end;
}

struct tarn_reflector_status fx_status(struct fx *f)
{
    struct tarn_reflector_status s;

    tarn_reflector_status(f->r, &s);
    return s;
}

const char *fx_rv(struct fx *f)
{
    static char text[TARN_RV_BYTES_MAX + 1];

    memcpy(text, fx_status(f).resource_version.text, sizeof text);
    return text;
}

/* Give each "key@rv" of a list as an item. */
void fx_items(struct fx *f, const char *objects)
{
    char key[64];
    unsigned long rv;
    int used;

    while (sscanf(objects, " %63[^@]@%lu%n", key, &rv, &used) == 2) {
        objects += used;
        if (fake_item(&f->lw, fake_pod(key, key, rv)))
            return;
    }
}

void fx_page(struct fx *f, const char *objects, const char *rv, const char *cont)
{
    fx_items(f, objects);
    fake_page_end(&f->lw, rv, cont);
    fx_go(f);
}

void fx_list(struct fx *f, const char *objects, const char *rv)
{
    tarn_reflector_start(f->r);
    fx_go(f);
    fx_page(f, objects, rv, "");
}

void fx_watch(struct fx *f, const char *objects, const char *rv)
{
    fx_list(f, objects, rv);
    fake_open(&f->lw);
}

int fx_event(struct fx *f, enum tarn_watch_event_type type, const char *key, unsigned long rv)
{
    return fake_event(&f->lw, type, fake_pod(key, key, rv));
}

int fx_bookmark(struct fx *f, unsigned long rv, bool end_mark)
{
    return fake_event(&f->lw, TARN_WATCH_BOOKMARK, fake_bookmark(rv, end_mark));
}

int fx_error_event(struct fx *f, int code, const char *reason)
{
    return fake_event(&f->lw, TARN_WATCH_ERROR, fake_status(code, reason, reason, 0));
}

void fx_end(struct fx *f)
{
    fake_watch_end(&f->lw, true, &(struct tarn_end){.reason = TARN_END_NORMAL});
}

void fx_refused(struct fx *f)
{
    struct tarn_error err = {.code = TARN_E_IO, .message = "connection refused"};

    fake_watch_end(&f->lw, false, &(struct tarn_end){.reason = TARN_END_REFUSED, .error = &err});
}
