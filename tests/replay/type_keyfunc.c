/* type_keyfunc.c - key functions: FORMAT section 5.5. */
#include "subject.h"

#include <stdlib.h>

#include <tarn/key.h>

/* The functions have no state: the subject is only a place. */
static void *make(const json_t *options)
{
    (void)options;
    return malloc(1);
}

static json_t *string_of(struct tarn_bytes b)
{
    return json_stringn(b.len ? b.data : "", b.len);
}

static int key_answer(const struct tarn_key_func *f, const json_t *in, json_t *answer)
{
    const struct tarn_object *obj;
    struct tarn_buf scratch = {0};
    struct tarn_bytes key;
    int code;

    if (replay_object_member(in, "obj", &obj))
        return -1;
    code = f->fn(f->ctx, obj, &scratch, &key);
    answer_error(answer, code);
    if (code == 0)
        json_object_set_new(answer, "key", string_of(key));
    tarn_buf_release(&scratch);
    tarn_object_unref(obj);
    return 0;
}

static int op_meta_namespace_key(void *subject, const json_t *in, json_t *answer)
{
    struct tarn_key_func f = tarn_key_func_meta_namespace();

    (void)subject;
    return key_answer(&f, in, answer);
}

static int op_deletion_handling_key(void *subject, const json_t *in, json_t *answer)
{
    struct tarn_key_func f = tarn_key_func_deletion_handling();

    (void)subject;
    return key_answer(&f, in, answer);
}

static int op_split_key(void *subject, const json_t *in, json_t *answer)
{
    struct tarn_object_name name;
    struct tarn_bytes key;
    int code;

    (void)subject;
    if (replay_string(in, "key", &key))
        return -1;
    code = tarn_key_split(key, &name, NULL);
    answer_error(answer, code);
    if (code == 0) {
        json_object_set_new(answer, "namespace", string_of(name.namespace_));
        json_object_set_new(answer, "name", string_of(name.name));
    }
    return 0;
}

static int op_index_to_key(void *subject, const json_t *in, json_t *answer)
{
    const struct tarn_index_func *index = replay_index_func(json_string_value(json_object_get(in, "index")));
    struct tarn_key_func f;

    (void)subject;
    if (!index)
        return -1;
    f = tarn_key_func_from_index(index);
    return key_answer(&f, in, answer);
}

static const struct replay_op ops[] = {
    {"metaNamespaceKey", op_meta_namespace_key},
    {"deletionHandlingKey", op_deletion_handling_key},
    {"splitKey", op_split_key},
    {"indexToKey", op_index_to_key},
    {0},
};

const struct replay_type replay_keyfunc = {"keyfunc", make, free, {ops}};
