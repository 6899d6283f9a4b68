/* path.c - reads field paths step by step; nothing is copied. */
#include "path.h"

/* A quoted key behind `[`: ['...'] or ["..."]; the quote that encloses it cannot stand inside. */
static int quoted_key(struct tarn_path *p, struct tarn_step *ret)
{
    const char *key = p->rest + 2, *end = strchr(key, p->rest[1]);

    if (!end || end[1] != ']')
        return TARN_E_INVAL;
    *ret = (struct tarn_step){.kind = TARN_STEP_KEY, .key = {.data = key, .len = (size_t)(end - key)}};
    p->rest = end + 2;
    return 0;
}

static int array_index(struct tarn_path *p, struct tarn_step *ret)
{
    const char *s = p->rest + 1;
    uint64_t n = 0;

    if (*s < '0' || *s > '9')
        return TARN_E_INVAL;
    for (; *s >= '0' && *s <= '9'; s++) {
        n = n * 10 + (uint64_t)(*s - '0');
        if (n > UINT32_MAX)
            return TARN_E_INVAL;
    }
    if (*s != ']')
        return TARN_E_INVAL;
    *ret = (struct tarn_step){.kind = TARN_STEP_INDEX, .index = (uint32_t)n};
    p->rest = s + 1;
    return 0;
}

static int bracket(struct tarn_path *p, struct tarn_step *ret)
{
    if (p->rest[1] == '\'' || p->rest[1] == '"')
        return quoted_key(p, ret);
    if (p->rest[1] != '*')
        return array_index(p, ret);
    if (p->rest[2] != ']')
        return TARN_E_INVAL;
    *ret = (struct tarn_step){.kind = TARN_STEP_EVERY};
    p->rest += 3;
    return 0;
}

int tarn_path_next(struct tarn_path *p, struct tarn_step *ret)
{
    bool first = p->first;
    size_t len;

    p->first = false;
    if (!*p->rest && !first) {
        *ret = (struct tarn_step){.kind = TARN_STEP_END};
        return 0;
    }
    if (*p->rest == '[')
        return bracket(p, ret);
    if (!first && *p->rest++ != '.')
        return TARN_E_INVAL;
    for (len = 0; p->rest[len] && p->rest[len] != '.' && p->rest[len] != '[' && p->rest[len] != ']';)
        len++;
    if (!len)
        return TARN_E_INVAL;
    *ret = (struct tarn_step){.kind = TARN_STEP_KEY, .key = {.data = p->rest, .len = len}};
    p->rest += len;
    return 0;
}
