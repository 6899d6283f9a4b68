/* tarn/object.h - one immutable API object as a flat, position-independent blob.
 *
 * The same bytes live on the heap (behind a reference count), in the transcoder's scratch
 * (borrowed for the length of a callback) and in a region (borrowed for the length of a
 * snapshot). `const struct tarn_object *` is that blob; every accessor works on all three.
 *
 * The blob, little endian, 8-aligned:
 *
 *     0  u32 size          the whole blob, a multiple of 8, at most TARN_OBJECT_BYTES_MAX
 *     4  u16 klen          bytes of the key, without the NUL behind it
 *     6  u8  format        TARN_OBJECT_FORMAT_MSGPACK; others are reserved (zstd, key ids)
 *     7  u8  flags         enum tarn_object_flag
 *     8  key, NUL, padding to 8
 *     m  u64 resourceVersion, 0: absent or not numeric (its text stands in the body)
 *        u16 store         the store id inside a region; 0 elsewhere
 *        u16 nslen         bytes of the namespace at the key's start
 *        u32 uid_off       } offsets from the blob's start, 0: absent
 *        u32 body_off      } body: plain MessagePack (or, in a tombstone, the blob of the
 *        u32 slots_off     }   final state, 8-aligned)
 *        u32 table_off     }
 *        u32 body_len
 *     a tombstone that tells when: behind its final state, at a multiple of 8, u64 Unix time in ms
 *     uid: u16 len, bytes · slots: u16 n, u16 0, u32 off[n] (0: absent, else from body_off)
 *     table: u16 n, u16 0, u16 tag[n], pad 4, u32 off[n] (of the key, from body_off; the top bit
 *            marks a key of the map under the last key without it)
 *
 * Accessors never trust it: the size is loaded once, capped, and every offset and length is
 * checked against it, so that bytes that change or lie give a wrong or absent value, never a
 * read outside [obj - 16, obj + TARN_OBJECT_BYTES_MAX) (the 16 bytes in front are where a heap
 * object has its count). A mapping of objects keeps that many readable bytes around them.
 *
 * Sources: design of tarn; client-go tools/cache (ExplicitKey, DeletedFinalStateUnknown).
 */
#ifndef TARN_OBJECT_H
#define TARN_OBJECT_H

#include <stdbool.h>
#include <stdint.h>

#include <tarn/bytes.h>
#include <tarn/error.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tarn_object;

#define TARN_OBJECT_BYTES_MAX (16u << 20)
#define TARN_OBJECT_FORMAT_MSGPACK 1

enum tarn_object_flag {
    TARN_OBJECT_TOMBSTONE = 1,    /* DeletedFinalStateUnknown: a key and perhaps the last known state */
    TARN_OBJECT_EXPLICIT_KEY = 2, /* a bare key in place of an object */
    TARN_OBJECT_NO_META = 4,      /* a value without metadata: no key can be made of it */
    TARN_OBJECT_HEAP = 128,       /* on the heap and counted; never set in a region */
};

/* ---- making and counting ------------------------------------------------------------ */

/*
 * Take a reference. A heap object is counted; any other (scratch, region) is copied to the
 * heap first, so the result never dangles. Returns NULL only when memory is out (or obj is
 * NULL). Any thread. O(1) for heap objects, else one copy.
 */
TARN_API const struct tarn_object *tarn_object_ref(const struct tarn_object *obj);
/* Give a reference back; the last one frees. NULL and objects that are not on the heap are ignored. Any thread. */
TARN_API void tarn_object_unref(const struct tarn_object *obj);

/*
 * An object from JSON text: one whole document. An object without `metadata` gets
 * TARN_OBJECT_NO_META. *ret is an owned reference.
 * Returns 0, TARN_E_SYNTAX, _UTF8, _DEPTH, _SIZE, _KEY (embedded NUL in a name) or _NOMEM.
 */
TARN_API TARN_MUST_CHECK int tarn_object_from_json(struct tarn_bytes json, const struct tarn_object **ret,
                                                   struct tarn_error *err);
/* A bare key (client-go's ExplicitKey); no validation but embedded NULs. */
TARN_API TARN_MUST_CHECK int tarn_object_new_explicit_key(struct tarn_bytes key, const struct tarn_object **ret);
/* A tombstone (client-go's DeletedFinalStateUnknown); final_state may be NULL and is copied in. */
TARN_API TARN_MUST_CHECK int tarn_object_new_tombstone(struct tarn_bytes key, const struct tarn_object *final_state,
                                                       const struct tarn_object **ret);
/*
 * A tombstone that also tells when it was deleted (Unix time in ms): for lists of deleted objects. Its key is "KEY/UID" of the final
 * state, which is copied in, its uid and resourceVersion are the final state's. TARN_E_KEY (too long), TARN_E_SIZE, TARN_E_NOMEM.
 */
TARN_API TARN_MUST_CHECK int tarn_object_new_deleted(const struct tarn_object *final_state, uint64_t deleted_ms,
                                                     const struct tarn_object **ret);

/* ---- what every object has; all borrowed, valid as long as obj -------------------------- */

