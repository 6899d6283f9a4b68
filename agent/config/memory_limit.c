/* memory_limit.c - how much memory this process may use: the least limit of its cgroup and those above it, v2 or v1, else the machine's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"

/* The number in a file of one line; UINT64_MAX for "max", an absent file or anything else. */
static uint64_t number_in(const char *path)
{
    char line[64] = "";
    FILE *f = fopen(path, "re");
    unsigned long long v;

    if (!f)
        return UINT64_MAX;
    if (!fgets(line, sizeof line, f))
        line[0] = '\0';
    (void)fclose(f);
    return sscanf(line, "%llu", &v) == 1 ? v : UINT64_MAX;
}

/* The least of the files of that name from the group up to the root; in a container the groups above may not be there. */
static uint64_t least_limit(const char *mount, const char *group, const char *file)
{
    char up[1024], path[1200], *slash;
    uint64_t least = UINT64_MAX;

    (void)snprintf(up, sizeof up, "%s", strcmp(group, "/") == 0 ? "" : group);
    for (;;) {
        uint64_t v;

        (void)snprintf(path, sizeof path, "%s%s/%s", mount, up, file);
        v = number_in(path);
        least = v < least ? v : least;
        slash = strrchr(up, '/');
        if (!slash)
            return least;
        *slash = '\0';
    }
}

/* Is `memory` one of "cpu,memory"? */
static bool has_memory(const char *controllers, size_t n)
{
    for (const char *p = controllers, *end = controllers + n; p < end;) {
        size_t len = strcspn(p, ",:");

        if (len == 6 && strncmp(p, "memory", 6) == 0)
            return true;
        p += len + 1;
    }
    return false;
}

/* A line of /proc/self/cgroup: "0::/a/b" (v2), "4:memory:/a/b" (v1). Source: cgroups(7). */
static uint64_t limit_of(char *line)
{
    char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;

    if (!group)
        return UINT64_MAX;
    line[strcspn(line, "\n")] = '\0';
    if (group == controllers + 1)
        return least_limit("/sys/fs/cgroup", group + 1, "memory.max");
    return has_memory(controllers + 1, (size_t)(group - controllers - 1)) ? least_limit("/sys/fs/cgroup/memory", group + 1, "memory.limit_in_bytes") : UINT64_MAX;
}

uint64_t tarn_memory_limit(void)
{
    uint64_t least = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    FILE *f = fopen("/proc/self/cgroup", "re");
    char line[1024];

    while (f && fgets(line, sizeof line, f)) {
        uint64_t v = limit_of(line);

        least = v < least ? v : least;
    }
    if (f)
        (void)fclose(f);
    return least;
}
