/* discovery.c - a queue of lookups; the first of them walks its documents one after the other.
 *
 * A lookup is a list of paths still to be looked into. An aggregated document answers at once; from a server that has only the plain
 * ones, a list of versions or groups adds paths, and a list of resources may hold the resource. Documents are fetched once
 * per burst of lookups.
 */
#include "discovery.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

#include <tarn/status.h>

#include "discovery_document.h"

#define DOCUMENT_BYTES_MAX (8u << 20)
#define DOCUMENT_AGE_MS 10000
#define REQUEST_MS 15000 /* a server that says nothing is told as such by then */
#define PATHS_MAX 512

struct document {
    TAILQ_ENTRY(document) link;
    char *path;
    const struct tarn_object *body; /* NULL: the server has none (404) */
    uint64_t fetched_ms;
};
TAILQ_HEAD(documents, document);

struct tarn_lookup {
    TAILQ_ENTRY(tarn_lookup) link;
    struct tarn_discovery *d;
    struct tarn_lookup_sink sink;
    char *name;          /* as asked, for messages */
    char word[256];      /* what must match: the part before the first dot */
    const char *group;   /* inside name; NULL: any, or said by the path */
    struct tarn_string_list paths;
    unsigned next;       /* into paths */
    struct tarn_error unusable; /* found, but cannot be listed */
    struct tarn_arena arena;
};
TAILQ_HEAD(lookups, tarn_lookup);

struct tarn_discovery {
    struct tarn_http *http;
    struct lookups queue;
    struct documents documents;
    struct tarn_http_transfer *transfer; /* for the first of the queue; NULL: none */
    char *fetching;
    struct tarn_buf body;
    int status;
    bool body_is_text;
};

static void go_on(struct tarn_discovery *d);

/* ---- paths --------------------------------------------------------------------------------------------------- */

/* "<root>/<a>" or "<root>/<a>/<b>"; a must not be NULL, which a failed copy gives. */
static int add_path(struct tarn_lookup *l, const char *root, const char *a, const char *b)
{
    if (l->paths.n == PATHS_MAX)
        return TARN_E_LIMIT;
    return a ? tarn_string_list_add(&l->paths, &l->arena, tarn_arena_printf(&l->arena, "%s/%s%s%s", root, a, b ? "/" : "", b ? b : "")) : TARN_E_NOMEM;
}

static bool is_version(const char *s, size_t n)
{
    return n >= 2 && s[0] == 'v' && s[1] >= '0' && s[1] <= '9' && !memchr(s, '/', n);
}

/* "deployments.v1.apps": that version first; and the group may be called so. "pods.v1": only that. */
static int paths_of_group(struct tarn_lookup *l, const char *group)
{
    size_t n = strcspn(group, ".");
    int rc = 0;

    if (group[n] && is_version(group, n))
        rc = add_path(l, "/apis", group + n + 1, tarn_arena_copy(&l->arena, (struct tarn_bytes){.data = group, .len = n}));
    else if (!group[n] && is_version(group, n))
        return add_path(l, "/api", group, NULL);
    l->group = group;
    return rc ? rc : tarn_string_list_add(&l->paths, &l->arena, "/apis");
}

static int first_paths(struct tarn_lookup *l, const char *api_version)
{
    const char *dot = strchr(l->name, '.');
    int rc;

    if (api_version)
        return add_path(l, strchr(api_version, '/') ? "/apis" : "/api", api_version, NULL);
    if (dot)
        return paths_of_group(l, dot + 1);
    rc = tarn_string_list_add(&l->paths, &l->arena, "/api");
    return rc ? rc : tarn_string_list_add(&l->paths, &l->arena, "/apis");
}

/* ---- documents ------------------------------------------------------------------------------------------------- */

static void free_document(struct tarn_discovery *d, struct document *doc)
{
    TAILQ_REMOVE(&d->documents, doc, link);
    tarn_object_unref(doc->body);
    free(doc->path);
    free(doc);
}

static void forget_documents(struct tarn_discovery *d)
{
    struct document *doc;

    while ((doc = TAILQ_FIRST(&d->documents)))
        free_document(d, doc);
}

static struct document *document_of(struct tarn_discovery *d, const char *path, uint64_t now_ms)
{
    struct document *doc;

    TAILQ_FOREACH(doc, &d->documents, link)
        if (strcmp(doc->path, path) == 0)
            break;
    if (doc && now_ms - doc->fetched_ms > DOCUMENT_AGE_MS) {
        free_document(d, doc);
        doc = NULL;
    }
    return doc;
}

