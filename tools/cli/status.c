/* The agent's state as people read it. See status.h. */
#include "status.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "field.h"
#include "table.h"
#include "terminal.h"

/* The agent's own document; without one the rest is shown. */
static void ask_agent(struct tarn_client *c, struct status *st)
{
    struct tarn_buf json = {0};

    if (tarn_client_status_json(c, &json, NULL) == 0 && tarn_object_from_json(tarn_buf_bytes(&json), &st->agent, NULL) == 0)
        st->root = field_root(st->agent);
    tarn_buf_release(&json);
}

int status_ask(struct tarn_client *c, struct tarn_snapshot *s, struct status *st)
{
    *st = (struct status){.s = s, .root = {.type = TARN_NIL}};
    progress_begin("asking the agent");
    ask_agent(c, st);
    progress_end();
    return tarn_client_info(c, &st->info);
}

void status_release(struct status *st)
{
    tarn_object_unref(st->agent);
}


void status_bytes(uint64_t n, struct tarn_buf *out)
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

void status_age(uint64_t ms, struct tarn_buf *out)
{
    if (ms == UINT64_MAX)
        cli_addf(out, "never");
    else if (ms < 1000)
        cli_addf(out, "%" PRIu64 "ms", ms);
    else
        cli_span((int64_t)(ms / 1000), out);
}

const char *status_agent_word(const struct tarn_client_info *i)
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
    struct print_text text;

    if (v.type == TARN_NIL)
        return;
    cli_addf(out, "%-12s", label);
    text = cli_text(out);
    field_text(&v, &text);
    cli_text_end(&text);
    cli_addf(out, "\n");
}

static void print_agent(const struct status *st, struct tarn_buf *out)
{
    const struct tarn_client_info *i = &st->info;

    cli_addf(out, "%-12s%s%s%s\n", "agent:", status_agent_word(i), i->agent[0] ? ", version " : "", i->agent);
    add_number(st, "pid:", "agent.pid", out);
    add_number(st, "server:", "agent.server", out);
    if (field_exists(&st->root, "agent.uptime_s")) {
        cli_addf(out, "%-12s", "uptime:");
        cli_span(field_int(&st->root, "agent.uptime_s"), out);
        cli_addf(out, "\n");
    }
    cli_addf(out, "%-12s%s\n%-12s%s, generation %" PRIu64 "\n", "socket:", i->socket, "realm:", i->realm, i->generation);
    cli_addf(out, "%-12s%" PRIu64 ", ", "commit:", i->commit);
    status_age(i->commit_age_ms, out);
    cli_addf(out, " old; heartbeat ");
    status_age(i->heartbeat_age_ms, out);
    cli_addf(out, " ago\n");
    if (i->last_error)
        cli_addf(out, "%-12s%s\n", "attaching:", i->last_error_message);
}

static void print_memory(const struct status *st, struct tarn_buf *out)
{
    const struct tarn_client_info *i = &st->info;

    cli_addf(out, "%-12s", "memory:");
    status_bytes(i->live_bytes, out);
    cli_addf(out, " live, ");
    status_bytes(i->retired_bytes, out);
    cli_addf(out, " kept for snapshots, ");
    status_bytes(i->free_bytes, out);
    cli_addf(out, " free of ");
    status_bytes(i->region_bytes, out);
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
        cli_addf(out, "%-12s%lld of at most %lld older generations, ", "kept:", (long long)field_int(&realm, "old_generations"),
                 (long long)field_int(&realm, "old_generations_max"));
        status_bytes((uint64_t)field_int(&realm, "old_bytes"), out);
        cli_addf(out, ", for %lld clients\n", (long long)field_int(&realm, "old_clients"));
    }
    add_sentence("hand-over:", &realm, "handover_error", out);
    add_sentence("checkpoint:", &realm, "checkpoint_error", out);
    if (field_int(&realm, "full_ms")) {
        cli_addf(out, "%-12sthe region is full; changes wait for ", "pressure:");
        status_age((uint64_t)field_int(&realm, "full_ms"), out);
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
    cli_span(field_int(c, "attached_s"), scratch);
    table_cell(t, tarn_buf_bytes(scratch));
    cell_int(t, c, "pins");
    tarn_buf_clear(scratch);
    status_age(field_int(c, "pins") ? (uint64_t)field_int(c, "oldest_pin_age_ms") : UINT64_MAX, scratch);
    table_cell(t, field_int(c, "pins") ? tarn_buf_bytes(scratch) : TARN_BYTES("-"));
    cell_int(t, c, "doorbells");
    cell_int(t, c, "revoked");
}

void status_clients(const struct status *st, struct tarn_buf *out)
{
    static const char *const headers[] = {"CLIENT", "PROGRAM", "UID", "ATTACHED", "PINS", "OLDEST PIN", "DOORBELLS", "REVOKED"};
    struct tarn_value it = all_clients(st), c;
    struct table t = {.ncolumns = sizeof headers / sizeof *headers, .fit = terminal_width(), .colour = terminal_colour()};
    struct tarn_buf scratch = {0};

    if (it.type != TARN_ARRAY)
        return;
    table_headers(&t, headers, t.ncolumns);
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
        status_age((uint64_t)field_int(&realm, "oldest_pin_age_ms"), out);
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
    status_age(r->last_event_age_ms, scratch);
    table_cell(t, tarn_buf_bytes(scratch));
    tarn_buf_clear(scratch);
    status_age(r->lag_ms, scratch);
    table_cell(t, r->lag_ms == 0 ? TARN_BYTES("0") : r->lag_ms == UINT64_MAX ? TARN_BYTES("-") : tarn_buf_bytes(scratch));
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
    static const char *const headers[] = {"RESOURCE", "OBJECTS", "SYNCED", "LIVE", "LAST EVENT", "LAG", "RESOURCEVERSION", "ERRORS", "LAST ERROR"};
    struct table t = {.ncolumns = sizeof headers / sizeof *headers, .fit = terminal_width(), .colour = terminal_colour(), .whole = 1,
                      .states = 1 << 2 | 1 << 3};
    struct tarn_buf scratch = {0};
    struct tarn_resource r;

    table_headers(&t, headers, t.ncolumns);
    for (unsigned n = 0; tarn_resource_at(st->s, n, &r) == 0; n++)
        resource_row(&t, &r, &scratch);
    cli_addf(out, "\n");
    table_print(&t, out);
    table_release(&t);
    tarn_buf_release(&scratch);
}

void status_print(const struct status *st, struct tarn_buf *out)
{
    print_agent(st, out);
    print_memory(st, out);
    print_pins(st, out);
    print_generations(st, out);
    print_resources(st, out);
    status_clients(st, out);
}
