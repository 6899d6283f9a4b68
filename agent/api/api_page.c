/* api_page.c - a range of a view, or the objects of a page picked beforehand; text is made in pieces. */
#include "api_page.h"

#include <stdlib.h>

#include "api_indent.h"

enum {
    PIECE = 64 * 1024, /* text made at once, or one object more */
    LOOKED_AT = 20000, /* objects that a selector may pass over before others get their turn */
    KEPT = 1024 * 1024 /* a larger buffer is not kept for the next piece */
};

struct api_page {
    struct api_call *call;
    struct api_view *view;
    struct api_writer *writer;
    const struct tarn_object **picked;       /* what the selectors left, of a limited page; NULL: v is the view's */
    const struct tarn_object *const *v;
    size_t at, end;
    bool selects; /* the selectors are asked as it goes */
    bool begun, any, ended;
    struct api_list_meta meta;
    char cont[API_CONTINUE_TEXT_MAX];
    int64_t now_s;
    struct api_indent indent;
    struct tarn_buf plain, out; /* plain: before it is indented */
    size_t sent;                /* of out */
};

static void page_free(struct api_page *p)
{
    api_writer_free(p->writer);
    api_view_unref(p->view);
    free(p->picked);
    tarn_buf_release(&p->plain);
    tarn_buf_release(&p->out);
    free(p);
}

/* ---- which objects ---------------------------------------------------------------------------------------- */

static bool is_selected(const struct api_request *q, const struct tarn_object *obj)
{
    return tarn_selector_matches(q->labels, obj) && tarn_field_selector_matches(q->fields, obj);
}

/* The objects of q's namespace behind `after`: at and end. Sorted by key, they stand together. */
static int range_find(struct api_page *p, const struct api_request *q, struct tarn_bytes after)
{
    const struct api_view *v = p->view;
    struct tarn_buf edge = {0};
    size_t behind;
    int rc = 0;

    p->v = v->v;
    p->end = v->n;
    if (q->ns.len) {
        rc = tarn_buf_addf(&edge, "%.*s/", TARN_BYTES_ARG(q->ns));
        if (rc == 0) {
            p->at = tarn_reader_sorted_from(v->v, v->n, tarn_buf_bytes(&edge), false);
            edge.data[edge.len - 1]++; /* what follows all that begins so */
            p->end = tarn_reader_sorted_from(v->v, v->n, tarn_buf_bytes(&edge), false);
        }
        tarn_buf_release(&edge);
    }
    behind = after.len ? tarn_reader_sorted_from(v->v, v->n, after, true) : 0;
    if (behind > p->at)
        p->at = behind < p->end ? behind : p->end;
    return rc;
}

/* At most `limit` of the range that are selected; *ret_more: there are others behind. */
static int pick(struct api_page *p, const struct api_request *q, uint64_t limit, bool *ret_more)
{
    size_t n = 0, room = p->end - p->at < limit ? p->end - p->at : (size_t)limit;

    p->picked = malloc((room ? room : 1) * sizeof *p->picked);
    if (!p->picked)
        return TARN_E_NOMEM;
    *ret_more = false;
    for (size_t i = p->at; i < p->end && !*ret_more; i++) {
        if (!is_selected(q, p->v[i]))
            continue;
        *ret_more = n == room;
        if (n < room)
            p->picked[n++] = p->v[i];
    }
    p->v = p->picked;
    p->at = 0;
    p->end = n;
    return 0;
}

static int cont_make(struct api_page *p, const struct api_page_ask *a)
{
    const struct api_hold *h = api_views_hold(a->views, p->view, a->now_ms);

    if (!h)
        return TARN_E_NOMEM;
    if (!api_continue_print(h->id, tarn_object_key(p->v[p->end - 1]), p->cont))
        return TARN_E_CORRUPT;
    p->meta.cont = tarn_bytes_of(p->cont);
    return 0;
}

/* What is shown, and how it goes on. */
static int choose(struct api_page *p, const struct api_page_ask *a)
{
    const struct api_request *q = &a->call->request;
    bool more = false;
    int rc = range_find(p, q, a->after);

    p->meta.resource_version = tarn_buf_bytes(&p->view->version);
    if (rc)
        return rc;
    if (!a->limit) {
        p->selects = api_request_selects(q);
        return 0;
    }
    if (api_request_selects(q)) {
        rc = pick(p, q, a->limit, &more);
    } else if (p->end - p->at > a->limit) {
        p->meta.remaining = p->end - p->at - a->limit;
        p->end = p->at + (size_t)a->limit;
        more = true;
    }
    return rc || !more ? rc : cont_make(p, a);
}

