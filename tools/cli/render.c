/* One object as text: JSON from the library's own writer, laid out as kubectl does; YAML through libyaml's emitter. */
#include "render.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "cli.h"

/* ---- JSON ------------------------------------------------------------------------------------ */

static void newline(struct tarn_buf *out, unsigned depth)
{
    cli_add(out, TARN_BYTES("\n"));
    for (unsigned i = 0; i < depth; i++)
        cli_add(out, TARN_BYTES("    "));
}

/* The end of the string that begins at text[i]. */
static size_t string_end(struct tarn_bytes text, size_t i)
{
    for (i++; i < text.len && text.data[i] != '"'; i++)
        if (text.data[i] == '\\')
            i++;
    return i + 1 < text.len ? i + 1 : text.len;
}

/* Lay out compact JSON with four blanks a level. Strings are copied, never looked into. */
static void lay_out(struct tarn_bytes text, unsigned depth, struct tarn_buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        bool empty = i + 1 < text.len && (text.data[i + 1] == '}' || text.data[i + 1] == ']');

        if (c == '"') {
            size_t end = string_end(text, i);

            cli_add(out, (struct tarn_bytes){text.data + i, end - i});
            i = end - 1;
            continue;
        }
        if ((c == '}' || c == ']') && i > 0 && text.data[i - 1] != '{' && text.data[i - 1] != '[')
            newline(out, --depth);
        cli_add(out, (struct tarn_bytes){&c, 1});
        if (c == ':')
            cli_add(out, TARN_BYTES(" "));
        else if (c == ',')
            newline(out, depth);
        else if ((c == '{' || c == '[') && !empty)
            newline(out, ++depth);
        else if (c == '{' || c == '[') {
            i++;
            cli_add(out, (struct tarn_bytes){text.data + i, 1});
        }
    }
}

int render_json(const struct tarn_value *root, unsigned depth, struct tarn_buf *out)
{
    struct tarn_buf text = {0};
    int r = tarn_value_to_json(root, 0, &text);

    if (r == 0)
        lay_out(tarn_buf_bytes(&text), depth, out);
    tarn_buf_release(&text);
    return r;
}

/* ---- YAML ------------------------------------------------------------------------------------ */

struct emitter {
    yaml_emitter_t y;
    struct tarn_buf *out;
};

static int write_out(void *ctx, unsigned char *data, size_t n)
{
    cli_add(((struct emitter *)ctx)->out, (struct tarn_bytes){(const char *)data, n});
    return 1;
}

/* libyaml fails only when memory is out or we emit nonsense. */
static void emit(struct emitter *e, yaml_event_t *event)
{
    if (!yaml_emitter_emit(&e->y, event))
        cli_out_of_memory();
}

/* Would a YAML reader take this plain text for something other than a string? */
static bool is_ambiguous(struct tarn_bytes s)
{
    static const char *const words[] = {"", "~", "null", "true", "false", "yes", "no", "on", "off", "y", "n", "=", "<<"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (s.len == strlen(words[i]) && (s.len == 0 || strncasecmp(s.data, words[i], s.len) == 0))
            return true;
    return isdigit((unsigned char)s.data[0]) || s.data[0] == '.' ||
           ((s.data[0] == '-' || s.data[0] == '+') && s.len > 1 && (isdigit((unsigned char)s.data[1]) || s.data[1] == '.'));
}

static void emit_text(struct emitter *e, struct tarn_bytes s, yaml_scalar_style_t style)
{
    yaml_event_t event;

    if (!yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)(s.len ? s.data : ""), (int)s.len, 1, 1, style))
        cli_out_of_memory();
    emit(e, &event);
}

static void emit_string(struct emitter *e, struct tarn_bytes s)
{
    yaml_scalar_style_t style = YAML_ANY_SCALAR_STYLE;

    if (s.len && memchr(s.data, '\n', s.len))
        style = YAML_LITERAL_SCALAR_STYLE;
    else if (is_ambiguous(s))
        style = YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    emit_text(e, s, style);
}

