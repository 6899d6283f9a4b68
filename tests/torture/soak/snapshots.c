/* Reads whole snapshots, one after the other, and believes none of them.
 *
 * In each: the list, the resource's own count and every index agree; what is listed is found by its key and by its index
 * values; every body is walked to its end and says the same name and resourceVersion as the object's header. From one to
 * the next: an object of the same uid never goes back, has the same bytes while it has the same version, and a
 * later version was written later. What was seen counts only if the snapshot is still covered at its close.
 */
#include "soak.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define WRITTEN_AT "metadata.annotations['tarn.dev/written-at-ns']"

/* One object as it was seen. */
struct seen {
    uint64_t key, uid, rv, written, body;
};
struct view {
    struct seen *v;
    size_t n, cap;
};

/* The pass over one snapshot. */
struct pass {
    struct tarn_snapshot *s;
    const char *resource;
    bool copy;
    FILE *out;       /* where the view goes, or NULL */
    char wrong[400]; /* the first thing that does not fit; counts when the snapshot was covered */
    int rc;          /* the first error that a call answered */
};

static void __attribute__((format(printf, 2, 3))) doubt(struct pass *p, const char *format, ...)
{
    va_list args;

    if (p->wrong[0])
        return;
    va_start(args, format);
    (void)vsnprintf(p->wrong, sizeof p->wrong, format, args);
    va_end(args);
}

/* ---- one object -------------------------------------------------------------------------------------------- */

static uint64_t number(struct tarn_bytes text)
{
    uint64_t n = 0;

    for (size_t i = 0; i < text.len && text.data[i] >= '0' && text.data[i] <= '9'; i++)
        n = n * 10 + (uint64_t)(text.data[i] - '0');
    return n;
}

/* Every value below v. */
static int walk(struct tarn_value v, unsigned depth)
{
    struct tarn_bytes key;
    struct tarn_value child;
    int rc;

    if (v.type != TARN_ARRAY && v.type != TARN_MAP)
        return 0;
    if (depth > 64)
        return TARN_E_CORRUPT;
    while ((rc = tarn_value_next(&v, &key, &child)) == 1)
        if ((rc = walk(child, depth + 1)) != 0)
            return rc;
    return rc;
}

static bool says(const struct tarn_object *obj, const char *path, struct tarn_bytes expected)
{
    struct tarn_bytes got;

    return tarn_object_get_string(obj, path, &got) == 0 && tarn_bytes_equal(got, expected);
}

static void check_object(struct pass *p, const struct tarn_object *obj)
{
    struct tarn_bytes key = tarn_object_key(obj);
    struct tarn_value root;
    struct tarn_bytes rv;

    if (tarn_value_parse(tarn_object_body(obj), &root) || walk(root, 0))
        doubt(p, "%s %.*s: the body does not parse", p->resource, TARN_BYTES_ARG(key));
    if (!says(obj, "metadata.name", tarn_object_name(obj)))
        doubt(p, "%s %.*s: the body has another name", p->resource, TARN_BYTES_ARG(key));
    if (tarn_object_namespace(obj).len && !says(obj, "metadata.namespace", tarn_object_namespace(obj)))
        doubt(p, "%s %.*s: the body has another namespace", p->resource, TARN_BYTES_ARG(key));
    if (tarn_object_get_string(obj, "metadata.resourceVersion", &rv) || number(rv) != tarn_object_resource_version(obj))
        doubt(p, "%s %.*s: the body has another resourceVersion", p->resource, TARN_BYTES_ARG(key));
}

