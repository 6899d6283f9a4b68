/* sim_fault.c - the armed faults, and those of them that hit a whole request. */
#include "sim_fault.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim_json.h"
#include "sim_status.h"

static const char *const kind_names[] = {
#define X(name, text, help) text,
    SIM_FAULT_MAP(X)
#undef X
};

struct sim_faults {
    struct sim_fault *first;
    struct sim_random random;
    unsigned last_id;
    uint64_t total;
};

struct sim_faults *sim_faults_new(uint64_t seed)
{
    struct sim_faults *f = sim_alloc(sizeof *f);

    *f = (struct sim_faults){.random = {.state = seed ^ 0x6661756c74}};
    return f;
}

void sim_faults_remove(struct sim_faults *f, unsigned id)
{
    struct sim_fault **at = &f->first;

    while (*at) {
        struct sim_fault *x = *at;

        if (id == 0 || x->id == id) {
            *at = x->next;
            free(x);
        } else {
            at = &x->next;
        }
    }
}

void sim_faults_free(struct sim_faults *f)
{
    if (!f)
        return;
    sim_faults_remove(f, 0);
    free(f);
}

/* ---- reading ------------------------------------------------------------------------------ */

static int set_kind(struct sim_fault *x, const char *value, struct tarn_error *err)
{
    for (int k = 0; k < SIM_FAULT_KINDS; k++)
        if (strcmp(kind_names[k], value) == 0) {
            x->kind = (enum sim_fault_kind)k;
            return 0;
        }
    return tarn_error_set(err, TARN_E_CONFIG, "fault: no kind '%s'; see tarn-apisim --help", value);
}

static int set_number(struct sim_fault *x, const char *key, const char *value, struct tarn_error *err)
{
    char *end;
    unsigned long long n = strtoull(value, &end, 10);

    if (!*value || *end)
        return tarn_error_set(err, TARN_E_CONFIG, "fault: %s='%s' is no number", key, value);
    if (strcmp(key, "code") == 0)
        x->code = (unsigned)n;
    else if (strcmp(key, "retry-after") == 0)
        x->retry_after_s = (unsigned)n;
    else if (strcmp(key, "bytes") == 0)
        x->bytes = n;
    else if (strcmp(key, "ms") == 0)
        x->ms = n;
    else if (strcmp(key, "events") == 0)
        x->events = n;
    else if (strcmp(key, "by") == 0)
        x->by = n;
    else if (strcmp(key, "count") == 0)
        x->count = (int64_t)n;
    else
        return tarn_error_set(err, TARN_E_CONFIG, "fault: no key '%s'; keys are kind, resource, verb, count, probability, "
                              "code, retry-after, shape, message, bytes, ms, events, by", key);
    return 0;
}

static int set(struct sim_fault *x, const char *key, const char *value, struct tarn_error *err)
{
    if (strcmp(key, "kind") == 0)
        return set_kind(x, value, err);
    if (strcmp(key, "resource") == 0)
        (void)snprintf(x->resource, sizeof x->resource, "%s", value);
    else if (strcmp(key, "verb") == 0)
        (void)snprintf(x->verb, sizeof x->verb, "%s", value);
    else if (strcmp(key, "message") == 0)
        (void)snprintf(x->message, sizeof x->message, "%s", value);
    else if (strcmp(key, "shape") == 0)
        x->text_shape = strcmp(value, "text") == 0;
    else if (strcmp(key, "probability") == 0)
        x->probability = strtod(value, NULL);
    else
        return set_number(x, key, value, err);
    return 0;
}

static int parse(struct sim_fault *x, const char *spec, struct tarn_error *err)
{
    char text[1024], *save = NULL;
    bool first = true;

    if (strlen(spec) >= sizeof text)
        return tarn_error_set(err, TARN_E_CONFIG, "fault: longer than %zu bytes", sizeof text);
    strcpy(text, spec);
    for (char *item = strtok_r(text, ",", &save); item; item = strtok_r(NULL, ",", &save), first = false) {
        char *eq = strchr(item, '=');
        int rc;

        if (!eq && !first)
            return tarn_error_set(err, TARN_E_CONFIG, "fault: '%s' is no KEY=VALUE", item);
        if (eq)
            *eq = 0;
        rc = eq ? set(x, item, eq + 1, err) : set_kind(x, item, err);
        if (rc)
            return rc;
    }
    return first ? tarn_error_set(err, TARN_E_CONFIG, "fault: empty") : 0;
}

