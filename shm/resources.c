/* resources.c - the resources of a region: adding, removing, their state, and the record that tells readers of them. */
#include "grace.h"

#include <stdlib.h>

#include "resource_record.h"

static void strings_free(char **v, unsigned n)
{
    for (unsigned i = 0; v && i < n; i++)
        free(v[i]);
    free(v);
}

void tarn_resource_free(struct tarn_resource *r)
{
    if (!r)
        return;
    tarn_grace_free(r->grace);
    for (unsigned i = 0; r->indexes && i < r->nindex; i++)
        free(r->indexes[i].name);
    free(r->indexes);
    strings_free(r->slots, r->nslot);
    strings_free(r->short_names, r->nshort);
    free(r->name);
    free(r->api_version);
    free(r->kind);
    free(r->singular);
    free(r->source);
    tarn_buf_release(&r->resource_version);
    tarn_buf_release(&r->last_error);
    tarn_buf_release(&r->resume);
    free(r);
}

static char *copy_or_empty(const char *s)
{
    return strdup(s ? s : "");
}

static char **copy_strings(const char *const *v, unsigned n)
{
    char **c = calloc(n + 1, sizeof *c);

    for (unsigned i = 0; c && i < n; i++) {
        c[i] = strdup(v[i]);
        if (!c[i]) {
            strings_free(c, i);
            return NULL;
        }
    }
    return c;
}

static int namespace_values(void *ctx, const struct tarn_object *obj, struct tarn_index_values *out)
{
    (void)ctx;
    return tarn_index_values_add(out, tarn_object_namespace(obj));
}

static bool has_namespace_index(const struct tarn_writer_resource *spec)
{
    for (unsigned i = 0; i < spec->nindex; i++)
        if (!strcmp(spec->indexes[i].name, "namespace"))
            return true;
    return false;
}

static int copy_indexes(struct tarn_resource *r, const struct tarn_writer_resource *spec)
{
    r->indexes = calloc(spec->nindex + 1, sizeof *r->indexes);
    if (!r->indexes)
        return TARN_E_NOMEM;
    for (unsigned i = 0; i < spec->nindex; i++)
        r->indexes[r->nindex++] = (struct tarn_index){.func = spec->indexes[i]};
    if (spec->namespaced && !has_namespace_index(spec))
        r->indexes[r->nindex++].func = (struct tarn_index_func){.name = "namespace", .fn = namespace_values};
    for (unsigned i = 0; i < r->nindex; i++) {
        r->indexes[i].name = strdup(r->indexes[i].func.name);
        if (!r->indexes[i].name)
            return TARN_E_NOMEM;
    }
    return 0;
}

static int copy_resource(struct tarn_resource *r, const struct tarn_writer_resource *spec)
{
    r->namespaced = spec->namespaced;
    r->name = strdup(spec->name);
    r->api_version = copy_or_empty(spec->api_version);
    r->kind = copy_or_empty(spec->kind);
    r->singular = copy_or_empty(spec->singular);
    r->source = copy_or_empty(spec->source);
    r->slots = copy_strings(spec->slots, spec->nslot);
    r->nslot = r->slots ? spec->nslot : 0;
    r->short_names = copy_strings(spec->short_names, spec->nshort);
    r->nshort = r->short_names ? spec->nshort : 0;
    if (!r->name || !r->api_version || !r->kind || !r->singular || !r->source || !r->slots || !r->short_names)
        return TARN_E_NOMEM;
    return copy_indexes(r, spec);
}

static int check_resource(const struct tarn_writer *w, const struct tarn_writer_resource *spec, struct tarn_error *err)
{
    size_t len = spec->name ? strlen(spec->name) : 0;

    if (!len || len > TARN_REGION_NAME_MAX)
        return tarn_error_set(err, TARN_E_INVAL, "resource name '%s': 1 to %u bytes", len ? spec->name : "", TARN_REGION_NAME_MAX);
    for (unsigned i = 1; i < w->nresources; i++)
        if (!w->resources[i]->removed && !strcmp(w->resources[i]->name, spec->name))
            return tarn_error_set(err, TARN_E_EXISTS, "resource '%s' is in the region already", spec->name);
    if (w->nresources > TARN_REGION_RESOURCES_MAX)
        return tarn_error_set(err, TARN_E_LIMIT, "resource '%s': a realm has at most %u", spec->name, TARN_REGION_RESOURCES_MAX);
    if (spec->nindex >= TARN_REGION_INDEXES_MAX || spec->nslot > TARN_REGION_SLOTS_MAX)
        return tarn_error_set(err, TARN_E_LIMIT, "resource '%s': %u indexes, %u slots: at most %u and %u", spec->name,
                              spec->nindex, spec->nslot, TARN_REGION_INDEXES_MAX - 1, TARN_REGION_SLOTS_MAX);
    return 0;
}

