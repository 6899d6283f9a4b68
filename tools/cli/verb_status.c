/* tarn status - the agent, its resources and its memory: from a snapshot, and from the agent's own answer where it gives one. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "field.h"
#include "table.h"
#include "when.h"

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

/* What is known, from both sources. */
struct status {
    struct tarn_client_info info;
    struct tarn_snapshot *s;
    const struct tarn_object *agent; /* the agent's own document, NULL: it gave none */
    struct tarn_value root;          /* of it; TARN_NIL if none */
};

/* ---- for people ------------------------------------------------------------------------------------ */

static void add_bytes(uint64_t n, struct tarn_buf *out)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB"};
    double v = (double)n;
    unsigned u = 0;

    while (v >= 1024 && u < 3) {
        v /= 1024;
        u++;
    }
    cli_addf(out, u ? "%.1f %s" : "%.0f %s", v, units[u]);
}

/* "120ms", "3s", "5m"; "never" */
static void add_age(uint64_t ms, struct tarn_buf *out)
{
    if (ms == UINT64_MAX)
        cli_addf(out, "never");
    else if (ms < 1000)
        cli_addf(out, "%" PRIu64 "ms", ms);
    else
        when_span((int64_t)(ms / 1000), out);
}

static const char *agent_word(const struct tarn_client_info *i)
{
    if (i->agent_stopped)
        return "stopped; the last state is served";
    if (!i->agent_alive)
        return "gone; the last state is served";
    return i->superseded ? "alive, and has a newer generation" : "alive";
}

/* A number that the agent's document may have: "name: 42" */
static void add_number(const struct status *st, const char *label, const char *path, struct tarn_buf *out)
{
    struct tarn_value v = st->root.type == TARN_MAP ? field_at(&st->root, path) : (struct tarn_value){.type = TARN_NIL};

    if (v.type == TARN_NIL)
        return;
    cli_addf(out, "%-12s", label);
    field_text(&v, out);
    cli_addf(out, "\n");
}

static void print_agent(const struct status *st, struct tarn_buf *out)
{
    const struct tarn_client_info *i = &st->info;

    cli_addf(out, "%-12s%s%s%s\n", "agent:", agent_word(i), i->agent[0] ? ", version " : "", i->agent);
    add_number(st, "pid:", "agent.pid", out);
    add_number(st, "server:", "agent.server", out);
    if (field_exists(&st->root, "agent.uptime_s")) {
        cli_addf(out, "%-12s", "uptime:");
        when_span(field_int(&st->root, "agent.uptime_s"), out);
        cli_addf(out, "\n");
    }
    cli_addf(out, "%-12s%s\n%-12s%s, generation %" PRIu64 "\n", "socket:", i->socket, "realm:", i->realm, i->generation);
    cli_addf(out, "%-12s%" PRIu64 ", ", "commit:", i->commit);
    add_age(i->commit_age_ms, out);
    cli_addf(out, " old; heartbeat ");
    add_age(i->heartbeat_age_ms, out);
    cli_addf(out, " ago\n");
    if (i->last_error)
        cli_addf(out, "%-12s%s\n", "attaching:", i->last_error_message);
}

static void print_memory(const struct status *st, struct tarn_buf *out)
{
    const struct tarn_client_info *i = &st->info;

    cli_addf(out, "%-12s", "memory:");
    add_bytes(i->live_bytes, out);
    cli_addf(out, " live, ");
    add_bytes(i->retired_bytes, out);
    cli_addf(out, " kept for snapshots, ");
    add_bytes(i->free_bytes, out);
    cli_addf(out, " free of ");
    add_bytes(i->region_bytes, out);
    cli_addf(out, "%s\n", i->over_budget ? "; OVER BUDGET: writes are refused, older data is served" : "");
    if (i->revocations || i->refused_writes)
        cli_addf(out, "%-12s%" PRIu64 " snapshots revoked, %" PRIu64 " writes refused\n", "pressure:", i->revocations,
                 i->refused_writes);
}

/* The realm we are attached to, in the agent's document. */
static struct tarn_value own_realm(const struct status *st)
{
    struct tarn_value it = st->root.type == TARN_MAP ? field_at(&st->root, "realms") : (struct tarn_value){.type = TARN_NIL}, realm;

