/* tarn get, tarn events - objects from a snapshot, in kubectl's dialect. */
#include "get.h"
#include "terminal.h"

enum { FLUSH_AT = 1 << 16 };

/* What was read may only be shown when it was covered: check, then write. */
static int flush_if_full(struct printer *p, struct tarn_snapshot *s, struct tarn_error *err)
{
    int r;

    if (p->out.len < FLUSH_AT)
        return 0;
    r = tarn_snapshot_check(s);
    if (r != 0)
        return tarn_error_set(err, r, "the snapshot expired under memory pressure while it was printed; ask again");
    cli_flush(&p->out);
    return 0;
}

static int print_found(struct printer *p, struct tarn_snapshot *s, const struct collection *c, struct tarn_error *err)
{
    int r = 0;

    progress_begin("printing");
    for (size_t i = 0; i < c->n && r == 0; i++) {
        printer_resource(p, s, c->v[i].resource);
        p->deleted_ms = c->v[i].deleted_ms;
        r = printer_object(p, c->v[i].obj, err);
        if (r == 0)
            r = flush_if_full(p, s, err);
        progress_count(i + 1);
    }
    progress_end();
    return r;
}

static void say_nothing_found(const struct get_options *o, const struct tarn_resource *resource)
{
    if (o->output != OUTPUT_TABLE && o->output != OUTPUT_WIDE)
        return;
    if (o->ns && resource->namespaced)
        cli_say("No resources found in namespace %s", o->ns);
    else
        cli_say("No resources found");
}

/* Have all that were asked about synced? Those that have not are said. */
static bool all_synced(const struct get_options *o, const struct collection *c)
{
    bool synced = true;

    for (size_t i = 0; i < o->ntargets; i++) {
        const struct tarn_resource *res = &c->resources[i];
        bool again = i > 0 && tarn_bytes_equal(res->name, c->resources[i - 1].name);

        if (res->synced || !res->name.len)
            continue;
        synced = false;
        if (!again)
            cli_say("%.*s have not synced yet%s%.*s", TARN_BYTES_ARG(res->name), res->last_error.len ? ": " : "",
                    TARN_BYTES_ARG(res->last_error));
    }
    return synced;
}

/* Sort and print what was found; `missing`: some of the names were not. */
static int print_collection(const struct get_options *o, struct tarn_snapshot *s, struct collection *c, bool missing, struct tarn_error *err)
{
    bool one = o->ntargets == 1 && o->targets[0].name;
    struct printer p = {.o = o,
                        .resource = c->resources[0],
                        .as_list = !one && (o->output == OUTPUT_JSON || o->output == OUTPUT_YAML || o->output == OUTPUT_JSONPATH)};
    int r = o->sort_by ? sort_by(o->sort_by, o->sort_text, c, err) : 0, expired;

    printer_begin(&p, s);
    if (r == 0)
        r = print_found(&p, s, c, err);
    expired = tarn_snapshot_check(s);
    if (expired)
        r = tarn_error_set(err, expired, "the snapshot expired under memory pressure while it was read; ask again");
    else if (r == 0 && !(missing && c->n == 0))
        r = printer_end(&p, err);
    printer_release(&p);
    return r;
}

/* Print from one snapshot. Returns the snapshot's or a query's error; *ret_synced: whether what was shown is whole. */
static int answer(const struct get_options *o, struct tarn_snapshot *s, bool *ret_synced, struct tarn_error *err)
{
    struct tarn_error print_err = {0};
    struct collection c = {0};
    int r = collect(o, s, &c, err), printed = 0;

    if (r == 0 || c.n > 0)
        printed = print_collection(o, s, &c, r != 0, &print_err);
    *ret_synced = all_synced(o, &c);
    if (r == 0 && printed == 0 && c.n == 0 && *ret_synced)
        say_nothing_found(o, &c.resources[0]);
    collection_release(&c);
    if (r != 0 && printed != 0)
        cli_say("%s", err->message);
    if (printed != 0)
        *err = print_err;
    return printed ? printed : r;
}

static int get(const struct get_options *o, struct tarn_client *c)
{
    struct tarn_error err = {0};
    struct tarn_snapshot *s;
    bool synced = true;
    int r = tarn_snapshot_open(c, &s, &err);

    if (r != 0)
        return cli_fail(&err);
    r = answer(o, s, &synced, &err);
    (void)tarn_snapshot_close(s);
    if (r != 0)
        return cli_fail(&err);
    return synced ? CLI_OK : CLI_NO;
}

static int attach_and_run(const struct get_options *o, bool every_change)
{
    struct tarn_client *c = NULL;
    int r = cli_open(&o->attach, &c);

    if (r == CLI_OK)
        r = o->watch ? watch_print(o, c, every_change) : get(o, c);
    tarn_client_close(c);
    return r;
}

int verb_get(int argc, char **argv)
{
    struct get_options o = {.verb = "get"};
    int r = get_options_parse(argc, argv, &o);

    if (r == CLI_OK)
        r = attach_and_run(&o, false);
    get_options_release(&o);
    return r;
}

int verb_events(int argc, char **argv)
{
    struct get_options o = {.verb = "events", .watch = true};
    int r = get_options_parse(argc, argv, &o);

    if (r == CLI_OK && o.output == OUTPUT_YAML)
        r = cli_usage("events", "events have no YAML form; -o json gives {type, object}");
    if (r == CLI_OK)
        r = attach_and_run(&o, true);
    get_options_release(&o);
    return r;
}
