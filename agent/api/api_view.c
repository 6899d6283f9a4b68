/* api_view.c - views are found by what they are of; the holds are one list, the oldest first. */
#include "api_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "api_fields.h"

void api_views_init(struct api_views *s)
{
    *s = (struct api_views){.nheld = 0};
    LIST_INIT(&s->all);
    TAILQ_INIT(&s->held);
}

/* ---- what drives the walk ---------------------------------------------------------------------------------- */

enum { WHOLE = -1, ONE_KEY = -2, ONE_NAMESPACE = -3 };

struct drive {
    int index; /* of the resource's; or WHOLE, ONE_KEY, ONE_NAMESPACE */
    struct tarn_bytes value;
    char key[2 * TARN_REGION_NAME_MAX + 2];
};

/* text into ret, of n bytes, with a NUL. False: it is longer. */
static bool text_copy(struct tarn_bytes text, char *ret, size_t n)
{
    if (text.len >= n)
        return false;
    if (text.len)
        memcpy(ret, text.data, text.len);
    ret[text.len] = 0;
    return true;
}

/* The one key that q can mean, into d. False: it may mean others. */
static bool drive_by_key(const struct tarn_resource_info *info, const struct api_request *q, struct drive *d)
{
    int n;

    if (!q->name.len || (info->namespaced && !q->ns.len))
        return false;
    n = snprintf(d->key, sizeof d->key, "%.*s%s%.*s", TARN_BYTES_ARG(q->ns), q->ns.len ? "/" : "", TARN_BYTES_ARG(q->name));
    if (n < 0 || (size_t)n >= sizeof d->key)
        return false;
    d->index = ONE_KEY;
    d->value = (struct tarn_bytes){d->key, (size_t)n};
    return true;
}

/* A key; or an index of a field that q demands a value of; or the namespace, by its index or not; or nothing but the resource. */
static void drive_of(const struct tarn_resource_info *info, const struct api_request *q, struct drive *d)
{
    char path[TARN_REGION_NAME_MAX + 1];
    int n;

    d->index = WHOLE;
    d->value = (struct tarn_bytes){0};
    if (drive_by_key(info, q, d))
        return;
    for (unsigned i = 0; q->fields && i < info->nindex; i++)
        if (text_copy(tarn_resource_index_name(info, i), path, sizeof path) && api_fields_demand(q->fields, path, &d->value)) {
            d->index = (int)i;
            return;
        }
    if (!q->ns.len)
        return;
    n = tarn_resource_index(info, TARN_BYTES("namespace"));
    d->index = n < 0 ? ONE_NAMESPACE : n;
    d->value = q->ns;
}

/* The object of one key, if there is one. */
static int walk_key(struct api_view *v)
{
    const struct tarn_object *obj;
    int rc = tarn_reader_get(&v->snapshot->r, v->store, tarn_buf_bytes(&v->value), &obj);

    if (rc == TARN_E_NOTFOUND || rc == TARN_E_INVAL)
        return 0;
    if (rc)
        return rc;
    v->v = malloc(sizeof *v->v);
    if (!v->v)
        return TARN_E_NOMEM;
    v->v[0] = obj;
    v->n = 1;
    return 0;
}

static int walk(struct api_view *v, const struct tarn_resource_info *info)
{
    struct tarn_buf prefix = {0};
    struct tarn_reader_iter it;
    int rc;

    if (v->index == ONE_KEY)
        return walk_key(v);
    rc = v->index < 0 ? tarn_reader_list(&v->snapshot->r, v->store, &it)
                      : tarn_reader_by_index(&v->snapshot->r, info, (unsigned)v->index, tarn_buf_bytes(&v->value), &it);
    if (rc == 0 && v->index == ONE_NAMESPACE)
        rc = tarn_buf_addf(&prefix, "%.*s/", TARN_BYTES_ARG(tarn_buf_bytes(&v->value)));
    if (rc == 0)
        rc = tarn_reader_sorted(&it, tarn_buf_bytes(&prefix), &v->v, &v->n);
    tarn_buf_release(&prefix);
    return rc;
}

/* ---- views -------------------------------------------------------------------------------------------------- */

static bool is_of(const struct api_view *v, const struct api_snapshot *snapshot, uint16_t store, const struct drive *d)
{
    return v->snapshot == snapshot && v->store == store && v->index == d->index && tarn_bytes_equal(tarn_buf_bytes(&v->value), d->value);
}

static struct api_view *view_ref(struct api_view *v)
{
    tarn_reader_unpark(&v->snapshot->r);
    v->refs++;
    return v;
}

void api_view_unref(struct api_view *v)
{
    if (!v || --v->refs)
        return;
    LIST_REMOVE(v, link);
    api_snapshot_unref(v->snapshot);
    tarn_buf_release(&v->value);
    tarn_buf_release(&v->version);
    free(v->v);
    free(v);
}

