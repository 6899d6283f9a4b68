/* tarn/bytes.h - a borrowed run of bytes, and a buffer that grows.
 *
 * `struct tarn_bytes` owns nothing: whoever hands one out says how long it stays valid.
 * It is not NUL-terminated; print it with "%.*s" and TARN_BYTES_ARG(b).
 */
#ifndef TARN_BYTES_H
#define TARN_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <tarn/error.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tarn_bytes {
    const char *data; /* may be NULL when len is 0 */
    size_t len;
};

/* The bytes of a string literal. */
#define TARN_BYTES(literal) ((struct tarn_bytes){.data = (literal), .len = sizeof(literal) - 1})
#define TARN_BYTES_ARG(b) (int)(b).len, (b).len ? (b).data : ""

/* The bytes of a C string (NULL: no bytes); valid as long as the string. */
static inline struct tarn_bytes tarn_bytes_of(const char *s)
{
    return (struct tarn_bytes){.data = s, .len = s ? strlen(s) : 0};
}

/* The same bytes? Two empty runs are equal, wherever they point. By words, of which the last two may overlap: names and keys need no call. */
static inline bool tarn_bytes_equal(struct tarn_bytes a, struct tarn_bytes b)
{
    uint64_t x, y;
    uint32_t p[2], q[2];

    if (a.len != b.len)
        return false;
    if (a.len < 4 || a.len > 64)
        return a.len == 0 || memcmp(a.data, b.data, a.len) == 0;
    if (a.len < 8) {
        memcpy(&p[0], a.data, 4);
        memcpy(&q[0], b.data, 4);
        memcpy(&p[1], a.data + a.len - 4, 4);
        memcpy(&q[1], b.data + a.len - 4, 4);
        return ((p[0] ^ q[0]) | (p[1] ^ q[1])) == 0;
    }
    for (size_t i = 0; i + 8 < a.len; i += 8) {
        memcpy(&x, a.data + i, 8);
        memcpy(&y, b.data + i, 8);
        if (x != y)
            return false;
    }
    memcpy(&x, a.data + a.len - 8, 8);
    memcpy(&y, b.data + a.len - 8, 8);
    return x == y;
}

/* Bytewise order, a shorter prefix first: <0, 0, >0 as strcmp. */
static inline int tarn_bytes_compare(struct tarn_bytes a, struct tarn_bytes b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int c = n ? memcmp(a.data, b.data, n) : 0;

    return c ? c : (a.len > b.len) - (a.len < b.len);
}

/* A growing buffer. {0} is an empty one; release it with tarn_buf_release. */
struct tarn_buf {
    char *data;
    size_t len, cap;
};

/* Free the memory of b and make it empty. */
TARN_API void tarn_buf_release(struct tarn_buf *b);
/* Empty b, keep its memory. */
static inline void tarn_buf_clear(struct tarn_buf *b)
{
    b->len = 0;
}
/* Make room for n more bytes after len. 0 or TARN_E_NOMEM; on error b is as before. Amortised O(1). */
TARN_API TARN_MUST_CHECK int tarn_buf_reserve(struct tarn_buf *b, size_t n);
/* Append; 0 or TARN_E_NOMEM; on error b is as before. */
TARN_API TARN_MUST_CHECK int tarn_buf_add(struct tarn_buf *b, const void *data, size_t n);
/* Append formatted text, as printf. 0 or TARN_E_NOMEM; on error b is as before. */
TARN_API TARN_MUST_CHECK int tarn_buf_addf(struct tarn_buf *b, const char *fmt, ...) TARN_PRINTF(2, 3);
/* Append s (a C string). */
static inline TARN_MUST_CHECK int tarn_buf_adds(struct tarn_buf *b, const char *s)
{
    return tarn_buf_add(b, s, strlen(s));
}
/* The content as borrowed bytes, valid until b changes. */
static inline struct tarn_bytes tarn_buf_bytes(const struct tarn_buf *b)
{
    return (struct tarn_bytes){.data = b->data, .len = b->len};
}

#ifdef __cplusplus
}
#endif
#endif
