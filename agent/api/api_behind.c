/* api_behind.c - see api_behind.h. */
#include "api_behind.h"

#include <stdlib.h>

#include "api_hub_impl.h"

bool api_request_covers(const struct api_request *r, const struct tarn_object *obj)
{
    return (!r->ns.len || tarn_bytes_equal(tarn_object_namespace(obj), r->ns)) && (!r->name.len || tarn_bytes_equal(tarn_object_name(obj), r->name));
}

bool api_request_fits(const struct api_request *r, const struct tarn_object *obj)
{
    return tarn_selector_matches(r->labels, obj) && tarn_field_selector_matches(r->fields, obj);
}

/* ---- beginning ---------------------------------------------------------------------------------------------------- */

int api_behind_begin(struct api_behind *b, struct api_snapshot *s, struct tarn_bytes name, const struct api_request *request)
{
    *b = (struct api_behind){.request = request, .s = api_snapshot_ref(s)};
    return tarn_reader_resource(&s->r, name, &b->info);
}

int api_behind_state(struct api_behind *b)
{
    const struct api_request *r = b->request;
    int index = r->ns.len ? tarn_resource_index(&b->info, TARN_BYTES("namespace")) : TARN_E_INDEX_MISSING;

    b->source = r->name.len && (r->ns.len || !b->info.namespaced) ? API_BEHIND_ONE : API_BEHIND_STATE;
    if (b->source == API_BEHIND_ONE)
        return 0;
    return index >= 0 ? tarn_reader_by_index(&b->s->r, &b->info, (unsigned)index, r->ns, &b->it) : tarn_reader_list(&b->s->r, b->info.store, &b->it);
}

int api_behind_history(struct api_behind *b, const struct api_history *h, uint64_t version)
{
    int rc = api_history_since(h, version, &b->replay);

    b->source = API_BEHIND_HISTORY;
    if (!rc && b->replay.n)
        b->told = calloc(b->replay.nobjects, 1);
    return rc ? rc : b->told || !b->replay.n ? 0 : TARN_E_NOMEM;
}

void api_behind_end(struct api_behind *b)
{
    api_snapshot_unref(b->s);
    api_replay_release(&b->replay);
    free(b->told);
    *b = (struct api_behind){0};
}

/* ---- the state ------------------------------------------------------------------------------------------------------ */

static int added(struct api_event *ret, uint64_t *ret_version, const struct tarn_object *obj)
{
    *ret = (struct api_event){.type = "ADDED", .obj = obj};
    *ret_version = tarn_object_resource_version(obj);
    return 1;
}

static int next_of_state(struct api_behind *b, struct api_event *ret, uint64_t *ret_version)
{
    const struct tarn_object *obj;
    int rc;

    while ((rc = tarn_reader_next(&b->it, &obj)) == 1)
        if (api_request_covers(b->request, obj) && api_request_fits(b->request, obj))
            return added(ret, ret_version, obj);
    return rc;
}

static int next_of_one(struct api_behind *b, struct api_event *ret, uint64_t *ret_version)
{
    const struct api_request *r = b->request;
    const struct tarn_object *obj;
    struct tarn_buf key = {0};
    int rc = tarn_buf_addf(&key, "%.*s%s%.*s", TARN_BYTES_ARG(r->ns), r->ns.len ? "/" : "", TARN_BYTES_ARG(r->name));

    b->source = API_BEHIND_NOTHING;
    if (!rc)
        rc = tarn_reader_get(&b->s->r, b->info.store, tarn_buf_bytes(&key), &obj);
    tarn_buf_release(&key);
    if (rc)
        return rc == TARN_E_NOTFOUND ? 0 : rc;
    return api_request_fits(r, obj) ? added(ret, ret_version, obj) : 0;
}

/* ---- history ---------------------------------------------------------------------------------------------------------- */

