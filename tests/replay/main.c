/* main.c - trace-replay FILE...: runs recorded operations of client-go on the library and compares the answers.
 *
 * The format is documented in docs/traces.md. For the first difference in a file it prints `FILE:LINE: OP` with what was expected and
 * what was got, and goes on with the next file. The last line says how many operations passed, failed and (whole files of a type it does
 * not know) were skipped; the exit code is 0 only if none failed.
 */
#include "replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES_MAX (1u << 20)

static const struct replay_type *const types[] = {
    &replay_store,      &replay_undelta, &replay_expiration, &replay_indexer,   &replay_threadsafe, &replay_heap,
    &replay_fifo,       &replay_delta_fifo, &replay_real_fifo, &replay_selector, &replay_keyfunc,
    &replay_lister,     &replay_informer,
};

struct counts {
    size_t passed, failed, skipped;
};

/* One file under way. */
struct trace {
    const char *path;
    FILE *file;
    char *line; /* LINE_BYTES_MAX + 2 bytes */
    size_t line_number;
    const struct replay_type *type;
    json_t *options;
    void *subject;
};

static void complain(const struct trace *t, const char *what)
{
    printf("%s:%zu: %s\n", t->path, t->line_number, what);
}

/* The next line as a JSON object: 1, 0 at the end, -1 if it is none. *ret is a new reference. */
static int next_line(struct trace *t, json_t **ret)
{
    size_t len;

    if (!fgets(t->line, LINE_BYTES_MAX + 2, t->file))
        return ferror(t->file) ? -1 : 0;
    t->line_number++;
    len = strlen(t->line);
    if (len > LINE_BYTES_MAX)
        return -1;
    *ret = json_loads(t->line, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    if (json_is_object(*ret))
        return 1;
    json_decref(*ret);
    return -1;
}

static const struct replay_type *type_of(const char *name)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i]->name, name) == 0)
            return types[i];
    return NULL;
}

static void drop(struct trace *t)
{
    if (t->subject)
        t->type->drop(t->subject);
    t->subject = NULL;
}

static int make(struct trace *t, const json_t *options)
{
    drop(t);
    t->subject = t->type->make(options);
    return t->subject ? 0 : -1;
}

/* Reads the header: 1 if there is something to do, 0 if the file is to be skipped, -1 if it is no trace. */
static int header(struct trace *t)
{
    json_t *h = NULL;
    const char *name;
    int ret = -1;

    if (next_line(t, &h) != 1) {
        complain(t, "the header is not a JSON object");
        return -1;
    }
    name = json_string_value(json_object_get(h, "type"));
    if (json_integer_value(json_object_get(h, "trace")) != 1 || !name) {
        complain(t, "the header is none of format version 1");
    } else if (!(t->type = type_of(name))) {
        printf("%s: skipped: type %s is not known here\n", t->path, name);
        ret = 0;
    } else {
        t->options = json_incref(json_object_get(h, "options"));
        ret = make(t, t->options) ? -1 : 1;
        if (ret < 0)
            complain(t, "the header's options cannot be met");
    }
    json_decref(h);
    return ret;
}

static const struct replay_op *op_of(const struct trace *t, const char *name)
{
    for (const struct replay_op *const *table = t->type->ops; *table; table++)
        for (const struct replay_op *op = *table; op->name; op++)
            if (strcmp(op->name, name) == 0)
                return op;
    return NULL;
}

static void print_difference(const struct trace *t, const char *op, const json_t *want, const json_t *got)
{
    char *w = json_dumps(want, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    char *g = json_dumps(got, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);

    printf("%s:%zu: %s\n  expected %s\n  got      %s\n", t->path, t->line_number, op, w ? w : "?", g ? g : "?");
    free(w);
    free(g);
}

/* Do the operation of a line and fill in the answer. 0, or -1 if the line is not understood (and said so). */
static int perform(struct trace *t, const json_t *in, const char *name, json_t *answer)
{
    const json_t *options = json_object_get(in, "options");
    const struct replay_op *op;

    if (strcmp(name, "new") == 0) {
        if (make(t, options ? options : t->options) == 0)
            return 0;
        complain(t, "new: the options cannot be met");
        return -1;
    }
    op = op_of(t, name);
    if (!op) {
        printf("%s:%zu: unknown operation %s of type %s\n", t->path, t->line_number, name, t->type->name);
        return -1;
    }
    if (op->run(t->subject, in, answer) == 0)
        return 0;
    printf("%s:%zu: %s: an input is missing or is not what the operation takes\n", t->path, t->line_number, name);
    return -1;
}

/* One operation line: true if it passed. */
static bool operation(struct trace *t, const json_t *in)
{
    const char *name = json_string_value(json_object_get(in, "op"));
    const json_t *want = json_object_get(in, "want");
    json_t *answer = json_object();
    bool passed = false;

    if (!name || !json_is_object(want)) {
        complain(t, "the line has no op or no want");
    } else if (perform(t, in, name, answer) == 0) {
        passed = json_equal(answer, want);
        if (!passed)
            print_difference(t, name, want, answer);
    }
    json_decref(answer);
    return passed;
}

static void operations(struct trace *t, struct counts *c)
{
    json_t *in;
    int more;

    while ((more = next_line(t, &in)) == 1) {
        bool passed = operation(t, in);

        json_decref(in);
        if (!passed) {
            c->failed++;
            return; /* what follows in this file is only an echo */
        }
        c->passed++;
    }
    if (more < 0) {
        t->line_number += feof(t->file) ? 1 : 0;
        complain(t, "the line is not a JSON object");
        c->failed++;
    }
}

static size_t lines_left(struct trace *t)
{
    size_t n = 0;

    while (fgets(t->line, LINE_BYTES_MAX + 2, t->file))
        n++;
    return n;
}

static void replay(const char *path, char *line, struct counts *c)
{
    struct trace t = {.path = path, .line = line, .file = fopen(path, "r")};
    int todo;

    if (!t.file) {
        printf("%s: cannot be opened\n", path);
        c->failed++;
        return;
    }
    todo = header(&t);
    if (todo > 0)
        operations(&t, c);
    else if (todo == 0)
        c->skipped += lines_left(&t);
    else
        c->failed++;
    drop(&t);
    json_decref(t.options);
    (void)fclose(t.file);
}

int main(int argc, char **argv)
{
    struct counts c = {0};
    char *line = malloc(LINE_BYTES_MAX + 2);

    if (argc < 2 || !line) {
        fprintf(stderr, "usage: trace-replay FILE...\n");
        return 2;
    }
    for (int i = 1; i < argc; i++)
        replay(argv[i], line, &c);
    free(line);
    printf("%zu passed, %zu failed", c.passed, c.failed);
    if (c.skipped)
        printf(", %zu skipped", c.skipped);
    printf("\n");
    return c.failed ? 1 : 0;
}