    while (it.type == TARN_ARRAY && tarn_value_next(&it, NULL, &realm) == 1)
        if (tarn_bytes_equal(field_string(&realm, "name"), tarn_bytes_of(st->info.realm)))
            return realm;
    return (struct tarn_value){.type = TARN_NIL};
}

/* A sentence of the agent's document, unless it is empty. */
static void add_sentence(const char *label, const struct tarn_value *map, const char *path, struct tarn_buf *out)
{
    struct tarn_bytes text = map->type == TARN_MAP ? field_string(map, path) : (struct tarn_bytes){0};

    if (text.len)
        cli_addf(out, "%-12s%.*s\n", label, TARN_BYTES_ARG(text));
}

/* What a reload is waiting for or was refused for, older generations that clients keep, a region that is full. */
static void print_generations(const struct status *st, struct tarn_buf *out)
{
    struct tarn_value realm = own_realm(st);

    add_sentence("reload:", &st->root, "agent.reload_error", out);
    if (realm.type != TARN_MAP)
        return;
    if (field_int(&realm, "old_generations")) {
        cli_addf(out, "%-12s%lld of at most %lld old ones, ", "generations:", (long long)field_int(&realm, "old_generations"),
                 (long long)field_int(&realm, "old_generations_max"));
        add_bytes((uint64_t)field_int(&realm, "old_bytes"), out);
        cli_addf(out, ", kept for %lld clients\n", (long long)field_int(&realm, "old_clients"));
    }
    add_sentence("hand-over:", &realm, "handover_error", out);
    if (field_int(&realm, "full_ms")) {
        cli_addf(out, "%-12sthe region is full; streams are paused for ", "pressure:");
        add_age((uint64_t)field_int(&realm, "full_ms"), out);
        cli_addf(out, "\n");
    }
}

static struct tarn_value all_clients(const struct status *st)
{
    return st->root.type == TARN_MAP ? field_at(&st->root, "clients") : (struct tarn_value){.type = TARN_NIL};
}

/* The next client of our own realm; the agent's document holds those of all. */
static bool next_client(const struct status *st, struct tarn_value *it, struct tarn_value *ret)
{
    while (it->type == TARN_ARRAY && tarn_value_next(it, NULL, ret) == 1)
        if (tarn_bytes_equal(field_string(ret, "realm"), tarn_bytes_of(st->info.realm)))
            return true;
    return false;
}

static unsigned count_clients(const struct status *st)
{
    struct tarn_value it = all_clients(st), c;
    unsigned n = 0;

    while (next_client(st, &it, &c))
        n++;
    return n;
}

static void cell_int(struct table *t, const struct tarn_value *v, const char *path)
{
    char text[24];

    snprintf(text, sizeof text, "%" PRId64, field_int(v, path));
    table_cell(t, tarn_bytes_of(text));
}

static void client_row(struct table *t, const struct tarn_value *c, struct tarn_buf *scratch)
{
    cell_int(t, c, "pid");
    table_cell(t, field_string(c, "comm"));
    cell_int(t, c, "uid");
    tarn_buf_clear(scratch);
    when_span(field_int(c, "attached_s"), scratch);
    table_cell(t, tarn_buf_bytes(scratch));
    cell_int(t, c, "pins");
    tarn_buf_clear(scratch);
    add_age(field_int(c, "pins") ? (uint64_t)field_int(c, "oldest_pin_age_ms") : UINT64_MAX, scratch);
    table_cell(t, field_int(c, "pins") ? tarn_buf_bytes(scratch) : TARN_BYTES("-"));
    cell_int(t, c, "doorbells");
    cell_int(t, c, "revoked");
}

static void print_clients(const struct status *st, struct tarn_buf *out)
{
    static const char *const headers[] = {"CLIENT", "PROGRAM", "UID", "ATTACHED", "PINS", "OLDEST PIN", "DOORBELLS", "REVOKED"};
    struct tarn_value it = all_clients(st), c;
    struct table t = {.ncolumns = sizeof headers / sizeof *headers};
    struct tarn_buf scratch = {0};

    if (it.type != TARN_ARRAY)
        return;
    for (size_t i = 0; i < t.ncolumns; i++)
        table_cell(&t, tarn_bytes_of(headers[i]));
    while (next_client(st, &it, &c))
        client_row(&t, &c, &scratch);
    cli_addf(out, "\n");
    table_print(&t, out);
    table_release(&t);
    tarn_buf_release(&scratch);
}

