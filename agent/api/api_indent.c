/* api_indent.c - one state machine over the bytes. */
#include "api_indent.h"

static int line_begin(const struct api_indent *i, struct tarn_buf *out)
{
    int rc = tarn_buf_adds(out, "\n");

    for (unsigned d = 0; rc == 0 && d < i->depth; d++)
        rc = tarn_buf_adds(out, "  ");
    return rc;
}

/* How many bytes of the piece belong to the string that is open; it may end with the last of them. */
static size_t string_len(struct api_indent *i, struct tarn_bytes piece)
{
    size_t n = 0;

    while (n < piece.len && i->in_string) {
        char c = piece.data[n++];

        if (i->escaped)
            i->escaped = false;
        else if (c == '\\')
            i->escaped = true;
        else
            i->in_string = c != '"';
    }
    return n;
}

static int token_add(struct api_indent *i, char c, struct tarn_buf *out)
{
    bool closes = c == '}' || c == ']';
    int rc = 0;

    if (c == '\n')
        return 0;
    i->depth -= closes && i->depth;
    if (closes != i->opened)
        rc = line_begin(i, out);
    i->opened = c == '{' || c == '[';
    i->depth += i->opened;
    i->in_string = c == '"';
    if (rc == 0)
        rc = tarn_buf_add(out, &c, 1);
    if (rc == 0 && c == ',')
        rc = line_begin(i, out);
    return rc == 0 && c == ':' ? tarn_buf_adds(out, " ") : rc;
}

int api_indent_add(struct api_indent *i, struct tarn_bytes piece, struct tarn_buf *out)
{
    int rc = 0;

    for (size_t at = 0; rc == 0 && at < piece.len;) {
        struct tarn_bytes rest = {piece.data + at, piece.len - at};
        size_t n = string_len(i, rest);

        if (n)
            rc = tarn_buf_add(out, rest.data, n);
        else
            rc = token_add(i, piece.data[at], out);
        at += n ? n : 1;
    }
    return rc;
}

int api_indent_whole(struct tarn_buf *text)
{
    struct api_indent state = {0};
    struct tarn_buf out = {0};
    int rc = api_indent_add(&state, tarn_buf_bytes(text), &out);

    tarn_buf_release(text);
    *text = out;
    return rc;
}
