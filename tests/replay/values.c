/* values.c - objects, refs and deltas between JSON and the library. */
#include "replay.h"

#include <stdlib.h>
#include <string.h>

static struct tarn_bytes bytes_of(const json_t *s)
{
    return (struct tarn_bytes){.data = json_string_value(s), .len = json_string_length(s)};
}

static const struct tarn_object *tombstone(const json_t *v)
{
    const json_t *key = json_object_get(v, "key"), *last = json_object_get(v, "obj");
    const struct tarn_object *state = NULL, *obj = NULL;

    if (!json_is_string(key))
        return NULL;
    if (json_is_object(last) && !(state = replay_object(last)))
        return NULL;
    if (tarn_object_new_tombstone(bytes_of(key), state, &obj))
        obj = NULL;
    tarn_object_unref(state);
    return obj;
}

const struct tarn_object *replay_object(const json_t *v)
{
    const json_t *key = json_object_get(v, "explicitKey"), *last = json_object_get(v, "tombstone");
    const struct tarn_object *obj = NULL;
    char *text;

    if (!json_is_object(v))
        return NULL;
    if (last)
        return tombstone(last);
    if (json_is_string(key))
        return tarn_object_new_explicit_key(bytes_of(key), &obj) ? NULL : obj;
    text = json_dumps(v, JSON_COMPACT);
    if (!text || tarn_object_from_json(tarn_bytes_of(text), &obj, NULL))
        obj = NULL;
    free(text);
    return obj;
}

static json_t *string_of(struct tarn_bytes b)
{
    return json_stringn(b.len ? b.data : "", b.len);
}

json_t *replay_object_json(const struct tarn_object *obj)
{
    struct tarn_buf text = {0};
    json_t *v = NULL;

    if (!obj)
        return json_null();
    if (tarn_object_flags(obj) & TARN_OBJECT_EXPLICIT_KEY)
        return json_pack("{s:o}", "explicitKey", string_of(tarn_object_key(obj)));
    if (tarn_object_flags(obj) & TARN_OBJECT_TOMBSTONE)
        return json_pack("{s:{s:o,s:o}}", "tombstone", "key", string_of(tarn_object_key(obj)), "obj",
                         replay_object_json(tarn_object_final_state(obj)));
    if (tarn_object_to_json(obj, &text) == 0)
        v = json_loadb(text.data, text.len, JSON_ALLOW_NUL, NULL);
    tarn_buf_release(&text);
    return v;
}

static int ref_print(const struct tarn_object *obj, struct tarn_buf *out)
{
    struct tarn_bytes key = tarn_object_key(obj), rv = tarn_object_resource_version_text(obj);
    int err = 0;

    if (tarn_object_flags(obj) & TARN_OBJECT_TOMBSTONE) {
        err = tarn_buf_adds(out, "tombstone:");
        err = err ? err : tarn_buf_add(out, key.data, key.len);
        err = err ? err : tarn_buf_adds(out, ":");
        if (!err && tarn_object_final_state(obj))
            return ref_print(tarn_object_final_state(obj), out);
        return err ? err : tarn_buf_adds(out, "null");
    }
    err = tarn_buf_add(out, key.data, key.len);
    err = err ? err : tarn_buf_adds(out, "@");
    return err ? err : tarn_buf_add(out, rv.data, rv.len);
}

json_t *replay_ref(const struct tarn_object *obj)
{
    struct tarn_buf text = {0};
    json_t *v = ref_print(obj, &text) ? NULL : string_of(tarn_buf_bytes(&text));

    tarn_buf_release(&text);
    return v;
}

int replay_objects(const json_t *array, struct tarn_objects *ret)
{
    const json_t *v;
    size_t i;

    if (!json_is_array(array))
        return -1;
    json_array_foreach(array, i, v) {
        const struct tarn_object *obj = replay_object(v);

        if (!obj || tarn_objects_add(ret, obj)) {
            tarn_object_unref(obj);
            tarn_objects_release(ret);
            return -1;
        }
    }
    return 0;
}

int replay_string(const json_t *in, const char *name, struct tarn_bytes *ret)
{
    const json_t *s = json_object_get(in, name);

    if (!json_is_string(s))
        return -1;
    *ret = bytes_of(s);
    return 0;
}

