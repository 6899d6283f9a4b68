/* yaml_file.c - see yaml_file.h. The document tree is libyaml's own, which keeps a mark for each node. */
#include "yaml_file.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "json_text.h"

#define FILE_BYTES_MAX (4u << 20)
#define JSON_DEPTH_MAX 32
#define JSON_BYTES_MAX (64u << 10)

int tarn_yaml_error(struct tarn_yaml *y, const yaml_node_t *n, struct tarn_error *err, const char *fmt, ...)
{
    char message[TARN_ERROR_MESSAGE_BYTES];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    if (!n)
        return tarn_error_set(err, TARN_E_CONFIG, "%s: %s", y->path, message);
    return tarn_error_set(err, TARN_E_CONFIG, "%s:%zu:%zu: %s", y->path, n->start_mark.line + 1, n->start_mark.column + 1, message);
}

static int parse_failed(struct tarn_yaml *y, const yaml_parser_t *p, struct tarn_error *err)
{
    if (p->error == YAML_MEMORY_ERROR)
        return tarn_error_set(err, TARN_E_NOMEM, "%s: out of memory", y->path);
    return tarn_error_set(err, TARN_E_CONFIG, "%s:%zu:%zu: %s", y->path, p->problem_mark.line + 1, p->problem_mark.column + 1,
                          p->problem ? p->problem : "not YAML");
}

static int only_one_document(struct tarn_yaml *y, yaml_parser_t *p, struct tarn_error *err)
{
    yaml_document_t next;
    bool more;

    if (!yaml_parser_load(p, &next))
        return parse_failed(y, p, err);
    more = yaml_document_get_root_node(&next) != NULL;
    yaml_document_delete(&next);
    return more ? tarn_yaml_error(y, NULL, err, "more than one YAML document; keep only one") : 0;
}

int tarn_yaml_load_text(struct tarn_yaml *y, const char *name, struct tarn_bytes text, bool strict, struct tarn_arena *arena,
                        struct tarn_error *err)
{
    yaml_parser_t p;
    int rc;

    *y = (struct tarn_yaml){.path = name, .strict = strict, .arena = arena};
    if (!yaml_parser_initialize(&p))
        return tarn_error_set(err, TARN_E_NOMEM, "%s: out of memory", name);
    yaml_parser_set_input_string(&p, (const unsigned char *)(text.data ? text.data : ""), text.len); /* libyaml asserts on NULL */
    if (!yaml_parser_load(&p, &y->doc)) {
        rc = parse_failed(y, &p, err);
    } else {
        y->loaded = true;
        rc = tarn_yaml_root(y) ? only_one_document(y, &p, err) : 0;
    }
    yaml_parser_delete(&p);
    return rc;
}

static int read_file(const char *path, struct tarn_buf *b, struct tarn_error *err)
{
    FILE *f = fopen(path, "re");
    char chunk[16384];
    size_t n;
    int rc = 0;

    if (!f)
        return tarn_error_set(err, TARN_E_IO, "cannot read %s: %s", path, strerror(errno));
    while (!rc && (n = fread(chunk, 1, sizeof chunk, f)) > 0)
        rc = b->len > FILE_BYTES_MAX ? tarn_error_set(err, TARN_E_CONFIG, "%s: larger than 4 MiB, no configuration file", path)
                                     : tarn_buf_add(b, chunk, n);
    if (!rc && ferror(f))
        rc = tarn_error_set(err, TARN_E_IO, "cannot read %s: %s", path, strerror(errno));
    (void)fclose(f);
    return rc;
}

int tarn_yaml_load(struct tarn_yaml *y, const char *path, bool strict, struct tarn_arena *arena, struct tarn_error *err)
{
    struct tarn_buf b = {0};
    int rc;

    *y = (struct tarn_yaml){.path = path};
    rc = read_file(path, &b, err);
    if (!rc)
        rc = tarn_yaml_load_text(y, path, tarn_buf_bytes(&b), strict, arena, err);
    if (b.cap)
        explicit_bzero(b.data, b.cap); /* a kubeconfig holds credentials */
    tarn_buf_release(&b);
    return rc;
}

