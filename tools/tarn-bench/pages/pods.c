/* pods.c - see pods.h. Whoever reads these texts is the program under test: here they are only cut and put together. */
#include "pods.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME "{\"metadata\":{\"name\":\""
#define RV "\"resourceVersion\":\""

static char *read_whole(const char *file, size_t *ret)
{
    FILE *f = fopen(file, "r");
    char *text = malloc(16u << 20);

    *ret = f && text ? fread(text, 1, (16u << 20) - 1, f) : 0;
    if (f)
        (void)fclose(f);
    if (text)
        text[*ret] = '\0';
    return text;
}

/* The end of the object that begins at s: behind its closing brace. */
static const char *object_end(const char *s)
{
    int depth = 0;

    for (int in_string = 0; *s; s++) {
        if (in_string) {
            if (*s == '\\' && s[1])
                s++;
            else if (*s == '"')
                in_string = 0;
            continue;
        }
        in_string = *s == '"';
        depth += (*s == '{') - (*s == '}');
        if (*s == '}' && !depth)
            return s + 1;
    }
    return NULL;
}

/* The pod between from and to, with room for digits. */
static int add_pod(struct pods *p, const char *from, const char *to)
{
    size_t head = sizeof NAME - 1;
    const char *name = from + head, *rest = strchr(name, '"'), *rv = strstr(from, RV);
    struct pod *grown = realloc(p->v, (p->n + 1) * sizeof *grown), *pod;
    char *at;

    if (!grown || strncmp(from, NAME, head) != 0 || !rv || rv < rest || rv > to)
        return -1;
    p->v = grown;
    pod = &grown[p->n];
    pod->text = at = malloc((size_t)(to - from) + NAME_DIGITS + RV_DIGITS + 8);
    if (!at)
        return -1;
    at += sprintf(at, NAME "p-");
    pod->name_at = (size_t)(at - pod->text);
    at += sprintf(at, "%0*d%.*s", NAME_DIGITS, 0, (int)(rv + sizeof RV - 1 - rest), rest);
    pod->rv_at = (size_t)(at - pod->text);
    rest = strchr(rv + sizeof RV - 1, '"');
    at += sprintf(at, "%0*d%.*s", RV_DIGITS, 0, (int)(to - rest), rest);
    pod->len = (size_t)(at - pod->text);
    p->n++;
    return 0;
}

int pods_load(struct pods *p, const char *file)
{
    size_t n;
    char *text = read_whole(file, &n);
    const char *at = text ? strstr(text, "\"items\":[") : NULL;
    int rc = at ? 0 : -1;

    *p = (struct pods){0};
    for (at = at ? at + 9 : NULL; !rc && at && *at == '{';) {
        const char *end = object_end(at);

        rc = end ? add_pod(p, at, end) : -1;
        at = end && *end == ',' ? end + 1 : end;
    }
    free(text);
    if (rc || !p->n)
        fprintf(stderr, "tarn-pages: %s is no list of pods as an API server sends it\n", file);
    return rc || !p->n ? -1 : 0;
}

int run_make(struct run *r, const struct pods *p, size_t n, const char *before, const char *after, int with_type)
{
    static const char type[] = "\"kind\":\"Pod\",\"apiVersion\":\"v1\",";
    size_t room = 1, extra = with_type ? sizeof type - 1 : 0;
    char *at;

    for (size_t i = 0; i < n; i++)
        room += p->v[i % p->n].len + strlen(before) + strlen(after) + extra;
    *r = (struct run){.text = malloc(room), .n = n, .name_at = calloc(n, sizeof(size_t)), .rv_at = calloc(n, sizeof(size_t))};
    if (!r->text || !r->name_at || !r->rv_at)
        return -1;
    at = r->text;
    for (size_t i = 0; i < n; i++) {
        const struct pod *pod = &p->v[i % p->n];

        at += sprintf(at, "%s{%s", before, with_type ? type : "");
        r->name_at[i] = (size_t)(at - r->text) + pod->name_at - 1;
        r->rv_at[i] = (size_t)(at - r->text) + pod->rv_at - 1;
        memcpy(at, pod->text + 1, pod->len - 1);
        at += pod->len - 1;
        at += sprintf(at, "%s", i + 1 < n || with_type ? after : "");
    }
    r->len = (size_t)(at - r->text);
    return 0;
}

static void write_digits(char *at, int digits, uint64_t v)
{
    while (digits--) {
        at[digits] = (char)('0' + v % 10);
        v /= 10;
    }
}

void run_number(const struct run *r, char *text, size_t k, uint64_t name, uint64_t rv)
{
    write_digits(text + r->name_at[k], NAME_DIGITS, name);
    write_digits(text + r->rv_at[k], RV_DIGITS, rv);
}
