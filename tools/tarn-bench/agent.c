/* agent.c - the agent as a whole: tarn-apisim serves, tarnd mirrors, both as they are installed.
 *
 * What counts is the agent's CPU time: on a small machine the server takes the other core. Figures: a LIST from its bytes
 * to indexed objects in the region, the memory beside the region, and the CPU of a stream of watch events.
 */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <tarn/object.h>

#define PATH_BYTES 512

struct pair {
    char bin[PATH_BYTES - 64], dir[64];
    pid_t server, agent;
};

/* The folder of this program: its sisters stand beside it. */
static int find_bin(struct pair *p)
{
    ssize_t n = readlink("/proc/self/exe", p->bin, sizeof p->bin - 1);

    if (n <= 0)
        return -1;
    p->bin[n] = 0;
    *strrchr(p->bin, '/') = 0;
    return 0;
}

static pid_t start(const struct pair *p, const char *name, char *const argv[])
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

static void stop(pid_t child)
{
    if (child <= 0)
        return;
    (void)kill(child, SIGTERM);
    (void)waitpid(child, NULL, 0);
}

static void pause_ms(unsigned ms)
{
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

    (void)nanosleep(&t, NULL);
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
            pause_ms(10);
    }
    return port;
}

static int pair_start(struct pair *p, const char *generate, const char *churn)
{
    char port_file[PATH_BYTES], url[64], socket[PATH_BYTES];
    unsigned port;

    *p = (struct pair){.dir = "/tmp/tarn-bench-XXXXXX"};
    if (find_bin(p) || !mkdtemp(p->dir))
        return -1;
    (void)snprintf(port_file, sizeof port_file, "%s/port", p->dir);
    p->server = start(p, "tarn-apisim", (char *[]){"tarn-apisim", "--listen", "127.0.0.1:0", "--port-file", port_file, "--generate",
                                                   (char *)generate, "--churn", (char *)churn, NULL});
    port = read_port(p);
    if (!port)
        return -1;
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u", port);
    (void)snprintf(socket, sizeof socket, "%s/sock", p->dir);
    p->agent = start(p, "tarnd", (char *[]){"tarnd", "--server", url, "--resource", "pods", "--socket", socket, "--runtime-dir", p->dir, NULL});
    return p->agent > 0 ? 0 : -1;
}

static void pair_stop(struct pair *p)
{
    char command[PATH_BYTES];

    stop(p->agent);
    stop(p->server);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", p->dir);
    if (system(command))
        bench_note("agent: %s stays", p->dir);
}

/* What `tarn status -o json` says at path, as a number; -1 if it says nothing. */
static int64_t status(const struct pair *p, const char *path)
{
    static char json[1 << 18];
    const struct tarn_object *obj;
    struct tarn_value v = {.type = TARN_NIL};
    char command[2 * PATH_BYTES];
    size_t n = 0;
    FILE *f;

    (void)snprintf(command, sizeof command, "'%s/tarn' status -o json --socket '%s/sock' 2>/dev/null", p->bin, p->dir);
    f = popen(command, "r");
    if (f) {
        n = fread(json, 1, sizeof json, f);
        (void)pclose(f);
    }
    if (!n || tarn_object_from_json((struct tarn_bytes){json, n}, &obj, NULL))
        return -1;
    if (tarn_object_get(obj, path, &v))
        v.type = TARN_NIL;
    tarn_object_unref(obj);
    return v.type == TARN_INT ? v.i : v.type == TARN_BOOL ? v.boolean : -1;
}

/* Seconds of CPU that a process has used, all threads. */
static double cpu_of(pid_t pid)
{
    unsigned long user = 0, system = 0;
    char path[64];
    FILE *f;

    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    f = fopen(path, "r");
    if (!f)
        return 0;
    if (fscanf(f, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
        user = system = 0;
    (void)fclose(f);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

/* MiB of private memory: all but the region. */
static double private_mb(pid_t pid)
{
    char path[64], line[256];
    unsigned long kb = 0;
    FILE *f;

    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        (void)sscanf(line, "RssAnon: %lu", &kb);
    if (f)
        (void)fclose(f);
    return (double)kb / 1024;
}

static int measure_list(uint64_t n)
{
    char generate[64];
    struct pair p;
    double mb = 0;
    int bad;

    (void)snprintf(generate, sizeof generate, "pods=%llu,nodes=500", (unsigned long long)n);
    bad = pair_start(&p, generate, "0");
    for (unsigned tries = 0; !bad && status(&p, "resources[0].synced") != 1; tries++) {
        double now = private_mb(p.agent);

        mb = now > mb ? now : mb;
        if (tries > 6000 || kill(p.agent, 0))
            bad = 1;
        pause_ms(20);
    }
    if (!bad) {
        double cpu = cpu_of(p.agent);
        int64_t bytes = status(&p, "agent.agent.bytes_received");

        bench_report("agent", "tarnd", "LIST to indexed objects", n, (double)n / cpu, "objects/s");
        bench_report("agent", "tarnd", "LIST to indexed objects, JSON", n, (double)bytes / cpu / 1e6, "MB/s");
        bench_report("agent", "tarnd", "LIST, wall time", n, (double)status(&p, "agent.resources[0].last_list_ms"), "ms");
        bench_report("agent", "tarnd", "memory beside the region, largest", n, mb, "MiB");
        bench_report("agent", "tarnd", "longest loop turn", n, (double)status(&p, "agent.agent.longest_turn_us") / 1000, "ms");
    }
    pair_stop(&p);
    return bad != 0;
}

static int measure_watch(const char *churn)
{
    struct pair p;
    int bad = pair_start(&p, "pods=10000,nodes=500", churn);
    int64_t events;
    double cpu;

    for (unsigned tries = 0; !bad && status(&p, "resources[0].synced") != 1; tries++) {
        bad = tries > 3000;
        pause_ms(20);
    }
    if (!bad) {
        events = status(&p, "agent.resources[0].events");
        cpu = cpu_of(p.agent);
        pause_ms(4000);
        events = status(&p, "agent.resources[0].events") - events;
        cpu = cpu_of(p.agent) - cpu;
        bench_report("agent", "tarnd", "watch events seen", strtoull(churn, NULL, 10), (double)events / 4, "/s");
        bench_report("agent", "tarnd", "watch events, of agent CPU", strtoull(churn, NULL, 10), (double)events / (cpu > 0 ? cpu : 0.01), "events/s");
        bench_report("agent", "tarnd", "agent CPU, share of a core", strtoull(churn, NULL, 10), 100 * cpu / 4, "%");
    }
    pair_stop(&p);
    return bad != 0;
}

int bench_agent(const struct bench_options *o)
{
    return measure_list(o->quick ? 20000 : 100000) + measure_watch("1000") + measure_watch("10000");
}