static void wipe_scalars(yaml_document_t *doc)
{
    for (yaml_node_t *n = doc->nodes.start; n < doc->nodes.top; n++)
        if (n->type == YAML_SCALAR_NODE)
            explicit_bzero(n->data.scalar.value, n->data.scalar.length);
}

void tarn_yaml_release(struct tarn_yaml *y)
{
    if (y->loaded) {
        wipe_scalars(&y->doc);
        yaml_document_delete(&y->doc);
    }
    y->loaded = false;
}

yaml_node_t *tarn_yaml_root(struct tarn_yaml *y)
{
    return y->loaded ? yaml_document_get_root_node(&y->doc) : NULL;
}

const char *tarn_yaml_text(const yaml_node_t *n)
{
    return n->type == YAML_SCALAR_NODE ? (const char *)n->data.scalar.value : NULL;
}

static bool is_null(const yaml_node_t *n)
{
    const char *s = tarn_yaml_text(n);

    if (!s || n->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return false;
    return !*s || strcmp(s, "~") == 0 || strcmp(s, "null") == 0 || strcmp(s, "Null") == 0 || strcmp(s, "NULL") == 0;
}

const char *tarn_yaml_kind(const yaml_node_t *n)
{
    if (n->type == YAML_MAPPING_NODE)
        return "a map";
    if (n->type == YAML_SEQUENCE_NODE)
        return "a list";
    return is_null(n) ? "nothing" : "a value";
}

static const struct tarn_yaml_field *field_of(const struct tarn_yaml_field *fields, size_t nfields, const char *key)
{
    for (size_t i = 0; i < nfields; i++)
        if (strcmp(fields[i].key, key) == 0)
            return &fields[i];
    return NULL;
}

/* Is there an earlier pair of the same key? */
static bool given_before(struct tarn_yaml *y, yaml_node_t *map, const yaml_node_pair_t *pair, const char *key)
{
    for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < pair; p++) {
        const char *other = tarn_yaml_text(yaml_document_get_node(&y->doc, p->key));

        if (other && strcmp(other, key) == 0)
            return true;
    }
    return false;
}

static int read_pair(struct tarn_yaml *y, yaml_node_t *map, const yaml_node_pair_t *pair,
                     int (*read)(struct tarn_yaml *y, yaml_node_t *k, const char *key, yaml_node_t *v, void *ctx, struct tarn_error *err),
                     void *ctx, struct tarn_error *err)
{
    yaml_node_t *k = yaml_document_get_node(&y->doc, pair->key), *v = yaml_document_get_node(&y->doc, pair->value);
    const char *key = tarn_yaml_text(k);

    if (!key)
        return tarn_yaml_error(y, k, err, "a key must be a plain word, this is %s", tarn_yaml_kind(k));
    if (given_before(y, map, pair, key))
        return tarn_yaml_error(y, k, err, "key '%s' is given twice", key);
    return read(y, k, key, v, ctx, err);
}

int tarn_yaml_pairs(struct tarn_yaml *y, yaml_node_t *n,
                    int (*read)(struct tarn_yaml *y, yaml_node_t *k, const char *key, yaml_node_t *v, void *ctx, struct tarn_error *err),
                    void *ctx, struct tarn_error *err)
{
    int rc = 0;

    if (n->type != YAML_MAPPING_NODE)
        return tarn_yaml_error(y, n, err, "expected a map, found %s", tarn_yaml_kind(n));
    for (yaml_node_pair_t *p = n->data.mapping.pairs.start; !rc && p < n->data.mapping.pairs.top; p++)
        rc = read_pair(y, n, p, read, ctx, err);
    return rc;
}

/* A map that is read by a table. */
struct table {
    const struct tarn_yaml_field *fields;
    size_t nfields;
    void *out;
};

