/* api_fixture.c - see api_fixture.h. */
#include "api_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include <tarn/runtime.h>

#include "tarn_test.h"

static void give_up(const char *what, const char *why)
{
    fprintf(stderr, "api fixture: %s: %s\n", what, why);
    abort();
}

/* ---- the agent's side ---------------------------------------------------------------------------------------------- */

static void on_question(void *ctx, struct tarn_handoff_node *node)
{
    struct api_world *w = ctx;
    struct tarn_ask *a = (struct tarn_ask *)(void *)node;

    a->error.code = 0;
    if (a->verb == TARN_ASK_ATTACH) {
        w->attaches++;
        if (w->refuse)
            (void)tarn_error_set(&a->error, TARN_E_NOMEM, "not now");
        else
            (void)realm_attach(w->realm, a, 1);
    } else {
        w->detaches++;
        realm_detach(w->realm, a->generation, a->client_id);
    }
    (void)tarn_handoff_put(a->back, &a->node);
}

static uint64_t runtime_now(struct tarn_runtime *rt)
{
    return ((struct world_runtime *)rt)->now_ms;
}

static uint64_t runtime_random(struct tarn_runtime *rt)
{
    return ((struct world_runtime *)rt)->seed = ((struct world_runtime *)rt)->seed * 6364136223846793005u + 1442695040888963407u;
}

static const struct tarn_runtime_ops runtime_ops = {.now_ms = runtime_now, .random = runtime_random};

static struct tarn_writer_resource resource_of(const struct api_world_options *o)
{
    return (struct tarn_writer_resource){.name = o->resource ? o->resource : "pods",
                                         .api_version = o->api_version ? o->api_version : "v1",
                                         .kind = o->kind ? o->kind : "Pod",
                                         .singular = "pod",
                                         .namespaced = true};
}

void world_open_on(struct api_world *w, const struct api_world_options *o, uv_loop_t *ingest_loop)
{
    struct tarn_writer_resource res = resource_of(o);
    struct tarn_error err = {0};

    memset(w, 0, sizeof *w);
    w->rt = (struct world_runtime){.base = {&runtime_ops}, .now_ms = 100000, .seed = 7};
    w->other_loop = ingest_loop != NULL;
    if (uv_loop_init(&w->loop))
        give_up("loop", "uv_loop_init");
    w->config = (struct tarn_config){.old_generations = 2, .max_object_bytes = 1u << 20};
    w->entry = (struct tarn_config_realm){.name = "cluster", .budget_bytes = o->budget ? o->budget : 16u << 20};
    if (tarn_handoff_init(&w->ingest, ingest_loop ? ingest_loop : &w->loop, on_question, w) < 0 ||
        realm_new(&(struct realm_options){.rt = &w->rt.base, .config = &w->config, .entry = &w->entry, .generation = 1}, &w->realm, &err))
        give_up("realm", err.message);
    if (tarn_writer_add_resource(w->realm->writer, &res, &w->store_id, &err) || tarn_region_store_new(w->realm->writer, w->store_id, &w->store, &err))
        give_up("resource", err.message);
    world_set_version(w, 1, !o->unsynced);
    if (tarn_writer_commit(w->realm->writer, &err))
        give_up("commit", err.message);
    if (api_realm_new(&(struct api_realm_options){.loop = &w->loop, .ingest = &w->ingest, .name = "cluster", .history_bytes = o->history_bytes,
                                                  .history_entries = o->history_entries, .queue_bytes = o->queue_bytes},
                      &w->api, &err))
        give_up("api", err.message);
}

void world_open(struct api_world *w, const struct api_world_options *o)
{
    world_open_on(w, o, NULL);
}

static void on_closed(void *ctx)
{
    ((struct api_world *)ctx)->closed = true;
}

void world_begin_close(struct api_world *w)
{
    if (!w->closing)
        api_realm_close(w->api, on_closed, w);
    w->closing = true;
}

void world_close(struct api_world *w)
{
    world_begin_close(w);
    while (!w->closed)
        (void)uv_run(&w->loop, UV_RUN_ONCE);
    if (!w->other_loop)
        tarn_handoff_close(&w->ingest, NULL);
    (void)uv_run(&w->loop, UV_RUN_DEFAULT);
    tarn_handoff_release(&w->ingest);
    CU_ASSERT_EQUAL(uv_loop_close(&w->loop), 0);
    CU_ASSERT_EQUAL(w->attaches, w->detaches);
    tarn_store_free(w->store);
    realm_free(w->realm);
}

/* ---- writing ------------------------------------------------------------------------------------------------------------ */

