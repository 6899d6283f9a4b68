/* trie.c - builds the tree of paths.
 *
 * An element has one node even where `a[0].x` and `a[*].y` both lead to it: a path with [*] is written below
 * every index there is, and all paths are written again until no node is new.
 */
#include "trie.h"

#include <stdlib.h>

/* What a path does to the node it ends at. */
struct mark {
    uint64_t slots;
    bool drop, keep, object;
    char must_be;
};

static bool same_step(const struct tarn_step *a, const struct tarn_step *b)
{
    return a->kind == b->kind && a->index == b->index && tarn_bytes_equal(a->key, b->key);
}

static struct tarn_node *find(struct tarn_node *parent, const struct tarn_step *step)
{
    struct tarn_node *c = parent->child;

    while (c && !same_step(&c->step, step))
        c = c->sibling;
    return c;
}

/* The child of parent for step, made if need be and put last; NULL: out of memory. */
static struct tarn_node *child(struct tarn_trie *t, struct tarn_node *parent, const struct tarn_step *step)
{
    struct tarn_node *n = find(parent, step), **end = &parent->child;
    char *key;

    if (n)
        return n;
    n = calloc(1, sizeof *n);
    key = calloc(1, step->key.len + 8);
    if (!n || !key) {
        free(n);
        free(key);
        return NULL;
    }
    if (step->key.len)
        memcpy(key, step->key.data, step->key.len);
    n->step = *step;
    n->step.key.data = key;
    n->key_head = tarn_key_head(n->step.key);
    while (*end)
        end = &(*end)->sibling;
    *end = n;
    t->grown = true;
    return n;
}

static void apply(struct tarn_node *n, struct mark m)
{
    n->slots |= m.slots;
    n->drop |= m.drop;
    n->keep |= m.keep;
    n->object |= m.object;
    n->must_be = m.must_be ? m.must_be : n->must_be;
}

/* Write what is left of path below n, and mark its end. Recurs by the length of a path from the configuration. */
static int write_path(struct tarn_trie *t, struct tarn_node *n, struct tarn_path path, struct mark m)
{
    struct tarn_step step;
    struct tarn_node *next;
    int err = tarn_path_next(&path, &step);

    if (err || step.kind == TARN_STEP_END) {
        apply(n, m);
        return err;
    }
    next = child(t, n, &step);
    if (!next)
        return TARN_E_NOMEM;
    err = write_path(t, next, path, m);
    if (step.kind != TARN_STEP_EVERY)
        return err;
    for (struct tarn_node *c = n->child; c && !err; c = c->sibling)
        if (c->step.kind == TARN_STEP_INDEX)
            err = write_path(t, c, path, m);
    return err;
}

static int add(struct tarn_trie *t, struct tarn_node *root, const char *path, struct mark m, struct tarn_error *err)
{
    int code = path ? write_path(t, root, tarn_path_start(path), m) : TARN_E_INVAL;

    if (code == TARN_E_INVAL)
        return tarn_error_set(err, code, "path '%s' does not parse; write a.b, a[0].b, a[*].b or a['key.with/dots']",
                              path ? path : "(null)");
    return code ? tarn_error_set(err, code, "%s", tarn_strerror(code)) : 0;
}

static int add_identity(struct tarn_trie *t, struct tarn_node *root, bool keep, struct tarn_error *err)
{
    static const struct {
        const char *path;
        unsigned slot;
    } identity[] = {
        {"metadata.namespace", TARN_SLOT_NAMESPACE},
        {"metadata.name", TARN_SLOT_NAME},
        {"metadata.uid", TARN_SLOT_UID},
        {"metadata.resourceVersion", TARN_SLOT_RV},
    };
    int code = add(t, root, "metadata", (struct mark){.slots = 1u << TARN_SLOT_METADATA}, err);

    for (size_t i = 0; !code && i < sizeof identity / sizeof *identity; i++)
        code = add(t, root, identity[i].path, (struct mark){.slots = 1u << identity[i].slot, .keep = keep}, err);
    return code;
}

