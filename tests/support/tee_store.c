#include "tee_store.h"

#include <stdlib.h>

static struct tee_store *of(struct tarn_store *s)
{
    return (struct tee_store *)s;
}

static int count(struct tee_store *t, int rc)
{
    t->disagreements += rc != 0;
    return rc;
}

#define FIRST_THE_FAKE_ONE(call, ...)                                              \
    struct tee_store *t = of(s);                                                   \
    int rc = t->fake->store.ops->call(&t->fake->store, __VA_ARGS__);               \
                                                                                   \
    return rc < 0 ? rc : count(t, t->real->ops->call(t->real, __VA_ARGS__))

static int add(struct tarn_store *s, const struct tarn_object *obj, struct tarn_error *err)
{
    FIRST_THE_FAKE_ONE(add, obj, err);
}

static int update(struct tarn_store *s, const struct tarn_object *obj, struct tarn_error *err)
{
    FIRST_THE_FAKE_ONE(update, obj, err);
}

static int del(struct tarn_store *s, const struct tarn_object *obj, struct tarn_error *err)
{
    FIRST_THE_FAKE_ONE(del, obj, err);
}

static int replace_begin(struct tarn_store *s, struct tarn_error *err)
{
    FIRST_THE_FAKE_ONE(replace_begin, err);
}

static int replace_add(struct tarn_store *s, const struct tarn_object *obj, struct tarn_error *err)
{
    FIRST_THE_FAKE_ONE(replace_add, obj, err);
}

static int replace_remove(struct tarn_store *s, const struct tarn_object *obj, struct tarn_error *err)
{
    FIRST_THE_FAKE_ONE(replace_remove, obj, err);
}

static int replace_commit(struct tarn_store *s, struct tarn_bytes rv, struct tarn_error *err)
{
    struct tee_store *t = of(s);
    int rc = t->fake->store.ops->replace_commit(&t->fake->store, rv, err);

    if (rc == 0)
        return count(t, t->real->ops->replace_commit(t->real, rv, err));
    t->real->ops->replace_abort(t->real); /* a commit that fails has aborted */
    return rc;
}

static void replace_abort(struct tarn_store *s)
{
    of(s)->fake->store.ops->replace_abort(&of(s)->fake->store);
    of(s)->real->ops->replace_abort(of(s)->real);
}

static int resync(struct tarn_store *s, struct tarn_error *err)
{
    FIRST_THE_FAKE_ONE(resync, err);
}

static int bookmark(struct tarn_store *s, struct tarn_bytes rv)
{
    struct tee_store *t = of(s);

    (void)t->fake->store.ops->bookmark(&t->fake->store, rv);
    return t->real->ops->bookmark ? count(t, t->real->ops->bookmark(t->real, rv)) : 0;
}

struct tee_store tee_store_init(struct fake_store *fake, struct tarn_store *real)
{
    static const struct tarn_store_ops ops = {.add = add,
                                              .update = update,
                                              .del = del,
                                              .replace_begin = replace_begin,
                                              .replace_add = replace_add,
                                              .replace_remove = replace_remove,
                                              .replace_commit = replace_commit,
                                              .replace_abort = replace_abort,
                                              .resync = resync,
                                              .bookmark = bookmark};

    return (struct tee_store){.store.ops = &ops, .fake = fake, .real = real};
}

bool tee_store_agrees(struct tee_store *t)
{
    struct fake_table held = {.n = 0};
    struct tarn_objects list = {0};
    bool same;

    if (tarn_store_list(t->real, &list) < 0)
        abort();
    for (size_t i = 0; i < list.n; i++)
        fake_table_put(&held, list.v[i]);
    tarn_objects_release(&list);
    same = fake_table_equal(&held, &t->fake->now);
    fake_table_clear(&held);
    return same;
}
