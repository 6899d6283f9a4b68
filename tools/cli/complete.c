/* Completion: verbs and flags from their help, resources, namespaces, names and indexes from the region. See verb.h. */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "verb.h"

enum { TIMEOUT_MS = 500, NAMES_MAX = 2000 };

/* What was typed: the words so far, the one to complete, and what they say about where to look. */
struct line {
    char **words;
    int n; /* without the current one */
    const char *current;
    const struct verb *verb;
    const char *positional[2]; /* behind the verb */
    unsigned npositional;
    struct cli_attach attach;
    const char *ns;
    struct tarn_buf value_flag; /* the help line of the flag whose value is being typed, empty: none */
    struct tarn_buf out;
};

static bool begins_with(struct tarn_bytes text, const char *prefix)
{
    size_t n = strlen(prefix);

    return text.len >= n && memcmp(text.data, prefix, n) == 0;
}

/* Offer before + text if what was typed is its beginning. */
static void offer(struct line *l, const char *before, struct tarn_bytes text, const char *what)
{
    struct tarn_buf word = {0};

    cli_addf(&word, "%s", before);
    cli_add(&word, text);
    if (begins_with(tarn_buf_bytes(&word), l->current)) {
        cli_add(&l->out, tarn_buf_bytes(&word));
        cli_addf(&l->out, "\t%s\n", what);
    }
    tarn_buf_release(&word);
}

/* ---- flags: read from the help -------------------------------------------------------------------- */

struct flag {
    char letter;              /* 0: none */
    struct tarn_bytes name;   /* with its dashes */
    struct tarn_bytes takes;  /* "NS", "FORMAT"; empty: nothing */
    struct tarn_bytes what;
};

/* The text up to the next blank or comma. */
static struct tarn_bytes word_at(const char *p)
{
    return (struct tarn_bytes){p, strcspn(p, " ,\n")};
}

/* "  -n, --namespace NS     this namespace": false if the line is no flag's. */
static bool flag_parse(const char *line, struct flag *ret)
{
    const char *p = line;

    *ret = (struct flag){0};
    if (strncmp(p, "  -", 3) != 0)
        return false;
    p += 2;
    if (p[1] != '-') {
        ret->letter = p[1];
        p += 2;
        if (strncmp(p, ", --", 4) != 0)
            return false;
        p += 2;
    }
    ret->name = word_at(p);
    p += ret->name.len;
    if (p[0] == ' ' && p[1] != ' ') {
        ret->takes = word_at(p + 1);
        p += 1 + ret->takes.len;
    }
    p += strspn(p, " ");
    ret->what = (struct tarn_bytes){p, strcspn(p, "\n")};
    return true;
}

/* Call fn for each flag of the verb until it returns true. */
static bool each_flag(struct line *l, bool (*fn)(struct line *l, const struct flag *f, const char *arg), const char *arg)
{
    const char *const texts[] = {l->verb->options, verb_attach_help};

    for (size_t i = 0; i < 2; i++)
        for (const char *p = texts[i]; *p;) {
            struct flag f;

            if (flag_parse(p, &f) && fn(l, &f, arg))
                return true;
            p += strcspn(p, "\n");
            p += *p == '\n';
        }
    return false;
}

static bool offer_flag(struct line *l, const struct flag *f, const char *arg)
{
    char what[160];

    (void)arg;
    snprintf(what, sizeof what, "%.*s", TARN_BYTES_ARG(f->what));
    offer(l, "", f->name, what);
    return false;
}

/* Is arg this flag, alone? */
static bool is_flag(const struct flag *f, const char *arg)
{
    return tarn_bytes_equal(tarn_bytes_of(arg), f->name) || (f->letter && arg[0] == '-' && arg[1] == f->letter && !arg[2]);
}

/* Note what arg takes, if it is this flag and takes something. */
static bool note_value(struct line *l, const struct flag *f, const char *arg)
{
    if (!is_flag(f, arg))
        return false;
    tarn_buf_clear(&l->value_flag);
    cli_add(&l->value_flag, f->takes);
    return true;
}

/* ---- from the region ------------------------------------------------------------------------------------ */

