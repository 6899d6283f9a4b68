/* sim_review.c - see sim_review.h. */
#include "sim_review.h"

#include <stdio.h>

#include "sim_form.h"
#include "sim_status.h"

/* What is wanted: the kind by its path, and who fills in its status. */
struct review {
    const char *group, *resource, *kind;
    json_t *(*status)(struct sim_api *api, const struct sim_user *u, const json_t *spec); /* owned; NULL: the spec cannot be judged */
};

/* Everybody who was let in is in this group, too. */
static json_t *user_json(const struct sim_user *u, const char *extra_group)
{
    json_t *groups = u->groups ? json_copy((json_t *)(uintptr_t)u->groups) : json_array(), *v = json_object();

    (void)json_object_set_new(v, "username", json_string(u->name));
    if (u->uid)
        (void)json_object_set(v, "uid", (json_t *)(uintptr_t)u->uid);
    (void)json_array_append_new(groups, json_string(extra_group));
    (void)json_object_set_new(v, "groups", groups);
    if (u->extra)
        (void)json_object_set(v, "extra", (json_t *)(uintptr_t)u->extra);
    return v;
}

static json_t *token_status(struct sim_api *api, const struct sim_user *asker, const json_t *spec)
{
    struct sim_user u;

    (void)asker;
    if (!*sim_json_text(spec, "token"))
        return NULL;
    if (!sim_access_user(&api->access, sim_json_text(spec, "token"), &u))
        return json_pack("{s:{},s:s}", "user", "error", "invalid bearer token");
    return json_pack("{s:b,s:o,s:[s]}", "authenticated", 1, "user", user_json(&u, "system:authenticated"), "audiences", "https://kubernetes.default.svc");
}

static json_t *self_status(struct sim_api *api, const struct sim_user *u, const json_t *spec)
{
    (void)api, (void)spec;
    return json_pack("{s:o}", "userInfo", user_json(u, u->anonymous ? "system:unauthenticated" : "system:authenticated"));
}

/* False: it says neither or both of the two. */
static bool read_attempt(const json_t *spec, struct sim_attempt *ret)
{
    const json_t *resource = json_object_get(spec, "resourceAttributes"), *path = json_object_get(spec, "nonResourceAttributes");
    const json_t *v = resource ? resource : path;

    *ret = (struct sim_attempt){.verb = sim_json_text(v, "verb"), .group = sim_json_text(v, "group"), .resource = sim_json_text(v, "resource"),
                                .subresource = sim_json_text(v, "subresource"), .name = sim_json_text(v, "name"), .ns = sim_json_text(v, "namespace"),
                                .path = path ? sim_json_text(path, "path") : NULL};
    return !resource != !path;
}

static json_t *verdict(const struct sim_api *api, const struct sim_user *u, const struct sim_attempt *what)
{
    return sim_access_allows(&api->access, u, what) ? json_pack("{s:b,s:s}", "allowed", 1, "reason", "allowed by a rule of the simulator")
                                                    : json_pack("{s:b}", "allowed", 0);
}

static json_t *self_access_status(struct sim_api *api, const struct sim_user *u, const json_t *spec)
{
    struct sim_attempt what;

    return read_attempt(spec, &what) ? verdict(api, u, &what) : NULL;
}

static json_t *subject_access_status(struct sim_api *api, const struct sim_user *asker, const json_t *spec)
{
    struct sim_user u = {.name = sim_json_text(spec, "user"), .groups = json_object_get(spec, "groups"), .extra = json_object_get(spec, "extra")};
    struct sim_attempt what;

    (void)asker;
    u.anonymous = strcmp(u.name, "system:anonymous") == 0;
    return (*u.name || u.groups) && read_attempt(spec, &what) ? verdict(api, &u, &what) : NULL;
}

static const struct review reviews[] = {
    {"authentication.k8s.io", "tokenreviews", "TokenReview", token_status},
    {"authentication.k8s.io", "selfsubjectreviews", "SelfSubjectReview", self_status},
    {"authorization.k8s.io", "subjectaccessreviews", "SubjectAccessReview", subject_access_status},
    {"authorization.k8s.io", "selfsubjectaccessreviews", "SelfSubjectAccessReview", self_access_status},
};

static const struct review *review_of(const char *const *v, unsigned n)
{
    if (n != 4 || strcmp(v[0], "apis") != 0 || strcmp(v[2], "v1") != 0)
        return NULL;
    for (size_t i = 0; i < sizeof reviews / sizeof *reviews; i++)
        if (strcmp(v[1], reviews[i].group) == 0 && strcmp(v[3], reviews[i].resource) == 0)
            return &reviews[i];
    return NULL;
}

/* What came, with the status in place of any. */
static void reply(struct sim_request *req, const struct sim_form *form, const struct review *r, const json_t *spec, json_t *status)
{
    char api_version[64];
    struct tarn_buf body = {0};
    json_t *v;

    (void)snprintf(api_version, sizeof api_version, "%s/v1", r->group);
    v = json_pack("{s:s,s:s,s:{}}", "kind", r->kind, "apiVersion", api_version, "metadata");
    if (spec)
        (void)json_object_set(v, "spec", (json_t *)(uintptr_t)spec);
    (void)json_object_set_new(v, "status", status);
    sim_json_dump(v, false, &body);
    json_decref(v);
    sim_puts(&body, "\n");
    sim_form_reply(req, form, &(struct sim_reply_head){.code = 201}, &body);
}

static void refuse(struct sim_request *req, const struct review *r)
{
    if (r->status == token_status)
        sim_reply_bad_request(req, "token is required for TokenReview in authentication");
    else
        sim_reply_invalid(
            req, &(struct sim_invalid){.group = r->group, .kind = "", .field = "spec.resourceAttributes", .cause_reason = "FieldValueInvalid",
                                       .detail = "Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified"});
}

static void serve(struct sim_api *api, struct sim_request *req, const struct sim_user *u, const struct review *r)
{
    struct tarn_error err = {0};
    json_t *v = sim_json_parse(sim_request_body(req), &err), *status;
    struct sim_form form;

    if (!v || (*sim_json_text(v, "kind") && strcmp(sim_json_text(v, "kind"), r->kind) != 0)) {
        sim_reply_bad_request(req, "the object provided is no %s: %s", r->kind, v ? "it is of another kind" : err.message);
    } else if (sim_form_parse(req, 0, &form)) {
        status = r->status(api, u, json_object_get(v, "spec"));
        if (status)
            reply(req, &form, r, json_object_get(v, "spec"), status);
        else
            refuse(req, r);
    }
    json_decref(v);
}

bool sim_review_serve(struct sim_api *api, struct sim_request *req, const struct sim_user *u, const char *const *v, unsigned n)
{
    const struct review *r = review_of(v, n);
    struct sim_attempt what;

    if (!r)
        return false;
    what = (struct sim_attempt){.verb = "create", .group = r->group, .resource = r->resource, .subresource = "", .name = "", .ns = ""};
    if (strcmp(sim_request_method(req), "POST") != 0)
        sim_reply_method_not_allowed(req);
    else if (!sim_access_allows(&api->access, u, &what))
        sim_reply_forbidden(req, u->name, &what);
    else
        serve(api, req, u, r);
    return true;
}
