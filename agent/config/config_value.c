/* config_value.c - one value of each kind: from text, from a YAML node, to YAML. */
#include "config_keys.h"
#include "environment.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int no_memory(struct tarn_error *err)
{
    return tarn_error_set(err, TARN_E_NOMEM, "out of memory");
}

/* ---- from text ------------------------------------------------------------------------------- */

static int expected(struct tarn_error *err, const char *what, const char *text)
{
    return tarn_error_set(err, TARN_E_CONFIG, "expected %s, found %s", what, *text ? text : "nothing");
}

static int parse_bool(const char *text, bool *ret, struct tarn_error *err)
{
    int v = tarn_parse_bool(text);

    if (v < 0)
        return expected(err, "true or false", text);
    *ret = v;
    return 0;
}

/* Decimal digits only; false: something else, or too large. */
static bool parse_digits(const char *text, uint64_t most, uint64_t *ret, const char **ret_end)
{
    char *end;
    unsigned long long v;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    v = strtoull(text, &end, 10);
    *ret_end = end;
    *ret = v;
    return !errno && v <= most;
}

static int parse_number(const char *text, uint64_t *ret, struct tarn_error *err)
{
    const char *end;

    return parse_digits(text, UINT32_MAX, ret, &end) && !*end ? 0 : expected(err, "a whole number from 0 to 4294967295", text);
}

static int parse_bytes(const char *text, uint64_t *ret, struct tarn_error *err)
{
    return tarn_parse_bytes(text, ret) ? 0 : expected(err, "a size such as 268435456, 256MiB or 1GiB", text);
}

