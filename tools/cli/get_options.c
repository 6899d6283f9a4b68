/* The command line of `tarn get` and `tarn events`. See get.h. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "custom_columns.h"
#include "get.h"
#include "jsonpath.h"
#include "table.h"

enum { OPT_FIELDS = CLI_OPT_VERB, OPT_INDEX, OPT_NO_HEADERS, OPT_SHOW_LABELS, OPT_SORT_BY, OPT_WATCH_ONLY, OPT_DELETED };

static const struct option options[] = {
    {"namespace", required_argument, 0, 'n'},
    {"all-namespaces", no_argument, 0, 'A'},
    {"selector", required_argument, 0, 'l'},
    {"field-selector", required_argument, 0, OPT_FIELDS},
    {"index", required_argument, 0, OPT_INDEX},
    {"label-columns", required_argument, 0, 'L'},
    {"output", required_argument, 0, 'o'},
    {"sort-by", required_argument, 0, OPT_SORT_BY},
    {"watch", no_argument, 0, 'w'},
    {"watch-only", no_argument, 0, OPT_WATCH_ONLY},
    {"deleted", no_argument, 0, OPT_DELETED},
    {"no-headers", no_argument, 0, OPT_NO_HEADERS},
    {"show-labels", no_argument, 0, OPT_SHOW_LABELS},
    CLI_ATTACH_OPTIONS,
    {0},
};

static void *zeroed(size_t n, size_t size)
{
    void *p = calloc(n, size);

    if (!p)
        cli_out_of_memory();
    return p;
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

static int parse_sort_by(const char *text, struct get_options *o)
{
    struct tarn_error err = {0};

    jsonpath_free(o->sort_by);
    o->sort_by = NULL;
    o->sort_text = text;
    return jsonpath_parse_path(text, &o->sort_by, &err) == 0 ? CLI_OK : cli_fail(&err);
}

/* -L app,tier; again: more of them. */
static int parse_label_columns(char *text, struct get_options *o)
{
    size_t n = 0;

    if (!o->label_columns)
        o->label_columns = zeroed(TABLE_COLUMNS_MAX, sizeof *o->label_columns);
    while (o->label_columns[n])
        n++;
    for (char *word = strtok(text, ","); word; word = strtok(NULL, ",")) {
        if (n == TABLE_COLUMNS_MAX / 2)
            return cli_usage(o->verb, "-L: at most %d columns of labels", TABLE_COLUMNS_MAX / 2);
        o->label_columns[n++] = word;
    }
    return CLI_OK;
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
    case 'L':
        return parse_label_columns(arg, o);
    case 'o':
        return output_option(arg, o);
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
    case OPT_DELETED:
        o->deleted = true;
        return CLI_OK;
    case OPT_SHOW_LABELS:
        o->show_labels = true;
        return CLI_OK;
    case OPT_SORT_BY:
        return parse_sort_by(arg, o);
    case OPT_WATCH_ONLY:
        o->watch = o->watch_only = true;
        return CLI_OK;
    default:
        return cli_attach_option(&o->attach, o->verb, opt, arg) ? CLI_OK : CLI_USAGE;
    }
}

/* ---- what is asked for ------------------------------------------------------------------------------ */

static void add_target(struct get_options *o, const char *resource, const char *name)
{
    o->targets[o->ntargets++] = (struct target){resource, name};
    if (strcmp(resource, o->targets[0].resource) != 0)
        o->several_resources = true;
}

/* RESOURCE/NAME... */
static int take_pairs(struct get_options *o, char **args, size_t n)
{
    o->targets = zeroed(n, sizeof *o->targets);
    for (size_t i = 0; i < n; i++) {
        char *slash = strchr(args[i], '/');

        if (!slash || slash == args[i] || !slash[1])
            return cli_usage(o->verb, "'%s' among arguments of the form RESOURCE/NAME: each has to name its resource", args[i]);
        *slash = 0;
        add_target(o, args[i], slash + 1);
    }
    return CLI_OK;
}

/* RESOURCE[,RESOURCE...] [NAME...]: each name in each resource. */
static int take_resources(struct get_options *o, char **args, size_t n)
{
    size_t resources = 1;

    for (const char *c = args[0]; *c; c++)
        resources += *c == ',';
    o->targets = zeroed(resources * n, sizeof *o->targets);
    for (char *word = strtok(args[0], ","); word; word = strtok(NULL, ",")) {
        if (n == 1)
            add_target(o, word, NULL);
        for (size_t i = 1; i < n; i++)
            add_target(o, word, args[i]);
    }
    return o->ntargets ? CLI_OK : cli_usage(o->verb, "which resource? '%s' names none", args[0]);
}

static int take_arguments(struct get_options *o, char **args, int n)
{
    if (n == 0)
        return cli_usage(o->verb, "which resource? For example: tarn %s pods -A", o->verb);
    return strchr(args[0], '/') ? take_pairs(o, args, (size_t)n) : take_resources(o, args, (size_t)n);
}

static int check_names(const struct get_options *o)
{
    if (o->labels || o->fields || o->index)
        return cli_usage(o->verb, "names and selectors do not go together");
    if (o->all_namespaces)
        return cli_usage(o->verb, "a name is in one namespace: use -n, not -A");
    return CLI_OK;
}

static int check_watch(const struct get_options *o)
{
    if (o->deleted)
        return cli_usage(o->verb, "--deleted shows what there is now; it does not go with --watch");
    if (o->index)
        return cli_usage(o->verb, "--index does not go with --watch; a field selector does");
    if (o->sort_by)
        return cli_usage(o->verb, "--sort-by does not go with --watch: changes come in their own order");
    if (o->ntargets > 1)
        return cli_usage(o->verb, "to watch is to watch one resource, or one object of it");
    return CLI_OK;
}

/* A watch of one object is a watch of those with its name. */
static int select_name(struct get_options *o)
{
    struct tarn_buf text = {0};
    int r;

    cli_addf(&text, "metadata.name=%s", o->targets[0].name);
    cli_add(&text, (struct tarn_bytes){"", 1});
    r = parse_fields(text.data, o);
    tarn_buf_release(&text);
    return r;
}

static int check_together(struct get_options *o)
{
    bool named = o->ntargets && o->targets[0].name;
    int r = named ? check_names(o) : CLI_OK;

    if (r == CLI_OK && o->watch)
        r = check_watch(o);
    if (r == CLI_OK && o->watch && named)
        r = select_name(o);
    return r;
}

int get_options_parse(int argc, char **argv, struct get_options *o)
{
    int opt, r = CLI_OK;

    optind = 1;
    while (r == CLI_OK && (opt = getopt_long(argc, argv, "n:Al:L:o:wh", options, NULL)) != -1)
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

void get_options_release(struct get_options *o)
{
    tarn_selector_free(o->labels);
    tarn_field_selector_free(o->fields);
    jsonpath_free(o->jsonpath);
    jsonpath_free(o->sort_by);
    custom_columns_free(o->columns);
    tarn_buf_release(&o->template);
    free(o->label_columns);
    free(o->targets);
}
