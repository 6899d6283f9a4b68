/* bytes.c - the growing buffer. */
#include <tarn/bytes.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void tarn_buf_release(struct tarn_buf *b)
{
    free(b->data);
    *b = (struct tarn_buf){0};
}

int tarn_buf_reserve(struct tarn_buf *b, size_t n)
{
    size_t want, cap = b->cap ? b->cap : 64;
    char *p;

    if (n <= b->cap - b->len)
        return 0;
    if (n > SIZE_MAX / 2 - b->len)
        return TARN_E_NOMEM;
    want = b->len + n;
    while (cap < want)
        cap *= 2;
    p = realloc(b->data, cap);
    if (!p)
        return TARN_E_NOMEM;
    b->data = p;
    b->cap = cap;
    return 0;
}

int tarn_buf_add(struct tarn_buf *b, const void *data, size_t n)
{
    int err = tarn_buf_reserve(b, n);

    if (err)
        return err;
    if (n)
        memcpy(b->data + b->len, data, n);
    b->len += n;
    return 0;
}

int tarn_buf_addf(struct tarn_buf *b, const char *fmt, ...)
{
    va_list ap;
    int n, err;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0)
        return TARN_E_INVAL;
    err = tarn_buf_reserve(b, (size_t)n + 1);
    if (err)
        return err;
    va_start(ap, fmt);
    (void)vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->len += (size_t)n;
    return 0;
}