/* The resources, canonical and without their group; before: what stands before them in the same word. */
static void offer_resources(struct line *l, struct tarn_snapshot *s, const char *before)
{
    struct tarn_resource r;

    for (unsigned n = 0; tarn_resource_at(s, n, &r) == 0; n++) {
        const char *dot = memchr(r.name.data, '.', r.name.len);
        char kind[64];

        snprintf(kind, sizeof kind, "%.*s", TARN_BYTES_ARG(r.kind));
        offer(l, before, r.name, kind);
        if (dot)
            offer(l, before, (struct tarn_bytes){r.name.data, (size_t)(dot - r.name.data)}, kind);
    }
}

static void offer_namespaces(struct line *l, struct tarn_snapshot *s)
{
    struct tarn_keys all = {0};
    struct tarn_resource r;

    for (unsigned n = 0; tarn_resource_at(s, n, &r) == 0; n++) {
        struct tarn_keys some = {0};
        char name[256];

        snprintf(name, sizeof name, "%.*s", TARN_BYTES_ARG(r.name));
        if (r.namespaced && tarn_list_index_values(s, name, "namespace", &some, NULL) == 0)
            for (size_t i = 0; i < some.n; i++)
                if (tarn_keys_add(&all, some.v[i]) != 0)
                    cli_out_of_memory();
        tarn_keys_release(&some);
    }
    tarn_keys_sort(&all);
    for (size_t i = 0; i < all.n; i++)
        if (i == 0 || !tarn_bytes_equal(all.v[i], all.v[i - 1]))
            offer(l, "", all.v[i], "namespace");
    tarn_keys_release(&all);
}

/* Objects of a resource; `typed`: what of the name was typed; before: what stands before it in the same word. */
static void offer_names(struct line *l, struct tarn_snapshot *s, const char *resource, const char *typed, const char *before)
{
    struct tarn_query q = {.limit = NAMES_MAX};
    const struct tarn_object *obj;
    struct tarn_buf prefix = {0};
    struct tarn_resource r;
    struct tarn_iter it;

    if (tarn_resource_find(s, resource, &r, NULL) != 0)
        return;
    if (r.namespaced)
        cli_addf(&prefix, "%s/", l->ns);
    cli_addf(&prefix, "%s", typed);
    q.prefix = tarn_buf_bytes(&prefix);
    if (tarn_list(s, resource, &q, &it, NULL) == 0)
        while ((obj = tarn_iter_next(&it)))
            offer(l, before, tarn_object_name(obj), r.namespaced ? l->ns : "");
    tarn_buf_release(&prefix);
}

/* NAME=, and behind it the values of that index. */
static void offer_indexes(struct line *l, struct tarn_snapshot *s, const char *resource)
{
    const char *eq = strchr(l->current, '=');
    struct tarn_keys values = {0};
    struct tarn_bytes name;
    char before[256];

    for (unsigned n = 0; !eq && tarn_resource_index_at(s, resource, n, &name) == 0; n++) {
        snprintf(before, sizeof before, "%.*s=", TARN_BYTES_ARG(name));
        offer(l, before, (struct tarn_bytes){0}, "index");
    }
    if (!eq || (size_t)(eq - l->current) >= sizeof before - 1)
        return;
    snprintf(before, sizeof before, "%.*s", (int)(eq - l->current), l->current);
    if (tarn_list_index_values(s, resource, before, &values, NULL) == 0) {
        strcat(before, "=");
        for (size_t i = 0; i < values.n; i++)
            offer(l, before, values.v[i], "value");
    }
    tarn_keys_release(&values);
}

/* RESOURCE, RESOURCE,RESOURCE or RESOURCE/NAME */
static void offer_first(struct line *l, struct tarn_snapshot *s)
{
    const char *comma = strrchr(l->current, ','), *slash = strchr(l->current, '/');
    char before[256];

    if (slash && (size_t)(slash - l->current) < sizeof before - 1) {
        char resource[256];

        snprintf(resource, sizeof resource, "%.*s", (int)(slash - l->current), l->current);
        snprintf(before, sizeof before, "%.*s/", (int)(slash - l->current), l->current);
        offer_names(l, s, resource, slash + 1, before);
        return;
    }
    snprintf(before, sizeof before, "%.*s", comma ? (int)(comma + 1 - l->current) : 0, l->current);
    offer_resources(l, s, before);
}

