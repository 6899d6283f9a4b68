#include "cache_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_objects.h"

static void give_up(const char *what)
{
    fprintf(stderr, "cache_fixture: %s\n", what);
    abort();
}

/* ---- objects ---------------------------------------------------------------------------------- */

/* The part of word between open and close into out as JSON: `"a":"b",` each for labels, `"a",` for words. */
static void list_json(const char *word, char open, char close, const char *separators, char *out, size_t room)
{
    const char *from = strchr(word, open), *to = from ? strchr(from, close) : NULL;
    char text[256], *save = NULL;

    out[0] = 0;
    if (!to)
        return;
    snprintf(text, sizeof text, "%.*s", (int)(to - from - 1), from + 1);
    for (char *part = strtok_r(text, separators, &save); part; part = strtok_r(NULL, separators, &save)) {
        char *equals = open == '{' ? strchr(part, '=') : NULL;
        size_t n = strlen(out);

        if (equals)
            snprintf(out + n, room - n, "%s\"%.*s\":\"%s\"", n ? "," : "", (int)(equals - part), part, equals + 1);
        else
            snprintf(out + n, room - n, "%s\"%s\"", n ? "," : "", part);
    }
}

const struct tarn_object *thing(const char *word)
{
    char key[128], labels[512], words[512], *slash;
    size_t len = strcspn(word, "@{[");
    unsigned long rv = word[len] == '@' ? strtoul(word + len + 1, NULL, 10) : 0;
    char rv_json[64] = "";

    snprintf(key, sizeof key, "%.*s", (int)len, word);
    list_json(word, '{', '}', ",", labels, sizeof labels);
    list_json(word, '[', ']', " ", words, sizeof words);
    if (rv)
        snprintf(rv_json, sizeof rv_json, ",\"resourceVersion\":\"%lu\"", rv);
    slash = strchr(key, '/');
    if (slash)
        *slash = 0;
    return fake_object("{\"metadata\":{\"namespace\":\"%s\",\"name\":\"%s\"%s,\"labels\":{%s}},\"spec\":{\"words\":[%s]}}",
                       slash ? key : "", slash ? slash + 1 : key, rv_json, labels, words);
}

const struct tarn_object *thing_without_meta(void)
{
    return fake_object("{\"keyless\":true}");
}

const struct tarn_object *thing_key(const char *key)
{
    const struct tarn_object *obj;

    if (tarn_object_new_explicit_key(tarn_bytes_of(key), &obj))
        give_up("an explicit key");
    return obj;
}

const struct tarn_object *thing_tombstone(const char *key, const char *state_word)
{
    const struct tarn_object *state = state_word ? thing(state_word) : NULL, *obj;

    if (tarn_object_new_tombstone(tarn_bytes_of(key), state, &obj))
        give_up("a tombstone");
    tarn_object_unref(state);
    return obj;
}

/* ---- changes --------------------------------------------------------------------------------------- */

int with(struct tarn_store *s, int (*change)(struct tarn_store *, const struct tarn_object *, struct tarn_error *),
         const struct tarn_object *obj)
{
    int code = change(s, obj, NULL);

    tarn_object_unref(obj);
    return code;
}

int add(struct tarn_store *s, const char *word)
{
    return with(s, s->ops->add, thing(word));
}

int update(struct tarn_store *s, const char *word)
{
    return with(s, s->ops->update, thing(word));
}

int del(struct tarn_store *s, const char *word)
{
    return with(s, s->ops->del, thing(word));
}

int replace(struct tarn_store *s, const char *words)
{
    struct tarn_objects objs = {0};
    char text[1024], *save = NULL;
    int code;

    snprintf(text, sizeof text, "%s", words);
    for (char *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save))
        if (tarn_objects_add(&objs, strcmp(word, "keyless") == 0 ? thing_without_meta() : thing(word)))
            give_up("a list");
    code = tarn_store_replace(s, objs.v, objs.n, TARN_BYTES("1"), NULL);
    tarn_objects_release(&objs);
    return code;
}

/* ---- answers ---------------------------------------------------------------------------------------- */

static char answer[1 << 16];

/* Append to the answer. */
static void say(const char *separator, const char *text, size_t len)
{
    size_t n = strlen(answer);

    snprintf(answer + n, sizeof answer - n, "%s%.*s", n ? separator : "", (int)len, text);
}

static const char *failed(int code)
{
    snprintf(answer, sizeof answer, "error %s", tarn_error_name(code));
    return answer;
}

static void word_print(const struct tarn_object *obj, char *out, size_t room)
{
    struct tarn_bytes key = tarn_object_key(obj), rv = tarn_object_resource_version_text(obj);
    int n;

    if (tarn_object_flags(obj) & TARN_OBJECT_TOMBSTONE) {
        n = snprintf(out, room, "tombstone:%.*s:", TARN_BYTES_ARG(key));
        if (tarn_object_final_state(obj))
            word_print(tarn_object_final_state(obj), out + n, room - (size_t)n);
        else
            snprintf(out + n, room - (size_t)n, "null");
    } else if (tarn_object_flags(obj) & TARN_OBJECT_EXPLICIT_KEY) {
        snprintf(out, room, "key:%.*s", TARN_BYTES_ARG(key));
    } else {
        snprintf(out, room, "%.*s%s%.*s", TARN_BYTES_ARG(key), rv.len ? "@" : "", TARN_BYTES_ARG(rv));
    }
}

