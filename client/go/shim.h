/* What Go calls: keys as Go strings are (no NUL), results by value, so that nothing escapes to the heap. */
#ifndef TARN_GO_SHIM_H
#define TARN_GO_SHIM_H

#include <stdlib.h>
#include <tarn/tarn.h>

struct go_found {
    const struct tarn_object *obj;
    int code;
};
struct go_text {
    struct tarn_bytes text;
    int code;
};

struct go_found go_get(struct tarn_snapshot *s, const char *resource, const char *key, size_t key_len);
struct go_text go_string(const struct tarn_object *obj, const char *path, size_t len);

static inline struct tarn_iter *go_iter_new(void)
{
    return malloc(sizeof(struct tarn_iter));
}

/* Up to n objects of a walk in one call: a call from Go costs more than a step. */
static inline size_t go_iter_take(struct tarn_iter *it, const struct tarn_object **ret, size_t n)
{
    size_t i = 0;

    while (i < n && (ret[i] = tarn_iter_next(it)))
        i++;
    return i;
}

/* handle: what the exported handlers get as their context. */
int go_watch(struct tarn_informer *inf, const char *resource, const char *ns, const struct tarn_selector *labels,
             const struct tarn_field_selector *fields, uint32_t resync_ms, bool every_change, uintptr_t handle, unsigned *ret_id,
             struct tarn_error *err);

/* What makes Run return. new: a descriptor or -1. */
int go_stop_new(void);
void go_stop_free(int stop);
void go_stop(int stop);
/* Sleep until fd is readable: 0; or until the stop, which it takes back: 1. */
int go_stop_wait(int fd, int stop);

#endif
