/* What the region's tests share: a small writer, objects with self-checking content, a reader in the same process.
 *
 * Object number k lives in namespace "ns<k % 7>" as "obj-<k>". Its content is a version v, an app label, and a set of "tags" (a bit mask,
 * an array of strings under spec.tags); spec.check repeats v, so that a torn read shows.
 */
#ifndef REGION_FIXTURE_H
#define REGION_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tarn/check.h>
#include <tarn/log.h>
#include <tarn/reader.h>
#include <tarn/region_store.h>
#include <tarn/writer.h>

#include "tarn_test.h"

#define FIXTURE_NAMESPACES 7u
#define FIXTURE_APPS 5u /* 0: no label */
#define FIXTURE_TAGS 4u

struct fixture_object {
    unsigned k, v, app, tags;
    unsigned rv; /* 0: no resourceVersion */
    unsigned pad; /* extra bytes */
};

/* A clock that a test moves by hand, and a generator with a seed. */
struct fixture_runtime {
    struct tarn_runtime base;
    uint64_t now_ms, seed;
};

static inline uint64_t fixture_rand(uint64_t *s)
{
    uint64_t x = *s;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return *s = x;
}
static uint64_t fixture_now(struct tarn_runtime *rt)
{
    return ((struct fixture_runtime *)rt)->now_ms;
}
static uint64_t fixture_random(struct tarn_runtime *rt)
{
    return fixture_rand(&((struct fixture_runtime *)rt)->seed);
}
static const struct tarn_runtime_ops fixture_runtime_ops = {.now_ms = fixture_now, .random = fixture_random};

static inline struct fixture_runtime fixture_runtime(uint64_t seed)
{
    return (struct fixture_runtime){.base = {&fixture_runtime_ops}, .now_ms = 1000, .seed = seed * 2654435761u + 1};
}

static inline int fixture_key(char *buf, unsigned k)
{
    return sprintf(buf, "ns%u/obj-%u", k % FIXTURE_NAMESPACES, k);
}
static inline struct tarn_bytes fixture_key_bytes(char *buf, unsigned k)
{
    return (struct tarn_bytes){.data = buf, .len = (size_t)fixture_key(buf, k)};
}

static inline int fixture_json(char *buf, const struct fixture_object *o)
{
    int n = sprintf(buf, "{\"metadata\":{\"name\":\"obj-%u\",\"namespace\":\"ns%u\",\"uid\":\"uid-%u\"", o->k, o->k % FIXTURE_NAMESPACES, o->k);

    if (o->rv)
        n += sprintf(buf + n, ",\"resourceVersion\":\"%u\"", o->rv);
    if (o->app)
        n += sprintf(buf + n, ",\"labels\":{\"app\":\"app-%u\"}", o->app);
    n += sprintf(buf + n, "},\"spec\":{\"v\":%u,\"tags\":[", o->v);
    for (unsigned t = 0, first = 1; t < FIXTURE_TAGS; t++)
        if (o->tags >> t & 1) {
            n += sprintf(buf + n, "%s\"t%u\"", first ? "" : ",", t);
            first = 0;
        }
    n += sprintf(buf + n, "],\"pad\":\"%*s\",\"check\":%u}}", (int)o->pad, "", o->v);
    return n;
}

/* An owned object. */
static inline const struct tarn_object *fixture_make(const struct fixture_object *o)
{
    char *buf = malloc(1024 + o->pad);
    const struct tarn_object *obj = NULL;
    struct tarn_error err;
    int n = fixture_json(buf, o);

    if (tarn_object_from_json((struct tarn_bytes){.data = buf, .len = (size_t)n}, &obj, &err)) {
        fprintf(stderr, "fixture: %s\n", err.message);
        abort();
    }
    free(buf);
    return obj;
}

static inline unsigned fixture_uint(const struct tarn_object *obj, const char *path)
{
    struct tarn_value v;

    return tarn_object_get(obj, path, &v) || v.type != TARN_INT ? 0xffffffffu : (unsigned)v.i;
}

