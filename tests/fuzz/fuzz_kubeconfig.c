/* fuzz_kubeconfig.c - any bytes as a kubeconfig: it is read or refused with a message, nothing else. */
#include <stdint.h>
#include <stdlib.h>

#include "api_server.h"
#include "memory_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void read_as(const char *path, const char *context)
{
    struct tarn_api_server s = {0};
    struct tarn_error err = {0};
    int rc = tarn_kubeconfig_read(&s, path, context, &err);

    if (rc && (err.code != rc || !*err.message))
        abort(); /* a refusal says why */
    tarn_api_server_release(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const char *path = memory_file(data, n);

    read_as(path, NULL);
    read_as(path, "c");
    return 0;
}
