/* api_request.c - the target is decoded once into memory of the request's own; all texts of it are cut from there. */
#include "api_request.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "api_fields.h"

enum { SEGMENTS_MAX = 16, QUOTED_MAX = 256 };

static bool is(struct tarn_bytes b, const char *s)
{
    return tarn_bytes_equal(b, tarn_bytes_of(s));
}

/* ---- decoding -------------------------------------------------------------------------------------- */

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Undo %XX (and +, in a query) of in to *at, which moves on, and puts a NUL behind. False: no such escape. */
static bool decode(struct tarn_bytes in, bool query, char **at, struct tarn_bytes *ret)
{
    char *o = *at;

    for (size_t i = 0; i < in.len; i++) {
        int hi, lo;

        if (in.data[i] != '%') {
            *o++ = query && in.data[i] == '+' ? ' ' : in.data[i];
            continue;
        }
        hi = i + 2 < in.len ? hex(in.data[i + 1]) : -1;
        lo = i + 2 < in.len ? hex(in.data[i + 2]) : -1;
        if (hi < 0 || lo < 0)
            return false;
        *o++ = (char)(hi << 4 | lo);
        i += 2;
    }
    *ret = (struct tarn_bytes){*at, (size_t)(o - *at)};
    *o++ = 0;
    *at = o;
    return true;
}

/* Cut off what stands before c; all of it, when there is no c. */
static struct tarn_bytes cut(struct tarn_bytes *text, char c)
{
    const char *found = text->len ? memchr(text->data, c, text->len) : NULL;
    struct tarn_bytes head = {text->data, found ? (size_t)(found - text->data) : text->len};

    text->data += head.len + (found != NULL);
    text->len -= head.len + (found != NULL);
    return head;
}

/* ---- parameters ---------------------------------------------------------------------------------------- */

/* As they came, decoded. */
struct parameters {
    struct tarn_bytes watch, label_selector, field_selector, version, match, cont, limit, bookmarks, initial_events, timeout, pretty, include;
    unsigned given; /* one bit each, in the order of known[] */
};

static const struct {
    const char *name;
    size_t offset;
} known[] = {
    {"watch", offsetof(struct parameters, watch)},
    {"labelSelector", offsetof(struct parameters, label_selector)},
    {"fieldSelector", offsetof(struct parameters, field_selector)},
    {"resourceVersion", offsetof(struct parameters, version)},
    {"resourceVersionMatch", offsetof(struct parameters, match)},
    {"continue", offsetof(struct parameters, cont)},
    {"limit", offsetof(struct parameters, limit)},
    {"allowWatchBookmarks", offsetof(struct parameters, bookmarks)},
    {"sendInitialEvents", offsetof(struct parameters, initial_events)},
    {"timeoutSeconds", offsetof(struct parameters, timeout)},
    {"pretty", offsetof(struct parameters, pretty)},
    {"includeObject", offsetof(struct parameters, include)},
};

static void keep_parameter(struct parameters *p, struct tarn_bytes name, struct tarn_bytes value)
{
    for (unsigned i = 0; i < sizeof known / sizeof *known; i++) {
        if (!is(name, known[i].name) || (p->given & 1u << i))
            continue;
        p->given |= 1u << i;
        *(struct tarn_bytes *)(void *)((char *)p + known[i].offset) = value;
    }
}

/* What does not decode is passed over, as Go's URL.Query does. */
static void read_query(struct tarn_bytes query, char **at, struct parameters *ret)
{
    *ret = (struct parameters){0};
    while (query.len) {
        struct tarn_bytes value = cut(&query, '&'), name = cut(&value, '=');

        if (decode(name, true, at, &name) && decode(value, true, at, &value))
            keep_parameter(ret, name, value);
    }
}

static bool is_given(const struct parameters *p, const char *name)
{
    for (unsigned i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].name, name) == 0)
            return p->given >> i & 1;
    return false;
}

/* Only absence, "false" and "0" are no (apimachinery Convert_Slice_string_To_bool). */
static enum api_flag flag_of(const struct parameters *p, const char *name, struct tarn_bytes value)
{
    if (!is_given(p, name))
        return API_UNSET;
    if (is(value, "0") || (value.len == 5 && strncasecmp(value.data, "false", 5) == 0))
        return API_NO;
    return API_YES;
}

static int quoted_len(struct tarn_bytes b)
{
    return (int)(b.len > QUOTED_MAX ? QUOTED_MAX : b.len);
}

