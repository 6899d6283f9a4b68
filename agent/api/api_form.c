/* api_form.c - objects as a form wants them.
 *
 * Its one idea: what stands around an object (kind and apiVersion, a Table's columns) is text made once for a writer; the object itself is
 * one map written by core, without the kind and apiVersion it may have brought along, behind that text.
 */
#include "api_form.h"

#include <stdlib.h>

#include "api_fields.h"
#include "api_table.h"

struct api_writer {
    struct api_form form;
    bool custom;             /* of a custom resource: keys in alphabetical order, kind in every item */
    struct tarn_buf kind;    /* `"kind":"Pod","apiVersion":"v1"`, as objects of this resource have it */
    struct tarn_buf list;    /* `"kind":"PodList","apiVersion":"v1"`; of custom resources only the kind */
    struct tarn_buf version; /* `"apiVersion":"v1"` */
    struct tarn_buf columns; /* of a Table: the value of columnDefinitions */
    struct api_table *table;
};

#define BETA(w) ((w)->form.beta ? "beta1" : "")

/* ---- making ------------------------------------------------------------------------------------------ */

/* The kind and apiVersion of the objects, and of lists of them. */
static int heads_make(struct api_writer *w, const struct tarn_resource_info *info)
{
    const char *fmt = w->custom ? "\"apiVersion\":\"%.*s\",\"kind\":\"%.*s\"" : "\"kind\":\"%.*s\",\"apiVersion\":\"%.*s\"";
    struct tarn_bytes first = w->custom ? info->api_version : info->kind, second = w->custom ? info->kind : info->api_version;
    int rc = tarn_buf_addf(&w->kind, fmt, TARN_BYTES_ARG(first), TARN_BYTES_ARG(second));

    if (rc == 0)
        rc = tarn_buf_addf(&w->version, "\"apiVersion\":\"%.*s\"", TARN_BYTES_ARG(info->api_version));
    if (rc || w->form.as == API_AS_TABLE)
        return rc ? rc : tarn_buf_addf(&w->list, "\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/v1%s\"", BETA(w));
    if (w->form.as == API_AS_PARTIAL)
        return tarn_buf_addf(&w->list, "\"kind\":\"PartialObjectMetadataList\",\"apiVersion\":\"meta.k8s.io/v1%s\"", BETA(w));
    rc = tarn_buf_addf(&w->list, "\"kind\":\"%.*sList\"", TARN_BYTES_ARG(info->kind));
    return rc || w->custom ? rc : tarn_buf_addf(&w->list, ",%.*s", TARN_BYTES_ARG(tarn_buf_bytes(&w->version)));
}

int api_definition_find(const struct tarn_reader *r, struct tarn_bytes name, const struct tarn_object **ret)
{
    struct tarn_resource_info definitions;
    int rc = tarn_reader_resource(r, TARN_BYTES("customresourcedefinitions.apiextensions.k8s.io"), &definitions);

    *ret = NULL;
    if (rc == 0)
        rc = tarn_reader_get(r, definitions.store, name, ret);
    return rc == TARN_E_NOTFOUND ? 0 : rc;
}

static int table_make(struct api_writer *w, const struct tarn_reader *r, const struct tarn_resource_info *info)
{
    const char *slash = info->api_version.len ? memchr(info->api_version.data, '/', info->api_version.len) : NULL;
    const char *from = slash ? slash + 1 : info->api_version.data;
    struct tarn_bytes version = {from, (size_t)(info->api_version.data + info->api_version.len - from)};
    const struct tarn_object *definition = NULL;
    int rc = w->custom ? api_definition_find(r, info->name, &definition) : 0;

    if (rc == 0)
        rc = api_table_new(info->name, version, definition, &w->table);
    if (rc == 0)
        rc = tarn_reader_check(r); /* the definition was read whole */
    return rc ? rc : api_table_columns(w->table, &w->columns);
}

int api_writer_new(const struct api_form *form, const struct tarn_reader *r, const struct tarn_resource_info *info, struct api_writer **ret)
{
    const char *slash = info->api_version.len ? memchr(info->api_version.data, '/', info->api_version.len) : NULL;
    struct tarn_bytes group = {info->api_version.data, slash ? (size_t)(slash - info->api_version.data) : 0};
    struct api_writer *w = calloc(1, sizeof *w);
    int rc;

    if (!w)
        return TARN_E_NOMEM;
    w->form = *form;
    w->custom = !api_group_is_built_in(group);
    rc = heads_make(w, info);
    if (rc == 0 && form->as == API_AS_TABLE)
        rc = table_make(w, r, info);
    if (rc) {
        api_writer_free(w);
        return rc;
    }
    *ret = w;
    return 0;
}

