/* fuzz_api.c - what a caller of the read API sends: method, path and query; the Accept header; a continue token. Lines of the input, in
 * this order. Nothing may crash or read out of bounds; what is understood stays within the rules, and a token is printed as it was read. */
#include <stdlib.h>
#include <string.h>

#include "api_continue.h"
#include "api_fields.h"
#include "api_form.h"
#include "api_indent.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok)
        abort();
}

static struct tarn_bytes line(struct tarn_bytes *text)
{
    const char *end = text->len ? memchr(text->data, '\n', text->len) : NULL;
    struct tarn_bytes l = {text->data, end ? (size_t)(end - text->data) : text->len};

    text->data += l.len + (end != NULL);
    text->len -= l.len + (end != NULL);
    return l;
}

static void check_answer(const struct api_answer *a)
{
    struct tarn_status s;

    if (!a->code)
        return;
    must(a->code >= 400 && a->code < 600);
    must(tarn_status_from_json(api_answer_status(a), &s, NULL) == 0);
    must(s.code == (int32_t)a->code);
    tarn_status_release(&s);
}

static void check_request(struct tarn_bytes method, struct tarn_bytes target)
{
    static const char pod[] = "{\"metadata\":{\"name\":\"a\",\"namespace\":\"b\",\"labels\":{\"app\":\"web\"}},\"spec\":{\"nodeName\":\"n\"},\"status\":{\"phase\":\"Running\"}}";
    const struct tarn_object *obj;
    struct api_request r;

    must(api_request_parse(method, target, &r) == 0);
    must(r.place != API_AT_RESOURCE || (r.version.len && r.resource.len));
    must(r.verb != API_GET || r.place != API_AT_RESOURCE || r.name.len);
    must(*api_verb_text(r.verb) || r.verb == API_OTHER_VERB);
    must(tarn_object_from_json(TARN_BYTES(pod), &obj, NULL) == 0);
    (void)(tarn_selector_matches(r.labels, obj) && tarn_field_selector_matches(r.fields, obj));
    (void)api_request_access_namespace(&r);
    check_answer(&r.refusal);
    tarn_object_unref(obj);
    api_request_release(&r);
}

static void check_accept(struct tarn_bytes accept)
{
    for (unsigned i = 0; i < 4; i++) {
        struct api_accept a = {.accept = accept, .discovery = i & 1, .watch = i & 2};
        struct api_answer answer = {0};
        struct api_form form;

        must((api_form_negotiate(&a, &form, &answer) != 0) == (answer.code == 406));
        must(a.discovery || form.as != API_AS_DISCOVERY);
        must(!a.discovery || form.as == API_AS_DISCOVERY || form.as == API_AS_OBJECT);
        check_answer(&answer);
        api_answer_release(&answer);
    }
}

static void check_token(struct tarn_bytes text)
{
    char again[API_CONTINUE_TEXT_MAX];
    struct api_continue c, d;

    if (api_continue_parse(text, &c))
        return;
    must(c.key_len <= API_CONTINUE_KEY_MAX);
    must(api_continue_print(c.list, (struct tarn_bytes){c.key, c.key_len}, again));
    must(api_continue_parse(tarn_bytes_of(again), &d) == 0);
    must(c.key_len == d.key_len && memcmp(c.key, d.key, c.key_len) == 0 && memcmp(c.list, d.list, sizeof c.list) == 0);
}

static void check_indent(struct tarn_bytes text)
{
    struct api_indent state = {0};
    struct tarn_buf once = {0}, twice = {0};

    must(api_indent_add(&state, text, &once) == 0);
    state = (struct api_indent){0};
    for (size_t i = 0; i < text.len; i++)
        must(api_indent_add(&state, (struct tarn_bytes){text.data + i, 1}, &twice) == 0);
    must(tarn_bytes_equal(tarn_buf_bytes(&once), tarn_buf_bytes(&twice)));
    tarn_buf_release(&once);
    tarn_buf_release(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tarn_bytes text = {(const char *)data, size};
    struct tarn_bytes method = line(&text), target = line(&text), accept = line(&text), token = line(&text);

    if (size > 65536)
        return 0;
    check_request(method, target);
    check_accept(accept);
    check_token(token);
    if (size < 4096)
        check_indent((struct tarn_bytes){(const char *)data, size});
    return 0;
}
