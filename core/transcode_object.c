/* transcode_object.c - where an object begins and ends, and the list or event around it.
 *
 * At its end an object's head is written into the gap before its body and the blob is handed out where it stands:
 * in a list at once, in a watch when its event closes. One that cannot be taken is passed over by structure.
 */
#include "transcode_impl.h"

/* The string that a slot points to; false if there is none or it is no string. */
static bool slot_string(const struct tarn_transcoder *t, unsigned slot, struct tarn_bytes *ret)
{
    struct tarn_value v;

    if (!t->slots[slot] || !tarn_value_read(t->out + t->slots[slot], t->at.o, &v) || v.type != TARN_STRING)
        return false;
    *ret = v.string;
    return true;
}

/* What the receiver answered: ok, or the feed ends with its code. */
static enum state answer(struct tarn_transcoder *t, int code, enum state ok)
{
    if (!code)
        return ok;
    t->code = tarn_error_set(&t->error, code, "the receiver ended the feed");
    return ST_FAIL;
}

/* ---- objects that cannot be taken ------------------------------------------------------------ */

/* Whatever is known of its name already. A string still under way has no header yet and is none. */
static int skip_name_set(struct tarn_transcoder *t, bool in_string)
{
    struct tarn_bytes ns = {0}, name = {0};
    int err = 0;

    tarn_buf_clear(&t->skip_name);
    if (!in_string || t->slots[TARN_SLOT_NAMESPACE] != t->text.off)
        (void)slot_string(t, TARN_SLOT_NAMESPACE, &ns);
    if (!in_string || t->slots[TARN_SLOT_NAME] != t->text.off)
        (void)slot_string(t, TARN_SLOT_NAME, &name);
    if (ns.len)
        err = tarn_buf_add(&t->skip_name, ns.data, ns.len);
    if (!err && ns.len)
        err = tarn_buf_add(&t->skip_name, "/", 1);
    return err ? err : tarn_buf_add(&t->skip_name, name.data, name.len);
}

static enum state skipped(struct tarn_transcoder *t)
{
    int code = t->skip_code;

    t->skip_code = 0;
    t->has_skipped = t->mode == TARN_TRANSCODE_WATCH;
    if (!t->sink.on_skipped)
        return ST_NEXT;
    return answer(t, t->sink.on_skipped(t->sink.ctx, code, tarn_buf_bytes(&t->skip_name)), ST_NEXT);
}

enum state tarn_transcode_refuse(struct tarn_transcoder *t, int code, const char *what, bool in_string)
{
    uint32_t open = t->depth - t->base;

    if (!t->in_object || t->mode == TARN_TRANSCODE_OBJECT)
        return tarn_transcode_fail(t, code, what);
    if (skip_name_set(t, in_string))
        return tarn_transcode_fail(t, TARN_E_NOMEM, "out of memory");
    t->depth = t->base;
    t->in_object = t->rewinding = false;
    t->at.o = t->out + t->gap;
    tarn_transcode_limit_set(t, ENVELOPE_BYTES_MAX);
    t->skip_code = code;
    t->skip = (struct tarn_skip){.depth = open, .in_string = in_string};
    return open || in_string ? ST_SKIP : skipped(t);
}

enum state tarn_transcode_skip(struct tarn_transcoder *t)
{
    bool done;

    t->at.p = tarn_skip_run(&t->skip, t->at.p, t->at.end, &done);
    if (!done)
        return wait(t, ST_SKIP);
    return t->skip_code ? skipped(t) : ST_NEXT;
}

/* ---- the object ------------------------------------------------------------------------------ */

/* Does the event bring no object of the resource but something of the protocol, which a projection must not touch: a Status, or
 * the annotation of a streaming list's end? API servers write `type` first. */
static bool is_of_protocol(const struct tarn_transcoder *t)
{
    struct tarn_bytes type = {0};

    return t->mode == TARN_TRANSCODE_WATCH && slot_string(t, TARN_SLOT_TYPE, &type) &&
           (tarn_bytes_equal(type, TARN_BYTES("BOOKMARK")) || tarn_bytes_equal(type, TARN_BYTES("ERROR")));
}

enum state tarn_transcode_object_begin(struct tarn_transcoder *t)
{
    bool whole = is_of_protocol(t);

    t->gap = out_off(t);
    t->body = tarn_align8(t->gap) + GAP_BYTES;
    t->at.o = t->out + t->body;
    tarn_transcode_limit_set(t, (size_t)t->body + t->max_object_bytes);
    t->in_object = true;
    t->base = t->depth;
    tarn_transcode_depth_stop_set(t);
    t->nkeys = 0;
    t->moved = 0;
    memset(t->slots + TARN_SLOT_METADATA, 0, sizeof t->slots - TARN_SLOT_METADATA * sizeof *t->slots);
    t->node = whole ? &t->trie.whole : &t->trie.object;
    t->filter = t->trie.filter && !whole;
    return ST_GO;
}