/* What is listed is found by its key: the very same version. */
static void check_get(struct pass *p, const struct tarn_object *obj)
{
    struct tarn_bytes key = tarn_object_key(obj);
    const struct tarn_object *got = NULL;
    char text[600];
    int rc;

    (void)snprintf(text, sizeof text, "%.*s", TARN_BYTES_ARG(key));
    rc = tarn_get(p->s, p->resource, text, &got);
    if (rc)
        doubt(p, "%s %s: listed, but get answers %s", p->resource, text, tarn_error_name(rc));
    else if (tarn_object_resource_version(got) != tarn_object_resource_version(obj) || (!p->copy && got != obj))
        doubt(p, "%s %s: get has version %llu, the list %llu", p->resource, text, (unsigned long long)tarn_object_resource_version(got),
              (unsigned long long)tarn_object_resource_version(obj));
}

static void see(struct view *view, const struct tarn_object *obj)
{
    struct tarn_bytes written = {0};

    if (view->n == view->cap) {
        view->cap = view->cap ? view->cap * 2 : 1024;
        view->v = realloc(view->v, view->cap * sizeof *view->v);
        if (!view->v)
            soak_wrong("out of memory");
    }
    (void)tarn_object_get_string(obj, WRITTEN_AT, &written);
    view->v[view->n++] = (struct seen){.key = soak_hash(tarn_object_key(obj)), .uid = soak_hash(tarn_object_uid(obj)),
                                       .rv = tarn_object_resource_version(obj), .written = number(written),
                                       .body = soak_hash(tarn_object_body(obj))};
}

/* ---- indexes --------------------------------------------------------------------------------------------------- */

/* A set of objects, whatever their order. */
struct sum {
    uint64_t n, keys;
};

static void add(struct sum *s, const struct tarn_object *obj)
{
    s->n++;
    s->keys += soak_hash(tarn_object_key(obj));
}

/* An index, and the value that it must hold of an object. */
struct index {
    const char *resource, *name;
    int (*value)(const struct tarn_object *obj, struct tarn_bytes *ret);
};

static int value_namespace(const struct tarn_object *obj, struct tarn_bytes *ret)
{
    *ret = tarn_object_namespace(obj);
    return ret->len ? 0 : TARN_E_NOTFOUND;
}

static int value_node(const struct tarn_object *obj, struct tarn_bytes *ret)
{
    return tarn_object_get_string(obj, "spec.nodeName", ret);
}

static int value_wave(const struct tarn_object *obj, struct tarn_bytes *ret)
{
    return tarn_object_label(obj, TARN_BYTES("tarn.dev/wave"), ret);
}

static const struct index indexes[] = {
    {"pods", "namespace", value_namespace},
    {"pods", "spec.nodeName", value_node},
    {"pods", "label:tarn.dev/wave", value_wave},
    {"services", "namespace", value_namespace},
    {"endpointslices.discovery.k8s.io", "namespace", value_namespace},
};
#define INDEXES (sizeof indexes / sizeof *indexes)

static void walk_value(struct pass *p, const struct index *x, struct tarn_bytes value, struct sum *sum)
{
    const struct tarn_object *obj;
    struct tarn_bytes got;
    struct tarn_iter it;
    char text[600];

    (void)snprintf(text, sizeof text, "%.*s", TARN_BYTES_ARG(value));
    p->rc = tarn_by_index(p->s, p->resource, x->name, text, &it, NULL);
    if (p->rc)
        return;
    while ((obj = tarn_iter_next(&it))) {
        if (x->value(obj, &got) || !tarn_bytes_equal(got, value))
            doubt(p, "%s %.*s: found under %s=%s, which it is not", p->resource, TARN_BYTES_ARG(tarn_object_key(obj)), x->name, text);
        add(sum, obj);
    }
    p->rc = tarn_iter_error(&it);
}

static void check_index(struct pass *p, const struct index *x, const struct sum *listed)
{
    struct tarn_keys values = {0};
    struct sum found = {0};

    p->rc = tarn_list_index_values(p->s, p->resource, x->name, &values, NULL);
    for (size_t i = 0; !p->rc && i < values.n; i++)
        walk_value(p, x, values.v[i], &found);
    tarn_keys_release(&values);
    if (!p->rc && (found.n != listed->n || found.keys != listed->keys))
        doubt(p, "%s by %s: %llu objects, the list has %llu with a value", p->resource, x->name, (unsigned long long)found.n,
              (unsigned long long)listed->n);
}

