/* type_store.c - store, undelta, expiration, indexer: FORMAT section 5.1. */
#include "subject.h"

#include <stdlib.h>
#include <string.h>

#include <tarn/cache.h>
#include <tarn/expiration_cache.h>
#include <tarn/undelta_store.h>

/* ---- the clock that stands still ---------------------------------------------------------------- */

static uint64_t now_ms(struct tarn_runtime *rt)
{
    return ((struct store_subject *)((char *)rt - offsetof(struct store_subject, rt)))->now_ms;
}

static const struct tarn_runtime_ops clock_ops = {.now_ms = now_ms};

/* ---- making ---------------------------------------------------------------------------------------- */

static struct store_subject *subject_new(void)
{
    struct store_subject *s = calloc(1, sizeof *s);

    if (s) {
        s->rt.ops = &clock_ops;
        s->now_ms = 1000000;
    }
    return s;
}

void store_subject_drop(void *subject)
{
    struct store_subject *s = subject;

    tarn_store_free(s->store);
    json_decref(s->pushes);
    free(s);
}

static void *made(struct store_subject *s, int err)
{
    if (!err)
        return s;
    free(s);
    return NULL;
}

static void *make_store(const json_t *options)
{
    struct store_subject *s = subject_new();
    struct tarn_indexer *x = NULL;
    int err = tarn_cache_new(NULL, &x, NULL);

    (void)options;
    if (!err)
        s->store = &x->store;
    return made(s, err);
}

void *store_subject_make_indexer(const json_t *options)
{
    struct store_subject *s = subject_new();
    struct tarn_index_func funcs[REPLAY_INDEXERS_MAX];
    size_t n = 0;
    int err = replay_index_funcs(json_object_get(options, "indexers"), funcs, REPLAY_INDEXERS_MAX, &n);

    if (!err)
        err = tarn_cache_new(&(struct tarn_cache_options){.indexers = funcs, .indexer_count = n}, &s->indexer, NULL);
    if (!err)
        s->store = &s->indexer->store;
    return made(s, err);
}

static void push(void *ctx, const struct tarn_objects *objs)
{
    struct store_subject *s = ctx;

    json_array_append_new(s->pushes, replay_sorted_refs(objs));
}

static void *make_undelta(const json_t *options)
{
    struct store_subject *s = subject_new();

    (void)options;
    s->pushes = json_array();
    return made(s, tarn_undelta_store_new((struct tarn_push_func){.fn = push, .ctx = s}, (struct tarn_key_func){0}, &s->store,
                                          NULL));
}

static void *make_expiration(const json_t *options)
{
    struct store_subject *s = subject_new();
    struct tarn_expiration_cache_options o = {
        .rt = &s->rt, .ttl_ms = json_integer_value(json_object_get(options, "ttlMs"))};

    return made(s, tarn_expiration_cache_new(&o, &s->store, NULL));
}

/* ---- operations of every store ------------------------------------------------------------------- */

/* The answer to a change: err, n and, of an UndeltaStore, what was pushed meanwhile. */
static int changed(struct store_subject *s, int code, json_t *answer)
{
    struct tarn_keys keys = {0};

    answer_error(answer, code);
    if (tarn_store_list_keys(s->store, &keys) == 0)
        answer_int(answer, "n", keys.n);
    tarn_keys_release(&keys);
    if (s->pushes) {
        json_object_set(answer, "pushes", s->pushes);
        json_decref(s->pushes);
        s->pushes = json_array();
    }
    return 0;
}

static int with_object(struct store_subject *s, const json_t *in, json_t *answer,
                       int (*change)(struct tarn_store *, const struct tarn_object *, struct tarn_error *))
{
    const struct tarn_object *obj;
    int code;

    if (replay_object_member(in, "obj", &obj))
        return -1;
    code = change(s->store, obj, NULL);
    tarn_object_unref(obj);
    return changed(s, code, answer);
}

static int op_add(void *s, const json_t *in, json_t *answer)
{
    return with_object(s, in, answer, ((struct store_subject *)s)->store->ops->add);
}

static int op_update(void *s, const json_t *in, json_t *answer)
{
    return with_object(s, in, answer, ((struct store_subject *)s)->store->ops->update);
}

static int op_delete(void *s, const json_t *in, json_t *answer)
{
    return with_object(s, in, answer, ((struct store_subject *)s)->store->ops->del);
}

static int op_replace(void *subject, const json_t *in, json_t *answer)
{
    struct store_subject *s = subject;
    struct tarn_objects objs = {0};
    struct tarn_bytes rv;
    int code;

    if (replay_string(in, "resourceVersion", &rv) || replay_objects(json_object_get(in, "objs"), &objs))
        return -1;
    code = tarn_store_replace(s->store, objs.v, objs.n, rv, NULL);
    tarn_objects_release(&objs);
    return changed(s, code, answer);
}

