/* sim_world.c - resources, versions, history. */
#include "sim_world.h"

#include <stdio.h>
#include <stdlib.h>

#include <tarn/transcode.h>

/* ---- the ring of one resource ------------------------------------------------------------ */

static struct sim_event *slot(const struct sim_resource *r, uint64_t seq)
{
    return &r->ring[seq & (r->ring_cap - 1)];
}

static void ring_drop_first(struct sim_resource *r)
{
    struct sim_event *e = slot(r, r->ring_first++);

    r->window_rv = e->rv;
    r->ring_bytes -= e->bytes;
    sim_object_unref(e->obj);
    sim_object_unref(e->prev);
}

static void ring_grow(struct sim_resource *r)
{
    uint64_t cap = r->ring_cap ? r->ring_cap * 2 : 64;
    struct sim_event *ring = sim_alloc(cap * sizeof *ring);

    for (uint64_t s = r->ring_first; s < r->ring_next; s++)
        ring[s & (cap - 1)] = *slot(r, s);
    free(r->ring);
    r->ring = ring;
    r->ring_cap = cap;
}

static void ring_push(struct sim_resource *r, const struct sim_world_options *o, struct sim_event e)
{
    while (r->ring_first < r->ring_next &&
           (r->ring_next - r->ring_first >= o->history_events || r->ring_bytes + e.bytes > o->history_bytes))
        ring_drop_first(r);
    if (r->ring_next - r->ring_first == r->ring_cap)
        ring_grow(r);
    *slot(r, r->ring_next++) = e;
    r->ring_bytes += e.bytes;
}

const struct sim_event *sim_resource_event(const struct sim_resource *r, uint64_t seq)
{
    return slot(r, seq);
}

