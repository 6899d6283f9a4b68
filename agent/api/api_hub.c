/* api_hub.c - see api_hub.h. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <tarn/resource_version.h>

#include "api_fields.h"
#include "api_hub_impl.h"

/* ---- texts ---------------------------------------------------------------------------------------------------- */

struct tarn_bytes api_version_text(uint64_t version, char *buf)
{
    int n = sprintf(buf, "%llu", (unsigned long long)version);

    return (struct tarn_bytes){.data = buf, .len = (size_t)n};
}

int64_t api_wall_s(void)
{
    return (int64_t)time(NULL);
}

static void drop_lines(struct api_hub *h)
{
    for (unsigned f = 0; f < h->nforms; f++)
        for (unsigned i = 0; i < 6; i++) {
            api_line_unref(h->forms[f].line[i / 2][i % 2]);
            h->forms[f].line[i / 2][i % 2] = NULL;
        }
}

struct api_line *api_hub_line(struct api_hub *h, unsigned form, const struct api_change *c, enum api_change_type type, bool first)
{
    static const char *const names[] = {"ADDED", "MODIFIED", "DELETED"};
    struct api_hub_form *f = &h->forms[form];
    struct api_line **at = &f->line[type][first];
    struct tarn_buf text = {0};
    char version[24];
    struct api_event e = {.type = names[type], .obj = type == API_DELETED && c->old ? c->old : c->obj, .first = first};

    if (*at)
        return *at;
    if (type == API_DELETED)
        e.resource_version = api_version_text(c->entry.version, version);
    if (api_write_event(f->writer, &e, api_wall_s(), &text) == 0)
        *at = api_line_new(tarn_buf_bytes(&text));
    tarn_buf_release(&text);
    h->facts.lines += *at != NULL;
    return *at;
}

int api_hub_take_form(struct api_hub *h, const struct api_form *form, const struct api_snapshot *s, const struct tarn_resource_info *info)
{
    struct api_hub_form *v, *free_one = NULL;
    int rc;

    for (unsigned i = 0; i < h->nforms; i++) {
        v = &h->forms[i];
        if (v->watches && api_form_same(&v->form, form)) {
            v->watches++;
            return (int)i;
        }
        if (!v->watches)
            free_one = v;
    }
    if (!free_one) {
        v = realloc(h->forms, (h->nforms + 1) * sizeof *v);
        if (!v)
            return TARN_E_NOMEM;
        h->forms = v;
        free_one = &v[h->nforms++];
    }
    *free_one = (struct api_hub_form){.form = *form};
    rc = api_writer_new(form, &s->r, info, &free_one->writer);
    if (rc)
        return rc;
    free_one->watches = 1;
    return (int)(free_one - h->forms);
}

void api_hub_give_form(struct api_hub *h, unsigned form)
{
    struct api_hub_form *f = &h->forms[form];

    if (--f->watches)
        return;
    api_writer_free(f->writer);
    f->writer = NULL;
}

/* ---- did a change touch what selectors look at? ------------------------------------------------------------------- */

static bool same_labels(const struct tarn_object *a, const struct tarn_object *b)
{
    struct tarn_value x, y, v, w;
    struct tarn_bytes k, l;
    bool has = tarn_object_get(a, "metadata.labels", &x) == 0 && x.type == TARN_MAP;

    if (has != (tarn_object_get(b, "metadata.labels", &y) == 0 && y.type == TARN_MAP))
        return false;
    if (!has)
        return true;
    if (x.count != y.count)
        return false;
    for (uint32_t i = 0, n = x.count; i < n; i++)
        if (tarn_value_next(&x, &k, &v) != 1 || tarn_value_next(&y, &l, &w) != 1 || !tarn_bytes_equal(k, l) || v.type != TARN_STRING ||
            w.type != TARN_STRING || !tarn_bytes_equal(v.string, w.string))
            return false;
    return true;
}

/* As a field selector sees it. Numbers and booleans by their bits. */
static bool same_field(const struct tarn_object *a, const struct tarn_object *b, const char *path)
{
    struct tarn_value x = {0}, y = {0};
    bool has = tarn_object_get(a, path, &x) == 0;

    if (has != (tarn_object_get(b, path, &y) == 0) || x.type != y.type)
        return false;
    if (!has || x.type == TARN_MAP || x.type == TARN_ARRAY || x.type == TARN_NIL)
        return true;
    return x.type == TARN_STRING ? tarn_bytes_equal(x.string, y.string) : x.type == TARN_BOOL ? x.boolean == y.boolean : x.u == y.u;
}

/* A custom resource can be selected by any field. */
static bool touches(const struct api_hub *h, const struct tarn_object *old, const struct tarn_object *obj)
{
    const char *path;

    if (!same_labels(old, obj) || !api_group_is_built_in(h->group))
        return true;
    for (unsigned i = 0; (path = api_fields_path(h->group, h->resource, i)); i++)
        if (!same_field(old, obj, path))
            return true;
    return false;
}

