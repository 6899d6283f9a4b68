/* until.c - conditions that must come true in turn (client-go UntilWithoutRetry, row T-3). */
#include <tarn/retry_watcher.h>

struct tarn_until tarn_until_init(const struct tarn_condition *conditions, size_t n)
{
    return (struct tarn_until){.conditions = conditions, .n = n};
}

void tarn_until_release(struct tarn_until *u)
{
    tarn_object_unref(u->last);
    *u = (struct tarn_until){0};
}

int tarn_until_on_event(struct tarn_until *u, enum tarn_watch_event_type type, const struct tarn_object *obj)
{
    const struct tarn_object *own = tarn_object_ref(obj);

    if (obj && !own)
        return TARN_E_NOMEM;
    tarn_object_unref(u->last);
    u->last = own;
    u->last_type = type;
    for (; u->fulfilled < u->n; u->fulfilled++) {
        const struct tarn_condition *c = &u->conditions[u->fulfilled];
        int rc = c->fn(c->ctx, type, obj);

        if (rc <= 0)
            return rc;
    }
    return 1;
}

int tarn_until_on_closed(const struct tarn_until *u)
{
    return u->fulfilled == u->n ? 0 : TARN_E_CLOSED;
}
