/* tarn status - the agent, its resources and its memory: for people, for machines, or as an exit code. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "status.h"

enum { OPT_SYNCED = CLI_OPT_VERB };

struct status_options {
    struct cli_attach attach;
    bool synced, json;
};

static const struct option options[] = {
    {"synced", no_argument, 0, OPT_SYNCED},
    {"output", required_argument, 0, 'o'},
    CLI_ATTACH_OPTIONS,
    {0},
};

static int parse(int argc, char **argv, struct status_options *o)
{
    int opt;

    optind = 1;
    while ((opt = getopt_long(argc, argv, "o:h", options, NULL)) != -1) {
        if (opt == OPT_SYNCED)
            o->synced = true;
        else if (opt == 'o' && strcmp(optarg, "json") == 0)
            o->json = true;
        else if (opt == 'o')
            return cli_usage("status", "unknown output format '%s': json or none", optarg);
        else if (!cli_attach_option(&o->attach, "status", opt, optarg))
            return CLI_USAGE;
    }
    if (optind < argc)
        return cli_usage("status", "unexpected argument '%s'", argv[optind]);
    return CLI_OK;
}

/* ---- for machines -------------------------------------------------------------------------------------- */

static void add_json_text(struct tarn_bytes text, struct tarn_buf *out)
{
    struct tarn_value v = {.type = TARN_STRING, .string = text};

    if (tarn_value_to_json(&v, 0, out) != 0)
        cli_out_of_memory();
}

static void add_json_member(const char *name, struct tarn_bytes text, struct tarn_buf *out)
{
    cli_addf(out, "\"%s\":", name);
    add_json_text(text, out);
    cli_addf(out, ",");
}

/* null where the age is unknown */
static void add_json_age(const char *name, uint64_t ms, struct tarn_buf *out)
{
    if (ms == UINT64_MAX)
        cli_addf(out, "\"%s\":null", name);
    else
        cli_addf(out, "\"%s\":%" PRIu64, name, ms);
}

static const char *json_bool(bool b)
{
    return b ? "true" : "false";
}

static void json_resource(const struct tarn_resource *r, struct tarn_buf *out)
{
    cli_addf(out, "{");
    add_json_member("name", r->name, out);
    add_json_member("apiVersion", r->api_version, out);
    add_json_member("kind", r->kind, out);
    add_json_member("resourceVersion", r->resource_version, out);
    add_json_member("lastError", r->last_error, out);
    add_json_age("lastEventAgeMs", r->last_event_age_ms, out);
    cli_addf(out, ",");
    add_json_age("lastListAgeMs", r->last_list_age_ms, out);
    cli_addf(out, ",");
    add_json_age("lagMs", r->lag_ms, out);
    cli_addf(out,
             ",\"objects\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"synced\":%s,\"live\":%s,\"relisting\":%s,\"lists\":%" PRIu64
             ",\"watches\":%" PRIu64 ",\"events\":%" PRIu64 ",\"relists\":%" PRIu64 ",\"errors\":%" PRIu64 ",\"skipped\":%" PRIu64 ",\"rvRewinds\":%" PRIu64 "}",
             r->objects, r->bytes, json_bool(r->synced), json_bool(r->live), json_bool(r->relisting), r->lists, r->watches,
             r->events, r->relists, r->errors, r->skipped, r->rv_rewinds);
}

static void json_region(const struct tarn_client_info *i, struct tarn_buf *out)
{
    cli_addf(out, "{");
    add_json_member("socket", tarn_bytes_of(i->socket), out);
    add_json_member("realm", tarn_bytes_of(i->realm), out);
    add_json_member("agentVersion", tarn_bytes_of(i->agent), out);
    add_json_member("attachError", tarn_bytes_of(i->last_error_message), out);
    add_json_age("heartbeatAgeMs", i->heartbeat_age_ms, out);
    cli_addf(out, ",");
    add_json_age("commitAgeMs", i->commit_age_ms, out);
    cli_addf(out,
             ",\"agentAlive\":%s,\"agentStopped\":%s,\"superseded\":%s,\"overBudget\":%s,\"commit\":%" PRIu64 ",\"horizon\":%" PRIu64
             ",\"generation\":%" PRIu64 ",\"regionBytes\":%" PRIu64 ",\"liveBytes\":%" PRIu64 ",\"retiredBytes\":%" PRIu64
             ",\"freeBytes\":%" PRIu64 ",\"objects\":%" PRIu64 ",\"revocations\":%" PRIu64 ",\"refusedWrites\":%" PRIu64 "}",
             json_bool(i->agent_alive), json_bool(i->agent_stopped), json_bool(i->superseded), json_bool(i->over_budget), i->commit,
             i->horizon, i->generation, i->region_bytes, i->live_bytes, i->retired_bytes, i->free_bytes, i->objects,
             i->revocations, i->refused_writes);
}

static void print_json(const struct status *st, struct tarn_buf *out)
{
    struct tarn_resource r;

    cli_addf(out, "{\"region\":");
    json_region(&st->info, out);
    cli_addf(out, ",\"resources\":[");
    for (unsigned n = 0; tarn_resource_at(st->s, n, &r) == 0; n++) {
        cli_addf(out, n ? "," : "");
        json_resource(&r, out);
    }
    cli_addf(out, "],\"agent\":");
    if (st->root.type == TARN_MAP && tarn_value_to_json(&st->root, 0, out) != 0)
        cli_out_of_memory();
    cli_addf(out, st->root.type == TARN_MAP ? "}\n" : "null}\n");
}

/* ---- the verb --------------------------------------------------------------------------------------------- */

static int synced(struct tarn_snapshot *s)
{
    struct tarn_resource r;
    unsigned n = 0;

    for (; tarn_resource_at(s, n, &r) == 0; n++)
        if (!r.synced)
            return CLI_NO;
    return n ? CLI_OK : CLI_NO;
}

static int show(const struct status_options *o, struct tarn_client *c, struct tarn_snapshot *s)
{
    struct status st;
    struct tarn_buf out = {0};
    int r = CLI_OK;

    if (status_ask(c, s, &st) != 0)
        return CLI_FAILED;
    if (o->json)
        print_json(&st, &out);
    else
        status_print(&st, &out);
    if (tarn_snapshot_check(s) == 0)
        cli_flush(&out);
    else
        cli_say("the snapshot expired while it was read; ask again"), r = CLI_FAILED;
    tarn_buf_release(&out);
    status_release(&st);
    return r;
}

int verb_status(int argc, char **argv)
{
    struct status_options o = {0};
    struct tarn_error err = {0};
    struct tarn_client *c = NULL;
    struct tarn_snapshot *s;
    int r = parse(argc, argv, &o);

    if (r == CLI_OK)
        r = cli_open(&o.attach, &c);
    if (r != CLI_OK)
        return r;
    if (tarn_snapshot_open(c, &s, &err) != 0) {
        tarn_client_close(c);
        return cli_fail(&err);
    }
    r = o.synced ? synced(s) : show(&o, c, s);
    (void)tarn_snapshot_close(s);
    tarn_client_close(c);
    return r;
}