/* ---- changes of a turn ---------------------------------------------------------------------------------------------- */

static int push(struct api_hub *h, const struct api_change *c)
{
    if (h->nchanges == h->cap) {
        size_t cap = h->cap ? h->cap * 2 : 64;
        struct api_change *v = realloc(h->changes, cap * sizeof *v);

        if (!v)
            return TARN_E_NOMEM;
        h->changes = v;
        h->cap = cap;
    }
    h->changes[h->nchanges] = *c;
    h->changes[h->nchanges].n = h->nchanges;
    h->nchanges++;
    return 0;
}

static int push_deleted(struct api_hub *h, const struct api_noted *n, uint64_t version)
{
    uint64_t last = tarn_object_resource_version(n->old);

    return push(h, &(struct api_change){.entry = {.type = API_DELETED, .oid = n->oid, .version = version > last ? version : version ? last : 0},
                                        .seq = n->seq, .obj = n->old, .old = n->old});
}

int api_hub_note(struct api_hub *h, const struct api_noted *n)
{
    struct tarn_bytes was = n->old ? tarn_object_uid(n->old) : (struct tarn_bytes){0}, is = n->obj ? tarn_object_uid(n->obj) : was;
    struct api_change c = {.entry = {.type = n->old ? API_MODIFIED : API_ADDED, .oid = n->oid}, .seq = n->seq, .obj = n->obj, .old = n->old};
    int rc = 0;

    if (n->old == n->obj || n->seq <= h->since)
        return 0;
    if (!n->obj)
        return push_deleted(h, n, n->gone);
    c.entry.version = tarn_object_resource_version(n->obj);
    if (n->old && was.len && is.len && !tarn_bytes_equal(was, is)) { /* deleted and made again in one commit: just before, at the latest */
        rc = push_deleted(h, n, c.entry.version ? c.entry.version - 1 : 0);
        c.entry.type = API_ADDED;
        c.old = NULL;
    }
    c.entry.touched = c.old && touches(h, c.old, n->obj);
    return rc ? rc : push(h, &c);
}

/* Of one commit in the order of the server's versions: a list's are those of its objects. */
static int by_version(const void *a, const void *b)
{
    const struct api_change *x = a, *y = b;

    if (x->seq != y->seq)
        return x->seq < y->seq ? -1 : 1;
    if (x->entry.version != y->entry.version)
        return x->entry.version < y->entry.version ? -1 : 1;
    return x->n < y->n ? -1 : x->n > y->n;
}

/* Where the changes stand among the versions. */
static void order(struct api_hub *h, uint64_t from, uint64_t to)
{
    uint64_t reached = h->reached > from ? h->reached : from;

    for (size_t i = 0; i < h->nchanges; i++)
        if (!h->changes[i].entry.version)
            h->changes[i].entry.version = to > reached ? to : reached;
    qsort(h->changes, h->nchanges, sizeof *h->changes, by_version);
    for (size_t i = 0; i < h->nchanges; i++) {
        struct api_entry *e = &h->changes[i].entry;

        e->late = e->version <= reached;
        reached = e->late ? reached : e->version;
        e->reached = reached;
    }
    h->reached = reached;
}

static int remember(struct api_hub *h, const struct api_snapshot *from, const struct api_change *c)
{
    struct api_entry e = c->entry;
    int rc = e.type == API_DELETED || e.touched ? tarn_reader_copy(&from->r, c->old, &e.was) : 0;

    return rc ? rc : api_history_add(&h->history, &e);
}

static int tell(struct api_hub *h, const struct api_change *c)
{
    struct api_watch *w;
    int rc = 0;

    for (w = LIST_FIRST(&h->watches); w && !rc; w = api_watch_next(w))
        rc = api_watch_tell(w, c);
    drop_lines(h);
    return rc;
}

void api_hub_turned(struct api_hub *h)
{
    struct api_watch *w, *next;

    for (w = LIST_FIRST(&h->watches); w; w = next) {
        next = api_watch_next(w);
        api_watch_turned(w);
    }
}

static uint64_t version_of(const struct tarn_resource_info *info)
{
    struct tarn_rv rv;

    return tarn_rv_set(&rv, info->state.resource_version) ? 0 : rv.number;
}

void api_hub_see(struct api_hub *h, const struct tarn_resource_info *info)
{
    uint64_t version = version_of(info);

    h->told = version > h->told ? version : h->told;
}

/* What the region says of the resource at both ends. 1: go on; 0: this hub was reset; else an error. */
static int ends(struct api_hub *h, const struct api_snapshot *from, const struct api_snapshot *to, uint64_t *ret_from, uint64_t *ret_to)
{
    struct tarn_resource_info was, is;
    int rc = tarn_reader_resource(&from->r, api_hub_name(h), &was);

    if (!rc)
        rc = tarn_reader_resource(&to->r, api_hub_name(h), &is);
    if (rc && rc != TARN_E_NOTFOUND)
        return rc;
    if (!rc) {
        *ret_from = version_of(&was);
        *ret_to = version_of(&is);
    }
    if (!rc && is.store == h->store && api_hub_goes_on(h, &is))
        return 1;
    api_hub_reset(h, rc || !is.state.synced ? NULL : to);
    return 0;
}

