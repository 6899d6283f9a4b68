/* clock_shim.c - preloaded into an agent: while the file $CLOCK_SHIM exists, the wall clock stands a day back. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long back_s(void)
{
    const char *file = getenv("CLOCK_SHIM");

    return file && access(file, F_OK) == 0 ? 86400 : 0;
}

/* The wrapper of the C library, for which this one stands in. */
int clock_gettime(clockid_t clock, struct timespec *ret)
{
    static int (*real)(clockid_t clock, struct timespec *ret);
    int rc;

    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
    rc = real(clock, ret);
    if (!rc && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        ret->tv_sec -= back_s();
    return rc;
}

int gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
    struct timespec now;

    (void)tz;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    tv->tv_sec = now.tv_sec;
    tv->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *ret)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (ret)
        *ret = now.tv_sec;
    return now.tv_sec;
}
