/* fuzz_config.c - any bytes as tarnd's configuration: refused with a message, or taken; what is taken prints to a file that
 * is taken again and prints the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "memory_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* 0: taken, and printed to out. */
static int load(const void *data, size_t n, struct tarn_buf *out)
{
    char program[] = "tarnd", flag[] = "--config", path[64];
    char *argv[] = {program, flag, strcpy(path, memory_file(data, n)), NULL};
    struct tarn_config c = {0};
    struct tarn_error err = {0};
    int rc = tarn_config_load(&c, 3, argv, &err);

    if (rc && !*err.message)
        abort();
    if (!rc && tarn_config_print(&c, out))
        abort();
    tarn_config_release(&c);
    return rc;
}

/* Each line less its comment, which says where the value came from. */
static void strip_comments(struct tarn_buf *text)
{
    size_t out = 0;

    for (size_t at = 0; at < text->len;) {
        char *line = text->data + at, *end = memchr(line, '\n', text->len - at), *cut = end;

        if (!end)
            abort();
        for (char *p = line; p + 3 <= end; p++)
            if (memcmp(p, " # ", 3) == 0 || (p == line && memcmp(p, "# ", 2) == 0))
                cut = p;
        memmove(text->data + out, line, (size_t)(cut - line));
        out += (size_t)(cut - line);
        text->data[out++] = '\n';
        at += (size_t)(end - line) + 1;
    }
    text->len = out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct tarn_buf once = {0}, twice = {0};

    if (load(data, n, &once) == 0) {
        if (load(once.data, once.len, &twice))
            abort();
        strip_comments(&once);
        strip_comments(&twice);
        if (!tarn_bytes_equal(tarn_buf_bytes(&once), tarn_buf_bytes(&twice)))
            abort();
    }
    tarn_buf_release(&once);
    tarn_buf_release(&twice);
    return 0;
}