/* The digits of b: 0, TARN_E_SYNTAX or TARN_E_LIMIT (above max). */
static int digits_parse(struct tarn_bytes b, uint64_t max, uint64_t *ret)
{
    uint64_t v = 0;

    if (!b.len)
        return TARN_E_SYNTAX;
    for (size_t i = 0; i < b.len; i++) {
        if (b.data[i] < '0' || b.data[i] > '9')
            return TARN_E_SYNTAX;
    }
    for (size_t i = 0; i < b.len; i++) {
        uint64_t d = (uint64_t)(b.data[i] - '0');

        if (v > (max - d) / 10)
            return TARN_E_LIMIT;
        v = v * 10 + d;
    }
    *ret = v;
    return 0;
}

static const char *digits_problem(int rc)
{
    return rc == TARN_E_SYNTAX ? "invalid syntax" : "value out of range";
}

/* strconv.ParseInt; what is below zero counts as zero. */
static bool read_int(struct api_request *r, const struct parameters *p, const char *name, struct tarn_bytes text, uint64_t *ret)
{
    bool signed_ = text.len > 1 && (text.data[0] == '-' || text.data[0] == '+');
    struct tarn_bytes digits = signed_ ? (struct tarn_bytes){text.data + 1, text.len - 1} : text;
    int rc = is_given(p, name) ? digits_parse(digits, INT64_MAX, ret) : 0;

    if (rc)
        api_answer_bad_request(&r->refusal, "strconv.ParseInt: parsing \"%.*s\": %s", quoted_len(text), text.data ? text.data : "", digits_problem(rc));
    else if (signed_ && text.data[0] == '-')
        *ret = 0;
    return rc == 0;
}

static int read_selectors(struct api_request *r, const struct parameters *p)
{
    struct tarn_error err;
    int rc = 0;

    if (p->label_selector.len)
        rc = tarn_selector_parse(p->label_selector, &r->labels, &err);
    if (rc == TARN_E_SELECTOR)
        api_answer_bad_request(&r->refusal, "unable to parse requirement: %s", err.message);
    if (rc)
        return rc;
    if (tarn_selector_is_everything(r->labels)) {
        tarn_selector_free(r->labels);
        r->labels = NULL;
    }
    return 0;
}

/* ---- the rules of ListOptions ------------------------------------------------------------------------------ */

struct problems {
    struct api_invalid v[4]; /* no request breaks more of the rules below */
    char detail[QUOTED_MAX + 128];
    unsigned n;
};

static void forbid(struct problems *p, const char *field, const char *detail)
{
    p->v[p->n++] = (struct api_invalid){.field = field, .reason = "FieldValueForbidden", .detail = detail};
}

static void refuse_match(struct problems *p, struct tarn_bytes match, const char *supported)
{
    (void)snprintf(p->detail, sizeof p->detail, "Unsupported value: \"%.*s\": supported values: %s", quoted_len(match), match.data, supported);
    p->v[p->n++] = (struct api_invalid){.field = "resourceVersionMatch", .reason = "FieldValueNotSupported", .detail = p->detail};
}

static void check_list(const struct api_request *r, const struct parameters *p, struct problems *ret)
{
    if (p->match.len) {
        if (!p->version.len)
            forbid(ret, "resourceVersionMatch", "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided");
        if (p->cont.len)
            forbid(ret, "resourceVersionMatch", "Forbidden: resourceVersionMatch is forbidden when continue is provided");
        if (r->match == API_MATCH_GARBAGE)
            refuse_match(ret, p->match, "\"Exact\", \"NotOlderThan\", \"\"");
        if (r->match == API_MATCH_EXACT && is(p->version, "0"))
            forbid(ret, "resourceVersionMatch", "Forbidden: resourceVersionMatch \"Exact\" is forbidden for resourceVersion \"0\"");
    }
    if (r->send_initial_events != API_UNSET)
        forbid(ret, "sendInitialEvents", "Forbidden: sendInitialEvents is forbidden for list");
}