int api_hub_turn(struct api_hub *h, const struct api_snapshot *from, const struct api_snapshot *to)
{
    uint64_t was = 0, is = 0;
    int rc = h->nchanges || h->nwaiting ? ends(h, from, to, &was, &is) : 0;

    if (rc != 1)
        return rc;
    order(h, was, is);
    rc = 0;
    for (size_t i = 0; !rc && i < h->nchanges; i++) {
        rc = remember(h, from, &h->changes[i]);
        if (!rc)
            rc = tell(h, &h->changes[i]);
    }
    h->nchanges = 0;
    h->told = is > h->told ? is : h->told;
    return rc;
}

/* ---- life --------------------------------------------------------------------------------------------------------------- */

static void begin(struct api_hub *h, const struct api_snapshot *s, const struct tarn_resource_info *info)
{
    h->since = s->r.seq;
    h->store = info->store;
    h->incarnation = info->incarnation;
    h->told = version_of(info);
    h->reached = 0;
    api_history_reset(&h->history, h->told);
}

static void name_parts(struct api_hub *h)
{
    struct tarn_bytes name = tarn_buf_bytes(&h->name);
    const char *dot = memchr(name.data, '.', name.len);
    size_t n = dot ? (size_t)(dot - name.data) : name.len;

    h->resource = (struct tarn_bytes){.data = name.data, .len = n};
    h->group = dot ? (struct tarn_bytes){.data = dot + 1, .len = name.len - n - 1} : (struct tarn_bytes){0};
}

int api_hub_new(const struct api_hub_options *o, const struct api_snapshot *s, const struct tarn_resource_info *info, struct api_hub **ret)
{
    struct api_hub *h = calloc(1, sizeof *h);

    if (!h || tarn_buf_add(&h->name, o->name.data, o->name.len)) {
        free(h);
        return TARN_E_NOMEM;
    }
    h->o = *o;
    h->history.bytes_max = o->history_bytes;
    h->history.entries_max = o->history_entries;
    LIST_INIT(&h->watches);
    name_parts(h);
    begin(h, s, info);
    *ret = h;
    return 0;
}

void api_hub_free(struct api_hub *h)
{
    api_history_release(&h->history);
    free(h->changes);
    free(h->forms);
    tarn_buf_release(&h->name);
    free(h);
}

void api_hub_reset(struct api_hub *h, const struct api_snapshot *s)
{
    struct tarn_resource_info info;
    struct api_watch *w, *next;

    h->nchanges = 0;
    h->facts.resets++;
    drop_lines(h);
    for (w = LIST_FIRST(&h->watches); w; w = next) {
        next = api_watch_next(w);
        api_watch_lose(w);
    }
    if (s && tarn_reader_resource(&s->r, api_hub_name(h), &info) == 0) {
        begin(h, s, &info);
        return;
    }
    h->store = 0;
    h->incarnation = 0;
    api_history_reset(&h->history, UINT64_MAX);
}

void api_hub_move(struct api_hub *h, uint16_t store)
{
    h->store = store;
}

void api_hub_tick(struct api_hub *h, uint64_t now_ms)
{
    struct api_snapshot *base = api_realm_base(h->o.realm);
    struct tarn_resource_info info;
    struct api_watch *w, *next;

    if (LIST_EMPTY(&h->watches))
        return;
    if (base && h->store && tarn_reader_resource(&base->r, api_hub_name(h), &info) == 0) {
        if (!api_hub_goes_on(h, &info))
            api_hub_reset(h, base);
        api_hub_see(h, &info);
    }
    for (w = LIST_FIRST(&h->watches); w; w = next) {
        next = api_watch_next(w);
        api_watch_tick(w, now_ms);
    }
}

struct tarn_bytes api_hub_name(const struct api_hub *h)
{
    return tarn_buf_bytes(&h->name);
}

uint16_t api_hub_store(const struct api_hub *h)
{
    return h->store;
}

bool api_hub_goes_on(const struct api_hub *h, const struct tarn_resource_info *info)
{
    uint64_t version = version_of(info);

    return h->store && info->state.synced && info->incarnation == h->incarnation && (!version || version >= h->told);
}

void api_hub_facts(const struct api_hub *h, struct api_hub_facts *ret)
{
    *ret = h->facts;
    ret->watches = h->nwatches;
    ret->version = api_hub_version(h);
    ret->floor = h->history.floor;
    ret->entries = h->history.next - h->history.first;
    ret->bytes = h->history.bytes;
}