int sim_faults_add(struct sim_faults *f, const char *spec, unsigned *ret_id, struct tarn_error *err)
{
    struct sim_fault *x = sim_alloc(sizeof *x), **at = &f->first;
    int rc;

    *x = (struct sim_fault){.kind = SIM_FAULT_KINDS, .count = -1, .probability = 1, .by = 10};
    rc = parse(x, spec, err);
    if (rc == 0 && x->kind == SIM_FAULT_KINDS)
        rc = tarn_error_set(err, TARN_E_CONFIG, "fault: give a kind");
    if (rc) {
        free(x);
        return rc;
    }
    if (x->kind == SIM_FAULT_WATCH_ERROR && !x->code)
        x->code = 410;
    while (*at)
        at = &(*at)->next;
    *at = x;
    x->id = ++f->last_id;
    *ret_id = x->id;
    return 0;
}

/* ---- firing ---------------------------------------------------------------------------------- */

static bool chance(struct sim_faults *f, double probability)
{
    return probability >= 1 || (double)(sim_random_next(&f->random) >> 11) * 0x1p-53 < probability;
}

const struct sim_fault *sim_faults_hit(struct sim_faults *f, enum sim_fault_kind kind, const char *resource,
                                       const char *verb)
{
    for (struct sim_fault *x = f ? f->first : NULL; x; x = x->next) {
        if (x->kind != kind || x->count == 0 || (*x->resource && strcmp(x->resource, resource) != 0) ||
            (*x->verb && strcmp(x->verb, verb) != 0) || !chance(f, x->probability))
            continue;
        x->count -= x->count > 0;
        x->hits++;
        f->total++;
        return x;
    }
    return NULL;
}

uint64_t sim_faults_total(const struct sim_faults *f)
{
    return f ? f->total : 0;
}

static void print(const struct sim_fault *x, struct tarn_buf *out)
{
    sim_putf(out, "{\"id\":%u,\"kind\":\"%s\",\"resource\":", x->id, kind_names[x->kind]);
    sim_json_put_string(out, tarn_bytes_of(x->resource));
    sim_puts(out, ",\"verb\":");
    sim_json_put_string(out, tarn_bytes_of(x->verb));
    sim_putf(out, ",\"count\":%" PRId64 ",\"probability\":%g,\"hits\":%" PRIu64 "}", x->count, x->probability, x->hits);
}

void sim_faults_print(const struct sim_faults *f, struct tarn_buf *out)
{
    sim_puts(out, "[");
    for (const struct sim_fault *x = f->first; x; x = x->next) {
        sim_puts(out, x == f->first ? "" : ",");
        print(x, out);
    }
    sim_puts(out, "]");
}

void sim_faults_help(struct tarn_buf *out)
{
#define X(name, text, help) sim_putf(out, "  %-16s %s\n", text, help);
    SIM_FAULT_MAP(X)
#undef X
}

/* ---- whole requests ---------------------------------------------------------------------------- */

static const char *reason_of(unsigned code)
{
    static const struct {
        unsigned code;
        const char *reason;
    } rows[] = {{400, "BadRequest"}, {401, "Unauthorized"}, {403, "Forbidden"}, {404, "NotFound"}, {409, "Conflict"},
                {410, "Expired"}, {422, "Invalid"}, {429, "TooManyRequests"}, {500, "InternalError"},
                {503, "ServiceUnavailable"}, {504, "Timeout"}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].code == code)
            return rows[i].reason;
    return NULL;
}

