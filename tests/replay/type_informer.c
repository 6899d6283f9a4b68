/* type_informer.c - a shared informer whose queue the trace fills and whose handlers it hears: FORMAT section 5.6.
 *
 * The informer is used as an event loop does, so that nothing happens but in `process` and `addHandler`.
 */
#include "subject.h"

#include <stdlib.h>
#include <string.h>

#include <tarn/shared_informer.h>

#define HANDLERS_MAX 32

struct handler {
    char name[32]; /* empty: free */
    struct tarn_registration *registration;
    json_t *events; /* since they were last asked for */
};

struct subject {
    struct store_subject base; /* first: the queue as a store */
    struct tarn_shared_informer *informer;
    struct tarn_indexer *indexer;
    struct handler handlers[HANDLERS_MAX];
};

static uint64_t now_ms(struct tarn_runtime *rt)
{
    (void)rt;
    return 1000000; /* nothing depends on time: there is no resync */
}

static const struct tarn_runtime_ops clock_ops = {.now_ms = now_ms};

/* ---- handlers ---------------------------------------------------------------------------------------- */

static int on_add(void *ctx, const struct tarn_object *obj, bool is_in_initial_list)
{
    struct handler *h = ctx;

    return json_array_append_new(h->events, json_pack("[s,o,b]", "add", replay_ref(obj), is_in_initial_list));
}

static int on_update(void *ctx, const struct tarn_object *old, const struct tarn_object *obj)
{
    struct handler *h = ctx;

    return json_array_append_new(h->events, json_pack("[s,o,o]", "update", replay_ref(old), replay_ref(obj)));
}

static int on_delete(void *ctx, const struct tarn_object *obj)
{
    struct handler *h = ctx;

    return json_array_append_new(h->events, json_pack("[s,o]", "delete", replay_ref(obj)));
}

static struct handler *find(struct subject *s, const char *name)
{
    for (size_t i = 0; i < HANDLERS_MAX; i++)
        if (strcmp(s->handlers[i].name, name) == 0)
            return &s->handlers[i];
    return NULL;
}

/* A new handler of this name; NULL if there is no room. */
static struct handler *handler_add(struct subject *s, const char *name)
{
    struct handler *h = find(s, "");
    struct tarn_event_handler callbacks = {.on_add = on_add, .on_update = on_update, .on_delete = on_delete, .ctx = h};

    if (!h || !*name || strlen(name) >= sizeof h->name)
        return NULL;
    h->events = json_array();
    if (tarn_shared_informer_add_handler(s->informer, &callbacks, NULL, &h->registration, NULL)) {
        json_decref(h->events);
        return NULL;
    }
    (void)strcpy(h->name, name);
    return h;
}

static void handler_remove(struct subject *s, struct handler *h)
{
    tarn_shared_informer_remove_handler(s->informer, h->registration);
    tarn_registration_unref(h->registration);
    json_decref(h->events);
    *h = (struct handler){0};
}

/* ---- life ---------------------------------------------------------------------------------------------- */

static void drop(void *subject)
{
    struct subject *s = subject;

    for (size_t i = 0; i < HANDLERS_MAX; i++)
        if (*s->handlers[i].name)
            handler_remove(s, &s->handlers[i]);
    tarn_shared_informer_free(s->informer);
    free(s);
}

static int queue_kind(const json_t *options, enum tarn_informer_queue *ret)
{
    const char *name = json_string_value(json_object_get(options, "queue"));

    if (!name || (strcmp(name, "deltafifo") != 0 && strcmp(name, "realfifo") != 0))
        return -1;
    *ret = strcmp(name, "deltafifo") == 0 ? TARN_INFORMER_QUEUE_COMPRESSED : TARN_INFORMER_QUEUE_IN_ORDER;
    return 0;
}

