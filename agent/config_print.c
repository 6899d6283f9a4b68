/* config_print.c - the effective configuration as YAML, in the order of the documentation. */
#include "config.h"

/* A double-quoted YAML scalar; JSON's escapes are YAML's too. */
static int add_quoted(struct tarn_buf *out, const char *s)
{
    int rc = tarn_buf_adds(out, "\"");

    for (; !rc && *s; s++) {
        if (*s == '"' || *s == '\\')
            rc = tarn_buf_addf(out, "\\%c", *s);
        else if ((unsigned char)*s < 0x20 || *s == 0x7f)
            rc = tarn_buf_addf(out, "\\x%02x", (unsigned char)*s);
        else
            rc = tarn_buf_add(out, s, 1);
    }
    return rc ? rc : tarn_buf_adds(out, "\"");
}

static int add_string(struct tarn_buf *out, const char *indent, const char *key, const char *value)
{
    int rc;

    if (!value)
        return 0;
    rc = tarn_buf_addf(out, "%s%s: ", indent, key);
    if (!rc)
        rc = add_quoted(out, value);
    return rc ? rc : tarn_buf_adds(out, "\n");
}

static int add_flag(struct tarn_buf *out, const char *indent, const char *key, bool value)
{
    return tarn_buf_addf(out, "%s%s: %s\n", indent, key, value ? "true" : "false");
}

static int add_strings(struct tarn_buf *out, const char *key, const struct tarn_string_list *l, bool even_empty)
{
    int rc;

    if (!l->n && !even_empty)
        return 0;
    rc = tarn_buf_addf(out, "        %s: [", key);
    for (unsigned i = 0; !rc && i < l->n; i++) {
        rc = i ? tarn_buf_adds(out, ", ") : 0;
        if (!rc)
            rc = add_quoted(out, l->v[i]);
    }
    return rc ? rc : tarn_buf_adds(out, "]\n");
}

static int add_ids(struct tarn_buf *out, const char *key, const struct tarn_ids *ids)
{
    int rc = tarn_buf_addf(out, "      %s: [", key);

    for (unsigned i = 0; !rc && i < ids->n; i++)
        rc = tarn_buf_addf(out, "%s%u", i ? ", " : "", ids->v[i]);
    return rc ? rc : tarn_buf_adds(out, "]\n");
}

static int add_server(struct tarn_buf *out, const struct tarn_config_server *s)
{
    const struct {
        const char *key, *value;
    } strings[] = {{"url", s->url},
                   {"kubeconfig", s->kubeconfig},
                   {"context", s->context},
                   {"caFile", s->ca_file},
                   {"certFile", s->cert_file},
                   {"keyFile", s->key_file},
                   {"tokenFile", s->token_file},
                   {"tlsServerName", s->tls_server_name},
                   {"proxyUrl", s->proxy_url}};
    int rc = tarn_buf_adds(out, "server:\n");

    for (size_t i = 0; !rc && i < sizeof strings / sizeof *strings; i++)
        rc = add_string(out, "  ", strings[i].key, strings[i].value);
    if (!rc)
        rc = add_flag(out, "  ", "insecureSkipTlsVerify", s->insecure);
    return rc ? rc : add_flag(out, "  ", "gzip", s->gzip);
}

static int add_resource(struct tarn_buf *out, const struct tarn_config_resource *r)
{
    int rc = tarn_buf_adds(out, "      - name: ");

    if (!rc)
        rc = add_quoted(out, r->name);
    if (!rc)
        rc = tarn_buf_adds(out, "\n");
    if (!rc)
        rc = add_string(out, "        ", "apiVersion", r->api_version);
    if (!rc)
        rc = add_strings(out, "namespaces", &r->namespaces, false);
    if (!rc)
        rc = add_string(out, "        ", "labelSelector", r->label_selector);
    if (!rc)
        rc = add_string(out, "        ", "fieldSelector", r->field_selector);
    if (!rc && !r->keep.n)
        rc = add_strings(out, "drop", &r->drop, true);
    if (!rc)
        rc = add_strings(out, "keep", &r->keep, false);
    if (!rc)
        rc = add_strings(out, "slots", &r->slots, false);
    return rc ? rc : add_strings(out, "indexes", &r->indexes, r->indexes_given);
}

static int add_resources(struct tarn_buf *out, const struct tarn_config *c, const char *realm)
{
    int rc = tarn_buf_adds(out, "    resources:\n");

    for (unsigned i = 0; !rc && i < c->nresources; i++)
        if (strcmp(c->resources[i].realm, realm) == 0)
            rc = add_resource(out, &c->resources[i]);
    return rc;
}

static bool has_resources(const struct tarn_config *c, const char *realm)
{
    for (unsigned i = 0; i < c->nresources; i++)
        if (strcmp(c->resources[i].realm, realm) == 0)
            return true;
    return false;
}

static int add_realm(struct tarn_buf *out, const struct tarn_config *c, const struct tarn_config_realm *r)
{
    int rc = tarn_buf_adds(out, "  - name: ");

    if (!rc)
        rc = add_quoted(out, r->name);
    if (!rc)
        rc = tarn_buf_addf(out, "\n    budget: %llu\n    readers:\n", (unsigned long long)r->budget_bytes);
    if (!rc)
        rc = add_ids(out, "users", &r->uids);
    if (!rc)
        rc = add_ids(out, "groups", &r->gids);
    return rc || !has_resources(c, r->name) ? rc : add_resources(out, c, r->name);
}

static int add_rest(struct tarn_buf *out, const struct tarn_config *c)
{
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    int rc = add_string(out, "", "socket", c->socket_path);

    if (!rc)
        rc = add_string(out, "", "runtimeDir", c->runtime_dir);
    if (!rc)
        rc = tarn_buf_addf(out, "budget: %llu\nmaxObjectBytes: %u\npageSize: %u\nmaxClients: %u\n",
                           (unsigned long long)c->budget_bytes, c->max_object_bytes, c->page_size, c->max_clients);
    if (!rc)
        rc = add_flag(out, "", "streamingLists", c->streaming_lists);
    if (!rc)
        rc = add_flag(out, "", "hugePages", c->huge_pages);
    return rc ? rc
              : tarn_buf_addf(out, "logFormat: %s\nlogLevel: %s\n", c->log_format == TARN_LOG_JSON ? "json" : "text",
                              levels[c->log_level]);
}

int tarn_config_print(const struct tarn_config *c, struct tarn_buf *out)
{
    int rc = add_server(out, &c->server);

    if (!rc)
        rc = tarn_buf_adds(out, "realms:\n");
    for (unsigned i = 0; !rc && i < c->nrealms; i++)
        rc = add_realm(out, c, &c->realms[i]);
    return rc ? rc : add_rest(out, c);
}
