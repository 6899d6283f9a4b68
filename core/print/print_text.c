/* See print_text.h. */
#include "print_text.h"

#include <stdio.h>

#include <tarn/object.h>

void print_add(struct print_text *t, struct tarn_bytes bytes)
{
    if (!t->err)
        t->err = tarn_buf_add(t->out, bytes.data, bytes.len);
}

void print_adds(struct print_text *t, const char *s)
{
    print_add(t, tarn_bytes_of(s));
}

void print_addf(struct print_text *t, const char *fmt, ...)
{
    char line[256];
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    if (n < 0 || t->err)
        return;
    if ((size_t)n < sizeof line) {
        print_add(t, (struct tarn_bytes){line, (size_t)n});
        return;
    }
    t->err = tarn_buf_reserve(t->out, (size_t)n + 1);
    if (t->err)
        return;
    va_start(ap, fmt);
    t->out->len += (size_t)vsnprintf(t->out->data + t->out->len, (size_t)n + 1, fmt, ap);
    va_end(ap);
}

void print_or(struct print_text *t, size_t before, const char *none)
{
    if (t->out->len == before)
        print_adds(t, none);
}

void print_json_string(struct print_text *t, struct tarn_bytes bytes)
{
    const struct tarn_value v = {.type = TARN_STRING, .string = bytes};

    if (!t->err)
        t->err = tarn_value_to_json(&v, 0, t->out);
}
