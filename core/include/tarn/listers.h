/* tarn/listers.h - typed and generic questions to an indexer: by namespace, by label selector, by selecting object.
 *
 * They run on any tarn_indexer: an informer's store, or a snapshot of a region. Results are the indexer's own objects, shared and never
 * modified (G-23), in no order (tarn_objects_sort_by_key gives one). A result is filled from empty and released with
 * tarn_objects_release. Thread-safety is the indexer's.
 *
 * Sources: client-go tools/cache/listers.go (ListAll, ListAllByNamespace, GenericLister) and the StoreToXLister of 2014 ... 2016. Rows
 * G-1 ... G-9, G-20 ... G-24.
 */
#ifndef TARN_LISTERS_H
#define TARN_LISTERS_H

#include <stdbool.h>

#include <tarn/indexer.h>
#include <tarn/selector.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- all, by namespace --------------------------------------------------------------------------------- */

/* Called for each object found, which is borrowed during the call. Non-zero ends the walk with it. */
struct tarn_visitor {
    int (*fn)(void *ctx, const struct tarn_object *obj);
    void *ctx;
};

/*
 * Visit every object of s that sel matches (NULL: all). A selector of nothing scans nothing; one of everything looks at no label. An object
 * without metadata is TARN_E_NO_META, unless all are wanted; visits made before it stand (G-20).
 */
TARN_API TARN_MUST_CHECK int tarn_list_all(struct tarn_store *s, const struct tarn_selector *sel,
                                           const struct tarn_visitor *visitor, struct tarn_error *err);
/*
 * The same within a namespace ("": all). Uses the index "namespace"; without it every object is looked at, with the same result
 * (G-21).
 */
TARN_API TARN_MUST_CHECK int tarn_list_all_by_namespace(struct tarn_indexer *x, struct tarn_bytes ns,
                                                        const struct tarn_selector *sel, const struct tarn_visitor *visitor,
                                                        struct tarn_error *err);

/* Sort by key, bytewise (G-24). */
TARN_API void tarn_objects_sort_by_key(struct tarn_objects *l);

/* ---- the generic lister ---------------------------------------------------------------------------------- */

/* An indexer and the resource it holds, for messages; a plain value, borrows all. */
struct tarn_lister {
    struct tarn_indexer *indexer;
    struct tarn_bytes group; /* may be empty */
    struct tarn_bytes resource;
};

/* Those that sel matches. TARN_E_NO_META, TARN_E_NOMEM. Source: GenericLister.List. */
TARN_API TARN_MUST_CHECK int tarn_lister_list(const struct tarn_lister *l, const struct tarn_selector *sel,
                                              struct tarn_objects *ret, struct tarn_error *err);
/* Those of them in ns ("": all namespaces). Source: ByNamespace(ns).List. */
TARN_API TARN_MUST_CHECK int tarn_lister_list_namespace(const struct tarn_lister *l, struct tarn_bytes ns,
                                                        const struct tarn_selector *sel, struct tarn_objects *ret,
                                                        struct tarn_error *err);
/*
 * The object whose key is name (cluster-scoped, or a whole key), an owned reference. TARN_E_NOTFOUND with the message of the API's
 * NotFound Status (tarn_status_not_found makes the Status itself). Source: GenericLister.Get.
 */
TARN_API TARN_MUST_CHECK int tarn_lister_get(const struct tarn_lister *l, struct tarn_bytes name,
                                             const struct tarn_object **ret, struct tarn_error *err);
/* The object of key ns/name, also where ns is empty (then nothing is found). Source: ByNamespace(ns).Get. */
TARN_API TARN_MUST_CHECK int tarn_lister_get_namespace(const struct tarn_lister *l, struct tarn_bytes ns, struct tarn_bytes name,
                                                       const struct tarn_object **ret, struct tarn_error *err);

/* ---- who selects these labels? ------------------------------------------------------------------------------ */

struct tarn_selecting {
    struct tarn_bytes ns;           /* "": all namespaces */
    const char *selector_path;      /* where the selector stands: "spec.selector" */
    const struct tarn_value *labels; /* a map; NULL: no labels */
};

/*
 * The objects whose own selector matches the labels: services, controllers, sets, disruption budgets of a pod ... A selector is a map of
 * labels (Service, ReplicationController) or a LabelSelector (ReplicaSet, Deployment ...); an empty, missing or invalid one selects
 * nothing (G-8, G-9). Scans the namespace.
 */
TARN_API TARN_MUST_CHECK int tarn_list_selecting(struct tarn_indexer *x, const struct tarn_selecting *q,
                                                 struct tarn_objects *ret, struct tarn_error *err);

/* ---- pods, nodes, services ------------------------------------------------------------------------------------ */

/* The pods that sel matches; what says it is of another kind is passed over (G-1). By namespace: tarn_lister_list_namespace (G-2). */
TARN_API TARN_MUST_CHECK int tarn_pod_lister_list(struct tarn_indexer *pods, const struct tarn_selector *sel,
                                                  struct tarn_objects *ret, struct tarn_error *err);
/* Is an object of pod's key stored? A key error is returned (G-3). */
TARN_API TARN_MUST_CHECK int tarn_pod_lister_exists(struct tarn_indexer *pods, const struct tarn_object *pod, bool *ret,
                                                    struct tarn_error *err);

/* Every node (G-4). */
TARN_API TARN_MUST_CHECK int tarn_node_lister_list(struct tarn_indexer *nodes, struct tarn_objects *ret, struct tarn_error *err);
/* The node of this name, an owned reference. TARN_E_NOTFOUND `node 'x' is not in cache` (G-5). */
TARN_API TARN_MUST_CHECK int tarn_node_lister_get_node_info(struct tarn_indexer *nodes, struct tarn_bytes name,
                                                            const struct tarn_object **ret, struct tarn_error *err);
/* The nodes for which pred says yes (G-6). */
TARN_API TARN_MUST_CHECK int tarn_node_lister_list_condition(struct tarn_indexer *nodes,
                                                             bool (*pred)(void *ctx, const struct tarn_object *node), void *ctx,
                                                             struct tarn_objects *ret, struct tarn_error *err);

/* The services that sel matches (NULL: all) (G-7). */
TARN_API TARN_MUST_CHECK int tarn_service_lister_list(struct tarn_indexer *services, const struct tarn_selector *sel,
                                                      struct tarn_objects *ret, struct tarn_error *err);
/*
 * The services of the pod's namespace whose selector, not empty, matches the pod's labels (G-8). None is TARN_E_NOTFOUND
 * `could not find service for pod x in namespace n with labels: ...`, as in the original; who wants an empty list
 * instead asks tarn_list_selecting.
 */
TARN_API TARN_MUST_CHECK int tarn_service_lister_get_pod_services(struct tarn_indexer *services, const struct tarn_object *pod,
                                                                  struct tarn_objects *ret, struct tarn_error *err);

#ifdef __cplusplus
}
#endif
#endif
