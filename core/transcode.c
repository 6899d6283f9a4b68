/* transcode.c - JSON to objects in one pass: a state machine that may stop and go on between any two bytes.
 *
 * Output grows in one buffer, `out`: first what is noted of the envelope (a list's or an event's own fields), then
 * the object under way, with a gap before its body where its head is written once it closes. A string is decoded
 * behind a header of the likely size, a container behind one byte; both are put right when they close. Every
 * position is kept as an offset into out, so the few that stand behind a header that grew can be moved along.
 *
 * A state is a function: it takes what it can from `at` and returns the next state, or waits. Those on the
 * hot path are inlined into run() and work on a copy of `at` in registers; the others work on t->at.
 */
#include <tarn/transcode.h>

#include <stdio.h>
#include <stdlib.h>

#include "blob.h"
#include "number.h"
#include "scan.h"
#include "skip.h"
#include "trie.h"
#include "utf8.h"
#include "value.h"

#define HOT static inline __attribute__((always_inline))
#define COLD static __attribute__((noinline))
#define RARE(x) __builtin_expect(!!(x), 0)

#define SLICE_BYTES 16384u             /* input taken in one turn */
#define OUT_PER_BYTE 5u                /* output one byte of input may cause: a bracket that makes a header of 5 */
#define OUT_SLACK 256u                 /* stores of 16 bytes and numbers reach over the end */
#define GAP_BYTES 2048u                /* room for the usual head; a longer one moves the body */
#define DEFAULT_OBJECT_BYTES (8u << 20)
#define MIN_OBJECT_BYTES 256u
#define ENVELOPE_BYTES_MAX (1u << 20)  /* what is kept of a list's or event's own fields */
#define FRAMES_FIRST 64u

enum state {
    ST_VALUE,         /* a value must come: behind a colon, or a document */
    ST_ELEMENT_FIRST, /* behind [ */
    ST_ELEMENT,       /* behind a comma in an array */
    ST_MEMBER_FIRST,  /* behind { */
    ST_MEMBER,        /* behind a comma in a map */
    ST_KEY_DONE,
    ST_COLON,
    ST_AFTER, /* a value is complete and not counted yet */
    ST_NEXT,  /* a comma or the end of the container must come */
    ST_CLOSE,
    ST_STRING,
    ST_NUMBER,
    ST_LITERAL,
    ST_SKIP,
    ST_DONE, /* nothing but white space may come */
    ST_GO,   /* answer of special(): treat the value as any other */
    ST_WAIT, /* input is used up; t->state says where to go on */
    ST_FAIL, /* t->code and t->error say why */
};

enum table_level { TABLE_NONE, TABLE_ROOT, TABLE_CHILD };

enum frame_flag {
    FRAME_MAP = 1,
    FRAME_WATCHED = 2,  /* its keys or elements are looked at: it has a node or goes into the table */
    FRAME_FILTER = 4,   /* only what leads to a kept path is taken */
    FRAME_ENVELOPE = 8, /* outside the object */
};

/* An open container. */
struct frame {
    const struct tarn_node *node; /* what is looked out for below it; NULL: nothing */
    uint32_t start;               /* where its header byte is */
    uint32_t count;
    uint32_t index; /* arrays with a node: elements seen, dropped ones too */
    uint16_t keys;  /* entries of the table before it */
    uint8_t flags, table;
};

/* Input left, where output goes, and the innermost frame: what the hot path keeps in registers. */
struct run {
    const uint8_t *p, *end;
    uint8_t *o;
    struct frame *f;
    const uint8_t *window; /* of 64 bytes, whose special ones are known; NULL: of none */
    uint64_t specials;
};

/* The string under way, where it takes more than one look. */
struct text {
    uint32_t off;   /* of its header */
    uint8_t header; /* bytes left for the header */
    bool key;
    enum { TEXT_PLAIN, TEXT_ESCAPE, TEXT_HEX, TEXT_HIGH, TEXT_UTF8 } part;
    uint8_t hex_digits, sequence_len;
    uint16_t hex, high; /* high: a surrogate that waits for its other half */
    uint8_t sequence[4];
};

struct tarn_transcoder {
    struct tarn_trie trie;
    struct tarn_transcode_sink sink;
    enum tarn_transcode_mode mode;
    uint32_t max_object_bytes;
    uint16_t store_id;
    bool lenient;
    locale_t c_locale;

    struct run at;
    enum state state;
    uint8_t *out;
    size_t len, cap;
    struct frame *frames;
    uint32_t depth, frames_cap, depth_stop;
    uint8_t *limit; /* output beyond this is too much, or (rewinding) any output is looked at */
    size_t limit_off;

    const struct tarn_node *node; /* of the value that comes next; NULL: nothing special */
    bool filter;                  /* it is only on the way to a kept path */
    bool rewinding;               /* it is a scalar that is taken back when complete */
    uint32_t rewind;              /* to here: its key, or itself in an array */
    uint32_t key_off;

    struct text text;
    const char *literal;
    struct tarn_buf number;
    struct tarn_skip skip;
    int skip_code; /* the skip passes over the rest of an object that was refused with this; 0: a dropped value */
    struct tarn_buf skip_name;

    bool in_object, has_object, has_skipped;
    uint32_t base;        /* depth outside the object */
    uint32_t gap, body;   /* offsets of the gap before the object's head, of its body */
    uint32_t blob;        /* of the finished object */
    uint32_t slots[TARN_SLOTS_MAX];
    uint32_t nkeys; /* of the table; one more than it can hold: there is none */
    uint16_t tags[TARN_BLOB_TABLE_KEYS_MAX];
    uint32_t offs[TARN_BLOB_TABLE_KEYS_MAX + 2];

    uint64_t fed; /* bytes before the slice under way */
    const uint8_t *slice;
    int code;
    struct tarn_error error;
};

/* ---- small things ------------------------------------------------------------------------- */

HOT struct frame *top(const struct tarn_transcoder *t)
{
    return &t->frames[t->depth - 1];
}

HOT enum state wait(struct tarn_transcoder *t, enum state resume)
{
    t->state = resume;
    return ST_WAIT;
}

/* Run a state that works on t->at. */
HOT enum state call(enum state (*fn)(struct tarn_transcoder *), struct tarn_transcoder *t, struct run *r)
{
    enum state st;

    t->at = *r;
    st = fn(t);
    *r = t->at;
    r->f = top(t);
    return st;
}

