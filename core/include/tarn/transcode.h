/* tarn/transcode.h - JSON bytes to objects in one pass, resumable at any byte.
 *
 * Feed the body of a LIST or a WATCH as it arrives; each item or event comes out as a borrowed
 * `const struct tarn_object *` the moment it closes. No tree, memory bounded by the largest
 * object whatever the length of the list. RFC 8259; UTF-8 checked; integers exact to 64 bits,
 * larger ones the nearest double; duplicate keys: both kept, the first is found.
 */
#ifndef TARN_TRANSCODE_H
#define TARN_TRANSCODE_H

#include <stdbool.h>

#include <tarn/object.h>

#ifdef __cplusplus
extern "C" {
#endif

enum tarn_transcode_mode {
    TARN_TRANSCODE_OBJECT, /* one document, one object */
    TARN_TRANSCODE_LIST,   /* {kind, apiVersion, metadata, items: [...]}, keys in any order */
    TARN_TRANSCODE_WATCH,  /* {type, object} after {type, object} */
};

/* What to do with paths, per resource. Paths have the forms of tarn_object_get, `[*]` steps into every element. */
struct tarn_projection {
    const char *const *drop; /* paths skipped structurally; default of the agent: metadata.managedFields */
    unsigned ndrop;
    const char *const *keep; /* if any: only these (and metadata's identity) are kept */
    unsigned nkeep;
    const char *const *slots; /* paths that get slot 0, 1, ... */
    unsigned nslots;
};

/* What stands in a list beside its items; valid during on_list_end. */
struct tarn_list_meta {
    struct tarn_bytes api_version, kind, resource_version, cont; /* cont: metadata.continue */
    int64_t remaining_item_count;                                /* -1: not told */
};

struct tarn_transcode_sink {
    /* An object of the list (type is empty) or of a watch event ("ADDED" ... ; for "ERROR" obj is
     * the Status as a NO_META or meta object, to be read with tarn_status_from_object).
     * obj is scratch: valid until the callback returns. A non-zero return ends the feed with it. */
    int (*on_object)(void *ctx, struct tarn_bytes type, const struct tarn_object *obj);
    /* The list closed. Mode LIST only. */
    int (*on_list_end)(void *ctx, const struct tarn_list_meta *meta);
    /* An object could not be taken (too large, too deep, bad key) but its structure could be skipped:
     * code and a name for it (may be empty). A non-zero return ends the feed with it. May be NULL. */
    int (*on_skipped)(void *ctx, int code, struct tarn_bytes key);
    void *ctx;
};

struct tarn_transcoder;

struct tarn_transcode_options {
    enum tarn_transcode_mode mode;
    struct tarn_projection projection;
    uint32_t max_object_bytes; /* of the blob; 0: 8 MiB; at least 256, at most TARN_OBJECT_BYTES_MAX */
    uint16_t store_id;         /* written into each object's header */
    bool lenient_utf8;         /* invalid UTF-8 becomes U+FFFD, as in Go; else TARN_E_UTF8 */
};

/* options and its arrays are copied. One thread at a time. */
TARN_API TARN_MUST_CHECK int tarn_transcoder_new(const struct tarn_transcode_options *options,
                                                 const struct tarn_transcode_sink *sink,
                                                 struct tarn_transcoder **ret, struct tarn_error *err);
/* Free it and what it holds of a document. NULL is allowed. */
TARN_API void tarn_transcoder_free(struct tarn_transcoder *t);
/* Forget what was fed; ready for a new document. Keeps its memory. */
TARN_API void tarn_transcoder_reset(struct tarn_transcoder *t);
/*
 * Feed the next n bytes, cut anywhere. Returns 0, the sink's non-zero return, TARN_E_SYNTAX, _UTF8,
 * _DEPTH, _SIZE, _NOMEM; err says what and at which byte of the stream. After an error only
 * reset and free are allowed.
 */
TARN_API TARN_MUST_CHECK int tarn_transcoder_feed(struct tarn_transcoder *t, const void *data, size_t n,
                                                  struct tarn_error *err);
/* The input is over. TARN_E_SYNTAX if it ended inside a document (or, in mode LIST, before one). */
TARN_API TARN_MUST_CHECK int tarn_transcoder_end(struct tarn_transcoder *t, struct tarn_error *err);
/* Bytes of heap it holds now. */
TARN_API size_t tarn_transcoder_memory(const struct tarn_transcoder *t);

#ifdef __cplusplus
}
#endif
#endif
