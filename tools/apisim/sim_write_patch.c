/* sim_write_patch.c - PATCH: which of the four kinds it is, and what may go wrong with each. */
#include <stdio.h>
#include <stdlib.h>

#include "sim_body.h"
#include "sim_encode.h"
#include "sim_patch.h"
#include "sim_status.h"
#include "sim_target.h"
#include "sim_write_internal.h"

#define JSON_PATCH "application/json-patch+json"
#define MERGE_PATCH "application/merge-patch+json"
#define STRATEGIC_PATCH "application/strategic-merge-patch+json"
#define APPLY_PATCH "application/apply-patch+yaml"

static void refuse_option(struct sim_call *c, const char *field, const char *reason, const char *detail)
{
    sim_reply_invalid(c->req, &(struct sim_invalid){.group = "meta.k8s.io", .kind = "PatchOptions", .field = field,
                                                    .cause_reason = reason, .detail = detail});
}

static bool forced(const struct sim_call *c)
{
    const char *force = sim_request_query(c->req, "force");

    return force && (strcmp(force, "true") == 0 || strcmp(force, "1") == 0);
}

/* ---- apply --------------------------------------------------------------------------------------------- */

static void refuse_conflicts(struct sim_call *c, const json_t *conflicts)
{
    struct tarn_buf message = {0}, body = {0};
    json_t *causes = sim_apply_causes(conflicts, &message), *status;

    sim_put(&message, "", 1);
    status = json_pack("{s:s,s:s,s:{},s:s,s:s,s:s,s:{s:o},s:i}", "kind", "Status", "apiVersion", "v1", "metadata", "status",
                       "Failure", "message", message.data, "reason", "Conflict", "details", "causes", causes, "code", 409);
    sim_json_dump(status, false, &body);
    sim_puts(&body, "\n");
    sim_reply(c->req, &(struct sim_reply_head){.code = 409}, &body);
    json_decref(status);
    tarn_buf_release(&message);
}

/* May this be applied? False: answered. */
static bool applicable(struct sim_call *c, json_t *config)
{
    if (!*sim_json_text(config, "kind") || !*sim_json_text(config, "apiVersion")) {
        sim_reply_bad_request(c->req, "invalid object type: /%s, Kind=%s", sim_json_text(config, "apiVersion"), sim_json_text(config, "kind"));
        return false;
    }
    if (json_object_get(json_object_get(config, "metadata"), "managedFields")) {
        sim_reply_bad_request(c->req, "metadata.managedFields must be nil");
        return false;
    }
    return sim_body_fits(c, config) && sim_body_declared(c, config) && sim_write_place(c, config);
}

static void apply(struct sim_call *c, json_t *config)
{
    const struct sim_schema *s = sim_schema_of(&c->resource->kind);
    struct sim_object *old = sim_target_find(c, c->name);
    json_t *live = old ? sim_decode(c->resource, old) : NULL, *conflicts = NULL, *v;
    struct sim_manager who = sim_write_manager(c);

    (void)json_object_set_new(sim_target_metadata(config), "name", json_string(c->name));
    v = sim_apply(s, live, config, &who, forced(c), &conflicts);
    if (!v)
        refuse_conflicts(c, conflicts);
    else if (old)
        sim_write_replace(c, v, old, true);
    else
        sim_write_create(c, v, true);
    json_decref(conflicts);
    json_decref(live);
}

static void apply_patch(struct sim_call *c)
{
    const char *manager = sim_request_query(c->req, "fieldManager");
    json_t *config;

    if (!manager || !*manager) {
        refuse_option(c, "fieldManager", "FieldValueRequired", "Required value: is required for apply patch");
        return;
    }
    config = sim_body_read(c);
    if (config && applicable(c, config))
        apply(c, config);
    json_decref(config);
}

/* ---- the other three ------------------------------------------------------------------------------------- */

/* The patched object, owned; NULL: answered. */
static json_t *patched(struct sim_call *c, const struct sim_object *old, const json_t *p)
{
    json_t *v = sim_decode(c->resource, old);
    struct tarn_error err = {0};

    if (sim_body_is(c, JSON_PATCH)) {
        v = sim_patch_json(v, p, &err);
        if (!v)
            sim_status_reply(c->req, &(struct sim_status){.code = 422, .reason = "Invalid", .details = true,
                                                          .message = "the server rejected our request due to an error in our request"});
    } else if (sim_body_is(c, MERGE_PATCH)) {
        v = sim_patch_merge(v, p);
    } else {
        v = sim_patch_strategic(sim_schema_of(&c->resource->kind), v, p, &err);
        if (!v)
            sim_status_reply(c->req, &(struct sim_status){.code = 500, .message = err.message});
    }
    return v;
}

static void patch(struct sim_call *c)
{
    json_t *p = sim_body_read(c), *v;
    struct sim_object *old = p ? sim_target_existing(c) : NULL;

    v = old ? patched(c, old, p) : NULL;
    if (v && sim_body_known(c, v))
        sim_write_replace(c, v, old, false);
    else
        json_decref(v);
    json_decref(p);
}

static bool is_offered(const struct sim_call *c)
{
    bool strategic = sim_body_is(c, STRATEGIC_PATCH) && !c->resource->kind.custom;

    return strategic || sim_body_is(c, JSON_PATCH) || sim_body_is(c, MERGE_PATCH) || sim_body_is(c, APPLY_PATCH);
}

void sim_write_patch(struct sim_call *c)
{
    if (!is_offered(c))
        sim_status_reply(c->req, &(struct sim_status){.code = 415, .reason = "UnsupportedMediaType", .details = true,
                                                      .message = "415: Unsupported Media Type"});
    else if (!sim_write_known_subresource(c))
        return; /* answered */
    else if (sim_body_is(c, APPLY_PATCH))
        apply_patch(c);
    else if (sim_request_query(c->req, "force"))
        refuse_option(c, "force", "FieldValueForbidden", "Forbidden: may not be specified for non-apply patch");
    else
        patch(c);
}
