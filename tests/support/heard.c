#include "heard.h"

#include <stdio.h>
#include <string.h>

/* Handlers run on several threads: no static buffer here. */
static void ref_print(const struct tarn_object *obj, char *out, size_t room)
{
    const struct tarn_object *state = tarn_object_final_state(obj);
    char inner[160];

    (void)snprintf(inner, sizeof inner, "%.*s@%.*s", TARN_BYTES_ARG(tarn_object_key(state ? state : obj)),
                   TARN_BYTES_ARG(tarn_object_resource_version_text(state ? state : obj)));
    if (tarn_object_flags(obj) & TARN_OBJECT_TOMBSTONE)
        (void)snprintf(out, room, "tombstone:%.*s:%s", TARN_BYTES_ARG(tarn_object_key(obj)), state ? inner : "null");
    else
        (void)snprintf(out, room, "%s", inner);
}

static void say(struct heard *h, const char *what, const struct tarn_object *obj, const char *more)
{
    size_t n = strlen(h->text);
    char ref[400];

    ref_print(obj, ref, sizeof ref);
    (void)snprintf(h->text + n, sizeof h->text - n, "%s%s %s%s", n ? " · " : "", what, ref, more);
}

static int done(struct heard *h)
{
    if (h->meanwhile)
        h->meanwhile(h);
    return h->answer;
}

static int on_add(void *ctx, const struct tarn_object *obj, bool is_in_initial_list)
{
    struct heard *h = ctx;

    say(h, is_in_initial_list ? "add(initial)" : "add", obj, "");
    h->adds++;
    h->initial_adds += is_in_initial_list;
    h->contradictions += fake_table_find(&h->view, tarn_object_key(obj)) != NULL;
    fake_table_put(&h->view, obj);
    return done(h);
}

static int on_update(void *ctx, const struct tarn_object *old, const struct tarn_object *obj)
{
    struct heard *h = ctx;
    const struct tarn_object *known = fake_table_find(&h->view, tarn_object_key(obj));
    char more[80];

    (void)snprintf(more, sizeof more, "→%.*s", TARN_BYTES_ARG(tarn_object_resource_version_text(obj)));
    say(h, "update", old, more);
    h->updates++;
    h->contradictions += !known || !tarn_bytes_equal(tarn_object_resource_version_text(known),
                                                      tarn_object_resource_version_text(old));
    fake_table_put(&h->view, obj);
    return done(h);
}

static int on_delete(void *ctx, const struct tarn_object *obj)
{
    struct heard *h = ctx;

    say(h, "delete", obj, "");
    h->deletes++;
    h->contradictions += fake_table_find(&h->view, tarn_object_key(obj)) == NULL;
    fake_table_remove(&h->view, tarn_object_key(obj));
    return done(h);
}

struct tarn_event_handler heard_handler(struct heard *h)
{
    return (struct tarn_event_handler){.on_add = on_add, .on_update = on_update, .on_delete = on_delete, .ctx = h};
}

const char *heard_text(struct heard *h)
{
    static char text[sizeof h->text];

    (void)strcpy(text, h->text);
    h->text[0] = '\0';
    return text;
}

const char *heard_view(const struct heard *h)
{
    static char text[16384];
    size_t n = 0;

    text[0] = '\0';
    for (size_t i = 0; i < h->view.n; i++) { /* the table is sorted */
        char ref[400];

        ref_print(h->view.v[i], ref, sizeof ref);
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", n ? " " : "", ref);
    }
    return text;
}

bool heard_agrees(const struct heard *h, struct tarn_store *s)
{
    struct fake_table stored = {0};
    struct tarn_objects all = {0};
    bool agrees;

    if (tarn_store_list(s, &all))
        return false;
    for (size_t i = 0; i < all.n; i++)
        fake_table_put(&stored, all.v[i]);
    agrees = fake_table_equal(&stored, &h->view);
    if (!agrees)
        printf("\n  the handler believes '%s'\n", heard_view(h));
    fake_table_clear(&stored);
    tarn_objects_release(&all);
    return agrees;
}

void heard_release(struct heard *h)
{
    fake_table_clear(&h->view);
}
