/* resource.c - the record of a resource as bytes: written here, read here.
 *
 * Behind the key: struct tarn_resource_fixed, then texts, each u16 length, bytes, NUL. A reader believes no length and ignores
 * texts behind those it knows.
 */
#include <tarn/resource.h>

#include "resource_record.h"

#define FIXED_TEXTS 5u /* api_version, kind, singular, resource_version, last_error; then indexes, slots, short names */

/* ---- writing ------------------------------------------------------------------------------------- */

static int add_text(struct tarn_buf *b, struct tarn_bytes t)
{
    uint16_t len = t.len > UINT16_MAX ? UINT16_MAX : (uint16_t)t.len;
    int rc = tarn_buf_add(b, &len, sizeof len);

    if (!rc)
        rc = tarn_buf_add(b, t.data, len);
    return rc ? rc : tarn_buf_add(b, "", 1);
}

static int add_zeros(struct tarn_buf *b, size_t n)
{
    static const char zeros[TARN_REGION_KEY_MAX + 16];

    return tarn_buf_add(b, zeros, n);
}

static void fill_fixed(const struct tarn_resource_info *i, struct tarn_resource_fixed *f)
{
    const struct tarn_resource_state *s = &i->state;

    *f = (struct tarn_resource_fixed){
        .store = i->store, .nindex = i->nindex, .nslot = i->nslot, .nshort = i->nshort,
        .namespaced = i->namespaced, .synced = s->synced, .live = s->live ? s->polled ? 2 : 1 : 0, .relisting = s->relisting,
        .incarnation = i->incarnation, .objects = i->objects, .bytes = i->bytes, .incomplete = i->incomplete,
        .last_event_ms = s->last_event_ms, .last_list_ms = s->last_list_ms, .last_error_ms = s->last_error_ms,
        .lists = s->lists, .watches = s->watches, .events = s->events, .relists = s->relists,
        .errors = s->errors, .rv_rewinds = s->rv_rewinds, .skipped = s->skipped,
    };
}

int tarn_resource_blob(const struct tarn_resource_info *i, const struct tarn_bytes *texts, size_t n, struct tarn_buf *out)
{
    struct tarn_blob_head head = {.klen = (uint16_t)i->name.len, .format = TARN_BLOB_RESOURCE};
    const struct tarn_bytes first[FIXED_TEXTS] = {i->api_version, i->kind, i->singular, i->state.resource_version, i->state.last_error};
    struct tarn_resource_fixed f;
    int rc;

    fill_fixed(i, &f);
    tarn_buf_clear(out);
    rc = tarn_buf_add(out, &head, sizeof head);
    if (!rc)
        rc = tarn_buf_add(out, i->name.data, i->name.len);
    if (!rc)
        rc = add_zeros(out, tarn_key_bytes(head.klen) - head.klen);
    if (!rc)
        rc = tarn_buf_add(out, &f, sizeof f);
    for (size_t t = 0; !rc && t < FIXED_TEXTS; t++)
        rc = add_text(out, first[t]);
    for (size_t t = 0; !rc && t < n; t++)
        rc = add_text(out, texts[t]);
    if (!rc)
        rc = add_zeros(out, -out->len & 7);
    if (rc)
        return rc;
    head.size = (uint32_t)out->len;
    memcpy(out->data, &head, sizeof head);
    return 0;
}

/* ---- reading -------------------------------------------------------------------------------------- */

/* Take one text off the front of *rest. */
static bool take_text(struct tarn_bytes *rest, struct tarn_bytes *ret)
{
    uint16_t len;

    if (rest->len < sizeof len)
        return false;
    memcpy(&len, rest->data, sizeof len);
    if ((size_t)len + 3 > rest->len)
        return false;
    *ret = (struct tarn_bytes){.data = rest->data + 2, .len = len};
    *rest = (struct tarn_bytes){.data = rest->data + len + 3, .len = rest->len - len - 3};
    return true;
}

static void take_fixed(const struct tarn_resource_fixed *f, struct tarn_resource_info *i)
{
    i->store = f->store;
    i->nindex = f->nindex;
    i->nslot = f->nslot;
    i->nshort = f->nshort;
    i->namespaced = f->namespaced;
    i->incarnation = f->incarnation;
    i->objects = f->objects;
    i->bytes = f->bytes;
    i->incomplete = f->incomplete;
    i->state = (struct tarn_resource_state){
        .synced = f->synced, .live = f->live, .polled = f->live == 2, .relisting = f->relisting,
        .last_event_ms = f->last_event_ms, .last_list_ms = f->last_list_ms, .last_error_ms = f->last_error_ms,
        .lists = f->lists, .watches = f->watches, .events = f->events, .relists = f->relists,
        .errors = f->errors, .rv_rewinds = f->rv_rewinds, .skipped = f->skipped,
    };
}

