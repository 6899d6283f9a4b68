/* log_repeat.c - see log_event.h. A small table of what was told lately, by a hash of its words; when it is full, the oldest goes. */
#include <stdio.h>
#include <string.h>

#include "log_event.h"

#define SLOTS (sizeof((struct tarn_log_repeats *)0)->v / sizeof((struct tarn_log_repeats *)0)->v[0])

/* FNV-1a over all but digits: delays, ports and counts do not make another event of it. */
static unsigned long long add_words(unsigned long long h, const char *s)
{
    for (; *s; s++)
        if (*s < '0' || *s > '9')
            h = (h ^ (unsigned char)*s) * 1099511628211ull;
    return h * 31;
}

static unsigned long long hash_of(const struct tarn_log_event *e)
{
    unsigned long long h = add_words(14695981039346656037ull + (unsigned)e->level, e->message);

    for (unsigned i = 0; i < e->n; i++)
        h = add_words(add_words(h, e->pairs[i].name), e->pairs[i].value);
    return h ? h : 1;
}

static size_t slot_of(const struct tarn_log_repeats *r, unsigned long long hash)
{
    size_t oldest = 0;

    for (size_t i = 0; i < SLOTS; i++) {
        if (r->v[i].hash == hash)
            return i;
        if (r->v[i].since_ms < r->v[oldest].since_ms)
            oldest = i;
    }
    return oldest;
}

bool tarn_log_repeats(struct tarn_log_repeats *r, const struct tarn_log_event *e, unsigned long long now_ms, unsigned long long *ret_held)
{
    unsigned long long hash = hash_of(e);
    size_t i = slot_of(r, hash);

    *ret_held = 0;
    if (r->v[i].hash == hash && now_ms - r->v[i].since_ms < TARN_LOG_REPEAT_MS) {
        r->v[i].held++;
        return true;
    }
    if (r->v[i].hash == hash)
        *ret_held = r->v[i].held;
    r->v[i].hash = hash;
    r->v[i].since_ms = now_ms;
    r->v[i].held = 0;
    r->v[i].level = e->level;
    (void)snprintf(r->v[i].message, sizeof r->v[i].message, "%s", e->message);
    return false;
}

bool tarn_log_repeats_take(struct tarn_log_repeats *r, unsigned long long now_ms, struct tarn_log_event *ret, unsigned long long *ret_held)
{
    for (size_t i = 0; i < SLOTS; i++) {
        if (!r->v[i].held || now_ms - r->v[i].since_ms < TARN_LOG_REPEAT_MS)
            continue;
        *ret = (struct tarn_log_event){.level = r->v[i].level, .message = r->v[i].message};
        *ret_held = r->v[i].held;
        r->v[i].held = 0;
        r->v[i].since_ms = now_ms;
        return true;
    }
    return false;
}