static uint32_t out_off(const struct tarn_transcoder *t)
{
    return (uint32_t)(t->at.o - t->out);
}

COLD enum state fail(struct tarn_transcoder *t, int code, const char *what)
{
    unsigned long long at = t->fed + (uint64_t)(t->at.p - t->slice);

    t->code = tarn_error_set(&t->error, code, "byte %llu: %s", at, what);
    return ST_FAIL;
}

/* Something else stands where `expected` should. */
COLD enum state fail_found(struct tarn_transcoder *t, const char *expected)
{
    uint8_t c = *t->at.p;
    char text[160];

    (void)snprintf(text, sizeof text, c > ' ' && c < 0x7f ? "expected %s, found '%c'" : "expected %s, found byte 0x%02x",
                   expected, c);
    return fail(t, TARN_E_SYNTAX, text);
}

static void limit_set(struct tarn_transcoder *t, size_t off)
{
    t->limit_off = off;
    t->limit = t->rewinding ? t->out : t->out + off;
}

/* Make room for n more bytes behind t->len; moves out. */
static int out_reserve(struct tarn_transcoder *t, size_t n)
{
    size_t cap = t->cap ? t->cap : 2 * GAP_BYTES;
    uint8_t *out;

    if (t->cap - t->len >= n)
        return 0;
    while (cap - t->len < n)
        cap *= 2;
    out = realloc(t->out, cap);
    if (!out)
        return TARN_E_NOMEM;
    t->out = out;
    t->cap = cap;
    limit_set(t, t->limit_off);
    return 0;
}

static void document_begin(struct tarn_transcoder *t)
{
    t->depth = 1;
    t->frames[0] = (struct frame){.flags = FRAME_ENVELOPE};
    t->node = &t->trie.document;
    t->filter = !t->trie.document.keep; /* of a list or an event only what is noted is kept */
    t->in_object = t->has_object = t->has_skipped = t->rewinding = false;
    t->base = 0;
    t->depth_stop = t->frames_cap;
    memset(t->slots, 0, sizeof t->slots);
    t->at.o = t->out;
    limit_set(t, ENVELOPE_BYTES_MAX);
}

static void depth_stop_set(struct tarn_transcoder *t)
{
    uint32_t deepest = t->base + TARN_VALUE_DEPTH_MAX;

    t->depth_stop = t->frames_cap < deepest ? t->frames_cap : deepest;
}

/* The string that a slot points to; false if there is none or it is no string. */
static bool slot_string(const struct tarn_transcoder *t, unsigned slot, struct tarn_bytes *ret)
{
    struct tarn_value v;

    if (!t->slots[slot] || !tarn_value_read(t->out + t->slots[slot], t->at.o, &v) || v.type != TARN_STRING)
        return false;
    *ret = v.string;
    return true;
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
    if (t->sink.on_skipped)
        code = t->sink.on_skipped(t->sink.ctx, code, tarn_buf_bytes(&t->skip_name));
    else
        code = 0;
    if (!code)
        return ST_NEXT;
    t->code = tarn_error_set(&t->error, code, "the receiver ended the feed");
    return ST_FAIL;
}

/* Give the object under way up and pass over the rest of it; in_string: at stands inside one of its strings. */
COLD enum state refuse(struct tarn_transcoder *t, int code, const char *what, bool in_string)
{
    uint32_t open = t->depth - t->base;

    if (!t->in_object || t->mode == TARN_TRANSCODE_OBJECT)
        return fail(t, code, what);
    if (skip_name_set(t, in_string))
        return fail(t, TARN_E_NOMEM, "out of memory");
    t->depth = t->base;
    t->in_object = t->rewinding = false;
    t->at.o = t->out + t->gap;
    limit_set(t, ENVELOPE_BYTES_MAX);
    t->skip_code = code;
    t->skip = (struct tarn_skip){.depth = open, .in_string = in_string};
    return open || in_string ? ST_SKIP : skipped(t);
}

static enum state skip(struct tarn_transcoder *t)
{
    bool done;

    t->at.p = tarn_skip_run(&t->skip, t->at.p, t->at.end, &done);
    if (!done)
        return wait(t, ST_SKIP);
    return t->skip_code ? skipped(t) : ST_NEXT;
}

/* ---- the object ------------------------------------------------------------------------------ */

static enum state object_begin(struct tarn_transcoder *t)
{
    t->gap = out_off(t);
    t->body = tarn_align8(t->gap) + GAP_BYTES;
    t->at.o = t->out + t->body;
    limit_set(t, (size_t)t->body + t->max_object_bytes);
    t->in_object = true;
    t->base = t->depth;
    depth_stop_set(t);
    t->nkeys = 0;
    memset(t->slots + TARN_SLOT_METADATA, 0, sizeof t->slots - TARN_SLOT_METADATA * sizeof *t->slots);
    t->node = &t->trie.object;
    t->filter = t->trie.filter;
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

/* The key at an offset, whose header is right. */
static struct tarn_bytes key_at(const struct tarn_transcoder *t, uint32_t off)
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
        struct tarn_bytes key = key_at(t, t->offs[i] & ~TARN_BLOB_CHILD);

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
    if (out_reserve(t, (size_t)(to - t->body) + SLICE_BYTES * OUT_PER_BYTE + GAP_BYTES + OUT_SLACK))
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
    int code = t->sink.on_object(t->sink.ctx, type, obj);

    if (!code)
        return ST_NEXT;
    t->code = tarn_error_set(&t->error, code, "the receiver ended the feed");
    return ST_FAIL;
}

/* The object closed: write its head before its body. In a list it is handed out at once. */
static enum state object_end(struct tarn_transcoder *t)
{
    struct tarn_blob_head h = {.store = t->store_id};
    uint32_t head_size, body_len = out_off(t) - t->body, size;
    const char *what;

