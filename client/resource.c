/* Names of resources: what a caller may say, and what a snapshot knows under it. */
#include "internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { ALIASES_MAX = 4096 }; /* names one snapshot remembers */

/* kubectl's short names, for resources whose agent did not learn them from discovery. */
static const struct {
    const char *alias, *name;
} short_names[] = {
    {"po", "pods"},
    {"no", "nodes"},
    {"svc", "services"},
    {"ep", "endpoints"},
    {"cm", "configmaps"},
    {"ns", "namespaces"},
    {"sa", "serviceaccounts"},
    {"ev", "events"},
    {"pv", "persistentvolumes"},
    {"pvc", "persistentvolumeclaims"},
    {"rc", "replicationcontrollers"},
    {"quota", "resourcequotas"},
    {"limits", "limitranges"},
    {"deploy", "deployments.apps"},
    {"rs", "replicasets.apps"},
    {"sts", "statefulsets.apps"},
    {"ds", "daemonsets.apps"},
    {"cj", "cronjobs.batch"},
    {"ing", "ingresses.networking.k8s.io"},
    {"netpol", "networkpolicies.networking.k8s.io"},
    {"hpa", "horizontalpodautoscalers.autoscaling"},
    {"pdb", "poddisruptionbudgets.policy"},
    {"sc", "storageclasses.storage.k8s.io"},
    {"crd", "customresourcedefinitions.apiextensions.k8s.io"},
};

static struct tarn_bytes long_name(struct tarn_bytes name)
{
    for (size_t i = 0; i < sizeof short_names / sizeof *short_names; i++)
        if (tarn_bytes_equal(name, tarn_bytes_of(short_names[i].alias)))
            return tarn_bytes_of(short_names[i].name);
    return name;
}

static bool equal_fold(struct tarn_bytes a, struct tarn_bytes b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (tolower((unsigned char)a.data[i]) != tolower((unsigned char)b.data[i]))
            return false;
    return true;
}

/* "deployments" of "deployments.apps" */
static struct tarn_bytes before_group(struct tarn_bytes name)
{
    const char *dot = memchr(name.data, '.', name.len);

    return dot ? (struct tarn_bytes){name.data, (size_t)(dot - name.data)} : name;
}

/* Is it the list of another's deleted objects (deleted.h)? It is no resource by itself. */
static bool is_list_of_deleted(struct tarn_bytes name)
{
    return tarn_resource_lists_deleted(name, NULL);
}

static bool is_alias(const struct tarn_resource_info *i, struct tarn_bytes name)
{
    for (unsigned n = 0; n < i->nshort; n++)
        if (tarn_bytes_equal(tarn_resource_short_name(i, n), name))
            return true;
    return tarn_bytes_equal(before_group(i->name), name) || equal_fold(i->kind, name) ||
           (i->singular.len && tarn_bytes_equal(i->singular, name)) || tarn_bytes_equal(i->name, long_name(name));
}

static void say_what_there_is(struct tarn_snapshot *s, const char *name, struct tarn_error *err)
{
    struct tarn_resource_info i;
    struct tarn_reader_iter it;
    struct tarn_buf names = {0};
    int r = tarn_reader_resources(&s->r, &it);

    while (r >= 0 && tarn_reader_next_resource(&it, &i) == 1)
        if (!is_list_of_deleted(i.name) && tarn_buf_addf(&names, "%s%.*s", names.len ? ", " : "", TARN_BYTES_ARG(i.name)) != 0)
            break;
    tarn_error_set(err, TARN_E_RESOURCE, "resource '%s' is not mirrored here; the agent mirrors: %.*s", name,
                   TARN_BYTES_ARG(names.len ? tarn_buf_bytes(&names) : TARN_BYTES("nothing yet")));
    tarn_buf_release(&names);
}

/* By its own name, else by any other name. */
static int resolve(struct tarn_snapshot *s, const char *name, struct tarn_resource_info *ret, struct tarn_error *err)
{
    struct tarn_bytes n = tarn_bytes_of(name);
    struct tarn_reader_iter it;
    int r = tarn_reader_resource(&s->r, n, ret);

    if (r != TARN_E_NOTFOUND)
        return r;
    r = tarn_reader_resources(&s->r, &it);
    while (r == 0 && (r = tarn_reader_next_resource(&it, ret)) == 1) {
        if (!is_list_of_deleted(ret->name) && is_alias(ret, n))
            return 0;
        r = 0;
    }
    if (r != 0)
        return r;
    if (err)
        say_what_there_is(s, name, err);
    return TARN_E_RESOURCE;
}

static int entry_new(struct tarn_snapshot *s, const char *name, struct snapshot_resource **ret)
{
    struct snapshot_resource *e;
    unsigned n = 0;

    for (e = s->resources; e; e = e->next)
        n++;
    if (n >= ALIASES_MAX)
        return TARN_E_LIMIT;
    e = calloc(1, sizeof *e);
    if (!e || !(e->alias = strdup(name))) {
        free(e);
        return TARN_E_NOMEM;
    }
    e->next = s->resources;
    s->resources = e;
    *ret = e;
    return 0;
}