/* spec.tags: each string (the array's values, as an index function). */
static int fixture_tags(void *ctx, const struct tarn_object *obj, struct tarn_index_values *out)
{
    struct tarn_value v, e;
    int rc = tarn_object_get(obj, "spec.tags", &v);

    (void)ctx;
    if (rc)
        return rc == TARN_E_NOTFOUND ? 0 : rc;
    while (!rc && tarn_value_next(&v, NULL, &e) == 1)
        if (e.type == TARN_STRING)
            rc = tarn_index_values_add(out, e.string);
    return rc;
}
static int fixture_app(void *ctx, const struct tarn_object *obj, struct tarn_index_values *out)
{
    struct tarn_bytes app;

    (void)ctx;
    return tarn_object_label(obj, TARN_BYTES("app"), &app) ? 0 : tarn_index_values_add(out, app);
}

enum { FIXTURE_INDEX_APP, FIXTURE_INDEX_TAGS, FIXTURE_INDEX_NAMESPACE };

struct fixture {
    struct fixture_runtime rt;
    struct tarn_writer *w;
    uint16_t id;
    struct tarn_store *store;
    struct tarn_pin_page *page;
    uint32_t client;
};

static inline void fixture_add_resource(struct fixture *f, const char *name, uint16_t *ret_id, struct tarn_store **ret_store)
{
    static const struct tarn_index_func indexes[] = {{"label:app", fixture_app, NULL}, {"spec.tags[*]", fixture_tags, NULL}};
    static const char *const slots[] = {"spec.v"}, *const shorts[] = {"wi"};
    struct tarn_error err = {0};
    int rc = tarn_writer_add_resource(f->w, &(struct tarn_writer_resource){.name = name, .api_version = "test/v1", .kind = "Widget", .singular = "widget",
                                      .namespaced = true, .indexes = indexes, .nindex = 2, .slots = slots, .nslot = 1, .short_names = shorts, .nshort = 1}, ret_id, &err);

    if (!rc)
        rc = tarn_region_store_new(f->w, *ret_id, ret_store, &err);
    if (rc) {
        fprintf(stderr, "fixture: %s\n", err.message);
        abort();
    }
}

static inline void fixture_open_options(struct fixture *f, const struct tarn_writer_options *options)
{
    struct tarn_writer_options o = *options;
    struct tarn_error err = {0};

    memset(f, 0, sizeof *f);
    f->rt = fixture_runtime(7);
    if (!o.rt)
        o.rt = &f->rt.base;
    if (tarn_writer_new(&o, &f->w, &err) || tarn_pin_page_new_private(0, &f->page) || tarn_writer_client_add(f->w, f->page, -1, &f->client)) {
        fprintf(stderr, "fixture: %s\n", err.message);
        abort();
    }
    fixture_add_resource(f, "widgets", &f->id, &f->store);
    if (tarn_writer_commit(f->w, &err))
        abort();
}
static inline void fixture_open(struct fixture *f, uint64_t budget)
{
    fixture_open_options(f, &(struct tarn_writer_options){.budget_bytes = budget, .huge_pages = TARN_HUGE_PAGES_OFF});
}
static inline void fixture_close(struct fixture *f)
{
    tarn_store_free(f->store);
    tarn_writer_client_remove(f->w, f->client);
    tarn_writer_free(f->w);
}

static inline int fixture_put(struct fixture *f, const struct fixture_object *o)
{
    const struct tarn_object *obj = fixture_make(o);
    int rc = tarn_store_add(f->store, obj, NULL);

    tarn_object_unref(obj);
    return rc;
}
static inline int fixture_delete(struct fixture *f, unsigned k)
{
    char buf[64];
    const struct tarn_object *obj;
    int rc = tarn_object_new_explicit_key(fixture_key_bytes(buf, k), &obj);

    if (rc)
        return rc;
    rc = tarn_store_delete(f->store, obj, NULL);
    tarn_object_unref(obj);
    return rc;
}

/* A reader with a pin of its own on f's page. */
static inline void fixture_begin(struct fixture *f, struct tarn_reader *r)
{
    struct tarn_pin_line *line;

    if (tarn_pin_claim(f->page, &line))
        abort();
    tarn_reader_begin(r, tarn_writer_view(f->w), line);
}
static inline void fixture_end(struct fixture *f, struct tarn_reader *r)
{
    struct tarn_pin_line *line = r->line;

    tarn_reader_end(r);
    tarn_pin_release(f->page, line);
}
/* Let everything that nobody needs be collected: quarantines pass, sweeps finish. */
static inline void fixture_settle(struct fixture *f)
{
    for (int i = 0; i < 64; i++) {
        f->rt.now_ms += 2000;
        (void)tarn_writer_collect(f->w);
    }
}

#endif