/* What selectors saw of the object just before m; NULL: not known any more. 0 or as tarn_reader_by_oid. */
static int state_before(const struct api_behind *b, const struct api_missed *m, const struct tarn_object **ret)
{
    *ret = m->before;
    return m->kind == API_MISSED_LAST ? tarn_reader_by_oid(&b->s->r, m->oid, ret) : 0;
}

/* Did it fit, as far as is known? */
static enum api_told fitted(const struct api_behind *b, const struct tarn_object *state)
{
    return !state ? API_TOLD_MAYBE : api_request_fits(b->request, state) ? API_TOLD_YES : API_TOLD_NO;
}

static int deleted(struct api_behind *b, const struct api_missed *m, const struct tarn_object *state, struct api_event *ret, uint64_t *ret_version)
{
    b->told[m->object] = API_TOLD_NO;
    *ret = (struct api_event){.type = "DELETED", .obj = state, .resource_version = api_version_text(m->version, b->version)};
    *ret_version = m->version;
    return 1;
}

/* What selectors see changed: DELETED if it may have fitted, and fits no more. Else its last change says what it is. */
static int touched(struct api_behind *b, const struct api_missed *m, const struct tarn_object *before, struct api_event *ret, uint64_t *ret_version)
{
    const struct tarn_object *after = NULL;
    int rc = state_before(b, &b->replay.v[m->next], &after); /* there is one: LAST, if no other */

    if (rc || b->told[m->object] == API_TOLD_NO || fitted(b, after) != API_TOLD_NO)
        return rc;
    return deleted(b, m, fitted(b, before) == API_TOLD_YES ? before : after, ret, ret_version);
}

static int last(struct api_behind *b, const struct api_missed *m, const struct tarn_object *now, struct api_event *ret, uint64_t *ret_version)
{
    bool told = b->told[m->object] != API_TOLD_NO;

    if (fitted(b, now) == API_TOLD_NO)
        return told ? deleted(b, m, now, ret, ret_version) : 0;
    (void)added(ret, ret_version, now);
    if (told)
        ret->type = "MODIFIED";
    return 1;
}

static int tell_missed(struct api_behind *b, const struct api_missed *m, struct api_event *ret, uint64_t *ret_version)
{
    const struct tarn_object *state, *known;
    unsigned char *told = &b->told[m->object];
    int rc = state_before(b, m, &state);

    if (!rc && !state) /* for its name, which does not change */
        rc = state_before(b, &b->replay.v[m->next], &known);
    else
        known = state;
    if (rc)
        return rc;
    if (known && !api_request_covers(b->request, known)) {
        if (m->kind == API_MISSED_GONE)
            *told = API_TOLD_NO; /* its number may be another object's afterwards */
        return 0;
    }
    if (*told == API_TOLD_UNSET)
        *told = b->replay.there[m->object] ? fitted(b, state) : API_TOLD_NO;
    if (m->kind == API_MISSED_TOUCHED)
        return touched(b, m, state, ret, ret_version);
    if (m->kind == API_MISSED_GONE)
        return *told != API_TOLD_NO ? deleted(b, m, state, ret, ret_version) : 0;
    return last(b, m, state, ret, ret_version);
}

static int next_of_history(struct api_behind *b, struct api_event *ret, uint64_t *ret_version)
{
    int rc = 0;

    while (!rc && b->at < b->replay.n)
        rc = tell_missed(b, &b->replay.v[b->at++], ret, ret_version);
    return rc;
}

int api_behind_next(struct api_behind *b, struct api_event *ret, uint64_t *ret_version)
{
    switch (b->source) {
    case API_BEHIND_STATE:
        return next_of_state(b, ret, ret_version);
    case API_BEHIND_ONE:
        return next_of_one(b, ret, ret_version);
    case API_BEHIND_HISTORY:
        return next_of_history(b, ret, ret_version);
    case API_BEHIND_NOTHING:
        break;
    }
    return 0;
}