static int fail(struct tarn_snapshot *s, const char *name, int code, struct tarn_error *err)
{
    if (code != TARN_E_RESOURCE)
        tarn_error_set(err, code, "cannot look up resource '%s': %s", name, tarn_strerror(code));
    return tarn_snapshot_note(s, code);
}

int tarn_snapshot_resource(struct tarn_snapshot *s, const char *name, const struct tarn_resource_info **ret,
                           struct tarn_error *err)
{
    struct snapshot_resource *e = s->resources;
    struct tarn_resource_info info;
    int r;

    while (e && strcmp(e->alias, name) != 0)
        e = e->next;
    if (!e || e->seq != s->r.seq) {
        r = resolve(s, name, &info, err);
        if (r == 0 && !e)
            r = entry_new(s, name, &e);
        if (r != 0)
            return fail(s, name, r, err);
        e->info = info;
        e->seq = s->r.seq;
    }
    *ret = &e->info;
    return 0;
}

/* ---- the public face ------------------------------------------------------------------------------ */

/* then_ms may lie before the clock's zero, wrapped: a checkpoint's times after a reboot. */
static uint64_t age(uint64_t then_ms)
{
    uint64_t passed = tarn_clock_ms() - then_ms;

    return then_ms == 0 ? UINT64_MAX : passed <= INT64_MAX ? passed : 0;
}

enum { HEARTBEAT_LATE_MS = 2000 }; /* the agent beats four times a second */

static uint64_t heartbeat_age_ms(const struct tarn_snapshot *s)
{
    const struct tarn_region_header *h = (const struct tarn_region_header *)(const void *)s->session->view.base;

    /* relaxed: a time by itself */
    return age(atomic_load_explicit(&h->heartbeat_ns, memory_order_relaxed) / 1000000);
}

static uint64_t lag_ms(const struct tarn_snapshot *s, const struct tarn_resource_state *st)
{
    uint64_t beat;

    if (!st->synced)
        return UINT64_MAX;
    if (st->polled || !st->live)
        return age(st->polled ? st->last_list_ms : st->last_event_ms);
    beat = heartbeat_age_ms(s);
    return beat > HEARTBEAT_LATE_MS ? beat : 0;
}

static void describe(const struct tarn_snapshot *s, const struct tarn_resource_info *i, struct tarn_resource *ret)
{
    const struct tarn_resource_state *st = &i->state;

    *ret = (struct tarn_resource){
        .name = i->name,
        .api_version = i->api_version,
        .kind = i->kind,
        .namespaced = i->namespaced,
        .objects = i->objects,
        .bytes = i->bytes,
        .nindexes = i->nindex,
        .synced = st->synced,
        .live = st->live,
        .relisting = st->relisting,
        .resource_version = st->resource_version,
        .last_event_age_ms = age(st->last_event_ms),
        .last_list_age_ms = age(st->last_list_ms),
        .last_error_age_ms = age(st->last_error_ms),
        .last_error = st->last_error,
        .lag_ms = lag_ms(s, st),
        .rv_rewinds = st->rv_rewinds,
        .lists = st->lists,
        .watches = st->watches,
        .events = st->events,
        .relists = st->relists,
        .errors = st->errors,
        .skipped = st->skipped,
    };
}

int tarn_resource_find(struct tarn_snapshot *s, const char *resource, struct tarn_resource *ret, struct tarn_error *err)
{
    const struct tarn_resource_info *i;
    int r;

    SNAPSHOT_ENTER(s);
    r = tarn_snapshot_resource(s, resource, &i, err);
    if (r == 0)
        describe(s, i, ret);
    return r;
}

int tarn_resource_at(struct tarn_snapshot *s, unsigned n, struct tarn_resource *ret)
{
    struct tarn_resource_info i;
    struct tarn_reader_iter it;
    int r;

    SNAPSHOT_ENTER(s);
    r = tarn_reader_resources(&s->r, &it);
    if (r != 0)
        return tarn_snapshot_note(s, r);
    for (unsigned k = 0; k <= n;) {
        r = tarn_reader_next_resource(&it, &i);
        if (r != 1)
            return r == 0 ? TARN_E_NOTFOUND : tarn_snapshot_note(s, r);
        k += !is_list_of_deleted(i.name);
    }
    describe(s, &i, ret);
    return 0;
}

int tarn_resource_index_at(struct tarn_snapshot *s, const char *resource, unsigned n, struct tarn_bytes *ret)
{
    const struct tarn_resource_info *i;
    int r;

    SNAPSHOT_ENTER(s);
    r = tarn_snapshot_resource(s, resource, &i, NULL);
    if (r != 0)
        return r;
    if (n >= i->nindex)
        return TARN_E_NOTFOUND;
    *ret = tarn_resource_index_name(i, n);
    return 0;
}
