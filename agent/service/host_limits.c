/* host_limits.c - see host_limits.h. */
#include "host_limits.h"

#include <signal.h>
#include <sys/resource.h>

#include "logger.h"

#define PER_CLIENT 2    /* its socket and its pidfd */
#define PER_RESOURCE 2  /* a watch and a list */
#define OWN 64          /* loops, logs, regions, sockets */
#define LEAST 32        /* with less, libuv aborts in the middle of its start */

static unsigned api_connections(const struct tarn_config *c)
{
    return c->api.listen || c->api.socket_path ? c->api.max_connections : 0;
}

static unsigned long long wanted(const struct tarn_config *c)
{
    return (unsigned long long)c->max_clients * PER_CLIENT + c->nresources * PER_RESOURCE + (c->http.max_connections + api_connections(c)) * 2u + OWN;
}

int tarn_limits_take(const struct tarn_config *c, struct tarn_error *err)
{
    unsigned long long least = (unsigned long long)c->nresources * PER_RESOURCE + OWN, n;
    struct rlimit l;

    (void)signal(SIGXFSZ, SIG_IGN);
    if (getrlimit(RLIMIT_NOFILE, &l) < 0)
        return 0;
    if (l.rlim_cur < l.rlim_max) {
        l.rlim_cur = l.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &l);
        (void)getrlimit(RLIMIT_NOFILE, &l);
    }
    if (l.rlim_cur < LEAST)
        return tarn_error_set(err, TARN_E_LIMIT,
                              "the limit of open files is %llu, too few to run at all (at least %d); raise it: LimitNOFILE= in the unit, ulimit -n",
                              (unsigned long long)l.rlim_cur, LEAST);
    if (l.rlim_cur >= wanted(c))
        return 0;
    n = l.rlim_cur > least ? (l.rlim_cur - least) / PER_CLIENT : 0;
    tarn_log(TARN_LOG_WARN, "the limit of open files is low; raise it (LimitNOFILE= in the unit, ulimit -n) or lower maxClients",
             "limit", TARN_LOG_U64(l.rlim_cur),
             "wanted", TARN_LOG_U64(wanted(c)), "clients_that_fit", TARN_LOG_U64(n), NULL);
    return 0;
}