uint64_t sim_resource_seek(const struct sim_resource *r, uint64_t rv)
{
    uint64_t lo = r->ring_first, hi = r->ring_next;

    while (lo < hi) {
        uint64_t mid = lo + (hi - lo) / 2;

        if (slot(r, mid)->rv <= rv)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void undo(struct sim_tree *t, const struct sim_event *e)
{
    if (e->prev)
        sim_tree_set(t, e->prev);
    else
        sim_tree_remove(t, sim_object_key(e->obj));
}

bool sim_resource_at(const struct sim_resource *r, uint64_t rv, struct sim_tree *ret)
{
    uint64_t from;

    if (rv < r->window_rv)
        return false;
    from = sim_resource_seek(r, rv);
    *ret = sim_tree_snapshot(&r->tree);
    for (uint64_t s = r->ring_next; s > from; s--)
        undo(ret, slot(r, s - 1));
    return true;
}

/* ---- resources --------------------------------------------------------------------------- */

void sim_world_init(struct sim_world *w, const struct sim_world_options *options)
{
    const struct sim_kind *kinds;
    unsigned n;

    *w = (struct sim_world){.options = *options, .rv = 1, .random = {.state = options->seed ^ 0x7461726e}};
    w->resources_tail = &w->resources;
    if (!w->options.history_events)
        w->options.history_events = 65536;
    if (!w->options.history_bytes)
        w->options.history_bytes = (uint64_t)128 << 20;
    kinds = sim_kind_builtin(&n);
    for (unsigned i = 0; i < n; i++)
        (void)sim_world_add_resource(w, &kinds[i]);
}

static void resource_free(struct sim_resource *r)
{
    while (r->ring_first < r->ring_next)
        ring_drop_first(r);
    free(r->ring);
    sim_tree_release(&r->tree);
    tarn_transcoder_free(r->facts_maker);
    free(r);
}

void sim_world_release(struct sim_world *w)
{
    while (w->resources) {
        struct sim_resource *r = w->resources;

        w->resources = r->next;
        resource_free(r);
    }
    while (w->strings) {
        struct sim_string *x = w->strings;

        w->strings = x->next;
        free(x);
    }
}

struct sim_resource *sim_world_add_resource(struct sim_world *w, const struct sim_kind *kind)
{
    struct sim_resource *r = sim_alloc(sizeof *r);

    *r = (struct sim_resource){.kind = *kind, .tree = {.salt = sim_random_next(&w->random)}, .window_rv = w->rv,
                               .last_rv = w->rv};
    if (!r->kind.group)
        r->kind.group = "";
    sim_kind_resource_name(&r->kind, r->name, sizeof r->name);
    if (!kind->custom)
        (void)snprintf(r->prefix, sizeof r->prefix, "\"kind\":\"%s\",\"apiVersion\":\"%s%s%s\",", kind->kind,
                       r->kind.group, *r->kind.group ? "/" : "", kind->version);
    r->listeners.prev = r->listeners.next = &r->listeners;
    *w->resources_tail = r;
    w->resources_tail = &r->next;
    w->discovery_generation++;
    return r;
}

struct sim_resource *sim_world_find(struct sim_world *w, const char *group, const char *version, const char *plural)
{
    for (struct sim_resource *r = w->resources; r; r = r->next)
        if (!r->gone && strcmp(r->kind.plural, plural) == 0 && strcmp(r->kind.group, group) == 0 &&
            strcmp(r->kind.version, version) == 0)
            return r;
    return NULL;
}

struct sim_resource *sim_world_find_name(struct sim_world *w, const char *name)
{
    for (struct sim_resource *r = w->resources; r; r = r->next)
        if (!r->gone && strcmp(r->name, name) == 0)
            return r;
    return NULL;
}

struct sim_resource *sim_world_find_kind(struct sim_world *w, const char *api_version, const char *kind)
{
    const char *slash = strchr(api_version, '/'), *version = slash ? slash + 1 : api_version;
    size_t group_len = slash ? (size_t)(slash - api_version) : 0;

    for (struct sim_resource *r = w->resources; r; r = r->next)
        if (!r->gone && strcmp(r->kind.kind, kind) == 0 && strcmp(r->kind.version, version) == 0 &&
            strlen(r->kind.group) == group_len && memcmp(r->kind.group, api_version, group_len) == 0)
            return r;
    return NULL;
}

bool sim_world_known_group(struct sim_world *w, const char *group, bool *ret_custom)
{
    for (struct sim_resource *r = w->resources; r; r = r->next)
        if (!r->gone && strcmp(r->kind.group, group) == 0) {
            *ret_custom = r->kind.custom;
            return true;
        }
    return false;
}

/* ---- changes --------------------------------------------------------------------------------- */

uint64_t sim_world_next_rv(struct sim_world *w)
{
    return ++w->rv;
}

static void tell(struct sim_resource *r)
{
    for (struct sim_listener *l = r->listeners.next, *next; l != &r->listeners; l = next) {
        next = l->next;
        l->changed(l);
    }
}

/* Both references go into the event. */
static void record(struct sim_world *w, struct sim_resource *r, struct sim_object *obj, struct sim_object *prev,
                   enum sim_event_type type)
{
    struct sim_event e = {.rv = obj->rv, .type = type, .obj = obj, .prev = prev};

    e.lost = w->loses && w->loses(w->loses_ctx, r);
    e.bytes = sim_object_memory(obj) + (uint32_t)sizeof e;
    ring_push(r, &w->options, e);
    r->last_rv = obj->rv;
    w->changes++;
    tell(r);
}

void sim_world_store(struct sim_world *w, struct sim_resource *r, struct sim_object *o)
{
    struct sim_object *prev = sim_tree_get(&r->tree, sim_object_key(o));

    if (prev) {
        (void)sim_object_ref(prev);
        if (prev->facts && !o->facts && sim_object_same_but_written(prev, o))
            o->facts = tarn_object_ref(prev->facts);
    }
    sim_tree_set(&r->tree, o);
    record(w, r, sim_object_ref(o), prev, prev ? SIM_MODIFIED : SIM_ADDED);
}

bool sim_world_delete(struct sim_world *w, struct sim_resource *r, struct tarn_bytes key)
{
    struct sim_object *prev = sim_tree_get(&r->tree, key), *last;

    if (!prev)
        return false;
    (void)sim_object_ref(prev);
    last = sim_object_at(prev, sim_world_next_rv(w));
    sim_tree_remove(&r->tree, sim_object_key(prev));
    record(w, r, last, prev, SIM_DELETED);
    return true;
}

void sim_world_end_resource(struct sim_world *w, struct sim_resource *r)
{
    for (struct sim_object *o; (o = sim_tree_at(&r->tree, 0)) != NULL;)
        (void)sim_world_delete(w, r, sim_object_key(o));
    r->gone = true;
    w->discovery_generation++;
    tell(r);
}

void sim_world_compact(struct sim_world *w, struct sim_resource *only)
{
    for (struct sim_resource *r = w->resources; r; r = r->next) {
        if (only && r != only)
            continue;
        while (r->ring_first < r->ring_next)
            ring_drop_first(r);
        r->window_rv = w->rv;
    }
}

bool sim_world_rewind(struct sim_world *w, uint64_t rv)
{
    for (struct sim_resource *r = w->resources; r; r = r->next)
        if (rv < r->window_rv && r->ring_next > 0 && r->last_rv > rv)
            return false;
    for (struct sim_resource *r = w->resources; r; r = r->next) {
        struct sim_tree then;

        if (r->last_rv > rv && sim_resource_at(r, rv, &then)) {
            sim_tree_release(&r->tree);
            r->tree = then;
            r->last_rv = rv;
        }
        while (r->ring_first < r->ring_next)
            ring_drop_first(r);
        r->window_rv = rv;
    }
    w->rv = rv;
    return true;
}

void sim_object_render_single(const struct sim_object *o, const struct sim_resource *r, struct tarn_buf *out)
{
    size_t at = out->len, n = strlen(r->prefix);

    sim_puts(out, r->prefix); /* the object's text begins with '{': it goes in front of the prefix */
    sim_object_render(o, out);
    memmove(out->data + at + 1, out->data + at, n);
    out->data[at] = '{';
}

/* ---- facts ------------------------------------------------------------------------------------- */

static int keep_object(void *ctx, struct tarn_bytes type, const struct tarn_object *obj)
{
    struct sim_resource *r = ctx;

    (void)type;
    *r->facts_target = tarn_object_ref(obj);
    return 0;
}

static struct tarn_transcoder *facts_maker_new(struct sim_resource *r)
{
    const char *keep[2 + sizeof r->kind.fields / sizeof *r->kind.fields] = {"metadata.labels"};
    struct tarn_transcode_options o = {.mode = TARN_TRANSCODE_OBJECT, .projection = {.keep = keep, .nkeep = 1},
                                       .lenient_utf8 = true};
    struct tarn_transcode_sink sink = {.on_object = keep_object, .ctx = r};
    struct tarn_transcoder *t = NULL;

    for (unsigned i = 0; i < sizeof r->kind.fields / sizeof *r->kind.fields && r->kind.fields[i]; i++)
        keep[o.projection.nkeep++] = r->kind.fields[i];
    return tarn_transcoder_new(&o, &sink, &t, NULL) ? NULL : t;
}

const struct tarn_object *sim_resource_facts(struct sim_resource *r, struct sim_object *o)
{
    struct tarn_buf text = {0};

    if (o->facts)
        return o->facts;
    if (!r->facts_maker)
        r->facts_maker = facts_maker_new(r);
    if (!r->facts_maker)
        return NULL;
    sim_object_render(o, &text);
    tarn_transcoder_reset(r->facts_maker);
    r->facts_target = &o->facts;
    if (tarn_transcoder_feed(r->facts_maker, text.data, text.len, NULL) == 0)
        (void)!tarn_transcoder_end(r->facts_maker, NULL);
    tarn_buf_release(&text);
    return o->facts;
}

void sim_resource_listen(struct sim_resource *r, struct sim_listener *l)
{
    l->prev = r->listeners.prev;
    l->next = &r->listeners;
    l->prev->next = l;
    r->listeners.prev = l;
}

void sim_listener_remove(struct sim_listener *l)
{
    if (!l->next)
        return;
    l->prev->next = l->next;
    l->next->prev = l->prev;
    l->prev = l->next = NULL;
}
