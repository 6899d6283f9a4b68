/* -o FORMAT, and the files it may name. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "custom_columns.h"
#include "get.h"
#include "jsonpath.h"

/* A template file as a C string in o->template. */
static int read_template(const char *path, struct get_options *o)
{
    FILE *f = fopen(path, "re");
    char chunk[4096];
    size_t n;

    if (!f) {
        cli_say("cannot read the template '%s': %s", path, strerror(errno));
        return CLI_FAILED;
    }
    while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
        cli_add(&o->template, (struct tarn_bytes){chunk, n});
    n = (size_t)ferror(f);
    fclose(f);
    if (n) {
        cli_say("cannot read the template '%s': %s", path, strerror(errno));
        return CLI_FAILED;
    }
    return CLI_OK;
}

/* The template itself, or that of a file. `what`: in the message if it is empty. */
static int take_template(const char *what, const char *arg, bool file, struct get_options *o)
{
    int r = CLI_OK;

    tarn_buf_clear(&o->template);
    if (!arg || !*arg)
        return cli_usage(o->verb, "-o %s: no template given; for example -o %s", what,
                         file                          ? "jsonpath-file=PATH"
                         : o->output == OUTPUT_COLUMNS ? "custom-columns=NAME:.metadata.name"
                                                       : "jsonpath={.metadata.name}");
    if (file)
        r = read_template(arg, o);
    else
        cli_add(&o->template, tarn_bytes_of(arg));
    cli_add(&o->template, (struct tarn_bytes){"", 1});
    return r;
}

static int parse_jsonpath(struct get_options *o)
{
    struct tarn_error err = {0};

    jsonpath_free(o->jsonpath);
    o->jsonpath = NULL;
    return jsonpath_parse(o->template.data, &o->jsonpath, &err) == 0 ? CLI_OK : cli_fail(&err);
}

static int parse_columns(bool file, struct get_options *o)
{
    struct tarn_error err = {0};
    int r;

    custom_columns_free(o->columns);
    o->columns = NULL;
    r = file ? custom_columns_parse_file(o->template.data, &o->columns, &err) : custom_columns_parse(o->template.data, &o->columns, &err);
    return r == 0 ? CLI_OK : cli_fail(&err);
}

static int parse_templated(const char *name, const char *arg, struct get_options *o)
{
    bool file = strstr(name, "-file") != NULL;
    int r = take_template(name, arg, file, o);

    if (r != CLI_OK)
        return r;
    return o->output == OUTPUT_JSONPATH ? parse_jsonpath(o) : parse_columns(file, o);
}

int output_option(const char *text, struct get_options *o)
{
    static const struct {
        const char *name;
        enum output output;
        bool templated;
    } formats[] = {
        {"wide", OUTPUT_WIDE, false},
        {"json", OUTPUT_JSON, false},
        {"yaml", OUTPUT_YAML, false},
        {"name", OUTPUT_NAME, false},
        {"jsonpath", OUTPUT_JSONPATH, true},
        {"jsonpath-file", OUTPUT_JSONPATH, true},
        {"custom-columns", OUTPUT_COLUMNS, true},
        {"custom-columns-file", OUTPUT_COLUMNS, true},
    };
    size_t n = strcspn(text, "=");

    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (strlen(formats[i].name) != n || strncmp(text, formats[i].name, n) != 0)
            continue;
        if (text[n] && !formats[i].templated)
            break;
        o->output = formats[i].output;
        return formats[i].templated ? parse_templated(formats[i].name, text[n] ? text + n + 1 : NULL, o) : CLI_OK;
    }
    return cli_usage(o->verb, "unknown output format '%s': one of wide, json, yaml, name, jsonpath=TEMPLATE, jsonpath-file=PATH, "
                              "custom-columns=HEADER:PATH,..., custom-columns-file=PATH", text);
}