int tarn_resource_parse(const char *blob, uint32_t size, uint16_t klen, struct tarn_resource_info *ret)
{
    struct tarn_resource_info i = {.name = {.data = blob + sizeof(struct tarn_blob_head), .len = klen}};
    uint64_t at = sizeof(struct tarn_blob_head) + tarn_key_bytes(klen);
    struct tarn_resource_fixed f;

    if (klen > TARN_REGION_KEY_MAX || at + sizeof f > size)
        return TARN_E_CORRUPT;
    memcpy(&f, blob + at, sizeof f);
    take_fixed(&f, &i);
    i.texts = (struct tarn_bytes){.data = blob + at + sizeof f, .len = size - at - sizeof f};
    if (i.nindex > TARN_REGION_INDEXES_MAX || i.nslot > TARN_REGION_SLOTS_MAX ||
        !take_text(&i.texts, &i.api_version) || !take_text(&i.texts, &i.kind) || !take_text(&i.texts, &i.singular) ||
        !take_text(&i.texts, &i.state.resource_version) || !take_text(&i.texts, &i.state.last_error))
        return TARN_E_CORRUPT;
    *ret = i;
    return 0;
}

static struct tarn_bytes text_at(const struct tarn_resource_info *i, unsigned n)
{
    struct tarn_bytes rest = i->texts, t = {0};

    for (unsigned k = 0; k <= n; k++)
        if (!take_text(&rest, &t))
            return (struct tarn_bytes){0};
    return t;
}

bool tarn_resource_lists_deleted(struct tarn_bytes name, struct tarn_bytes *ret_of)
{
    const struct tarn_bytes suffix = TARN_BYTES(TARN_DELETED_SUFFIX);

    if (name.len <= suffix.len || memcmp(name.data + name.len - suffix.len, suffix.data, suffix.len) != 0)
        return false;
    if (ret_of)
        *ret_of = (struct tarn_bytes){.data = name.data, .len = name.len - suffix.len};
    return true;
}

struct tarn_bytes tarn_resource_index_name(const struct tarn_resource_info *i, unsigned n)
{
    return n < i->nindex ? text_at(i, n) : (struct tarn_bytes){0};
}

struct tarn_bytes tarn_resource_slot_path(const struct tarn_resource_info *i, unsigned n)
{
    return n < i->nslot ? text_at(i, i->nindex + n) : (struct tarn_bytes){0};
}

struct tarn_bytes tarn_resource_short_name(const struct tarn_resource_info *i, unsigned n)
{
    return n < i->nshort ? text_at(i, (unsigned)i->nindex + i->nslot + n) : (struct tarn_bytes){0};
}

struct tarn_bytes tarn_resource_source(const struct tarn_resource_info *i)
{
    return text_at(i, (unsigned)i->nindex + i->nslot + i->nshort);
}

struct tarn_bytes tarn_resource_resume(const struct tarn_resource_info *i)
{
    return text_at(i, (unsigned)i->nindex + i->nslot + i->nshort + 1);
}

/* The next word of *rest. */
static bool take_word(struct tarn_bytes *rest, struct tarn_bytes *ret)
{
    const char *space = rest->len ? memchr(rest->data, ' ', rest->len) : NULL;
    size_t n = space ? (size_t)(space - rest->data) : rest->len, skip = n + (space != NULL);

    *ret = (struct tarn_bytes){.data = rest->data, .len = n};
    *rest = (struct tarn_bytes){.data = rest->data + skip, .len = rest->len - skip};
    return n > 0;
}

struct tarn_bytes tarn_resource_resume_at(const struct tarn_resource_info *i, struct tarn_bytes ns)
{
    struct tarn_bytes rest = tarn_resource_resume(i), w;

    while (take_word(&rest, &w)) {
        const char *eq = memchr(w.data, '=', w.len);
        size_t n = eq ? (size_t)(eq - w.data) : w.len;

        if (eq && tarn_bytes_equal((struct tarn_bytes){.data = w.data, .len = n}, ns))
            return (struct tarn_bytes){.data = eq + 1, .len = w.len - n - 1};
    }
    return (struct tarn_bytes){0};
}

int tarn_resource_index(const struct tarn_resource_info *i, struct tarn_bytes name)
{
    for (unsigned n = 0; n < i->nindex; n++)
        if (tarn_bytes_equal(text_at(i, n), name))
            return (int)n;
    return TARN_E_INDEX_MISSING;
}