int replay_object_member(const json_t *in, const char *name, const struct tarn_object **ret)
{
    const struct tarn_object *obj = replay_object(json_object_get(in, name));

    if (!obj)
        return -1;
    *ret = obj;
    return 0;
}

json_t *replay_deltas_json(const struct tarn_delta *v, size_t n)
{
    json_t *array = json_array();

    for (size_t i = 0; i < n; i++)
        json_array_append_new(array, json_pack("{s:s,s:o}", "type", tarn_delta_type_name(v[i].type), "obj",
                                               replay_object_json(v[i].obj)));
    return array;
}

static int delta_type(const char *name, enum tarn_delta_type *ret)
{
    for (enum tarn_delta_type t = TARN_DELTA_ADDED; t <= TARN_DELTA_SYNC; t++)
        if (name && strcmp(name, tarn_delta_type_name(t)) == 0) {
            *ret = t;
            return 0;
        }
    return -1;
}

int replay_deltas(const json_t *array, struct tarn_delta *v)
{
    const json_t *d;
    size_t i;

    json_array_foreach(array, i, d) {
        v[i] = (struct tarn_delta){0};
        if (delta_type(json_string_value(json_object_get(d, "type")), &v[i].type) ||
            replay_object_member(d, "obj", &v[i].obj)) {
            while (i-- > 0)
                tarn_object_unref(v[i].obj);
            return -1;
        }
    }
    return 0;
}

const char *replay_error_word(int code)
{
    static const struct {
        int code;
        const char *word;
    } words[] = {
        {0, ""},
        {TARN_E_KEY, "key-error"},
        {TARN_E_CLOSED, "closed"},
        {TARN_E_PROCESS, "process-error"},
        {TARN_E_TRANSFORM, "transform-error"},
        {TARN_E_INDEX_MISSING, "index-missing"},
        {TARN_E_INDEX_CONFLICT, "indexer-conflict"},
        {TARN_E_NOT_DELTAS, "not-deltas"},
        {TARN_E_NOTFOUND, "not-found"},
        {TARN_E_NO_META, "no-meta"},
        {TARN_E_KEY_FORMAT, "key-format"},
        {TARN_E_TOO_MANY_KEYS, "too-many-keys"},
        {TARN_E_NO_INDEX_KEYS, "no-index-keys"},
        {TARN_E_SELECTOR, "selector-invalid"},
    };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (words[i].code == code)
            return words[i].word;
    return tarn_error_name(code);
}

void answer_error(json_t *answer, int code)
{
    json_object_set_new(answer, "err", json_string(replay_error_word(code)));
}

void answer_int(json_t *answer, const char *name, size_t n)
{
    json_object_set_new(answer, name, json_integer((json_int_t)n));
}

void answer_bool(json_t *answer, const char *name, bool b)
{
    json_object_set_new(answer, name, json_boolean(b));
}

void answer_object(json_t *answer, const char *name, const struct tarn_object *obj)
{
    json_object_set_new(answer, name, replay_object_json(obj));
}

static int compare_strings(const void *a, const void *b)
{
    return strcmp(json_string_value(*(json_t *const *)a), json_string_value(*(json_t *const *)b));
}

json_t *replay_sorted_refs(const struct tarn_objects *objs)
{
    json_t **refs = calloc(objs->n + 1, sizeof *refs), *array = json_array();

    for (size_t i = 0; i < objs->n; i++)
        refs[i] = replay_ref(objs->v[i]);
    qsort(refs, objs->n, sizeof *refs, compare_strings);
    for (size_t i = 0; i < objs->n; i++)
        json_array_append_new(array, refs[i]);
    free(refs);
    return array;
}

void answer_refs(json_t *answer, const char *name, const struct tarn_objects *objs)
{
    json_object_set_new(answer, name, replay_sorted_refs(objs));
}

void answer_keys(json_t *answer, const char *name, const struct tarn_keys *keys)
{
    json_t *array = json_array();

    for (size_t i = 0; i < keys->n; i++)
        json_array_append_new(array, string_of(keys->v[i]));
    json_object_set_new(answer, name, array);
}
