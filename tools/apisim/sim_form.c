/* sim_form.c - Accept, indenting, gzip. An indented or compressed answer is a stream around the plain one. */
#include "sim_form.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <zlib.h>

#include "sim_status.h"

enum { LENGTH_MAX = 2048, GZIP_FROM = 128 * 1024 };

/* ---- Accept ------------------------------------------------------------------------------- */

static void trim(char **s)
{
    char *end;

    while (**s == ' ')
        (*s)++;
    end = *s + strlen(*s);
    while (end > *s && end[-1] == ' ')
        *--end = 0;
}

struct range {
    char as[48], group[64], version[16], stream[16];
};

static bool parse_parameter(char *p, struct range *ret)
{
    static const struct {
        const char *name;
        size_t offset, size;
    } known[] = {{"as", offsetof(struct range, as), sizeof ret->as},
                 {"g", offsetof(struct range, group), sizeof ret->group},
                 {"v", offsetof(struct range, version), sizeof ret->version},
                 {"stream", offsetof(struct range, stream), sizeof ret->stream}};
    char *eq = strchr(p, '=');

    trim(&p);
    if (!eq)
        return true;
    *eq++ = 0;
    trim(&p);
    trim(&eq);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(p, known[i].name) == 0)
            return snprintf((char *)ret + known[i].offset, known[i].size, "%s", eq) < (int)known[i].size;
    return true; /* q, charset: taken as they come, in order */
}

/* One choice, `application/json;as=Table;v=v1;g=meta.k8s.io`. True: it can be served. */
static bool parse_range(char *choice, unsigned allowed, struct sim_form *ret)
{
    struct range r = {0};
    char *save = NULL, *type = strtok_r(choice, ";", &save);

    if (!type)
        return false;
    for (char *p; (p = strtok_r(NULL, ";", &save)) != NULL;)
        if (!parse_parameter(p, &r))
            return false;
    trim(&type);
    if (strcasecmp(type, "application/json") != 0 && strcmp(type, "*/*") != 0 && strcasecmp(type, "application/*") != 0)
        return false;
    ret->as = strcmp(r.as, "Table") == 0                                      ? SIM_AS_TABLE
              : strncmp(r.as, "PartialObjectMetadata", strlen("PartialObjectMetadata")) == 0 ? SIM_AS_PARTIAL
              : strcmp(r.as, "APIGroupDiscoveryList") == 0                    ? SIM_AS_DISCOVERY
                                                                              : SIM_AS_OBJECT;
    (void)snprintf(ret->version, sizeof ret->version, "%s", r.version);
    if (*r.as && ret->as == SIM_AS_OBJECT)
        return false;
    return ret->as == SIM_AS_OBJECT || (allowed & 1u << ret->as);
}

static bool parse_accept(const char *accept, unsigned allowed, struct sim_form *ret)
{
    char text[2048], *save = NULL;

    if (!accept || !*accept)
        return true;
    if (strlen(accept) >= sizeof text)
        return false;
    strcpy(text, accept);
    for (char *choice = strtok_r(text, ",", &save); choice; choice = strtok_r(NULL, ",", &save))
        if (parse_range(choice, allowed, ret))
            return true;
    return false;
}

static bool wants_pretty(const struct sim_request *req)
{
    static const char *const people[] = {"curl", "Wget", "Mozilla/5.0"};
    const char *pretty = sim_request_query(req, "pretty"), *agent = sim_request_header(req, "User-Agent");

    if (pretty)
        return strcmp(pretty, "false") != 0 && strcmp(pretty, "0") != 0;
    for (size_t i = 0; agent && i < sizeof people / sizeof *people; i++)
        if (strncmp(agent, people[i], strlen(people[i])) == 0)
            return true;
    return false;
}

bool sim_form_parse(struct sim_request *req, unsigned allowed, struct sim_form *ret)
{
    const char *encoding = sim_request_header(req, "Accept-Encoding");

    *ret = (struct sim_form){.pretty = wants_pretty(req), .gzip = encoding && strstr(encoding, "gzip")};
    if (parse_accept(sim_request_header(req, "Accept"), allowed, ret))
        return true;
    sim_status_reply(req, &(struct sim_status){
                              .code = 406, .reason = "NotAcceptable", .details = true,
                              .message = "only the following media types are accepted: application/json"});
    return false;
}

/* ---- indenting ---------------------------------------------------------------------------- */

/* json.Indent of Go with two spaces, as a filter over a stream. */
struct indent {
    unsigned depth;
    bool in_string, escaped, opened; /* opened: the last token opened an object or array */
};

static void newline(const struct indent *i, struct tarn_buf *out)
{
    sim_put(out, "\n", 1);
    for (unsigned d = 0; d < i->depth; d++)
        sim_put(out, "  ", 2);
}

static void indent_in_string(struct indent *i, char c, struct tarn_buf *out)
{
    sim_put(out, &c, 1);
    if (i->escaped)
        i->escaped = false;
    else if (c == '\\')
        i->escaped = true;
    else if (c == '"')
        i->in_string = false;
}

static void indent_closing(struct indent *i, char c, struct tarn_buf *out)
{
    i->depth -= i->depth > 0;
    if (!i->opened)
        newline(i, out);
    i->opened = false;
    sim_put(out, &c, 1);
}