/* ---- the text ------------------------------------------------------------------------------------------------ */

static int items_add(struct api_page *p, struct tarn_buf *out)
{
    const struct api_request *q = &p->call->request;
    size_t passed = 0, from = out->len;
    int rc = 0;

    while (rc == 0 && p->at < p->end && out->len - from < PIECE && passed < LOOKED_AT) {
        const struct tarn_object *obj = p->v[p->at++];

        if (p->selects && !is_selected(q, obj)) {
            passed++;
            continue;
        }
        if (p->any)
            rc = tarn_buf_adds(out, ",");
        p->any = true;
        if (rc == 0)
            rc = api_write_item(p->writer, obj, p->now_s, out);
    }
    return rc;
}

static int piece_add(struct api_page *p, struct tarn_buf *out)
{
    int rc = p->begun ? 0 : api_write_list_head(p->writer, &p->meta, out);

    p->begun = true;
    if (rc == 0)
        rc = items_add(p, out);
    if (rc || p->at < p->end)
        return rc;
    p->ended = true;
    return api_write_list_tail(p->writer, &p->meta, out);
}

/* The next piece of text into out, which is empty. What was read under a pin that was taken back is no text. */
static int fill(struct api_page *p)
{
    bool pretty = p->call->form.pretty;
    int rc, honoured;

    tarn_buf_clear(&p->out);
    tarn_buf_clear(&p->plain);
    p->sent = 0;
    rc = piece_add(p, pretty ? &p->plain : &p->out);
    honoured = tarn_reader_check(&p->view->snapshot->r);
    if (honoured)
        return honoured;
    if (rc == 0 && pretty)
        rc = api_indent_add(&p->indent, tarn_buf_bytes(&p->plain), &p->out);
    return rc;
}

/* ---- sending ----------------------------------------------------------------------------------------------------- */

static ssize_t page_read(void *ctx, char *to, size_t n)
{
    struct api_page *p = ctx;

    if (p->sent == p->out.len && !p->ended) {
        if (p->out.cap > KEPT)
            tarn_buf_release(&p->out);
        if (fill(p))
            return TARN_HTTP_CUT;
    }
    if (p->sent == p->out.len && p->ended)
        return TARN_HTTP_END;
    if (p->sent == p->out.len) { /* nothing selected in all that was looked at: others first */
        tarn_http_exchange_wake(p->call->x);
        return 0;
    }
    if (n > p->out.len - p->sent)
        n = p->out.len - p->sent;
    memcpy(to, p->out.data + p->sent, n);
    p->sent += n;
    return (ssize_t)n;
}

static void page_done(void *ctx)
{
    struct api_page *p = ctx;

    api_call_end(p->call);
    page_free(p);
}

static int page_new(const struct api_page_ask *a, struct api_page **ret)
{
    struct tarn_resource_info info;
    struct api_page *p = calloc(1, sizeof *p);
    int rc;

    if (!p) {
        api_view_unref(a->view);
        return TARN_E_NOMEM;
    }
    p->call = a->call;
    p->view = a->view;
    p->now_s = a->now_s;
    rc = tarn_reader_resource(&a->view->snapshot->r, tarn_bytes_of(a->view->resource), &info);
    if (rc == 0)
        rc = api_writer_new(&a->call->form, &a->view->snapshot->r, &info, &p->writer);
    if (rc == 0)
        rc = choose(p, a);
    if (rc == 0)
        rc = fill(p);
    if (rc) {
        page_free(p);
        return rc;
    }
    *ret = p;
    return 0;
}

int api_page_begin(const struct api_page_ask *a)
{
    static const struct tarn_http_source source = {.read = page_read, .done = page_done};
    struct api_page *p;
    int rc = page_new(a, &p);

    if (rc)
        return rc;
    if (p->ended) { /* all of it is there: no stream */
        api_call_reply(p->call, 200, "application/json", &p->out);
        page_free(p);
    } else {
        api_call_stream(p->call, 200, "application/json", &source, p);
    }
    return 0;
}
