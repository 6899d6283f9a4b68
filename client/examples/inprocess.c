/* inprocess.c - tarn without an agent: a reflector and an informer inside one program, fed by a source of its own.
 *
 * The source here is a small world of pods in memory. Yours may be an HTTP client, a file, a message bus: whatever can answer "what is
 * there?" (list) and "what changed since?" (watch). One thread does everything, as an event loop would; with threads to
 * spare call tarn_shared_informer_run instead, and nothing else changes.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <tarn/listers.h>
#include <tarn/shared_informer.h>

/* ---- the source: requests are noted, and answered by world_serve ------------------------------------------- */

enum asked { NOTHING, LIST, WATCH, WATCHING };

struct world {
    struct tarn_list_watch lw; /* first: the informer sees only this */
    struct tarn_list_watch_sink *sink;
    enum asked asked;
    unsigned next; /* the next of the changes below */
};

static const struct {
    enum tarn_watch_event_type type;
    const char *pod;
} changes[] = {
    {TARN_WATCH_ADDED, "{\"metadata\":{\"namespace\":\"shop\",\"name\":\"web-3\",\"resourceVersion\":\"11\",\"labels\":{\"app\":\"web\"}}}"},
    {TARN_WATCH_MODIFIED, "{\"metadata\":{\"namespace\":\"shop\",\"name\":\"web-1\",\"resourceVersion\":\"12\",\"labels\":{\"app\":\"web\",\"ready\":\"yes\"}}}"},
    {TARN_WATCH_DELETED, "{\"metadata\":{\"namespace\":\"shop\",\"name\":\"db-1\",\"resourceVersion\":\"13\",\"labels\":{\"app\":\"db\"}}}"},
};
#define CHANGES (sizeof changes / sizeof *changes)

static const char *const pods[] = {
    "{\"metadata\":{\"namespace\":\"shop\",\"name\":\"web-1\",\"resourceVersion\":\"7\",\"labels\":{\"app\":\"web\"}}}",
    "{\"metadata\":{\"namespace\":\"shop\",\"name\":\"web-2\",\"resourceVersion\":\"8\",\"labels\":{\"app\":\"web\"}}}",
    "{\"metadata\":{\"namespace\":\"shop\",\"name\":\"db-1\",\"resourceVersion\":\"9\",\"labels\":{\"app\":\"db\"}}}",
};

static int world_list(struct tarn_list_watch *lw, const struct tarn_list_options *o, struct tarn_list_watch_sink *sink)
{
    struct world *w = (struct world *)lw;

    (void)o; /* one page, whatever is asked for */
    w->sink = sink;
    w->asked = LIST;
    return 0;
}

static int world_watch(struct tarn_list_watch *lw, const struct tarn_watch_options *o, struct tarn_list_watch_sink *sink)
{
    struct world *w = (struct world *)lw;

    (void)o; /* this world never forgets: it could look at o->resource_version */
    w->sink = sink;
    w->asked = WATCH;
    return 0;
}

static void world_cancel(struct tarn_list_watch *lw)
{
    ((struct world *)lw)->asked = NOTHING;
}

static const struct tarn_list_watch_ops world_ops = {.list = world_list, .watch = world_watch, .cancel = world_cancel};

static void answer_list(struct world *w)
{
    w->asked = NOTHING;
    for (size_t i = 0; i < sizeof pods / sizeof *pods; i++) {
        const struct tarn_object *pod;

        if (tarn_object_from_json(tarn_bytes_of(pods[i]), &pod, NULL))
            continue;
        (void)w->sink->on_item(w->sink, pod);
        tarn_object_unref(pod);
    }
    w->sink->on_page(w->sink, &(struct tarn_list_meta){.resource_version = TARN_BYTES("10"), .remaining_item_count = -1});
}

static void send_change(struct world *w)
{
    const struct tarn_object *pod;

    if (tarn_object_from_json(tarn_bytes_of(changes[w->next].pod), &pod, NULL) == 0) {
        (void)w->sink->on_event(w->sink, changes[w->next].type, pod);
        tarn_object_unref(pod);
    }
    w->next++;
}

/* One turn of the source: answer a list, or a watch, or tell one change. An answer may end or change what is asked. */
static void world_serve(struct world *w)
{
    if (w->asked == LIST) {
        answer_list(w);
    } else if (w->asked == WATCH) {
        w->asked = WATCHING;
        w->sink->on_watch_open(w->sink);
    } else if (w->asked == WATCHING && w->next < CHANGES) {
        send_change(w);
    }
}

/* ---- what is done with it ------------------------------------------------------------------------------------ */

static void print(const char *what, const struct tarn_object *pod, const char *more)
{
    struct tarn_bytes key = tarn_object_key(pod);

    printf("%s %.*s@%" PRIu64 "%s\n", what, TARN_BYTES_ARG(key), tarn_object_resource_version(pod), more);
}

static int on_add(void *ctx, const struct tarn_object *pod, bool is_in_initial_list)
{
    (void)ctx;
    print("add", pod, is_in_initial_list ? " (was there)" : "");
    return 0;
}

static int on_update(void *ctx, const struct tarn_object *old, const struct tarn_object *pod)
{
    (void)ctx;
    print("update", old, " became");
    print("      ", pod, "");
    return 0;
}

static int on_delete(void *ctx, const struct tarn_object *pod)
{
    (void)ctx;
    print("delete", pod, "");
    return 0;
}

/* The loop: the source, the reflector when it wants its turn, the informer. */
static void loop(struct tarn_runtime *rt, struct world *w, struct tarn_shared_informer *pods_informer)
{
    struct tarn_reflector *r = tarn_shared_informer_reflector(pods_informer);

    while (w->next < CHANGES) {
        if (tarn_reflector_deadline_ms(r) <= tarn_now_ms(rt))
            tarn_reflector_on_timer(r);
        world_serve(w);
        tarn_shared_informer_step(pods_informer);
    }
}

/* The pods of app=web, from the informer's store. How many, or -1. */
static int list_web(struct tarn_shared_informer *pods_informer)
{
    struct tarn_indexer *store = tarn_shared_informer_indexer(pods_informer);
    const struct tarn_selector *web;
    struct tarn_objects found = {0};
    int n = -1;

    if (tarn_selector_parse(TARN_BYTES("app=web"), &web, NULL))
        return -1;
    if (tarn_pod_lister_list(store, web, &found, NULL) == 0) {
        tarn_objects_sort_by_key(&found);
        for (size_t i = 0; i < found.n; i++)
            print("app=web:", found.v[i], "");
        n = (int)found.n;
    }
    tarn_objects_release(&found);
    tarn_selector_free(web);
    return n;
}

int main(void)
{
    struct tarn_runtime *rt = tarn_runtime_posix();
    struct world world = {.lw.ops = &world_ops};
    struct tarn_event_handler handler = {.on_add = on_add, .on_update = on_update, .on_delete = on_delete};
    struct tarn_shared_informer *informer = NULL;
    struct tarn_error err;
    int n = -1;

    if (tarn_shared_informer_new(
            &(struct tarn_shared_informer_options){.reflector = {.list_watch = &world.lw, .rt = rt, .name = "pods"}}, &informer, &err) ||
        tarn_shared_informer_add_handler(informer, &handler, NULL, NULL, &err) || tarn_shared_informer_start(informer, &err)) {
        fprintf(stderr, "cannot start: %s\n", err.message);
        goto out;
    }
    loop(rt, &world, informer);
    n = list_web(informer);
out:
    tarn_shared_informer_free(informer);
    return n == 3 ? 0 : 1;
}