static int append_resource(struct tarn_writer *w, struct tarn_resource *r)
{
    struct tarn_resource **v = realloc(w->resources, (w->nresources + 1) * sizeof(struct tarn_resource *));

    if (!v)
        return TARN_E_NOMEM;
    w->resources = v;
    r->store = (uint16_t)w->nresources;
    r->incarnation = (uint32_t)tarn_random(w->rt) | 1;
    r->dirty = true;
    w->resources[w->nresources++] = r;
    w->st.resources++;
    w->dirty = true;
    return 0;
}

int tarn_writer_add_resource(struct tarn_writer *w, const struct tarn_writer_resource *spec, uint16_t *ret_store, struct tarn_error *err)
{
    struct tarn_resource *r;
    int rc = tarn_writer_may_change(w, 0, err);

    if (!rc)
        rc = check_resource(w, spec, err);
    if (rc)
        return rc;
    r = calloc(1, sizeof *r);
    rc = r ? copy_resource(r, spec) : TARN_E_NOMEM;
    if (!rc)
        rc = append_resource(w, r);
    if (rc) {
        tarn_resource_free(r);
        return tarn_error_set(err, rc, "resource '%s': %s", spec->name, tarn_strerror(rc));
    }
    *ret_store = r->store;
    if (spec->keep_deleted.keep_ms)
        rc = tarn_grace_new(w, r, &spec->keep_deleted, err);
    if (rc) { /* it has nothing yet: as if it had never been */
        r->removed = true;
        w->st.resources--;
        return rc;
    }
    return w->o.auto_commit ? tarn_writer_commit(w, err) : 0;
}

static struct tarn_resource *resource_at(const struct tarn_writer *w, uint16_t store)
{
    return store && store < w->nresources && !w->resources[store]->removed ? w->resources[store] : NULL;
}

bool tarn_writer_describe(const struct tarn_writer *w, uint16_t store, struct tarn_writer_resource *ret, struct tarn_index_func *indexes)
{
    const struct tarn_resource *r = resource_at(w, store);
    struct tarn_kept_facts facts;

    if (!r || r->is_list_of_deleted) /* that one is made with its resource */
        return false;
    for (unsigned i = 0; i < r->nindex; i++) {
        indexes[i] = r->indexes[i].func;
        indexes[i].name = r->indexes[i].name;
    }
    *ret = (struct tarn_writer_resource){
        .name = r->name,
        .api_version = r->api_version,
        .kind = r->kind,
        .singular = r->singular,
        .namespaced = r->namespaced,
        .indexes = indexes,
        .nindex = r->nindex,
        .slots = (const char *const *)r->slots,
        .nslot = r->nslot,
        .short_names = (const char *const *)r->short_names,
        .nshort = r->nshort,
        .source = r->source,
    };
    tarn_writer_kept_deleted(w, store, &ret->keep_deleted, &facts);
    return true;
}

/* Delete every object of a resource, last posting entry first. */
static int delete_all(struct tarn_writer *w, struct tarn_resource *r, struct tarn_error *err)
{
    const struct tarn_array *heads;
    int rc = 0;

    for (uint32_t oid = 0; !rc && r->objects && oid < tarn_load_u32(&tarn_writer_heads(w)->n); oid++) {
        const struct tarn_blob_head *b;
        const struct tarn_link *l;
        uint32_t ref;

        heads = tarn_writer_heads(w);
        ref = tarn_load_u32(&heads->v[oid]);
        l = ref ? tarn_writer_link(w, ref) : NULL;
        if (!l || tarn_load_u16(&l->store) != r->store || tarn_link_kind_of(l) != TARN_RECORD_OBJECT)
            continue;
        b = tarn_link_blob(l);
        rc = tarn_writer_delete(w, r->store, (struct tarn_bytes){.data = tarn_link_key(l), .len = b->klen}, 0, err);
    }
    return rc;
}

int tarn_writer_remove_resource(struct tarn_writer *w, uint16_t store, struct tarn_error *err)
{
    struct tarn_resource *r = resource_at(w, store);
    uint32_t ref;
    int rc;

    if (!r || r->attached)
        return tarn_error_set(err, TARN_E_INVAL, "resource number %u: %s", store, r ? "its store is still in use" : "unknown");
    rc = tarn_grace_drop(w, r, err); /* a resource that goes has not deleted its objects */
    if (!rc)
        rc = delete_all(w, r, err);
    if (rc)
        return rc;
    if (tarn_version_find(w, 0, tarn_bytes_of(r->name))) {
        rc = tarn_version_make_tombstone(w, 0, tarn_bytes_of(r->name), 0, &ref);
        if (!rc)
            rc = tarn_version_link_or_drop(w, w->resources[0], ref);
    }
    if (rc)
        return tarn_writer_refuse(w, rc, r, tarn_bytes_of(r->name), err);
    r->removed = true;
    r->dirty = false;
    w->st.resources--;
    return w->o.auto_commit ? tarn_writer_commit(w, err) : 0;
}