/* A decimal number that fits u64, in its one canonical form; else 0. */
static uint64_t numeric_version(struct tarn_bytes text)
{
    uint64_t n = 0;

    if (!text.len || text.len > 20 || text.data[0] == '0')
        return 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned d = (unsigned)text.data[i] - '0';

        if (d > 9 || n > (UINT64_MAX - d) / 10)
            return 0;
        n = n * 10 + d;
    }
    return n;
}

/* A part of the key: absent or null is empty. false: of another type, or with a NUL in it. */
static bool key_part(const struct tarn_transcoder *t, unsigned slot, struct tarn_bytes *ret)
{
    struct tarn_value v;

    *ret = (struct tarn_bytes){0};
    if (!t->slots[slot])
        return true;
    if (!tarn_value_read(t->out + t->slots[slot], t->at.o, &v) || v.type == TARN_NIL)
        return true;
    *ret = v.string;
    return v.type == TARN_STRING && !(v.string.len && memchr(v.string.data, 0, v.string.len));
}

/* Identity and flags; 0 or TARN_E_KEY with why in *what. */
static int head_identity(struct tarn_transcoder *t, struct tarn_blob_head *h, const char **what)
{
    struct tarn_value meta;
    struct tarn_bytes version = {0};

    if (!t->slots[TARN_SLOT_METADATA] ||
        !tarn_value_read(t->out + t->slots[TARN_SLOT_METADATA], t->at.o, &meta) || meta.type != TARN_MAP)
        h->flags |= TARN_OBJECT_NO_META;
    *what = "metadata.name and metadata.namespace must be strings without U+0000";
    if (!key_part(t, TARN_SLOT_NAMESPACE, &h->ns) || !key_part(t, TARN_SLOT_NAME, &h->name))
        return TARN_E_KEY;
    *what = "metadata.namespace and metadata.name make a key of more than 65535 bytes";
    if (h->ns.len + 1 + h->name.len > TARN_BLOB_KEY_MAX)
        return TARN_E_KEY;
    if (!slot_string(t, TARN_SLOT_UID, &h->uid) || h->uid.len > TARN_BLOB_UID_MAX)
        h->uid = (struct tarn_bytes){0};
    if (slot_string(t, TARN_SLOT_RV, &version))
        h->resource_version = numeric_version(version);
    return 0;
}

struct tarn_bytes tarn_transcode_key_at(const struct tarn_transcoder *t, uint32_t off)
{
    const uint8_t *o = t->out + off;

    if (*o < 0xc0)
        return (struct tarn_bytes){.data = (const char *)o + 1, .len = *o & 0x1f};
    if (*o == 0xd9)
        return (struct tarn_bytes){.data = (const char *)o + 2, .len = o[1]};
    if (*o == 0xda)
        return (struct tarn_bytes){.data = (const char *)o + 3, .len = (size_t)o[1] << 8 | o[2]};
    return (struct tarn_bytes){.data = (const char *)o + 5, .len = __builtin_bswap32(tarn_once32(o + 1))};
}

/* The table's tags, and its offsets counted from the body. */
static void head_table(struct tarn_transcoder *t, struct tarn_blob_head *h)
{
    if (out_off(t) - t->body < TARN_BLOB_TABLE_BODY_MIN || t->nkeys > TARN_BLOB_TABLE_KEYS_MAX)
        return;
    h->nkeys = t->nkeys;
    h->tags = t->tags;
    h->offs = t->offs;
    for (uint32_t i = 0; i < h->nkeys; i++) {
        struct tarn_bytes key = tarn_transcode_key_at(t, t->offs[i] & ~TARN_BLOB_CHILD);

        t->tags[i] = tarn_blob_tag(key.data, key.len);
        t->offs[i] -= t->body;
    }
}

/* The slots, counted from the body. */
static void head_slots(struct tarn_transcoder *t, struct tarn_blob_head *h)
{
    h->slots = t->slots + TARN_SLOT_USER;
    h->nslots = t->trie.nslots;
    for (unsigned i = TARN_SLOT_USER; i < TARN_SLOT_USER + t->trie.nslots; i++)
        if (t->slots[i])
            t->slots[i] -= t->body;
}