static int add_object_paths(struct tarn_trie *t, const struct tarn_projection *p, struct tarn_error *err)
{
    bool keep = p->nkeep > 0;
    int code = add_identity(t, &t->object, keep, err);

    if (!code)
        code = add_identity(t, &t->whole, false, err);
    if (!code && keep)
        code = add(t, &t->object, "apiVersion", (struct mark){.keep = true}, err);
    if (!code && keep)
        code = add(t, &t->object, "kind", (struct mark){.keep = true}, err);
    for (unsigned i = 0; !code && i < p->nkeep; i++)
        code = add(t, &t->object, p->keep[i], (struct mark){.keep = true}, err);
    for (unsigned i = 0; !code && i < p->ndrop; i++)
        code = add(t, &t->object, p->drop[i], (struct mark){.drop = true}, err);
    for (unsigned i = 0; !code && i < p->nslots; i++)
        code = add(t, &t->object, p->slots[i], (struct mark){.slots = (uint64_t)1 << (TARN_SLOT_USER + i)}, err);
    return code;
}

static int add_list_paths(struct tarn_trie *t, struct tarn_error *err)
{
    static const struct {
        const char *path;
        struct mark mark;
    } rows[] = {
        {"apiVersion", {.slots = 1u << TARN_SLOT_API_VERSION, .keep = true}},
        {"kind", {.slots = 1u << TARN_SLOT_KIND, .keep = true}},
        {"metadata.resourceVersion", {.slots = 1u << TARN_SLOT_LIST_RV, .keep = true}},
        {"metadata.continue", {.slots = 1u << TARN_SLOT_CONTINUE, .keep = true}},
        {"metadata.remainingItemCount", {.slots = 1u << TARN_SLOT_REMAINING, .keep = true}},
        {"items", {.must_be = '['}},
        {"items[*]", {.object = true, .keep = true}},
    };
    int code = 0;

    for (size_t i = 0; !code && i < sizeof rows / sizeof *rows; i++)
        code = add(t, &t->document, rows[i].path, rows[i].mark, err);
    t->document.must_be = '{';
    return code;
}

static int add_document_paths(struct tarn_trie *t, enum tarn_transcode_mode mode, struct tarn_error *err)
{
    int code;

    if (mode == TARN_TRANSCODE_LIST)
        return add_list_paths(t, err);
    if (mode == TARN_TRANSCODE_OBJECT) {
        apply(&t->document, (struct mark){.object = true, .keep = true});
        return 0;
    }
    t->document.must_be = '{';
    code = add(t, &t->document, "type", (struct mark){.slots = 1u << TARN_SLOT_TYPE, .keep = true}, err);
    return code ? code : add(t, &t->document, "object", (struct mark){.object = true, .keep = true}, err);
}

/* Sets has_keep; false if a dropped node holds or is a part of the identity. */
static bool finish(struct tarn_node *n)
{
    const uint64_t identity = (uint64_t)31 << TARN_SLOT_METADATA;
    bool good = true, identity_below = n->slots & identity;

    n->has_keep = n->keep;
    for (struct tarn_node *c = n->child; c; c = c->sibling) {
        good = finish(c) && good;
        n->has_keep |= c->has_keep;
    }
    return good && !(n->drop && identity_below);
}

int tarn_trie_init(struct tarn_trie *t, const struct tarn_transcode_options *options, struct tarn_error *err)
{
    const struct tarn_projection *p = &options->projection;
    int code;

    *t = (struct tarn_trie){.filter = p->nkeep > 0, .nslots = p->nslots};
    if (p->nslots > TARN_SLOTS_MAX - TARN_SLOT_USER)
        return tarn_error_set(err, TARN_E_INVAL, "%u slots; at most %d are possible", p->nslots,
                              TARN_SLOTS_MAX - TARN_SLOT_USER);
    do {
        t->grown = false;
        code = add_document_paths(t, options->mode, err);
        if (!code)
            code = add_object_paths(t, p, err);
    } while (!code && t->grown);
    (void)finish(&t->document);
    (void)finish(&t->whole);
    if (!finish(&t->object) && !code)
        code = tarn_error_set(err, TARN_E_INVAL,
                              "metadata and its name, namespace, uid and resourceVersion cannot be dropped");
    if (code)
        tarn_trie_release(t);
    return code;
}

/* Frees what is below n, by turning the tree into a list as it goes. */
static void release_below(struct tarn_node *n)
{
    struct tarn_node *list = n->child;

    while (list) {
        struct tarn_node *c = list, **end = &c->child;

        while (*end)
            end = &(*end)->sibling;
        *end = c->sibling;
        list = c->child;
        free((void *)(uintptr_t)c->step.key.data);
        free(c);
    }
    n->child = NULL;
}

void tarn_trie_release(struct tarn_trie *t)
{
    release_below(&t->document);
    release_below(&t->object);
    release_below(&t->whole);
}
