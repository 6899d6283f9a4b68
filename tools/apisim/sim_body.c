/* sim_body.c - the object that a request brings: its format, its kind, and whether its fields exist. */
#include "sim_body.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "sim_status.h"
#include "sim_yaml.h"

static void refuse_type(struct sim_call *c, const char *accepted)
{
    char message[512];

    (void)snprintf(message, sizeof message,
                   "the body of the request was in an unknown format - accepted media types include: %s", accepted);
    sim_status_reply(c->req, &(struct sim_status){.code = 415, .reason = "UnsupportedMediaType", .message = message});
}

bool sim_body_is(const struct sim_call *c, const char *type)
{
    const char *t = sim_request_header(c->req, "Content-Type");
    size_t n = strlen(type);

    return t && strncasecmp(t, type, n) == 0 && (t[n] == 0 || t[n] == ';' || t[n] == ' ');
}

static void refuse_syntax(struct sim_call *c, const struct tarn_error *err)
{
    struct tarn_bytes b = sim_request_body(c->req);

    sim_reply_bad_request(c->req,
                          "the object provided is unrecognized (must be of type %s): couldn't get version/kind; json parse "
                          "error: %s (%.*s%s)", c->resource->kind.kind, err->message, (int)(b.len > 100 ? 100 : b.len),
                          b.data ? b.data : "", b.len > 100 ? " ..." : "");
}

json_t *sim_body_read(struct sim_call *c)
{
    bool yaml = sim_body_is(c, "application/yaml") || sim_body_is(c, "application/apply-patch+yaml");
    struct tarn_error err = {0};
    json_t *v;

    if (sim_request_body_too_large(c->req)) {
        sim_status_reply(c->req, &(struct sim_status){.code = 413, .reason = "RequestEntityTooLarge",
                                                      .message = "Request entity too large: limit is 3145728"});
        return NULL;
    }
    if (sim_request_header(c->req, "Content-Type") && !yaml && !sim_body_is(c, "application/json") &&
        c->verb != SIM_PATCH) {
        refuse_type(c, "application/json, application/yaml");
        return NULL;
    }
    v = yaml ? sim_yaml_parse(sim_request_body(c->req), &err) : sim_json_parse(sim_request_body(c->req), &err);
    if (!v && c->verb == SIM_PATCH)
        sim_reply_bad_request(c->req, "error decoding %s: %s", yaml ? "YAML" : "patch", err.message);
    else if (!v)
        refuse_syntax(c, &err);
    return v;
}

bool sim_body_fits(struct sim_call *c, const json_t *v)
{
    const struct sim_kind *k = &c->resource->kind;
    const char *kind = sim_json_text(v, "kind"), *api_version = sim_json_text(v, "apiVersion");
    char wanted[160];

    (void)snprintf(wanted, sizeof wanted, "%s%s%s", k->group, *k->group ? "/" : "", k->version);
    if ((!*kind || strcmp(kind, k->kind) == 0) && (!*api_version || strcmp(api_version, wanted) == 0) && json_is_object(v))
        return true;
    sim_reply_bad_request(c->req, "the API version in the data (%s, Kind=%s) does not match the expected API version (%s, "
                          "Kind=%s)", api_version, kind, wanted, k->kind);
    return false;
}

/* ---- fields --------------------------------------------------------------------------------------- */

/* What is wrong with an object, as it is walked. */
struct look {
    json_t *unknown;        /* paths of fields that there are not */
    struct tarn_buf problem; /* the first value of a wrong type: what it is, where, what it should be */
    const char *kind;
};

static const char *json_word(const json_t *v)
{
    static const char *const words[] = {[JSON_OBJECT] = "object", [JSON_ARRAY] = "array", [JSON_STRING] = "string",
                                        [JSON_INTEGER] = "number", [JSON_REAL] = "number", [JSON_TRUE] = "bool",
                                        [JSON_FALSE] = "bool"};

    return words[json_typeof(v)];
}

static bool fits(const struct sim_schema *s, const json_t *v)
{
    if (json_is_null(v) || s->shape == SIM_OF_ANY)
        return true;
    if (s->shape == SIM_OF_LIST)
        return json_is_array(v);
    if (s->shape != SIM_OF_SCALAR)
        return json_is_object(v);
    if (s->format && (strcmp(s->format, "int-or-string") == 0 || strcmp(s->format, "quantity") == 0))
        return json_is_string(v) || json_is_number(v);
    if (strcmp(s->primitive, "string") == 0)
        return json_is_string(v);
    if (strcmp(s->primitive, "boolean") == 0)
        return json_is_boolean(v);
    return strcmp(s->primitive, "integer") == 0 ? json_is_integer(v) : json_is_number(v);
}

static const char *go_type(const struct sim_schema *s)
{
    if (s->shape != SIM_OF_SCALAR)
        return s->shape == SIM_OF_LIST ? "[]" : s->shape == SIM_OF_MAP ? "map[string]" : s->type ? strrchr(s->type->name, '.') + 1 : "";
    return strcmp(s->primitive, "boolean") == 0 ? "bool" : s->format && strcmp(s->primitive, "integer") == 0 ? s->format : s->primitive;
}