void api_writer_free(struct api_writer *w)
{
    if (!w)
        return;
    api_table_free(w->table);
    tarn_buf_release(&w->kind);
    tarn_buf_release(&w->list);
    tarn_buf_release(&w->version);
    tarn_buf_release(&w->columns);
    free(w);
}

const struct api_form *api_writer_form(const struct api_writer *w)
{
    return &w->form;
}

/* ---- one object ------------------------------------------------------------------------------------------ */

static int add(struct tarn_buf *out, const struct tarn_buf *text)
{
    return tarn_buf_add(out, text->data, text->len);
}

static int add_string(struct tarn_bytes s, struct tarn_buf *out)
{
    return tarn_value_to_json(&(struct tarn_value){.type = TARN_STRING, .string = s}, 0, out);
}

/* Is it a key that the head brings? */
static bool is_head_key(struct tarn_bytes key)
{
    return tarn_bytes_equal(key, TARN_BYTES("kind")) || tarn_bytes_equal(key, TARN_BYTES("apiVersion"));
}

/*
 * The map without what it begins with of kind and apiVersion, which is where servers put them. False: they (or one) stand further behind.
 */
static bool behind_head(const struct tarn_object *obj, const struct tarn_value *root, struct tarn_value *ret)
{
    unsigned found = 0;
    struct tarn_value v;

    *ret = *root;
    for (; found < 2 && ret->count; found++) {
        struct tarn_value it = *ret;
        struct tarn_bytes key;

        if (tarn_value_next(&it, &key, &v) != 1 || !is_head_key(key))
            break;
        *ret = it;
    }
    if (found == 2)
        return true;
    return tarn_object_get(obj, "kind", &v) + tarn_object_get(obj, "apiVersion", &v) == (found ? TARN_E_NOTFOUND : 2 * TARN_E_NOTFOUND);
}

/* `,"key":`, without the comma behind { */
static int add_key(struct tarn_bytes key, struct tarn_buf *out)
{
    int rc = out->data[out->len - 1] == '{' ? 0 : tarn_buf_adds(out, ",");

    if (rc == 0)
        rc = add_string(key, out);
    return rc ? rc : tarn_buf_adds(out, ":");
}

/* metadata, with this resourceVersion in place of its own. */
static int add_metadata(struct tarn_value metadata, struct tarn_bytes rv, struct tarn_buf *out)
{
    struct tarn_bytes key;
    struct tarn_value v;
    int rc = tarn_buf_adds(out, "{"), more = 0;

    while (rc == 0 && (more = tarn_value_next(&metadata, &key, &v)) == 1) {
        rc = add_key(key, out);
        if (rc)
            break;
        rc = tarn_bytes_equal(key, TARN_BYTES("resourceVersion")) ? add_string(rv, out) : tarn_value_to_json(&v, 0, out);
    }
    if (rc || more < 0)
        return rc ? rc : more;
    return tarn_buf_adds(out, "}");
}

/* Member by member, for what is not as it comes from a server, or gets another resourceVersion. out ends with { or the head. */
static int add_members(struct tarn_value root, struct tarn_bytes rv, struct tarn_buf *out)
{
    struct tarn_bytes key;
    struct tarn_value v;
    int rc = 0, more = 0;

    while (rc == 0 && (more = tarn_value_next(&root, &key, &v)) == 1) {
        if (is_head_key(key))
            continue;
        rc = add_key(key, out);
        if (rc)
            break;
        rc = rv.len && v.type == TARN_MAP && tarn_bytes_equal(key, TARN_BYTES("metadata")) ? add_metadata(v, rv, out) : tarn_value_to_json(&v, 0, out);
    }
    if (rc || more < 0)
        return rc ? rc : more;
    return tarn_buf_adds(out, "}");
}

/* `{` and the head. */
static int add_head(struct tarn_bytes head, struct tarn_buf *out)
{
    int rc = tarn_buf_adds(out, "{");

    return rc ? rc : tarn_buf_add(out, head.data, head.len);
}

