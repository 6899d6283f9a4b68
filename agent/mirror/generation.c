/* generation.c - see generation.h. */
#include "generation.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define PATH_BYTES 4096

uint64_t tarn_generation_last(const char *runtime_dir)
{
    char path[PATH_BYTES];
    uint64_t n = 0;
    FILE *f;

    (void)snprintf(path, sizeof path, "%s/generation", runtime_dir);
    f = fopen(path, "re");
    if (!f)
        return 0;
    if (fscanf(f, "%" SCNu64, &n) != 1 || n > UINT64_MAX / 2) /* not ours: begin anew */
        n = 0;
    (void)fclose(f);
    return n;
}

static int write_number(const char *path, uint64_t n)
{
    FILE *f = fopen(path, "we");
    int rc;

    if (!f)
        return -1;
    rc = fprintf(f, "%" PRIu64 "\n", n) < 0 ? -1 : 0;
    return fclose(f) ? -1 : rc;
}

int tarn_generation_note(const char *runtime_dir, uint64_t n)
{
    char path[PATH_BYTES], aside[PATH_BYTES];

    if (n <= tarn_generation_last(runtime_dir))
        return 0;
    (void)snprintf(path, sizeof path, "%s/generation", runtime_dir);
    (void)snprintf(aside, sizeof aside, "%s/generation.new", runtime_dir);
    return write_number(aside, n) || rename(aside, path) ? -1 : 0;
}