static int keep_text(struct tarn_buf *b, struct tarn_bytes *t)
{
    int rc;

    tarn_buf_clear(b);
    rc = tarn_buf_add(b, t->data, t->len);
    *t = tarn_buf_bytes(b);
    return rc;
}

static bool same_state(const struct tarn_resource_state *a, const struct tarn_resource_state *b)
{
    return a->synced == b->synced && a->live == b->live && a->polled == b->polled && a->relisting == b->relisting &&
           tarn_bytes_equal(a->resource_version, b->resource_version) && tarn_bytes_equal(a->last_error, b->last_error) &&
           tarn_bytes_equal(a->resume, b->resume) &&
           a->last_event_ms == b->last_event_ms && a->last_list_ms == b->last_list_ms && a->last_error_ms == b->last_error_ms &&
           a->lists == b->lists && a->watches == b->watches && a->events == b->events && a->relists == b->relists &&
           a->errors == b->errors && a->rv_rewinds == b->rv_rewinds && a->skipped == b->skipped;
}

int tarn_writer_set_resource_state(struct tarn_writer *w, uint16_t store, const struct tarn_resource_state *state, struct tarn_error *err)
{
    struct tarn_resource *r = resource_at(w, store);
    struct tarn_resource_state s = *state;

    if (!r)
        return tarn_error_set(err, TARN_E_INVAL, "resource number %u: unknown", store);
    if (same_state(&r->state, state))
        return 0;
    if (keep_text(&r->resource_version, &s.resource_version) || keep_text(&r->last_error, &s.last_error) || keep_text(&r->resume, &s.resume))
        return tarn_error_set(err, TARN_E_NOMEM, "state of '%s': out of memory", r->name);
    r->state = s;
    r->dirty = w->dirty = true;
    return w->o.auto_commit && !w->applying ? tarn_writer_commit(w, err) : 0;
}

int tarn_writer_set_resource_source(struct tarn_writer *w, uint16_t store, const char *source, struct tarn_error *err)
{
    struct tarn_resource *r = resource_at(w, store);
    char *copy;

    if (!r)
        return tarn_error_set(err, TARN_E_INVAL, "resource number %u: unknown", store);
    if (strcmp(r->source, source) == 0)
        return 0;
    copy = strdup(source);
    if (!copy)
        return tarn_error_set(err, TARN_E_NOMEM, "source of '%s': out of memory", r->name);
    free(r->source);
    r->source = copy;
    r->dirty = w->dirty = true;
    return w->o.auto_commit && !w->applying ? tarn_writer_commit(w, err) : 0;
}

uint64_t tarn_writer_count(const struct tarn_writer *w, uint16_t store)
{
    return store < w->nresources ? w->resources[store]->objects : 0;
}

static int encode_texts(struct tarn_writer *w, const struct tarn_resource *r, struct tarn_bytes *texts)
{
    unsigned n = 0;
    struct tarn_resource_info i = {
        .store = r->store, .namespaced = r->namespaced, .name = tarn_bytes_of(r->name),
        .api_version = tarn_bytes_of(r->api_version), .kind = tarn_bytes_of(r->kind), .singular = tarn_bytes_of(r->singular),
        .nindex = (uint16_t)r->nindex, .nslot = (uint16_t)r->nslot, .nshort = (uint16_t)r->nshort,
        .incarnation = r->incarnation, .state = r->state, .objects = r->objects, .bytes = r->bytes, .incomplete = r->incomplete,
    };

    for (unsigned k = 0; k < r->nindex; k++)
        texts[n++] = tarn_bytes_of(r->indexes[k].name);
    for (unsigned k = 0; k < r->nslot; k++)
        texts[n++] = tarn_bytes_of(r->slots[k]);
    for (unsigned k = 0; k < r->nshort; k++)
        texts[n++] = tarn_bytes_of(r->short_names[k]);
    texts[n++] = tarn_bytes_of(r->source);
    texts[n++] = r->state.resume;
    return tarn_resource_blob(&i, texts, n, &w->scratch);
}

/* The blob of r as its record will have it, in w->scratch. */
static int encode(struct tarn_writer *w, const struct tarn_resource *r)
{
    struct tarn_bytes few[32], *texts = few;
    unsigned n = r->nindex + r->nslot + r->nshort + 2;
    int rc;

    if (n > sizeof few / sizeof *few) {
        texts = calloc(n, sizeof *texts);
        if (!texts)
            return TARN_E_NOMEM;
    }
    rc = encode_texts(w, r, texts);
    if (texts != few)
        free(texts);
    return rc;
}

int tarn_resource_write(struct tarn_writer *w, struct tarn_resource *r)
{
    uint32_t ref;
    int rc = encode(w, r);

    if (!rc)
        rc = tarn_version_make(w, 0, TARN_RECORD_RESOURCE, (const struct tarn_object *)w->scratch.data, 0, &ref);
    if (!rc)
        rc = tarn_version_link_or_drop(w, w->resources[0], ref);
    if (!rc)
        r->dirty = false;
    return rc;
}