    if (head_identity(t, &h, &what))
        return refuse(t, TARN_E_KEY, what, false);
    head_slots(t, &h);
    head_table(t, &h);
    head_size = tarn_blob_head_size(&h);
    if (head_size > t->body - tarn_align8(t->gap) && gap_widen(t, &h, head_size))
        return fail(t, TARN_E_NOMEM, "out of memory");
    t->blob = (t->body - head_size) & ~7u;
    size = tarn_blob_head_write(&h, t->out + t->blob, t->body - t->blob, body_len);
    if (size > t->max_object_bytes)
        return refuse(t, TARN_E_SIZE, "the object is larger than allowed", false);
    t->in_object = false;
    t->has_object = true;
    t->at.o = t->out + t->blob + size;
    limit_set(t, (size_t)t->blob + size + ENVELOPE_BYTES_MAX);
    if (t->mode == TARN_TRANSCODE_WATCH)
        return ST_NEXT; /* its type may come behind it */
    t->at.o = t->mode == TARN_TRANSCODE_LIST ? t->out + t->gap : t->at.o;
    limit_set(t, ENVELOPE_BYTES_MAX);
    t->has_object = t->mode != TARN_TRANSCODE_LIST;
    return object_deliver(t, (struct tarn_bytes){0});
}

/* ---- the envelope ---------------------------------------------------------------------------- */

static enum state list_end(struct tarn_transcoder *t)
{
    struct tarn_list_meta m = {.remaining_item_count = -1};
    struct tarn_value v;
    int code;

    (void)slot_string(t, TARN_SLOT_API_VERSION, &m.api_version);
    (void)slot_string(t, TARN_SLOT_KIND, &m.kind);
    (void)slot_string(t, TARN_SLOT_LIST_RV, &m.resource_version);
    (void)slot_string(t, TARN_SLOT_CONTINUE, &m.cont);
    if (t->slots[TARN_SLOT_REMAINING] && tarn_value_read(t->out + t->slots[TARN_SLOT_REMAINING], t->at.o, &v) &&
        v.type == TARN_INT)
        m.remaining_item_count = v.i;
    code = t->sink.on_list_end ? t->sink.on_list_end(t->sink.ctx, &m) : 0;
    if (!code)
        return ST_DONE;
    t->code = tarn_error_set(&t->error, code, "the receiver ended the feed");
    return ST_FAIL;
}

static enum state event_end(struct tarn_transcoder *t)
{
    struct tarn_bytes type;

    if (!t->has_object && !t->has_skipped)
        return fail(t, TARN_E_SYNTAX, "a watch event without an object");
    if (!slot_string(t, TARN_SLOT_TYPE, &type))
        return fail(t, TARN_E_SYNTAX, "a watch event without a type");
    if (t->has_object && object_deliver(t, type) == ST_FAIL)
        return ST_FAIL;
    document_begin(t);
    return ST_VALUE;
}

/* A value of the envelope or an object is complete. */
static enum state envelope_value_done(struct tarn_transcoder *t)
{
    if (t->in_object && object_end(t) == ST_FAIL)
        return ST_FAIL;
    if (t->depth > 1)
        return ST_NEXT;
    if (t->mode == TARN_TRANSCODE_OBJECT)
        return ST_DONE;
    return t->mode == TARN_TRANSCODE_LIST ? list_end(t) : event_end(t);
}

/* ---- paths: what happens to the value that comes next ------------------------------------------ */

HOT void table_add(struct tarn_transcoder *t, const struct frame *f)
{
    t->offs[t->nkeys] = t->key_off | (f->table == TABLE_CHILD ? TARN_BLOB_CHILD : 0);
    t->nkeys += t->nkeys <= TARN_BLOB_TABLE_KEYS_MAX;
}

/* Choose for a child of f with node n; false: it is dropped. */
static bool choose(struct tarn_transcoder *t, const struct frame *f, const struct tarn_node *n)
{
    static const struct tarn_node dropped = {.drop = true};

    bool filter = f->flags & FRAME_FILTER;

    if ((filter && !(n && n->has_keep)) || (n && n->drop)) {
        t->node = &dropped;
        return false;
    }
    t->node = n;
    t->filter = filter && !n->keep;
    return true;
}

/* A key is complete, in a map with a node. */
COLD void watched_key(struct tarn_transcoder *t)
{
    const struct frame *f = top(t);
    struct tarn_bytes key = key_at(t, t->key_off);

    t->rewind = t->key_off;
    if (choose(t, f, tarn_node_key(f->node, key)) && f->table)
        table_add(t, f);
}

/* An element begins, in an array where elements are looked at. */
COLD void watched_element(struct tarn_transcoder *t)
{
    struct frame *f = top(t);

    t->rewind = out_off(t);
    (void)choose(t, f, tarn_node_index(f->node, f->index++));
}

/* The value at t->at is not wanted: take its key back; skip it by structure, or let it pass as a scalar. */
static enum state drop(struct tarn_transcoder *t)
{
    uint8_t c = *t->at.p;

    if (c != '"' && c != '{' && c != '[') {
        t->rewinding = true;
        limit_set(t, t->limit_off);
        return ST_GO;
    }
    t->at.o = t->out + t->rewind;
    t->at.p++;
    t->skip = (struct tarn_skip){.depth = c == '"' ? 0 : 1, .in_string = c == '"'};
    return ST_SKIP;
}

/* The value at t->at has a node. */
COLD enum state special(struct tarn_transcoder *t)
{
    const struct tarn_node *n = t->node;
    uint8_t c = *t->at.p;

    if (n->must_be == '{' && c != '{')
        return fail_found(t, "an object");
    if (n->must_be == '[' && c != '[' && c != 'n')
        return fail_found(t, "an array of items");
    if (n->drop || (t->filter && c != '{' && c != '[') || (n->object && (t->has_object || t->has_skipped)))
        return drop(t);
    for (uint64_t left = n->slots; left; left &= left - 1) {
        int i = __builtin_ctzll(left);

        t->slots[i] = t->slots[i] ? t->slots[i] : out_off(t); /* of duplicate keys the first is found */
    }
    return n->object ? object_begin(t) : ST_GO;
}

/* A scalar that is taken back, or one more value than the object may have. */
COLD enum state after_special(struct tarn_transcoder *t)
{
    if (!t->rewinding)
        return refuse(t, TARN_E_SIZE, "the object is larger than allowed", false);
    t->rewinding = false;
    limit_set(t, t->limit_off);
    t->at.o = t->out + t->rewind;
    if (t->nkeys && t->nkeys <= TARN_BLOB_TABLE_KEYS_MAX && (t->offs[t->nkeys - 1] & ~TARN_BLOB_CHILD) >= t->rewind)
        t->nkeys--;
    return ST_NEXT;
}