static int view_fill(struct api_view *v, const struct tarn_resource_info *info, const struct drive *d)
{
    int rc = tarn_buf_add(&v->value, d->value.data, d->value.len);

    if (rc == 0)
        rc = tarn_buf_add(&v->version, info->state.resource_version.data, info->state.resource_version.len);
    if (rc)
        return rc;
    if (!text_copy(info->name, v->resource, sizeof v->resource) ||
        (v->index >= 0 && !text_copy(tarn_resource_index_name(info, (unsigned)v->index), v->path, sizeof v->path)) ||
        (v->index == ONE_NAMESPACE && !text_copy(TARN_BYTES("namespace"), v->path, sizeof v->path)))
        return TARN_E_CORRUPT;
    return walk(v, info);
}

int api_view_of(struct api_views *s, struct api_realm *realm, struct api_snapshot *snapshot, const struct tarn_resource_info *info,
                const struct api_request *q, struct api_view **ret)
{
    struct drive d;
    struct api_view *v;
    int rc;

    drive_of(info, q, &d);
    LIST_FOREACH(v, &s->all, link) {
        if (is_of(v, snapshot, info->store, &d)) {
            *ret = view_ref(v);
            return 0;
        }
    }
    v = calloc(1, sizeof *v);
    if (!v)
        return TARN_E_NOMEM;
    *v = (struct api_view){.realm = realm, .snapshot = api_snapshot_ref(snapshot), .store = info->store, .index = d.index, .refs = 1};
    LIST_INSERT_HEAD(&s->all, v, link);
    rc = view_fill(v, info, &d);
    if (rc) {
        api_view_unref(v);
        return rc;
    }
    *ret = v;
    return 0;
}

/* ---- holds ---------------------------------------------------------------------------------------------------- */

static void hold_end(struct api_views *s, struct api_hold *h)
{
    TAILQ_REMOVE(&s->held, h, link);
    s->nheld--;
    s->held_objects -= h->view->n;
    api_view_unref(h->view);
    free(h);
}

/* Within the bounds, the newest stays in any case. */
static void holds_bound(struct api_views *s)
{
    while (s->nheld > 1 && (s->nheld > API_HELD_MAX || s->held_objects > API_HELD_OBJECTS_MAX))
        hold_end(s, TAILQ_FIRST(&s->held));
}

const struct api_hold *api_views_hold(struct api_views *s, struct api_view *v, uint64_t now_ms)
{
    struct api_hold *h;

    TAILQ_FOREACH(h, &s->held, link)
        if (h->view == v)
            return h;
    h = calloc(1, sizeof *h);
    if (!h || getrandom(h->id, sizeof h->id, 0) != (ssize_t)sizeof h->id) {
        free(h);
        return NULL;
    }
    h->view = view_ref(v);
    h->since_ms = now_ms;
    TAILQ_INSERT_TAIL(&s->held, h, link);
    s->nheld++;
    s->held_objects += v->n;
    holds_bound(s);
    return h;
}

/* Are all objects that q asks for in v? */
static bool view_serves(const struct api_view *v, const struct api_request *q)
{
    struct tarn_bytes demanded = {0};

    if (v->index == WHOLE)
        return true;
    if (strcmp(v->path, "namespace") == 0)
        demanded = q->ns;
    else
        (void)api_fields_demand(q->fields, v->path, &demanded);
    return demanded.len && tarn_bytes_equal(tarn_buf_bytes(&v->value), demanded);
}

struct api_view *api_views_find(struct api_views *s, const struct api_held_ask *a)
{
    struct api_hold *h;

    TAILQ_FOREACH(h, &s->held, link) {
        struct api_view *v = h->view;
        bool named = a->id ? memcmp(h->id, a->id, sizeof h->id) == 0 : tarn_bytes_equal(tarn_buf_bytes(&v->version), a->version);

        if (named && v->realm == a->realm && strcmp(v->resource, a->resource) == 0 && view_serves(v, a->q) && tarn_reader_check(&v->snapshot->r) == 0)
            return view_ref(v);
    }
    return NULL;
}

void api_views_sweep(struct api_views *s, uint64_t now_ms, bool (*keep)(void *ctx, const struct api_realm *realm), void *ctx)
{
    struct api_hold *h, *next;

    for (h = TAILQ_FIRST(&s->held); h; h = next) {
        struct api_view *v = h->view;

        next = TAILQ_NEXT(h, link);
        if (now_ms - h->since_ms > API_HOLD_MS || !keep(ctx, v->realm) || tarn_reader_check(&v->snapshot->r))
            hold_end(s, h);
        else if (v->refs == 1 && v->snapshot->refs == 1) /* nobody else reads it */
            tarn_reader_park(&v->snapshot->r);
    }
}

void api_views_drop_all(struct api_views *s)
{
    while (!TAILQ_EMPTY(&s->held))
        hold_end(s, TAILQ_FIRST(&s->held));
}
