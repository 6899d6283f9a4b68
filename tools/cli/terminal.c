/* Terminals: width, colour, progress. See terminal.h. */
#include "terminal.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { FIRST_MS = 1000, EVERY_MS = 200 };

unsigned terminal_width(void)
{
    const char *columns = getenv("COLUMNS");
    struct winsize size;

    if (!isatty(STDOUT_FILENO))
        return 0;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col)
        return size.ws_col;
    return columns ? (unsigned)strtoul(columns, NULL, 10) : 0;
}

unsigned terminal_height(void)
{
    struct winsize size;

    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row ? size.ws_row : 24;
}

bool terminal_colour(void)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

    return isatty(STDOUT_FILENO) && !(no && *no) && !(term && strcmp(term, "dumb") == 0);
}

static struct {
    pthread_mutex_t lock; /* protects `ending` */
    pthread_cond_t ended;
    pthread_t thread;
    bool running, ending; /* running: of the program's own thread only */
    const char *what;
    _Atomic size_t count; /* relaxed both ways: a number to look at, it orders nothing */
} progress = {.lock = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER};

static void show(unsigned ms)
{
    size_t n = atomic_load_explicit(&progress.count, memory_order_relaxed);
    char counted[48] = "";

    if (n)
        snprintf(counted, sizeof counted, ", %zu so far", n);
    fprintf(stderr, "\r\033[Ktarn: %s%s, %u s ...", progress.what, counted, ms / 1000);
}

static void *run(void *arg)
{
    unsigned ms = 0, wait = FIRST_MS;
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    pthread_mutex_lock(&progress.lock);
    while (!progress.ending) {
        until.tv_nsec += (long)wait % 1000 * 1000000;
        until.tv_sec += wait / 1000 + until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        while (!progress.ending && pthread_cond_timedwait(&progress.ended, &progress.lock, &until) == 0)
            ;
        ms += wait;
        wait = EVERY_MS;
        if (!progress.ending)
            show(ms);
    }
    pthread_mutex_unlock(&progress.lock);
    if (ms > FIRST_MS)
        fputs("\r\033[K", stderr);
    return arg;
}

void progress_begin(const char *what)
{
    progress_end();
    if (!isatty(STDERR_FILENO))
        return;
    progress.what = what;
    progress.ending = false;
    progress_count(0);
    progress.running = pthread_create(&progress.thread, NULL, run, NULL) == 0; /* without it there is no progress to see, no more */
}

void progress_count(size_t n)
{
    atomic_store_explicit(&progress.count, n, memory_order_relaxed);
}

void progress_end(void)
{
    if (!progress.running)
        return;
    pthread_mutex_lock(&progress.lock);
    progress.ending = true;
    pthread_cond_signal(&progress.ended);
    pthread_mutex_unlock(&progress.lock);
    pthread_join(progress.thread, NULL);
    progress.running = false;
}
