/* A consumer of events that trusts only them: its own map, from nothing but adds, updates and deletes, must fit every event.
 *
 * An add is of what is not there, an update of what is there with the version delivered last, a delete of what is there.
 * At the end the map must equal the server's list, so a lost event shows, however it was lost.
 */
#include "soak.h"

#include <poll.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

struct held {
    char *key;
    uint64_t rv, uid;
};
struct map {
    const char *resource;
    void *root;
    uint64_t n;
};

static int by_key(const void *a, const void *b)
{
    const struct held *x = a, *y = b;

    return strcmp(x->key, y->key);
}

static void free_entry(void *p)
{
    struct held *e = p;

    free(e->key);
    free(e);
}

static struct held *find(struct map *m, const struct tarn_object *obj, void **ret_node)
{
    struct tarn_bytes key = tarn_object_key(obj);
    char text[600];
    struct held wanted = {.key = text};
    void *node;

    (void)snprintf(text, sizeof text, "%.*s", TARN_BYTES_ARG(key));
    node = tfind(&wanted, &m->root, by_key);
    *ret_node = node;
    return node ? *(struct held **)node : NULL;
}

static int on_add(void *ctx, const struct tarn_object *obj, bool is_in_initial_list)
{
    struct tarn_bytes key = tarn_object_key(obj);
    struct map *m = ctx;
    struct held *e;
    void *node;

    (void)is_in_initial_list;
    if (find(m, obj, &node))
        soak_wrong("%s %.*s is added twice", m->resource, TARN_BYTES_ARG(key));
    e = malloc(sizeof *e);
    if (!e || !(e->key = strndup(key.data, key.len)) || !tsearch(e, &m->root, by_key))
        soak_wrong("out of memory");
    e->rv = tarn_object_resource_version(obj);
    e->uid = soak_hash(tarn_object_uid(obj));
    m->n++;
    return 0;
}

static int on_update(void *ctx, const struct tarn_object *old, const struct tarn_object *obj)
{
    struct tarn_bytes key = tarn_object_key(obj);
    uint64_t rv = tarn_object_resource_version(obj);
    struct map *m = ctx;
    void *node;
    struct held *e = find(m, obj, &node);

    if (!e)
        soak_wrong("%s %.*s is updated but was never added", m->resource, TARN_BYTES_ARG(key));
    if (e->uid != soak_hash(tarn_object_uid(obj)))
        soak_wrong("%s %.*s is updated to another uid", m->resource, TARN_BYTES_ARG(key));
    if (!(tarn_object_flags(old) & TARN_OBJECT_EXPLICIT_KEY) && tarn_object_resource_version(old) != e->rv)
        soak_wrong("%s %.*s: old is version %llu, delivered last was %llu", m->resource, TARN_BYTES_ARG(key),
                   (unsigned long long)tarn_object_resource_version(old), (unsigned long long)e->rv);
    if (rv < e->rv)
        soak_wrong("%s %.*s goes back from %llu to %llu", m->resource, TARN_BYTES_ARG(key), (unsigned long long)e->rv, (unsigned long long)rv);
    e->rv = rv;
    return 0;
}

static int on_delete(void *ctx, const struct tarn_object *obj)
{
    struct map *m = ctx;
    void *node;
    struct held *e = find(m, obj, &node);

    if (!e)
        soak_wrong("%s %.*s is deleted but was never added", m->resource, TARN_BYTES_ARG(tarn_object_key(obj)));
    (void)tdelete(e, &m->root, by_key);
    free_entry(e);
    m->n--;
    return 0;
}

/* ---- the process ------------------------------------------------------------------------------------------ */

struct printing {
    FILE *f;
    const char *resource;
};

static void print_node(const void *node, VISIT visit, void *ctx)
{
    const struct held *e = *(struct held *const *)node;
    struct printing *p = ctx;

    if (visit == postorder || visit == leaf)
        (void)fprintf(p->f, "%s %s@%llu\n", p->resource, e->key, (unsigned long long)e->rv);
}

static void show(struct map *maps)
{
    struct printing p = {.f = soak_view_begin()};

    for (size_t i = 0; soak_resources[i]; i++) {
        p.resource = maps[i].resource;
        twalk_r(maps[i].root, print_node, &p);
    }
    soak_view_end(p.f);
}

static struct tarn_informer *open_informer(void)
{
    struct tarn_informer *inf = NULL;
    struct tarn_error err = {0};
    int rc;

    while ((rc = tarn_informer_new(NULL, &inf, &err)) != 0) {
        if (soak_over())
            exit(0);
        if (rc != TARN_E_NOAGENT && rc != TARN_E_TIMEOUT && rc != TARN_E_LIMIT)
            soak_wrong("open: %s: %s", tarn_error_name(rc), err.message);
        soak_sleep_ms(50);
    }
    return inf;
}

static void watch(struct tarn_informer *inf, struct map *m, bool every_change, unsigned *ret_id)
{
    const struct tarn_informer_watch w = {
        .resource = m->resource,
        .handler = {.on_add = on_add, .on_update = on_update, .on_delete = on_delete, .ctx = m},
        .every_change = every_change,
    };
    struct tarn_error err = {0};

    if (tarn_informer_watch(inf, &w, ret_id, &err))
        soak_wrong("watch: %s", err.message);
}

static void report(struct tarn_informer *inf, const struct map *m, unsigned id)
{
    struct tarn_informer_counters n = {0};

    (void)tarn_informer_counters(inf, id, &n);
    if (n.objects != m->n)
        soak_wrong("%s: the informer counts %llu objects, its events make %llu", m->resource, (unsigned long long)n.objects,
                   (unsigned long long)m->n);
    (void)printf("%s: %s: %llu objects, %llu adds, %llu updates, %llu deletes, %llu batches, %llu differences, %llu gaps\n", soak_name,
                 m->resource, (unsigned long long)n.objects, (unsigned long long)n.adds, (unsigned long long)n.updates,
                 (unsigned long long)n.deletes, (unsigned long long)n.batches, (unsigned long long)n.differences, (unsigned long long)n.gaps);
}

int soak_informer(bool every_change)
{
    struct tarn_informer *inf = open_informer();
    struct pollfd p = {.fd = tarn_informer_fd(inf), .events = POLLIN};
    struct tarn_error err = {0};
    struct map maps[8] = {0};
    unsigned ids[8];
    int rc;

    for (size_t i = 0; soak_resources[i]; i++) {
        maps[i].resource = soak_resources[i];
        watch(inf, &maps[i], every_change, &ids[i]);
    }
    (void)printf("ready\n");
    while (!soak_over()) {
        rc = tarn_informer_process(inf, &err);
        if (rc < 0)
            soak_wrong("process: %s: %s", tarn_error_name(rc), err.message);
        if (soak_view_wanted())
            show(maps);
        (void)poll(&p, 1, 100);
    }
    for (size_t i = 0; soak_resources[i]; i++) {
        report(inf, &maps[i], ids[i]);
        tdestroy(maps[i].root, free_entry);
    }
    tarn_informer_free(inf);
    return 0;
}
