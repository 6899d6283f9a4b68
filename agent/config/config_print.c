/* config_print.c - the effective configuration as YAML, in the order of the table, each value with its origin. */
#include "config_keys.h"

#include <string.h>

struct printing {
    enum tarn_config_scope scope;
    const void *base;
    const char *const *from;
    const char *indent;       /* of each line */
    const char *first_indent; /* of the first line, NULL: as the others ("  - " for an entry) */
    char section[64];         /* the map the last line stood in */
};

static const char *take_indent(struct printing *p)
{
    const char *first = p->first_indent;

    p->first_indent = NULL;
    return first ? first : p->indent;
}

/* "readers:" before the first key inside it. */
static int enter_section(struct printing *p, const struct tarn_config_key *k, struct tarn_buf *out)
{
    const char *dot = strchr(k->path, '.');
    size_t n = dot ? (size_t)(dot - k->path) : 0;

    if (strncmp(p->section, k->path, n) == 0 && !p->section[n])
        return 0;
    memcpy(p->section, k->path, n);
    p->section[n] = '\0';
    return n ? tarn_buf_addf(out, "%s%s:\n", take_indent(p), p->section) : 0;
}

static int print_key(struct printing *p, const struct tarn_config_key *k, const char *origin, struct tarn_buf *out)
{
    const char *dot = strchr(k->path, '.');
    int rc = enter_section(p, k, out);

    if (!rc)
        rc = tarn_buf_addf(out, "%s%s%s: ", take_indent(p), dot ? "  " : "", dot ? dot + 1 : k->path);
    if (!rc)
        rc = tarn_config_print_value(k, (const char *)p->base + k->offset, out);
    return rc ? rc : tarn_buf_addf(out, " # %s\n", origin ? origin : "default");
}

static int print_keys(struct printing *p, struct tarn_buf *out)
{
    const struct tarn_config_key *k;
    int rc = 0;

    for (size_t i = 0; !rc && (k = tarn_config_key(i)); i++) {
        const char *origin = p->from[tarn_config_key_index(k)];

        if (k->scope == p->scope && tarn_config_has_value(k, (const char *)p->base + k->offset, origin != NULL))
            rc = print_key(p, k, origin, out);
    }
    return rc;
}

static int print_resources(const struct tarn_config *c, const char *realm, struct tarn_buf *out)
{
    bool any = false;
    int rc = 0;

    for (unsigned i = 0; !rc && i < c->nresources; i++) {
        const struct tarn_config_resource *r = &c->resources[i];
        struct printing p = {.scope = TARN_CONFIG_RESOURCE, .base = r, .from = r->from, .indent = "        ", .first_indent = "      - "};

        if (strcmp(r->realm, realm) != 0)
            continue;
        rc = any ? 0 : tarn_buf_adds(out, "    resources:\n");
        any = true;
        if (!rc)
            rc = print_keys(&p, out);
    }
    return rc;
}

static int print_realm(const struct tarn_config *c, const struct tarn_config_realm *r, struct tarn_buf *out)
{
    struct printing p = {.scope = TARN_CONFIG_REALM, .base = r, .from = r->from, .indent = "    ", .first_indent = "  - "};
    int rc = print_keys(&p, out);

    return rc ? rc : print_resources(c, r->name, out);
}

int tarn_config_print(const struct tarn_config *c, struct tarn_buf *out)
{
    struct printing p = {.scope = TARN_CONFIG_TOP, .base = c, .from = c->from, .indent = ""};
    int rc = tarn_buf_addf(out, "# tarnd %s: the effective configuration; behind each value where it came from\n# file: %s\n# snippets: %s\n",
                           TARN_VERSION, c->file ? c->file : "none", c->conf_dir ? c->conf_dir : "none");

    if (!rc)
        rc = print_keys(&p, out);
    if (!rc)
        rc = tarn_buf_adds(out, "realms:\n");
    for (unsigned i = 0; !rc && i < c->nrealms; i++)
        rc = print_realm(c, &c->realms[i], out);
    return rc;
}
