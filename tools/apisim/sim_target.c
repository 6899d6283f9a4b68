/* sim_target.c - which object a call means. */
#include "sim_target.h"

#include <stdio.h>

#include "sim_get.h"
#include "sim_status.h"

static void make_key(const struct sim_call *c, const char *name, char *ret, size_t n)
{
    (void)snprintf(ret, n, "%.255s%s%.255s", c->resource->kind.namespaced ? c->ns : "", c->resource->kind.namespaced ? "/" : "", name);
}

struct sim_object *sim_target_find(const struct sim_call *c, const char *name)
{
    char key[600];

    make_key(c, name, key, sizeof key);
    return sim_tree_get(&c->resource->tree, tarn_bytes_of(key));
}

struct sim_object *sim_target_existing(struct sim_call *c)
{
    struct sim_object *o = sim_target_find(c, c->name);

    if (!o)
        sim_reply_not_found(c->req, &c->resource->kind, c->name);
    return o;
}

json_t *sim_target_metadata(json_t *v)
{
    json_t *m = json_object_get(v, "metadata");

    if (!json_is_object(m)) {
        (void)json_object_set_new(v, "metadata", json_object());
        m = json_object_get(v, "metadata");
    }
    return m;
}

bool sim_target_dry_run(const struct sim_call *c)
{
    const char *v = sim_request_query(c->req, "dryRun");

    return v && strcmp(v, "All") == 0;
}

void sim_target_reply(struct sim_call *c, int code, struct sim_object *o)
{
    sim_object_reply(c, code, o);
    sim_object_unref(o);
}

/* An object that waits only for its last finalizer to go. */
bool sim_target_is_released(const json_t *v)
{
    return sim_json_at(v, "metadata.deletionTimestamp") && json_array_size(sim_json_at(v, "metadata.finalizers")) == 0;
}

void sim_target_refuse_conflict(struct sim_call *c, const char *why)
{
    char message[1024];

    (void)snprintf(message, sizeof message, "Operation cannot be fulfilled on %s \"%s\": %s", c->resource->name, c->name, why);
    sim_status_reply(c->req, &(struct sim_status){.code = 409, .reason = "Conflict", .message = message, .name = c->name,
                                                  .group = c->resource->kind.group, .kind = c->resource->kind.plural});
}
