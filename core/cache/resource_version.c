/* resource_version.c - text and number of a resourceVersion. */
#include <tarn/resource_version.h>

/* The number of a decimal text of at most 64 bits, else 0. */
static uint64_t number_of(struct tarn_bytes text)
{
    uint64_t n = 0;

    for (size_t i = 0; i < text.len; i++) {
        unsigned digit = (unsigned)(text.data[i] - '0');

        if (digit > 9 || n > (UINT64_MAX - digit) / 10)
            return 0;
        n = n * 10 + digit;
    }
    return n;
}

int tarn_rv_set(struct tarn_rv *rv, struct tarn_bytes text)
{
    if (text.len > TARN_RV_BYTES_MAX)
        return TARN_E_SIZE;
    if (text.len)
        memmove(rv->text, text.data, text.len);
    rv->text[text.len] = '\0';
    rv->len = (uint8_t)text.len;
    rv->number = number_of(tarn_rv_bytes(rv));
    return 0;
}

int tarn_rv_set_of(struct tarn_rv *rv, const struct tarn_object *obj)
{
    uint64_t n = tarn_object_resource_version(obj);
    char digits[20]; /* of 2^64 - 1 */
    size_t at = sizeof digits;

    if (n == 0) /* absent, "0", or no number */
        return tarn_rv_set(rv, tarn_object_resource_version_text(obj));
    for (uint64_t rest = n; rest; rest /= 10)
        digits[--at] = (char)('0' + rest % 10);
    rv->number = n;
    rv->len = (uint8_t)(sizeof digits - at);
    memcpy(rv->text, digits + at, rv->len);
    rv->text[rv->len] = '\0';
    return 0;
}