static int op_resync(void *subject, const json_t *in, json_t *answer)
{
    struct store_subject *s = subject;

    (void)in;
    return changed(s, tarn_store_resync(s->store, NULL), answer);
}

/* The answer to a get that came out with code. Takes over found. */
int answer_found(json_t *answer, int code, const struct tarn_object *found)
{
    answer_error(answer, code == TARN_E_NOTFOUND ? 0 : code);
    answer_bool(answer, "exists", code == 0);
    if (code == 0)
        answer_object(answer, "obj", found);
    tarn_object_unref(code ? NULL : found);
    return 0;
}

static int op_get(void *subject, const json_t *in, json_t *answer)
{
    struct store_subject *s = subject;
    const struct tarn_object *obj, *found = NULL;
    int code;

    if (replay_object_member(in, "obj", &obj))
        return -1;
    code = tarn_store_get(s->store, obj, &found, NULL);
    tarn_object_unref(obj);
    return answer_found(answer, code, found);
}

static int op_get_by_key(void *subject, const json_t *in, json_t *answer)
{
    struct store_subject *s = subject;
    const struct tarn_object *found = NULL;
    struct tarn_bytes key;
    int code;

    if (replay_string(in, "key", &key))
        return -1;
    code = tarn_store_get_by_key(s->store, key, &found, NULL);
    return answer_found(answer, code, found);
}

int answer_list(json_t *answer, struct tarn_store *store)
{
    struct tarn_objects objs = {0};

    if (tarn_store_list(store, &objs) == 0)
        answer_refs(answer, "list", &objs);
    tarn_objects_release(&objs);
    return 0;
}

int answer_list_keys(json_t *answer, struct tarn_store *store)
{
    struct tarn_keys keys = {0};

    if (tarn_store_list_keys(store, &keys) == 0) {
        tarn_keys_sort(&keys);
        answer_keys(answer, "keys", &keys);
    }
    tarn_keys_release(&keys);
    return 0;
}

static int op_list(void *subject, const json_t *in, json_t *answer)
{
    (void)in;
    return answer_list(answer, ((struct store_subject *)subject)->store);
}

static int op_list_keys(void *subject, const json_t *in, json_t *answer)
{
    (void)in;
    return answer_list_keys(answer, ((struct store_subject *)subject)->store);
}

static int op_advance(void *subject, const json_t *in, json_t *answer)
{
    struct store_subject *s = subject;
    const json_t *ms = json_object_get(in, "ms");

    (void)answer;
    if (!json_is_integer(ms))
        return -1;
    s->now_ms += (uint64_t)json_integer_value(ms);
    return 0;
}

/* ---- operations of an indexer ------------------------------------------------------------------------ */

static int op_index(void *s, const json_t *in, json_t *answer)
{
    return replay_index(((struct store_subject *)s)->indexer, in, answer);
}

static int op_by_index(void *s, const json_t *in, json_t *answer)
{
    return replay_by_index(((struct store_subject *)s)->indexer, in, answer);
}

static int op_index_keys(void *s, const json_t *in, json_t *answer)
{
    return replay_index_keys(((struct store_subject *)s)->indexer, in, answer);
}

static int op_list_values(void *s, const json_t *in, json_t *answer)
{
    return replay_list_values(((struct store_subject *)s)->indexer, in, answer);
}

static int op_add_indexers(void *s, const json_t *in, json_t *answer)
{
    return replay_add_indexers(((struct store_subject *)s)->indexer, in, answer);
}

static int op_get_indexers(void *s, const json_t *in, json_t *answer)
{
    (void)in;
    return replay_get_indexers(((struct store_subject *)s)->indexer, answer);
}

static int op_state(void *s, const json_t *in, json_t *answer)
{
    (void)in;
    return replay_index_state(((struct store_subject *)s)->indexer, answer);
}

const struct replay_op replay_store_ops[] = {
    {"add", op_add},   {"update", op_update}, {"delete", op_delete},         {"replace", op_replace}, {"resync", op_resync},
    {"get", op_get},   {"list", op_list},     {"getByKey", op_get_by_key},   {"listKeys", op_list_keys}, {0},
};

const struct replay_op replay_indexer_ops[] = {
    {"index", op_index},
    {"byIndex", op_by_index},
    {"indexKeys", op_index_keys},
    {"listIndexFuncValues", op_list_values},
    {"addIndexers", op_add_indexers},
    {"getIndexers", op_get_indexers},
    {"state", op_state},
    {0},
};

static const struct replay_op clock_moves[] = {{"advance", op_advance}, {0}};

const struct replay_type replay_store = {"store", make_store, store_subject_drop, {replay_store_ops}};
const struct replay_type replay_undelta = {"undelta", make_undelta, store_subject_drop, {replay_store_ops}};
const struct replay_type replay_expiration = {
    "expiration", make_expiration, store_subject_drop, {replay_store_ops, clock_moves}};
const struct replay_type replay_indexer = {
    "indexer", store_subject_make_indexer, store_subject_drop, {replay_store_ops, replay_indexer_ops}};