static void look_at(struct look *l, const struct sim_schema *s, json_t *v, const char *path);

static void look_at_members(struct look *l, const struct sim_schema *s, json_t *v, const char *path)
{
    const char *key;
    json_t *value;
    void *tmp;

    json_object_foreach_safe(v, tmp, key, value) {
        const struct sim_schema *field = sim_schema_at(s, key);
        char below[1024];

        (void)snprintf(below, sizeof below, s->shape == SIM_OF_MAP ? "%s" : *path ? "%s.%s" : "%s%s", path, key);
        if (field) {
            look_at(l, field, value, below);
            continue;
        }
        (void)json_array_append_new(l->unknown, json_string(below));
        (void)json_object_del(v, key);
    }
}

static void look_at(struct look *l, const struct sim_schema *s, json_t *v, const char *path)
{
    json_t *item;
    size_t i;

    if (!fits(s, v)) {
        if (!l->problem.len)
            sim_putf(&l->problem, "cannot unmarshal %s into Go struct field %s.%s of type %s", json_word(v), l->kind, path, go_type(s));
    } else if (s->shape == SIM_OF_STRUCT || s->shape == SIM_OF_MAP) {
        look_at_members(l, s, v, path);
    } else if (s->shape == SIM_OF_LIST) {
        json_array_foreach(v, i, item) {
            char below[1024];

            (void)snprintf(below, sizeof below, "%s[%zu]", path, i);
            look_at(l, s->element, item, below);
        }
    }
}

static struct look look(const struct sim_call *c, json_t *v)
{
    struct look l = {.unknown = json_array(), .kind = c->resource->kind.kind};

    look_at(&l, c->resource->kind.custom ? sim_schema_custom() : sim_schema_of(&c->resource->kind), v, "");
    sim_put(&l.problem, "", 1);
    return l;
}

static void look_release(struct look *l)
{
    json_decref(l->unknown);
    tarn_buf_release(&l->problem);
}

static void refuse_unknown(struct sim_call *c, const json_t *unknown)
{
    struct tarn_buf list = {0};
    json_t *path;
    size_t i;

    json_array_foreach((json_t *)(uintptr_t)unknown, i, path)
        sim_putf(&list, "%sunknown field \"%s\"", i ? ", " : "", json_string_value(path));
    sim_put(&list, "", 1);
    sim_reply_bad_request(c->req, "%s in version \"%s\" cannot be handled as a %s: strict decoding error: %s", c->resource->kind.kind,
                          c->resource->kind.version, c->resource->kind.kind, list.data);
    tarn_buf_release(&list);
}

/* The answer tells what was dropped. */
static void warn(struct sim_call *c, const json_t *unknown)
{
    size_t room = sizeof c->warnings / sizeof *c->warnings, n = json_array_size(unknown);

    for (size_t i = 0; i < n && i < room; i++)
        (void)snprintf(c->warnings[i], sizeof c->warnings[i], "299 - \"unknown field \\\"%.200s\\\"\"",
                       json_string_value(json_array_get(unknown, i)));
}

bool sim_body_known(struct sim_call *c, json_t *v)
{
    const char *validation = sim_request_query(c->req, "fieldValidation");
    struct look l = look(c, v);
    bool strict = validation && strcmp(validation, "Strict") == 0, mismatch = l.problem.len > 1;
    bool unknown = strict && json_array_size(l.unknown);

    if (!validation || strcmp(validation, "Ignore") != 0)
        warn(c, l.unknown);
    if (mismatch)
        sim_reply_bad_request(c->req, "%s in version \"%s\" cannot be handled as a %s: json: %s", c->resource->kind.kind,
                              c->resource->kind.version, c->resource->kind.kind, l.problem.data);
    else if (unknown)
        refuse_unknown(c, l.unknown);
    look_release(&l);
    return !mismatch && !unknown;
}

bool sim_body_declared(struct sim_call *c, json_t *v)
{
    const struct sim_kind *k = &c->resource->kind;
    struct look l = look(c, v);
    bool fine = l.problem.len == 1 && json_array_size(l.unknown) == 0;
    char message[2048];

    (void)snprintf(message, sizeof message, "failed to create typed patch object (%s/%s; %s%s%s, Kind=%s): %s%s", c->ns, c->name,
                   k->group, *k->group ? "/" : "", k->version, k->kind, l.problem.len > 1 ? l.problem.data : ".",
                   l.problem.len > 1 ? "" : json_string_value(json_array_get(l.unknown, 0)));
    if (!fine && l.problem.len == 1)
        (void)snprintf(message + strlen(message), sizeof message - strlen(message), ": field not declared in schema");
    if (!fine)
        sim_status_reply(c->req, &(struct sim_status){.code = 500, .message = message});
    look_release(&l);
    return fine;
}
