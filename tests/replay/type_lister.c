/* type_lister.c - a generic lister for resource `things` on an indexer: FORMAT section 5.1. */
#include "subject.h"

#include <tarn/listers.h>

static struct tarn_lister lister_of(void *subject)
{
    struct store_subject *s = subject;

    return (struct tarn_lister){.indexer = s->indexer, .resource = TARN_BYTES("things")};
}

/* List what the line's selector selects, with ns (NULL: no namespace is asked for). */
static int list(void *subject, const json_t *in, const struct tarn_bytes *ns, json_t *answer)
{
    struct tarn_lister l = lister_of(subject);
    const struct tarn_selector *sel = NULL;
    struct tarn_objects objs = {0};
    struct tarn_bytes text;
    int code;

    if (replay_string(in, "selector", &text))
        return -1;
    code = tarn_selector_parse(text, &sel, NULL);
    if (!code)
        code = ns ? tarn_lister_list_namespace(&l, *ns, sel, &objs, NULL) : tarn_lister_list(&l, sel, &objs, NULL);
    answer_error(answer, code);
    if (!code)
        answer_refs(answer, "list", &objs);
    tarn_objects_release(&objs);
    tarn_selector_free(sel);
    return 0;
}

static int op_list(void *subject, const json_t *in, json_t *answer)
{
    return list(subject, in, NULL, answer);
}

static int op_list_namespace(void *subject, const json_t *in, json_t *answer)
{
    struct tarn_bytes ns;

    return replay_string(in, "namespace", &ns) ? -1 : list(subject, in, &ns, answer);
}

static int found(json_t *answer, int code, const struct tarn_object *obj)
{
    answer_error(answer, code);
    if (!code)
        answer_object(answer, "obj", obj);
    tarn_object_unref(obj);
    return 0;
}

static int op_get(void *subject, const json_t *in, json_t *answer)
{
    struct tarn_lister l = lister_of(subject);
    const struct tarn_object *obj = NULL;
    struct tarn_bytes name;
    int code;

    if (replay_string(in, "name", &name))
        return -1;
    code = tarn_lister_get(&l, name, &obj, NULL);
    return found(answer, code, obj);
}

static int op_get_namespace(void *subject, const json_t *in, json_t *answer)
{
    struct tarn_lister l = lister_of(subject);
    const struct tarn_object *obj = NULL;
    struct tarn_bytes ns, name;
    int code;

    if (replay_string(in, "namespace", &ns) || replay_string(in, "name", &name))
        return -1;
    code = tarn_lister_get_namespace(&l, ns, name, &obj, NULL);
    return found(answer, code, obj);
}

static const struct replay_op ops[] = {
    {"listerList", op_list},
    {"listerListNamespace", op_list_namespace},
    {"listerGet", op_get},
    {"listerGetNamespace", op_get_namespace},
    {0},
};

const struct replay_type replay_lister = {"lister", store_subject_make_indexer, store_subject_drop,
                                          {ops, replay_store_ops, replay_indexer_ops}};
