/* sim_list.c - LIST streams from a snapshot of the tree; pages are cut from it. */
#include "sim_list.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim_get.h"
#include "sim_json.h"
#include "sim_select.h"
#include "sim_status.h"

/* A list on its way out. A paged one holds the objects of its page, a whole one walks its snapshot. */
struct list {
    struct sim_stream stream;
    const struct sim_resource *resource;
    struct sim_selection selection;
    struct sim_shape shape;
    struct sim_tree snapshot;
    struct sim_walk walk;
    struct sim_range range;
    uint64_t rv;
    struct sim_object **page; /* borrowed from the snapshot */
    uint32_t page_count, page_at, remaining;
    bool paged, begun, has_items;
    char cont[1024]; /* the token for the next page; "": none */
};

/* ---- walking ---------------------------------------------------------------------------- */

static struct sim_object *walk_match(struct list *l)
{
    struct sim_object *o;

    while ((o = sim_walk_next(&l->walk)) != NULL) {
        if (*l->range.to && tarn_bytes_compare(sim_object_key(o), tarn_bytes_of(l->range.to)) >= 0)
            return NULL;
        if (sim_selection_matches(&l->selection, o))
            return o;
    }
    return NULL;
}

static struct sim_object *next_item(struct list *l)
{
    if (!l->paged)
        return walk_match(l);
    return l->page_at < l->page_count ? l->page[l->page_at++] : NULL;
}

/* ---- continue tokens ------------------------------------------------------------------------ */

/* base64url without padding, as RFC 4648 section 5. */
static void base64url(struct tarn_bytes in, char *out, size_t size)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t n = 0;
    uint32_t acc = 0;
    int bits = 0;

    for (size_t i = 0; i < in.len && n + 3 < size; i++) {
        acc = acc << 8 | (unsigned char)in.data[i];
        for (bits += 8; bits >= 6; bits -= 6)
            out[n++] = alphabet[acc >> (bits - 6) & 63];
    }
    if (bits)
        out[n++] = alphabet[acc << (6 - bits) & 63];
    out[n] = 0;
}

/* Returns the length, or -1 when a character is none of the alphabet. */
static int unbase64url(const char *in, char *out, size_t size)
{
    uint32_t acc = 0;
    size_t n = 0;
    int bits = 0;

    for (; *in && *in != '='; in++) {
        int v = *in >= 'A' && *in <= 'Z'   ? *in - 'A'
                : *in >= 'a' && *in <= 'z' ? *in - 'a' + 26
                : *in >= '0' && *in <= '9' ? *in - '0' + 52
                : *in == '-' || *in == '+' ? 62
                : *in == '_' || *in == '/' ? 63
                                           : -1;

        if (v < 0 || n >= size)
            return -1;
        acc = acc << 6 | (uint32_t)v;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out[n++] = (char)(acc >> bits);
        }
    }
    return (int)n;
}

/* What follows `key` at version rv (-1: whatever is newest then). */
static void token_make(char *ret, size_t size, int64_t rv, const struct sim_selection *s, struct tarn_bytes key)
{
    struct tarn_buf text = {0};
    size_t skip = *s->ns ? strlen(s->ns) + 1 : 0;

    sim_putf(&text, "{\"v\":\"meta.k8s.io/v1\",\"rv\":%" PRId64 ",\"start\":\"/%.*s\\u0000\"}", rv,
             (int)(key.len - skip), key.data + skip);
    base64url(tarn_buf_bytes(&text), ret, size);
    tarn_buf_release(&text);
}

struct token {
    int64_t rv;
    char after[1400]; /* the list goes on behind this key */
};

static bool token_parse(const char *cont, const struct sim_selection *s, struct token *ret, char *message, size_t n)
{
    char text[1024];
    int len = unbase64url(cont, text, sizeof text);
    struct tarn_error err = {0};
    const char *start;
    json_t *v;

    v = len < 0 ? NULL : sim_json_parse((struct tarn_bytes){text, (size_t)len}, &err);
    if (!v) {
        (void)snprintf(message, n, "continue key is not valid: %s", len < 0 ? "illegal base64 data" : err.message);
        return false;
    }
    start = json_string_value(json_object_get(v, "start"));
    ret->rv = json_integer_value(json_object_get(v, "rv"));
    if (strcmp(sim_json_text(v, "v"), "meta.k8s.io/v1") != 0 || !start || *start == 0 || ret->rv == 0 ||
        strstr(start, "..")) {
        (void)snprintf(message, n, "continue key is not valid: server does not recognize this encoded version");
        json_decref(v);
        return false;
    }
    (void)snprintf(ret->after, sizeof ret->after, "%s%s%s", s->ns, *s->ns ? "/" : "", start + (*start == '/'));
    json_decref(v);
    return true;
}

