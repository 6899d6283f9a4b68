/* sim_apply.c - the managers' sets, conflicts between them, and what server-side apply makes of them. */
#include "sim_apply.h"

#include <stdio.h>
#include <stdlib.h>

#include "sim_apply_merge.h"
#include "sim_fields.h"

/* ---- managers --------------------------------------------------------------------------------------- */

/* What nobody manages: identity, and what the server alone writes. */
static json_t *unmanaged(const char *subresource)
{
    static const char names[] = "{\"f:apiVersion\":{},\"f:kind\":{},\"f:metadata\":{\"f:name\":{},\"f:namespace\":{},"
                                "\"f:creationTimestamp\":{},\"f:selfLink\":{},\"f:uid\":{},\"f:clusterName\":{},"
                                "\"f:generation\":{},\"f:managedFields\":{},\"f:resourceVersion\":{}}}";
    json_t *set = json_loads(names, 0, NULL);

    if (strcmp(subresource, "status") == 0) {
        (void)json_object_set_new(set, "f:spec", json_object());
        (void)json_object_set_new(set, "f:metadata", json_object());
    } else {
        (void)json_object_set_new(set, "f:status", json_object());
    }
    return set;
}

/* set (taken) without what nobody manages. */
static json_t *managed(json_t *set, const struct sim_manager *who)
{
    json_t *never = unmanaged(who->subresource), *out = sim_fields_outside(set, never);

    json_decref(never);
    json_decref(set);
    return out;
}

static bool is_entry_of(const json_t *entry, const struct sim_manager *who, const char *operation)
{
    return strcmp(sim_json_text(entry, "manager"), who->name) == 0 && strcmp(sim_json_text(entry, "operation"), operation) == 0 &&
           strcmp(sim_json_text(entry, "apiVersion"), who->api_version) == 0 &&
           strcmp(sim_json_text(entry, "subresource"), who->subresource) == 0;
}

static json_t *entry_of(const json_t *entries, const struct sim_manager *who, const char *operation)
{
    json_t *entry;
    size_t i;

    json_array_foreach((json_t *)(uintptr_t)entries, i, entry)
        if (is_entry_of(entry, who, operation))
            return entry;
    return NULL;
}

static json_t *set_of(const json_t *entry)
{
    return json_object_get(entry, "fieldsV1");
}

/* Make set (taken; NULL: nothing) what entry i manages; an entry that manages nothing goes. */
static bool entry_set(json_t *entries, size_t i, json_t *set)
{
    if (!set || json_object_size(set) == 0) {
        json_decref(set);
        (void)json_array_remove(entries, i);
        return false;
    }
    (void)json_object_set_new(json_array_get(entries, i), "fieldsV1", set);
    return true;
}

/* Take from all entries but mine what was written over or removed. */
static void take_from_others(json_t *entries, const json_t *mine, const json_t *lost)
{
    for (size_t i = 0; lost && i < json_array_size(entries);) {
        const json_t *entry = json_array_get(entries, i);

        if (entry == mine || entry_set(entries, i, sim_fields_minus(set_of(entry), lost)))
            i++;
    }
}

/* Give who the set (taken), now; an equal one keeps its time. */
static void give(json_t *entries, const struct sim_manager *who, const char *operation, json_t *set)
{
    json_t *entry = entry_of(entries, who, operation);
    char now[32];
    bool same = entry && set && json_equal(set_of(entry), set);

    for (size_t i = 0; entry && !same && i < json_array_size(entries); i++)
        if (json_array_get(entries, i) == entry) {
            (void)json_array_remove(entries, i);
            break;
        }
    if (same || !set || json_object_size(set) == 0) {
        json_decref(set);
        return;
    }
    sim_rfc3339(sim_wall_ns(), now);
    entry = json_pack("{s:s,s:s,s:s,s:s,s:s,s:o}", "manager", who->name, "operation", operation, "apiVersion", who->api_version,
                      "time", now, "fieldsType", "FieldsV1", "fieldsV1", set);
    if (*who->subresource)
        (void)json_object_set_new(entry, "subresource", json_string(who->subresource));
    (void)json_array_append_new(entries, entry);
}

static int by_operation_and_time(const void *a, const void *b)
{
    static const char *const fields[] = {"operation", "time", "manager", "apiVersion", "subresource"};
    const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
    int order = 0;

    for (size_t i = 0; order == 0 && i < sizeof fields / sizeof *fields; i++)
        order = strcmp(sim_json_text(x, fields[i]), sim_json_text(y, fields[i]));
    return order;
}