/* The whole object; head: `"kind":...` or empty; rv: empty, or another resourceVersion. */
static int add_whole(const struct tarn_object *obj, struct tarn_bytes head, struct tarn_bytes rv, struct tarn_buf *out)
{
    struct tarn_value root, rest;
    size_t joint;
    int rc;

    if (tarn_value_parse(tarn_object_body(obj), &root) || root.type != TARN_MAP)
        return TARN_E_CORRUPT;
    if (rv.len || !behind_head(obj, &root, &rest)) {
        rc = add_head(head, out);
        return rc ? rc : add_members(root, rv, out);
    }
    if (!head.len)
        return tarn_value_to_json(&rest, 0, out);
    rc = add_head(head, out);
    joint = out->len;
    if (rc || !rest.count)
        return rc ? rc : tarn_buf_adds(out, "}");
    rc = tarn_value_to_json(&rest, 0, out);
    if (rc == 0)
        out->data[joint] = ','; /* in place of its { */
    return rc;
}

static int add_partial(const struct api_writer *w, const struct tarn_object *obj, struct tarn_bytes rv, struct tarn_buf *out)
{
    struct tarn_value metadata;
    int rc = tarn_buf_addf(out, "{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/v1%s\",\"metadata\":", BETA(w));

    if (rc)
        return rc;
    if (tarn_object_get(obj, "metadata", &metadata) || metadata.type != TARN_MAP)
        rc = tarn_buf_adds(out, "{}");
    else if (rv.len)
        rc = add_metadata(metadata, rv, out);
    else
        rc = tarn_value_to_json(&metadata, 0, out);
    return rc ? rc : tarn_buf_adds(out, "}");
}

/* ---- rows of a Table -------------------------------------------------------------------------------------------- */

static int add_row(const struct api_writer *w, const struct tarn_object *obj, struct tarn_bytes rv, int64_t now_s, struct tarn_buf *out)
{
    int rc = api_table_row(w->table, obj, now_s, out);

    if (rc)
        return rc;
    if (w->form.include == API_INCLUDE_NONE)
        rc = tarn_buf_adds(out, "null");
    else if (w->form.include == API_INCLUDE_OBJECT)
        rc = add_whole(obj, tarn_buf_bytes(&w->kind), rv, out);
    else
        rc = add_partial(w, obj, rv, out);
    return rc ? rc : tarn_buf_adds(out, "}");
}

/* One object as a Table of its own. */
static int add_table(const struct api_writer *w, const struct tarn_object *obj, struct tarn_bytes rv, bool columns, int64_t now_s, struct tarn_buf *out)
{
    struct tarn_bytes version = rv.len ? rv : tarn_object_resource_version_text(obj);
    int rc = tarn_buf_addf(out, "{%.*s,\"metadata\":{\"resourceVersion\":", TARN_BYTES_ARG(tarn_buf_bytes(&w->list)));

    if (rc == 0)
        rc = add_string(version, out);
    if (rc == 0)
        rc = tarn_buf_adds(out, "},\"columnDefinitions\":");
    if (rc == 0)
        rc = columns ? add(out, &w->columns) : tarn_buf_adds(out, "null");
    if (rc == 0)
        rc = tarn_buf_adds(out, ",\"rows\":[");
    if (rc == 0)
        rc = add_row(w, obj, rv, now_s, out);
    return rc ? rc : tarn_buf_adds(out, "]}");
}

/* ---- the forms ---------------------------------------------------------------------------------------------------- */

/* On an error out is as it was. */
static int settle(int rc, size_t before, struct tarn_buf *out)
{
    if (rc)
        out->len = before;
    return rc;
}

static int add_one(const struct api_writer *w, const struct tarn_object *obj, struct tarn_bytes rv, bool columns, int64_t now_s, struct tarn_buf *out)
{
    if (w->form.as == API_AS_TABLE)
        return add_table(w, obj, rv, columns, now_s, out);
    if (w->form.as == API_AS_PARTIAL)
        return add_partial(w, obj, rv, out);
    return add_whole(obj, tarn_buf_bytes(&w->kind), rv, out);
}

int api_write_object(const struct api_writer *w, const struct tarn_object *obj, int64_t now_s, struct tarn_buf *out)
{
    size_t before = out->len;

    return settle(add_one(w, obj, (struct tarn_bytes){0}, true, now_s, out), before, out);
}

int api_write_item(const struct api_writer *w, const struct tarn_object *obj, int64_t now_s, struct tarn_buf *out)
{
    struct tarn_bytes none = {0};
    size_t before = out->len;
    int rc;

    if (w->form.as == API_AS_TABLE)
        rc = add_row(w, obj, none, now_s, out);
    else if (w->form.as == API_AS_PARTIAL)
        rc = add_partial(w, obj, none, out);
    else
        rc = add_whole(obj, w->custom ? tarn_buf_bytes(&w->kind) : none, none, out);
    return settle(rc, before, out);
}

/* ---- lists ----------------------------------------------------------------------------------------------------------- */