static void check_indexes(struct pass *p, const struct sum by[INDEXES])
{
    for (size_t i = 0; !p->rc && i < INDEXES; i++)
        if (strcmp(indexes[i].resource, p->resource) == 0)
            check_index(p, &indexes[i], &by[i]);
}

/* ---- a resource, a snapshot --------------------------------------------------------------------------------------- */

static void look_at(struct pass *p, const struct tarn_object *obj, struct sum by[INDEXES], struct view *view)
{
    struct tarn_bytes value;

    check_object(p, obj);
    check_get(p, obj);
    for (size_t i = 0; i < INDEXES; i++)
        if (strcmp(indexes[i].resource, p->resource) == 0 && indexes[i].value(obj, &value) == 0)
            add(&by[i], obj);
    see(view, obj);
    if (p->out)
        (void)fprintf(p->out, "%s %.*s@%llu\n", p->resource, TARN_BYTES_ARG(tarn_object_key(obj)),
                      (unsigned long long)tarn_object_resource_version(obj));
}

static void read_resource(struct pass *p, struct view *view)
{
    struct sum by[INDEXES] = {0};
    const struct tarn_object *obj;
    struct tarn_resource r;
    struct tarn_iter it;

    p->rc = tarn_resource_find(p->s, p->resource, &r, NULL);
    if (!p->rc)
        p->rc = tarn_list(p->s, p->resource, NULL, &it, NULL);
    if (p->rc)
        return;
    while ((obj = tarn_iter_next(&it)))
        look_at(p, obj, by, view);
    p->rc = tarn_iter_error(&it);
    if (!p->rc && view->n != r.objects)
        doubt(p, "%s: %zu listed, %llu counted", p->resource, view->n, (unsigned long long)r.objects);
    if (r.kind.len) /* an agent that has not found the resource yet has no index either */
        check_indexes(p, by);
}

static int by_key(const void *a, const void *b)
{
    const struct seen *x = a, *y = b;

    return x->key < y->key ? -1 : x->key > y->key;
}

static void check_pair(struct pass *p, const struct seen *was, const struct seen *is)
{
    if (was->uid != is->uid)
        return;
    if (is->rv < was->rv)
        doubt(p, "%s: version %llu came after %llu", p->resource, (unsigned long long)is->rv, (unsigned long long)was->rv);
    if (is->rv == was->rv && (is->body != was->body || is->written != was->written))
        doubt(p, "%s: two bodies of version %llu", p->resource, (unsigned long long)is->rv);
    if (is->rv > was->rv && is->written < was->written)
        doubt(p, "%s: version %llu was written before %llu", p->resource, (unsigned long long)is->rv, (unsigned long long)was->rv);
}

/* Both in the order of keys. */
static void compare(struct pass *p, const struct view *before, struct view *now)
{
    size_t i = 0;

    if (now->n) /* an agent that has just begun has no objects, and an empty view no memory */
        qsort(now->v, now->n, sizeof *now->v, by_key);
    for (size_t k = 0; k < now->n; k++) {
        if (k && now->v[k].key == now->v[k - 1].key)
            doubt(p, "%s: a key is listed twice", p->resource);
        while (i < before->n && before->v[i].key < now->v[k].key)
            i++;
        if (i < before->n && before->v[i].key == now->v[k].key)
            check_pair(p, &before->v[i], &now->v[k]);
    }
}

#define RESOURCES 4
struct reader {
    struct tarn_client *c;
    bool copy;
    struct view views[RESOURCES];
    uint64_t commit, generation, snapshots, objects, expired;
    uint32_t attachments; /* before the last snapshot was opened */
};

