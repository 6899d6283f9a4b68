/* fuzz_attach.c - any bytes as a packet of the attach socket; what decodes must encode to something that decodes to the same. */
#include <stdlib.h>
#include <string.h>

#include <tarn/attach.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tarn_buf one = {0}, two = {0};
    struct tarn_attach_message m;
    struct tarn_error err;

    if (tarn_attach_decode((struct tarn_bytes){(const char *)data, size}, &m, &err))
        return 0;
    if (!tarn_attach_encode(&m, &one)) {
        if (tarn_attach_decode(tarn_buf_bytes(&one), &m, &err) || tarn_attach_encode(&m, &two) ||
            !tarn_bytes_equal(tarn_buf_bytes(&one), tarn_buf_bytes(&two)))
            abort();
    }
    tarn_buf_release(&one);
    tarn_buf_release(&two);
    return 0;
}