/* Put entries (taken) into v, in order. */
static void put_entries(json_t *v, json_t *entries)
{
    size_t n = json_array_size(entries);
    json_t **order = sim_alloc((n + 1) * sizeof *order), *sorted = json_array(), *metadata = json_object_get(v, "metadata");

    for (size_t i = 0; i < n; i++)
        order[i] = json_array_get(entries, i);
    qsort(order, n, sizeof *order, by_operation_and_time);
    for (size_t i = 0; i < n; i++)
        (void)json_array_append(sorted, order[i]);
    if (n)
        (void)json_object_set(metadata, "managedFields", sorted);
    else
        (void)json_object_del(metadata, "managedFields");
    json_decref(sorted);
    json_decref(entries);
    free(order);
}

/* A copy of the entries to work on: the client's if it sent some, else those of before. */
static json_t *entries_of(const json_t *before, const json_t *after)
{
    const json_t *sent = sim_json_at(after, "metadata.managedFields"), *kept = sim_json_at(before, "metadata.managedFields");
    const json_t *from = json_array_size(sent) ? sent : kept;

    return json_is_array(from) ? json_deep_copy(from) : json_array();
}

void sim_apply_track(const struct sim_schema *s, const json_t *before, json_t *after, const struct sim_manager *who)
{
    json_t *entries = entries_of(before, after), *empty = before ? NULL : sim_apply_empty(s), *touched, *lost, *mine, *kept;
    struct sim_fields_change change;
    const json_t *entry = entry_of(entries, who, "Update");

    sim_fields_compare(s, before ? before : empty, after, &change);
    touched = sim_fields_union(change.added, change.modified);
    lost = sim_fields_union(touched, change.removed);
    kept = sim_fields_minus(set_of(entry), change.removed);
    mine = managed(sim_fields_union(kept, touched), who);
    take_from_others(entries, entry, lost);
    give(entries, who, "Update", mine);
    put_entries(after, entries);
    sim_fields_change_release(&change);
    json_decref(kept);
    json_decref(lost);
    json_decref(touched);
    json_decref(empty);
}

/* ---- applying --------------------------------------------------------------------------------------- */

/* What nobody wants any more of what this manager had applied before. Takes merged. */
static json_t *prune(const struct sim_schema *s, json_t *merged, const json_t *entries, const json_t *last, const json_t *wanted)
{
    json_t *owned = json_deep_copy(wanted), *was = sim_fields_with_parents(last), *gone, *out, *entry, *all;
    size_t i;

    json_array_foreach((json_t *)(uintptr_t)entries, i, entry) {
        json_t *more = set_of(entry) == last ? NULL : sim_fields_union(owned, set_of(entry));

        if (more) {
            json_decref(owned);
            owned = more;
        }
    }
    all = sim_fields_with_parents(owned);
    gone = sim_fields_minus(was, all);
    out = gone ? sim_apply_without(s, merged, gone) : json_incref(merged);
    json_decref(gone);
    json_decref(all);
    json_decref(was);
    json_decref(owned);
    json_decref(merged);
    return out;
}

struct conflicts {
    json_t *list;
    json_t *entry;
};

static void add_conflict(void *ctx, const char *path)
{
    struct conflicts *c = ctx;

    (void)json_array_append_new(c->list, json_pack("{s:O,s:s}", "manager", c->entry, "path", path));
}

static json_t *find_conflicts(json_t *entries, const json_t *mine, const json_t *touched)
{
    struct conflicts c = {.list = json_array()};
    size_t i;

    json_array_foreach(entries, i, c.entry) {
        json_t *both = c.entry == mine ? NULL : sim_fields_both(set_of(c.entry), touched);

        sim_fields_each(both, add_conflict, &c);
        json_decref(both);
    }
    return c.list;
}

/* kubectl's own server-side apply may take over what kubectl applied on the client's side: the fields of the annotation it left
 * there that are still as it says. Owned set. */
