#include "fake_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a table in order of keys ----------------------------------------------------------------- */

static size_t place(const struct fake_table *t, struct tarn_bytes key, bool *found)
{
    size_t i = 0;
    int c = 1;

    while (i < t->n && (c = tarn_bytes_compare(tarn_object_key(t->v[i]), key)) < 0)
        i++;
    *found = i < t->n && c == 0;
    return i;
}

const struct tarn_object *fake_table_find(const struct fake_table *t, struct tarn_bytes key)
{
    bool found;
    size_t i = place(t, key, &found);

    return found ? t->v[i] : NULL;
}

void fake_table_put(struct fake_table *t, const struct tarn_object *obj)
{
    bool found;
    size_t i = place(t, tarn_object_key(obj), &found);
    const struct tarn_object *own = tarn_object_ref(obj);

    if (!own || t->n == FAKE_STORE_MAX)
        abort();
    if (found) {
        tarn_object_unref(t->v[i]);
    } else {
        memmove(t->v + i + 1, t->v + i, (t->n - i) * sizeof *t->v);
        t->n++;
    }
    t->v[i] = own;
}

void fake_table_remove(struct fake_table *t, struct tarn_bytes key)
{
    bool found;
    size_t i = place(t, key, &found);

    if (!found)
        return;
    tarn_object_unref(t->v[i]);
    t->n--;
    memmove(t->v + i, t->v + i + 1, (t->n - i) * sizeof *t->v);
}

void fake_table_clear(struct fake_table *t)
{
    for (size_t i = 0; i < t->n; i++)
        tarn_object_unref(t->v[i]);
    t->n = 0;
}

bool fake_table_equal(const struct fake_table *a, const struct fake_table *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (!tarn_bytes_equal(tarn_object_key(a->v[i]), tarn_object_key(b->v[i])) ||
            !tarn_bytes_equal(tarn_object_uid(a->v[i]), tarn_object_uid(b->v[i])) ||
            tarn_object_resource_version(a->v[i]) != tarn_object_resource_version(b->v[i]))
            return false;
    return true;
}

/* ---- the store ------------------------------------------------------------------------------------ */

static struct fake_store *of(struct tarn_store *s)
{
    return (struct fake_store *)s;
}

static void note(struct fake_store *f, const char *verb, const struct tarn_object *obj)
{
    size_t used = strlen(f->log);
    char *p = f->log + used;
    const char *sep = used ? " " : "";

    if (obj)
        (void)snprintf(p, sizeof f->log - used, "%s%s:%.*s@%lu", sep, verb, TARN_BYTES_ARG(tarn_object_key(obj)),
                       (unsigned long)tarn_object_resource_version(obj));
    else
        (void)snprintf(p, sizeof f->log - used, "%s%s", sep, verb);
}

/* The scripted answer to a call. */
static int answer(struct fake_store *f, enum fake_store_call call, const struct tarn_object *obj, struct tarn_error *err)
{
    int rc = f->refuse[call];

    f->calls[call]++;
    if (!rc || (f->refuse_key && (!obj || !tarn_bytes_equal(tarn_object_key(obj), tarn_bytes_of(f->refuse_key)))))
        return 0;
    if (f->refusals[call] && --f->refusals[call] == 0)
        f->refuse[call] = 0;
    return tarn_error_set(err, rc, "the fake store refuses: %s", tarn_strerror(rc));
}

static int put(struct tarn_store *s, const struct tarn_object *obj, struct tarn_error *err, enum fake_store_call call)
{
    int rc = answer(of(s), call, obj, err);

    if (rc < 0)
        return rc;
    note(of(s), call == FAKE_STORE_ADD ? "add" : "update", obj);
    fake_table_put(&of(s)->now, obj);
    return 0;
}

static int add(struct tarn_store *s, const struct tarn_object *obj, struct tarn_error *err)
{
    return put(s, obj, err, FAKE_STORE_ADD);
}

