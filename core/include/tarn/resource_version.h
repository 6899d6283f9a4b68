/* tarn/resource_version.h - a resourceVersion: the server's text, and its number where it is one.
 *
 * The text is what requests carry; the number only serves to notice that it went back (an API server
 * restored from a backup). A plain struct, copied by assignment. Source: the API conventions, which
 * since Kubernetes 1.35 allow comparing resourceVersions as integers.
 */
#ifndef TARN_RESOURCE_VERSION_H
#define TARN_RESOURCE_VERSION_H

#include <stdbool.h>
#include <stdint.h>

#include <tarn/object.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TARN_RV_BYTES_MAX 126

struct tarn_rv {
    uint64_t number; /* 0 unless the text is a decimal number of 64 bits */
    uint8_t len;     /* 0: none */
    char text[TARN_RV_BYTES_MAX + 1];
};

/* Set rv from text. 0, or TARN_E_SIZE (longer than TARN_RV_BYTES_MAX; rv is as before). */
TARN_API TARN_MUST_CHECK int tarn_rv_set(struct tarn_rv *rv, struct tarn_bytes text);
/* Set rv to that of obj; "" if it has none. Errors as tarn_rv_set. Takes the number of the object's header where there is one,
 * which is many times faster than looking its text up, and the same text for every number an API server writes. */
TARN_API TARN_MUST_CHECK int tarn_rv_set_of(struct tarn_rv *rv, const struct tarn_object *obj);

/* The text of rv, "" if it has none; borrowed from rv. */
static inline struct tarn_bytes tarn_rv_bytes(const struct tarn_rv *rv)
{
    return (struct tarn_bytes){.data = rv->text, .len = rv->len};
}
/* Is it "" or "0", the two that do not name a moment? */
static inline bool tarn_rv_is_open(const struct tarn_rv *rv)
{
    return rv->len == 0 || (rv->len == 1 && rv->text[0] == '0');
}
/* Do both have a number, and is a's the smaller? */
static inline bool tarn_rv_older(const struct tarn_rv *a, const struct tarn_rv *b)
{
    return a->number != 0 && a->number < b->number;
}

#ifdef __cplusplus
}
#endif
#endif