static void status_message(const struct sim_call *c, const struct sim_fault *x, char *ret, size_t n)
{
    const struct sim_kind *k = &c->resource->kind;

    if (*x->message)
        (void)snprintf(ret, n, "%s", x->message);
    else if (x->code == 403)
        (void)snprintf(ret, n, "%s%s%s is forbidden: User \"sim-user\" cannot %s resource \"%s\" in API group \"%s\" at the "
                       "cluster scope", k->plural, *k->group ? "." : "", k->group, sim_verb_text(c->verb), k->plural, k->group);
    else if (x->code == 401)
        (void)snprintf(ret, n, "Unauthorized");
    else if (x->code == 410)
        (void)snprintf(ret, n, "The resourceVersion for the provided %s is too old.", sim_verb_text(c->verb));
    else if (x->code == 429)
        (void)snprintf(ret, n, "storage is (re)initializing");
    else
        (void)snprintf(ret, n, "simulated error %u", x->code);
}

static void answer_status(struct sim_call *c, const struct sim_fault *x)
{
    char message[1024];
    unsigned code = x->code ? x->code : 500;

    if (x->text_shape) {
        sim_text_reply(c->req, (int)code, code == 429 ? "Too many requests, please try again later.\n" : "simulated error\n",
                       x->retry_after_s);
        return;
    }
    status_message(c, x, message, sizeof message);
    sim_status_reply(c->req, &(struct sim_status){.code = (int)code, .reason = reason_of(code), .message = message,
                                                  .retry_after_s = x->retry_after_s,
                                                  .kind = code == 403 ? c->resource->kind.plural : NULL});
}

static void again(void *ctx, struct sim_request *req)
{
    sim_api_handle_delayed(ctx, req);
}

static void set_spoil(struct sim_call *c, const char *resource, const char *verb)
{
    struct sim_faults *f = c->api->faults;
    struct sim_spoil *s = sim_request_spoil(c->req);
    const struct sim_fault *x;

    if ((x = sim_faults_hit(f, SIM_FAULT_TRUNCATE, resource, verb)) != NULL)
        s->truncate_after = x->bytes ? x->bytes : 1;
    if ((x = sim_faults_hit(f, SIM_FAULT_GARBLE, resource, verb)) != NULL)
        s->garble_at = x->bytes ? x->bytes : 1;
    if ((x = sim_faults_hit(f, SIM_FAULT_SLOW, resource, verb)) != NULL)
        s->bytes_per_second = x->bytes ? (uint32_t)x->bytes : 1000;
    if ((x = sim_faults_hit(f, SIM_FAULT_STALL, resource, verb)) != NULL)
        s->silent = true;
}

bool sim_fault_request(struct sim_call *c, bool delayed)
{
    struct sim_faults *f = c->api->faults;
    const char *resource = c->resource->name, *verb = sim_verb_text(c->verb), *cont = sim_request_query(c->req, "continue");
    const struct sim_fault *x;

    if (!delayed && (x = sim_faults_hit(f, SIM_FAULT_DELAY, resource, verb)) != NULL) {
        sim_request_later(c->req, x->ms, again, c->api);
        return true;
    }
    if (sim_faults_hit(f, SIM_FAULT_CLOSE, resource, verb)) {
        sim_request_abort(c->req);
        return true;
    }
    if (sim_faults_hit(f, SIM_FAULT_MISSING, resource, verb)) {
        if (c->resource->kind.custom)
            sim_reply_no_path(c->req);
        else
            sim_reply_no_resource(c->req);
        return true;
    }
    if ((x = sim_faults_hit(f, SIM_FAULT_STATUS, resource, verb)) != NULL) {
        answer_status(c, x);
        return true;
    }
    if (c->verb == SIM_WATCH && sim_faults_hit(f, SIM_FAULT_NO_WATCH, resource, verb)) {
        sim_reply_method_not_allowed(c->req);
        return true;
    }
    if (cont && *cont && sim_faults_hit(f, SIM_FAULT_EXPIRE_CONTINUE, resource, verb)) {
        c->expire_continue = true;
        return false;
    }
    set_spoil(c, resource, verb);
    return false;
}
