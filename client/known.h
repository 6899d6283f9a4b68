/* The keys an informer has delivered, each with what identifies the version delivered: what differences are made against. */
#ifndef TARN_CLIENT_KNOWN_H
#define TARN_CLIENT_KNOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tarn/object.h>

struct known_entry {
    uint64_t version; /* resourceVersion */
    uint32_t uid;     /* hash of the uid */
    uint32_t mark;    /* of the last walk that met it */
    uint16_t klen;
    char key[];
};

struct known {
    struct known_entry **slot;
    size_t n, cap; /* cap: a power of two, or 0 */
    uint64_t seed;
    uint32_t mark;
};

/* The entry of key, or NULL. */
struct known_entry *known_find(const struct known *k, struct tarn_bytes key);
/* Remember obj as delivered. 0 or TARN_E_NOMEM (as before). */
int known_put(struct known *k, const struct tarn_object *obj);
/* Forget key; nothing if it is not there. */
void known_remove(struct known *k, struct tarn_bytes key);
void known_release(struct known *k);

/* Is obj the version that was delivered? Is it at least the same object (uid)? */
bool known_same_version(const struct known_entry *e, const struct tarn_object *obj);
bool known_same_uid(const struct known_entry *e, const struct tarn_object *obj);

#endif
