/* listers.c - questions that end in one walk over what an indexer gives, keeping some of it.
 *
 * Whatever is listed is filtered in place: the list's lease, or its references, keep what stays; no object is counted or copied.
 */
#include <tarn/listers.h>

#include <stdlib.h>

#include <tarn/status.h>

#include "selector_build.h"

/* ---- filtering a list ------------------------------------------------------------------------------------- */

/* Says of an object 1: keep, 0: drop, or a negative error that ends the walk. */
struct filter {
    int (*fn)(void *ctx, const struct tarn_object *obj);
    void *ctx;
};

/* On an error the list is released. */
static int filter_list(struct tarn_objects *l, const struct filter *f)
{
    size_t kept = 0;

    for (size_t i = 0; i < l->n; i++) {
        int keep = f->fn(f->ctx, l->v[i]);

        if (keep < 0) {
            for (size_t j = i; j < l->n; j++) /* close the gap, so that all that is left is released once */
                l->v[kept++] = l->v[j];
            l->n = kept;
            tarn_objects_release(l);
            return keep;
        }
        if (keep)
            l->v[kept++] = l->v[i];
        else if (!l->lease)
            tarn_object_unref(l->v[i]);
    }
    l->n = kept;
    return 0;
}

static bool has_no_meta(const struct tarn_object *obj)
{
    return tarn_object_flags(obj) & (TARN_OBJECT_NO_META | TARN_OBJECT_EXPLICIT_KEY | TARN_OBJECT_TOMBSTONE);
}

static int keep_selected(void *ctx, const struct tarn_object *obj)
{
    return has_no_meta(obj) ? TARN_E_NO_META : tarn_selector_matches(ctx, obj);
}

struct in_namespace {
    struct tarn_bytes ns;
    const struct tarn_selector *sel;
};

static int keep_in_namespace(void *ctx, const struct tarn_object *obj)
{
    const struct in_namespace *q = ctx;

    if (has_no_meta(obj))
        return TARN_E_NO_META;
    return tarn_bytes_equal(tarn_object_namespace(obj), q->ns) && tarn_selector_matches(q->sel, obj);
}

static int no_meta(int rc, struct tarn_error *err)
{
    return rc == TARN_E_NO_META ? tarn_error_set(err, rc, "cannot list by labels: object has no meta") : rc;
}

static int list_failed(int rc, struct tarn_error *err)
{
    return rc ? tarn_error_set(err, rc, "cannot list the store's objects: %s", tarn_strerror(rc)) : 0;
}

/* Keep what sel matches of l. */
static int select_from(struct tarn_objects *l, const struct tarn_selector *sel, struct tarn_error *err)
{
    if (tarn_selector_is_everything(sel))
        return 0;
    return no_meta(filter_list(l, &(struct filter){.fn = keep_selected, .ctx = (void *)sel}), err);
}

static int list_all(struct tarn_store *s, const struct tarn_selector *sel, struct tarn_objects *ret, struct tarn_error *err)
{
    int rc;

    if (tarn_selector_is_nothing(sel))
        return 0;
    rc = list_failed(tarn_store_list(s, ret), err);
    return rc ? rc : select_from(ret, sel, err);
}

static int list_namespace(struct tarn_indexer *x, struct tarn_bytes ns, const struct tarn_selector *sel,
                          struct tarn_objects *ret, struct tarn_error *err)
{
    struct in_namespace q = {.ns = ns, .sel = sel};
    int rc;

    if (!ns.len)
        return list_all(&x->store, sel, ret, err);
    if (tarn_selector_is_nothing(sel))
        return 0;
    rc = tarn_indexer_by_index(x, "namespace", ns, ret, err);
    if (rc == 0)
        return select_from(ret, sel, err);
    if (rc != TARN_E_INDEX_MISSING)
        return rc;
    rc = list_failed(tarn_store_list(&x->store, ret), err);
    return rc ? rc : no_meta(filter_list(ret, &(struct filter){.fn = keep_in_namespace, .ctx = &q}), err);
}

