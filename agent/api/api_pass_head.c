/* api_pass_head.c - see api_pass_head.h. */
#include "api_pass_head.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* Of one hop, or made by each side itself. */
static bool is_own(struct tarn_bytes name)
{
    static const char *const own[] = {"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization", "TE", "Trailer",
                                      "Transfer-Encoding", "Upgrade", "Host", "Content-Length", "Expect", "Date"};

    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (name.len == strlen(own[i]) && strncasecmp(name.data, own[i], name.len) == 0)
            return true;
    return false;
}

bool api_pass_goes_back(struct tarn_bytes name)
{
    /* what the read API says of each of its answers */
    static const char *const ours[] = {"Content-Type", "Cache-Control", "X-Content-Type-Options"};

    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (name.len == strlen(ours[i]) && strncasecmp(name.data, ours[i], name.len) == 0)
            return false;
    return !is_own(name);
}

/* Does a list such as "keep-alive, X-Mine" hold name? */
static bool names(const char *list, const char *name)
{
    size_t n = strlen(name);

    while (*list) {
        size_t skip = strspn(list, " \t,"), len = strcspn(list + skip, " \t,");

        if (len == n && strncasecmp(list + skip, name, n) == 0)
            return true;
        list += skip + len;
    }
    return false;
}

bool api_pass_is_upgrade(const struct tarn_http_exchange *x)
{
    const char *connection = tarn_http_exchange_header(x, "Connection");

    return tarn_http_exchange_header(x, "Upgrade") || (connection && names(connection, "Upgrade"));
}

struct collecting {
    struct api_pass_lines *lines;
    const char *connection; /* what it names is of this hop */
};

static int collect(void *ctx, const char *name, const char *value)
{
    struct collecting *c = ctx;

    /* libcurl takes "Name:" as a wish to leave it out; a line break in a value would be a header of its own */
    if (!*value || is_own(tarn_bytes_of(name)) || strpbrk(value, "\r\n") || (c->connection && names(c->connection, name)))
        return 0;
    if (c->lines->n == API_PASS_HEADERS_MAX)
        return TARN_E_LIMIT;
    if (asprintf(&c->lines->v[c->lines->n], "%s: %s", name, value) < 0) {
        c->lines->v[c->lines->n] = NULL;
        return TARN_E_NOMEM;
    }
    c->lines->n++;
    return 0;
}

int api_pass_lines_of(const struct tarn_http_exchange *x, struct api_pass_lines *ret)
{
    struct collecting c = {.lines = ret, .connection = tarn_http_exchange_header(x, "Connection")};

    *ret = (struct api_pass_lines){0};
    return tarn_http_exchange_each_header(x, collect, &c);
}

void api_pass_lines_release(struct api_pass_lines *l)
{
    for (unsigned i = 0; i < l->n; i++) {
        explicit_bzero(l->v[i], strlen(l->v[i]));
        free(l->v[i]);
    }
    l->n = 0;
}
