/* tarn index - the indexes of a resource, the values of one, the keys of a value. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "table.h"

struct index_options {
    struct cli_attach attach;
    const char *resource, *index, *value;
    bool no_headers;
};

static const struct option options[] = {
    {"no-headers", no_argument, 0, CLI_OPT_VERB},
    CLI_ATTACH_OPTIONS,
    {0},
};

static int parse(int argc, char **argv, struct index_options *o)
{
    char *eq;
    int opt;

    optind = 1;
    while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (opt == CLI_OPT_VERB)
            o->no_headers = true;
        else if (!cli_attach_option(&o->attach, "index", opt, optarg))
            return CLI_USAGE;
    }
    if (argc == optind)
        return cli_usage("index", "which resource? For example: tarn index pods");
    if (argc - optind > 2)
        return cli_usage("index", "unexpected argument '%s'", argv[optind + 2]);
    o->resource = argv[optind];
    o->index = argv[optind + 1];
    eq = o->index ? strchr(o->index, '=') : NULL;
    if (eq) {
        *eq = 0;
        o->value = eq + 1;
    }
    return CLI_OK;
}

static void print_keys(const struct tarn_keys *keys, struct tarn_buf *out)
{
    for (size_t i = 0; i < keys->n; i++)
        cli_addf(out, "%.*s\n", TARN_BYTES_ARG(keys->v[i]));
}

static int count_keys(struct tarn_snapshot *s, const struct index_options *o, struct tarn_bytes value, size_t *ret,
                      struct tarn_error *err)
{
    struct tarn_iter it;
    char text[4096];
    int r;

    snprintf(text, sizeof text, "%.*s", TARN_BYTES_ARG(value));
    r = tarn_by_index(s, o->resource, o->index, text, &it, err);
    if (r != 0)
        return r;
    for (*ret = 0; tarn_iter_next(&it);)
        ++*ret;
    return tarn_iter_error(&it);
}

/* Values with the number of their objects. */
static int print_values(struct tarn_snapshot *s, const struct index_options *o, struct tarn_buf *out, struct tarn_error *err)
{
    struct table t = {.ncolumns = 2};
    struct tarn_keys values = {0};
    int r = tarn_list_index_values(s, o->resource, o->index, &values, err);
    size_t n = 0;

    if (r == 0 && !o->no_headers) {
        table_cell(&t, TARN_BYTES("VALUE"));
        table_cell(&t, TARN_BYTES("OBJECTS"));
    }
    for (size_t i = 0; r == 0 && i < values.n; i++) {
        char count[24];

        r = count_keys(s, o, values.v[i], &n, err);
        snprintf(count, sizeof count, "%zu", n);
        table_cell(&t, values.v[i]);
        table_cell(&t, tarn_bytes_of(count));
    }
    table_print(&t, out);
    table_release(&t);
    tarn_keys_release(&values);
    return r;
}

static int print_indexes(struct tarn_snapshot *s, const struct index_options *o, struct tarn_buf *out, struct tarn_error *err)
{
    struct table t = {.ncolumns = 2};
    struct tarn_resource res;
    struct tarn_bytes name;
    int r = tarn_resource_find(s, o->resource, &res, err);

    if (r == 0 && !o->no_headers) {
        table_cell(&t, TARN_BYTES("INDEX"));
        table_cell(&t, TARN_BYTES("VALUES"));
    }
    for (unsigned n = 0; r == 0 && tarn_resource_index_at(s, o->resource, n, &name) == 0; n++) {
        struct tarn_keys values = {0};
        char index[512], count[24];

        snprintf(index, sizeof index, "%.*s", TARN_BYTES_ARG(name));
        r = tarn_list_index_values(s, o->resource, index, &values, err);
        snprintf(count, sizeof count, "%zu", values.n);
        table_cell(&t, name);
        table_cell(&t, tarn_bytes_of(count));
        tarn_keys_release(&values);
    }
    table_print(&t, out);
    table_release(&t);
    return r;
}

static int answer(struct tarn_snapshot *s, const struct index_options *o, struct tarn_buf *out, struct tarn_error *err)
{
    struct tarn_keys keys = {0};
    int r;

    if (!o->index)
        return print_indexes(s, o, out, err);
    if (!o->value)
        return print_values(s, o, out, err);
    r = tarn_index_keys(s, o->resource, o->index, o->value, &keys, err);
    if (r == 0)
        print_keys(&keys, out);
    tarn_keys_release(&keys);
    return r;
}

int verb_index(int argc, char **argv)
{
    struct index_options o = {0};
    struct tarn_client *c = NULL;
    struct tarn_snapshot *s = NULL;
    struct tarn_error err = {0};
    struct tarn_buf out = {0};
    int exit_code = parse(argc, argv, &o), r, closed;

    if (exit_code == CLI_OK)
        exit_code = cli_open(&o.attach, &c);
    if (exit_code != CLI_OK)
        return exit_code;
    r = tarn_snapshot_open(c, &s, &err);
    if (r == 0)
        r = answer(s, &o, &out, &err);
    closed = tarn_snapshot_close(s);
    if (r == 0 && closed != 0)
        r = tarn_error_set(&err, closed, "the snapshot expired while it was read; ask again");
    if (r == 0)
        cli_flush(&out);
    tarn_buf_release(&out);
    tarn_client_close(c);
    return r == 0 ? CLI_OK : cli_fail(&err);
}
