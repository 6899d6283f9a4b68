/* soak-client: one process of the soak, against libtarn's public headers only. See soak.h.
 *
 *     soak-client NAME snapshots|copies|informer|every-change|hold|hold-parked|fork
 *     soak-client NAME attach CYCLES SEED
 */
#include "soak.h"

#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char *const soak_resources[] = {"pods", "nodes", "services", "endpointslices.discovery.k8s.io", NULL};
const char *soak_name = "soak";
static volatile sig_atomic_t over, view_wanted;

static void on_signal(int signal)
{
    if (signal == SIGTERM)
        over = 1;
    else
        view_wanted = 1;
}

bool soak_over(void)
{
    return over;
}

bool soak_view_wanted(void)
{
    bool wanted = view_wanted;

    view_wanted = 0;
    return wanted;
}

static void view_path(char path[static 200], const char *suffix)
{
    (void)snprintf(path, 200, "%s.view%s", soak_name, suffix);
}

FILE *soak_view_begin(void)
{
    char path[200];
    FILE *f;

    view_path(path, ".new");
    f = fopen(path, "w");
    if (!f)
        soak_wrong("cannot write %s", path);
    return f;
}

void soak_view_end(FILE *f)
{
    char from[200], to[200];

    view_path(from, ".new");
    view_path(to, "");
    if (fclose(f) || rename(from, to))
        soak_wrong("cannot write %s", to);
}

void soak_wrong(const char *format, ...)
{
    va_list args;

    (void)printf("WRONG: %s: ", soak_name);
    va_start(args, format);
    (void)vprintf(format, args);
    va_end(args);
    (void)printf("\n");
    (void)fflush(stdout);
    exit(1);
}

void soak_sleep_ms(unsigned ms)
{
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

    (void)nanosleep(&t, NULL);
}

uint64_t soak_hash(struct tarn_bytes b)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325) + b.len, word;
    size_t i = 0;

    for (; i + 8 <= b.len; i += 8) {
        memcpy(&word, b.data + i, 8);
        h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        h ^= h >> 29;
    }
    for (; i < b.len; i++)
        h = (h ^ (unsigned char)b.data[i]) * UINT64_C(0x100000001b3);
    return h ^ h >> 32;
}

struct tarn_client *soak_open(bool copy)
{
    const struct tarn_client_options options = {.copy = copy};
    struct tarn_client *c = NULL;
    struct tarn_error err = {0};
    int rc;

    while ((rc = tarn_client_open(&options, &c, &err)) != 0) {
        if (soak_over())
            exit(0);
        if (rc != TARN_E_NOAGENT && rc != TARN_E_TIMEOUT && rc != TARN_E_LIMIT)
            soak_wrong("open: %s: %s", tarn_error_name(rc), err.message);
        soak_sleep_ms(50);
    }
    return c;
}

static int run(const char *mode, int argc, char **argv)
{
    if (strcmp(mode, "snapshots") == 0 || strcmp(mode, "copies") == 0)
        return soak_snapshots(*mode == 'c');
    if (strcmp(mode, "informer") == 0 || strcmp(mode, "every-change") == 0)
        return soak_informer(*mode == 'e');
    if (strcmp(mode, "hold") == 0 || strcmp(mode, "hold-parked") == 0)
        return soak_hold(mode[4] == '-');
    if (strcmp(mode, "fork") == 0)
        return soak_fork();
    if (strcmp(mode, "attach") == 0 && argc == 5)
        return soak_attach((unsigned)strtoul(argv[3], NULL, 10), strtoull(argv[4], NULL, 10));
    (void)fprintf(stderr, "unknown mode '%s'\n", mode);
    return 2;
}

int main(int argc, char **argv)
{
    const struct sigaction action = {.sa_handler = on_signal};

    if (argc < 3)
        return 2;
    soak_name = argv[1];
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGUSR1, &action, NULL);
    return run(argv[2], argc, argv);
}
