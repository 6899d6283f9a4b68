/* fake_store.h - the simplest store: a small table of key and object, a log of what was called, scripted refusals.
 * Also the model that real stores are compared with. Not thread-safe unless the test locks. */
#ifndef FAKE_STORE_H
#define FAKE_STORE_H

#include <tarn/store.h>

#define FAKE_STORE_MAX 512

struct fake_table {
    const struct tarn_object *v[FAKE_STORE_MAX];
    size_t n;
};

/* Which calls are refused. */
enum fake_store_call {
    FAKE_STORE_ADD,
    FAKE_STORE_UPDATE,
    FAKE_STORE_DELETE,
    FAKE_STORE_BEGIN,
    FAKE_STORE_STAGE,
    FAKE_STORE_COMMIT,
    FAKE_STORE_RESYNC,
    FAKE_STORE_CALLS,
};

struct fake_store {
    struct tarn_store store; /* first */
    struct fake_table now, staging;
    bool staged;
    char rv[64];                     /* of the newest replace or bookmark */
    char log[8192];                  /* "add a/b@5 · begin · stage a/b@5 · commit@7 · abort ..." ; cut when full */
    int refuse[FAKE_STORE_CALLS];    /* answer this instead; 0: do it */
    int refusals[FAKE_STORE_CALLS];  /* so many times; 0 with a refuse: always */
    const char *refuse_key;          /* only for this key */
    unsigned calls[FAKE_STORE_CALLS];
    unsigned aborts, bookmarks, misuses; /* misuse: begin twice, add without begin, ... */
    bool no_remove;                  /* has no replace_remove */
};

/* Make it in place; release with tarn_store_free(&s->store), which frees nothing but the objects. */
void fake_store_init(struct fake_store *s, bool no_remove);
/* "a/b@5 c/d@7" in order of keys. Static buffer, valid until the next call. */
const char *fake_store_text(const struct fake_store *s);
/* The object of key, borrowed; NULL if none. */
const struct tarn_object *fake_table_find(const struct fake_table *t, struct tarn_bytes key);
/* Put (takes a reference of its own) and remove by key. */
void fake_table_put(struct fake_table *t, const struct tarn_object *obj);
void fake_table_remove(struct fake_table *t, struct tarn_bytes key);
void fake_table_clear(struct fake_table *t);
/* Same keys, uids and resourceVersions? */
bool fake_table_equal(const struct fake_table *a, const struct fake_table *b);

#endif