static void check_watch(const struct api_request *r, const struct parameters *p, struct problems *ret)
{
    bool initial = r->send_initial_events != API_UNSET;

    if (initial && r->match != API_MATCH_NOT_OLDER)
        forbid(ret, "resourceVersionMatch", "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
    if (!p->match.len)
        return;
    if (!initial)
        forbid(ret, "resourceVersionMatch", "Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided");
    if (r->match != API_MATCH_NOT_OLDER)
        refuse_match(ret, p->match, "\"NotOlderThan\"");
    if (p->cont.len)
        forbid(ret, "resourceVersionMatch", "Forbidden: resourceVersionMatch is forbidden when continue is provided");
}

/* True: nothing is against the rules. */
static bool check_options(struct api_request *r, const struct parameters *p)
{
    struct problems bad = {.n = 0};

    if (r->verb == API_WATCH)
        check_watch(r, p, &bad);
    else if (r->verb == API_LIST)
        check_list(r, p, &bad);
    if (bad.n)
        api_answer_invalid_options(bad.v, bad.n, &r->refusal);
    return bad.n == 0;
}

/* The resourceVersion is looked at last, by what answers: a LIST calls a wrong one a bad request, a WATCH fails inside. */
static bool read_version(struct api_request *r, const struct parameters *p)
{
    int rc = 0;

    r->rv_text = p->version;
    if (p->version.len)
        rc = digits_parse(p->version, UINT64_MAX, &r->rv);
    r->rv_ask = !p->version.len ? API_VERSION_NONE : rc ? API_VERSION_GARBAGE : r->rv ? API_VERSION_NUMBER : API_VERSION_ANY;
    if (rc && r->verb == API_WATCH)
        api_answer_internal(&r->refusal, "resourceVersion: Invalid value: \"%.*s\": strconv.ParseUint: parsing \"%.*s\": %s", quoted_len(p->version),
                            p->version.data, quoted_len(p->version), p->version.data, digits_problem(rc));
    else if (rc)
        api_answer_bad_request(&r->refusal, "invalid resource version: resourceVersion: Invalid value: \"%.*s\": strconv.ParseUint: parsing \"%.*s\": %s",
                               quoted_len(p->version), p->version.data, quoted_len(p->version), p->version.data, digits_problem(rc));
    else if (r->verb == API_LIST && r->cont.len && r->rv_ask == API_VERSION_NUMBER)
        api_answer_bad_request(&r->refusal, "specifying resource version is not allowed when using continue");
    return r->refusal.code == 0;
}

static enum api_match match_of(struct tarn_bytes text)
{
    if (!text.len)
        return API_MATCH_NONE;
    return is(text, "Exact") ? API_MATCH_EXACT : is(text, "NotOlderThan") ? API_MATCH_NOT_OLDER : API_MATCH_GARBAGE;
}

/* Selectors and options of a LIST or WATCH, in the order in which the server looks at them. 0 or TARN_E_NOMEM. */
static int read_options(struct api_request *r, const struct parameters *p)
{
    uint64_t timeout = 0;
    int rc;

    if (!read_int(r, p, "limit", p->limit, &r->limit) || !read_int(r, p, "timeoutSeconds", p->timeout, &timeout))
        return 0;
    r->timeout_s = timeout > UINT32_MAX ? UINT32_MAX : (uint32_t)timeout;
    rc = read_selectors(r, p);
    if (rc)
        return rc == TARN_E_SELECTOR ? 0 : rc;
    r->match = match_of(p->match);
    r->cont = p->cont;
    r->bookmarks = flag_of(p, "allowWatchBookmarks", p->bookmarks) == API_YES;
    r->send_initial_events = flag_of(p, "sendInitialEvents", p->initial_events);
    if (!check_options(r, p))
        return 0;
    if (p->field_selector.len)
        rc = api_fields_compile(r->group, r->resource, p->field_selector, &r->fields, &r->refusal);
    if (rc)
        return rc == TARN_E_SELECTOR ? 0 : rc;
    if (r->name.len == 0)
        (void)api_fields_demand(r->fields, "metadata.name", &r->name);
    (void)read_version(r, p);
    return 0;
}

static int read_parameters(struct api_request *r, const struct parameters *p)
{
    r->pretty = flag_of(p, "pretty", p->pretty);
    r->include = is(p->include, "None") ? API_INCLUDE_NONE : is(p->include, "Object") ? API_INCLUDE_OBJECT : API_INCLUDE_METADATA;
    if (r->place != API_AT_RESOURCE || r->subresource.len)
        return 0;
    if (r->verb == API_LIST || r->verb == API_WATCH)
        return read_options(r, p);
    if (r->verb == API_GET)
        (void)read_version(r, p);
    return 0;
}

/* ---- the path -------------------------------------------------------------------------------------------------- */

/* The segments of path, without an empty one at its end. False: too many, an empty one inside, or a NUL. */
static bool segments_cut(struct tarn_bytes path, struct tarn_bytes *v, unsigned *ret_n)
{
    unsigned n = 0;

    if (!path.len || path.data[0] != '/' || memchr(path.data, 0, path.len))
        return false;
    path.data++;
    path.len--;
    while (path.len) {
        if (n == SEGMENTS_MAX)
            return false;
        v[n] = cut(&path, '/');
        if (!v[n++].len)
            return false;
    }
    *ret_n = n;
    return true;
}

/* What stands behind /api/V or /apis/G/V. */
static void read_resource_path(struct api_request *r, const struct tarn_bytes *v, unsigned n, bool *ret_watch)
{
    bool of_namespace;

    *ret_watch = n > 1 && is(v[0], "watch");
    v += *ret_watch;
    n -= *ret_watch;
    of_namespace = n > 2 && is(v[0], "namespaces") && !is(v[2], "status") && !is(v[2], "finalize");
    if (of_namespace) {
        r->ns = v[1];
        v += 2;
        n -= 2;
    }
    r->resource = v[0];
    if (n > 1)
        r->name = v[1];
    if (n > 2)
        r->subresource = v[2]; /* what follows is its own business */
}

static enum api_place place_of(struct api_request *r, const struct tarn_bytes *v, unsigned n, bool *ret_watch)
{
    bool core = n > 0 && is(v[0], "api"), groups = n > 0 && is(v[0], "apis");
    unsigned head = core ? 2 : 3; /* segments up to the version */

    *ret_watch = false;
    if (n == 0)
        return API_AT_ROOT;
    if (n == 1 && (core || groups))
        return core ? API_AT_CORE : API_AT_GROUPS;
    if (groups)
        r->group = v[1];
    if (groups && n == 2)
        return API_AT_GROUP;
    if (core || groups) {
        r->version = v[head - 1];
        if (n == head)
            return API_AT_GROUP_VERSION;
        read_resource_path(r, v + head, n - head, ret_watch);
        return API_AT_RESOURCE;
    }
    if (n == 1 && is(v[0], "version"))
        return API_AT_VERSION;
    if (is(v[0], "healthz") || is(v[0], "livez") || is(v[0], "readyz"))
        return API_AT_HEALTH;
    return is(v[0], "openapi") ? API_AT_OPENAPI : API_AT_ELSEWHERE;
}

static enum api_verb verb_of(struct tarn_bytes method, bool *ret_head)
{
    *ret_head = is(method, "HEAD");
    if (*ret_head || is(method, "GET"))
        return API_GET;
    if (is(method, "POST"))
        return API_CREATE;
    if (is(method, "PUT"))
        return API_UPDATE;
    if (is(method, "PATCH"))
        return API_PATCH;
    return is(method, "DELETE") ? API_DELETE : API_OTHER_VERB;
}

/* A GET of a collection is a LIST or a WATCH, its DELETE another verb. old_watch: the path began with watch/. */
static enum api_verb verb_at_resource(const struct api_request *r, bool old_watch, bool watch)
{
    if (r->verb == API_GET && old_watch)
        return API_WATCH;
    if (r->name.len)
        return r->verb;
    if (r->verb == API_DELETE)
        return API_DELETE_COLLECTION;
    return r->verb != API_GET ? r->verb : watch ? API_WATCH : API_LIST;
}

int api_request_parse(struct tarn_bytes method, struct tarn_bytes target, struct api_request *ret)
{
    struct tarn_bytes query = target, path = cut(&query, '?'), v[SEGMENTS_MAX];
    struct parameters p;
    unsigned n;
    bool old_watch = false;
    char *at;

    *ret = (struct api_request){.place = API_AT_ELSEWHERE};
    ret->verb = verb_of(method, &ret->head);
    ret->owned = at = malloc(2 * target.len + 2); /* a decoded text is never longer; each NUL stands where its separator did */
    if (!at)
        return TARN_E_NOMEM;
    if (!decode(path, false, &at, &ret->path))
        return 0;
    read_query(query, &at, &p);
    if (segments_cut(ret->path, v, &n))
        ret->place = place_of(ret, v, n, &old_watch);
    if (ret->place == API_AT_RESOURCE)
        ret->verb = verb_at_resource(ret, old_watch, flag_of(&p, "watch", p.watch) == API_YES);
    return read_parameters(ret, &p);
}

void api_request_release(struct api_request *r)
{
    tarn_selector_free(r->labels);
    tarn_field_selector_free(r->fields);
    api_answer_release(&r->refusal);
    free(r->owned);
    *r = (struct api_request){0};
}

/* ---- what it says -------------------------------------------------------------------------------------------------- */

const char *api_verb_text(enum api_verb v)
{
    static const char *const texts[] = {
        [API_GET] = "get",       [API_LIST] = "list",   [API_WATCH] = "watch",   [API_CREATE] = "create",
        [API_UPDATE] = "update", [API_PATCH] = "patch", [API_DELETE] = "delete", [API_DELETE_COLLECTION] = "deletecollection",
        [API_OTHER_VERB] = "",
    };

    return texts[v];
}

struct tarn_bytes api_request_access_namespace(const struct api_request *r)
{
    return r->ns.len == 0 && r->group.len == 0 && is(r->resource, "namespaces") ? r->name : r->ns;
}
