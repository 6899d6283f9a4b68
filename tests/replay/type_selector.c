/* type_selector.c - label selectors: FORMAT section 5.5. */
#include "subject.h"

#include <stdlib.h>

#include <tarn/selector.h>

static void *make(const json_t *options)
{
    (void)options;
    return malloc(1);
}

/* An object that has these labels. */
static const struct tarn_object *labelled(json_t *labels)
{
    json_t *v = json_pack("{s:{s:s,s:O}}", "metadata", "name", "x", "labels", labels);
    const struct tarn_object *obj = replay_object(v);

    json_decref(v);
    return obj;
}

static void answer_match(json_t *answer, const struct tarn_selector *sel, const struct tarn_object *obj)
{
    struct tarn_buf text = {0};

    answer_bool(answer, "match", tarn_selector_matches(sel, obj));
    answer_bool(answer, "empty", tarn_selector_is_everything(sel));
    if (tarn_selector_print(sel, &text) == 0)
        json_object_set_new(answer, "string", json_stringn(text.len ? text.data : "", text.len));
    tarn_buf_release(&text);
}

static int op_match(void *subject, const json_t *in, json_t *answer)
{
    json_t *labels = json_object_get(in, "labels");
    const struct tarn_selector *sel = NULL;
    const struct tarn_object *obj;
    struct tarn_bytes text;
    int code;

    (void)subject;
    if (!json_is_object(labels) || replay_string(in, "selector", &text) || !(obj = labelled(labels)))
        return -1;
    code = tarn_selector_parse(text, &sel, NULL);
    answer_error(answer, code);
    if (code == 0)
        answer_match(answer, sel, obj);
    tarn_selector_free(sel);
    tarn_object_unref(obj);
    return 0;
}

static const struct replay_op ops[] = {{"match", op_match}, {0}};

const struct replay_type replay_selector = {"selector", make, free, {ops}};
