/* reproject.c - see reproject.h. The body goes through JSON into the transcoder, so there is one place that projects. */
#include "reproject.h"

#include <stdlib.h>

struct tarn_reprojector {
    struct tarn_transcoder *transcoder;
    struct tarn_buf json;
    const struct tarn_object *made;
    struct tarn_error skipped;
};

/* ---- what differs ------------------------------------------------------------------------------------------ */

struct tarn_projection tarn_projection_of(const struct tarn_config_resource *r)
{
    return (struct tarn_projection){
        .drop = r->drop.v, .ndrop = r->drop.n, .keep = r->keep.v, .nkeep = r->keep.n, .slots = r->slots.v, .nslots = r->slots.n};
}

static bool has(const struct tarn_string_list *l, const char *s)
{
    for (unsigned i = 0; i < l->n; i++)
        if (strcmp(l->v[i], s) == 0)
            return true;
    return false;
}

static bool has_all(const struct tarn_string_list *l, const struct tarn_string_list *of)
{
    for (unsigned i = 0; i < of->n; i++)
        if (!has(l, of->v[i]))
            return false;
    return true;
}

bool tarn_projection_same(const struct tarn_config_resource *a, const struct tarn_config_resource *b)
{
    return a->drop.n == b->drop.n && has_all(&a->drop, &b->drop) && a->keep.n == b->keep.n && has_all(&a->keep, &b->keep) &&
           tarn_string_list_same(&a->slots, &b->slots);
}

/* By name: a path below one that was kept counts as new, which costs a LIST and nothing else. */
bool tarn_projection_widens(const struct tarn_config_resource *from, const struct tarn_config_resource *to)
{
    return !has_all(&to->drop, &from->drop) || (from->keep.n && (!to->keep.n || !has_all(&from->keep, &to->keep)));
}

/* ---- one object ------------------------------------------------------------------------------------------------ */

static int on_object(void *ctx, struct tarn_bytes type, const struct tarn_object *obj)
{
    struct tarn_reprojector *r = ctx;

    (void)type;
    r->made = obj; /* scratch of the transcoder: it stays until it is fed again */
    return 0;
}

static int on_skipped(void *ctx, int code, struct tarn_bytes key)
{
    struct tarn_reprojector *r = ctx;

    (void)key;
    (void)tarn_error_set(&r->skipped, code, "%s", tarn_strerror(code));
    return 0;
}

int tarn_reprojector_new(const struct tarn_projection *p, uint32_t max_object_bytes, struct tarn_reprojector **ret, struct tarn_error *err)
{
    struct tarn_reprojector *r = calloc(1, sizeof *r);
    const struct tarn_transcode_options o = {.mode = TARN_TRANSCODE_OBJECT, .projection = *p, .max_object_bytes = max_object_bytes, .lenient_utf8 = true};
    const struct tarn_transcode_sink sink = {on_object, NULL, on_skipped, r};
    int rc;

    if (!r)
        return tarn_error_set(err, TARN_E_NOMEM, "out of memory");
    rc = tarn_transcoder_new(&o, &sink, &r->transcoder, err);
    if (rc)
        free(r);
    else
        *ret = r;
    return rc;
}

void tarn_reprojector_free(struct tarn_reprojector *r)
{
    if (!r)
        return;
    tarn_transcoder_free(r->transcoder);
    tarn_buf_release(&r->json);
    free(r);
}

int tarn_reproject(struct tarn_reprojector *r, const struct tarn_object *obj, const struct tarn_object **ret, struct tarn_error *err)
{
    struct tarn_bytes key = tarn_object_key(obj);
    int rc;

    tarn_buf_clear(&r->json);
    tarn_transcoder_reset(r->transcoder);
    r->made = NULL;
    r->skipped.code = 0;
    rc = tarn_object_to_json(obj, &r->json);
    if (!rc)
        rc = tarn_transcoder_feed(r->transcoder, r->json.data, r->json.len, err);
    if (!rc)
        rc = tarn_transcoder_end(r->transcoder, err);
    if (!rc && !r->made)
        rc = r->skipped.code ? r->skipped.code : TARN_E_CORRUPT;
    if (rc)
        return tarn_error_set(err, rc, "'%.*s' could not be projected anew: %s", TARN_BYTES_ARG(key), tarn_strerror(rc));
    *ret = r->made;
    return 0;
}
