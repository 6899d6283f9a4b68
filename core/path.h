/* path.h - the syntax of field paths: `a.b`, `a[0].b`, `a['key.with/dots']`, `a[*].b`. */
#ifndef TARN_CORE_PATH_H
#define TARN_CORE_PATH_H

#include <tarn/bytes.h>

enum tarn_step_kind {
    TARN_STEP_END,
    TARN_STEP_KEY,
    TARN_STEP_INDEX,
    TARN_STEP_EVERY, /* [*] */
};

struct tarn_step {
    enum tarn_step_kind kind;
    struct tarn_bytes key; /* borrowed from the path */
    uint32_t index;
};

/* Where a path is read; start with {.rest = path, .first = true}. */
struct tarn_path {
    const char *rest;
    bool first;
};

static inline struct tarn_path tarn_path_start(const char *path)
{
    return (struct tarn_path){.rest = path, .first = true};
}

/* The next step of p. 0, or TARN_E_INVAL where the path does not parse (an empty path does not). */
int tarn_path_next(struct tarn_path *p, struct tarn_step *ret);

#endif