/* Are the keys of the list in alphabetical order, as those of custom resources are? */
static bool is_sorted(const struct api_writer *w)
{
    return w->custom && w->form.as == API_AS_OBJECT;
}

static int add_list_meta(const struct api_writer *w, const struct api_list_meta *m, struct tarn_buf *out)
{
    bool sorted = is_sorted(w);
    int rc = tarn_buf_adds(out, "\"metadata\":{");

    if (rc == 0 && sorted)
        rc = tarn_buf_addf(out, "\"continue\":\"%.*s\",", TARN_BYTES_ARG(m->cont));
    if (rc == 0 && sorted && m->remaining)
        rc = tarn_buf_addf(out, "\"remainingItemCount\":%llu,", (unsigned long long)m->remaining);
    if (rc == 0)
        rc = tarn_buf_adds(out, "\"resourceVersion\":");
    if (rc == 0)
        rc = add_string(m->resource_version, out);
    if (rc == 0 && !sorted && m->cont.len)
        rc = tarn_buf_addf(out, ",\"continue\":\"%.*s\"", TARN_BYTES_ARG(m->cont));
    if (rc == 0 && !sorted && m->remaining)
        rc = tarn_buf_addf(out, ",\"remainingItemCount\":%llu", (unsigned long long)m->remaining);
    return rc ? rc : tarn_buf_adds(out, "}");
}

static int add_list_head(const struct api_writer *w, const struct api_list_meta *m, struct tarn_buf *out)
{
    int rc;

    if (is_sorted(w))
        return tarn_buf_addf(out, "{%.*s,\"items\":[", TARN_BYTES_ARG(tarn_buf_bytes(&w->version)));
    rc = tarn_buf_addf(out, "{%.*s,", TARN_BYTES_ARG(tarn_buf_bytes(&w->list)));
    if (rc == 0)
        rc = add_list_meta(w, m, out);
    if (rc || w->form.as != API_AS_TABLE)
        return rc ? rc : tarn_buf_adds(out, ",\"items\":[");
    rc = tarn_buf_adds(out, ",\"columnDefinitions\":");
    if (rc == 0)
        rc = add(out, &w->columns);
    return rc ? rc : tarn_buf_adds(out, ",\"rows\":[");
}

int api_write_list_head(const struct api_writer *w, const struct api_list_meta *m, struct tarn_buf *out)
{
    size_t before = out->len;

    return settle(add_list_head(w, m, out), before, out);
}

int api_write_list_tail(const struct api_writer *w, const struct api_list_meta *m, struct tarn_buf *out)
{
    size_t before = out->len;
    int rc;

    if (!is_sorted(w))
        return tarn_buf_adds(out, "]}\n");
    rc = tarn_buf_addf(out, "],%.*s,", TARN_BYTES_ARG(tarn_buf_bytes(&w->list)));
    if (rc == 0)
        rc = add_list_meta(w, m, out);
    return settle(rc ? rc : tarn_buf_adds(out, "}\n"), before, out);
}

/* ---- events ------------------------------------------------------------------------------------------------------------- */

int api_write_event(const struct api_writer *w, const struct api_event *e, int64_t now_s, struct tarn_buf *out)
{
    size_t before = out->len;
    int rc = tarn_buf_addf(out, "{\"type\":\"%s\",\"object\":", e->type);

    if (rc == 0)
        rc = add_one(w, e->obj, e->resource_version, e->first, now_s, out);
    return settle(rc ? rc : tarn_buf_adds(out, "}\n"), before, out);
}

int api_write_bookmark(const struct api_writer *w, struct tarn_bytes resource_version, bool initial_events_end, bool first, struct tarn_buf *out)
{
    const char *mark = initial_events_end ? ",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}" : "";
    struct tarn_buf json = {0};
    const struct tarn_object *obj = NULL;
    int rc = tarn_buf_addf(&json, "{\"metadata\":{\"resourceVersion\":\"%.*s\"%s}}", TARN_BYTES_ARG(resource_version), mark);

    if (rc == 0)
        rc = tarn_object_from_json(tarn_buf_bytes(&json), &obj, NULL);
    if (rc == 0)
        rc = api_write_event(w, &(struct api_event){.type = "BOOKMARK", .obj = obj, .first = first}, 0, out);
    tarn_object_unref(obj);
    tarn_buf_release(&json);
    return rc;
}

int api_write_error(struct tarn_bytes status, struct tarn_buf *out)
{
    return tarn_buf_addf(out, "{\"type\":\"ERROR\",\"object\":%.*s}\n", TARN_BYTES_ARG(status));
}