/* ---- pages ------------------------------------------------------------------------------------- */

static uint32_t rank_of_end(const struct list *l)
{
    return *l->range.to ? sim_tree_rank(&l->snapshot, tarn_bytes_of(l->range.to)) : sim_tree_count(&l->snapshot);
}

static void collect_page(struct list *l, uint64_t limit)
{
    uint32_t cap = sim_tree_count(&l->snapshot);
    struct sim_object *o;

    if (cap > limit)
        cap = (uint32_t)limit;
    l->page = sim_alloc((size_t)cap * sizeof *l->page);
    l->paged = true;
    while (l->page_count < cap && (o = walk_match(l)) != NULL)
        l->page[l->page_count++] = o;
    if (l->page_count < limit || !walk_match(l))
        return;
    o = l->page[l->page_count - 1];
    token_make(l->cont, sizeof l->cont, (int64_t)l->rv, &l->selection, sim_object_key(o));
    if (!sim_selection_filters(&l->selection))
        l->remaining = rank_of_end(l) - sim_tree_rank(&l->snapshot, sim_object_key(o)) - 1;
}

/* ---- the text ------------------------------------------------------------------------------- */

/* Are the keys of the list in alphabetical order, metadata last? */
static bool sorted(const struct list *l)
{
    return l->resource->kind.custom && l->shape.as == SIM_AS_OBJECT;
}

static void put_meta(const struct list *l, struct tarn_buf *out)
{
    bool custom = sorted(l);

    sim_puts(out, "\"metadata\":{");
    if (custom)
        sim_putf(out, "\"continue\":\"%s\",", l->cont);
    if (custom && l->remaining)
        sim_putf(out, "\"remainingItemCount\":%u,", l->remaining);
    sim_putf(out, "\"resourceVersion\":\"%" PRIu64 "\"", l->rv);
    if (!custom && *l->cont)
        sim_putf(out, ",\"continue\":\"%s\"", l->cont);
    if (!custom && l->remaining)
        sim_putf(out, ",\"remainingItemCount\":%u", l->remaining);
    sim_puts(out, "}");
}

static void put_head(const struct list *l, struct tarn_buf *out)
{
    const struct sim_kind *k = &l->resource->kind;

    if (sorted(l)) {
        sim_putf(out, "{\"apiVersion\":\"%s/%s\",\"items\":[", k->group, k->version);
        return;
    }
    if (l->shape.as == SIM_AS_TABLE)
        sim_puts(out, "{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/v1\",");
    else if (l->shape.as == SIM_AS_PARTIAL)
        sim_puts(out, "{\"kind\":\"PartialObjectMetadataList\",\"apiVersion\":\"meta.k8s.io/v1\",");
    else
        sim_putf(out, "{\"kind\":\"%sList\",\"apiVersion\":\"%s%s%s\",", k->kind, k->group, *k->group ? "/" : "",
                 k->version);
    put_meta(l, out);
    if (l->shape.as == SIM_AS_TABLE) {
        sim_puts(out, ",");
        sim_table_columns(l->resource, out);
    }
    sim_puts(out, l->shape.as == SIM_AS_TABLE ? ",\"rows\":[" : ",\"items\":[");
}

static void put_tail(const struct list *l, struct tarn_buf *out)
{
    if (!sorted(l)) {
        sim_puts(out, "]}\n");
        return;
    }
    sim_putf(out, "],\"kind\":\"%sList\",", l->resource->kind.kind);
    put_meta(l, out);
    sim_puts(out, "}\n");
}

static void put_item(const struct list *l, const struct sim_object *o, struct tarn_buf *out)
{
    if (l->shape.as == SIM_AS_TABLE)
        sim_table_row(l->resource, o, l->shape.include, out);
    else if (l->shape.as == SIM_AS_PARTIAL)
        sim_partial_render(o, out);
    else
        sim_object_render(o, out);
}

