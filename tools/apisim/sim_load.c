/* sim_load.c - definitions first, then everything else, so that order in a file or folder does not matter. */
#include "sim_load.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "sim_write.h"
#include "sim_yaml.h"

static int read_file(const char *path, struct tarn_buf *ret, struct tarn_error *err)
{
    FILE *f = fopen(path, "r");
    char chunk[65536];

    if (!f)
        return tarn_error_set(err, TARN_E_IO, "%s: %s", path, strerror(errno));
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;)
        sim_put(ret, chunk, n);
    (void)fclose(f);
    return 0;
}

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);

    return n >= m && strcmp(s + n - m, end) == 0;
}

static bool is_definition(const json_t *v)
{
    return strcmp(sim_json_text(v, "kind"), "CustomResourceDefinition") == 0;
}

static void ensure_namespace(struct sim_world *w, const json_t *v)
{
    const char *ns = sim_json_text(v, "metadata.namespace");
    struct sim_resource *namespaces = sim_world_find_name(w, "namespaces");
    json_t *n;

    if (!*ns || sim_tree_get(&namespaces->tree, tarn_bytes_of(ns)))
        return;
    n = json_pack("{s:s,s:s,s:{s:s}}", "kind", "Namespace", "apiVersion", "v1", "metadata", "name", ns);
    (void)sim_write_load(w, n, NULL);
    json_decref(n);
}

/* A PodList's items lack kind and apiVersion: they follow from the list's. */
static json_t *list_item(const json_t *list, json_t *item)
{
    const char *kind = sim_json_text(list, "kind");
    json_t *copy = json_copy(item);

    if (!json_object_get(copy, "kind") && ends_with(kind, "List"))
        (void)json_object_set_new(copy, "kind", json_stringn(kind, strlen(kind) - 4));
    if (!json_object_get(copy, "apiVersion"))
        (void)json_object_set(copy, "apiVersion", json_object_get(list, "apiVersion"));
    return copy;
}

static int load_value(struct sim_world *w, const json_t *v, bool definitions, struct tarn_error *err)
{
    const json_t *items = json_object_get(v, "items");
    json_t *item;
    size_t i;
    int rc = 0;

    if (!json_is_array(items) || !ends_with(sim_json_text(v, "kind"), "List")) {
        if (is_definition(v) != definitions || json_is_null(v))
            return 0;
        ensure_namespace(w, v);
        return sim_write_load(w, v, err);
    }
    json_array_foreach((json_t *)(uintptr_t)items, i, item) {
        json_t *whole = list_item(v, item);

        rc = load_value(w, whole, definitions, err);
        json_decref(whole);
        if (rc)
            break;
    }
    return rc;
}

static int load_file(struct sim_world *w, const char *path, bool definitions, struct tarn_error *err)
{
    struct tarn_error why = {0};
    struct tarn_buf text = {0};
    json_t *all, *v;
    size_t i;
    int rc = read_file(path, &text, err);

    if (rc)
        return rc;
    if (ends_with(path, ".json")) {
        v = sim_json_parse(tarn_buf_bytes(&text), &why);
        all = v ? json_pack("[o]", v) : NULL;
    } else {
        all = sim_yaml_parse_all(tarn_buf_bytes(&text), &why);
    }
    tarn_buf_release(&text);
    if (!all)
        return tarn_error_set(err, TARN_E_SYNTAX, "%s: %s", path, why.message);
    json_array_foreach(all, i, v) {
        rc = load_value(w, v, definitions, &why);
        if (rc) {
            (void)tarn_error_set(err, rc, "%s: %s", path, why.message);
            break;
        }
    }
    json_decref(all);
    return rc;
}

static int wanted(const struct dirent *d)
{
    return ends_with(d->d_name, ".json") || ends_with(d->d_name, ".yaml") || ends_with(d->d_name, ".yml");
}

static int load_folder(struct sim_world *w, const char *path, bool definitions, struct tarn_error *err)
{
    struct dirent **names;
    int n = scandir(path, &names, wanted, alphasort), rc = 0;

    if (n < 0)
        return tarn_error_set(err, TARN_E_IO, "%s: %s", path, strerror(errno));
    for (int i = 0; i < n; i++) {
        char file[4096];

        (void)snprintf(file, sizeof file, "%s/%s", path, names[i]->d_name);
        if (rc == 0)
            rc = load_file(w, file, definitions, err);
        free(names[i]);
    }
    free(names);
    return rc;
}

int sim_load(struct sim_world *w, const char *path, struct tarn_error *err)
{
    struct stat st;
    int rc = 0;

    if (stat(path, &st))
        return tarn_error_set(err, TARN_E_IO, "%s: %s", path, strerror(errno));
    for (int definitions = 1; definitions >= 0 && rc == 0; definitions--)
        rc = S_ISDIR(st.st_mode) ? load_folder(w, path, definitions, err) : load_file(w, path, definitions, err);
    return rc;
}
