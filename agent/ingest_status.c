/* ingest_status.c - the agent's status as one JSON document, for `tarn status`. */
#include "ingest_impl.h"

#include <string.h>
#include <unistd.h>

#include "json_text.h"
#include "peer.h"

/* "name":"value", with a comma before it unless it is the first of its object. */
static int add_text(struct tarn_buf *out, const char *name, const char *value)
{
    int rc = tarn_buf_addf(out, "%s\"%s\":", out->len && out->data[out->len - 1] != '{' ? "," : "", name);

    return rc ? rc : tarn_json_quote(out, tarn_bytes_of(value));
}

static int add_number(struct tarn_buf *out, const char *name, uint64_t value)
{
    return tarn_buf_addf(out, "%s\"%s\":%llu", out->len && out->data[out->len - 1] != '{' ? "," : "", name, (unsigned long long)value);
}

struct number {
    const char *name;
    uint64_t value;
};

static int add_numbers(struct tarn_buf *out, const struct number *v, size_t n)
{
    int rc = 0;

    for (size_t i = 0; !rc && i < n; i++)
        rc = add_number(out, v[i].name, v[i].value);
    return rc;
}

#define ADD_NUMBERS(out, ...) add_numbers((out), (const struct number[]){__VA_ARGS__}, sizeof((const struct number[]){__VA_ARGS__}) / sizeof(struct number))

static int add_agent(struct tarn_ingest *in, struct tarn_buf *out)
{
    struct tarn_http_stats h;
    int rc = tarn_buf_adds(out, "\"agent\":{");

    tarn_http_stats(in->http, &h);
    if (!rc)
        rc = add_text(out, "version", TARN_VERSION);
    if (!rc)
        rc = add_text(out, "server", in->server->url);
    if (!rc)
        rc = add_text(out, "server_from", in->server->source);
    if (!rc)
        rc = ADD_NUMBERS(out, {"pid", (uint64_t)getpid()}, {"uptime_s", (tarn_now_ms(in->rt) - in->started_ms) / 1000},
                         {"longest_turn_us", in->longest_turn_us}, {"turns", in->turns}, {"requests", h.requests},
                         {"request_failures", h.failures}, {"bytes_received", h.bytes}, {"pauses", h.pauses}, {"transfers", h.active},
                         {"transfers_waiting", h.waiting});
    return rc ? rc : tarn_buf_adds(out, "}");
}

static const struct client_note *note_of(const struct realm *r, uint32_t id)
{
    const struct client_note *n = r->clients;

    while (n && n->id != id)
        n = n->next;
    return n;
}

static int add_client(struct tarn_ingest *in, const struct realm *r, const struct tarn_writer_client *c, struct tarn_buf *out)
{
    static const struct client_note unknown = {.pid = -1};
    const struct client_note *n = note_of(r, c->id);
    int rc = tarn_buf_adds(out, "{");

    n = n ? n : &unknown;
    if (!rc)
        rc = add_text(out, "comm", n->program);
    if (!rc)
        rc = add_text(out, "realm", r->config->name);
    if (!rc)
        rc = tarn_buf_addf(out, ",\"pid\":%d", n->pid);
    if (!rc)
        rc = ADD_NUMBERS(out, {"uid", n->uid}, {"attached_s", n->since_ms ? (uv_now(&in->loop) - n->since_ms) / 1000 : 0}, {"pins", c->pins},
                         {"parked", c->parked}, {"oldest_pin_age_ms", c->oldest_age_ms}, {"doorbells", c->doorbells},
                         {"doorbells_full", c->doorbells_full}, {"revoked", c->revoked});
    return rc ? rc : tarn_buf_adds(out, "}");
}

/* May the asker be told of realm r and of what is in it? */
static bool may_tell(const struct tarn_peer *reader, const struct realm *r)
{
    return !reader || tarn_peer_may_read(reader, r->config);
}

static int add_clients(struct tarn_ingest *in, const struct tarn_peer *reader, struct tarn_buf *out)
{
    struct tarn_writer_client c;
    int rc = tarn_buf_adds(out, ",\"clients\":[");

    for (unsigned r = 0; r < in->nrealms; r++)
        for (unsigned i = 0; !rc && may_tell(reader, &in->realms[r]) && tarn_writer_client_at(in->realms[r].writer, i, &c); i++) {
            rc = out->data[out->len - 1] == '}' ? tarn_buf_adds(out, ",") : 0;
            if (!rc)
                rc = add_client(in, &in->realms[r], &c, out);
        }
    return rc ? rc : tarn_buf_adds(out, "]");
}

static int add_memory(const struct tarn_writer_stats *s, struct tarn_buf *out)
{
    int rc = tarn_buf_adds(out, ",\"memory\":{");

    if (!rc)
        rc = ADD_NUMBERS(out, {"budget_bytes", s->budget_bytes}, {"taken_bytes", s->taken_bytes}, {"live_bytes", s->live_bytes},
                         {"retired_bytes", s->retired_bytes}, {"staged_bytes", s->staged_bytes}, {"free_bytes", s->free_bytes},
                         {"private_bytes", s->private_bytes}, {"pressure", s->pressure}, {"refused_full", s->refused_full},
                         {"refused_size", s->refused_size}, {"refused_index", s->refused_index}, {"revoked_parked", s->revoked_parked},
                         {"revoked_lease", s->revoked_lease}, {"chunks_collapsed", s->chunks_collapsed}, {"chunks_populated", s->chunks_populated});
    return rc ? rc : tarn_buf_adds(out, "}");
}

