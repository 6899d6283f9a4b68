/* tarn get --watch and tarn events: an informer that prints.
 *
 * A table grows line by line: widths are those of the first list, and only grow.
 */
#include <poll.h>
#include <signal.h>

#include "get.h"

struct watcher {
    struct printer p;
    struct tarn_informer *informer;
    bool only; /* changes only */
    struct tarn_error error; /* of the first object that could not be printed */
};

static volatile sig_atomic_t interrupted;

static void on_signal(int sig)
{
    interrupted = sig;
}

static void show(struct watcher *w, const char *event, const struct tarn_object *obj)
{
    if (w->p.event)
        w->p.event = event;
    if (w->error.code == 0)
        (void)printer_object(&w->p, obj, &w->error);
}

static int on_add(void *ctx, const struct tarn_object *obj, bool is_in_initial_list)
{
    struct watcher *w = ctx;

    if (!is_in_initial_list || !w->only)
        show(w, "ADDED", obj);
    return 0;
}

static int on_update(void *ctx, const struct tarn_object *old, const struct tarn_object *obj)
{
    (void)old;
    show(ctx, "MODIFIED", obj);
    return 0;
}

/* What is known of the deleted one: its last state, else its key alone, which is a name and nothing more. */
static int on_delete(void *ctx, const struct tarn_object *obj)
{
    struct watcher *w = ctx;
    const struct tarn_object *last = tarn_object_flags(obj) & TARN_OBJECT_TOMBSTONE ? tarn_object_final_state(obj) : obj;

    if (last)
        show(w, "DELETED", last);
    else
        cli_say("DELETED %.*s (its last state is not known)", TARN_BYTES_ARG(tarn_object_key(obj)));
    return 0;
}

static void on_gap(void *ctx)
{
    (void)ctx;
    cli_say("some versions were missed: too many changes at once, or the agent was restarted");
}

/* The names and types that rows are made of; they outlive every snapshot. */
struct described {
    struct tarn_buf text;
    struct tarn_resource resource;
};

static struct tarn_bytes keep_text(struct tarn_buf *text, struct tarn_bytes b)
{
    struct tarn_bytes kept = {text->data + text->len, b.len};

    cli_add(text, b); /* within what was reserved: does not move */
    return kept;
}

/* Learn of the resource and begin its table. CLI_OK, or the exit code. */
static int describe(struct tarn_client *c, const char *resource, struct described *d, struct printer *p)
{
    struct tarn_error err = {0};
    struct tarn_resource r;
    struct tarn_snapshot *s;

    if (tarn_snapshot_open(c, &s, &err) != 0)
        return cli_fail(&err);
    if (tarn_resource_find(s, resource, &r, &err) != 0) {
        (void)tarn_snapshot_close(s);
        return cli_fail(&err);
    }
    if (tarn_buf_reserve(&d->text, r.name.len + r.api_version.len + r.kind.len + 1) != 0)
        cli_out_of_memory();
    d->resource = (struct tarn_resource){.namespaced = r.namespaced,
                                         .name = keep_text(&d->text, r.name),
                                         .api_version = keep_text(&d->text, r.api_version),
                                         .kind = keep_text(&d->text, r.kind)};
    p->resource = d->resource;
    printer_begin(p, s);
    (void)tarn_snapshot_close(s);
    return CLI_OK;
}

/* Print batch after batch until a signal ends it. It is let in only while we wait, so none is missed. */
static int follow(struct watcher *w)
{
    struct pollfd p = {.fd = tarn_informer_fd(w->informer), .events = POLLIN};
    struct sigaction act = {.sa_handler = on_signal};
    struct tarn_error err = {0};
    sigset_t ending, before;
    int r = 0;

    sigemptyset(&ending);
    sigaddset(&ending, SIGINT);
    sigaddset(&ending, SIGTERM);
    sigprocmask(SIG_BLOCK, &ending, &before);
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
    while (!interrupted && r == 0) {
        r = tarn_informer_process(w->informer, &err);
        printer_rows(&w->p);
        if (r >= 0 && w->error.code)
            err = w->error, r = err.code;
        r = r > 0 ? 0 : r;
        if (r == 0)
            (void)ppoll(&p, 1, NULL, &before);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    return r == 0 ? CLI_OK : cli_fail(&err);
}

int watch_print(const struct get_options *o, struct tarn_client *c, bool every_change)
{
    struct tarn_client_options attach = {.socket = o->attach.socket, .realm = o->attach.realm, .timeout_ms = o->attach.timeout_ms};
    struct tarn_error err = {0};
    struct described d = {0};
    struct watcher w = {.only = o->watch_only, .p = {.o = o, .event = every_change ? "" : NULL}};
    struct tarn_informer_watch watch = {.resource = o->targets[0].resource, .labels = o->labels, .fields = o->fields, .every_change = every_change,
                                        .handler = {.on_add = on_add, .on_update = on_update, .on_delete = on_delete, .ctx = &w},
                                        .on_gap = on_gap};
    int r = describe(c, o->targets[0].resource, &d, &w.p);

    if (r == CLI_OK) {
        watch.ns = d.resource.namespaced ? o->ns : NULL;
        if (tarn_informer_new(&attach, &w.informer, &err) != 0 || tarn_informer_watch(w.informer, &watch, NULL, &err) != 0)
            r = cli_fail(&err);
        else
            r = follow(&w);
    }
    tarn_informer_free(w.informer);
    printer_release(&w.p);
    tarn_buf_release(&d.text);
    return r;
}