const struct tarn_object *world_pod(const struct world_pod *p)
{
    const struct tarn_object *obj = NULL;
    struct tarn_buf b = {0};
    struct tarn_error err;

    if (tarn_buf_addf(&b, "{\"metadata\":{\"name\":\"pod-%u\",\"namespace\":\"ns%u\",\"uid\":\"", p->n, p->ns) ||
        tarn_buf_addf(&b, p->uid ? "%s-%u" : "%suid-%u", p->uid ? p->uid : "", p->n) ||
        tarn_buf_addf(&b, "\",\"resourceVersion\":\"%llu\"", (unsigned long long)p->rv) ||
        (p->app && tarn_buf_addf(&b, ",\"labels\":{\"app\":\"%s\"}", p->app)) ||
        tarn_buf_addf(&b, "},\"spec\":{\"pad\":\"%*s\"},\"status\":{\"phase\":\"%s\"}}", (int)p->pad, "", p->phase ? p->phase : "Running") ||
        tarn_object_from_json(tarn_buf_bytes(&b), &obj, &err))
        give_up("pod", err.message);
    tarn_buf_release(&b);
    return obj;
}

int world_try_put(struct api_world *w, const struct world_pod *p)
{
    const struct tarn_object *obj = world_pod(p);
    int rc = tarn_store_add(w->store, obj, NULL);

    tarn_object_unref(obj);
    return rc;
}

void world_put(struct api_world *w, const struct world_pod *p)
{
    int rc = world_try_put(w, p);

    if (rc)
        give_up("put", tarn_strerror(rc));
}

void world_delete(struct api_world *w, const struct world_pod *p)
{
    const struct tarn_object *obj = world_pod(p);
    struct tarn_error err;

    if (tarn_store_delete(w->store, obj, &err))
        give_up("delete", err.message);
    tarn_object_unref(obj);
}

static struct tarn_resource_state state_of(uint64_t rv, bool synced, char *text)
{
    int n = sprintf(text, "%llu", (unsigned long long)rv);

    return (struct tarn_resource_state){.synced = synced, .live = true, .resource_version = {.data = text, .len = (size_t)n}};
}

void world_set_version(struct api_world *w, uint64_t rv, bool synced)
{
    struct tarn_error err;
    char text[24];
    struct tarn_resource_state s = state_of(rv, synced, text);

    if (tarn_writer_set_resource_state(w->realm->writer, w->store_id, &s, &err))
        give_up("state", err.message);
}

void world_commit(struct api_world *w, uint64_t rv)
{
    struct tarn_error err;

    world_set_version(w, rv, true);
    if (tarn_writer_commit(w->realm->writer, &err))
        give_up("commit", err.message);
}

void world_replace(struct api_world *w, const struct world_pod *pods, unsigned n, uint64_t rv)
{
    struct tarn_error err;
    char text[24];
    struct tarn_resource_state s = state_of(rv, true, text);
    int rc = w->store->ops->replace_begin(w->store, &err);

    for (unsigned i = 0; !rc && i < n; i++) {
        const struct tarn_object *obj = world_pod(&pods[i]);

        rc = w->store->ops->replace_add(w->store, obj, &err);
        tarn_object_unref(obj);
    }
    if (rc || tarn_region_store_replace_apply(w->store, s.resource_version, &s, 1000000, &err))
        give_up("replace", err.message);
}

void world_hand_over(struct api_world *w, bool keep)
{
    struct tarn_index_func indexes[TARN_REGION_INDEXES_MAX];
    struct tarn_writer_resource res;
    struct tarn_error err = {0};

    if (!keep) {
        struct tarn_writer_resource copy;

        (void)tarn_writer_describe(w->realm->writer, w->store_id, &copy, indexes);
        tarn_store_free(w->store);
        if (tarn_writer_remove_resource(w->realm->writer, w->store_id, &err) || tarn_writer_commit(w->realm->writer, &err) ||
            tarn_writer_add_resource(w->realm->writer,
                                     &(struct tarn_writer_resource){.name = "pods", .api_version = "v1", .kind = "Pod", .singular = "pod", .namespaced = true},
                                     &w->store_id, &err) ||
            tarn_region_store_new(w->realm->writer, w->store_id, &w->store, &err))
            give_up("another resource", err.message);
        world_commit(w, 1);
    }
    if (!tarn_writer_describe(w->realm->writer, w->store_id, &res, indexes) ||
        realm_prepare(w->realm, &w->config, &w->entry, &(struct tarn_takeover){.resources = &res, .n = 1}, &w->store_id, &err) ||
        tarn_region_store_move(w->store, w->realm->next, w->store_id, &err))
        give_up("hand-over", err.message);
    realm_switch(w->realm, REALM_COMPACT);
}

void world_run(struct api_world *w)
{
    for (int i = 0; i < 8; i++)
        (void)uv_run(&w->loop, UV_RUN_NOWAIT);
    api_realm_turn(w->api);
    for (int i = 0; i < 4; i++)
        (void)uv_run(&w->loop, UV_RUN_NOWAIT);
}

