/* sim_access.c - see sim_access.h. */
#include "sim_access.h"

#include <stdio.h>
#include <strings.h>

#include "sim_yaml.h"

void sim_access_release(struct sim_access *a)
{
    json_decref(a->users);
    json_decref(a->rules);
    *a = (struct sim_access){0};
}

static int check(const json_t *v, struct tarn_error *err)
{
    const json_t *users = json_object_get(v, "users"), *rules = json_object_get(v, "rules");

    if ((users && !json_is_array(users)) || (rules && !json_is_array(rules)) || (!users && !rules))
        return tarn_error_set(err, TARN_E_INVAL, "expected a map of users and rules, each a list");
    for (size_t i = 0; i < json_array_size(users); i++)
        if (!*sim_json_text(json_array_get(users, i), "token") || !*sim_json_text(json_array_get(users, i), "name"))
            return tarn_error_set(err, TARN_E_INVAL, "user %zu: token and name are needed", i + 1);
    for (size_t i = 0; i < json_array_size(rules); i++)
        if (!json_is_array(json_object_get(json_array_get(rules, i), "verbs")))
            return tarn_error_set(err, TARN_E_INVAL, "rule %zu: verbs are needed, as a list", i + 1);
    return 0;
}

static bool is_admin(const json_t *user)
{
    return json_is_true(json_object_get(user, "admin"));
}

/* The users of --token stay whatever is set. */
static json_t *with_admins(const struct sim_access *a, const json_t *users)
{
    json_t *all = users ? json_copy((json_t *)(uintptr_t)users) : json_array();

    for (size_t i = 0; i < json_array_size(a->users); i++)
        if (is_admin(json_array_get(a->users, i)))
            (void)json_array_append(all, json_array_get(a->users, i));
    return all;
}

int sim_access_set(struct sim_access *a, const json_t *v, struct tarn_error *err)
{
    int rc = check(v, err);
    json_t *users;

    if (rc)
        return rc;
    users = with_admins(a, json_object_get(v, "users"));
    json_decref(a->users);
    json_decref(a->rules);
    a->users = users;
    a->rules = json_incref(json_object_get(v, "rules"));
    a->asked = true;
    return 0;
}

int sim_access_load(struct sim_access *a, const char *path, struct tarn_error *err)
{
    FILE *f = fopen(path, "r");
    struct tarn_buf text = {0};
    struct tarn_error why = {0};
    char chunk[4096];
    json_t *v;
    int rc;

    if (!f)
        return tarn_error_set(err, TARN_E_IO, "cannot read %s", path);
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;)
        sim_put(&text, chunk, n);
    (void)fclose(f);
    v = sim_yaml_parse(tarn_buf_bytes(&text), &why); /* JSON is YAML */
    rc = v ? sim_access_set(a, v, &why) : TARN_E_SYNTAX;
    json_decref(v);
    tarn_buf_release(&text);
    return rc ? tarn_error_set(err, rc, "%s: %s", path, why.message) : 0;
}

void sim_access_add_admin(struct sim_access *a, const char *token)
{
    if (!a->users)
        a->users = json_array();
    (void)json_array_append_new(a->users, json_pack("{s:s,s:s,s:[s],s:b}", "token", token, "name", "admin", "groups", "system:masters", "admin", 1));
    a->asked = true;
}

/* ---- who ------------------------------------------------------------------------------------------------------------ */

bool sim_access_user(const struct sim_access *a, const char *token, struct sim_user *ret)
{
    for (size_t i = 0; i < json_array_size(a->users); i++) {
        const json_t *u = json_array_get(a->users, i);

        if (strcmp(sim_json_text(u, "token"), token) != 0)
            continue;
        *ret = (struct sim_user){.name = sim_json_text(u, "name"), .uid = json_object_get(u, "uid"), .groups = json_object_get(u, "groups"),
                                 .extra = json_object_get(u, "extra"), .admin = is_admin(u)};
        return true;
    }
    return false;
}

