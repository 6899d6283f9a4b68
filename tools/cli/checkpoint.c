/* tarn verify --checkpoint - a checkpoint, read as a starting agent reads it. */
#include "checkpoint.h"

#include <inttypes.h>
#include <stdio.h>

#include <tarn/checkpoint.h>

#include "cli.h"
#include "table.h"

static void print_facts(const struct tarn_checkpoint_facts *f, struct tarn_buf *out)
{
    cli_addf(out, "realm:       %s\ncommit:      %" PRIu64 "\ngeneration:  %" PRIu64 "\nformat:      %u.%u\nage:         ", f->realm, f->commit, f->generation,
             f->major, f->minor);
    cli_span((int64_t)(f->age_ms / 1000), out);
    cli_addf(out, "%s\nsize:        %" PRIu64 " bytes, %" PRIu64 " unpacked\n\n", f->age_sure ? "" : " at least: the clock was set back", f->file_bytes,
             f->raw_bytes);
}

static void print_resources(const struct tarn_checkpoint *c, struct tarn_buf *out)
{
    static const char *const headers[] = {"RESOURCE", "OBJECTS", "RESUMES AT", "WHOLE", "SOURCE"};
    struct table t = {.ncolumns = sizeof headers / sizeof *headers};
    struct tarn_resource_info info;
    int whole;

    for (size_t i = 0; i < t.ncolumns; i++)
        table_cell(&t, tarn_bytes_of(headers[i]));
    for (unsigned n = 0; (whole = tarn_checkpoint_resource(c, n, &info)) != TARN_E_NOTFOUND; n++) {
        char text[32];

        table_cell(&t, info.name);
        snprintf(text, sizeof text, "%" PRIu64, info.objects);
        table_cell(&t, tarn_bytes_of(text));
        table_cell(&t, tarn_resource_resume(&info));
        table_cell(&t, whole == 0 ? TARN_BYTES("yes") : TARN_BYTES("NO"));
        table_cell(&t, tarn_resource_source(&info));
    }
    table_print(&t, out);
    table_release(&t);
}

int verify_checkpoint(const char *path)
{
    struct tarn_checkpoint_facts f;
    struct tarn_checkpoint *c;
    struct tarn_error err = {0};
    struct tarn_buf out = {0};
    int r = tarn_checkpoint_open(path, NULL, &c, &err);

    if (r) {
        cli_say("%s", err.message);
        return r == TARN_E_CORRUPT || r == TARN_E_ABI ? CLI_NO : CLI_FAILED;
    }
    tarn_checkpoint_facts(c, &f);
    print_facts(&f, &out);
    print_resources(c, &out);
    cli_flush(&out);
    tarn_buf_release(&out);
    r = tarn_checkpoint_verify(c, &err);
    if (r)
        cli_say("%s", err.message);
    tarn_checkpoint_close(c);
    return r == 0 ? CLI_OK : r == TARN_E_CORRUPT ? CLI_NO : CLI_FAILED;
}