static int update(struct tarn_store *s, const struct tarn_object *obj, struct tarn_error *err)
{
    return put(s, obj, err, FAKE_STORE_UPDATE);
}

static int del(struct tarn_store *s, const struct tarn_object *obj, struct tarn_error *err)
{
    int rc = answer(of(s), FAKE_STORE_DELETE, obj, err);

    if (rc < 0)
        return rc;
    note(of(s), "delete", obj);
    fake_table_remove(&of(s)->now, tarn_object_key(obj));
    return 0;
}

static int replace_begin(struct tarn_store *s, struct tarn_error *err)
{
    int rc = answer(of(s), FAKE_STORE_BEGIN, NULL, err);

    of(s)->misuses += of(s)->staged;
    if (rc < 0)
        return rc;
    note(of(s), "begin", NULL);
    of(s)->staged = true;
    return 0;
}

static int replace_add(struct tarn_store *s, const struct tarn_object *obj, struct tarn_error *err)
{
    int rc = answer(of(s), FAKE_STORE_STAGE, obj, err);

    of(s)->misuses += !of(s)->staged;
    if (rc < 0)
        return rc;
    fake_table_put(&of(s)->staging, obj);
    return 0;
}

static int replace_remove(struct tarn_store *s, const struct tarn_object *obj, struct tarn_error *err)
{
    (void)err;
    of(s)->misuses += !of(s)->staged;
    fake_table_remove(&of(s)->staging, tarn_object_key(obj));
    return 0;
}

static void replace_abort(struct tarn_store *s)
{
    of(s)->misuses += !of(s)->staged;
    of(s)->staged = false;
    of(s)->aborts++;
    note(of(s), "abort", NULL);
    fake_table_clear(&of(s)->staging);
}

static int replace_commit(struct tarn_store *s, struct tarn_bytes rv, struct tarn_error *err)
{
    struct fake_store *f = of(s);
    int rc = answer(f, FAKE_STORE_COMMIT, NULL, err);
    char text[96];

    f->misuses += !f->staged;
    f->staged = false;
    if (rc < 0) {
        fake_table_clear(&f->staging);
        return rc;
    }
    fake_table_clear(&f->now);
    f->now = f->staging;
    f->staging.n = 0;
    (void)snprintf(f->rv, sizeof f->rv, "%.*s", TARN_BYTES_ARG(rv));
    (void)snprintf(text, sizeof text, "commit@%s", f->rv);
    note(f, text, NULL);
    return 0;
}

static int resync(struct tarn_store *s, struct tarn_error *err)
{
    int rc = answer(of(s), FAKE_STORE_RESYNC, NULL, err);

    if (rc == 0)
        note(of(s), "resync", NULL);
    return rc;
}

static int bookmark(struct tarn_store *s, struct tarn_bytes rv)
{
    of(s)->bookmarks++;
    (void)snprintf(of(s)->rv, sizeof of(s)->rv, "%.*s", TARN_BYTES_ARG(rv));
    return 0;
}

static void release(struct tarn_store *s)
{
    fake_table_clear(&of(s)->now);
    fake_table_clear(&of(s)->staging);
}

#define OPS                                                                                                      \
    .add = add, .update = update, .del = del, .replace_begin = replace_begin, .replace_add = replace_add,        \
    .replace_abort = replace_abort, .replace_commit = replace_commit, .resync = resync, .bookmark = bookmark,    \
    .free = release

void fake_store_init(struct fake_store *s, bool no_remove)
{
    static const struct tarn_store_ops ops = {OPS, .replace_remove = replace_remove}, bare = {OPS};

    *s = (struct fake_store){.store.ops = no_remove ? &bare : &ops, .no_remove = no_remove};
}

const char *fake_store_text(const struct fake_store *s)
{
    static char text[16384];
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < s->now.n && used < sizeof text; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%.*s@%lu", i ? " " : "",
                                 TARN_BYTES_ARG(tarn_object_key(s->now.v[i])),
                                 (unsigned long)tarn_object_resource_version(s->now.v[i]));
    return text;
}
