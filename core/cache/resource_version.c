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