static void offer_positional(struct line *l, struct tarn_snapshot *s)
{
    bool get = strcmp(l->verb->name, "get") == 0 || strcmp(l->verb->name, "events") == 0;

    if (!get && strcmp(l->verb->name, "index") != 0)
        return;
    if (l->npositional == 0 || strchr(l->positional[0], '/'))
        offer_first(l, s);
    else if (get && !strchr(l->positional[0], ','))
        offer_names(l, s, l->positional[0], l->current, "");
    else if (l->npositional == 1)
        offer_indexes(l, s, l->positional[0]);
}

/* ---- what is to complete ------------------------------------------------------------------------------------ */

static void offer_formats(struct line *l)
{
    static const char *const formats[] = {"wide", "json", "yaml", "name", "jsonpath=", "jsonpath-file=", "custom-columns=", "custom-columns-file="};

    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        offer(l, "", tarn_bytes_of(formats[i]), "output format");
}

/* With the region: a value that is in it, or a positional word. */
static void offer_from_region(struct line *l, struct tarn_bytes takes)
{
    struct tarn_client_options o = {.socket = l->attach.socket, .realm = l->attach.realm, .timeout_ms = TIMEOUT_MS};
    struct tarn_client *c;
    struct tarn_snapshot *s;

    if (tarn_client_open(&o, &c, NULL) != 0)
        return;
    if (tarn_snapshot_open(c, &s, NULL) == 0) {
        if (tarn_bytes_equal(takes, TARN_BYTES("NS")))
            offer_namespaces(l, s);
        else if (tarn_bytes_equal(takes, TARN_BYTES("NAME=VALUE")) && l->npositional)
            offer_indexes(l, s, l->positional[0]);
        else if (!takes.len)
            offer_positional(l, s);
        if (tarn_snapshot_close(s) != 0)
            tarn_buf_clear(&l->out); /* what was read does not count */
    }
    tarn_client_close(c);
}

static void offer_value(struct line *l)
{
    struct tarn_bytes takes = tarn_buf_bytes(&l->value_flag);

    if (tarn_bytes_equal(takes, TARN_BYTES("FORMAT")))
        offer_formats(l);
    else if (tarn_bytes_equal(takes, TARN_BYTES("PATH")))
        cli_addf(&l->out, ":files\n");
    else if (tarn_bytes_equal(takes, TARN_BYTES("json")))
        offer(l, "", takes, "output format");
    else
        offer_from_region(l, takes);
}

static void note_flag_value(struct line *l, const char *flag, const char *value)
{
    if (strcmp(flag, "-n") == 0 || strcmp(flag, "--namespace") == 0)
        l->ns = value;
    else if (strcmp(flag, "--socket") == 0)
        l->attach.socket = value;
    else if (strcmp(flag, "--realm") == 0)
        l->attach.realm = value;
}

/* What the words before the current one say. */
static void read_words(struct line *l)
{
    for (int i = 1; i < l->n; i++) {
        char *word = l->words[i];

        tarn_buf_clear(&l->value_flag);
        if (word[0] == '-' && word[1]) {
            (void)each_flag(l, note_value, word);
            if (l->value_flag.len && i + 1 < l->n) {
                note_flag_value(l, word, l->words[++i]);
                tarn_buf_clear(&l->value_flag);
            }
        } else {
            if (l->npositional < 2)
                l->positional[l->npositional] = word;
            l->npositional++;
        }
    }
}

int complete(int argc, char **argv)
{
    struct line l = {.words = argv, .n = argc - 1, .ns = "default"};
    const struct verb *v;

    if (argc < 1)
        return CLI_OK;
    l.current = argv[argc - 1];
    for (size_t n = 0; argc == 1 && (v = verb_at(n)); n++)
        offer(&l, "", tarn_bytes_of(v->name), v->what);
    l.verb = argc > 1 ? verb_find(argv[0]) : NULL;
    if (l.verb) {
        read_words(&l);
        if (l.value_flag.len)
            offer_value(&l);
        else if (l.current[0] == '-')
            (void)each_flag(&l, offer_flag, NULL);
        else
            offer_from_region(&l, (struct tarn_bytes){0});
    }
    cli_flush(&l.out);
    tarn_buf_release(&l.out);
    tarn_buf_release(&l.value_flag);
    return CLI_OK;
}
