/* transcode_path.c - what the projection says about the value that comes next: drop, keep, note, take as the object. */
#include "transcode_impl.h"

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

void tarn_transcode_watched_key(struct tarn_transcoder *t)
{
    const struct frame *f = top(t);
    struct tarn_bytes key = tarn_transcode_key_at(t, t->key_off);

    t->rewind = t->key_off;
    if (choose(t, f, tarn_node_key(f->node, key)) && f->table)
        table_add(t, f);
}

void tarn_transcode_watched_element(struct tarn_transcoder *t)
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
        tarn_transcode_limit_set(t, t->limit_off);
        return ST_GO;
    }
    t->at.o = t->out + t->rewind;
    t->at.p++;
    t->skip = (struct tarn_skip){.depth = c == '"' ? 0 : 1, .in_string = c == '"'};
    return ST_SKIP;
}

enum state tarn_transcode_special(struct tarn_transcoder *t)
{
    const struct tarn_node *n = t->node;
    uint8_t c = *t->at.p;

    if (n->must_be == '{' && c != '{')
        return tarn_transcode_fail_found(t, "an object");
    if (n->must_be == '[' && c != '[' && c != 'n')
        return tarn_transcode_fail_found(t, "an array of items");
    if (n->drop || (t->filter && c != '{' && c != '[') || (n->object && (t->has_object || t->has_skipped)))
        return drop(t);
    for (uint64_t left = n->slots; left; left &= left - 1) {
        int i = __builtin_ctzll(left);

        t->slots[i] = t->slots[i] ? t->slots[i] : out_off(t); /* of duplicate keys the first is found */
    }
    return n->object ? tarn_transcode_object_begin(t) : ST_GO;
}

enum state tarn_transcode_after_special(struct tarn_transcoder *t)
{
    if (!t->rewinding)
        return tarn_transcode_refuse(t, TARN_E_SIZE, "the object is larger than allowed", false);
    t->rewinding = false;
    tarn_transcode_limit_set(t, t->limit_off);
    t->at.o = t->out + t->rewind;
    if (t->nkeys && t->nkeys <= TARN_BLOB_TABLE_KEYS_MAX && (t->offs[t->nkeys - 1] & ~TARN_BLOB_CHILD) >= t->rewind)
        t->nkeys--;
    return ST_NEXT;
}