/* ---- strings ----------------------------------------------------------------------------------- */

/* What a character behind a backslash stands for; 0: none of the simple escapes. */
static const uint8_t simple_escape[256] = {
    ['"'] = '"', ['\\'] = '\\', ['/'] = '/', ['b'] = '\b', ['f'] = '\f', ['n'] = '\n', ['r'] = '\r', ['t'] = '\t',
};

/*
 * Copy plain bytes and simple escapes, 16 at a time. Within a block its mask is used up before the next is loaded:
 * text dense with escapes runs as fast as its plain bytes. Returns the byte (not taken) that needs more, or -1
 * when fewer than 32 bytes are left.
 */
static int text_blocks(struct run *r)
{
    const uint8_t *p = r->p;
    uint8_t *o = r->o;
    int special = -1;

    while (special < 0 && r->end - p >= 32) {
        unsigned mask = tarn_scan16(p, o), used = 0;

        while (mask) {
            unsigned n = (unsigned)__builtin_ctz(mask);
            uint8_t c;

            p += n - used;
            o += n - used;
            used = n;
            c = *p == '\\' ? simple_escape[p[1]] : 0;
            if (!c) {
                special = *p;
                break;
            }
            *o++ = c;
            p += 2;
            used += 2;
            if (used >= 16)
                break;
            mask &= ~0u << used;
            tarn_copy16(o, p);
        }
        if (special < 0 && used < 16) {
            p += 16 - used;
            o += 16 - used;
        }
    }
    r->p = p;
    r->o = o;
    return special;
}