TARN_API uint32_t tarn_object_size(const struct tarn_object *obj); /* bytes of the blob */
/* The object's enum tarn_object_flag bits. */
TARN_API uint8_t tarn_object_flags(const struct tarn_object *obj);
TARN_API struct tarn_bytes tarn_object_key(const struct tarn_object *obj);       /* "namespace/name" or "name" */
TARN_API struct tarn_bytes tarn_object_namespace(const struct tarn_object *obj); /* empty: cluster-scoped */
/* The name, without its namespace. */
TARN_API struct tarn_bytes tarn_object_name(const struct tarn_object *obj);
/* metadata.uid; empty: it has none. */
TARN_API struct tarn_bytes tarn_object_uid(const struct tarn_object *obj);
TARN_API uint64_t tarn_object_resource_version(const struct tarn_object *obj); /* 0: absent or not numeric */
/* metadata.resourceVersion as the server wrote it; empty: it has none. */
TARN_API struct tarn_bytes tarn_object_resource_version_text(const struct tarn_object *obj);
/* The body: MessagePack of the API object, as any decoder reads it. Empty for keys and tombstones. */
TARN_API struct tarn_bytes tarn_object_body(const struct tarn_object *obj);
/* A tombstone's last known state, inside the tombstone; NULL if there is none or obj is no tombstone. */
TARN_API const struct tarn_object *tarn_object_final_state(const struct tarn_object *obj);
/* When it was deleted, Unix time in ms; 0: not told, or obj is no tombstone. */
TARN_API uint64_t tarn_object_deleted_ms(const struct tarn_object *obj);

/* ---- fields without decoding ------------------------------------------------------------ */

enum tarn_value_type {
    TARN_NIL,
    TARN_BOOL,
    TARN_INT,    /* fits int64 */
    TARN_UINT,   /* above INT64_MAX */
    TARN_DOUBLE,
    TARN_STRING,
    TARN_ARRAY,
    TARN_MAP,
};

/*
 * One MessagePack value inside an object; borrowed, valid as long as the object.
 * For TARN_ARRAY and TARN_MAP `raw` begins behind the header and `count` is the number of elements
 * or pairs; walk them with tarn_value_next.
 */
struct tarn_value {
    enum tarn_value_type type;
    union {
        bool boolean;
        int64_t i;
        uint64_t u;
        double d;
        struct tarn_bytes string;
        uint32_t count;
    };
    struct tarn_bytes raw; /* arrays and maps: content from the first element to at least the last */
};

/*
 * The value at path: `a.b`, `a[0].b`, `a['key.with/dots']`. Uses the depth-2 table where the
 * object has one (12-90 ns), else scans. Returns 0, TARN_E_NOTFOUND, TARN_E_INVAL (the path does
 * not parse) or TARN_E_CORRUPT.
 */
TARN_API int tarn_object_get(const struct tarn_object *obj, const char *path, struct tarn_value *ret);
/* As tarn_object_get, where the value must be a string: its bytes; else TARN_E_TYPE. */
TARN_API int tarn_object_get_string(const struct tarn_object *obj, const char *path, struct tarn_bytes *ret);
/* The value of slot n, as configured for its resource (3-5 ns). TARN_E_NOTFOUND if absent. */
TARN_API int tarn_object_slot(const struct tarn_object *obj, unsigned n, struct tarn_value *ret);
/* metadata.labels[key]. Returns 0 or TARN_E_NOTFOUND. */
TARN_API int tarn_object_label(const struct tarn_object *obj, struct tarn_bytes key, struct tarn_bytes *ret);

/*
 * Call fn for each value that path leads to, where `[*]` steps into every element of an array. What is absent
 * is not visited. Returns 0, fn's first non-zero return, TARN_E_INVAL (the path does not parse) or TARN_E_CORRUPT.
 */
TARN_API int tarn_object_each(const struct tarn_object *obj, const char *path,
                              int (*fn)(void *ctx, const struct tarn_value *v), void *ctx);

/* The root value of MessagePack bytes. 0 or TARN_E_CORRUPT. */
TARN_API int tarn_value_parse(struct tarn_bytes msgpack, struct tarn_value *ret);
/* The value at a path below v; as tarn_object_get. */
TARN_API int tarn_value_get(const struct tarn_value *v, const char *path, struct tarn_value *ret);
/*
 * Walk an array or a map: start with a copy of it as `it`; each call takes the next element
 * (ret_key is NULL or untouched for arrays). Returns 1 while there was one, 0 at the end,
 * TARN_E_CORRUPT. Keys of maps are strings.
 */
TARN_API int tarn_value_next(struct tarn_value *it, struct tarn_bytes *ret_key, struct tarn_value *ret);

/* ---- JSON again --------------------------------------------------------------------- */

/*
 * Append the object as JSON: semantically equal to what the server sent (same keys and order,
 * integers exact, doubles shortest that read back the same). 0, TARN_E_NOTFOUND (it has no body: a key or
 * a tombstone), TARN_E_NOMEM, TARN_E_CORRUPT; on error out is as before.
 */
TARN_API TARN_MUST_CHECK int tarn_object_to_json(const struct tarn_object *obj, struct tarn_buf *out);
/* The same for one value. indent 0: compact; else spaces per level. */
TARN_API TARN_MUST_CHECK int tarn_value_to_json(const struct tarn_value *v, int indent, struct tarn_buf *out);

/* A list of owned references. {0} is empty. */
struct tarn_objects {
    const struct tarn_object **v;
    size_t n, cap;
    void *lease; /* private to the store that made the list */
};

#ifdef __cplusplus
}
#endif
#endif
