/* type_threadsafe.c - ThreadSafeStore: FORMAT section 5.2. */
#include "subject.h"

#include <stdlib.h>

#include <tarn/thread_safe_store.h>

/* The shared questions go through an indexer's interface, whose operations are the store's own functions. */
struct subject {
    struct store_subject base; /* first: its store and indexer are `face` */
    struct tarn_indexer face;
    struct tarn_thread_safe_store *store;
};

static struct tarn_thread_safe_store *of(void *subject)
{
    return ((struct subject *)subject)->store;
}

/* x: the face, as an indexer or as a store. */
static struct tarn_thread_safe_store *store_of(void *x)
{
    return ((struct subject *)((char *)x - offsetof(struct subject, face)))->store;
}

static int face_list(struct tarn_store *s, struct tarn_objects *ret)
{
    return tarn_thread_safe_store_list(store_of(s), ret);
}

static int face_list_keys(struct tarn_store *s, struct tarn_keys *ret)
{
    return tarn_thread_safe_store_list_keys(store_of(s), ret);
}

static int face_index(struct tarn_indexer *x, const char *name, const struct tarn_object *obj, struct tarn_objects *ret,
                      struct tarn_error *err)
{
    return tarn_thread_safe_store_index(store_of(x), name, obj, ret, err);
}

static int face_index_keys(struct tarn_indexer *x, const char *name, struct tarn_bytes value, struct tarn_keys *ret,
                           struct tarn_error *err)
{
    return tarn_thread_safe_store_index_keys(store_of(x), name, value, ret, err);
}

static int face_by_index(struct tarn_indexer *x, const char *name, struct tarn_bytes value, struct tarn_objects *ret,
                         struct tarn_error *err)
{
    return tarn_thread_safe_store_by_index(store_of(x), name, value, ret, err);
}

static int face_values(struct tarn_indexer *x, const char *name, struct tarn_keys *ret)
{
    return tarn_thread_safe_store_list_index_values(store_of(x), name, ret);
}

static int face_indexers(struct tarn_indexer *x, struct tarn_keys *ret)
{
    return tarn_thread_safe_store_indexers(store_of(x), ret);
}

static int face_add_indexers(struct tarn_indexer *x, const struct tarn_index_func *funcs, size_t n, struct tarn_error *err)
{
    return tarn_thread_safe_store_add_indexers(store_of(x), funcs, n, err);
}

static const struct tarn_store_ops face_store_ops = {.list = face_list, .list_keys = face_list_keys};
static const struct tarn_indexer_ops face_ops = {
    .index = face_index,
    .index_keys = face_index_keys,
    .by_index = face_by_index,
    .list_index_values = face_values,
    .indexers = face_indexers,
    .add_indexers = face_add_indexers,
};

static void *make(const json_t *options)
{
    struct subject *s = calloc(1, sizeof *s);
    struct tarn_index_func funcs[REPLAY_INDEXERS_MAX];
    size_t n = 0;
    int err = replay_index_funcs(json_object_get(options, "indexers"), funcs, REPLAY_INDEXERS_MAX, &n);

    if (!err)
        err = tarn_thread_safe_store_new(&(struct tarn_thread_safe_store_options){.indexers = funcs, .indexer_count = n},
                                         &s->store, NULL);
    s->face = (struct tarn_indexer){.store = {.ops = &face_store_ops}, .ops = &face_ops};
    s->base = (struct store_subject){.store = &s->face.store, .indexer = &s->face};
    if (!err)
        return s;
    free(s);
    return NULL;
}

static void drop(void *subject)
{
    tarn_thread_safe_store_free(of(subject));
    free(subject);
}

/* ---- operations ---------------------------------------------------------------------------------- */

/* A difference in n would hide the error of a change: so it is shown as n. */
static int changed(void *s, int code, json_t *answer)
{
    if (code)
        answer_error(answer, code);
    answer_int(answer, "n", tarn_thread_safe_store_count(of(s)));
    return 0;
}

static int op_add(void *s, const json_t *in, json_t *answer)
{
    const struct tarn_object *obj;
    struct tarn_bytes key;
    int code;

    if (replay_string(in, "key", &key) || replay_object_member(in, "obj", &obj))
        return -1;
    code = tarn_thread_safe_store_add(of(s), key, obj, NULL);
    tarn_object_unref(obj);
    return changed(s, code, answer);
}

static int op_delete(void *s, const json_t *in, json_t *answer)
{
    struct tarn_bytes key;

    if (replay_string(in, "key", &key))
        return -1;
    return changed(s, tarn_thread_safe_store_delete(of(s), key, NULL), answer);
}

static int op_get(void *s, const json_t *in, json_t *answer)
{
    const struct tarn_object *found = NULL;
    struct tarn_bytes key;
    int code;

    if (replay_string(in, "key", &key))
        return -1;
    code = tarn_thread_safe_store_get(of(s), key, &found);
    return answer_found(answer, code, found);
}

static int add_item(void *s, const char *key, size_t len, const json_t *item)
{
    const struct tarn_object *obj = replay_object(item);
    int code;

    if (!obj)
        return TARN_E_INVAL;
    code = tarn_thread_safe_store_replace_add(of(s), (struct tarn_bytes){key, len}, obj, NULL);
    tarn_object_unref(obj);
    return code;
}

static int op_replace(void *s, const json_t *in, json_t *answer)
{
    json_t *items = json_object_get(in, "items"), *item;
    struct tarn_bytes rv;
    const char *key;
    size_t len;
    int code;

    if (!json_is_object(items) || replay_string(in, "resourceVersion", &rv))
        return -1;
    code = tarn_thread_safe_store_replace_begin(of(s), NULL);
    if (code)
        return changed(s, code, answer);
    json_object_keylen_foreach(items, key, len, item) {
        code = add_item(s, key, len, item);
        if (code)
            break;
    }
    if (code)
        tarn_thread_safe_store_replace_abort(of(s));
    else
        code = tarn_thread_safe_store_replace_commit(of(s), rv, NULL);
    return changed(s, code, answer);
}

static int op_resync(void *s, const json_t *in, json_t *answer)
{
    (void)s; /* S-9: nothing to do */
    (void)in;
    answer_error(answer, 0);
    return 0;
}

static const struct replay_op ops[] = {
    {"add", op_add}, {"update", op_add},       {"delete", op_delete}, {"get", op_get},
    {"replace", op_replace}, {"resync", op_resync}, {0},
};

const struct replay_type replay_threadsafe = {"threadsafe", make, drop, {ops, replay_store_ops, replay_indexer_ops}};
