/* tarn snapshot, tarn verify - what a snapshot opened now sees, and whether the region keeps its own rules. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "checkpoint.h"
#include "cli.h"
#include "table.h"
#include "terminal.h"

static const struct option options[] = {CLI_ATTACH_OPTIONS, {0}};

/* Only the options that every verb has, no arguments; then a client and a snapshot. CLI_OK or the exit code. */
static int begin(const char *verb, int argc, char **argv, struct tarn_client **ret_client, struct tarn_snapshot **ret)
{
    struct cli_attach a = {0};
    struct tarn_error err = {0};
    int opt, r;

    optind = 1;
    while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1)
        if (!cli_attach_option(&a, verb, opt, optarg))
            return CLI_USAGE;
    if (optind < argc)
        return cli_usage(verb, "unexpected argument '%s'", argv[optind]);
    r = cli_open(&a, ret_client);
    if (r != CLI_OK)
        return r;
    if (tarn_snapshot_open(*ret_client, ret, &err) == 0)
        return CLI_OK;
    tarn_client_close(*ret_client);
    return cli_fail(&err);
}

static void add_hex(struct tarn_buf *out, const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        cli_addf(out, "%02x", bytes[i]);
}

static void print_moment(struct tarn_client *c, struct tarn_snapshot *s, struct tarn_buf *out)
{
    struct tarn_client_info i;

    if (tarn_client_info(c, &i) != 0)
        return;
    cli_addf(out, "realm:       %s\n", i.realm);
    cli_addf(out, "commit:      %" PRIu64 "\n", tarn_snapshot_commit(s));
    cli_addf(out, "generation:  %" PRIu64 "\n", tarn_snapshot_generation(s));
    cli_addf(out, "instance:    ");
    add_hex(out, i.instance, sizeof i.instance);
    cli_addf(out, "\nformat:      %u.%u\n", i.abi_major, i.abi_minor);
    cli_addf(out, "region:      %" PRIu64 " bytes, %" PRIu64 " live, %" PRIu64 " kept for snapshots, %" PRIu64 " free\n",
             i.region_bytes, i.live_bytes, i.retired_bytes, i.free_bytes);
    cli_addf(out, "change log:  positions %" PRIu64 " to %" PRIu64 "\n\n", i.log_floor, i.log_head);
}

static void print_counts(struct tarn_snapshot *s, struct tarn_buf *out)
{
    struct table t = {.ncolumns = 5};
    struct tarn_resource res;

    table_cell(&t, TARN_BYTES("RESOURCE"));
    table_cell(&t, TARN_BYTES("OBJECTS"));
    table_cell(&t, TARN_BYTES("BYTES"));
    table_cell(&t, TARN_BYTES("INDEXES"));
    table_cell(&t, TARN_BYTES("RESOURCEVERSION"));
    for (unsigned n = 0; tarn_resource_at(s, n, &res) == 0; n++) {
        char text[32];

        table_cell(&t, res.name);
        snprintf(text, sizeof text, "%" PRIu64, res.objects);
        table_cell(&t, tarn_bytes_of(text));
        snprintf(text, sizeof text, "%" PRIu64, res.bytes);
        table_cell(&t, tarn_bytes_of(text));
        snprintf(text, sizeof text, "%u", res.nindexes);
        table_cell(&t, tarn_bytes_of(text));
        table_cell(&t, res.resource_version);
    }
    table_print(&t, out);
    table_release(&t);
}

int verb_snapshot(int argc, char **argv)
{
    struct tarn_client *c;
    struct tarn_snapshot *s;
    struct tarn_buf out = {0};
    int r = begin("snapshot", argc, argv, &c, &s);

    if (r != CLI_OK)
        return r;
    print_moment(c, s, &out);
    print_counts(s, &out);
    if (tarn_snapshot_close(s) == 0)
        cli_flush(&out);
    else
        cli_say("the snapshot expired while it was read; ask again"), r = CLI_FAILED;
    tarn_buf_release(&out);
    tarn_client_close(c);
    return r;
}

static int verify_region(int argc, char **argv)
{
    struct tarn_verify_report v;
    struct tarn_error err = {0};
    struct tarn_client *c;
    struct tarn_snapshot *s;
    int r = begin("verify", argc, argv, &c, &s);

    if (r != CLI_OK)
        return r;
    progress_begin("walking the region");
    r = tarn_snapshot_verify(s, &v, &err);
    progress_end();
    if (r == 0)
        printf("ok: commit %" PRIu64 ": %" PRIu64 " objects of %" PRIu64 " resources, %" PRIu64 " records, %" PRIu64
               " index values, %" PRIu64 " log entries, %" PRIu64 " bytes\n",
               tarn_snapshot_commit(s), v.objects, v.resources, v.records, v.nodes, v.log_entries, v.bytes);
    (void)tarn_snapshot_close(s);
    tarn_client_close(c);
    if (r == TARN_E_CORRUPT) {
        cli_say("the region is damaged: %s", err.message);
        return CLI_NO;
    }
    return r == 0 ? CLI_OK : cli_fail(&err);
}

int verb_verify(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--checkpoint") == 0)
        return verify_checkpoint(argv[2]);
    if (argc == 2 && strncmp(argv[1], "--checkpoint=", 13) == 0)
        return verify_checkpoint(argv[1] + 13);
    return verify_region(argc, argv);
}
