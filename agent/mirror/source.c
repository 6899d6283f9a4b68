/* source.c - see source.h. The line: "server=URL\tresource=pods\tlabels=...": names and values, by tabs, all names always there. */
#include "source.h"

#include <stdio.h>
#include <stdlib.h>

#define LIST_MAX 64 /* more than the configuration allows */

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* In order, as the order means nothing, but with `ordered` as it is: slots are numbered. */
static int add_list(struct tarn_buf *out, const char *name, const struct tarn_string_list *list, bool ordered)
{
    const char *sorted[LIST_MAX];
    unsigned n = list->n < LIST_MAX ? list->n : LIST_MAX;
    int rc = tarn_buf_addf(out, "\t%s=", name);

    if (n)
        memcpy(sorted, list->v, n * sizeof *sorted);
    if (!ordered)
        qsort(sorted, n, sizeof *sorted, compare);
    for (unsigned i = 0; !rc && i < n; i++)
        rc = tarn_buf_addf(out, "%s%s", i ? "," : "", sorted[i]);
    return rc;
}

int tarn_source_line(const struct tarn_config_resource *r, const char *url, struct tarn_buf *out)
{
    int rc;

    tarn_buf_clear(out);
    rc = tarn_buf_addf(out, "server=%s\tresource=%s\tapiVersion=%s\tmetadataOnly=%d", url, r->name, r->api_version ? r->api_version : "", r->metadata_only);
    if (!rc)
        rc = add_list(out, "namespaces", &r->namespaces, false);
    if (!rc)
        rc = tarn_buf_addf(out, "\tlabels=%s\tfields=%s", r->label_selector ? r->label_selector : "", r->field_selector ? r->field_selector : "");
    if (!rc)
        rc = add_list(out, "drop", &r->drop, false);
    if (!rc)
        rc = add_list(out, "keep", &r->keep, false);
    if (!rc)
        rc = add_list(out, "slots", &r->slots, true);
    if (!rc)
        rc = tarn_buf_add(out, "", 1);
    out->len -= rc == 0;
    return rc;
}

/* The next "name=value" of *rest. */
static struct tarn_bytes take_field(struct tarn_bytes *rest)
{
    const char *tab = rest->len ? memchr(rest->data, '\t', rest->len) : NULL;
    struct tarn_bytes f = {.data = rest->data, .len = tab ? (size_t)(tab - rest->data) : rest->len};
    size_t skip = f.len + (tab != NULL);

    *rest = (struct tarn_bytes){.data = rest->data + skip, .len = rest->len - skip};
    return f;
}

const char *tarn_source_difference(struct tarn_bytes a, struct tarn_bytes b, char *buf, size_t size)
{
    size_t n = 0;

    buf[0] = '\0';
    while (a.len || b.len) {
        struct tarn_bytes x = take_field(&a), y = take_field(&b), name = y.len ? y : x;
        const char *eq = name.len ? memchr(name.data, '=', name.len) : NULL;

        if (tarn_bytes_equal(x, y) || n >= size)
            continue;
        n += (size_t)snprintf(buf + n, size - n, "%s%.*s", n ? ", " : "", eq ? (int)(eq - name.data) : (int)name.len, name.data);
    }
    return buf;
}