static int remember(struct tarn_discovery *d, const struct tarn_object *body, uint64_t now_ms)
{
    struct document *doc = calloc(1, sizeof *doc);

    if (!doc)
        return TARN_E_NOMEM;
    *doc = (struct document){.path = d->fetching, .body = body, .fetched_ms = now_ms};
    d->fetching = NULL;
    TAILQ_INSERT_TAIL(&d->documents, doc, link);
    return 0;
}

/* ---- looking into a document -------------------------------------------------------------------------------------- */

/* The core group's versions come before what was to be looked into next. */
static int add_core_versions(struct tarn_lookup *l, const struct tarn_object *doc)
{
    unsigned before = l->paths.n, waiting = before - l->next;
    struct tarn_value it, v;
    int rc = 0;

    if (tarn_object_get(doc, "versions", &it) || it.type != TARN_ARRAY)
        return 0;
    while (!rc && tarn_value_next(&it, NULL, &v) == 1)
        rc = v.type == TARN_STRING ? add_path(l, "/api", tarn_arena_copy(&l->arena, v.string), NULL) : 0;
    for (unsigned i = 0; !rc && i < waiting; i++)
        rc = tarn_string_list_add(&l->paths, &l->arena, l->paths.v[l->next + i]);
    if (!rc)
        l->next = before;
    return rc;
}

static int add_version(struct tarn_lookup *l, struct tarn_bytes group_version)
{
    return group_version.len ? add_path(l, "/apis", tarn_arena_copy(&l->arena, group_version), NULL) : 0;
}

/* A group: its preferred version; the others too, if it is the group that is meant. */
static int add_group(struct tarn_lookup *l, const struct tarn_value *g)
{
    struct tarn_bytes preferred = tarn_discovery_text(g, "preferredVersion.groupVersion");
    struct tarn_value it, v;
    int rc = add_version(l, preferred);

    if (rc || !l->group || tarn_value_get(g, "versions", &it) || it.type != TARN_ARRAY)
        return rc;
    while (!rc && tarn_value_next(&it, NULL, &v) == 1) {
        struct tarn_bytes gv = tarn_discovery_text(&v, "groupVersion");

        rc = tarn_bytes_equal(gv, preferred) ? 0 : add_version(l, gv);
    }
    return rc;
}

static int add_groups(struct tarn_lookup *l, const struct tarn_object *doc)
{
    struct tarn_value it, g;
    int rc = 0;

    if (tarn_object_get(doc, "groups", &it) || it.type != TARN_ARRAY)
        return 0;
    while (!rc && tarn_value_next(&it, NULL, &g) == 1)
        if (!l->group || tarn_bytes_equal(tarn_discovery_text(&g, "name"), tarn_bytes_of(l->group)))
            rc = add_group(l, &g);
    return rc;
}

/* ---- answers ------------------------------------------------------------------------------------------------------- */

static void free_lookup(struct tarn_lookup *l)
{
    tarn_arena_release(&l->arena);
    free(l->name);
    free(l);
}

static void end_lookup(struct tarn_lookup *l, const struct tarn_discovered *found, const struct tarn_error *error)
{
    struct tarn_lookup_sink sink = l->sink;

    TAILQ_REMOVE(&l->d->queue, l, link);
    sink.on_found(sink.ctx, found, error);
    free_lookup(l);
}

static void end_failed(struct tarn_lookup *l, int code, const char *message)
{
    struct tarn_error e;

    (void)tarn_error_set(&e, code, "resource '%s': %s", l->name, message);
    end_lookup(l, NULL, &e);
}

static int copy_short_names(struct tarn_arena *a, struct tarn_value it, struct tarn_string_list *ret)
{
    struct tarn_value t;
    int rc = 0;

    while (!rc && it.type == TARN_ARRAY && tarn_value_next(&it, NULL, &t) == 1)
        if (t.type == TARN_STRING)
            rc = tarn_string_list_add(ret, a, tarn_arena_copy(a, t.string));
    return rc;
}

/* "v1", "apps/v1" */
static char *api_version_of(struct tarn_arena *a, const struct tarn_discovery_entry *e)
{
    if (e->group_version.len)
        return tarn_arena_copy(a, e->group_version);
    return tarn_arena_printf(a, "%.*s%s%.*s", TARN_BYTES_ARG(e->group), e->group.len ? "/" : "", TARN_BYTES_ARG(e->version));
}

