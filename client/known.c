/* A hash map from keys to delivered versions: open addressing, seeded (keys are chosen by the cluster's users). */
#include "known.h"

#include <stdlib.h>
#include <string.h>

#include <tarn/runtime.h>

static uint64_t fold(uint64_t a, uint64_t b)
{
    unsigned __int128 p = (unsigned __int128)a * b;

    return (uint64_t)p ^ (uint64_t)(p >> 64);
}

static uint64_t hash(struct tarn_bytes text, uint64_t seed)
{
    uint64_t h = seed ^ text.len * UINT64_C(0x9e3779b97f4a7c15), w;
    size_t i = 0;

    for (; i + 8 <= text.len; i += 8) {
        memcpy(&w, text.data + i, 8);
        h = fold(h ^ w, seed | UINT64_C(0xa0761d6478bd642f));
    }
    w = 0;
    if (i < text.len)
        memcpy(&w, text.data + i, text.len - i);
    return fold(h ^ w, UINT64_C(0xe7037ed1a0b428db));
}

static uint64_t version_of(const struct tarn_object *obj)
{
    uint64_t rv = tarn_object_resource_version(obj);

    return rv ? rv : hash(tarn_object_resource_version_text(obj), 1);
}

static uint32_t uid_of(const struct tarn_object *obj)
{
    return (uint32_t)hash(tarn_object_uid(obj), 1);
}

bool known_same_version(const struct known_entry *e, const struct tarn_object *obj)
{
    return e->version == version_of(obj) && e->uid == uid_of(obj);
}

bool known_same_uid(const struct known_entry *e, const struct tarn_object *obj)
{
    return e->uid == uid_of(obj);
}

/* Where key is, or would go. cap is not 0. */
static size_t slot_of(const struct known *k, struct tarn_bytes key)
{
    size_t i = hash(key, k->seed) & (k->cap - 1);

    while (k->slot[i] && !tarn_bytes_equal((struct tarn_bytes){k->slot[i]->key, k->slot[i]->klen}, key))
        i = (i + 1) & (k->cap - 1);
    return i;
}

struct known_entry *known_find(const struct known *k, struct tarn_bytes key)
{
    return k->cap ? k->slot[slot_of(k, key)] : NULL;
}

static int grow(struct known *k)
{
    struct known bigger = {.cap = k->cap ? k->cap * 2 : 64, .seed = k->seed, .n = k->n, .mark = k->mark};

    if (k->n * 4 < k->cap * 3)
        return 0;
    if (!bigger.seed)
        bigger.seed = tarn_random(tarn_runtime_posix()) | 1;
    bigger.slot = calloc(bigger.cap, sizeof *bigger.slot);
    if (!bigger.slot)
        return TARN_E_NOMEM;
    for (size_t i = 0; i < k->cap; i++)
        if (k->slot[i])
            bigger.slot[slot_of(&bigger, (struct tarn_bytes){k->slot[i]->key, k->slot[i]->klen})] = k->slot[i];
    free(k->slot);
    *k = bigger;
    return 0;
}

static struct known_entry *entry_new(struct tarn_bytes key)
{
    struct known_entry *e = malloc(sizeof *e + key.len + 1);

    if (!e)
        return NULL;
    e->klen = (uint16_t)key.len;
    memcpy(e->key, key.data, key.len);
    e->key[key.len] = 0;
    return e;
}

int known_put(struct known *k, const struct tarn_object *obj)
{
    struct tarn_bytes key = tarn_object_key(obj);
    struct known_entry *e = known_find(k, key);

    if (!e) {
        if (grow(k) != 0 || !(e = entry_new(key)))
            return TARN_E_NOMEM;
        k->slot[slot_of(k, key)] = e;
        k->n++;
    }
    e->version = version_of(obj);
    e->uid = uid_of(obj);
    e->mark = k->mark;
    return 0;
}

void known_remove(struct known *k, struct tarn_bytes key)
{
    size_t hole, i;

    if (!k->cap || !k->slot[hole = slot_of(k, key)])
        return;
    free(k->slot[hole]);
    k->slot[hole] = NULL;
    k->n--;
    /* Close the gap: what probed over it moves back. */
    for (i = (hole + 1) & (k->cap - 1); k->slot[i]; i = (i + 1) & (k->cap - 1)) {
        struct known_entry *e = k->slot[i];
        size_t to;

        k->slot[i] = NULL;
        to = slot_of(k, (struct tarn_bytes){e->key, e->klen});
        k->slot[to] = e;
    }
}

void known_release(struct known *k)
{
    for (size_t i = 0; i < k->cap; i++)
        free(k->slot[i]);
    free(k->slot);
    *k = (struct known){0};
}
