/* An informer for the end-to-end scripts: it replays every event, and finds what was lost or came twice.
 *
 *     replayer RESOURCE
 *
 * An add of an object it has, an update that changes nothing (same resourceVersion) or of an object it has not, a delete of an object
 * it has not: each ends it with code 1. On SIGUSR1 (the server being quiet) it waits until what it replayed is what a snapshot holds, and prints
 * "equal OBJECTS generation G differences D events E"; "unequal ..." after 30 s.
 */
#include <poll.h>
#include <search.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <tarn/tarn.h>

static volatile sig_atomic_t asked;

struct replayed {
    char *key;
    uint64_t rv;
};

static void *entries; /* tsearch */
static size_t nentries;
static const char *wrong;
static char wrong_key[300];

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct replayed *)a)->key, ((const struct replayed *)b)->key);
}

static struct replayed *find(struct tarn_bytes key, char *text, size_t size)
{
    struct replayed e = {.key = text}, **at;

    (void)snprintf(text, size, "%.*s", TARN_BYTES_ARG(key));
    at = tfind(&e, &entries, by_key);
    return at ? *at : NULL;
}

static int fault(const char *what, const char *key)
{
    wrong = what;
    (void)snprintf(wrong_key, sizeof wrong_key, "%s", key);
    return 0;
}

static int on_add(void *ctx, const struct tarn_object *obj, bool initial)
{
    char text[300];
    struct replayed *e = find(tarn_object_key(obj), text, sizeof text);

    (void)ctx, (void)initial;
    if (e)
        return fault("added twice", text);
    e = calloc(1, sizeof *e);
    e->key = strdup(text);
    e->rv = tarn_object_resource_version(obj);
    (void)tsearch(e, &entries, by_key);
    nentries++;
    return 0;
}

static int on_update(void *ctx, const struct tarn_object *old, const struct tarn_object *obj)
{
    char text[300];
    struct replayed *e = find(tarn_object_key(obj), text, sizeof text);

    (void)ctx, (void)old;
    if (!e)
        return fault("updated, though never added", text);
    if (e->rv == tarn_object_resource_version(obj))
        return fault("the same update twice", text);
    e->rv = tarn_object_resource_version(obj);
    return 0;
}

static int on_delete(void *ctx, const struct tarn_object *obj)
{
    char text[300];
    struct replayed *e = find(tarn_object_key(obj), text, sizeof text);

    (void)ctx;
    if (!e)
        return fault("deleted, though not there", text);
    (void)tdelete(e, &entries, by_key);
    nentries--;
    free(e->key);
    free(e);
    return 0;
}

static bool is_equal(struct tarn_snapshot *s, const char *resource)
{
    const struct tarn_object *obj;
    struct tarn_iter it;
    size_t n = 0;
    char text[300];

    if (tarn_list(s, resource, NULL, &it, NULL))
        return false;
    while ((obj = tarn_iter_next(&it))) {
        const struct replayed *e = find(tarn_object_key(obj), text, sizeof text);

        if (!e || e->rv != tarn_object_resource_version(obj))
            return false;
        n++;
    }
    return !tarn_iter_error(&it) && n == nentries;
}

static void process(struct tarn_informer *inf, int ms)
{
    struct pollfd p = {.fd = tarn_informer_fd(inf), .events = POLLIN};
    struct tarn_error err = {0};
    int rc;

    (void)poll(&p, 1, ms);
    rc = tarn_informer_process(inf, &err);
    if (rc < 0) {
        (void)fprintf(stderr, "replayer: %s: %s\n", tarn_error_name(rc), err.message);
        exit(1);
    }
    if (wrong) {
        (void)fprintf(stderr, "replayer: %s: %s\n", wrong, wrong_key);
        exit(1);
    }
}

static void compare(struct tarn_informer *inf, unsigned id, const char *resource)
{
    struct tarn_informer_counters c;
    struct tarn_snapshot *s;
    uint64_t generation = 0;
    time_t end = time(NULL) + 30;
    bool equal = false;

    while (!equal && time(NULL) < end) {
        process(inf, 50);
        if (tarn_snapshot_open(tarn_informer_client(inf), &s, NULL))
            continue;
        generation = tarn_snapshot_generation(s);
        equal = is_equal(s, resource);
        (void)tarn_snapshot_close(s);
    }
    (void)tarn_informer_counters(inf, id, &c);
    (void)printf("%s %zu generation %llu differences %llu events %llu\n", equal ? "equal" : "unequal", nentries, (unsigned long long)generation,
                 (unsigned long long)c.differences, (unsigned long long)(c.adds + c.updates + c.deletes));
    (void)fflush(stdout);
}

static void on_signal(int number)
{
    (void)number;
    asked = 1;
}

int main(int argc, char **argv)
{
    const struct tarn_informer_watch watch = {.resource = argc > 1 ? argv[1] : "pods",
                                              .handler = {.on_add = on_add, .on_update = on_update, .on_delete = on_delete}};
    struct tarn_error err = {0};
    struct tarn_informer *inf;
    unsigned id;
    bool told = false;

    (void)signal(SIGUSR1, on_signal);
    if (tarn_informer_new(NULL, &inf, &err) || tarn_informer_watch(inf, &watch, &id, &err)) {
        (void)fprintf(stderr, "replayer: %s\n", err.message);
        return 1;
    }
    for (;;) {
        process(inf, 100);
        if (!told && tarn_informer_has_synced(inf, id)) {
            (void)printf("synced\n");
            (void)fflush(stdout);
            told = true;
        }
        if (asked) {
            asked = 0;
            compare(inf, id, watch.resource);
        }
    }
}
