/* Processes that come and go: attached and killed in the middle of anything, and forked with the parent's socket open. */
#include "soak.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* Attach, open a few snapshots, read, arm the doorbell; end tidily, or stay until it is killed. */
static _Noreturn void visit(bool tidy)
{
    struct tarn_client *c = soak_open(false);
    struct tarn_snapshot *s[3];
    struct tarn_iter it;

    for (int i = 0; i < 3; i++)
        if (tarn_snapshot_open(c, &s[i], NULL) || tarn_list(s[i], "pods", NULL, &it, NULL))
            soak_wrong("a fresh client cannot list");
    for (int i = 0; i < 50; i++)
        if (!tarn_iter_next(&it) && tarn_iter_error(&it) != TARN_E_EXPIRED)
            soak_wrong("a fresh client lists no pods: %s", tarn_error_name(tarn_iter_error(&it)));
    (void)!tarn_wait_commit(c, tarn_snapshot_commit(s[2]), 2);
    while (!tidy)
        (void)pause();
    for (int i = 0; i < 3; i++)
        (void)tarn_snapshot_close(s[i]);
    tarn_client_close(c);
    _exit(0);
}

int soak_attach(unsigned cycles, uint64_t seed)
{
    unsigned killed = 0, tidy = 0;

    seed |= 1;
    for (unsigned i = 0; i < cycles && !soak_over(); i++) {
        bool kills = next_random(&seed) >> 20 & 3;
        long delay_ns = (long)(next_random(&seed) >> 20) % 4000000;
        pid_t pid = fork();
        int st;

        if (pid < 0)
            soak_wrong("cannot fork");
        if (!pid)
            visit(!kills);
        if (kills) {
            (void)nanosleep(&(struct timespec){.tv_nsec = delay_ns}, NULL);
            (void)kill(pid, SIGKILL);
        }
        while (waitpid(pid, &st, 0) < 0 && !soak_over())
            continue;
        if (WIFEXITED(st) && WEXITSTATUS(st))
            soak_wrong("client %u failed", i);
        killed += WIFSIGNALED(st);
        tidy += WIFEXITED(st);
    }
    (void)printf("%s: attached and killed %u, attached and closed %u\n", soak_name, killed, tidy);
    return 0;
}

/* Here the parent holds a snapshot and waits to be killed; the child keeps the socket open and may use nothing. */
int soak_fork(void)
{
    struct tarn_client *c = soak_open(false);
    const struct tarn_object *obj;
    struct tarn_client_info info;
    struct tarn_snapshot *s;
    pid_t pid;

    if (tarn_snapshot_open(c, &s, NULL))
        soak_wrong("no snapshot");
    pid = fork();
    if (pid < 0)
        soak_wrong("cannot fork");
    if (!pid) {
        (void)alarm(600); /* outlives its parent, not the test */
        if (tarn_snapshot_check(s) != TARN_E_FORKED || tarn_get(s, "pods", "a/b", &obj) != TARN_E_FORKED || tarn_client_info(c, &info) != TARN_E_FORKED)
            soak_wrong("a child may use its parent's handles");
        (void)printf("child %d\n", (int)getpid());
    }
    while (!soak_over())
        (void)pause();
    tarn_client_close(c);
    return 0;
}
