/* pair.c - see pair.h. */
#include "pair.h"

#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tarn/object.h>

#include "bench.h"

int pair_find_programs(struct pair *p)
{
    static const char *const needed[] = {"tarn", "tarnd", "tarn-apisim"};
    ssize_t n = readlink("/proc/self/exe", p->bin, sizeof p->bin - 1);
    char path[PATH_BYTES];

    if (n <= 0)
        return -1;
    p->bin[n] = 0;
    *strrchr(p->bin, '/') = 0;
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", p->bin, needed[i]);
        if (access(path, X_OK)) {
            bench_note("agent: %s is not there: build all", path);
            return -1;
        }
    }
    if (system("command -v curl >/dev/null")) {
        bench_note("agent: SKIPPED: curl is not here, which asks the server for its figures");
        return -1;
    }
    return 0;
}

pid_t pair_start_program(const struct pair *p, const char *name, char *const argv[])
{
    pid_t child = fork();
    char path[PATH_BYTES];
    int log;

    if (child)
        return child;
    (void)snprintf(path, sizeof path, "%s/log", p->dir);
    log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log >= 0) {
        (void)dup2(log, 1);
        (void)dup2(log, 2);
    }
    (void)snprintf(path, sizeof path, "%s/%s", p->bin, name);
    (void)execv(path, argv);
    _exit(127);
}

void pair_stop_program(pid_t child)
{
    if (child <= 0)
        return;
    (void)kill(child, SIGTERM);
    (void)waitpid(child, NULL, 0);
}

/* The port that the server wrote down; 0 if it never did. */
static unsigned read_port(const struct pair *p)
{
    char path[PATH_BYTES];
    unsigned port = 0;

    (void)snprintf(path, sizeof path, "%s/port", p->dir);
    for (unsigned tries = 0; tries < 6000 && !port; tries++) {
        FILE *f = fopen(path, "r");

        if (f && fscanf(f, "%u", &port) != 1)
            port = 0;
        if (f)
            (void)fclose(f);
        if (!port)
            bench_pause_ms(10);
    }
    return port;
}

int pair_read_url(struct pair *p, const char *scheme)
{
    unsigned port = read_port(p);

    (void)snprintf(p->url, sizeof p->url, "%s://127.0.0.1:%u", scheme, port);
    return port ? 0 : -1;
}

int pair_mirror(struct pair *p)
{
    p->agent = pair_start_program(p, "tarnd", (char *[]){"tarnd", "--server", p->url, "--resource", "pods", "--socket", p->socket, "--runtime-dir", p->dir, "--state-dir", p->dir, NULL});
    return p->agent > 0 ? 0 : -1;
}

int pair_start(struct pair *p, const char *generate, const char *churn, bool mirror)
{
    char port_file[PATH_BYTES];

    *p = (struct pair){.dir = "/tmp/tarn-bench-XXXXXX"};
    if (pair_find_programs(p) || !mkdtemp(p->dir))
        return -1;
    (void)snprintf(port_file, sizeof port_file, "%s/port", p->dir);
    p->server = pair_start_program(p, "tarn-apisim", (char *[]){"tarn-apisim", "--listen", "127.0.0.1:0", "--port-file", port_file, "--generate",
                                                   (char *)generate, "--churn", (char *)churn, NULL});
    if (pair_read_url(p, "http"))
        return -1;
    (void)snprintf(p->socket, sizeof p->socket, "%s/sock", p->dir);
    return mirror ? pair_mirror(p) : 0;
}

int pair_wait_synced(const struct pair *p)
{
    for (unsigned tries = 0; tries < 6000 && !kill(p->agent, 0); tries++) {
        if (pair_status(p, "resources[0].synced") == 1)
            return 0;
        bench_pause_ms(10);
    }
    return -1;
}

void pair_stop_agent(struct pair *p)
{
    pair_stop_program(p->agent);
    p->agent = 0;
}

void pair_stop(struct pair *p)
{
    char command[PATH_BYTES];

    pair_stop_program(p->agent);
    pair_stop_program(p->server);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", p->dir);
    if (system(command))
        bench_note("agent: %s stays", p->dir);
}

/* Versions are strings of digits. */
static int64_t number_in(const struct tarn_value *v)
{
    int64_t number = 0;

    if (v->type != TARN_STRING)
        return v->type == TARN_INT ? v->i : v->type == TARN_BOOL ? v->boolean : -1;
    for (size_t i = 0; i < v->string.len && v->string.data[i] >= '0' && v->string.data[i] <= '9'; i++)
        number = number * 10 + v->string.data[i] - '0';
    return number;
}

int64_t pair_number(const char *command, const char *path)
{
    static char json[1 << 18];
    const struct tarn_object *obj;
    struct tarn_value v = {.type = TARN_NIL};
    FILE *f = popen(command, "r");
    int64_t number;
    size_t n = 0;

    if (f) {
        n = fread(json, 1, sizeof json, f);
        (void)pclose(f);
    }
    if (!n || tarn_object_from_json((struct tarn_bytes){json, n}, &obj, NULL))
        return -1;
    if (tarn_object_get(obj, path, &v))
        v.type = TARN_NIL;
    number = number_in(&v);
    tarn_object_unref(obj);
    return number;
}

int64_t pair_status(const struct pair *p, const char *path)
{
    char command[3 * PATH_BYTES];

    (void)snprintf(command, sizeof command, "'%s/tarn' status -o json --socket '%s' 2>/dev/null", p->bin, p->socket);
    return pair_number(command, path);
}

int64_t pair_server(const struct pair *p, const char *path, const char *body, const char *field)
{
    char command[2 * PATH_BYTES];

    (void)snprintf(command, sizeof command, "curl -s %s%s%s '%s%s'", body ? "--data '" : "", body ? body : "", body ? "'" : "", p->url, path);
    return pair_number(command, field);
}

/* /proc/PID/stat counts in ticks of 10 ms; schedstat has nanoseconds, a file for each thread. */
static double cpu_of(pid_t pid, bool busiest)
{
    unsigned long long ns, sum = 0, most = 0;
    char pattern[64];
    glob_t tasks;

    (void)snprintf(pattern, sizeof pattern, "/proc/%d/task/*/schedstat", (int)pid);
    if (glob(pattern, 0, NULL, &tasks))
        return 0;
    for (size_t i = 0; i < tasks.gl_pathc; i++) {
        FILE *f = fopen(tasks.gl_pathv[i], "r");

        ns = 0;
        if (f && fscanf(f, "%llu", &ns) != 1)
            ns = 0;
        if (f)
            (void)fclose(f);
        sum += ns;
        most = ns > most ? ns : most;
    }
    globfree(&tasks);
    return (double)(busiest ? most : sum) / 1e9;
}

double pair_cpu_of(pid_t pid)
{
    return cpu_of(pid, false);
}

double pair_cpu_of_busiest(pid_t pid)
{
    return cpu_of(pid, true);
}

/* The number behind a name in a file of /proc/PID, in MiB. */
static double proc_mb(pid_t pid, const char *file, const char *format)
{
    char path[64], line[256];
    unsigned long kb = 0;
    FILE *f;

    (void)snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
    f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        (void)sscanf(line, format, &kb);
    if (f)
        (void)fclose(f);
    return (double)kb / 1024;
}

double pair_private_mb(pid_t pid)
{
    return proc_mb(pid, "status", "RssAnon: %lu");
}

double pair_pss_mb(pid_t pid)
{
    return proc_mb(pid, "smaps_rollup", "Pss: %lu");
}
