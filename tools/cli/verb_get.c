/* tarn get - objects from a snapshot, in kubectl's dialect. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "get.h"

enum { FLUSH_AT = 1 << 16 };

enum { OPT_FIELDS = CLI_OPT_VERB, OPT_INDEX, OPT_NO_HEADERS, OPT_SHOW_LABELS, OPT_WATCH_ONLY };

static const struct option options[] = {
    {"namespace", required_argument, 0, 'n'},
    {"all-namespaces", no_argument, 0, 'A'},
    {"selector", required_argument, 0, 'l'},
    {"field-selector", required_argument, 0, OPT_FIELDS},
    {"index", required_argument, 0, OPT_INDEX},
    {"output", required_argument, 0, 'o'},
    {"watch", no_argument, 0, 'w'},
    {"watch-only", no_argument, 0, OPT_WATCH_ONLY},
    {"no-headers", no_argument, 0, OPT_NO_HEADERS},
    {"show-labels", no_argument, 0, OPT_SHOW_LABELS},
    CLI_ATTACH_OPTIONS,
    {0},
};

/* ---- the command line ----------------------------------------------------------------------------- */

static int parse_output(const char *text, struct get_options *o)
{
    static const char *const names[] = {
        [OUTPUT_WIDE] = "wide", [OUTPUT_JSON] = "json", [OUTPUT_YAML] = "yaml", [OUTPUT_NAME] = "name"};

    for (size_t i = OUTPUT_WIDE; i < sizeof names / sizeof *names; i++)
        if (strcmp(text, names[i]) == 0) {
            o->output = (enum output)i;
            return CLI_OK;
        }
    return cli_usage(o->verb, "unknown output format '%s': one of wide, json, yaml, name", text);
}

static int parse_index(char *text, struct get_options *o)
{
    char *eq = strchr(text, '=');

    if (!eq || eq == text)
        return cli_usage(o->verb, "--index '%s' is not NAME=VALUE, as in --index spec.nodeName=node-7", text);
    *eq = 0;
    o->index = text;
    o->value = eq + 1;
    return CLI_OK;
}

static int parse_labels(const char *text, struct get_options *o)
{
    struct tarn_error err = {0};

    tarn_selector_free(o->labels);
    o->labels = NULL;
    return tarn_selector_parse(tarn_bytes_of(text), &o->labels, &err) == 0 ? CLI_OK : cli_fail(&err);
}

static int parse_fields(const char *text, struct get_options *o)
{
    struct tarn_error err = {0};

    tarn_field_selector_free(o->fields);
    o->fields = NULL;
    return tarn_field_selector_parse(tarn_bytes_of(text), &o->fields, &err) == 0 ? CLI_OK : cli_fail(&err);
}

static int take_option(struct get_options *o, int opt, char *arg)
{
    switch (opt) {
    case 'n':
        o->ns = arg;
        return CLI_OK;
    case 'A':
        o->all_namespaces = true;
        return CLI_OK;
    case 'l':
        return parse_labels(arg, o);
    case 'o':
        return parse_output(arg, o);
    case 'w':
        o->watch = true;
        return CLI_OK;
    case OPT_FIELDS:
        return parse_fields(arg, o);
    case OPT_INDEX:
        return parse_index(arg, o);
    case OPT_NO_HEADERS:
        o->no_headers = true;
        return CLI_OK;
    case OPT_SHOW_LABELS:
        o->show_labels = true;
        return CLI_OK;
    case OPT_WATCH_ONLY:
        o->watch = o->watch_only = true;
        return CLI_OK;
    default:
        return cli_attach_option(&o->attach, o->verb, opt, arg) ? CLI_OK : CLI_USAGE;
    }
}

/* RESOURCE NAME..., or RESOURCE/NAME... which all name the same resource. */
static int take_arguments(struct get_options *o, char **args, int n)
{
    char *slash;

    if (n == 0)
        return cli_usage(o->verb, "which resource? For example: tarn %s pods -A", o->verb);
    o->resource = args[0];
    o->names = args + 1;
    o->nnames = n - 1;
    slash = strchr(args[0], '/');
    if (!slash)
        return CLI_OK;
    *slash = 0;
    for (int i = 0; i < n; i++) {
        if (i > 0) {
            slash = strchr(args[i], '/');
            if (!slash || (size_t)(slash - args[i]) != strlen(o->resource) || strncmp(args[i], o->resource, strlen(o->resource)) != 0)
                return cli_usage(o->verb, "'%s' after '%s/%s': the form RESOURCE/NAME takes one resource at a time", args[i],
                                 o->resource, o->names ? args[0] : "");
        }
        args[i] = slash + 1;
    }
    o->names = args;
    o->nnames = n;
    return CLI_OK;
}

static int check_together(const struct get_options *o)
{
    if (o->nnames && (o->labels || o->fields || o->index))
        return cli_usage(o->verb, "names and selectors do not go together");
    if (o->nnames && o->all_namespaces)
        return cli_usage(o->verb, "a name is in one namespace: use -n, not -A");
    if (o->nnames && o->watch)
        return cli_usage(o->verb, "to watch one object, select it: --watch --field-selector metadata.name=%s", o->names[0]);
    if (o->watch && o->index)
        return cli_usage(o->verb, "--index does not go with --watch; a field selector does");
    return CLI_OK;
}

static int parse(int argc, char **argv, struct get_options *o)
{
    int opt, r = CLI_OK;

    optind = 1;
    while (r == CLI_OK && (opt = getopt_long(argc, argv, "n:Al:o:wh", options, NULL)) != -1)
        r = take_option(o, opt, optarg);
    if (r == CLI_OK)
        r = take_arguments(o, argv + optind, argc - optind);
    if (r == CLI_OK)
        r = check_together(o);
    if (!o->ns && !o->all_namespaces)
        o->ns = "default";
    if (o->all_namespaces)
        o->ns = NULL;
    return r;
}