static int read_field(struct tarn_yaml *y, yaml_node_t *k, const char *key, yaml_node_t *v, void *ctx, struct tarn_error *err)
{
    const struct table *t = ctx;
    const struct tarn_yaml_field *f = field_of(t->fields, t->nfields, key);

    (void)k;
    if (!f || (is_null(v) && !y->strict))
        return 0;
    return f->read(y, v, (char *)t->out + f->offset, err);
}

int tarn_yaml_map(struct tarn_yaml *y, yaml_node_t *n, const struct tarn_yaml_field *fields, size_t nfields, void *out,
                  struct tarn_error *err)
{
    return tarn_yaml_pairs(y, n, read_field, &(struct table){.fields = fields, .nfields = nfields, .out = out}, err);
}

int tarn_yaml_each(struct tarn_yaml *y, yaml_node_t *n,
                   int (*read)(struct tarn_yaml *y, yaml_node_t *item, void *ctx, struct tarn_error *err), void *ctx,
                   struct tarn_error *err)
{
    int rc = 0;

    if (n->type != YAML_SEQUENCE_NODE)
        return tarn_yaml_error(y, n, err, "expected a list, found %s", tarn_yaml_kind(n));
    for (yaml_node_item_t *i = n->data.sequence.items.start; !rc && i < n->data.sequence.items.top; i++)
        rc = read(y, yaml_document_get_node(&y->doc, *i), ctx, err);
    return rc;
}

int tarn_parse_bool(const char *s)
{
    static const char *const yes[] = {"true", "True", "TRUE"}, *const no[] = {"false", "False", "FALSE"};

    for (int i = 0; i < 3; i++) {
        if (strcmp(s, yes[i]) == 0)
            return 1;
        if (strcmp(s, no[i]) == 0)
            return 0;
    }
    return -1;
}

static bool is_number(const char *s)
{
    char *end;

    if (!*s || !strchr("+-.0123456789", *s))
        return false;
    (void)strtod(s, &end);
    return !*end;
}

/* Would YAML's core schema read this scalar as something other than a string? */
static bool is_typed(const yaml_node_t *n)
{
    const char *s = tarn_yaml_text(n);

    return n->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && (is_null(n) || tarn_parse_bool(s) >= 0 || is_number(s));
}

int tarn_yaml_string(struct tarn_yaml *y, yaml_node_t *n, void *out, struct tarn_error *err)
{
    const char *s = tarn_yaml_text(n);
    char *copy;

    if (!s)
        return tarn_yaml_error(y, n, err, "expected a string, found %s", tarn_yaml_kind(n));
    if (y->strict && is_null(n))
        return tarn_yaml_error(y, n, err, "expected a string, found nothing");
    if (y->strict && is_typed(n))
        return tarn_yaml_error(y, n, err, "expected a string; put '%s' in quotes if it is one", s);
    if (strlen(s) != n->data.scalar.length)
        return tarn_yaml_error(y, n, err, "a string must not contain a NUL");
    copy = tarn_arena_copy(y->arena, tarn_bytes_of(s));
    if (!copy)
        return tarn_error_set(err, TARN_E_NOMEM, "%s: out of memory", y->path);
    *(const char **)out = copy;
    return 0;
}

int tarn_yaml_bool(struct tarn_yaml *y, yaml_node_t *n, void *out, struct tarn_error *err)
{
    const char *s = tarn_yaml_text(n);
    int v = s && n->data.scalar.style == YAML_PLAIN_SCALAR_STYLE ? tarn_parse_bool(s) : -1;

    if (v < 0)
        return tarn_yaml_error(y, n, err, "expected true or false, found %s", s ? s : tarn_yaml_kind(n));
    *(bool *)out = v;
    return 0;
}

bool tarn_parse_bytes(const char *text, uint64_t *ret)
{
    static const struct {
        const char *suffix;
        unsigned shift;
    } units[] = {{"", 0}, {"KiB", 10}, {"MiB", 20}, {"GiB", 30}};
    unsigned long long v;
    char *end;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    v = strtoull(text, &end, 10);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (!errno && strcmp(end, units[i].suffix) == 0 && v <= UINT64_MAX >> units[i].shift) {
            *ret = (uint64_t)v << units[i].shift;
            return true;
        }
    return false;
}

