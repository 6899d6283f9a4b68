/* queue_ops.c - the changes that every queue takes, for every type that has one: FORMAT section 5.4. */
#include "subject.h"

int replay_queue_changed(struct tarn_queue *q, int code, json_t *answer)
{
    answer_error(answer, code);
    answer_int(answer, "n", tarn_queue_count(q));
    answer_bool(answer, "synced", tarn_queue_has_synced(q));
    return 0;
}

int replay_queue_change(struct tarn_queue *q, const json_t *in, json_t *answer,
                        int (*change)(struct tarn_store *, const struct tarn_object *, struct tarn_error *))
{
    const struct tarn_object *obj;
    int code;

    if (replay_object_member(in, "obj", &obj))
        return -1;
    code = change(&q->store, obj, NULL);
    tarn_object_unref(obj);
    return replay_queue_changed(q, code, answer);
}

static struct tarn_queue *queue_of(void *subject)
{
    return (struct tarn_queue *)((struct store_subject *)subject)->store; /* a queue begins with its store */
}

static int op_add(void *s, const json_t *in, json_t *answer)
{
    return replay_queue_change(queue_of(s), in, answer, queue_of(s)->store.ops->add);
}

static int op_update(void *s, const json_t *in, json_t *answer)
{
    return replay_queue_change(queue_of(s), in, answer, queue_of(s)->store.ops->update);
}

static int op_delete(void *s, const json_t *in, json_t *answer)
{
    return replay_queue_change(queue_of(s), in, answer, queue_of(s)->store.ops->del);
}

static int op_replace(void *s, const json_t *in, json_t *answer)
{
    struct tarn_objects objs = {0};
    struct tarn_bytes rv;
    int code;

    if (replay_string(in, "resourceVersion", &rv) || replay_objects(json_object_get(in, "objs"), &objs))
        return -1;
    code = tarn_store_replace(&queue_of(s)->store, objs.v, objs.n, rv, NULL);
    tarn_objects_release(&objs);
    return replay_queue_changed(queue_of(s), code, answer);
}

static int op_resync(void *s, const json_t *in, json_t *answer)
{
    (void)in;
    return replay_queue_changed(queue_of(s), tarn_store_resync(&queue_of(s)->store, NULL), answer);
}

const struct replay_op replay_queue_ops[] = {
    {"add", op_add}, {"update", op_update}, {"delete", op_delete}, {"replace", op_replace}, {"resync", op_resync}, {0},
};
