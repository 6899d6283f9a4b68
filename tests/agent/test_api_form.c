/* How objects are written: whole, metadata only, as rows; by themselves, as items of lists and in events; objects of real lists, in a region. */
#include "tarn_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tarn/region_store.h>
#include <tarn/writer.h>

#include "api_form.h"
#include "api_indent.h"
#include "fault.h"

/* A region with one resource that holds a list that a real server gave. */
struct world {
    struct tarn_writer *w;
    struct tarn_store *store;
    struct tarn_reader r;
    struct tarn_resource_info info;
    const struct tarn_object *list; /* as it was answered */
    struct tarn_value items;
};

static const struct tarn_object *file_read(const char *name)
{
    char path[256], piece[65536];
    const struct tarn_object *obj = NULL;
    struct tarn_buf text = {0};
    FILE *f;
    size_t n;

    (void)snprintf(path, sizeof path, "%s/protocol/%s", TARN_TEST_DATA, name);
    f = fopen(path, "rb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    while ((n = fread(piece, 1, sizeof piece, f)) > 0)
        CU_ASSERT_EQUAL_FATAL(tarn_buf_add(&text, piece, n), 0);
    (void)fclose(f);
    CU_ASSERT_EQUAL_FATAL(tarn_object_from_json(tarn_buf_bytes(&text), &obj, NULL), 0);
    tarn_buf_release(&text);
    return obj;
}

/* An item as the agent stores it; head: what a watch's event has in front. */
static const struct tarn_object *item_object(const struct tarn_value *item, const char *head)
{
    const struct tarn_object *obj = NULL;
    struct tarn_buf json = {0};

    CU_ASSERT_EQUAL_FATAL(tarn_value_to_json(item, 0, &json), 0);
    if (head) {
        struct tarn_buf with = {0};

        CU_ASSERT_EQUAL_FATAL(tarn_buf_addf(&with, "{%s,%.*s", head, (int)json.len - 1, json.data + 1), 0);
        tarn_buf_release(&json);
        json = with;
    }
    CU_ASSERT_EQUAL_FATAL(tarn_object_from_json(tarn_buf_bytes(&json), &obj, NULL), 0);
    tarn_buf_release(&json);
    return obj;
}

static void open_world(struct world *x, const char *file, const struct tarn_writer_resource *resource, const char *head)
{
    struct tarn_value it, item;
    uint16_t id;

    *x = (struct world){.list = file_read(file)};
    CU_ASSERT_EQUAL_FATAL(tarn_writer_new(&(struct tarn_writer_options){.budget_bytes = 16u << 20, .huge_pages = TARN_HUGE_PAGES_OFF}, &x->w, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_writer_add_resource(x->w, resource, &id, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_region_store_new(x->w, id, &x->store, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_object_get(x->list, "items", &x->items), 0);
    it = x->items;
    while (tarn_value_next(&it, NULL, &item) == 1) {
        const struct tarn_object *obj = item_object(&item, head);

        CU_ASSERT_EQUAL_FATAL(tarn_store_add(x->store, obj, NULL), 0);
        tarn_object_unref(obj);
    }
    CU_ASSERT_EQUAL_FATAL(tarn_writer_commit(x->w, NULL), 0);
    tarn_reader_begin(&x->r, tarn_writer_view(x->w), NULL);
    CU_ASSERT_EQUAL_FATAL(tarn_reader_resource(&x->r, tarn_bytes_of(resource->name), &x->info), 0);
}

static void close_world(struct world *x)
{
    tarn_reader_end(&x->r);
    tarn_store_free(x->store);
    tarn_writer_free(x->w);
    tarn_object_unref(x->list);
}

static const struct tarn_writer_resource pods = {.name = "pods", .api_version = "v1", .kind = "Pod", .namespaced = true};
static const struct tarn_writer_resource widgets = {.name = "widgets.lab.example.com", .api_version = "lab.example.com/v1", .kind = "Widget", .namespaced = true};

static struct api_writer *writer(const struct world *x, struct api_form form)
{
    struct api_writer *w = NULL;

    CU_ASSERT_EQUAL_FATAL(api_writer_new(&form, &x->r, &x->info, &w), 0);
    return w;
}

/* The object of an item of the original list. */
static const struct tarn_object *stored(const struct world *x, const struct tarn_value *item)
{
    const struct tarn_object *obj = NULL;
    struct tarn_value ns, name;
    char key[300];

    CU_ASSERT_EQUAL_FATAL(tarn_value_get(item, "metadata.namespace", &ns), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_value_get(item, "metadata.name", &name), 0);
    (void)snprintf(key, sizeof key, "%.*s/%.*s", TARN_BYTES_ARG(ns.string), TARN_BYTES_ARG(name.string));
    CU_ASSERT_EQUAL_FATAL(tarn_reader_get(&x->r, x->info.store, tarn_bytes_of(key), &obj), 0);
    return obj;
}

/* The whole list again, from the region. */
static void write_list(const struct world *x, const struct api_writer *w, const struct api_list_meta *m, struct tarn_buf *out)
{
    struct tarn_value it = x->items, item;
    bool any = false;

    CU_ASSERT_EQUAL_FATAL(api_write_list_head(w, m, out), 0);
    while (tarn_value_next(&it, NULL, &item) == 1) {
        if (any)
            CU_ASSERT_EQUAL_FATAL(tarn_buf_adds(out, ","), 0);
        any = true;
        CU_ASSERT_EQUAL_FATAL(api_write_item(w, stored(x, &item), 1800000000, out), 0);
    }
    CU_ASSERT_EQUAL_FATAL(api_write_list_tail(w, m, out), 0);
}

/* ---- lists ---------------------------------------------------------------------------------------------- */

/* Read again, it is the very list that the server gave. */
static void list_comes_out_as_it_went_in(const char *file, const struct tarn_writer_resource *resource, const char *head, const char *begin)
{
    struct api_list_meta m = {0};
    const struct tarn_object *again = NULL;
    struct tarn_buf text = {0};
    struct tarn_value rv;
    struct api_writer *w;
    struct world x;

    open_world(&x, file, resource, head);
    w = writer(&x, (struct api_form){0});
    CU_ASSERT_EQUAL_FATAL(tarn_object_get(x.list, "metadata.resourceVersion", &rv), 0);
    m.resource_version = rv.string;
    write_list(&x, w, &m, &text);
    CU_ASSERT(text.len > strlen(begin) && memcmp(text.data, begin, strlen(begin)) == 0);
    CU_ASSERT_EQUAL(text.data[text.len - 1], '\n');
    CU_ASSERT_EQUAL_FATAL(tarn_object_from_json(tarn_buf_bytes(&text), &again, NULL), 0);
    CU_ASSERT(tarn_bytes_equal(tarn_object_body(again), tarn_object_body(x.list)));
    tarn_object_unref(again);
    tarn_buf_release(&text);
    api_writer_free(w);
    close_world(&x);
}

static void lists_come_out_as_the_server_gave_them(void)
{
    list_comes_out_as_it_went_in("pods.json", &pods, NULL, "{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":");
    list_comes_out_as_it_went_in("widgets.json", &widgets, NULL, "{\"apiVersion\":\"lab.example.com/v1\",\"items\":[{\"apiVersion\":\"lab.example.com/v1\",\"kind\":\"Widget\",");
}

static void items_lose_the_kind_that_a_watch_gave_them(void)
{
    list_comes_out_as_it_went_in("pods.json", &pods, "\"kind\":\"Pod\",\"apiVersion\":\"v1\"", "{\"kind\":\"PodList\",\"apiVersion\":\"v1\",");
}

static void list_metadata_is_as_the_server_writes_it(void)
{
    struct api_list_meta m = {.resource_version = TARN_BYTES("213"), .cont = TARN_BYTES("abc"), .remaining = 3};
    struct tarn_buf text = {0};
    struct api_writer *w;
    struct world x;

    open_world(&x, "pods.json", &pods, NULL);
    w = writer(&x, (struct api_form){0});
    CU_ASSERT_EQUAL(api_write_list_head(w, &m, &text), 0);
    CU_ASSERT_EQUAL(api_write_list_tail(w, &m, &text), 0);
    CU_ASSERT(tarn_bytes_equal(tarn_buf_bytes(&text), TARN_BYTES("{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"213\",\"continue\":\"abc\","
                                                                 "\"remainingItemCount\":3},\"items\":[]}\n")));
    api_writer_free(w);
    close_world(&x);
    tarn_buf_clear(&text);
    open_world(&x, "widgets.json", &widgets, NULL);
    w = writer(&x, (struct api_form){0});
    m.cont = (struct tarn_bytes){0};
    m.remaining = 0;
    CU_ASSERT_EQUAL(api_write_list_head(w, &m, &text), 0);
    CU_ASSERT_EQUAL(api_write_list_tail(w, &m, &text), 0);
    CU_ASSERT(tarn_bytes_equal(tarn_buf_bytes(&text), TARN_BYTES("{\"apiVersion\":\"lab.example.com/v1\",\"items\":[],\"kind\":\"WidgetList\",\"metadata\":{\"continue\":\"\","
                                                                 "\"resourceVersion\":\"213\"}}\n")));
    api_writer_free(w);
    close_world(&x);
    tarn_buf_release(&text);
}

/* ---- objects and events --------------------------------------------------------------------------------------- */

static void an_object_by_itself_has_kind_and_version_in_front(void)
{
    static const char *const heads[] = {NULL, "\"kind\":\"Pod\",\"apiVersion\":\"v1\"", "\"apiVersion\":\"v1\",\"kind\":\"Pod\"", "\"kind\":\"Pod\""};
    struct tarn_buf first = {0};

    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        struct tarn_value it, item;
        struct tarn_buf text = {0};
        struct api_writer *w;
        struct world x;

        open_world(&x, "pods.json", &pods, heads[i]);
        w = writer(&x, (struct api_form){0});
        it = x.items;
        CU_ASSERT_EQUAL_FATAL(tarn_value_next(&it, NULL, &item), 1);
        CU_ASSERT_EQUAL(api_write_object(w, stored(&x, &item), 0, &text), 0);
        CU_ASSERT(text.len > 40 && memcmp(text.data, "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":", 48) == 0);
        if (i == 0)
            CU_ASSERT_EQUAL(tarn_buf_add(&first, text.data, text.len), 0);
        CU_ASSERT(tarn_bytes_equal(tarn_buf_bytes(&text), tarn_buf_bytes(&first)));
        tarn_buf_release(&text);
        api_writer_free(w);
        close_world(&x);
    }
    tarn_buf_release(&first);
}

static const struct tarn_object *make(const char *json)
{
    const struct tarn_object *obj = NULL;

    CU_ASSERT_EQUAL_FATAL(tarn_object_from_json(tarn_bytes_of(json), &obj, NULL), 0);
    return obj;
}

static void expect_event(const struct world *x, struct api_form form, struct api_event e, const char *json, const char *expected)
{
    const struct tarn_object *obj = make(json);
    struct api_writer *w = writer(x, form);
    struct tarn_buf out = {0};

    e.obj = obj;
    CU_ASSERT_EQUAL(api_write_event(w, &e, 1800000000, &out), 0);
    if (!tarn_bytes_equal(tarn_buf_bytes(&out), tarn_bytes_of(expected)))
        (void)fprintf(stderr, "%.*s%s", TARN_BYTES_ARG(tarn_buf_bytes(&out)), expected);
    CU_ASSERT(tarn_bytes_equal(tarn_buf_bytes(&out), tarn_bytes_of(expected)));
    tarn_buf_release(&out);
    api_writer_free(w);
    tarn_object_unref(obj);
}

static void events_show_objects_in_every_form(void)
{
    static const char json[] = "{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"5\",\"labels\":{\"x\":\"y\"}},\"spec\":{\"nodeName\":\"n\"}}";
    static const char late[] = "{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"5\"},\"kind\":\"Other\",\"spec\":{}}";
    struct api_form whole = {0}, partial = {.as = API_AS_PARTIAL}, beta = {.as = API_AS_PARTIAL, .beta = true};
    struct world x;

    open_world(&x, "pods.json", &pods, NULL);
    expect_event(&x, whole, (struct api_event){.type = "ADDED"}, json,
                 "{\"type\":\"ADDED\",\"object\":{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"5\",\"labels\":{\"x\":\"y\"}},"
                 "\"spec\":{\"nodeName\":\"n\"}}}\n");
    expect_event(&x, whole, (struct api_event){.type = "DELETED", .resource_version = TARN_BYTES("9")}, json,
                 "{\"type\":\"DELETED\",\"object\":{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"9\",\"labels\":{\"x\":\"y\"}},"
                 "\"spec\":{\"nodeName\":\"n\"}}}\n");
    expect_event(&x, whole, (struct api_event){.type = "ADDED"}, late,
                 "{\"type\":\"ADDED\",\"object\":{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"5\"},\"spec\":{}}}\n");
    expect_event(&x, partial, (struct api_event){.type = "MODIFIED"}, json,
                 "{\"type\":\"MODIFIED\",\"object\":{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":{\"name\":\"a\","
                 "\"resourceVersion\":\"5\",\"labels\":{\"x\":\"y\"}}}}\n");
    expect_event(&x, beta, (struct api_event){.type = "DELETED", .resource_version = TARN_BYTES("9")}, json,
                 "{\"type\":\"DELETED\",\"object\":{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/v1beta1\",\"metadata\":{\"name\":\"a\","
                 "\"resourceVersion\":\"9\",\"labels\":{\"x\":\"y\"}}}}\n");
    expect_event(&x, whole, (struct api_event){.type = "ADDED"}, "{}", "{\"type\":\"ADDED\",\"object\":{\"kind\":\"Pod\",\"apiVersion\":\"v1\"}}\n");
    close_world(&x);
}

static void a_table_has_columns_in_the_first_event_only(void)
{
    static const char json[] = "{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"5\"},\"spec\":{}}";
    const struct tarn_object *obj = make(json);
    struct tarn_buf first = {0}, next = {0};
    const struct tarn_object *read = NULL;
    struct api_writer *w;
    struct tarn_value v;
    struct world x;

    open_world(&x, "pods.json", &pods, NULL);
    w = writer(&x, (struct api_form){.as = API_AS_TABLE, .include = API_INCLUDE_OBJECT});
    CU_ASSERT_EQUAL(api_write_event(w, &(struct api_event){.type = "ADDED", .obj = obj, .first = true}, 1800000000, &first), 0);
    CU_ASSERT_EQUAL(api_write_event(w, &(struct api_event){.type = "ADDED", .obj = obj}, 1800000000, &next), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_object_from_json(tarn_buf_bytes(&first), &read, NULL), 0);
    CU_ASSERT(tarn_object_get(read, "object.columnDefinitions[0].name", &v) == 0 && tarn_bytes_equal(v.string, TARN_BYTES("Name")));
    CU_ASSERT(tarn_object_get(read, "object.metadata.resourceVersion", &v) == 0 && tarn_bytes_equal(v.string, TARN_BYTES("5")));
    CU_ASSERT(tarn_object_get(read, "object.rows[0].cells[0]", &v) == 0 && tarn_bytes_equal(v.string, TARN_BYTES("a")));
    CU_ASSERT(tarn_object_get(read, "object.rows[0].object.kind", &v) == 0 && tarn_bytes_equal(v.string, TARN_BYTES("Pod")));
    tarn_object_unref(read);
    CU_ASSERT_EQUAL_FATAL(tarn_object_from_json(tarn_buf_bytes(&next), &read, NULL), 0);
    CU_ASSERT(tarn_object_get(read, "object.columnDefinitions", &v) == 0 && v.type == TARN_NIL);
    tarn_object_unref(read);
    api_writer_free(w);
    close_world(&x);
    tarn_object_unref(obj);
    tarn_buf_release(&first);
    tarn_buf_release(&next);
}

static void bookmarks_hold_nothing_but_a_version(void)
{
    struct tarn_buf out = {0};
    struct api_writer *w;
    struct world x;

    open_world(&x, "pods.json", &pods, NULL);
    w = writer(&x, (struct api_form){0});
    CU_ASSERT_EQUAL(api_write_bookmark(w, TARN_BYTES("315"), false, false, &out), 0);
    CU_ASSERT(tarn_bytes_equal(tarn_buf_bytes(&out),
                               TARN_BYTES("{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"315\"}}}\n")));
    tarn_buf_clear(&out);
    CU_ASSERT_EQUAL(api_write_bookmark(w, TARN_BYTES("332"), true, false, &out), 0);
    CU_ASSERT(tarn_bytes_equal(tarn_buf_bytes(&out),
                               TARN_BYTES("{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"332\","
                                          "\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}}}}\n")));
    tarn_buf_clear(&out);
    CU_ASSERT_EQUAL(api_write_error(TARN_BYTES("{\"kind\":\"Status\"}"), &out), 0);
    CU_ASSERT(tarn_bytes_equal(tarn_buf_bytes(&out), TARN_BYTES("{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\"}}\n")));
    api_writer_free(w);
    close_world(&x);
    tarn_buf_release(&out);
}

/* ---- tables -------------------------------------------------------------------------------------------------------- */

static void a_table_list_has_a_row_for_each_object(void)
{
    struct api_list_meta m = {.resource_version = TARN_BYTES("293")};
    const struct tarn_object *table = NULL;
    struct tarn_buf text = {0};
    struct tarn_value v;
    struct api_writer *w;
    struct world x;

    open_world(&x, "pods.json", &pods, NULL);
    w = writer(&x, (struct api_form){.as = API_AS_TABLE});
    write_list(&x, w, &m, &text);
    CU_ASSERT_EQUAL_FATAL(tarn_object_from_json(tarn_buf_bytes(&text), &table, NULL), 0);
    CU_ASSERT(tarn_object_get(table, "kind", &v) == 0 && tarn_bytes_equal(v.string, TARN_BYTES("Table")));
    CU_ASSERT(tarn_object_get(table, "rows", &v) == 0 && v.count == x.items.count);
    CU_ASSERT(tarn_object_get(table, "rows[0].object.kind", &v) == 0 && tarn_bytes_equal(v.string, TARN_BYTES("PartialObjectMetadata")));
    CU_ASSERT(tarn_object_get(table, "columnDefinitions[1].name", &v) == 0 && tarn_bytes_equal(v.string, TARN_BYTES("Ready")));
    tarn_object_unref(table);
    api_writer_free(w);
    close_world(&x);
    tarn_buf_release(&text);
}

/* ---- people ---------------------------------------------------------------------------------------------------------- */

static void indented_in_any_pieces_it_is_the_same(void)
{
    static const char compact[] = "{\"a\":[],\"b\":{},\"c\":[1,{\"d\":\"x{\\\"[,:\\\\\"},null],\"e\":{\"f\":true}}\n";
    static const char indented[] = "{\n  \"a\": [],\n  \"b\": {},\n  \"c\": [\n    1,\n    {\n      \"d\": \"x{\\\"[,:\\\\\"\n    },\n    null\n  ],\n  \"e\": {\n    \"f\": true\n  }\n}";

    for (size_t size = 1; size <= sizeof compact; size++) {
        struct api_indent state = {0};
        struct tarn_buf out = {0};

        for (size_t at = 0; at < sizeof compact - 1; at += size) {
            size_t n = sizeof compact - 1 - at < size ? sizeof compact - 1 - at : size;

            CU_ASSERT_EQUAL(api_indent_add(&state, (struct tarn_bytes){compact + at, n}, &out), 0);
        }
        CU_ASSERT(tarn_bytes_equal(tarn_buf_bytes(&out), TARN_BYTES(indented)));
        tarn_buf_release(&out);
    }
}

/* ---- failures ---------------------------------------------------------------------------------------------------------- */

static void no_memory_leaves_the_text_as_it_was(void)
{
    static const struct api_form forms[] = {{0}, {.as = API_AS_PARTIAL}, {.as = API_AS_TABLE, .include = API_INCLUDE_OBJECT}};
    const struct tarn_object *obj = make("{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"5\"},\"spec\":{\"x\":[1,2]}}");
    struct world x;

    open_world(&x, "pods.json", &pods, NULL);
    for (size_t f = 0; f < sizeof forms / sizeof *forms; f++) {
        bool reached = true;

        for (long n = 0; reached; n++) {
            struct api_event e = {.type = "DELETED", .obj = obj, .resource_version = TARN_BYTES("7"), .first = true};
            struct api_writer *w = NULL;
            struct tarn_buf out = {0};
            int rc;

            tarn_fault_arm(n);
            rc = api_writer_new(&forms[f], &x.r, &x.info, &w);
            if (rc == 0)
                rc = api_write_event(w, &e, 0, &out);
            reached = tarn_fault_disarm();
            CU_ASSERT_EQUAL(rc, reached ? TARN_E_NOMEM : 0);
            CU_ASSERT_EQUAL(out.len > 0, !reached);
            tarn_buf_release(&out);
            api_writer_free(w);
        }
    }
    close_world(&x);
    tarn_object_unref(obj);
}

TARN_TEST_MAIN("api_form", TARN_TEST(lists_come_out_as_the_server_gave_them),
               TARN_TEST(items_lose_the_kind_that_a_watch_gave_them),
               TARN_TEST(list_metadata_is_as_the_server_writes_it),
               TARN_TEST(an_object_by_itself_has_kind_and_version_in_front),
               TARN_TEST(events_show_objects_in_every_form),
               TARN_TEST(a_table_has_columns_in_the_first_event_only),
               TARN_TEST(bookmarks_hold_nothing_but_a_version),
               TARN_TEST(a_table_list_has_a_row_for_each_object),
               TARN_TEST(indented_in_any_pieces_it_is_the_same),
               TARN_TEST(no_memory_leaves_the_text_as_it_was))