static int read_list_item(struct tarn_yaml *y, yaml_node_t *n, void *out, struct tarn_error *err)
{
    const char *s = NULL;
    int rc = tarn_yaml_string(y, n, &s, err);

    return rc ? rc : tarn_string_list_add(out, y->arena, s);
}

int tarn_yaml_strings(struct tarn_yaml *y, yaml_node_t *n, void *out, struct tarn_error *err)
{
    return tarn_yaml_each(y, n, read_list_item, out, err);
}

/* ---- to JSON ------------------------------------------------------------------------------------- */

/* YAML also knows +1, .5, 0x1f and 012, which JSON does not. */
static bool is_json_number(const char *s)
{
    const char *digits = s + (*s == '-');

    return is_number(s) && *digits >= '0' && *digits <= '9' && !(digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9') &&
           !s[strspn(s, "-+.0123456789eE")];
}

static int scalar_to_json(const yaml_node_t *n, struct tarn_buf *out)
{
    const char *s = tarn_yaml_text(n);

    if (n->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
        if (is_null(n))
            return tarn_buf_adds(out, "null");
        if (tarn_parse_bool(s) >= 0)
            return tarn_buf_adds(out, tarn_parse_bool(s) ? "true" : "false");
        if (is_json_number(s))
            return tarn_buf_adds(out, s);
    }
    return tarn_json_quote(out, (struct tarn_bytes){.data = s, .len = n->data.scalar.length});
}

static int to_json(struct tarn_yaml *y, const yaml_node_t *n, unsigned depth, struct tarn_buf *out);

static int map_to_json(struct tarn_yaml *y, const yaml_node_t *n, unsigned depth, struct tarn_buf *out)
{
    int rc = tarn_buf_adds(out, "{");

    for (const yaml_node_pair_t *p = n->data.mapping.pairs.start; !rc && p < n->data.mapping.pairs.top; p++) {
        const yaml_node_t *key = yaml_document_get_node(&y->doc, p->key);

        rc = p > n->data.mapping.pairs.start ? tarn_buf_adds(out, ",") : 0;
        if (!rc)
            rc = tarn_json_quote(out, tarn_bytes_of(tarn_yaml_text(key)));
        if (!rc)
            rc = tarn_buf_adds(out, ":");
        if (!rc)
            rc = to_json(y, yaml_document_get_node(&y->doc, p->value), depth, out);
    }
    return rc ? rc : tarn_buf_adds(out, "}");
}

static int list_to_json(struct tarn_yaml *y, const yaml_node_t *n, unsigned depth, struct tarn_buf *out)
{
    int rc = tarn_buf_adds(out, "[");

    for (const yaml_node_item_t *i = n->data.sequence.items.start; !rc && i < n->data.sequence.items.top; i++) {
        rc = i > n->data.sequence.items.start ? tarn_buf_adds(out, ",") : 0;
        if (!rc)
            rc = to_json(y, yaml_document_get_node(&y->doc, *i), depth, out);
    }
    return rc ? rc : tarn_buf_adds(out, "]");
}

static int to_json(struct tarn_yaml *y, const yaml_node_t *n, unsigned depth, struct tarn_buf *out)
{
    if (depth == JSON_DEPTH_MAX || out->len > JSON_BYTES_MAX)
        return TARN_E_LIMIT;
    if (n->type == YAML_MAPPING_NODE)
        return map_to_json(y, n, depth + 1, out);
    return n->type == YAML_SEQUENCE_NODE ? list_to_json(y, n, depth + 1, out) : scalar_to_json(n, out);
}

int tarn_yaml_to_json(struct tarn_yaml *y, const yaml_node_t *n, struct tarn_buf *out)
{
    return to_json(y, n, 0, out);
}