static void emit_value(struct emitter *e, const struct tarn_value *v);

static void emit_children(struct emitter *e, const struct tarn_value *v)
{
    struct tarn_value it = *v, child;
    struct tarn_bytes key;

    while (tarn_value_next(&it, &key, &child) == 1) {
        if (v->type == TARN_MAP)
            emit_string(e, key);
        emit_value(e, &child);
    }
}

/* Begin or end a mapping or sequence. */
static void emit_bracket(struct emitter *e, enum tarn_value_type type, bool begin, bool empty)
{
    yaml_event_t event;
    int ok;

    if (type == TARN_MAP)
        ok = begin ? yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, empty ? YAML_FLOW_MAPPING_STYLE : YAML_BLOCK_MAPPING_STYLE)
                   : yaml_mapping_end_event_initialize(&event);
    else
        ok = begin ? yaml_sequence_start_event_initialize(&event, NULL, NULL, 1,
                                                          empty ? YAML_FLOW_SEQUENCE_STYLE : YAML_BLOCK_SEQUENCE_STYLE)
                   : yaml_sequence_end_event_initialize(&event);
    if (!ok)
        cli_out_of_memory();
    emit(e, &event);
}

static void emit_value(struct emitter *e, const struct tarn_value *v)
{
    struct tarn_buf text = {0};

    switch (v->type) {
    case TARN_MAP:
    case TARN_ARRAY:
        emit_bracket(e, v->type, true, v->count == 0);
        emit_children(e, v);
        emit_bracket(e, v->type, false, false);
        return;
    case TARN_STRING:
        emit_string(e, v->string);
        return;
    default:
        if (tarn_value_to_json(v, 0, &text) != 0)
            cli_out_of_memory();
        emit_text(e, tarn_buf_bytes(&text), YAML_PLAIN_SCALAR_STYLE);
        tarn_buf_release(&text);
        return;
    }
}

/* The events around one document; root in the middle. */
static void emit_document(struct emitter *e, const struct tarn_value *root)
{
    yaml_event_t event;

    if (!yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING))
        cli_out_of_memory();
    emit(e, &event);
    if (!yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1))
        cli_out_of_memory();
    emit(e, &event);
    emit_value(e, root);
    if (!yaml_document_end_event_initialize(&event, 1))
        cli_out_of_memory();
    emit(e, &event);
    if (!yaml_stream_end_event_initialize(&event))
        cli_out_of_memory();
    emit(e, &event);
}

/* Make a document the item of a sequence: "- " before its first line, two blanks before the others. */
static void indent_item(struct tarn_bytes text, struct tarn_buf *out)
{
    size_t i = 0;

    while (i < text.len) {
        const char *end = memchr(text.data + i, '\n', text.len - i);
        size_t n = end ? (size_t)(end + 1 - (text.data + i)) : text.len - i;

        if (n > 1)
            cli_add(out, i == 0 ? TARN_BYTES("- ") : TARN_BYTES("  "));
        cli_add(out, (struct tarn_bytes){text.data + i, n});
        i += n;
    }
}

int render_yaml(const struct tarn_value *root, bool as_item, struct tarn_buf *out)
{
    struct tarn_buf text = {0};
    struct emitter e = {.out = &text};

    if (root->type != TARN_MAP)
        return TARN_E_CORRUPT;
    if (!yaml_emitter_initialize(&e.y))
        cli_out_of_memory();
    yaml_emitter_set_output(&e.y, write_out, &e);
    yaml_emitter_set_unicode(&e.y, 1);
    yaml_emitter_set_width(&e.y, -1);
    emit_document(&e, root);
    yaml_emitter_delete(&e.y);
    if (as_item)
        indent_item(tarn_buf_bytes(&text), out);
    else
        cli_add(out, tarn_buf_bytes(&text));
    tarn_buf_release(&text);
    return 0;
}