/* ---- the answer ------------------------------------------------------------------------------------ */

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

static int print_one(struct printer *p, struct tarn_snapshot *s, const struct tarn_object *obj, struct tarn_error *err)
{
    int r = printer_object(p, obj);

    if (r != 0)
        return tarn_error_set(err, r, "cannot print '%.*s': %s", TARN_BYTES_ARG(tarn_object_key(obj)), tarn_strerror(r));
    return flush_if_full(p, s, err);
}

static int print_all(struct printer *p, struct tarn_snapshot *s, struct tarn_error *err)
{
    const struct get_options *o = p->o;
    struct tarn_query q = {
        .ns = p->resource.namespaced ? o->ns : NULL,
        .index = o->index,
        .value = o->value,
        .labels = o->labels,
        .fields = o->fields,
        .sorted = true,
    };
    const struct tarn_object *obj;
    struct tarn_iter it;
    int r = tarn_list(s, o->resource, &q, &it, err);

    if (r != 0)
        return r;
    while (r == 0 && (obj = tarn_iter_next(&it)))
        r = print_one(p, s, obj, err);
    if (r == 0 && (r = tarn_iter_error(&it)) != 0)
        tarn_error_set(err, r, "cannot list %s: %s", o->resource, tarn_strerror(r));
    return r;
}

static int print_named(struct printer *p, struct tarn_snapshot *s, const char *name, struct tarn_error *err)
{
    const struct tarn_object *obj;
    struct tarn_buf key = {0};
    int r;

    if (p->resource.namespaced)
        cli_addf(&key, "%s/", p->o->ns);
    cli_add(&key, tarn_bytes_of(name));
    cli_add(&key, (struct tarn_bytes){"", 1});
    r = tarn_get(s, p->o->resource, key.data, &obj);
    if (r == 0)
        r = print_one(p, s, obj, err);
    else if (r == TARN_E_NOTFOUND)
        tarn_error_set(err, r, "%.*s \"%s\" not found in the mirror", TARN_BYTES_ARG(p->resource.name), key.data);
    else if (r == TARN_E_KEY_FORMAT)
        tarn_error_set(err, r, "'%s' cannot be the name of one of %.*s", name, TARN_BYTES_ARG(p->resource.name));
    else
        tarn_error_set(err, r, "cannot get \"%s\": %s", key.data, tarn_strerror(r));
    tarn_buf_release(&key);
    return r;
}

/* Every name is looked for; the last failure counts. */
static int print_names(struct printer *p, struct tarn_snapshot *s, struct tarn_error *err)
{
    int r = 0;

    for (int i = 0; i < p->o->nnames; i++) {
        struct tarn_error one = {0};

        if (print_named(p, s, p->o->names[i], &one) == 0)
            continue;
        if (r != 0)
            cli_say("%s", err->message);
        r = one.code;
        *err = one;
    }
    return r;
}

static void say_nothing_found(const struct printer *p)
{
    const struct get_options *o = p->o;

    if (o->output != OUTPUT_TABLE && o->output != OUTPUT_WIDE)
        return;
    if (o->ns && p->resource.namespaced)
        cli_say("No resources found in namespace %s", o->ns);
    else
        cli_say("No resources found");
}

static void say_not_synced(const struct tarn_resource *res)
{
    cli_say("%.*s have not synced yet%s%.*s", TARN_BYTES_ARG(res->name), res->last_error.len ? ": " : "", TARN_BYTES_ARG(res->last_error));
}

/* Print from one snapshot. Returns the snapshot's or a query's error; whether what was shown is a whole list. */
static int answer(const struct get_options *o, struct tarn_snapshot *s, bool *ret_synced, struct tarn_error *err)
{
    struct printer p = {.o = o, .as_list = o->nnames != 1 && (o->output == OUTPUT_JSON || o->output == OUTPUT_YAML)};
    int r = tarn_resource_find(s, o->resource, &p.resource, err);
    int expired;

    if (r != 0)
        return r;
    printer_begin(&p);
    r = o->nnames ? print_names(&p, s, err) : print_all(&p, s, err);
    expired = tarn_snapshot_check(s);
    if (expired)
        r = tarn_error_set(err, expired, "the snapshot expired under memory pressure while it was read; ask again");
    else if (r == 0 || o->nnames > 1)
        printer_end(&p);
    *ret_synced = p.resource.synced;
    if (!p.resource.synced)
        say_not_synced(&p.resource);
    else if (r == 0 && p.count == 0)
        say_nothing_found(&p);
    printer_release(&p);
    return r;
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

int verb_get(int argc, char **argv)
{
    struct get_options o = {.verb = "get"};
    struct tarn_client *c = NULL;
    int r = parse(argc, argv, &o);

    if (r == CLI_OK)
        r = cli_open(&o.attach, &c);
    if (r == CLI_OK)
        r = o.watch ? watch_print(&o, c, false) : get(&o, c);
    tarn_client_close(c);
    tarn_selector_free(o.labels);
    tarn_field_selector_free(o.fields);
    return r;
}

int verb_events(int argc, char **argv)
{
    struct get_options o = {.verb = "events", .watch = true};
    struct tarn_client *c = NULL;
    int r = parse(argc, argv, &o);

    if (r == CLI_OK && o.output == OUTPUT_YAML)
        r = cli_usage("events", "events have no YAML form; -o json gives {type, object}");
    if (r == CLI_OK)
        r = cli_open(&o.attach, &c);
    if (r == CLI_OK)
        r = watch_print(&o, c, true);
    tarn_client_close(c);
    tarn_selector_free(o.labels);
    tarn_field_selector_free(o.fields);
    return r;
}