static void *make(const json_t *options)
{
    struct tarn_index_func funcs[REPLAY_INDEXERS_MAX];
    struct subject *s = calloc(1, sizeof *s);
    struct tarn_shared_informer_options o = {.store = {.indexers = funcs, .raw = true}};

    s->base.rt.ops = &clock_ops;
    o.reflector.rt = &s->base.rt;
    if (queue_kind(options, &o.store.queue) ||
        replay_index_funcs(json_object_get(options, "indexers"), funcs, REPLAY_INDEXERS_MAX, &o.store.indexer_count) ||
        tarn_shared_informer_new(&o, &s->informer, NULL)) {
        free(s);
        return NULL;
    }
    s->indexer = tarn_shared_informer_indexer(s->informer);
    s->base.store = &tarn_shared_informer_queue(s->informer)->store;
    if (!handler_add(s, "h1") || tarn_shared_informer_start(s->informer, NULL)) {
        drop(s);
        return NULL;
    }
    return s;
}

/* ---- processing ---------------------------------------------------------------------------------------------- */

static int op_process(void *subject, const json_t *in, json_t *answer)
{
    struct subject *s = subject;
    json_t *events = json_object();

    (void)in;
    tarn_shared_informer_step(s->informer);
    for (size_t i = 0; i < HANDLERS_MAX; i++)
        if (*s->handlers[i].name) {
            json_object_set_new(events, s->handlers[i].name, s->handlers[i].events);
            s->handlers[i].events = json_array();
        }
    json_object_set_new(answer, "events", events);
    answer_bool(answer, "synced", tarn_shared_informer_has_synced(s->informer));
    return answer_list_keys(answer, &s->indexer->store);
}

/* Order of `addHandler`'s events: by their second element. */
static int compare_events(const void *a, const void *b)
{
    return strcmp(json_string_value(json_array_get(*(json_t *const *)a, 1)),
                  json_string_value(json_array_get(*(json_t *const *)b, 1)));
}

static json_t *sorted_events(const json_t *events)
{
    size_t n = json_array_size(events);
    json_t **v = calloc(n + 1, sizeof *v), *sorted = json_array();

    for (size_t i = 0; i < n; i++)
        v[i] = json_array_get(events, i);
    qsort(v, n, sizeof *v, compare_events);
    for (size_t i = 0; i < n; i++)
        json_array_append(sorted, v[i]);
    free(v);
    return sorted;
}

static int op_add_handler(void *subject, const json_t *in, json_t *answer)
{
    const char *name = json_string_value(json_object_get(in, "handler"));
    struct subject *s = subject;
    struct handler *h;

    if (!name)
        return -1;
    if (find(s, name)) {
        answer_bool(answer, "added", false);
        return 0;
    }
    h = handler_add(s, name);
    answer_bool(answer, "added", h);
    if (!h)
        return 0;
    (void)tarn_shared_informer_deliver(s->informer);
    json_object_set_new(answer, "events", sorted_events(h->events));
    json_array_clear(h->events);
    return 0;
}

static int op_remove_handler(void *subject, const json_t *in, json_t *answer)
{
    const char *name = json_string_value(json_object_get(in, "handler"));
    struct subject *s = subject;
    struct handler *h;

    if (!name || !*name)
        return -1;
    h = find(s, name);
    answer_bool(answer, "removed", h);
    if (h)
        handler_remove(s, h);
    return 0;
}

/* ---- looking --------------------------------------------------------------------------------------------------- */

static int op_by_index(void *subject, const json_t *in, json_t *answer)
{
    return replay_by_index(((struct subject *)subject)->indexer, in, answer);
}

static int op_state(void *subject, const json_t *in, json_t *answer)
{
    struct subject *s = subject;

    (void)in;
    if (answer_list_keys(answer, &s->indexer->store) || answer_list(answer, &s->indexer->store))
        return -1;
    return replay_index_state(s->indexer, answer);
}

static const struct replay_op ops[] = {
    {"process", op_process},
    {"addHandler", op_add_handler},
    {"removeHandler", op_remove_handler},
    {"byIndex", op_by_index},
    {"state", op_state},
    {0},
};

const struct replay_type replay_informer = {"informer", make, drop, {ops, replay_queue_ops}};