/* ---- visiting ------------------------------------------------------------------------------------------------ */

/* Visit what sel matches in l, and release it. */
static int visit(struct tarn_objects *l, const struct tarn_selector *sel, const struct tarn_visitor *visitor,
                 struct tarn_error *err)
{
    bool all = tarn_selector_is_everything(sel);
    int rc = 0;

    for (size_t i = 0; !rc && i < l->n; i++) {
        if (!all && has_no_meta(l->v[i]))
            rc = no_meta(TARN_E_NO_META, err);
        else if (all || tarn_selector_matches(sel, l->v[i]))
            rc = visitor->fn(visitor->ctx, l->v[i]);
    }
    tarn_objects_release(l);
    return rc;
}

int tarn_list_all(struct tarn_store *s, const struct tarn_selector *sel, const struct tarn_visitor *visitor,
                  struct tarn_error *err)
{
    struct tarn_objects l = {0};
    int rc = list_all(s, tarn_selector_is_nothing(sel) ? sel : NULL, &l, err);

    return rc ? rc : visit(&l, sel, visitor, err);
}

int tarn_list_all_by_namespace(struct tarn_indexer *x, struct tarn_bytes ns, const struct tarn_selector *sel,
                               const struct tarn_visitor *visitor, struct tarn_error *err)
{
    struct tarn_objects l = {0};
    int rc = list_namespace(x, ns, tarn_selector_is_nothing(sel) ? sel : NULL, &l, err);

    return rc ? rc : visit(&l, sel, visitor, err);
}

static int compare_keys(const void *a, const void *b)
{
    return tarn_bytes_compare(tarn_object_key(*(const struct tarn_object *const *)a),
                              tarn_object_key(*(const struct tarn_object *const *)b));
}

void tarn_objects_sort_by_key(struct tarn_objects *l)
{
    if (l->n)
        qsort(l->v, l->n, sizeof *l->v, compare_keys);
}

/* ---- the generic lister ----------------------------------------------------------------------------------------- */

int tarn_lister_list(const struct tarn_lister *l, const struct tarn_selector *sel, struct tarn_objects *ret,
                     struct tarn_error *err)
{
    return list_all(&l->indexer->store, sel, ret, err);
}

int tarn_lister_list_namespace(const struct tarn_lister *l, struct tarn_bytes ns, const struct tarn_selector *sel,
                               struct tarn_objects *ret, struct tarn_error *err)
{
    return list_namespace(l->indexer, ns, sel, ret, err);
}

/* The object of key; name is what was asked for, for the message. */
static int get(const struct tarn_lister *l, struct tarn_bytes key, struct tarn_bytes name, const struct tarn_object **ret,
               struct tarn_error *err)
{
    struct tarn_status status;
    int rc = tarn_store_get_by_key(&l->indexer->store, key, ret, err);

    if (rc != TARN_E_NOTFOUND || tarn_status_not_found(l->group, l->resource, name, &status))
        return rc;
    (void)tarn_error_set(err, rc, "%.*s", TARN_BYTES_ARG(status.message));
    tarn_status_release(&status);
    return rc;
}

int tarn_lister_get(const struct tarn_lister *l, struct tarn_bytes name, const struct tarn_object **ret, struct tarn_error *err)
{
    return get(l, name, name, ret, err);
}

int tarn_lister_get_namespace(const struct tarn_lister *l, struct tarn_bytes ns, struct tarn_bytes name,
                              const struct tarn_object **ret, struct tarn_error *err)
{
    struct tarn_buf key = {0};
    int rc = tarn_buf_add(&key, ns.data, ns.len);

    if (!rc)
        rc = tarn_buf_adds(&key, "/");
    if (!rc)
        rc = tarn_buf_add(&key, name.data, name.len);
    rc = rc ? tarn_error_set(err, rc, "no memory for a key") : get(l, tarn_buf_bytes(&key), name, ret, err);
    tarn_buf_release(&key);
    return rc;
}

