/* transcode_impl.h - what the parts of the transcoder share: its states, its struct, and who calls whom.
 *
 *     transcode.c          the interface: new, feed, end
 *     transcode_machine.c  the hot path: containers, keys, short strings, small numbers
 *     transcode_text.c     all other strings
 *     transcode_path.c     what the projection says about a value
 *     transcode_object.c   where an object begins, ends, is handed out or refused; the envelope around it
 *
 * A state is a function: it takes what it can from t->at and returns the next state, or waits.
 */
#ifndef TARN_CORE_TRANSCODE_IMPL_H
#define TARN_CORE_TRANSCODE_IMPL_H

#include <locale.h>

#include "blob.h"
#include "scan.h"
#include "skip.h"
#include "trie.h"
#include "value.h"

#define HOT static inline __attribute__((always_inline))
#define COLD static __attribute__((noinline))
#define RARE(x) __builtin_expect(!!(x), 0)

#define SLICE_BYTES 16384u             /* input taken in one turn */
#define OUT_PER_BYTE 5u                /* output one byte of input may cause: a bracket that makes a header of 5 */
#define OUT_SLACK 256u                 /* copies of 64 bytes and numbers reach over the end */
#define GAP_BYTES 2048u                /* room for the usual head; a longer one moves the body; a multiple of 8 */
#define DEFAULT_OBJECT_BYTES (8u << 20)
#define MIN_OBJECT_BYTES 256u
#define ENVELOPE_BYTES_MAX (1u << 20)  /* what is kept of a list's or event's own fields */
#define FRAMES_FIRST 64u
#define MOVED_BYTES_MAX (256u << 20)   /* moved behind grown headers, per object: bounds the time one can take */

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
    uint64_t moved; /* bytes, behind headers of containers that grew */
    uint32_t nkeys; /* of the table; one more than it can hold: there is none */
    uint16_t tags[TARN_BLOB_TABLE_KEYS_MAX];
    uint32_t offs[TARN_BLOB_TABLE_KEYS_MAX + 2];

    uint64_t fed; /* bytes before the slice under way */
    const uint8_t *slice;
    int code;
    struct tarn_error error;
};

/* ---- what is inlined wherever it is used ---- */

HOT struct frame *top(const struct tarn_transcoder *t)
{
    return &t->frames[t->depth - 1];
}

HOT enum state wait(struct tarn_transcoder *t, enum state resume)
{
    t->state = resume;
    return ST_WAIT;
}

HOT uint32_t out_off(const struct tarn_transcoder *t)
{
    return (uint32_t)(t->at.o - t->out);
}

/* The key just read goes into the table. */
HOT void table_add(struct tarn_transcoder *t, const struct frame *f)
{
    t->offs[t->nkeys] = t->key_off | (f->table == TABLE_CHILD ? TARN_BLOB_CHILD : 0);
    t->nkeys += t->nkeys <= TARN_BLOB_TABLE_KEYS_MAX;
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

/* ---- transcode.c ---- */

/* Note code and `what`, with the place, as the reason why the feed ends. ST_FAIL. */
enum state tarn_transcode_fail(struct tarn_transcoder *t, int code, const char *what);
/* Something else stands where `expected` should. */
enum state tarn_transcode_fail_found(struct tarn_transcoder *t, const char *expected);
/* Output may reach this offset. */
void tarn_transcode_limit_set(struct tarn_transcoder *t, size_t off);
/* Make room for n more bytes behind t->len; moves out. 0 or TARN_E_NOMEM. */
int tarn_transcode_reserve(struct tarn_transcoder *t, size_t n);
/* Ready for a document. */
void tarn_transcode_document_begin(struct tarn_transcoder *t);
/* How many frames may be open, by the memory there is and by the depth allowed. */
void tarn_transcode_depth_stop_set(struct tarn_transcoder *t);

/* ---- transcode_machine.c ---- */

/* Until the input is used up (ST_WAIT) or something fails (ST_FAIL). */
enum state tarn_transcode_run(struct tarn_transcoder *t);

/* ---- transcode_text.c ---- */

/* Behind the opening quote of a key or a value. */
enum state tarn_transcode_key_string(struct tarn_transcoder *t);
enum state tarn_transcode_value_string(struct tarn_transcoder *t);
/* Inside one. */
enum state tarn_transcode_string(struct tarn_transcoder *t);

/* ---- transcode_path.c ---- */

/* A key is complete, in a map with a node. */
void tarn_transcode_watched_key(struct tarn_transcoder *t);
/* An element begins, in an array with a node. */
void tarn_transcode_watched_element(struct tarn_transcoder *t);
/* The value at t->at has a node: ST_GO to treat it as any other. */
enum state tarn_transcode_special(struct tarn_transcoder *t);
/* A value is complete that is taken back, or one more than the object may have. */
enum state tarn_transcode_after_special(struct tarn_transcoder *t);

/* ---- transcode_object.c ---- */

enum state tarn_transcode_object_begin(struct tarn_transcoder *t);
/* The key at an offset of out, whose header is right. */
struct tarn_bytes tarn_transcode_key_at(const struct tarn_transcoder *t, uint32_t off);
/* Give the object under way up for this reason and pass over the rest of it; in_string: at stands inside one of its strings. */
enum state tarn_transcode_refuse(struct tarn_transcoder *t, int code, const char *what, bool in_string);
enum state tarn_transcode_skip(struct tarn_transcoder *t);
/* A value of the envelope, or an object, is complete. */
enum state tarn_transcode_envelope_value_done(struct tarn_transcoder *t);

#endif
