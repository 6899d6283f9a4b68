/* environment.c - see environment.h. */
#include "environment.h"

#include <stdlib.h>

#define NAME_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"
#define NAME_MAX_BYTES 255

/* at stands on "$(": the length of "$(NAME)", 0 where it is none. */
static size_t reference(const char *at)
{
    size_t n = strspn(at + 2, NAME_CHARS);

    return n && n <= NAME_MAX_BYTES && at[2 + n] == ')' ? n + 3 : 0;
}

static int add_value(struct tarn_buf *out, const char *text, const char *at, size_t n, struct tarn_error *err)
{
    char name[NAME_MAX_BYTES + 1];
    const char *value;

    memcpy(name, at + 2, n - 3);
    name[n - 3] = '\0';
    value = getenv(name);
    if (!value)
        return tarn_error_set(err, TARN_E_CONFIG, "environment variable %s is not set (byte %zu of '%s'); set it, or write $$(%s) if the text itself is meant",
                              name, (size_t)(at - text) + 1, text, name);
    return tarn_buf_adds(out, value);
}

static int expand(struct tarn_buf *out, const char *text, struct tarn_error *err)
{
    int rc = 0;

    for (const char *at = text; !rc && *at;) {
        size_t n = at[0] == '$' && at[1] == '(' ? reference(at) : 0;

        if (n) {
            rc = add_value(out, text, at, n, err);
        } else {
            n = at[0] == '$' && at[1] == '$' ? 2 : 1;
            rc = tarn_buf_add(out, at, 1);
        }
        at += n;
    }
    return rc;
}

int tarn_environment_expand(struct tarn_arena *arena, const char *text, const char **ret, struct tarn_error *err)
{
    struct tarn_buf out = {0};
    int rc = expand(&out, text, err);

    if (!rc) {
        *ret = tarn_arena_copy(arena, tarn_buf_bytes(&out));
        rc = *ret ? 0 : TARN_E_NOMEM;
    }
    tarn_buf_release(&out);
    return rc == TARN_E_NOMEM ? tarn_error_set(err, rc, "out of memory") : rc;
}