static enum sim_fill list_fill(struct sim_stream *s, struct tarn_buf *out, size_t want)
{
    struct list *l = (struct list *)s;
    struct sim_object *o;

    if (!l->begun)
        put_head(l, out);
    l->begun = true;
    while (out->len < want && (o = next_item(l)) != NULL) {
        if (l->has_items)
            sim_put(out, ",", 1);
        l->has_items = true;
        put_item(l, o, out);
    }
    if (out->len >= want)
        return SIM_FILL_MORE;
    put_tail(l, out);
    return SIM_FILL_END;
}

static void list_free(struct sim_stream *s)
{
    struct list *l = (struct list *)s;

    free(l->page);
    sim_tree_release(&l->snapshot);
    sim_selection_release(&l->selection);
    free(l);
}

/* ---- parameters --------------------------------------------------------------------------- */

int sim_parse_rv(const char *text, uint64_t *ret, char *message, size_t n)
{
    uint64_t v = 0;

    for (const char *p = text ? text : ""; *p; p++) {
        if (*p < '0' || *p > '9' || v > (UINT64_MAX - 9) / 10) {
            (void)snprintf(message, n, "resourceVersion: Invalid value: \"%s\": strconv.ParseUint: parsing \"%s\": %s",
                           text, text, *p < '0' || *p > '9' ? "invalid syntax" : "value out of range");
            return TARN_E_INVAL;
        }
        v = v * 10 + (uint64_t)(*p - '0');
    }
    *ret = v;
    return 0;
}

/* The rules of ValidateListOptions (semantics row W-10). False: answered. */
static bool options_valid(const struct sim_call *c, const char *rv, const char *match, const char *cont)
{
    if (sim_request_query(c->req, "sendInitialEvents")) {
        sim_reply_forbidden_option(c->req, "sendInitialEvents", "Forbidden: sendInitialEvents is forbidden for list");
        return false;
    }
    if (!match || !*match)
        return true;
    if (cont && *cont) {
        sim_reply_forbidden_option(c->req, "resourceVersionMatch",
                         "Forbidden: resourceVersionMatch is forbidden when continue is provided");
        return false;
    }
    if (!rv || !*rv) {
        sim_reply_forbidden_option(c->req, "resourceVersionMatch",
                         "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided");
        return false;
    }
    if (strcmp(match, "Exact") != 0 && strcmp(match, "NotOlderThan") != 0) {
        char detail[400];

        (void)snprintf(detail, sizeof detail, "Unsupported value: \"%.256s\": supported values: \"Exact\", \"NotOlderThan\", \"\"", match);
        sim_reply_invalid(c->req, &(struct sim_invalid){
                                      .group = "meta.k8s.io", .kind = "ListOptions", .field = "resourceVersionMatch",
                                      .cause_reason = "FieldValueNotSupported", .detail = detail});
        return false;
    }
    if (strcmp(match, "Exact") == 0 && strcmp(rv, "0") == 0) {
        sim_reply_forbidden_option(c->req, "resourceVersionMatch",
                         "Forbidden: resourceVersionMatch \"Exact\" is forbidden for resourceVersion \"0\"");
        return false;
    }
    return true;
}

/* ---- serving ---------------------------------------------------------------------------------- */

struct future {
    uint64_t wanted, current;
};

static void reply_future(void *ctx, struct sim_request *req)
{
    struct future *f = ctx;
    char message[128];
    struct sim_status s = sim_status_future_rv(f->wanted, f->current, message, sizeof message);

    free(f);
    sim_status_reply(req, &s);
}

/* A version from the future: the server waits a while for it, then gives up. */
static void refuse_future(struct sim_call *c, uint64_t rv)
{
    struct future *f = sim_alloc(sizeof *f);

    *f = (struct future){.wanted = rv, .current = c->api->world->rv};
    sim_request_later(c->req, 3000, reply_future, f);
}

static void refuse_expired(struct sim_call *c, const struct sim_selection *s, const struct token *t)
{
    char fresh[1024];
    struct sim_status st = {.code = 410, .reason = "Expired",
                            .message = "The resourceVersion for the provided list is too old."};

    if (t) {
        token_make(fresh, sizeof fresh, -1, s, tarn_bytes_of(t->after));
        st.cont = fresh;
        st.message = "The provided continue parameter is too old to display a consistent list result. You can start a "
                     "new list without the continue parameter, or use the continue token in this response to retrieve "
                     "the remainder of the results. Continuing with the provided token results in an inconsistent list "
                     "- objects that were created, modified, or deleted between the time the first chunk was returned "
                     "and now may show up in the list.";
    }
    sim_status_reply(c->req, &st);
}