static void indent_token(struct indent *i, char c, struct tarn_buf *out)
{
    if (c == '\n')
        return;
    if (c == '}' || c == ']') {
        indent_closing(i, c, out);
        return;
    }
    if (i->opened)
        newline(i, out);
    i->opened = c == '{' || c == '[';
    i->depth += i->opened;
    i->in_string = c == '"';
    sim_put(out, &c, 1);
    if (c == ',')
        newline(i, out);
    if (c == ':')
        sim_put(out, " ", 1);
}

static void indent(struct indent *i, struct tarn_bytes in, struct tarn_buf *out)
{
    for (size_t k = 0; k < in.len; k++) {
        if (i->in_string)
            indent_in_string(i, in.data[k], out);
        else
            indent_token(i, in.data[k], out);
    }
}

void sim_form_reply(struct sim_request *req, const struct sim_form *form, const struct sim_reply_head *head,
                    struct tarn_buf *body)
{
    struct tarn_buf pretty = {0};
    struct indent state = {0};

    if (!form->pretty) {
        sim_reply(req, head, body);
        return;
    }
    indent(&state, tarn_buf_bytes(body), &pretty);
    tarn_buf_release(body);
    sim_reply(req, head, &pretty);
}

/* ---- the stream around a stream -------------------------------------------------------------- */

struct filter {
    struct sim_stream stream;
    struct sim_stream *inner;
    struct tarn_buf plain, indented; /* plain: made by inner, not yet passed on */
    bool inner_end, pretty, gzip;
    struct indent indent;
    z_stream z;
};

static enum sim_fill deflate_into(struct filter *f, struct tarn_bytes in, struct tarn_buf *out)
{
    int rc;

    f->z.next_in = (unsigned char *)(uintptr_t)in.data;
    f->z.avail_in = (unsigned)in.len;
    do {
        unsigned char chunk[16384];

        f->z.next_out = chunk;
        f->z.avail_out = sizeof chunk;
        rc = deflate(&f->z, f->inner_end ? Z_FINISH : Z_NO_FLUSH);
        sim_put(out, chunk, sizeof chunk - f->z.avail_out);
    } while (f->z.avail_out == 0 || (f->inner_end && rc == Z_OK));
    return f->inner_end ? SIM_FILL_END : SIM_FILL_MORE;
}

static enum sim_fill pass_on(struct filter *f, struct tarn_buf *out)
{
    struct tarn_buf *from = &f->plain;
    enum sim_fill r = f->inner_end ? SIM_FILL_END : SIM_FILL_MORE;

    if (f->pretty) {
        tarn_buf_clear(&f->indented);
        indent(&f->indent, tarn_buf_bytes(&f->plain), &f->indented);
        from = &f->indented;
    }
    if (f->gzip)
        r = deflate_into(f, tarn_buf_bytes(from), out);
    else
        sim_put(out, from->data, from->len);
    tarn_buf_clear(&f->plain);
    return r;
}

static enum sim_fill filter_fill(struct sim_stream *s, struct tarn_buf *out, size_t want)
{
    struct filter *f = (struct filter *)s;

    f->inner->req = s->req;
    while (out->len == 0) {
        if (f->plain.len || f->inner_end)
            return pass_on(f, out);
        if (!f->pretty && !f->gzip)
            return f->inner->ops->fill(f->inner, out, want);
        f->inner_end = f->inner->ops->fill(f->inner, &f->plain, want) == SIM_FILL_END;
        if (pass_on(f, out) == SIM_FILL_END)
            return SIM_FILL_END;
    }
    return SIM_FILL_MORE;
}

static void filter_free(struct sim_stream *s)
{
    struct filter *f = (struct filter *)s;

    if (f->gzip)
        (void)deflateEnd(&f->z);
    f->inner->ops->free(f->inner);
    tarn_buf_release(&f->plain);
    tarn_buf_release(&f->indented);
    free(f);
}

/* Take enough of inner to know how the answer is framed. */
static void prime(struct filter *f, size_t enough)
{
    while (!f->inner_end && f->plain.len <= enough)
        f->inner_end = f->inner->ops->fill(f->inner, &f->plain, enough + 1) == SIM_FILL_END;
}

void sim_form_reply_stream(struct sim_request *req, const struct sim_form *form, const struct sim_reply_head *head,
                           struct sim_stream *s)
{
    static const struct sim_stream_ops ops = {filter_fill, filter_free};
    struct filter *f = sim_alloc(sizeof *f);
    struct sim_reply_head h = *head;

    memset(f, 0, sizeof *f);
    f->stream.ops = &ops;
    f->inner = s;
    s->req = req;
    prime(f, form->gzip ? GZIP_FROM : LENGTH_MAX);
    if (f->inner_end && f->plain.len <= LENGTH_MAX) {
        sim_form_reply(req, form, head, &f->plain);
        filter_free(&f->stream);
        return;
    }
    f->pretty = form->pretty;
    /* 31: gzip framing with the largest window; the server's own level is 4 */
    if (form->gzip && !f->inner_end && deflateInit2(&f->z, 4, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) == Z_OK) {
        unsigned i = 0;

        while (h.header[i][0])
            i++;
        h.header[i][0] = "Content-Encoding", h.header[i][1] = "gzip";
        h.header[i + 1][0] = "Vary", h.header[i + 1][1] = "Accept-Encoding";
        f->gzip = true;
    }
    sim_reply_stream(req, &h, &f->stream);
}