const char *word_of(const struct tarn_object *obj)
{
    word_print(obj, answer, sizeof answer);
    return answer;
}

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

const char *words_of(struct tarn_objects *objs)
{
    char(*words)[256] = calloc(objs->n + 1, sizeof *words);

    for (size_t i = 0; i < objs->n; i++)
        word_print(objs->v[i], words[i], sizeof *words);
    qsort(words, objs->n, sizeof *words, compare);
    answer[0] = 0;
    for (size_t i = 0; i < objs->n; i++)
        say(" ", words[i], strlen(words[i]));
    free(words);
    tarn_objects_release(objs);
    return answer;
}

static const char *keys_text(struct tarn_keys *keys, int code, bool sort)
{
    if (code)
        return failed(code);
    if (sort)
        tarn_keys_sort(keys);
    answer[0] = 0;
    for (size_t i = 0; i < keys->n; i++)
        say(" ", keys->v[i].len ? keys->v[i].data : "''", keys->v[i].len ? keys->v[i].len : 2);
    tarn_keys_release(keys);
    return answer;
}

const char *list_of(struct tarn_store *s)
{
    struct tarn_objects objs = {0};
    int code = tarn_store_list(s, &objs);

    return code ? failed(code) : words_of(&objs);
}

const char *keys_of(struct tarn_store *s)
{
    struct tarn_keys keys = {0};
    int code = tarn_store_list_keys(s, &keys);

    return keys_text(&keys, code, true);
}

const char *keys_in_order_of(struct tarn_store *s)
{
    struct tarn_keys keys = {0};
    int code = tarn_store_list_keys(s, &keys);

    return keys_text(&keys, code, false);
}

const char *got(struct tarn_store *s, const char *key)
{
    const struct tarn_object *obj = NULL;
    int code = tarn_store_get_by_key(s, tarn_bytes_of(key), &obj, NULL);

    if (code == TARN_E_NOTFOUND)
        return "none";
    if (code)
        return failed(code);
    word_of(obj);
    tarn_object_unref(obj);
    return answer;
}

const char *by_index(struct tarn_indexer *x, const char *name, const char *value)
{
    struct tarn_objects objs = {0};
    int code = tarn_indexer_by_index(x, name, tarn_bytes_of(value), &objs, NULL);

    return code ? failed(code) : words_of(&objs);
}

const char *index_keys(struct tarn_indexer *x, const char *name, const char *value)
{
    struct tarn_keys keys = {0};
    int code = tarn_indexer_index_keys(x, name, tarn_bytes_of(value), &keys, NULL);

    return keys_text(&keys, code, false);
}

const char *index_values(struct tarn_indexer *x, const char *name)
{
    struct tarn_keys keys = {0};
    int code = tarn_indexer_list_index_values(x, name, &keys);

    return keys_text(&keys, code, true);
}

const char *index_of(struct tarn_indexer *x, const char *name, const char *word)
{
    const struct tarn_object *obj = thing(word);
    struct tarn_objects objs = {0};
    int code = tarn_indexer_index(x, name, obj, &objs, NULL);

    tarn_object_unref(obj);
    return code ? failed(code) : words_of(&objs);
}

const char *rv_of(struct tarn_store *s)
{
    struct tarn_buf text = {0};
    int code = s->ops->last_resource_version(s, &text);

    if (code)
        return failed(code);
    answer[0] = 0;
    say("", text.len ? text.data : "", text.len);
    tarn_buf_release(&text);
    return answer;
}

/* ---- pops --------------------------------------------------------------------------------------------- */

static int tell(void *ctx, const struct tarn_deltas *deltas, bool in_initial_list, struct tarn_error *err)
{
    char word[256];

    (void)err;
    for (size_t i = 0; i < deltas->n; i++) {
        size_t n = (size_t)snprintf(word, sizeof word, "%s", tarn_delta_type_name(deltas->v[i].type));

        if (deltas->v[i].obj) {
            word[n] = ' ';
            word_print(deltas->v[i].obj, word + n + 1, sizeof word - n - 1);
        }
        say(i ? ", " : "; ", word, strlen(word));
    }
    if (in_initial_list)
        say(" ", "(initial)", 9);
    return *(int *)ctx;
}

static int pop_into_answer(struct tarn_queue *q, int code)
{
    int ret = tarn_queue_pop(q, &(struct tarn_process){.fn = tell, .ctx = &code}, NULL);

    if (ret == TARN_E_CLOSED)
        say("; ", "closed", 6);
    return ret;
}

const char *pop_returning(struct tarn_queue *q, int code, int *ret)
{
    int popped;

    answer[0] = 0;
    popped = pop_into_answer(q, code);
    if (ret)
        *ret = popped;
    return answer;
}

const char *pop(struct tarn_queue *q)
{
    return pop_returning(q, 0, NULL);
}

const char *pops(struct tarn_queue *q, size_t n)
{
    answer[0] = 0;
    for (size_t i = 0; i < n; i++)
        (void)pop_into_answer(q, 0);
    return answer;
}
