#include "shim.h"

#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { PATH_MAX_BYTES = 1023 };

struct go_found go_get(struct tarn_snapshot *s, const char *resource, const char *key, size_t key_len)
{
    struct tarn_bytes k = {key, key_len};
    struct go_found f = {.obj = NULL};

    f.code = tarn_get_many(s, resource, &k, 1, &f.obj);
    return f;
}

struct go_text go_string(const struct tarn_object *obj, const char *path, size_t len)
{
    struct go_text t = {.code = TARN_E_INVAL};
    char copy[PATH_MAX_BYTES + 1];

    if (len > PATH_MAX_BYTES)
        return t;
    memcpy(copy, path, len);
    copy[len] = '\0';
    t.code = tarn_object_get_string(obj, copy, &t.text);
    return t;
}

/* The handlers in Go. It knows no const. */
extern int go_on_add(void *ctx, struct tarn_object *obj, bool initial);
extern int go_on_update(void *ctx, struct tarn_object *old, struct tarn_object *obj);
extern int go_on_delete(void *ctx, struct tarn_object *obj);
extern void go_on_gap(void *ctx);

static int on_add(void *ctx, const struct tarn_object *obj, bool initial)
{
    return go_on_add(ctx, (struct tarn_object *)obj, initial);
}

static int on_update(void *ctx, const struct tarn_object *old, const struct tarn_object *obj)
{
    return go_on_update(ctx, (struct tarn_object *)old, (struct tarn_object *)obj);
}

static int on_delete(void *ctx, const struct tarn_object *obj)
{
    return go_on_delete(ctx, (struct tarn_object *)obj);
}

int go_watch(struct tarn_informer *inf, const char *resource, const char *ns, const struct tarn_selector *labels,
             const struct tarn_field_selector *fields, uint32_t resync_ms, bool every_change, uintptr_t handle, unsigned *ret_id,
             struct tarn_error *err)
{
    const struct tarn_informer_watch w = {
        .resource = resource,
        .ns = ns,
        .labels = labels,
        .fields = fields,
        .handler = {.on_add = on_add, .on_update = on_update, .on_delete = on_delete, .ctx = (void *)handle},
        .resync_ms = resync_ms,
        .every_change = every_change,
        .on_gap = go_on_gap,
    };

    return tarn_informer_watch(inf, &w, ret_id, err);
}

int go_stop_new(void)
{
    return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

void go_stop_free(int stop)
{
    close(stop);
}

void go_stop(int stop)
{
    (void)eventfd_write(stop, 1);
}

int go_stop_wait(int fd, int stop)
{
    struct pollfd p[] = {{.fd = fd, .events = POLLIN}, {.fd = stop, .events = POLLIN}};
    eventfd_t value;

    (void)poll(p, 2, -1);
    return eventfd_read(stop, &value) == 0;
}
