/* type_queue.c - FIFO, DeltaFIFO and RealFIFO: FORMAT section 5.4. */
#include "subject.h"

#include <stdlib.h>
#include <string.h>

#include <tarn/cache.h>
#include <tarn/delta_fifo.h>
#include <tarn/fifo.h>
#include <tarn/key.h>
#include <tarn/the_real_fifo.h>

struct subject {
    struct store_subject base; /* first: the queue as a store */
    struct tarn_queue *queue;
    struct tarn_fifo *fifo; /* one of these three */
    struct tarn_delta_fifo *delta_fifo;
    struct tarn_real_fifo *real_fifo;
    struct tarn_indexer *known; /* the known store */
    struct tarn_keys ghosts;    /* listed by the known objects, and not found */
    bool has_known;             /* the queue compares with it */
};

/* ---- the known objects ---------------------------------------------------------------------------- */

/* Store keys and ghosts, each once, sorted: the order of a Replace's deletions hangs on it. */
static int known_list_keys(void *ctx, struct tarn_keys *ret)
{
    struct subject *s = ctx;
    size_t kept = 0;
    int err = tarn_store_list_keys(&s->known->store, ret);

    for (size_t i = 0; !err && i < s->ghosts.n; i++)
        err = tarn_keys_add(ret, s->ghosts.v[i]);
    tarn_keys_sort(ret);
    for (size_t i = 0; i < ret->n; i++)
        if (kept == 0 || !tarn_bytes_equal(ret->v[kept - 1], ret->v[i]))
            ret->v[kept++] = ret->v[i];
    ret->n = kept;
    return err;
}

static int known_get(void *ctx, struct tarn_bytes key, const struct tarn_object **ret)
{
    return tarn_store_get_by_key(&((struct subject *)ctx)->known->store, key, ret, NULL);
}

static struct tarn_known_objects known_objects(struct subject *s)
{
    return (struct tarn_known_objects){.list_keys = known_list_keys, .get_by_key = known_get, .ctx = s};
}

/* ---- making ------------------------------------------------------------------------------------------ */

static void drop(void *subject)
{
    struct subject *s = subject;

    if (s->queue)
        tarn_store_free(&s->queue->store);
    if (s->known)
        tarn_store_free(&s->known->store);
    tarn_keys_release(&s->ghosts);
    free(s);
}

static struct subject *subject_new(void)
{
    struct subject *s = calloc(1, sizeof *s);
    struct tarn_cache_options o = {.key = tarn_key_func_deletion_handling()};

    if (s && tarn_cache_new(&o, &s->known, NULL) == 0)
        return s;
    free(s);
    return NULL;
}

static void *made(struct subject *s, int err, struct tarn_queue *q)
{
    if (err) {
        drop(s);
        return NULL;
    }
    s->queue = q;
    s->base.store = &q->store;
    return s;
}

static void *make_fifo(const json_t *options)
{
    struct subject *s = subject_new();
    int err = tarn_fifo_new(NULL, &s->fifo, NULL);

    (void)options;
    return made(s, err, err ? NULL : tarn_fifo_queue(s->fifo));
}

static void *make_delta_fifo(const json_t *options)
{
    struct subject *s = subject_new();
    const char *known = json_string_value(json_object_get(options, "knownObjects"));
    struct tarn_delta_fifo_options o = {.emit_replaced = json_is_true(json_object_get(options, "emitDeltaTypeReplaced"))};
    int err = replay_transform(json_object_get(options, "transformer"), &o.transform);

    s->has_known = known && strcmp(known, "store") == 0;
    if (s->has_known)
        o.known = known_objects(s);
    if (!err)
        err = tarn_delta_fifo_new(&o, &s->delta_fifo, NULL);
    return made(s, err, err ? NULL : tarn_delta_fifo_queue(s->delta_fifo));
}

static void *make_real_fifo(const json_t *options)
{
    struct subject *s = subject_new();
    struct tarn_real_fifo_options o = {.known = known_objects(s), .original_replace = true};
    int err = replay_transform(json_object_get(options, "transformer"), &o.transform);

    s->has_known = true;
    if (!err)
        err = tarn_real_fifo_new(&o, &s->real_fifo, NULL);
    return made(s, err, err ? NULL : tarn_real_fifo_queue(s->real_fifo));
}

/* ---- changes -------------------------------------------------------------------------------------------- */

static int fifo_add_if_not_present(struct tarn_store *store, const struct tarn_object *obj, struct tarn_error *err)
{
    return tarn_fifo_add_if_not_present((struct tarn_fifo *)store, obj, err); /* a fifo begins with its store */
}

