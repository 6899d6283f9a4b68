/* api_continue.c - base64url (RFC 4648, section 5) without padding, of: 1, the list, the key. */
#include "api_continue.h"

#define FORMAT 1u

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

bool api_continue_print(const uint8_t *list, struct tarn_bytes key, char *ret)
{
    uint8_t raw[1 + API_LIST_ID_BYTES + API_CONTINUE_KEY_MAX] = {FORMAT};
    size_t n = 1 + API_LIST_ID_BYTES + key.len;
    uint32_t acc = 0;
    unsigned bits = 0;

    if (key.len > API_CONTINUE_KEY_MAX)
        return false;
    memcpy(raw + 1, list, API_LIST_ID_BYTES);
    if (key.len)
        memcpy(raw + 1 + API_LIST_ID_BYTES, key.data, key.len);
    for (size_t i = 0; i < n; i++) {
        acc = acc << 8 | raw[i];
        for (bits += 8; bits >= 6; bits -= 6)
            *ret++ = alphabet[acc >> (bits - 6) & 63];
    }
    if (bits)
        *ret++ = alphabet[acc << (6 - bits) & 63];
    *ret = 0;
    return true;
}

int api_continue_parse(struct tarn_bytes text, struct api_continue *ret)
{
    uint8_t raw[1 + API_LIST_ID_BYTES + API_CONTINUE_KEY_MAX];
    uint32_t acc = 0;
    unsigned bits = 0;
    size_t n = 0;

    for (size_t i = 0; i < text.len; i++) {
        const char *c = text.data[i] ? strchr(alphabet, text.data[i]) : NULL;

        if (!c || n == sizeof raw)
            return TARN_E_SYNTAX;
        acc = acc << 6 | (uint32_t)(c - alphabet);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            raw[n++] = (uint8_t)(acc >> bits);
        }
    }
    if (n < 1 + API_LIST_ID_BYTES || raw[0] != FORMAT)
        return TARN_E_SYNTAX;
    memcpy(ret->list, raw + 1, API_LIST_ID_BYTES);
    ret->key_len = n - 1 - API_LIST_ID_BYTES;
    memcpy(ret->key, raw + 1 + API_LIST_ID_BYTES, ret->key_len);
    return 0;
}

bool api_continue_is_inconsistent(const struct api_continue *c)
{
    static const uint8_t zeros[API_LIST_ID_BYTES];

    return memcmp(c->list, zeros, sizeof zeros) == 0;
}
