/* facts_json.c - the status of an agent as one JSON document, for `tarn status` and the status page. */
#include "facts.h"

#include <inttypes.h>

#include "json_text.h"

/* "name": with a comma before it unless it is the first of its object. */
static int add_name(struct tarn_buf *out, const char *name)
{
    return tarn_buf_addf(out, "%s\"%s\":", out->len && out->data[out->len - 1] != '{' ? "," : "", name);
}

struct text {
    const char *name, *value;
};

static int add_texts(struct tarn_buf *out, const struct text *v, size_t n)
{
    int rc = 0;

    for (size_t i = 0; !rc && i < n; i++) {
        rc = add_name(out, v[i].name);
        if (!rc)
            rc = tarn_json_quote(out, tarn_bytes_of(v[i].value));
    }
    return rc;
}

#define ADD_TEXTS(out, ...) add_texts((out), (const struct text[]){__VA_ARGS__}, sizeof((const struct text[]){__VA_ARGS__}) / sizeof(struct text))

static int add_bool(struct tarn_buf *out, const char *name, bool value)
{
    int rc = add_name(out, name);

    return rc ? rc : tarn_buf_adds(out, value ? "true" : "false");
}

/* Every number of the table; base is the struct that its offsets count in. */
static int add_numbers(struct tarn_buf *out, const struct tarn_fact_table *t, const void *base)
{
    int rc = 0;

    for (size_t i = 0; !rc && i < t->n; i++) {
        if (!t->rows[i].name)
            continue;
        rc = add_name(out, t->rows[i].name);
        if (!rc)
            rc = tarn_buf_addf(out, "%" PRIu64, *(const uint64_t *)((const char *)base + t->rows[i].offset));
    }
    return rc;
}

static int add_agent(const struct tarn_facts *f, struct tarn_buf *out)
{
    int rc = add_name(out, "agent");

    if (!rc)
        rc = tarn_buf_adds(out, "{");
    if (!rc)
        rc = ADD_TEXTS(out, {"version", f->version}, {"server", f->server}, {"server_from", f->server_from}, {"reload", f->reload_state},
                       {"reload_error", f->reload_error});
    if (!rc)
        rc = add_numbers(out, &tarn_facts_of_agent, f);
    return rc ? rc : tarn_buf_adds(out, "}");
}

static int add_old(const struct tarn_facts_realm *r, struct tarn_buf *out)
{
    int rc = add_name(out, "old");

    if (!rc)
        rc = tarn_buf_adds(out, "[");
    for (unsigned i = 0; !rc && i < r->nold; i++) {
        rc = tarn_buf_adds(out, i ? ",{" : "{");
        if (!rc)
            rc = add_numbers(out, &tarn_facts_of_generation, &r->old[i]);
        if (!rc)
            rc = tarn_buf_adds(out, "}");
    }
    return rc ? rc : tarn_buf_adds(out, "]");
}

static int add_realm(const struct tarn_facts_realm *r, struct tarn_buf *out)
{
    int rc = ADD_TEXTS(out, {"name", r->name}, {"handover_error", r->handover_error}, {"checkpoint_error", r->checkpoint_error});

    if (!rc)
        rc = add_numbers(out, &tarn_facts_of_realm, r);
    if (!rc)
        rc = add_old(r, out);
    if (!rc)
        rc = add_name(out, "memory");
    if (!rc)
        rc = tarn_buf_adds(out, "{");
    if (!rc)
        rc = add_numbers(out, &tarn_facts_of_memory, r);
    return rc ? rc : tarn_buf_adds(out, "}");
}

/* "name":[{...},...]: i is the next one's number. */
static int begin_entry(struct tarn_buf *out, const char *name, unsigned i)
{
    int rc = i ? 0 : add_name(out, name);

    return rc ? rc : tarn_buf_adds(out, i ? ",{" : "[{");
}

static int end_list(struct tarn_buf *out, const char *name, unsigned n)
{
    int rc = n ? 0 : add_name(out, name);

    return rc ? rc : tarn_buf_adds(out, n ? "]" : "[]");
}

#define ADD_LIST(out, f, name, add)                             \
    for (unsigned i = 0; !rc && i < (f)->n##name; i++) {        \
        rc = begin_entry((out), #name, i);                      \
        if (!rc)                                                \
            rc = add(&(f)->name[i], (out));                     \
        if (!rc)                                                \
            rc = tarn_buf_adds((out), "}");                     \
    }                                                           \
    if (!rc)                                                    \
    rc = end_list((out), #name, (f)->n##name)

static int add_namespace(const struct tarn_facts_feed *n, struct tarn_buf *out)
{
    int rc = ADD_TEXTS(out, {"namespace", n->ns}, {"resource_version", n->resource_version}, {"last_error", n->last_error});

    if (!rc)
        rc = add_bool(out, "synced", n->synced);
    return rc ? rc : add_bool(out, "live", n->live);
}

static int add_resource(const struct tarn_facts_resource *r, struct tarn_buf *out)
{
    int rc = ADD_TEXTS(out, {"name", r->name}, {"configured_as", r->wanted}, {"realm", r->realm}, {"api_version", r->api_version}, {"kind", r->kind});

    if (!rc)
        rc = add_bool(out, "found", r->found);
    if (!rc)
        rc = add_bool(out, "synced", r->synced);
    if (!rc)
        rc = add_bool(out, "live", r->live);
    if (!rc)
        rc = add_bool(out, "behind", r->behind);
    if (!rc)
        rc = add_bool(out, "full", r->full);
    if (!rc)
        rc = add_bool(out, "incomplete", r->incomplete);
    if (!rc)
        rc = ADD_TEXTS(out, {"resource_version", r->resource_version}, {"last_error", r->last_error});
    if (!rc)
        rc = add_numbers(out, &tarn_facts_of_resource, r);
    if (rc || !r->nnamespaces)
        return rc;
    ADD_LIST(out, r, namespaces, add_namespace);
    return rc;
}

static int add_client(const struct tarn_facts_client *c, struct tarn_buf *out)
{
    int rc = ADD_TEXTS(out, {"comm", c->program}, {"realm", c->realm});

    if (!rc)
        rc = add_name(out, "pid");
    if (!rc)
        rc = tarn_buf_addf(out, "%" PRIi64, c->pid);
    return rc ? rc : add_numbers(out, &tarn_facts_of_client, c);
}

int tarn_facts_json(const struct tarn_facts *f, struct tarn_buf *out)
{
    int rc = tarn_buf_adds(out, "{");

    if (!rc)
        rc = add_agent(f, out);
    ADD_LIST(out, f, realms, add_realm);
    ADD_LIST(out, f, resources, add_resource);
    ADD_LIST(out, f, clients, add_client);
    return rc ? rc : tarn_buf_adds(out, "}\n");
}
