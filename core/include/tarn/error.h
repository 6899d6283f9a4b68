/* tarn/error.h - the one list of errors, their texts, and the error that carries a message.
 *
 * A function that can fail returns 0 or one of these negative numbers. Where there is
 * something worth telling, its last parameter is a `struct tarn_error *` (may be NULL) that
 * receives the code and a sentence naming what failed, where, and what to do about it.
 * The library never prints, exits or aborts on input.
 */
#ifndef TARN_ERROR_H
#define TARN_ERROR_H

#include <stdarg.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define TARN_API __attribute__((visibility("default")))
#define TARN_MUST_CHECK __attribute__((warn_unused_result))
#define TARN_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define TARN_API
#define TARN_MUST_CHECK
#define TARN_PRINTF(f, a)
#endif

/* X(NAME, value, text). Values are part of the ABI: never renumber. */
#define TARN_ERROR_MAP(X)                                                              \
    X(NOMEM, -1, "out of memory")                                                      \
    X(INVAL, -2, "argument outside its contract; nothing changed")                     \
    X(NOTFOUND, -3, "not found")                                                       \
    X(EXISTS, -4, "exists already")                                                    \
    X(KEY, -5, "couldn't create key for object")                                       \
    X(KEY_FORMAT, -6, "unexpected key format")                                         \
    X(NO_META, -7, "object has no meta")                                               \
    X(INDEX, -8, "index function failed")                                              \
    X(INDEX_MISSING, -9, "index does not exist")                                       \
    X(INDEX_CONFLICT, -10, "indexer conflict")                                         \
    X(TOO_MANY_KEYS, -11, "too many keys")                                             \
    X(NO_INDEX_KEYS, -12, "unexpected empty indexKeys")                                \
    X(NOT_DELTAS, -13, "object must be of type deltas")                                \
    X(TRANSFORM, -14, "transformer failed")                                            \
    X(PROCESS, -15, "process function failed")                                         \
    X(REQUEUE, -16, "process function asks for the item to be queued again")           \
    X(CLOSED, -17, "manipulating with closed queue")                                   \
    X(STOPPED, -18, "has stopped already")                                             \
    X(SELECTOR, -19, "selector does not parse")                                        \
    X(SYNTAX, -20, "malformed JSON")                                                   \
    X(UTF8, -21, "invalid UTF-8")                                                      \
    X(DEPTH, -22, "nested too deep")                                                   \
    X(SIZE, -23, "too large")                                                          \
    X(LIMIT, -24, "limit reached")                                                     \
    X(FULL, -25, "region full")                                                        \
    X(EXPIRED, -26, "snapshot expired")                                                \
    X(GONE, -27, "resourceVersion too old; list again")                                \
    X(CORRUPT, -28, "region or message breaks its format")                             \
    X(ABI, -29, "incompatible format version")                                         \
    X(PERM, -30, "permission denied")                                                  \
    X(NOAGENT, -31, "no agent answers")                                                \
    X(FORKED, -32, "handle belongs to the parent process; open a new one")             \
    X(TIMEOUT, -33, "timed out")                                                       \
    X(IO, -34, "input/output error")                                                   \
    X(STATUS, -35, "the API server answered with an error Status")                     \
    X(CONFIG, -36, "configuration error")                                              \
    X(UNSUPPORTED, -37, "not supported here")                                          \
    X(AGAIN, -38, "nothing to do now; try again later")                                \
    X(TYPE, -39, "value has another type")                                             \
    X(RESOURCE, -40, "resource is not mirrored here")

enum tarn_error_code {
    TARN_OK = 0,
#define X(name, value, text) TARN_E_##name = (value),
    TARN_ERROR_MAP(X)
#undef X
};

#define TARN_ERROR_MESSAGE_BYTES 512

/* A code and its message; plain memory, nothing to release. */
struct tarn_error {
    int code;
    char message[TARN_ERROR_MESSAGE_BYTES];
};

/* The fixed text of code ("region full"); for an unknown code "unknown error". Static storage. */
TARN_API const char *tarn_strerror(int code);

/* The name of code ("TARN_E_FULL"); static storage. */
TARN_API const char *tarn_error_name(int code);

/*
 * Fill err (may be NULL) with code and a formatted message, cut at the buffer's end.
 * Returns code, so that `return tarn_error_set(err, TARN_E_INVAL, "...")` reads well.
 */
TARN_API int tarn_error_set(struct tarn_error *err, int code, const char *fmt, ...) TARN_PRINTF(3, 4);

#ifdef __cplusplus
}
#endif
#endif
