/* json_text.c - see json_text.h. */
#include "json_text.h"

int tarn_json_quote(struct tarn_buf *out, struct tarn_bytes b)
{
    int rc = tarn_buf_adds(out, "\"");

    for (size_t i = 0; !rc && i < b.len; i++) {
        unsigned char c = (unsigned char)b.data[i];

        if (c == '"' || c == '\\')
            rc = tarn_buf_addf(out, "\\%c", c);
        else if (c < 0x20)
            rc = tarn_buf_addf(out, "\\u%04x", c);
        else
            rc = tarn_buf_add(out, &b.data[i], 1);
    }
    return rc ? rc : tarn_buf_adds(out, "\"");
}