/* ---- who selects these labels? -------------------------------------------------------------------------------------- */

/* A map of labels selects what has all of them. */
static bool set_selects(const struct tarn_value *set, const struct tarn_value *labels)
{
    struct tarn_value it = *set, want;
    struct tarn_bytes key, value;
    int more;

    while ((more = tarn_value_next(&it, &key, &want)) > 0)
        if (want.type != TARN_STRING || !tarn_label_in(labels, key, &value) || !tarn_bytes_equal(value, want.string))
            return false;
    return more == 0;
}

static bool is_label_selector(const struct tarn_value *v)
{
    struct tarn_value member;

    return (tarn_value_get(v, "matchLabels", &member) == 0 && member.type == TARN_MAP) ||
           (tarn_value_get(v, "matchExpressions", &member) == 0 && member.type == TARN_ARRAY);
}

static int label_selector_selects(const struct tarn_value *v, const struct tarn_value *labels)
{
    const struct tarn_selector *sel;
    int rc = tarn_selector_from_label_selector(v, &sel, NULL);
    bool selects;

    if (rc) /* an invalid one selects nothing; no memory is an error */
        return rc == TARN_E_SELECTOR ? 0 : rc;
    selects = !tarn_selector_is_everything(sel) && tarn_selector_matches_labels(sel, labels);
    tarn_selector_free(sel);
    return selects;
}

static int keep_selecting(void *ctx, const struct tarn_object *obj)
{
    const struct tarn_selecting *q = ctx;
    struct tarn_value v;

    if (tarn_object_get(obj, q->selector_path, &v) || v.type != TARN_MAP || v.count == 0)
        return 0;
    return is_label_selector(&v) ? label_selector_selects(&v, q->labels) : set_selects(&v, q->labels);
}

int tarn_list_selecting(struct tarn_indexer *x, const struct tarn_selecting *q, struct tarn_objects *ret, struct tarn_error *err)
{
    int rc = list_namespace(x, q->ns, NULL, ret, err);

    if (rc)
        return rc;
    return list_failed(filter_list(ret, &(struct filter){.fn = keep_selecting, .ctx = (void *)q}), err);
}

/* ---- pods, nodes, services --------------------------------------------------------------------------------------------- */

/* Items of a list carry no kind: only what says it is something else is. */
static int keep_kind(void *ctx, const struct tarn_object *obj)
{
    struct tarn_bytes kind;

    return tarn_object_get_string(obj, "kind", &kind) != 0 || tarn_bytes_equal(kind, tarn_bytes_of(ctx));
}

static int list_kind(struct tarn_indexer *x, const char *kind, const struct tarn_selector *sel, struct tarn_objects *ret,
                     struct tarn_error *err)
{
    int rc;

    if (tarn_selector_is_nothing(sel))
        return 0;
    rc = list_all(&x->store, NULL, ret, err);
    if (!rc)
        rc = filter_list(ret, &(struct filter){.fn = keep_kind, .ctx = (void *)(uintptr_t)kind});
    return rc ? rc : select_from(ret, sel, err);
}

int tarn_pod_lister_list(struct tarn_indexer *pods, const struct tarn_selector *sel, struct tarn_objects *ret,
                         struct tarn_error *err)
{
    return list_kind(pods, "Pod", sel, ret, err);
}

int tarn_pod_lister_exists(struct tarn_indexer *pods, const struct tarn_object *pod, bool *ret, struct tarn_error *err)
{
    const struct tarn_object *stored;
    int rc = tarn_store_get(&pods->store, pod, &stored, err);

    if (rc && rc != TARN_E_NOTFOUND)
        return rc;
    if (!rc)
        tarn_object_unref(stored);
    *ret = !rc;
    return 0;
}