struct list_request {
    const char *rv_text, *match, *cont;
    uint64_t rv, limit;
    struct token token;
};

static bool parse_request(struct sim_call *c, const struct sim_selection *s, struct list_request *ret)
{
    const char *limit = sim_request_query(c->req, "limit");
    char message[1024];

    ret->rv_text = sim_request_query(c->req, "resourceVersion");
    ret->match = sim_request_query(c->req, "resourceVersionMatch");
    ret->cont = sim_request_query(c->req, "continue");
    ret->limit = limit ? strtoull(limit, NULL, 10) : 0;
    if (!options_valid(c, ret->rv_text, ret->match, ret->cont))
        return false;
    if (sim_parse_rv(ret->rv_text, &ret->rv, message, sizeof message)) {
        sim_reply_bad_request(c->req, "invalid resource version: %s", message);
        return false;
    }
    if (!ret->cont || !*ret->cont)
        return true;
    if (ret->rv_text && *ret->rv_text && strcmp(ret->rv_text, "0") != 0) {
        sim_reply_bad_request(c->req, "specifying resource version is not allowed when using continue");
        return false;
    }
    if (!token_parse(ret->cont, s, &ret->token, message, sizeof message)) {
        sim_reply_bad_request(c->req, "invalid continue token: %s", message);
        return false;
    }
    return true;
}

static struct list *list_new(const struct sim_call *c, const struct sim_selection *s, const struct sim_form *form)
{
    static const struct sim_stream_ops ops = {list_fill, list_free};
    struct list *l = calloc(1, sizeof *l);

    if (!l)
        l = sim_alloc(SIZE_MAX);
    l->stream.ops = &ops;
    l->resource = c->resource;
    l->selection = *s;
    l->shape = sim_shape_of(c, form);
    sim_selection_range(s, &l->range);
    return l;
}

/* The state the request asks for, into l. False: it is gone. */
static bool take_snapshot(struct list *l, const struct sim_call *c, const struct list_request *q)
{
    const struct sim_world *w = c->api->world;
    bool exact = q->match && strcmp(q->match, "Exact") == 0, paging = q->cont && *q->cont;

    if (c->expire_continue)
        return false;
    l->rv = exact ? q->rv : paging && q->token.rv > 0 ? (uint64_t)q->token.rv : w->rv;
    if (l->rv < w->rv)
        return sim_resource_at(l->resource, l->rv, &l->snapshot);
    l->snapshot = sim_tree_snapshot(&l->resource->tree);
    return true;
}

void sim_list_serve(struct sim_call *c)
{
    struct list_request q = {0};
    struct sim_selection s;
    struct tarn_bytes from;
    struct sim_form form;
    struct list *l;

    if (!sim_form_parse(c->req, SIM_FORMS_OF_OBJECTS, &form) || !sim_selection_parse(c, &s))
        return;
    if (!parse_request(c, &s, &q)) {
        sim_selection_release(&s);
        return;
    }
    if (q.rv > c->api->world->rv || (q.token.rv > 0 && (uint64_t)q.token.rv > c->api->world->rv)) {
        refuse_future(c, q.rv ? q.rv : (uint64_t)q.token.rv);
        sim_selection_release(&s);
        return;
    }
    l = list_new(c, &s, &form);
    if (!take_snapshot(l, c, &q)) {
        refuse_expired(c, &l->selection, q.cont && *q.cont ? &q.token : NULL);
        list_free(&l->stream);
        return;
    }
    from = tarn_bytes_of(l->range.from);
    if (q.cont && *q.cont)
        from = (struct tarn_bytes){q.token.after, strlen(q.token.after) + 1}; /* with the NUL: behind that key */
    sim_walk_begin(&l->walk, &l->snapshot, from);
    if (q.limit && !(q.rv_text && strcmp(q.rv_text, "0") == 0 && !(q.cont && *q.cont)))
        collect_page(l, q.limit);
    sim_form_reply_stream(c->req, &form, &(struct sim_reply_head){.code = 200}, &l->stream);
}