static void end_found(struct tarn_lookup *l, const struct tarn_discovery_entry *e)
{
    struct tarn_arena *a = &l->arena;
    struct tarn_discovered f = {.api_version = api_version_of(a, e),
                                .plural = tarn_arena_copy(a, e->plural),
                                .singular = tarn_arena_copy(a, e->singular),
                                .kind = tarn_arena_copy(a, e->kind),
                                .namespaced = e->namespaced,
                                .watchable = e->can_watch};
    const char *slash = f.api_version ? strchr(f.api_version, '/') : NULL;

    f.group = slash ? tarn_arena_copy(a, (struct tarn_bytes){.data = f.api_version, .len = (size_t)(slash - f.api_version)}) : "";
    if (f.api_version && f.plural && f.singular && f.kind && f.group && !copy_short_names(a, e->short_names, &f.short_names))
        end_lookup(l, &f, NULL);
    else
        end_failed(l, TARN_E_NOMEM, "out of memory");
}

/* True: it was found, and the lookup is over. */
static bool look_for_entry(struct tarn_lookup *l, const struct tarn_object *doc)
{
    const struct tarn_discovery_wish wish = {.word = tarn_bytes_of(l->word), .group = tarn_bytes_of(l->group), .any_group = !l->group};
    struct tarn_discovery_entry e;

    if (!tarn_discovery_find_entry(doc, &wish, &e))
        return false;
    if (e.can_list) {
        end_found(l, &e);
        return true;
    }
    (void)tarn_error_set(&l->unusable, TARN_E_UNSUPPORTED, "the server has it, but it cannot be listed");
    return false;
}

/* Look into one document, NULL: the server has none. The lookup may be over afterwards. */
static void look_into(struct tarn_lookup *l, const struct tarn_object *doc)
{
    int rc = 0;

    switch (doc ? tarn_discovery_form_of(doc) : TARN_DISCOVERY_OTHER) {
    case TARN_DISCOVERY_RESOURCES:
    case TARN_DISCOVERY_AGGREGATED:
        if (look_for_entry(l, doc))
            return;
        break;
    case TARN_DISCOVERY_VERSIONS:
        rc = add_core_versions(l, doc);
        break;
    case TARN_DISCOVERY_GROUPS:
        rc = add_groups(l, doc);
        break;
    case TARN_DISCOVERY_OTHER:
        break;
    }
    if (rc)
        end_failed(l, rc, rc == TARN_E_LIMIT ? "the server has more API groups than are looked into" : "out of memory");
}

/* ---- requests ---------------------------------------------------------------------------------------------------------- */

static int on_head(void *ctx, const struct tarn_http_head *head)
{
    struct tarn_discovery *d = ctx;

    d->status = head->status;
    d->body_is_text = head->content_type.len >= 5 && strncasecmp(head->content_type.data, "text/", 5) == 0;
    return 0;
}

static int on_body(void *ctx, const char *data, size_t n)
{
    struct tarn_discovery *d = ctx;

    return d->body.len + n > DOCUMENT_BYTES_MAX ? TARN_E_SIZE : tarn_buf_add(&d->body, data, n);
}

/* The document of a response, or an error. A 404 is a document that is not there. */
static int take_response(struct tarn_discovery *d, const struct tarn_http_end *end, const struct tarn_object **ret, struct tarn_error *err)
{
    struct tarn_status_response r = {.code = d->status, .method = TARN_BYTES("GET"), .body = tarn_buf_bytes(&d->body), .body_is_text = d->body_is_text};
    struct tarn_status s;
    int rc;

    *ret = NULL;
    if (end->kind != TARN_HTTP_DONE)
        return tarn_error_set(err, end->error->code, "%s", end->error->message);
    if (d->status == 404)
        return 0;
    rc = tarn_status_from_response(&r, &s);
    if (rc == 1) {
        /* the code in this form: tarn_wait_synced tells by it that waiting does not help */
        rc = tarn_error_set(err, TARN_E_STATUS, "GET %s: %.*s (%d %s)", d->fetching, TARN_BYTES_ARG(s.message), d->status, tarn_status_reason_text(s.reason));
        tarn_status_release(&s);
        return rc;
    }
    return rc ? rc : tarn_object_from_json(tarn_buf_bytes(&d->body), ret, err);
}

