/* discovery_document.c - see discovery_document.h. */
#include "discovery_document.h"

#include <strings.h>

/* Where a resource's facts stand in each form. */
static const struct form {
    const char *plural, *singular, *kind;
} plain = {"name", "singularName", "kind"}, aggregated = {"resource", "singularResource", "responseKind.kind"};

struct search {
    const struct tarn_discovery_wish *wish;
    bool exact; /* only the plural */
    bool found;
    struct tarn_discovery_entry *entry;
};

struct tarn_bytes tarn_discovery_text(const struct tarn_value *v, const char *path)
{
    struct tarn_value t;

    return tarn_value_get(v, path, &t) == 0 && t.type == TARN_STRING ? t.string : (struct tarn_bytes){0};
}

static struct tarn_value array_at(const struct tarn_value *v, const char *path)
{
    struct tarn_value t;

    return tarn_value_get(v, path, &t) == 0 && t.type == TARN_ARRAY ? t : (struct tarn_value){.type = TARN_NIL};
}

static bool same_letters(struct tarn_bytes a, struct tarn_bytes b)
{
    return a.len == b.len && (a.len == 0 || strncasecmp(a.data, b.data, a.len) == 0);
}

static bool array_has(struct tarn_value it, struct tarn_bytes wanted)
{
    struct tarn_value t;

    while (it.type == TARN_ARRAY && tarn_value_next(&it, NULL, &t) == 1)
        if (t.type == TARN_STRING && tarn_bytes_equal(t.string, wanted))
            return true;
    return false;
}

static bool matches(const struct tarn_value *r, const struct form *f, const struct search *s)
{
    struct tarn_bytes plural = tarn_discovery_text(r, f->plural), word = s->wish->word;

    if (!plural.len || memchr(plural.data, '/', plural.len))
        return false; /* a subresource */
    if (s->exact)
        return tarn_bytes_equal(plural, word);
    return same_letters(tarn_discovery_text(r, f->singular), word) || same_letters(tarn_discovery_text(r, f->kind), word) ||
           array_has(array_at(r, "shortNames"), word);
}

static void fill(const struct tarn_value *r, const struct form *f, struct tarn_discovery_entry *e)
{
    struct tarn_value verbs = array_at(r, "verbs"), namespaced;

    e->plural = tarn_discovery_text(r, f->plural);
    e->singular = tarn_discovery_text(r, f->singular);
    e->kind = tarn_discovery_text(r, f->kind);
    e->short_names = array_at(r, "shortNames");
    e->can_list = array_has(verbs, TARN_BYTES("list"));
    e->can_watch = array_has(verbs, TARN_BYTES("watch"));
    e->namespaced = tarn_value_get(r, "namespaced", &namespaced) == 0 ? namespaced.type == TARN_BOOL && namespaced.boolean
                                                                      : tarn_bytes_equal(tarn_discovery_text(r, "scope"), TARN_BYTES("Namespaced"));
}

/* Look through an array of resources; the group and version of `at` go with what is found. True: no need to look further. */
static bool search_resources(struct search *s, struct tarn_value it, const struct form *f, const struct tarn_discovery_entry *at)
{
    struct tarn_value r;

    while (it.type == TARN_ARRAY && tarn_value_next(&it, NULL, &r) == 1) {
        struct tarn_discovery_entry e = *at;

        if (!matches(&r, f, s))
            continue;
        fill(&r, f, &e);
        if (!s->found || (e.can_list && e.can_watch))
            *s->entry = e;
        s->found = true;
        if (e.can_list && e.can_watch)
            return true;
    }
    return false;
}

static bool search_group(struct search *s, const struct tarn_value *group)
{
    struct tarn_discovery_entry at = {.group = tarn_discovery_text(group, "metadata.name")};
    struct tarn_value it = array_at(group, "versions"), v;

    if (!s->wish->any_group && !tarn_bytes_equal(at.group, s->wish->group))
        return false;
    while (it.type == TARN_ARRAY && tarn_value_next(&it, NULL, &v) == 1) {
        at.version = tarn_discovery_text(&v, "version");
        if (at.version.len && search_resources(s, array_at(&v, "resources"), &aggregated, &at))
            return true;
    }
    return false;
}

static bool search_all(struct search *s, const struct tarn_value *root, bool is_aggregated)
{
    const struct tarn_discovery_entry at = {.group_version = tarn_discovery_text(root, "groupVersion")};
    struct tarn_value it = array_at(root, "items"), group;

    if (!is_aggregated)
        return search_resources(s, array_at(root, "resources"), &plain, &at);
    while (it.type == TARN_ARRAY && tarn_value_next(&it, NULL, &group) == 1)
        if (search_group(s, &group))
            return true;
    return false;
}

bool tarn_discovery_find_entry(const struct tarn_object *doc, const struct tarn_discovery_wish *wish, struct tarn_discovery_entry *ret)
{
    struct search s = {.wish = wish, .entry = ret};
    struct tarn_value root;

    if (tarn_value_parse(tarn_object_body(doc), &root))
        return false;
    for (int exact = 1; exact >= 0; exact--) {
        s.exact = exact;
        if (search_all(&s, &root, tarn_discovery_form_of(doc) == TARN_DISCOVERY_AGGREGATED))
            return true;
    }
    return s.found;
}

enum tarn_discovery_form tarn_discovery_form_of(const struct tarn_object *doc)
{
    static const struct {
        struct tarn_bytes kind;
        enum tarn_discovery_form form;
    } forms[] = {
        {TARN_BYTES("APIGroupDiscoveryList"), TARN_DISCOVERY_AGGREGATED},
        {TARN_BYTES("APIVersions"), TARN_DISCOVERY_VERSIONS},
        {TARN_BYTES("APIGroupList"), TARN_DISCOVERY_GROUPS},
        {TARN_BYTES("APIResourceList"), TARN_DISCOVERY_RESOURCES},
    };
    struct tarn_bytes kind = {0};

    (void)tarn_object_get_string(doc, "kind", &kind);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (tarn_bytes_equal(kind, forms[i].kind))
            return forms[i].form;
    return TARN_DISCOVERY_OTHER;
}