static int parse_duration(const char *text, uint64_t *ret, struct tarn_error *err)
{
    static const struct {
        const char *unit;
        uint64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
    const char *unit;
    uint64_t v;

    if (parse_digits(text, UINT32_MAX, &v, &unit)) {
        for (size_t i = 0; i < sizeof units / sizeof *units; i++)
            if (strcmp(unit, units[i].unit) == 0 && v * units[i].ms <= UINT32_MAX) {
                *ret = v * units[i].ms;
                return 0;
            }
        if (v == 0 && !*unit) {
            *ret = 0;
            return 0;
        }
    }
    return expected(err, "a duration such as 500ms, 30s, 5m or 1h", text);
}

/* "a|b|c" -> "a, b or c" */
static void say_words(const char *form, char *ret, size_t size)
{
    size_t n = 0;

    for (const char *p = form; *p && n + 5 < size; p++) {
        if (*p != '|')
            ret[n++] = *p;
        else
            n += (size_t)snprintf(ret + n, size - n, "%s", strchr(p + 1, '|') ? ", " : " or ");
    }
    ret[n < size ? n : size - 1] = '\0';
}

/* Where the i-th word stands in form; its length, 0 behind the last. */
static size_t word_at(const char *form, int i, const char **ret)
{
    while (i-- > 0 && form) {
        form = strchr(form, '|');
        form = form ? form + 1 : NULL;
    }
    *ret = form;
    return form ? strcspn(form, "|") : 0;
}

static int parse_word(const struct tarn_config_key *k, const char *text, int *ret, struct tarn_error *err)
{
    char words[160];
    const char *word;
    size_t n;

    for (int i = 0; (n = word_at(k->form, i, &word)); i++)
        if (strlen(text) == n && strncmp(text, word, n) == 0) {
            *ret = i;
            return 0;
        }
    say_words(k->form, words, sizeof words);
    return expected(err, words, text);
}

static int parse_user(const char *text, uint32_t *ret, struct tarn_error *err)
{
    uint64_t v;
    struct passwd *p;

    if (*text >= '0' && *text <= '9') {
        int rc = parse_number(text, &v, err);

        *ret = (uint32_t)v;
        return rc;
    }
    p = getpwnam(text);
    if (!p)
        return tarn_error_set(err, TARN_E_CONFIG, "no user '%s' on this host; give its number", text);
    *ret = p->pw_uid;
    return 0;
}

static int parse_group(const char *text, uint32_t *ret, struct tarn_error *err)
{
    uint64_t v;
    struct group *g;

    if (*text >= '0' && *text <= '9') {
        int rc = parse_number(text, &v, err);

        *ret = (uint32_t)v;
        return rc;
    }
    g = getgrnam(text);
    if (!g)
        return tarn_error_set(err, TARN_E_CONFIG, "no group '%s' on this host; make it (groupadd), or give its number", text);
    *ret = g->gr_gid;
    return 0;
}

static int parse_one_group(const char *text, int64_t *ret, struct tarn_error *err)
{
    uint32_t gid = 0;
    int rc;

    if (!*text) {
        *ret = -1;
        return 0;
    }
    rc = parse_group(text, &gid, err);
    if (!rc)
        *ret = gid;
    return rc;
}

static int add_id(struct tarn_arena *a, struct tarn_ids *ids, uint32_t id, struct tarn_error *err)
{
    uint32_t *v = tarn_arena_alloc(a, (ids->n + 1) * sizeof *v);

    if (!v)
        return no_memory(err);
    if (ids->n)
        memcpy(v, ids->v, ids->n * sizeof *v);
    v[ids->n++] = id;
    ids->v = v;
    return 0;
}

static int check_range(const struct tarn_config_key *k, uint64_t v, struct tarn_error *err)
{
    unsigned long long min = k->min, max = k->max;

    if (v >= min && (!max || v <= max))
        return 0;
    if (max)
        return tarn_error_set(err, TARN_E_CONFIG, "%s %llu: must be from %llu to %llu", k->path, (unsigned long long)v, min, max);
    return tarn_error_set(err, TARN_E_CONFIG, "%s %llu: must be at least %llu", k->path, (unsigned long long)v, min);
}

/* NUMBER, BYTES and DURATION. */
static int parse_amount(const struct tarn_config_key *k, const char *text, void *at, struct tarn_error *err)
{
    uint64_t v = 0;
    int rc = k->kind == TARN_CONFIG_NUMBER  ? parse_number(text, &v, err)
             : k->kind == TARN_CONFIG_BYTES ? parse_bytes(text, &v, err)
                                            : parse_duration(text, &v, err);

    if (!rc)
        rc = check_range(k, v, err);
    if (rc)
        return rc;
    if (k->kind == TARN_CONFIG_BYTES)
        *(uint64_t *)at = v;
    else
        *(uint32_t *)at = (uint32_t)v;
    return 0;
}

static int parse_string(const struct tarn_config_key *k, struct tarn_arena *a, const char *text, const char **ret, struct tarn_error *err)
{
    char *copy;

    if (k->expand)
        return tarn_environment_expand(a, text, ret, err);
    copy = tarn_arena_copy(a, tarn_bytes_of(text));
    if (!copy)
        return no_memory(err);
    *ret = copy;
    return 0;
}

/* One item of a list. */
static int parse_item(const struct tarn_config_key *k, struct tarn_arena *a, const char *text, void *at, struct tarn_error *err)
{
    const char *copy = NULL;
    uint32_t id = 0;
    int rc;

    if (k->kind == TARN_CONFIG_STRINGS) {
        rc = parse_string(k, a, text, &copy, err);
        return rc || tarn_string_list_add(at, a, copy) == 0 ? rc : no_memory(err);
    }
    rc = k->kind == TARN_CONFIG_USERS ? parse_user(text, &id, err) : parse_group(text, &id, err);
    return rc ? rc : add_id(a, at, id, err);
}

/* "a,b": in a flag or a variable. */
static int parse_list(const struct tarn_config_key *k, struct tarn_arena *a, const char *text, void *at, struct tarn_error *err)
{
    int rc = 0;

    while (!rc && *text) {
        size_t n = strcspn(text, ",");
        char *item = tarn_arena_copy(a, (struct tarn_bytes){.data = text, .len = n});

        rc = item ? parse_item(k, a, item, at, err) : no_memory(err);
        text += n + (text[n] == ',');
    }
    return rc;
}

int tarn_config_parse(const struct tarn_config_key *k, struct tarn_arena *a, const char *text, void *at, struct tarn_error *err)
{
    switch (k->kind) {
    case TARN_CONFIG_STRING:
        return *text ? parse_string(k, a, text, at, err) : tarn_error_set(err, TARN_E_CONFIG, "must not be empty");
    case TARN_CONFIG_BOOL:
        return parse_bool(text, at, err);
    case TARN_CONFIG_WORD:
        return parse_word(k, text, at, err);
    case TARN_CONFIG_GROUP:
        return parse_one_group(text, at, err);
    case TARN_CONFIG_STRINGS:
    case TARN_CONFIG_USERS:
    case TARN_CONFIG_GROUPS:
        return parse_list(k, a, text, at, err);
    default:
        return parse_amount(k, text, at, err);
    }
}

/* ---- from a node ------------------------------------------------------------------------------- */

/* What a scalar of that kind is parsed by; `item`: of a list. */
struct reading {
    const struct tarn_config_key *key;
    void *at;
    bool item;
};

static int parse_scalar(struct tarn_yaml *y, yaml_node_t *n, const struct reading *r, const char *text, struct tarn_error *err)
{
    struct tarn_error why = {0};
    int rc = r->item ? parse_item(r->key, y->arena, text, r->at, &why) : tarn_config_parse(r->key, y->arena, text, r->at, &why);

    return rc == TARN_E_NOMEM ? tarn_error_set(err, rc, "%s: out of memory", y->path) : rc ? tarn_yaml_error(y, n, err, "%s", why.message) : 0;
}

static bool is_text(enum tarn_config_kind kind)
{
    return kind == TARN_CONFIG_STRING || kind == TARN_CONFIG_STRINGS;
}

static int read_scalar(struct tarn_yaml *y, yaml_node_t *n, void *ctx, struct tarn_error *err)
{
    const struct reading *r = ctx;
    const char *text = tarn_yaml_text(n);
    int rc;

    if (is_text(r->key->kind)) { /* 12 and true are no strings */
        rc = tarn_yaml_string(y, n, &text, err);
        return rc ? rc : parse_scalar(y, n, r, text, err);
    }
    if (!text)
        return tarn_yaml_error(y, n, err, "expected a value, found %s", tarn_yaml_kind(n));
    return parse_scalar(y, n, r, text, err);
}

int tarn_config_parse_node(const struct tarn_config_key *k, struct tarn_yaml *y, yaml_node_t *n, void *at, struct tarn_error *err)
{
    bool list = k->kind == TARN_CONFIG_STRINGS || k->kind == TARN_CONFIG_USERS || k->kind == TARN_CONFIG_GROUPS;
    struct reading r = {.key = k, .at = at, .item = list};

    return list ? tarn_yaml_each(y, n, read_scalar, &r, err) : read_scalar(y, n, &r, err);
}

/* ---- to YAML -------------------------------------------------------------------------------------- */

/* JSON's escapes are YAML's too. */
int tarn_config_print_quoted(struct tarn_buf *out, const char *s)
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

/* As it must be written to be read as s again. */
static int print_text(const struct tarn_config_key *k, const char *s, struct tarn_buf *out)
{
    struct tarn_buf doubled = {0};
    int rc = 0;

    if (!k->expand || !strchr(s, '$'))
        return tarn_config_print_quoted(out, s);
    for (; !rc && *s; s++)
        rc = *s == '$' ? tarn_buf_adds(&doubled, "$$") : tarn_buf_add(&doubled, s, 1);
    if (!rc)
        rc = tarn_buf_add(&doubled, "", 1);
    if (!rc)
        rc = tarn_config_print_quoted(out, doubled.data);
    tarn_buf_release(&doubled);
    return rc;
}

static int print_strings(const struct tarn_config_key *k, const struct tarn_string_list *l, struct tarn_buf *out)
{
    int rc = tarn_buf_adds(out, "[");

    for (unsigned i = 0; !rc && i < l->n; i++) {
        rc = i ? tarn_buf_adds(out, ", ") : 0;
        if (!rc)
            rc = print_text(k, l->v[i], out);
    }
    return rc ? rc : tarn_buf_adds(out, "]");
}

static int print_ids(const struct tarn_ids *ids, struct tarn_buf *out)
{
    int rc = tarn_buf_adds(out, "[");

    for (unsigned i = 0; !rc && i < ids->n; i++)
        rc = tarn_buf_addf(out, "%s%u", i ? ", " : "", ids->v[i]);
    return rc ? rc : tarn_buf_adds(out, "]");
}

static int print_duration(uint32_t ms, struct tarn_buf *out)
{
    return ms % 1000 ? tarn_buf_addf(out, "%ums", ms) : tarn_buf_addf(out, "%us", ms / 1000);
}

bool tarn_config_has_value(const struct tarn_config_key *k, const void *at, bool given)
{
    switch (k->kind) {
    case TARN_CONFIG_STRING:
        return *(const char *const *)at != NULL;
    case TARN_CONFIG_GROUP:
        return *(const int64_t *)at >= 0;
    case TARN_CONFIG_STRINGS:
        return given || ((const struct tarn_string_list *)at)->n;
    case TARN_CONFIG_RESOURCES:
    case TARN_CONFIG_REALMS:
        return false;
    default:
        return true;
    }
}

int tarn_config_print_value(const struct tarn_config_key *k, const void *at, struct tarn_buf *out)
{
    const char *word;
    size_t n;

    switch (k->kind) {
    case TARN_CONFIG_STRING:
        return print_text(k, *(const char *const *)at, out);
    case TARN_CONFIG_BOOL:
        return tarn_buf_adds(out, *(const bool *)at ? "true" : "false");
    case TARN_CONFIG_NUMBER:
        return tarn_buf_addf(out, "%u", *(const uint32_t *)at);
    case TARN_CONFIG_BYTES:
        return tarn_buf_addf(out, "%llu", (unsigned long long)*(const uint64_t *)at);
    case TARN_CONFIG_DURATION:
        return print_duration(*(const uint32_t *)at, out);
    case TARN_CONFIG_WORD:
        n = word_at(k->form, *(const int *)at, &word);
        return tarn_buf_add(out, word, n);
    case TARN_CONFIG_GROUP:
        return tarn_buf_addf(out, "%lld", (long long)*(const int64_t *)at);
    case TARN_CONFIG_STRINGS:
        return print_strings(k, at, out);
    default:
        return print_ids(at, out);
    }
}