static json_t *last_applied(const struct sim_schema *s, const json_t *live)
{
    const json_t *annotations = sim_json_at(live, "metadata.annotations");
    const char *text = json_string_value(json_object_get(annotations, "kubectl.kubernetes.io/last-applied-configuration"));
    json_t *config = text ? json_loads(text, 0, NULL) : NULL, *set, *differs, *out;
    struct sim_fields_change change;

    if (!json_is_object(config)) {
        json_decref(config);
        return NULL;
    }
    set = sim_fields_of(s, config);
    sim_fields_compare(s, config, live, &change);
    differs = sim_fields_union(change.modified, change.removed);
    out = sim_fields_minus(set, differs);
    sim_fields_change_release(&change);
    json_decref(differs);
    json_decref(set);
    json_decref(config);
    return out;
}

/* Does it go through? Then the others lose what is written over, and who has what was wanted (taken). */
static bool settle(json_t *entries, const struct sim_manager *who, const struct sim_fields_change *change, const json_t *allowed,
                   json_t *wanted, bool force, json_t **ret_conflicts)
{
    json_t *mine = entry_of(entries, who, "Apply"), *touched = sim_fields_union(change->added, change->modified);
    json_t *contended = sim_fields_minus(touched, allowed), *conflicts = find_conflicts(entries, mine, contended), *lost;
    bool through = force || json_array_size(conflicts) == 0;

    if (through) {
        lost = sim_fields_union(touched, change->removed);
        take_from_others(entries, mine, lost);
        give(entries, who, "Apply", wanted);
        json_decref(lost);
    } else {
        *ret_conflicts = json_incref(conflicts);
        json_decref(wanted);
    }
    json_decref(conflicts);
    json_decref(contended);
    json_decref(touched);
    return through;
}

json_t *sim_apply(const struct sim_schema *s, const json_t *live, const json_t *config, const struct sim_manager *who, bool force,
                  json_t **ret_conflicts)
{
    json_t *entries = entries_of(live, NULL), *wanted = managed(sim_fields_of(s, config), who), *out;
    json_t *last = set_of(entry_of(entries, who, "Apply")), *base = live ? json_deep_copy(live) : json_object();
    json_t *allowed = strcmp(who->name, "kubectl") == 0 ? last_applied(s, live) : NULL;
    struct sim_fields_change change;

    out = prune(s, sim_apply_merge(s, base, config), entries, last, wanted);
    sim_fields_compare(s, base, out, &change);
    if (settle(entries, who, &change, allowed, wanted, force, ret_conflicts)) {
        put_entries(out, entries);
    } else {
        json_decref(entries);
        json_decref(out);
        out = NULL;
    }
    sim_fields_change_release(&change);
    json_decref(allowed);
    json_decref(base);
    return out;
}

/* ---- saying no -------------------------------------------------------------------------------------- */

static void put_manager(const json_t *entry, struct tarn_buf *out)
{
    sim_putf(out, "\"%s\"", sim_json_text(entry, "manager"));
    if (*sim_json_text(entry, "subresource"))
        sim_putf(out, " with subresource \"%s\"", sim_json_text(entry, "subresource"));
    if (strcmp(sim_json_text(entry, "operation"), "Update") == 0)
        sim_putf(out, " using %s", sim_json_text(entry, "apiVersion"));
}

static json_t *cause(const json_t *conflict)
{
    struct tarn_buf message = {0};
    json_t *c;

    sim_puts(&message, "conflict with ");
    put_manager(json_object_get(conflict, "manager"), &message);
    sim_put(&message, "", 1);
    c = json_pack("{s:s,s:s,s:s}", "reason", "FieldManagerConflict", "message", message.data, "field", sim_json_text(conflict, "path"));
    tarn_buf_release(&message);
    return c;
}

json_t *sim_apply_causes(const json_t *conflicts, struct tarn_buf *ret_message)
{
    size_t n = json_array_size(conflicts), i;
    const json_t *before = NULL;
    json_t *causes = json_array(), *c;

    sim_putf(ret_message, "Apply failed with %zu conflict%s: ", n, n == 1 ? "" : "s");
    json_array_foreach((json_t *)(uintptr_t)conflicts, i, c) {
        const json_t *entry = json_object_get(c, "manager");

        (void)json_array_append_new(causes, cause(c));
        if (entry != before) {
            sim_putf(ret_message, "%sconflict%s with ", before ? "\n" : "", n == 1 ? "" : "s");
            put_manager(entry, ret_message);
            sim_puts(ret_message, ":");
        }
        sim_putf(ret_message, n == 1 ? " %s" : "\n- %s", sim_json_text(c, "path"));
        before = entry;
    }
    return causes;
}