static uint32_t attachments(struct reader *r)
{
    struct tarn_client_info info;

    if (tarn_client_info(r->c, &info))
        soak_wrong("no information");
    return info.attachments;
}

/* Commits of one generation of one agent never go back. A new agent counts from one again: only while nothing was attached
 * between the opening of the last snapshot and now are both of the same. */
static void check_commit(struct reader *r, struct tarn_snapshot *s, uint32_t before)
{
    uint64_t commit = tarn_snapshot_commit(s), generation = tarn_snapshot_generation(s);
    bool same = attachments(r) == r->attachments && generation == r->generation;

    r->attachments = before;
    if (same && commit < r->commit)
        soak_wrong("commit %llu came after %llu", (unsigned long long)commit, (unsigned long long)r->commit);
    r->commit = commit;
    r->generation = generation;
}

/* What was seen is the new view if the snapshot covered it. */
static void keep(struct reader *r, struct view now[RESOURCES], bool covered)
{
    for (int i = 0; i < RESOURCES; i++) {
        struct view *goes = covered ? &r->views[i] : &now[i];

        free(goes->v);
        if (covered) {
            r->views[i] = now[i];
            r->objects += now[i].n;
        }
    }
}

/* 0, or the snapshot expired. */
static int read_snapshot(struct reader *r, FILE *out)
{
    struct view now[RESOURCES] = {0};
    struct pass p = {.copy = r->copy, .out = out};
    struct tarn_error err = {0};
    uint32_t before = attachments(r);
    int rc = tarn_snapshot_open(r->c, &p.s, &err);

    if (rc)
        soak_wrong("snapshot: %s: %s", tarn_error_name(rc), err.message);
    check_commit(r, p.s, before);
    for (int i = 0; !p.rc && i < RESOURCES; i++) {
        p.resource = soak_resources[i];
        read_resource(&p, &now[i]);
        if (p.rc == TARN_E_RESOURCE) /* a new agent has not found it yet */
            p.rc = 0;
        compare(&p, &r->views[i], &now[i]);
        if (r->views[i].n && !now[i].n) /* the server always has some: an agent that started again hides nothing */
            doubt(&p, "%s: all %zu have gone", p.resource, r->views[i].n);
    }
    rc = tarn_snapshot_close(p.s);
    if (rc && rc != TARN_E_EXPIRED)
        soak_wrong("close: %s", tarn_error_name(rc));
    if (!rc && (p.rc || p.wrong[0]))
        soak_wrong("commit %llu of generation %llu: %s %s", (unsigned long long)r->commit, (unsigned long long)r->generation,
                   p.rc ? tarn_error_name(p.rc) : "", p.wrong);
    if (p.rc && p.rc != TARN_E_EXPIRED) /* whatever the snapshot's end: a corrupt answer is never right */
        soak_wrong("commit %llu: %s", (unsigned long long)r->commit, tarn_error_name(p.rc));
    keep(r, now, rc == 0);
    r->snapshots++;
    r->expired += rc != 0;
    return rc;
}

static void show(struct reader *r)
{
    FILE *f = soak_view_begin();

    if (read_snapshot(r, f) == 0)
        soak_view_end(f);
    else
        (void)fclose(f);
}

int soak_snapshots(bool copy)
{
    struct reader r = {.c = soak_open(copy), .copy = copy};

    (void)printf("ready\n");
    while (!soak_over()) {
        if (soak_view_wanted())
            show(&r);
        else
            (void)read_snapshot(&r, NULL);
        soak_sleep_ms(20);
    }
    (void)printf("%s: %llu snapshots, %llu objects, %llu expired\n", soak_name, (unsigned long long)r.snapshots, (unsigned long long)r.objects,
                 (unsigned long long)r.expired);
    for (int i = 0; i < RESOURCES; i++)
        free(r.views[i].v);
    tarn_client_close(r.c);
    return 0;
}
