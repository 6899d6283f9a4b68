/* scratch.c - see scratch.h. */
#include "scratch.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/tarn-test-XXXXXX";
static pid_t owner; /* a child that exits leaves it alone */

static int remove_one(const char *path, const struct stat *st, int what, struct FTW *at)
{
    (void)st, (void)what, (void)at;
    return remove(path);
}

static void clean_up(void)
{
    if (getpid() == owner)
        (void)nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *scratch_path(const char *name)
{
    static char paths[16][200];
    static unsigned next;
    char *p = paths[next++ % 16];

    if (!owner) {
        if (!mkdtemp(dir) || atexit(clean_up))
            abort();
        owner = getpid();
    }
    (void)snprintf(p, sizeof paths[0], "%s/%s", dir, name);
    return p;
}

const char *scratch_write(const char *name, mode_t mode, const char *text)
{
    const char *path = scratch_path(name);
    FILE *f = fopen(path, "w");

    if (!f || fputs(text, f) < 0 || fclose(f) || chmod(path, mode))
        abort();
    return path;
}