/* The head is longer than the gap: move the body behind it. The identity's bytes move along. */
COLD int gap_widen(struct tarn_transcoder *t, struct tarn_blob_head *h, uint32_t head_size)
{
    uint32_t body_len = out_off(t) - t->body, to = tarn_align8(t->gap) + tarn_align8(head_size);
    struct tarn_bytes *parts[] = {&h->ns, &h->name, &h->uid};
    const uint8_t *old = t->out + t->body;
    size_t places[3];

    for (int i = 0; i < 3; i++)
        places[i] = parts[i]->len ? (size_t)((const uint8_t *)parts[i]->data - old) : 0;
    t->len = out_off(t);
    if (tarn_transcode_reserve(t, (size_t)(to - t->body) + SLICE_BYTES * OUT_PER_BYTE + GAP_BYTES + OUT_SLACK))
        return TARN_E_NOMEM;
    memmove(t->out + to, t->out + t->body, body_len);
    for (int i = 0; i < 3; i++)
        parts[i]->data = (const char *)t->out + to + places[i];
    for (int i = TARN_SLOT_METADATA; i < TARN_SLOT_USER; i++)
        t->slots[i] += t->slots[i] ? to - t->body : 0;
    t->body = to;
    t->at.o = t->out + to + body_len;
    return 0;
}

static enum state object_deliver(struct tarn_transcoder *t, struct tarn_bytes type)
{
    const struct tarn_object *obj = (const struct tarn_object *)(t->out + t->blob);

    return answer(t, t->sink.on_object(t->sink.ctx, type, obj), ST_NEXT);
}

/* The object closed: write its head before its body. In a list it is handed out at once. */
static enum state object_end(struct tarn_transcoder *t)
{
    struct tarn_blob_head h = {.store = t->store_id};
    uint32_t head_size, body_len = out_off(t) - t->body, size;
    const char *what;

    if (head_identity(t, &h, &what))
        return tarn_transcode_refuse(t, TARN_E_KEY, what, false);
    head_slots(t, &h);
    head_table(t, &h);
    head_size = tarn_blob_head_size(&h);
    if (head_size > t->body - tarn_align8(t->gap) && gap_widen(t, &h, head_size))
        return tarn_transcode_fail(t, TARN_E_NOMEM, "out of memory");
    t->blob = (t->body - head_size) & ~7u;
    size = tarn_blob_head_write(&h, t->out + t->blob, t->body - t->blob, body_len);
    if (size > t->max_object_bytes)
        return tarn_transcode_refuse(t, TARN_E_SIZE, "the object is larger than allowed", false);
    t->in_object = false;
    if (t->mode == TARN_TRANSCODE_WATCH) { /* its type may come behind it */
        t->has_object = true;
        t->at.o = t->out + t->blob + size;
        tarn_transcode_limit_set(t, (size_t)t->blob + size + ENVELOPE_BYTES_MAX);
        return ST_NEXT;
    }
    t->at.o = t->out + t->gap;
    tarn_transcode_limit_set(t, ENVELOPE_BYTES_MAX);
    return object_deliver(t, (struct tarn_bytes){0});
}

/* ---- the envelope ---------------------------------------------------------------------------- */

static enum state list_end(struct tarn_transcoder *t)
{
    struct tarn_list_meta m = {.remaining_item_count = -1};
    struct tarn_value v;

    (void)slot_string(t, TARN_SLOT_API_VERSION, &m.api_version);
    (void)slot_string(t, TARN_SLOT_KIND, &m.kind);
    (void)slot_string(t, TARN_SLOT_LIST_RV, &m.resource_version);
    (void)slot_string(t, TARN_SLOT_CONTINUE, &m.cont);
    if (t->slots[TARN_SLOT_REMAINING] && tarn_value_read(t->out + t->slots[TARN_SLOT_REMAINING], t->at.o, &v) &&
        v.type == TARN_INT)
        m.remaining_item_count = v.i;
    return answer(t, t->sink.on_list_end ? t->sink.on_list_end(t->sink.ctx, &m) : 0, ST_DONE);
}

static enum state event_end(struct tarn_transcoder *t)
{
    struct tarn_bytes type;

    if (!t->has_object && !t->has_skipped)
        return tarn_transcode_fail(t, TARN_E_SYNTAX, "a watch event without an object");
    if (!slot_string(t, TARN_SLOT_TYPE, &type))
        return tarn_transcode_fail(t, TARN_E_SYNTAX, "a watch event without a type");
    if (t->has_object && object_deliver(t, type) == ST_FAIL)
        return ST_FAIL;
    tarn_transcode_document_begin(t);
    return ST_VALUE;
}

enum state tarn_transcode_envelope_value_done(struct tarn_transcoder *t)
{
    if (t->in_object && object_end(t) == ST_FAIL)
        return ST_FAIL;
    if (t->depth > 1)
        return ST_NEXT;
    if (t->mode == TARN_TRANSCODE_OBJECT)
        return ST_DONE;
    return t->mode == TARN_TRANSCODE_LIST ? list_end(t) : event_end(t);
}