/* The original takes anything and refuses what is no Deltas; C cannot say that but by a delta without object. */
static int add_deltas_if_not_present(struct subject *s, const json_t *in, json_t *answer)
{
    const json_t *array = json_object_get(in, "deltas");
    size_t n = array ? json_array_size(array) : 1;
    struct tarn_delta *v = calloc(n + 1, sizeof *v);
    int code;

    if (array && (!json_is_array(array) || replay_deltas(array, v))) {
        free(v);
        return -1;
    }
    code = tarn_delta_fifo_add_if_not_present(s->delta_fifo, &(struct tarn_deltas){.v = v, .n = n}, NULL);
    for (size_t i = 0; i < n; i++)
        tarn_object_unref(v[i].obj);
    free(v);
    return replay_queue_changed(s->queue, code, answer);
}

static int op_add_if_not_present(void *subject, const json_t *in, json_t *answer)
{
    struct subject *s = subject;

    if (s->delta_fifo)
        return add_deltas_if_not_present(s, in, answer);
    return replay_queue_change(s->queue, in, answer, fifo_add_if_not_present);
}

/* ---- looking --------------------------------------------------------------------------------------------- */

static int found_deltas(json_t *answer, int code, struct tarn_delta_list *l)
{
    answer_error(answer, code == TARN_E_NOTFOUND ? 0 : code);
    answer_bool(answer, "exists", code == 0);
    if (code == 0)
        json_object_set_new(answer, "obj", replay_deltas_json(l->v, l->n));
    tarn_delta_list_release(l);
    return 0;
}

static int op_get_deltas(void *subject, const json_t *in, json_t *answer)
{
    struct tarn_delta_list l = {0};
    const struct tarn_object *obj;
    int code;

    if (replay_object_member(in, "obj", &obj))
        return -1;
    code = tarn_delta_fifo_get(((struct subject *)subject)->delta_fifo, obj, &l, NULL);
    tarn_object_unref(obj);
    return found_deltas(answer, code, &l);
}

static int op_get_deltas_by_key(void *subject, const json_t *in, json_t *answer)
{
    struct tarn_delta_list l = {0};
    struct tarn_bytes key;

    if (replay_string(in, "key", &key))
        return -1;
    return found_deltas(answer, tarn_delta_fifo_get_by_key(((struct subject *)subject)->delta_fifo, key, &l), &l);
}

static int op_list_keys_in_order(void *subject, const json_t *in, json_t *answer)
{
    struct tarn_keys keys = {0};

    (void)in;
    if (tarn_store_list_keys(((struct subject *)subject)->base.store, &keys) == 0)
        answer_keys(answer, "keys", &keys);
    tarn_keys_release(&keys);
    return 0;
}

static int op_has_synced(void *subject, const json_t *in, json_t *answer)
{
    (void)in;
    answer_bool(answer, "synced", tarn_queue_has_synced(((struct subject *)subject)->queue));
    return 0;
}

static int op_is_closed(void *subject, const json_t *in, json_t *answer)
{
    (void)in;
    answer_bool(answer, "closed", tarn_queue_is_closed(((struct subject *)subject)->queue));
    return 0;
}

static int op_close(void *subject, const json_t *in, json_t *answer)
{
    tarn_queue_close(((struct subject *)subject)->queue);
    return op_is_closed(subject, in, answer);
}

/* ---- pops ---------------------------------------------------------------------------------------------------- */

struct pop {
    struct subject *s;
    const char *process; /* ok, error, requeue, requeue-error */
    bool processed, in_initial_list;
    json_t *popped; /* deltas, or the object of a FIFO */
    const struct tarn_object *obj; /* a FIFO's, owned */
};

static int apply(struct subject *s, const struct tarn_deltas *deltas, struct tarn_error *err)
{
    int code = 0;

    for (size_t i = 0; s->has_known && !code && i < deltas->n; i++)
        code = deltas->v[i].type == TARN_DELTA_DELETED ? tarn_store_delete(&s->known->store, deltas->v[i].obj, err)
                                                       : tarn_store_add(&s->known->store, deltas->v[i].obj, err);
    return code;
}

static int process(void *ctx, const struct tarn_deltas *deltas, bool in_initial_list, struct tarn_error *err)
{
    struct pop *p = ctx;

    p->processed = true;
    p->in_initial_list = in_initial_list;
    if (p->s->fifo)
        p->obj = tarn_object_ref(deltas->v[0].obj);
    else
        p->popped = replay_deltas_json(deltas->v, deltas->n);
    if (strcmp(p->process, "ok") == 0)
        return apply(p->s, deltas, err);
    if (strcmp(p->process, "error") == 0)
        return TARN_E_PROCESS;
    if (strcmp(p->process, "requeue-error") == 0)
        err->code = TARN_E_PROCESS; /* the inner error */
    return TARN_E_REQUEUE;
}

/* Pop once; -1 for a process function that is none. A pop that would block is an error of its own. */
static int pop(struct subject *s, struct pop *p, int *ret_code)
{
    static const char *const known[] = {"ok", "error", "requeue", "requeue-error"};
    bool is_known = false;

    for (size_t i = 0; p->process && i < sizeof known / sizeof *known; i++)
        is_known |= strcmp(p->process, known[i]) == 0;
    if (!is_known)
        return -1;
    p->s = s;
    if (tarn_queue_count(s->queue) == 0 && !tarn_queue_is_closed(s->queue))
        *ret_code = TARN_E_AGAIN; /* would wait for ever */
    else
        *ret_code = tarn_queue_pop(s->queue, &(struct tarn_process){.fn = process, .ctx = p}, NULL);
    return 0;
}