void world_attach(struct api_world *w)
{
    while (!api_realm_is_attached(w->api))
        (void)uv_run(&w->loop, UV_RUN_ONCE);
    world_run(w);
}

/* ---- a caller ----------------------------------------------------------------------------------------------------------- */

static void on_wake(void *ctx)
{
    ((struct world_watch *)ctx)->woken++;
}

int world_watch(struct api_world *w, struct world_watch *c, const char *target)
{
    char name[TARN_REGION_NAME_MAX + 1];
    struct api_hub *h;
    int rc;

    memset(c, 0, sizeof *c);
    rc = api_request_parse(TARN_BYTES("GET"), tarn_bytes_of(target), &c->request);
    if (!rc && (c->request.refusal.code || c->request.verb != API_WATCH))
        give_up(target, "is no watch");
    if (!rc)
        rc = api_realm_hub(w->api, api_resource_name(c->request.group, c->request.resource, name), &h);
    if (!rc)
        rc = api_watch_new(h, &(struct api_watch_options){.request = &c->request, .form = {.as = API_AS_OBJECT}, .wake = on_wake, .ctx = c}, &c->w);
    if (rc)
        api_request_release(&c->request);
    return rc;
}

void world_watch_free(struct world_watch *c)
{
    api_watch_free(c->w);
    api_request_release(&c->request);
    tarn_buf_release(&c->text);
}

/* One more line in c->text? */
static const char *line_end(struct world_watch *c, size_t piece)
{
    char part[32768];
    size_t n = piece ? piece : sizeof part;

    for (;;) {
        const char *end = c->text.len > c->taken ? memchr(c->text.data + c->taken, '\n', c->text.len - c->taken) : NULL;
        ssize_t k;

        if (end)
            return end;
        k = c->ended ? 0 : api_watch_read(c->w, part, n);
        if (k == API_WATCH_END)
            c->ended = true;
        if (k <= 0)
            return NULL;
        if (tarn_buf_add(&c->text, part, (size_t)k))
            give_up("read", "out of memory");
    }
}

static void text_at(const struct tarn_object *o, const char *path, char *to, size_t size)
{
    struct tarn_bytes v;

    *to = '\0';
    if (tarn_object_get_string(o, path, &v) == 0)
        (void)snprintf(to, size, "%.*s", TARN_BYTES_ARG(v));
}

bool world_next(struct world_watch *c, struct world_event *ret, size_t piece)
{
    const char *end = line_end(c, piece);
    struct tarn_bytes line;
    struct tarn_value v;
    struct tarn_error err;
    char rv[24];

    if (!end)
        return false;
    line = (struct tarn_bytes){.data = c->text.data + c->taken, .len = (size_t)(end - c->text.data) - c->taken};
    memset(ret, 0, sizeof *ret);
    if (tarn_object_from_json(line, &ret->whole, &err)) {
        fprintf(stderr, "%.*s\n", TARN_BYTES_ARG(line));
        give_up("event", err.message);
    }
    c->taken += line.len + 1;
    text_at(ret->whole, "type", ret->type, sizeof ret->type);
    text_at(ret->whole, "object.metadata.name", ret->name, sizeof ret->name);
    text_at(ret->whole, "object.metadata.labels.app", ret->app, sizeof ret->app);
    text_at(ret->whole, "object.status.phase", ret->phase, sizeof ret->phase);
    text_at(ret->whole, "object.metadata.resourceVersion", rv, sizeof rv);
    ret->rv = strtoull(rv, NULL, 10);
    ret->code = tarn_object_get(ret->whole, "object.code", &v) == 0 && v.type == TARN_INT ? (int)v.i : 0;
    ret->end_mark = tarn_object_get(ret->whole, "object.metadata.annotations['k8s.io/initial-events-end']", &v) == 0;
    return true;
}

const char *world_events(struct world_watch *c)
{
    static struct tarn_buf b;
    struct world_event e;

    tarn_buf_clear(&b);
    while (world_next(c, &e, 0)) {
        if ((b.len && tarn_buf_adds(&b, " · ")) || tarn_buf_adds(&b, e.type) || (e.name[0] && tarn_buf_addf(&b, " %s", e.name)) ||
            (e.rv && tarn_buf_addf(&b, "@%llu", (unsigned long long)e.rv)) || (e.code && tarn_buf_addf(&b, " %d", e.code)) ||
            (e.end_mark && tarn_buf_adds(&b, " end")))
            give_up("events", "out of memory");
        tarn_object_unref(e.whole);
    }
    if (c->ended && tarn_buf_adds(&b, b.len ? " · (end)" : "(end)"))
        give_up("events", "out of memory");
    if (tarn_buf_add(&b, "", 1))
        give_up("events", "out of memory");
    return b.data;
}
