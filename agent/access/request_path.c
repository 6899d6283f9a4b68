/* request_path.c - paths and queries of list and watch requests. */
#include "list_watch_http.h"

#include <stdio.h>

static bool is_unreserved(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("-._~", c));
}

int tarn_percent_encode(struct tarn_buf *out, struct tarn_bytes text)
{
    int rc = 0;

    for (size_t i = 0; !rc && i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];

        rc = is_unreserved(c) ? tarn_buf_add(out, &c, 1) : tarn_buf_addf(out, "%%%02X", c);
    }
    return rc;
}

/* "/" and an encoded segment. */
static int add_segment(struct tarn_buf *out, struct tarn_bytes text)
{
    int rc = tarn_buf_adds(out, "/");

    return rc ? rc : tarn_percent_encode(out, text);
}

static int add_group(struct tarn_buf *out, const char *api_version)
{
    const char *slash = strchr(api_version, '/');
    int rc = tarn_buf_adds(out, slash ? "/apis" : "/api");

    if (!rc && slash)
        rc = add_segment(out, (struct tarn_bytes){.data = api_version, .len = (size_t)(slash - api_version)});
    return rc ? rc : add_segment(out, tarn_bytes_of(slash ? slash + 1 : api_version));
}

int tarn_resource_path(struct tarn_buf *out, const char *api_version, const char *namespace, const char *plural)
{
    int rc = add_group(out, api_version);

    if (!rc && namespace && *namespace) {
        rc = tarn_buf_adds(out, "/namespaces");
        if (!rc)
            rc = add_segment(out, tarn_bytes_of(namespace));
    }
    return rc ? rc : add_segment(out, tarn_bytes_of(plural));
}

/* "?name=value" or "&name=value"; an empty value is left out. */
static int add_pair(struct tarn_buf *out, const char *name, struct tarn_bytes value)
{
    int rc;

    if (!value.len)
        return 0;
    rc = tarn_buf_addf(out, "%c%s=", memchr(out->data, '?', out->len) ? '&' : '?', name);
    return rc ? rc : tarn_percent_encode(out, value);
}

static int add_number(struct tarn_buf *out, const char *name, uint32_t value)
{
    char text[16];

    if (!value)
        return 0;
    (void)snprintf(text, sizeof text, "%u", value);
    return add_pair(out, name, tarn_bytes_of(text));
}

int tarn_list_query(struct tarn_buf *out, const struct tarn_list_options *o)
{
    int rc = add_number(out, "limit", o->limit);

    if (!rc)
        rc = add_pair(out, "continue", o->cont);
    if (!rc)
        rc = add_pair(out, "resourceVersion", o->resource_version);
    if (!rc)
        rc = add_pair(out, "resourceVersionMatch", o->resource_version_match);
    if (!rc)
        rc = add_pair(out, "labelSelector", o->label_selector);
    return rc ? rc : add_pair(out, "fieldSelector", o->field_selector);
}

int tarn_watch_query(struct tarn_buf *out, const struct tarn_watch_options *o)
{
    int rc = add_pair(out, "watch", TARN_BYTES("true"));

    if (!rc && o->allow_bookmarks)
        rc = add_pair(out, "allowWatchBookmarks", TARN_BYTES("true"));
    if (!rc && o->send_initial_events)
        rc = add_pair(out, "sendInitialEvents", TARN_BYTES("true"));
    if (!rc)
        rc = add_pair(out, "resourceVersion", o->resource_version);
    if (!rc)
        rc = add_pair(out, "resourceVersionMatch", o->resource_version_match);
    if (!rc)
        rc = add_number(out, "timeoutSeconds", o->timeout_s);
    if (!rc)
        rc = add_pair(out, "labelSelector", o->label_selector);
    return rc ? rc : add_pair(out, "fieldSelector", o->field_selector);
}