bool sim_access_caller(const struct sim_access *a, const char *authorization, struct sim_user *ret)
{
    *ret = (struct sim_user){.name = "admin", .admin = true};
    if (!a->asked)
        return true;
    *ret = (struct sim_user){.name = "system:anonymous", .anonymous = true};
    if (!authorization)
        return true;
    return strncasecmp(authorization, "Bearer ", 7) == 0 && sim_access_user(a, authorization + 7, ret);
}

/* ---- may they ---------------------------------------------------------------------------------------------------------- */

static bool has(const json_t *list, const char *text)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *s = json_string_value(json_array_get(list, i));

        if (s && strcmp(s, text) == 0)
            return true;
    }
    return false;
}

static bool has_or_any(const json_t *list, const char *text)
{
    return has(list, "*") || has(list, text);
}

/* A name stands in groups if the user's own list has it, or if everybody is in it. */
static bool in_group(const struct sim_user *u, const char *group)
{
    if (strcmp(group, "system:authenticated") == 0)
        return !u->anonymous;
    if (strcmp(group, "system:unauthenticated") == 0)
        return u->anonymous;
    return has(u->groups, group);
}

static bool is_subject(const json_t *rule, const struct sim_user *u)
{
    const json_t *groups = json_object_get(rule, "groups");

    if (has(json_object_get(rule, "users"), u->name))
        return true;
    for (size_t i = 0; i < json_array_size(groups); i++)
        if (json_is_string(json_array_get(groups, i)) && in_group(u, json_string_value(json_array_get(groups, i))))
            return true;
    return false;
}

/* "/debug/" followed by a star: all below. */
static bool path_fits(const json_t *urls, const char *path)
{
    for (size_t i = 0; i < json_array_size(urls); i++) {
        const char *s = json_string_value(json_array_get(urls, i));
        size_t n = s ? strlen(s) : 0;

        if (s && (strcmp(s, path) == 0 || (n && s[n - 1] == '*' && strncmp(s, path, n - 1) == 0)))
            return true;
    }
    return false;
}

static bool covers(const json_t *rule, const struct sim_attempt *w)
{
    const json_t *names = json_object_get(rule, "resourceNames"), *spaces = json_object_get(rule, "namespaces");
    char resource[400];

    if (!has_or_any(json_object_get(rule, "verbs"), w->verb))
        return false;
    if (w->path)
        return path_fits(json_object_get(rule, "nonResourceURLs"), w->path);
    (void)snprintf(resource, sizeof resource, "%s%s%s", w->resource, *w->subresource ? "/" : "", w->subresource);
    return has_or_any(json_object_get(rule, "apiGroups"), w->group) && has_or_any(json_object_get(rule, "resources"), resource) &&
           (!names || has(names, w->name)) && (!spaces || has(spaces, w->ns));
}

/* What a cluster's default roles allow: system:public-info-viewer, system:discovery, system:basic-user. */
static bool by_default(const struct sim_user *u, const struct sim_attempt *w)
{
    static const char *const open[] = {"/healthz", "/livez", "/readyz", "/version"}, *const known[] = {"/api", "/apis", "/openapi", "/"};

    if (!w->path)
        return !u->anonymous && strcmp(w->verb, "create") == 0 && strncmp(w->resource, "selfsubject", 11) == 0;
    if (strcmp(w->verb, "get") != 0)
        return false;
    for (size_t i = 0; i < sizeof open / sizeof *open; i++)
        if (strcmp(w->path, open[i]) == 0)
            return true;
    for (size_t i = 0; !u->anonymous && i < sizeof known / sizeof *known; i++) {
        size_t n = strlen(known[i]);

        if (strcmp(w->path, known[i]) == 0 || (n > 1 && strncmp(w->path, known[i], n) == 0 && w->path[n] == '/'))
            return true;
    }
    return false;
}

bool sim_access_allows(const struct sim_access *a, const struct sim_user *u, const struct sim_attempt *what)
{
    if (u->admin || has(u->groups, "system:masters") || by_default(u, what))
        return true;
    for (size_t i = 0; i < json_array_size(a->rules); i++) {
        const json_t *rule = json_array_get(a->rules, i);

        if (is_subject(rule, u) && covers(rule, what))
            return true;
    }
    return false;
}