static bool plain(uint8_t c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* As text_blocks, to the end of the input. */
static int text_plain(struct run *r)
{
    int c = text_blocks(r);

    if (c >= 0)
        return c;
    while (r->p < r->end && plain(*r->p))
        *r->o++ = *r->p++;
    return r->p < r->end ? *r->p : -1;
}

HOT uint32_t string_header_bytes(uint32_t len)
{
    return len < 32 ? 1 : len <= UINT8_MAX ? 2 : len <= UINT16_MAX ? 3 : 5;
}

static void string_header_write(uint8_t *o, uint32_t len)
{
    switch (string_header_bytes(len)) {
    case 1:
        *o = (uint8_t)(0xa0 | len);
        break;
    case 2:
        o[0] = 0xd9;
        o[1] = (uint8_t)len;
        break;
    case 3:
        o[0] = 0xda;
        o[1] = (uint8_t)(len >> 8);
        o[2] = (uint8_t)len;
        break;
    default:
        len = __builtin_bswap32(len);
        o[0] = 0xdb;
        memcpy(o + 1, &len, 4);
    }
}

static uint32_t text_len(const struct tarn_transcoder *t)
{
    return out_off(t) - t->text.off - t->text.header;
}

/* Give the string the header that its length needs. */
static void text_fit(struct tarn_transcoder *t)
{
    uint32_t len = text_len(t), need = string_header_bytes(len);
    uint8_t *header = t->out + t->text.off;

    if (need != t->text.header)
        memmove(header + need, header + t->text.header, len);
    t->at.o = header + need + len;
    t->text.header = (uint8_t)need;
}

static enum state text_close(struct tarn_transcoder *t)
{
    t->at.p++;
    text_fit(t);
    string_header_write(t->out + t->text.off, text_len(t));
    return t->text.key ? ST_KEY_DONE : ST_AFTER;
}

/* A sequence that is no UTF-8, or half a surrogate pair: n times U+FFFD, as in Go, or an error. */
static bool text_replace(struct tarn_transcoder *t, unsigned n)
{
    if (!t->lenient) {
        (void)fail(t, TARN_E_UTF8, "invalid UTF-8, or half of a surrogate pair, in a string");
        return false;
    }
    for (unsigned i = 0; i < n; i++) {
        memcpy(t->at.o, TARN_UTF8_REPLACEMENT, 3);
        t->at.o += 3;
    }
    return true;
}

/* Bytes >= 0x80, as many sequences as there are and the string may hold. false: failed. */
static bool text_utf8(struct tarn_transcoder *t)
{
    struct run *r = &t->at;

    while (r->p < r->end && *r->p >= 0x80 && text_len(t) <= t->max_object_bytes) {
        size_t left = (size_t)(r->end - r->p);
        int len = tarn_utf8_check(r->p, left);

        if (!len) { /* cut by the end of the input */
            memcpy(t->text.sequence, r->p, left);
            t->text.sequence_len = (uint8_t)left;
            t->text.part = TEXT_UTF8;
            r->p = r->end;
        } else if (len < 0) {
            if (!text_replace(t, 1))
                return false;
            r->p++;
        } else {
            memcpy(r->o, r->p, (size_t)len);
            r->o += len;
            r->p += len;
        }
    }
    return true;
}

/* One more byte of a sequence that the end of the input had cut. */
static bool text_utf8_byte(struct tarn_transcoder *t)
{
    struct text *x = &t->text;
    int len;

    x->sequence[x->sequence_len++] = *t->at.p;
    len = tarn_utf8_check(x->sequence, x->sequence_len);
    if (len < 0) { /* the new byte begins something else: it is looked at again */
        x->part = TEXT_PLAIN;
        return text_replace(t, x->sequence_len - 1u);
    }
    t->at.p++;
    if (len) {
        memcpy(t->at.o, x->sequence, (size_t)len);
        t->at.o += len;
        x->part = TEXT_PLAIN;
    }
    return true;
}

/* A first half that no second half follows. */
static bool text_lone_high(struct tarn_transcoder *t)
{
    bool had = t->text.high;

    t->text.high = 0;
    return !had || text_replace(t, 1);
}

static bool text_escape(struct tarn_transcoder *t)
{
    uint8_t c = *t->at.p;

    if (c == 'u') {
        t->at.p++;
        t->text.hex = t->text.hex_digits = 0;
        t->text.part = TEXT_HEX;
        return true;
    }
    if (!simple_escape[c]) {
        (void)fail_found(t, "one of \"\\/bfnrtu behind a backslash");
        return false;
    }
    if (!text_lone_high(t))
        return false;
    t->at.p++;
    *t->at.o++ = simple_escape[c];
    t->text.part = TEXT_PLAIN;
    return true;
}

/* The code unit of a \u is complete. */
static bool text_unit(struct tarn_transcoder *t)
{
    struct text *x = &t->text;
    uint32_t unit = x->hex, high = x->high;
    bool low = unit >= 0xdc00 && unit <= 0xdfff;

    x->part = TEXT_PLAIN;
    if (high && low) {
        x->high = 0;
        t->at.o += tarn_utf8_encode(0x10000 + ((high - 0xd800) << 10) + (unit - 0xdc00), t->at.o);
        return true;
    }
    if (!text_lone_high(t))
        return false;
    if (low)
        return text_replace(t, 1);
    if (unit >= 0xd800 && unit <= 0xdbff) {
        x->high = (uint16_t)unit;
        x->part = TEXT_HIGH;
    } else {
        t->at.o += tarn_utf8_encode(unit, t->at.o);
    }
    return true;
}

static bool text_hex(struct tarn_transcoder *t)
{
    uint8_t c = *t->at.p, letter = c | 0x20;
    struct text *x = &t->text;

    if (c >= '0' && c <= '9') {
        x->hex = (uint16_t)(x->hex << 4 | (c - '0'));
    } else if (letter >= 'a' && letter <= 'f') {
        x->hex = (uint16_t)(x->hex << 4 | (letter - 'a' + 10));
    } else {
        (void)fail_found(t, "four hexadecimal digits behind \\u");
        return false;
    }
    t->at.p++;
    return ++x->hex_digits < 4 || text_unit(t);
}

/* Behind a first half: only an escape can continue it. */
static bool text_high(struct tarn_transcoder *t)
{
    if (*t->at.p != '\\') {
        t->text.part = TEXT_PLAIN;
        return text_lone_high(t);
    }
    t->at.p++;
    t->text.part = TEXT_ESCAPE;
    return true;
}

/* The string's special byte c at t->at, in plain text. */
static bool text_special(struct tarn_transcoder *t, int c)
{
    if (c >= 0x80)
        return text_utf8(t);
    if (c == '\\') {
        t->at.p++;
        t->text.part = TEXT_ESCAPE;
        return true;
    }
    (void)fail(t, TARN_E_SYNTAX, "a control character in a string; it must be escaped");
    return false;
}

/*
 * The general state of strings: long ones, escapes, other than ASCII, cut ones. Behind each run of plain text it is
 * asked whether that is too much, so that the answer does not depend on where the input was cut.
 */
static enum state string(struct tarn_transcoder *t)
{
    static bool (*const parts[])(struct tarn_transcoder *) = {
        [TEXT_ESCAPE] = text_escape, [TEXT_HEX] = text_hex, [TEXT_HIGH] = text_high, [TEXT_UTF8] = text_utf8_byte};
    bool good = true;

    while (good && t->at.p < t->at.end) {
        if (t->text.part == TEXT_PLAIN) {
            int c = text_plain(&t->at);

            if (RARE(text_len(t) > t->max_object_bytes))
                return refuse(t, TARN_E_SIZE, "a string is larger than an object may be", true);
            if (c == '"')
                return text_close(t);
            good = c < 0 || text_special(t, c);
        } else {
            good = parts[t->text.part](t);
        }
    }
    return good ? wait(t, ST_STRING) : ST_FAIL;
}

/* The special ones of the 64 bytes at r->p (there are so many), the first lowest; 0 if there is none. */
HOT uint64_t specials_ahead(struct run *r)
{
    uintptr_t at = (uintptr_t)r->p - (uintptr_t)r->window;
    uint64_t specials = at < 64 ? r->specials >> at : 0;

    if (specials)
        return specials;
    r->window = r->p;
    return r->specials = tarn_special64(r->p);
}

/*
 * A string of at most 63 plain bytes, whole in the input: nearly all of them. Behind the opening quote. The special
 * bytes of 64 are found at once and serve the strings that follow too.
 */
HOT bool short_string(struct run *r)
{
    uint64_t specials;
    unsigned n;

    if (RARE(r->end - r->p < 64))
        return false;
    specials = specials_ahead(r);
    if (RARE(!specials))
        return false;
    n = (unsigned)__builtin_ctzll(specials);
    if (RARE(r->p[n] != '"'))
        return false;
    if (n < 32) {
        *r->o = (uint8_t)(0xa0 | n);
        tarn_copy16(r->o + 1, r->p);
        tarn_copy16(r->o + 17, r->p + 16);
        r->o += n + 1;
    } else {
        r->o[0] = 0xd9;
        r->o[1] = (uint8_t)n;
        tarn_copy64(r->o + 2, r->p);
        r->o += n + 2;
    }
    r->p += n + 1;
    return true;
}

/* Any string, behind the opening quote. 32 plain bytes ahead tell that one byte will not do for the header. */
static inline enum state string_begin(struct tarn_transcoder *t, bool key)
{
    struct run *r = &t->at;
    bool longer = r->end - r->p >= 64 && !(specials_ahead(r) & UINT32_MAX);

    t->text.off = out_off(t);
    t->text.header = longer ? 2 : 1;
    t->text.key = key;
    t->text.part = TEXT_PLAIN;
    t->text.high = 0;
    r->o += t->text.header;
    return string(t);
}

COLD enum state key_string(struct tarn_transcoder *t)
{
    return string_begin(t, true);
}

COLD enum state value_string(struct tarn_transcoder *t)
{
    return string_begin(t, false);
}

/* ---- numbers and literals ------------------------------------------------------------------------ */

/* Write the number n that the len characters at s are; they are taken already. */
static enum state number_done(struct tarn_transcoder *t, const struct tarn_number *n, const char *s, size_t len)
{
    int bytes = tarn_number_write(n, s, len, t->c_locale, t->at.o);

    if (bytes == TARN_E_NOMEM)
        return fail(t, bytes, "out of memory");
    if (bytes < 0)
        return refuse(t, bytes, "a number too large or too long", false);
    t->at.o += bytes;
    return ST_AFTER;
}

/* Go on with a number that the end of the input had cut, or that breaks the grammar: by its characters. */
static enum state number_resume(struct tarn_transcoder *t)
{
    const uint8_t *s = t->at.p;
    struct tarn_number n = {0};
    const char *end;

    while (t->at.p < t->at.end && tarn_number_char(*t->at.p))
        t->at.p++;
    if (t->number.len <= TARN_NUMBER_CHARS_MAX && tarn_buf_add(&t->number, s, (size_t)(t->at.p - s)))
        return fail(t, TARN_E_NOMEM, "out of memory");
    if (t->at.p == t->at.end)
        return wait(t, ST_NUMBER);
    end = t->number.data + t->number.len;
    if (t->number.len <= TARN_NUMBER_CHARS_MAX && tarn_number_parse(t->number.data, end, &n) != end)
        return fail(t, TARN_E_SYNTAX, "malformed number");
    return number_done(t, &n, t->number.data, t->number.len);
}

COLD enum state number_token(struct tarn_transcoder *t)
{
    const char *s = (const char *)t->at.p, *end = (const char *)t->at.end, *stop;
    struct tarn_number n;

    stop = tarn_number_parse(s, end, &n);
    if (!stop || stop == end || tarn_number_char((uint8_t)*stop)) {
        tarn_buf_clear(&t->number);
        return number_resume(t);
    }
    t->at.p = (const uint8_t *)stop;
    return number_done(t, &n, s, (size_t)(stop - s));
}

/* A small integer, whole in the input; all else is number_token's. */
HOT enum state number(struct tarn_transcoder *t, struct run *r)
{
    const uint8_t *s = r->p;
    bool negative = *s == '-';
    uint64_t v = 0;
    unsigned n;

    if (RARE(r->end - s < 24))
        return call(number_token, t, r);
    s += negative;
    for (n = 0; n < 10 && (unsigned)s[n] - '0' <= 9; n++)
        v = v * 10 + (s[n] - '0');
    if (RARE(!n || tarn_number_char(s[n]) || (*s == '0' && n > 1)))
        return call(number_token, t, r);
    r->p = s + n;
    r->o = negative && v ? tarn_pack_negative(r->o, -(int64_t)v) : tarn_pack_uint(r->o, v);
    return ST_AFTER;
}

/* Go on with true, false or null; t->literal is what is left of it. */
static enum state literal(struct tarn_transcoder *t)
{
    while (*t->literal && t->at.p < t->at.end) {
        if (*t->at.p != (uint8_t)*t->literal)
            return fail_found(t, "true, false or null");
        t->literal++;
        t->at.p++;
    }
    return *t->literal ? wait(t, ST_LITERAL) : ST_AFTER;
}

COLD enum state literal_begin(struct tarn_transcoder *t)
{
    switch (*t->at.p) {
    case 't':
        *t->at.o++ = 0xc3;
        t->literal = "true";
        return literal(t);
    case 'f':
        *t->at.o++ = 0xc2;
        t->literal = "false";
        return literal(t);
    case 'n':
        *t->at.o++ = 0xc0;
        t->literal = "null";
        return literal(t);
    default:
        return fail_found(t, "a value");
    }
}

/* ---- containers ------------------------------------------------------------------------------------ */

/* More frames, or the end of what is allowed. */
COLD enum state deeper(struct tarn_transcoder *t)
{
    struct frame *frames;

    if (t->depth - t->base >= TARN_VALUE_DEPTH_MAX)
        return refuse(t, TARN_E_DEPTH, "nested deeper than 10000 levels", false);
    frames = realloc(t->frames, sizeof *frames * 2 * t->frames_cap);
    if (!frames)
        return fail(t, TARN_E_NOMEM, "out of memory");
    t->frames = frames;
    t->frames_cap *= 2;
    depth_stop_set(t);
    return ST_GO;
}

/* Do the keys of a container with this many open around it, the object's own included, go into the table? */
HOT uint8_t table_level(const struct tarn_transcoder *t, uint32_t around)
{
    if (around == 0)
        return TABLE_ROOT;
    return around == 1 && t->frames[t->base].flags & FRAME_MAP ? TABLE_CHILD : TABLE_NONE;
}

HOT enum state container_open(struct tarn_transcoder *t, struct run *r, bool map)
{
    struct frame *f;
    uint32_t around = t->depth - t->base;

    if (RARE(t->depth >= t->depth_stop)) {
        enum state st = call(deeper, t, r);

        if (st != ST_GO)
            return st;
    }
    if (r->end - r->p > 1 && r->p[1] == (map ? '}' : ']')) { /* empty, as most maps of managedFields are */
        *r->o++ = map ? 0x80 : 0x90;
        r->p += 2;
        return ST_AFTER;
    }
    f = &t->frames[t->depth++];
    f->node = t->node;
    f->start = (uint32_t)(r->o - t->out);
    f->count = f->index = 0;
    f->keys = (uint16_t)t->nkeys;
    f->table = map && t->in_object ? table_level(t, around) : TABLE_NONE;
    f->flags = (uint8_t)((map ? FRAME_MAP : 0) | (f->node || f->table ? FRAME_WATCHED : 0) |
                         (f->node && t->filter ? FRAME_FILTER : 0) | (t->in_object ? 0 : FRAME_ENVELOPE));
    r->f = f;
    r->o++;
    r->p++;
    return map ? ST_MEMBER_FIRST : ST_ELEMENT_FIRST;
}

/* What stands behind start moved by n. */
static void places_move(struct tarn_transcoder *t, const struct frame *f, uint32_t n)
{
    for (unsigned i = 0; i < TARN_SLOTS_MAX; i++)
        if (t->slots[i] > f->start)
            t->slots[i] += n;
    for (uint32_t i = f->keys; i < t->nkeys; i++)
        t->offs[i] += n;
}

/* A container whose number of elements needs more than the byte kept for it. */
COLD enum state close_large(struct tarn_transcoder *t)
{
    struct frame *f = &t->frames[t->depth];
    uint32_t more = f->count <= UINT16_MAX ? 2 : 4, count = __builtin_bswap32(f->count);
    uint8_t *o = t->out + f->start, type = (uint8_t)((f->flags & FRAME_MAP ? 0xde : 0xdc) + (more == 4));

    memmove(o + 1 + more, o + 1, (size_t)(t->at.o - o - 1));
    *o = type;
    memcpy(o + 1, (const uint8_t *)&count + 4 - more, more);
    t->at.o += more;
    places_move(t, f, more);
    return ST_AFTER;
}

HOT enum state container_close(struct tarn_transcoder *t, struct run *r)
{
    struct frame *f = r->f;

    t->depth--;
    r->f = f - 1;
    if (RARE(f->count > 15))
        return call(close_large, t, r);
    t->out[f->start] = (uint8_t)((f->flags & FRAME_MAP ? 0x80 : 0x90) | f->count);
    return ST_AFTER;
}

/* ---- the machine ----------------------------------------------------------------------------------- */

/* The next byte that is no white space (not taken), or -1. */
HOT int next_char(struct run *r)
{
    while (r->p < r->end) {
        uint8_t c = *r->p;

        if (c > ' ' || (c != ' ' && c != '\n' && c != '\r' && c != '\t'))
            return c;
        r->p++;
    }
    return -1;
}

COLD enum state fail_key(struct tarn_transcoder *t)
{
    return fail_found(t, "a key in double quotes");
}

COLD enum state fail_colon(struct tarn_transcoder *t)
{
    return fail_found(t, "':' behind a key");
}

COLD enum state fail_next(struct tarn_transcoder *t)
{
    return fail_found(t, top(t)->flags & FRAME_MAP ? "',' or '}'" : "',' or ']'");
}

COLD enum state fail_done(struct tarn_transcoder *t)
{
    return fail_found(t, "the end behind the document");
}

HOT enum state colon(struct tarn_transcoder *t, struct run *r)
{
    int c = next_char(r);

    if (RARE(c < 0))
        return wait(t, ST_COLON);
    if (RARE(c != ':'))
        return call(fail_colon, t, r);
    r->p++;
    return ST_VALUE;
}

HOT enum state key_done(struct tarn_transcoder *t, struct run *r)
{
    if (r->f->flags & FRAME_WATCHED) {
        if (r->f->node) {
            t->at.o = r->o;
            watched_key(t);
        } else {
            t->node = NULL;
            table_add(t, r->f);
        }
    }
    return colon(t, r);
}

HOT enum state member(struct tarn_transcoder *t, struct run *r, bool first)
{
    int c = next_char(r);

    if (c == '"') {
        r->p++;
        t->key_off = (uint32_t)(r->o - t->out);
        return short_string(r) ? key_done(t, r) : call(key_string, t, r);
    }
    if (c < 0)
        return wait(t, first ? ST_MEMBER_FIRST : ST_MEMBER);
    if (c != '}' || !first)
        return call(fail_key, t, r);
    r->p++;
    return ST_CLOSE;
}

/* The value whose first byte is c. */
HOT enum state value_begin(struct tarn_transcoder *t, struct run *r, int c)
{
    if (RARE(t->node != NULL)) {
        enum state st = call(special, t, r);

        if (st != ST_GO)
            return st;
    }
    if (c == '"') {
        r->p++;
        return short_string(r) ? ST_AFTER : call(value_string, t, r);
    }
    if (c == '{' || c == '[')
        return container_open(t, r, c == '{');
    if (c == '-' || (c >= '0' && c <= '9'))
        return number(t, r);
    return call(literal_begin, t, r);
}

HOT enum state value(struct tarn_transcoder *t, struct run *r)
{
    int c = next_char(r);

    return RARE(c < 0) ? wait(t, ST_VALUE) : value_begin(t, r, c);
}

HOT enum state element(struct tarn_transcoder *t, struct run *r, bool first)
{
    int c = next_char(r);

    if (RARE(c < 0))
        return wait(t, first ? ST_ELEMENT_FIRST : ST_ELEMENT);
    if (first && c == ']') {
        r->p++;
        return ST_CLOSE;
    }
    if (r->f->flags & FRAME_WATCHED) {
        t->at.o = r->o;
        watched_element(t);
    }
    return value_begin(t, r, c);
}

HOT enum state next(struct tarn_transcoder *t, struct run *r)
{
    int c = next_char(r);
    bool map = r->f->flags & FRAME_MAP;

    if (RARE(c < 0))
        return wait(t, ST_NEXT);
    if (c == ',') {
        r->p++;
        return map ? ST_MEMBER : ST_ELEMENT;
    }
    if (RARE(c != (map ? '}' : ']')))
        return call(fail_next, t, r);
    r->p++;
    return ST_CLOSE;
}

HOT enum state after(struct tarn_transcoder *t, struct run *r)
{
    if (RARE(r->o > t->limit))
        return call(after_special, t, r);
    if (RARE(r->f->flags & FRAME_ENVELOPE))
        return call(envelope_value_done, t, r);
    r->f->count++;
    return next(t, r);
}

HOT enum state done(struct tarn_transcoder *t, struct run *r)
{
    return next_char(r) < 0 ? wait(t, ST_DONE) : call(fail_done, t, r);
}

/* Until the input is used up or something fails. */
static enum state run(struct tarn_transcoder *t)
{
    struct run r = t->at;
    enum state st = t->state;

    r.f = top(t);
    for (;;) {
        while (st == ST_MEMBER) { /* the round of nearly all tokens; any other state leaves it */
            st = member(t, &r, false);
            if (st == ST_VALUE)
                st = value(t, &r);
            if (st == ST_AFTER)
                st = after(t, &r);
        }
        switch (st) {
        case ST_VALUE:
            st = value(t, &r);
            break;
        case ST_ELEMENT_FIRST:
            st = element(t, &r, true);
            break;
        case ST_ELEMENT:
            st = element(t, &r, false);
            break;
        case ST_MEMBER_FIRST:
            st = member(t, &r, true);
            break;
        case ST_KEY_DONE:
            st = key_done(t, &r);
            break;
        case ST_COLON:
            st = colon(t, &r);
            break;
        case ST_AFTER:
            st = after(t, &r);
            break;
        case ST_NEXT:
            st = next(t, &r);
            break;
        case ST_CLOSE:
            st = container_close(t, &r);
            break;
        case ST_STRING:
            st = call(string, t, &r);
            break;
        case ST_NUMBER:
            st = call(number_resume, t, &r);
            break;
        case ST_LITERAL:
            st = call(literal, t, &r);
            break;
        case ST_SKIP:
            st = call(skip, t, &r);
            break;
        case ST_DONE:
            st = done(t, &r);
            break;
        default:
            t->at = r;
            return st;
        }
    }
}

/* ---- the interface --------------------------------------------------------------------------------- */

void tarn_transcoder_reset(struct tarn_transcoder *t)
{
    t->code = 0;
    t->fed = 0;
    t->skip_code = 0;
    t->state = ST_VALUE;
    document_begin(t);
    t->len = 0;
}

void tarn_transcoder_free(struct tarn_transcoder *t)
{
    if (!t)
        return;
    tarn_trie_release(&t->trie);
    tarn_buf_release(&t->number);
    tarn_buf_release(&t->skip_name);
    if (t->c_locale)
        freelocale(t->c_locale);
    free(t->frames);
    free(t->out);
    free(t);
}

static int options_check(const struct tarn_transcode_options *o, struct tarn_error *err)
{
    if (o->mode != TARN_TRANSCODE_OBJECT && o->mode != TARN_TRANSCODE_LIST && o->mode != TARN_TRANSCODE_WATCH)
        return tarn_error_set(err, TARN_E_INVAL, "mode %d is none of OBJECT, LIST and WATCH", (int)o->mode);
    if (o->max_object_bytes && (o->max_object_bytes < MIN_OBJECT_BYTES || o->max_object_bytes > TARN_OBJECT_BYTES_MAX))
        return tarn_error_set(err, TARN_E_INVAL, "max_object_bytes is %u; it must be from %u to %u", o->max_object_bytes,
                              MIN_OBJECT_BYTES, TARN_OBJECT_BYTES_MAX);
    return 0;
}

static int parts_make(struct tarn_transcoder *t)
{
    t->c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    t->frames = malloc(sizeof *t->frames * FRAMES_FIRST);
    t->frames_cap = FRAMES_FIRST;
    return t->c_locale && t->frames ? out_reserve(t, GAP_BYTES) : TARN_E_NOMEM;
}

int tarn_transcoder_new(const struct tarn_transcode_options *options, const struct tarn_transcode_sink *sink,
                        struct tarn_transcoder **ret, struct tarn_error *err)
{
    struct tarn_transcoder *t;
    int code = options_check(options, err);

    if (code)
        return code;
    t = calloc(1, sizeof *t);
    if (!t)
        return tarn_error_set(err, TARN_E_NOMEM, "out of memory");
    *t = (struct tarn_transcoder){.sink = *sink, .mode = options->mode, .store_id = options->store_id,
                                  .lenient = options->lenient_utf8,
                                  .max_object_bytes = options->max_object_bytes ? options->max_object_bytes
                                                                                : DEFAULT_OBJECT_BYTES};
    code = tarn_trie_init(&t->trie, options, err);
    if (!code && parts_make(t))
        code = tarn_error_set(err, TARN_E_NOMEM, "out of memory");
    if (code) {
        tarn_transcoder_free(t);
        return code;
    }
    tarn_transcoder_reset(t);
    *ret = t;
    return 0;
}

static int feed_slice(struct tarn_transcoder *t, const uint8_t *data, size_t n)
{
    if (out_reserve(t, n * OUT_PER_BYTE + 2 * GAP_BYTES + OUT_SLACK))
        return t->code = tarn_error_set(&t->error, TARN_E_NOMEM, "out of memory");
    t->slice = data;
    t->at = (struct run){.p = data, .end = data + n, .o = t->out + t->len};
    (void)run(t);
    t->len = out_off(t);
    t->fed += n;
    return t->code;
}

int tarn_transcoder_feed(struct tarn_transcoder *t, const void *data, size_t n, struct tarn_error *err)
{
    const uint8_t *p = data;

    if (t->code)
        return tarn_error_set(err, TARN_E_INVAL, "fed after an error: %.400s", t->error.message);
    while (n) {
        size_t slice = n < SLICE_BYTES ? n : SLICE_BYTES;

        if (feed_slice(t, p, slice)) {
            if (err)
                *err = t->error;
            return t->code;
        }
        p += slice;
        n -= slice;
    }
    return 0;
}

/* May the input end here: between documents, or, in mode WATCH only, before the first? */
static bool may_end(const struct tarn_transcoder *t)
{
    return t->state == ST_DONE || (t->mode == TARN_TRANSCODE_WATCH && t->state == ST_VALUE && t->depth == 1);
}

int tarn_transcoder_end(struct tarn_transcoder *t, struct tarn_error *err)
{
    int code = 0;

    if (!t->code && t->state == ST_NUMBER && t->depth == 1) /* only more input tells that a number is over */
        code = tarn_transcoder_feed(t, "\n", 1, err);
    if (code)
        return code;
    if (t->code)
        return tarn_error_set(err, TARN_E_INVAL, "ended after an error: %.400s", t->error.message);
    if (may_end(t))
        return 0;
    t->code = tarn_error_set(&t->error, TARN_E_SYNTAX, "byte %llu: the input ended inside a document",
                             (unsigned long long)t->fed);
    if (err)
        *err = t->error;
    return t->code;
}

size_t tarn_transcoder_memory(const struct tarn_transcoder *t)
{
    return sizeof *t + t->cap + t->frames_cap * sizeof *t->frames + t->number.cap + t->skip_name.cap;
}

/* ---- one document, one object ------------------------------------------------------------------------ */

struct one {
    const struct tarn_object *obj;
};

static int one_object(void *ctx, struct tarn_bytes type, const struct tarn_object *obj)
{
    struct one *one = ctx;

    (void)type;
    one->obj = tarn_object_ref(obj);
    return one->obj ? 0 : TARN_E_NOMEM;
}

int tarn_object_from_json(struct tarn_bytes json, const struct tarn_object **ret, struct tarn_error *err)
{
    struct one one = {0};
    struct tarn_transcode_options options = {.mode = TARN_TRANSCODE_OBJECT, .max_object_bytes = TARN_OBJECT_BYTES_MAX};
    struct tarn_transcode_sink sink = {.on_object = one_object, .ctx = &one};
    struct tarn_transcoder *t = NULL;
    int code = tarn_transcoder_new(&options, &sink, &t, err);

    if (code)
        return code;
    code = tarn_transcoder_feed(t, json.data, json.len, err);
    if (!code)
        code = tarn_transcoder_end(t, err);
    tarn_transcoder_free(t);
    if (code) {
        tarn_object_unref(one.obj);
        return code;
    }
    *ret = one.obj;
    return 0;
}
