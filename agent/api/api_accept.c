/* api_accept.c - the Accept header: the caller's choices by q, those that name no type last; the first that there is. */
#include <stdlib.h>
#include <strings.h>

#include "api_form.h"

enum { CLAUSES_MAX = 16 };

/* `application/json;as=Table;g=meta.k8s.io;v=v1;q=0.5` */
struct clause {
    struct tarn_bytes type, as, group, version, stream;
    unsigned q;     /* thousandths */
    unsigned stars; /* "*" in its type: 0, 1, 2 */
    bool pretty;
};

static bool is(struct tarn_bytes b, const char *s)
{
    return tarn_bytes_equal(b, tarn_bytes_of(s));
}

static bool is_of_any_case(struct tarn_bytes b, const char *s)
{
    return b.len == strlen(s) && (b.len == 0 || strncasecmp(b.data, s, b.len) == 0);
}

static struct tarn_bytes trim(struct tarn_bytes b)
{
    while (b.len && (b.data[0] == ' ' || b.data[0] == '\t')) {
        b.data++;
        b.len--;
    }
    while (b.len && (b.data[b.len - 1] == ' ' || b.data[b.len - 1] == '\t'))
        b.len--;
    return b;
}

/* Cut off what stands before c, or all of it. */
static struct tarn_bytes cut(struct tarn_bytes *text, char c)
{
    const char *found = text->len ? memchr(text->data, c, text->len) : NULL;
    struct tarn_bytes head = {text->data, found ? (size_t)(found - text->data) : text->len};

    text->data += head.len + (found != NULL);
    text->len -= head.len + (found != NULL);
    return trim(head);
}

/* "0.75" in thousandths; what is none counts as 1. */
static unsigned q_of(struct tarn_bytes text)
{
    unsigned v = 0, digits = 0;
    size_t i = 1;

    if (!text.len || (text.data[0] != '0' && text.data[0] != '1') || (text.len > 1 && text.data[1] != '.'))
        return 1000;
    if (text.data[0] == '1')
        return 1000;
    for (i = 2; i < text.len && digits < 3; i++, digits++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return 1000;
        v = v * 10 + (unsigned)(text.data[i] - '0');
    }
    for (; digits < 3; digits++)
        v *= 10;
    return v;
}

static void parameter_read(struct tarn_bytes text, struct clause *c)
{
    struct tarn_bytes value = text, name = cut(&value, '=');

    value = trim(value);
    if (value.len >= 2 && value.data[0] == '"' && value.data[value.len - 1] == '"')
        value = (struct tarn_bytes){value.data + 1, value.len - 2};
    if (is(name, "as"))
        c->as = value;
    else if (is(name, "g"))
        c->group = value;
    else if (is(name, "v"))
        c->version = value;
    else if (is(name, "stream"))
        c->stream = value;
    else if (is(name, "pretty"))
        c->pretty = is(value, "1");
    else if (is(name, "q"))
        c->q = q_of(value);
}

static void clause_read(struct tarn_bytes text, struct clause *ret)
{
    *ret = (struct clause){.q = 1000};
    ret->type = cut(&text, ';');
    ret->stars = is(ret->type, "*/*") || is(ret->type, "*") ? 2 : is_of_any_case(ret->type, "application/*") ? 1 : 0;
    while (text.len)
        parameter_read(cut(&text, ';'), ret);
}

/* Higher q first, then the more exact; else as they came. */
static bool is_before(const struct clause *a, const struct clause *b)
{
    return a->q != b->q ? a->q > b->q : a->stars < b->stars;
}

static unsigned clauses_read(struct tarn_bytes header, struct clause *v)
{
    unsigned n = 0;

    while (header.len && n < CLAUSES_MAX) {
        struct tarn_bytes text = cut(&header, ',');
        struct clause c;
        unsigned at = n;

        if (!text.len)
            continue;
        clause_read(text, &c);
        while (at > 0 && is_before(&c, &v[at - 1])) {
            v[at] = v[at - 1];
            at--;
        }
        v[at] = c;
        n++;
    }
    return n;
}

/* Is there such a form here? */
static bool form_of(const struct clause *c, const struct api_accept *a, struct api_form *ret)
{
    bool discovery = is(c->as, "APIGroupDiscoveryList");

    if (!c->as.len)
        return true;
    ret->as = discovery                                                                    ? API_AS_DISCOVERY
              : is(c->as, "Table")                                                         ? API_AS_TABLE
              : is(c->as, "PartialObjectMetadata") || is(c->as, "PartialObjectMetadataList") ? API_AS_PARTIAL
                                                                                           : API_AS_OBJECT;
    if (ret->as == API_AS_OBJECT || discovery != a->discovery || !is(c->group, discovery ? "apidiscovery.k8s.io" : "meta.k8s.io"))
        return false;
    ret->beta = is(c->version, discovery ? "v2beta1" : "v1beta1");
    return ret->beta || is(c->version, discovery ? "v2" : "v1");
}

static bool clause_fits(const struct clause *c, const struct api_accept *a, struct api_form *ret)
{
    *ret = (struct api_form){.include = a->include, .pretty = c->pretty};
    if (!c->q || (!c->stars && !is_of_any_case(c->type, "application/json")))
        return false;
    if (c->stream.len && !(a->watch && is(c->stream, "watch")))
        return false;
    return form_of(c, a, ret);
}

/* What people read answers with. */
static bool is_for_people(struct tarn_bytes user_agent)
{
    static const char *const names[] = {"curl", "Wget", "Mozilla/5.0"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (user_agent.len >= strlen(names[i]) && memcmp(user_agent.data, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

int api_form_negotiate(const struct api_accept *a, struct api_form *ret, struct api_answer *ret_answer)
{
    bool pretty = a->pretty == API_YES || (a->pretty == API_UNSET && is_for_people(a->user_agent));
    struct clause v[CLAUSES_MAX];
    unsigned n = clauses_read(a->accept, v);

    *ret = (struct api_form){.include = a->include, .pretty = pretty};
    for (unsigned i = 0; i < n; i++) {
        struct api_form form;

        if (!clause_fits(&v[i], a, &form))
            continue;
        form.pretty |= pretty;
        *ret = form;
        return 0;
    }
    if (!trim(a->accept).len)
        return 0;
    api_answer_not_acceptable(a->watch ? "application/json, application/json;stream=watch" : "application/json", ret_answer);
    return TARN_E_UNSUPPORTED;
}