int tarn_node_lister_list(struct tarn_indexer *nodes, struct tarn_objects *ret, struct tarn_error *err)
{
    return list_kind(nodes, "Node", NULL, ret, err);
}

int tarn_node_lister_get_node_info(struct tarn_indexer *nodes, struct tarn_bytes name, const struct tarn_object **ret,
                                   struct tarn_error *err)
{
    struct tarn_error why = {0};
    int rc = tarn_store_get_by_key(&nodes->store, name, ret, &why);

    if (rc == TARN_E_NOTFOUND)
        return tarn_error_set(err, rc, "node '%.*s' is not in cache", TARN_BYTES_ARG(name));
    if (rc)
        return tarn_error_set(err, rc, "error retrieving node '%.*s' from cache: %.300s", TARN_BYTES_ARG(name),
                              why.code ? why.message : tarn_strerror(rc));
    return 0;
}

struct condition {
    bool (*pred)(void *ctx, const struct tarn_object *node);
    void *ctx;
};

static int keep_condition(void *ctx, const struct tarn_object *obj)
{
    const struct condition *c = ctx;

    return c->pred(c->ctx, obj);
}

int tarn_node_lister_list_condition(struct tarn_indexer *nodes, bool (*pred)(void *ctx, const struct tarn_object *node), void *ctx,
                                    struct tarn_objects *ret, struct tarn_error *err)
{
    struct condition c = {.pred = pred, .ctx = ctx};
    int rc = tarn_node_lister_list(nodes, ret, err);

    return rc ? rc : filter_list(ret, &(struct filter){.fn = keep_condition, .ctx = &c});
}

int tarn_service_lister_list(struct tarn_indexer *services, const struct tarn_selector *sel, struct tarn_objects *ret,
                             struct tarn_error *err)
{
    return list_kind(services, "Service", sel, ret, err);
}

/* The labels as the original prints them: map[a:b c:d]. */
static int print_labels(const struct tarn_value *labels, struct tarn_buf *out)
{
    struct tarn_value it, value;
    const char *space = "";
    struct tarn_bytes key;
    int rc = tarn_buf_adds(out, "map[");

    if (labels)
        it = *labels;
    while (labels && !rc && tarn_value_next(&it, &key, &value) > 0) {
        if (value.type == TARN_STRING)
            rc = tarn_buf_addf(out, "%s%.*s:%.*s", space, TARN_BYTES_ARG(key), TARN_BYTES_ARG(value.string));
        space = " ";
    }
    return rc ? rc : tarn_buf_adds(out, "]");
}

static int no_service(const struct tarn_object *pod, const struct tarn_value *labels, struct tarn_error *err)
{
    struct tarn_bytes name = tarn_object_name(pod), ns = tarn_object_namespace(pod);
    struct tarn_buf text = {0};

    (void)print_labels(labels, &text); /* short of memory the labels are cut off in the message */
    (void)tarn_error_set(err, TARN_E_NOTFOUND, "could not find service for pod %.*s in namespace %.*s with labels: %.*s",
                         TARN_BYTES_ARG(name), TARN_BYTES_ARG(ns), TARN_BYTES_ARG(tarn_buf_bytes(&text)));
    tarn_buf_release(&text);
    return TARN_E_NOTFOUND;
}

int tarn_service_lister_get_pod_services(struct tarn_indexer *services, const struct tarn_object *pod, struct tarn_objects *ret,
                                         struct tarn_error *err)
{
    struct tarn_selecting q = {.ns = tarn_object_namespace(pod), .selector_path = "spec.selector"};
    struct tarn_value labels;
    int rc;

    if (tarn_object_get(pod, "metadata.labels", &labels) == 0 && labels.type == TARN_MAP)
        q.labels = &labels;
    rc = tarn_list_selecting(services, &q, ret, err);
    if (rc || ret->n)
        return rc;
    tarn_objects_release(ret);
    return no_service(pod, q.labels, err);
}