static int add_realm(const struct realm *r, struct tarn_buf *out)
{
    struct tarn_writer_stats s;
    int rc = tarn_buf_adds(out, "{");

    tarn_writer_stats(r->writer, &s);
    if (!rc)
        rc = add_text(out, "name", r->config->name);
    if (!rc)
        rc = ADD_NUMBERS(out, {"generation", tarn_writer_view(r->writer)->generation}, {"commit", s.commit_seq}, {"commits", s.commits},
                         {"horizon", s.horizon}, {"objects", s.objects}, {"puts", s.puts}, {"deletes", s.deletes}, {"unchanged", s.unchanged},
                         {"collections", s.collections}, {"pins", s.pins}, {"oldest_pin_age_ms", s.oldest_pin_age_ms},
                         {"doorbells", s.doorbells});
    if (!rc)
        rc = add_memory(&s, out);
    return rc ? rc : tarn_buf_adds(out, "}");
}

static int add_resource_counts(const struct tarn_driver_facts *f, struct tarn_buf *out)
{
    const struct tarn_reflector_counters *c = &f->status.counters;

    return ADD_NUMBERS(out, {"objects", f->objects}, {"heap_bytes", f->heap_bytes}, {"failures", f->status.failures},
                       {"http_code", f->status.last_http_code}, {"lists", c->lists}, {"streaming_lists", c->streaming_lists},
                       {"relists", c->relists}, {"list_pages", c->list_pages}, {"last_list_items", c->last_list_items},
                       {"last_list_ms", c->last_list_ms}, {"list_errors", c->list_errors}, {"watches", c->watches},
                       {"watch_errors", c->watch_errors}, {"events", c->added + c->modified + c->deleted}, {"added", c->added},
                       {"modified", c->modified}, {"deleted", c->deleted}, {"bookmarks", c->bookmarks}, {"expired", c->expired},
                       {"skipped", c->skipped}, {"store_errors", c->store_errors}, {"rv_rewinds", c->rv_rewinds}, {"mismatches", c->mismatches});
}

static int add_resource(const struct tarn_driver_facts *f, struct tarn_buf *out)
{
    int rc = tarn_buf_adds(out, "{");

    if (!rc)
        rc = add_text(out, "name", f->name);
    if (!rc)
        rc = add_text(out, "configured_as", f->wanted);
    if (!rc)
        rc = add_text(out, "realm", f->realm);
    if (!rc)
        rc = add_text(out, "api_version", f->api_version);
    if (!rc)
        rc = add_text(out, "kind", f->kind);
    if (!rc)
        rc = tarn_buf_addf(out, ",\"found\":%s,\"synced\":%s,\"live\":%s,\"behind\":%s", f->found ? "true" : "false",
                           f->status.has_synced ? "true" : "false", f->status.live ? "true" : "false", f->status.behind ? "true" : "false");
    if (!rc)
        rc = add_text(out, "resource_version", f->status.resource_version.text);
    if (!rc)
        rc = add_text(out, "last_error", f->status.last_error.code ? f->status.last_error.message : "");
    if (!rc)
        rc = add_resource_counts(f, out);
    return rc ? rc : tarn_buf_adds(out, "}");
}

static int add_realms(struct tarn_ingest *in, const struct tarn_peer *reader, struct tarn_buf *out)
{
    const char *comma = "";
    int rc = tarn_buf_adds(out, ",\"realms\":[");

    for (unsigned i = 0; !rc && i < in->nrealms; i++) {
        if (!may_tell(reader, &in->realms[i]))
            continue;
        rc = tarn_buf_adds(out, comma);
        comma = ",";
        if (!rc)
            rc = add_realm(&in->realms[i], out);
    }
    return rc ? rc : tarn_buf_adds(out, "]");
}

static const struct realm *realm_called(const struct tarn_ingest *in, const char *name)
{
    for (unsigned i = 0; i < in->nrealms; i++)
        if (strcmp(in->realms[i].config->name, name) == 0)
            return &in->realms[i];
    return NULL;
}

static int add_resources(struct tarn_ingest *in, const struct tarn_peer *reader, struct tarn_buf *out)
{
    const char *comma = "";
    int rc = tarn_buf_adds(out, ",\"resources\":[");

    for (unsigned i = 0; !rc && i < in->ndrivers; i++) {
        struct tarn_driver_facts f;
        const struct realm *r;

        tarn_driver_facts(in->drivers[i], &f);
        r = realm_called(in, f.realm);
        if (!r || !may_tell(reader, r))
            continue;
        rc = tarn_buf_adds(out, comma);
        comma = ",";
        if (!rc)
            rc = add_resource(&f, out);
    }
    return rc ? rc : tarn_buf_adds(out, "]");
}

int ingest_status(struct tarn_ingest *in, const struct tarn_peer *reader, struct tarn_buf *out)
{
    int rc = tarn_buf_adds(out, "{");

    if (!rc)
        rc = add_agent(in, out);
    if (!rc)
        rc = add_realms(in, reader, out);
    if (!rc)
        rc = add_resources(in, reader, out);
    if (!rc)
        rc = add_clients(in, reader, out);
    return rc ? rc : tarn_buf_adds(out, "}\n");
}