static void print_pins(const struct status *st, struct tarn_buf *out)
{
    struct tarn_value realm = own_realm(st);

    if (realm.type != TARN_MAP)
        return;
    cli_addf(out, "%-12s%u, %lld pins", "clients:", count_clients(st), (long long)field_int(&realm, "pins"));
    if (field_int(&realm, "pins")) {
        cli_addf(out, ", the oldest held for ");
        add_age((uint64_t)field_int(&realm, "oldest_pin_age_ms"), out);
    }
    cli_addf(out, "\n");
}

static void resource_row(struct table *t, const struct tarn_resource *r, struct tarn_buf *scratch)
{
    char text[24];

    snprintf(text, sizeof text, "%" PRIu64, r->objects);
    table_cell(t, r->name);
    table_cell(t, tarn_bytes_of(text));
    table_cell(t, r->synced ? TARN_BYTES("yes") : TARN_BYTES("NO"));
    table_cell(t, r->live ? TARN_BYTES("yes") : r->relisting ? TARN_BYTES("listing") : TARN_BYTES("NO"));
    tarn_buf_clear(scratch);
    add_age(r->last_event_age_ms, scratch);
    table_cell(t, tarn_buf_bytes(scratch));
    table_cell(t, r->resource_version);
    snprintf(text, sizeof text, "%" PRIu64, r->errors);
    table_cell(t, tarn_bytes_of(text));
    tarn_buf_clear(scratch);
    cli_add(scratch, r->last_error);
    if (r->skipped)
        cli_addf(scratch, "%sobjects skipped (too large, or not readable): %" PRIu64 "; the agent's log names them",
                 r->last_error.len ? "; " : "", r->skipped);
    table_cell(t, tarn_buf_bytes(scratch));
}

static void print_resources(const struct status *st, struct tarn_buf *out)
{
    static const char *const headers[] = {"RESOURCE", "OBJECTS", "SYNCED", "LIVE", "LAST EVENT", "RESOURCEVERSION", "ERRORS", "LAST ERROR"};
    struct table t = {.ncolumns = sizeof headers / sizeof *headers};
    struct tarn_buf scratch = {0};
    struct tarn_resource r;

    for (size_t i = 0; i < t.ncolumns; i++)
        table_cell(&t, tarn_bytes_of(headers[i]));
    for (unsigned n = 0; tarn_resource_at(st->s, n, &r) == 0; n++)
        resource_row(&t, &r, &scratch);
    cli_addf(out, "\n");
    table_print(&t, out);
    table_release(&t);
    tarn_buf_release(&scratch);
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
    cli_addf(out,
             ",\"objects\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"synced\":%s,\"live\":%s,\"relisting\":%s,\"lists\":%" PRIu64
             ",\"watches\":%" PRIu64 ",\"events\":%" PRIu64 ",\"relists\":%" PRIu64 ",\"errors\":%" PRIu64 ",\"skipped\":%" PRIu64 "}",
             r->objects, r->bytes, json_bool(r->synced), json_bool(r->live), json_bool(r->relisting), r->lists, r->watches,
             r->events, r->relists, r->errors, r->skipped);
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

/* The agent's own document; without one the rest is shown. */
static void ask_agent(struct tarn_client *c, struct status *st)
{
    struct tarn_buf json = {0};

    if (tarn_client_status_json(c, &json, NULL) == 0 && tarn_object_from_json(tarn_buf_bytes(&json), &st->agent, NULL) == 0)
        st->root = field_root(st->agent);
    tarn_buf_release(&json);
}

static int show(const struct status_options *o, struct tarn_client *c, struct tarn_snapshot *s)
{
    struct status st = {.s = s, .root = {.type = TARN_NIL}};
    struct tarn_buf out = {0};
    int r = CLI_OK;

    ask_agent(c, &st);
    if (tarn_client_info(c, &st.info) != 0)
        return CLI_FAILED;
    if (o->json) {
        print_json(&st, &out);
    } else {
        print_agent(&st, &out);
        print_memory(&st, &out);
        print_pins(&st, &out);
        print_generations(&st, &out);
        print_resources(&st, &out);
        print_clients(&st, &out);
    }
    if (tarn_snapshot_check(s) == 0)
        cli_flush(&out);
    else
        cli_say("the snapshot expired while it was read; ask again"), r = CLI_FAILED;
    tarn_buf_release(&out);
    tarn_object_unref(st.agent);
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