static void on_end(void *ctx, const struct tarn_http_end *end)
{
    struct tarn_discovery *d = ctx;
    struct tarn_lookup *l = TAILQ_FIRST(&d->queue);
    const struct tarn_object *body;
    struct tarn_error e = {.message = "out of memory"};
    int rc = take_response(d, end, &body, &e);

    d->transfer = NULL;
    if (!rc)
        rc = remember(d, body, uv_hrtime() / 1000000);
    free(d->fetching);
    d->fetching = NULL;
    tarn_buf_release(&d->body);
    if (rc && l)
        end_failed(l, rc, e.message);
    go_on(d);
}

static int fetch(struct tarn_discovery *d, const char *path)
{
    static const struct tarn_http_sink sink = {.on_head = on_head, .on_body = on_body, .on_end = on_end};
    bool root = strcmp(path, "/api") == 0 || strcmp(path, "/apis") == 0;
    const struct tarn_http_request r = {.cls = TARN_HTTP_SHORT,
                                        .path = path,
                                        .accept = root ? TARN_DISCOVERY_ACCEPT : NULL,
                                        .deadline_ms = REQUEST_MS,
                                        .sink = &sink,
                                        .ctx = d};

    d->status = 0;
    tarn_buf_clear(&d->body);
    d->fetching = strdup(path);
    return d->fetching ? tarn_http_start(d->http, &r, &d->transfer) : TARN_E_NOMEM;
}

/* Bring the first lookup on; true: it is over, or waits for a document. */
static bool step(struct tarn_discovery *d, struct tarn_lookup *l)
{
    const char *path;
    struct document *doc;

    if (l->next == l->paths.n) {
        end_failed(l, l->unusable.code ? l->unusable.code : TARN_E_NOTFOUND,
                   l->unusable.code ? l->unusable.message : "the server has no such resource (404 NotFound; is its definition installed?)");
        return false;
    }
    path = l->paths.v[l->next];
    doc = document_of(d, path, uv_hrtime() / 1000000);
    if (doc) {
        l->next++;
        look_into(l, doc->body);
        return false;
    }
    if (fetch(d, path) == 0)
        return true;
    end_failed(l, TARN_E_NOMEM, "out of memory");
    return false;
}

static void go_on(struct tarn_discovery *d)
{
    struct tarn_lookup *l;

    while (!d->transfer && (l = TAILQ_FIRST(&d->queue)))
        if (step(d, l))
            return;
    if (!d->transfer)
        forget_documents(d);
}

/* ---- the public calls --------------------------------------------------------------------------------------------------- */

int tarn_discovery_new(struct tarn_http *http, struct tarn_discovery **ret)
{
    struct tarn_discovery *d = calloc(1, sizeof *d);

    if (!d)
        return TARN_E_NOMEM;
    d->http = http;
    TAILQ_INIT(&d->queue);
    TAILQ_INIT(&d->documents);
    *ret = d;
    return 0;
}

int tarn_discovery_find(struct tarn_discovery *d, const char *name, const char *api_version, const struct tarn_lookup_sink *sink,
                        struct tarn_lookup **ret)
{
    struct tarn_lookup *l = calloc(1, sizeof *l);
    bool first = TAILQ_EMPTY(&d->queue);

    if (!l)
        return TARN_E_NOMEM;
    l->d = d;
    l->sink = *sink;
    l->name = strdup(name);
    (void)snprintf(l->word, sizeof l->word, "%.*s", (int)strcspn(name, "."), name);
    /* the first lookup of a burst fetches at least one document, so no callback comes from inside here */
    if (!l->name || first_paths(l, api_version) || (first && !d->transfer && fetch(d, l->paths.v[0]))) {
        free_lookup(l);
        return TARN_E_NOMEM;
    }
    TAILQ_INSERT_TAIL(&d->queue, l, link);
    *ret = l;
    return 0;
}

void tarn_discovery_cancel(struct tarn_lookup *l)
{
    struct tarn_discovery *d = l->d;

    TAILQ_REMOVE(&d->queue, l, link);
    free_lookup(l);
    if (TAILQ_EMPTY(&d->queue) && !d->transfer)
        forget_documents(d);
}

void tarn_discovery_free(struct tarn_discovery *d)
{
    struct tarn_lookup *l;

    if (!d)
        return;
    while ((l = TAILQ_FIRST(&d->queue))) {
        TAILQ_REMOVE(&d->queue, l, link);
        free_lookup(l);
    }
    if (d->transfer)
        tarn_http_cancel(d->transfer);
    forget_documents(d);
    free(d->fetching);
    tarn_buf_release(&d->body);
    free(d);
}
