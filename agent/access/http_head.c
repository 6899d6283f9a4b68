/* http_head.c - the head of an answer, line by line as libcurl has it. */
#include "http_internal.h"

#include <stdio.h>

#define RETRY_AFTER_MS_MAX 3600000u

/* "Name: value" */
static bool split_header(struct tarn_bytes line, struct tarn_bytes *ret_name, struct tarn_bytes *ret_value)
{
    const char *colon = line.len ? memchr(line.data, ':', line.len) : NULL;
    size_t n = colon ? (size_t)(colon - line.data) : 0;

    if (!n)
        return false;
    *ret_name = (struct tarn_bytes){.data = line.data, .len = n};
    for (n++; n < line.len && (line.data[n] == ' ' || line.data[n] == '\t'); n++)
        ;
    *ret_value = (struct tarn_bytes){.data = line.data + n, .len = line.len - n};
    return true;
}

static bool is_named(struct tarn_bytes header, const char *name)
{
    return header.len == strlen(name) && strncasecmp(header.data, name, header.len) == 0;
}

uint32_t tarn_http_retry_after_ms(struct tarn_bytes value)
{
    uint64_t s = 0;

    if (!value.len)
        return 0;
    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] < '0' || value.data[i] > '9')
            return 0;
        s = s * 10 + (uint64_t)(value.data[i] - '0');
        if (s > RETRY_AFTER_MS_MAX / 1000)
            return RETRY_AFTER_MS_MAX;
    }
    return (uint32_t)s * 1000;
}

static int head_complete(struct tarn_http_transfer *t)
{
    long status = 0;

    (void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status < 200)
        return 0; /* an interim answer; the real one follows */
    t->head_done = true;
    t->head.status = (int)status;
    t->head.content_type = tarn_bytes_of(t->content_type);
    if (status == 401 && tarn_credentials_refused(t->http->credentials, t->generation) && !t->retried && !t->cancelled) {
        t->again = true;
        http_mark(t, TARN_HTTP_GIVEN_UP);
        return -1;
    }
    return t->cancelled ? -1 : t->request.sink->on_head(t->request.ctx, &t->head);
}

static int header_came(struct tarn_http_transfer *t, struct tarn_bytes name, struct tarn_bytes value)
{
    if (is_named(name, "Content-Type"))
        (void)snprintf(t->content_type, sizeof t->content_type, "%.*s", TARN_BYTES_ARG(value));
    else if (is_named(name, "Retry-After"))
        t->head.retry_after_ms = tarn_http_retry_after_ms(value);
    return t->request.sink->on_header && !t->interim && !t->cancelled ? t->request.sink->on_header(t->request.ctx, name, value) : 0;
}

/* One line of a head: "HTTP/1.1 200 OK", a header, or the empty one that ends it. */
static int line_came(struct tarn_http_transfer *t, struct tarn_bytes line)
{
    struct tarn_bytes name, value;

    if (line.len > 5 && memcmp(line.data, "HTTP/", 5) == 0) {
        const char *space = memchr(line.data, ' ', line.len);

        t->interim = space && space + 1 < line.data + line.len && space[1] == '1';
        return 0;
    }
    if (!line.len)
        return head_complete(t);
    return split_header(line, &name, &value) ? header_came(t, name, value) : 0;
}

size_t http_on_header(char *data, size_t one, size_t n, void *ctx)
{
    struct tarn_http_transfer *t = ctx;
    struct tarn_bytes line = {.data = data, .len = n};

    (void)one;
    if (t->head_done)
        return n; /* trailers */
    t->progress_ms = uv_now(t->http->loop);
    while (line.len && strchr("\r\n", line.data[line.len - 1]))
        line.len--;
    t->code = line_came(t, line);
    if (t->code && !t->cancelled)
        http_mark(t, TARN_HTTP_GIVEN_UP);
    return t->code ? 0 : n;
}