static int op_pop(void *subject, const json_t *in, json_t *answer)
{
    struct subject *s = subject;
    struct pop p = {.process = json_string_value(json_object_get(in, "process"))};
    int code;

    if (pop(s, &p, &code))
        return -1;
    answer_bool(answer, "processed", p.processed);
    if (p.processed) {
        answer_bool(answer, "inInitialList", p.in_initial_list);
        if (s->fifo)
            answer_object(answer, "obj", p.obj);
        else
            json_object_set(answer, "deltas", p.popped);
    }
    json_decref(p.popped);
    tarn_object_unref(p.obj);
    return replay_queue_changed(s->queue, code, answer);
}

static int compare_objects(const void *a, const void *b)
{
    json_t *x = replay_ref(*(const struct tarn_object *const *)a), *y = replay_ref(*(const struct tarn_object *const *)b);
    int c = strcmp(json_string_value(x), json_string_value(y));

    json_decref(x);
    json_decref(y);
    return c;
}

static void answer_set(json_t *answer, struct tarn_objects *objs, json_t *initial)
{
    json_t *array = json_array();

    if (objs->n)
        qsort(objs->v, objs->n, sizeof *objs->v, compare_objects);
    for (size_t i = 0; i < objs->n; i++)
        json_array_append_new(array, replay_object_json(objs->v[i]));
    json_object_set_new(answer, "objs", array);
    json_object_set_new(answer, "inInitialList", initial);
}

static int op_pop_set(void *subject, const json_t *in, json_t *answer)
{
    struct subject *s = subject;
    struct tarn_objects objs = {0};
    json_t *initial = json_array();
    json_int_t n = json_integer_value(json_object_get(in, "count"));
    int code = 0;

    for (json_int_t i = 0; !code && i < n; i++) {
        struct pop p = {.process = "ok"};

        if (pop(s, &p, &code) || code)
            break;
        json_array_append_new(initial, json_boolean(p.in_initial_list));
        code = tarn_objects_add(&objs, p.obj);
    }
    answer_set(answer, &objs, initial);
    tarn_objects_release(&objs);
    replay_queue_changed(s->queue, code, answer);
    if (!code)
        json_object_del(answer, "err"); /* the answer has one only where something went wrong */
    return 0;
}

/* ---- the known store -------------------------------------------------------------------------------------------- */

static int known_change(struct subject *s, const json_t *in, json_t *answer,
                        int (*change)(struct tarn_store *, const struct tarn_object *, struct tarn_error *))
{
    const struct tarn_object *obj;

    if (replay_object_member(in, "obj", &obj))
        return -1;
    answer_error(answer, change(&s->known->store, obj, NULL));
    tarn_object_unref(obj);
    return 0;
}

static int op_known_add(void *s, const json_t *in, json_t *answer)
{
    return known_change(s, in, answer, ((struct subject *)s)->known->store.ops->add);
}

static int op_known_delete(void *s, const json_t *in, json_t *answer)
{
    return known_change(s, in, answer, ((struct subject *)s)->known->store.ops->del);
}

static int op_known_ghost(void *subject, const json_t *in, json_t *answer)
{
    struct tarn_bytes key;

    (void)answer;
    return replay_string(in, "key", &key) ? -1 : tarn_keys_add(&((struct subject *)subject)->ghosts, key);
}

static int op_known_list(void *subject, const json_t *in, json_t *answer)
{
    (void)in;
    return answer_list(answer, &((struct subject *)subject)->known->store);
}

static const struct replay_op queue_ops[] = {
    {"hasSynced", op_has_synced},
    {"close", op_close},
    {"isClosed", op_is_closed},
    {"pop", op_pop},
    {"knownAdd", op_known_add},
    {"knownDelete", op_known_delete},
    {"knownGhost", op_known_ghost},
    {"knownList", op_known_list},
    {0},
};

static const struct replay_op fifo_ops[] = {
    {"addIfNotPresent", op_add_if_not_present}, {"popSet", op_pop_set}, {0}};

static const struct replay_op delta_ops[] = {
    {"addIfNotPresent", op_add_if_not_present},
    {"get", op_get_deltas},
    {"getByKey", op_get_deltas_by_key},
    {"listKeys", op_list_keys_in_order},
    {0},
};

/* The store's operations come last: what a queue answers differently is found before. */
const struct replay_type replay_fifo = {"fifo", make_fifo, drop, {replay_queue_ops, queue_ops, fifo_ops, replay_store_ops}};
const struct replay_type replay_delta_fifo = {"deltafifo", make_delta_fifo, drop, {replay_queue_ops, queue_ops, delta_ops, replay_store_ops}};
const struct replay_type replay_real_fifo = {"realfifo", make_real_fifo, drop, {replay_queue_ops, queue_ops}};
