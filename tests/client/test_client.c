/* client.h: attaching, what goes wrong with it, snapshots, waiting, forks, and an agent that dies. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tarn/tarn.h>

#include "agent_stub.h"
#include "tarn_test.h"

static struct tarn_client *open_client(const struct agent *a)
{
    struct tarn_client *c = NULL;
    struct tarn_error err = {0};

    CU_ASSERT_EQUAL_FATAL(tarn_client_open(&(struct tarn_client_options){.socket = a->socket}, &c, &err), 0);
    return c;
}

static struct tarn_snapshot *open_snapshot(struct tarn_client *c)
{
    struct tarn_snapshot *s = NULL;

    CU_ASSERT_EQUAL_FATAL(tarn_snapshot_open(c, &s, NULL), 0);
    return s;
}

static uint64_t rv_of(struct tarn_client *c, const char *key)
{
    struct tarn_snapshot *s = open_snapshot(c);
    const struct tarn_object *obj;
    int r = tarn_get(s, "pods", key, &obj);
    uint64_t rv = r == 0 ? tarn_object_resource_version(obj) : 0;

    CU_ASSERT_EQUAL(tarn_snapshot_close(s), 0);
    return rv;
}

/* ---- attaching ----------------------------------------------------------------------------------------- */

/* A socket of `type` that listens at path and, if it may, answers the first packet with text. */
static pid_t liar(const char *path, int type, const char *text)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0), peer;
    char packet[4096];
    pid_t pid;

    strcpy(a.sun_path, path);
    CU_ASSERT_FATAL(bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(fd, 4) == 0);
    pid = fork();
    if (pid == 0) {
        peer = accept(fd, NULL, NULL);
        if (recv(peer, packet, sizeof packet, 0) > 0 && text)
            (void)!send(peer, text, strlen(text), MSG_NOSIGNAL);
        else if (!text)
            (void)poll(NULL, 0, 10000);
        _exit(0);
    }
    close(fd);
    return pid;
}

static void every_way_attaching_fails_has_its_code_and_names_the_path(void)
{
    static const struct {
        const char *what;
        int type;
        const char *text; /* NULL with a type: takes the connection and says nothing */
        int code;
        const char *says;
    } rows[] = {
        {"no socket there", 0, NULL, TARN_E_NOAGENT, "no such socket"},
        {"a plain file", -1, NULL, TARN_E_NOAGENT, "nothing listens"},
        {"a stream socket", SOCK_STREAM, "hello", TARN_E_NOAGENT, "another kind"},
        {"garbage", SOCK_SEQPACKET, "HTTP/1.1 400 Bad Request", TARN_E_CORRUPT, "does not speak as an agent"},
        {"silence", SOCK_SEQPACKET, NULL, TARN_E_TIMEOUT, "does not answer"},
    };
    char dir[] = "/tmp/tarn-test-XXXXXX", path[128];

    CU_ASSERT_FATAL(mkdtemp(dir) != NULL);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tarn_client *c = NULL;
        struct tarn_error err = {0};
        pid_t pid = 0;

        snprintf(path, sizeof path, "%s/%zu", dir, i);
        if (rows[i].type > 0)
            pid = liar(path, rows[i].type, rows[i].text);
        else if (rows[i].type < 0)
            close(creat(path, 0600));
        CU_ASSERT_EQUAL(tarn_client_open(&(struct tarn_client_options){.socket = path, .timeout_ms = 200}, &c, &err), rows[i].code);
        CU_ASSERT_PTR_NULL(c);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.message, path));
        CU_ASSERT_PTR_NOT_NULL(strstr(err.message, rows[i].says));
        if (pid) {
            kill(pid, SIGKILL);
            waitpid(pid, NULL, 0);
        }
        unlink(path);
    }
    rmdir(dir);
}

static void options_outside_their_contract_are_told(void)
{
    struct tarn_client *c = NULL;
    struct tarn_error err = {0};
    char path[300];

    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = 0;
    CU_ASSERT_EQUAL(tarn_client_open(&(struct tarn_client_options){.socket = path}, &c, &err), TARN_E_INVAL);
    CU_ASSERT_EQUAL(tarn_client_open(&(struct tarn_client_options){.realm = path}, &c, &err), TARN_E_INVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "realm"));
    CU_ASSERT_EQUAL(tarn_client_open(&(struct tarn_client_options){.socket = ""}, &c, &err), TARN_E_INVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "socket is empty"));
}

static void a_refusal_carries_the_agents_words(void)
{
    struct agent a = {0};
    struct tarn_client *c = NULL;
    struct tarn_error err = {0};

    agent_start(&a, &(struct agent_options){.refuse = "uid 7 is not among the readers of realm cluster"});
    CU_ASSERT_EQUAL(tarn_client_open(&(struct tarn_client_options){.socket = a.socket}, &c, &err), TARN_E_PERM);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "uid 7 is not among the readers"));
    agent_stop(&a);
}

static int open_descriptors(void)
{
    int n = 0;

    for (int fd = 0; fd < 1024; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void a_client_keeps_one_descriptor_and_gives_everything_back(void)
{
    struct agent a = {0};
    unsigned clients, pins;
    int before;

    agent_start(&a, NULL);
    before = open_descriptors();
    for (int i = 0; i < 100; i++) {
        struct tarn_client *c = open_client(&a);

        CU_ASSERT_EQUAL(open_descriptors(), before + 1);
        CU_ASSERT_EQUAL(tarn_snapshot_close(open_snapshot(c)), 0);
        tarn_client_close(c);
    }
    CU_ASSERT_EQUAL(open_descriptors(), before);
    for (int i = 0; i < 100; i++) { /* the stub notices the ends one by one */
        agent_clients(&a, &clients, &pins);
        if (clients == 0)
            break;
    }
    CU_ASSERT_EQUAL(clients, 0);
    CU_ASSERT_EQUAL(pins, 0);
    agent_stop(&a);
    tarn_client_close(NULL);
}

static void environment_names_socket_when_no_option_does(void)
{
    struct agent a = {0};
    struct tarn_client *c = NULL;
    struct tarn_client_info i;

    agent_start(&a, NULL);
    setenv("TARN_SOCKET", a.socket, 1);
    CU_ASSERT_EQUAL_FATAL(tarn_client_open(NULL, &c, NULL), 0);
    unsetenv("TARN_SOCKET");
    CU_ASSERT_EQUAL(tarn_client_info(c, &i), 0);
    CU_ASSERT_STRING_EQUAL(i.socket, a.socket);
    CU_ASSERT_STRING_EQUAL(i.realm, "cluster");
    CU_ASSERT_STRING_EQUAL(i.agent, "stub");
    CU_ASSERT(i.agent_alive && !i.agent_stopped && !i.superseded);
    CU_ASSERT_EQUAL(i.attachments, 1);
    CU_ASSERT(i.heartbeat_age_ms < 60000);
    tarn_client_close(c);
    agent_stop(&a);
}

/* ---- snapshots ------------------------------------------------------------------------------------------ */

static void a_snapshot_shows_its_moment_while_the_world_moves_on(void)
{
    struct agent a = {0};
    struct tarn_client *c;
    struct tarn_snapshot *old;
    const struct tarn_object *obj;

    agent_start(&a, NULL);
    CU_ASSERT(agent_put(&a, "pods", pod_json("default", "web", 1, "n1", "a", NULL)));
    c = open_client(&a);
    old = open_snapshot(c);
    for (unsigned rv = 2; rv < 200; rv++)
        CU_ASSERT(agent_put(&a, "pods", pod_json("default", "web", rv, "n1", "a", NULL)));
    CU_ASSERT_EQUAL(tarn_get(old, "pods", "default/web", &obj), 0);
    CU_ASSERT_EQUAL(tarn_object_resource_version(obj), 1);
    CU_ASSERT_EQUAL(rv_of(c, "default/web"), 199);
    CU_ASSERT(agent_delete(&a, "pods", "default/web"));
    CU_ASSERT_EQUAL(tarn_get(old, "pods", "default/web", &obj), 0);
    CU_ASSERT_EQUAL(rv_of(c, "default/web"), 0);
    CU_ASSERT_EQUAL(tarn_snapshot_close(old), 0);
    tarn_client_close(c);
    agent_stop(&a);
}

static void many_snapshots_of_one_client_are_independent(void)
{
    enum { N = 300 };
    struct agent a = {0};
    struct tarn_client *c;
    struct tarn_snapshot *s[N];
    const struct tarn_object *obj;
    unsigned clients, pins;

    agent_start(&a, NULL);
    c = open_client(&a);
    for (unsigned i = 0; i < N; i++) {
        CU_ASSERT(agent_put(&a, "pods", pod_json("default", "web", i + 1, "n1", "a", NULL)));
        s[i] = open_snapshot(c);
    }
    agent_clients(&a, &clients, &pins);
    CU_ASSERT_EQUAL(pins, N);
    for (unsigned i = 0; i < N; i++) {
        CU_ASSERT_EQUAL(tarn_get(s[i], "pods", "default/web", &obj), 0);
        CU_ASSERT_EQUAL(tarn_object_resource_version(obj), i + 1);
        CU_ASSERT_EQUAL(tarn_snapshot_close(s[i]), 0);
    }
    agent_clients(&a, &clients, &pins);
    CU_ASSERT_EQUAL(pins, 0);
    tarn_client_close(c);
    agent_stop(&a);
}

static void snapshots_without_end_meet_a_limit_and_recover(void)
{
    struct agent a = {0};
    struct tarn_client *c;
    struct tarn_snapshot *s[2000];
    struct tarn_error err = {0};
    int n = 0;

    agent_start(&a, NULL);
    c = open_client(&a);
    while (n < 2000 && tarn_snapshot_open(c, &s[n], &err) == 0)
        n++;
    CU_ASSERT_EQUAL(n, 1023); /* the lines of a 64 KiB page */
    CU_ASSERT_EQUAL(err.code, TARN_E_LIMIT);
    CU_ASSERT_EQUAL(tarn_snapshot_close(s[--n]), 0);
    CU_ASSERT_EQUAL(tarn_snapshot_open(c, &s[n], NULL), 0);
    for (n = n + 1; n-- > 0;)
        CU_ASSERT_EQUAL(tarn_snapshot_close(s[n]), 0);
    tarn_client_close(c);
    agent_stop(&a);
}

static void a_client_may_be_closed_before_its_snapshots(void)
{
    struct agent a = {0};
    struct tarn_client *c;
    struct tarn_snapshot *s, *t;
    const struct tarn_object *obj;

    agent_start(&a, NULL);
    CU_ASSERT(agent_put(&a, "pods", pod_json("default", "web", 5, "n1", "a", NULL)));
    c = open_client(&a);
    s = open_snapshot(c);
    t = open_snapshot(c);
    tarn_client_close(c);
    CU_ASSERT_EQUAL(tarn_get(s, "pods", "default/web", &obj), 0);
    CU_ASSERT_EQUAL(tarn_snapshot_close(s), 0);
    CU_ASSERT_EQUAL(tarn_get(t, "pods", "default/web", &obj), 0);
    CU_ASSERT_EQUAL(tarn_object_resource_version(obj), 5);
    CU_ASSERT_EQUAL(tarn_snapshot_close(t), 0);
    CU_ASSERT_EQUAL(tarn_snapshot_close(NULL), 0);
    agent_stop(&a);
}

/* A parked snapshot goes first when memory is short; every call on it then says so, and a new one reads the new state. */
static void a_snapshot_that_memory_pressure_ended_says_so_at_every_call(void)
{
    struct agent a = {0};
    struct tarn_client *c;
    struct tarn_snapshot *s;
    const struct tarn_object *obj, *many[1];
    struct tarn_bytes key = TARN_BYTES("ns-0/big-0");
    struct tarn_objects copies = {0};
    struct tarn_iter it;
    unsigned rv = 1;

    agent_start(&a, &(struct agent_options){.budget_bytes = 16u << 20});
    CU_ASSERT(agent_fill(&a, "big", 100, rv, 20000));
    c = open_client(&a);
    s = open_snapshot(c);
    CU_ASSERT_EQUAL(tarn_snapshot_park(s, true), 0);
    while (tarn_snapshot_check(s) == 0 && rv < 200)
        CU_ASSERT(agent_fill(&a, "big", 100, ++rv, 20000));
    CU_ASSERT_EQUAL(tarn_snapshot_check(s), TARN_E_EXPIRED);
    CU_ASSERT_EQUAL(tarn_get(s, "pods", "ns-0/big-0", &obj), TARN_E_EXPIRED);
    CU_ASSERT_EQUAL(tarn_get_many(s, "pods", &key, 1, many), TARN_E_EXPIRED);
    CU_ASSERT_EQUAL(tarn_get_copy(s, "pods", "ns-0/big-0", &obj), TARN_E_EXPIRED);
    CU_ASSERT(tarn_list(s, "pods", NULL, &it, NULL) == TARN_E_EXPIRED || (!tarn_iter_next(&it) && tarn_iter_error(&it) == TARN_E_EXPIRED));
    CU_ASSERT_EQUAL(tarn_list_copy(s, "pods", NULL, &copies, NULL), TARN_E_EXPIRED);
    CU_ASSERT_EQUAL(copies.n, 0);
    CU_ASSERT_EQUAL(tarn_snapshot_close(s), TARN_E_EXPIRED);
    CU_ASSERT_EQUAL(rv_of(c, "ns-0/big-0"), rv);
    tarn_objects_release(&copies);
    tarn_client_close(c);
    agent_stop(&a);
}

/* ---- waiting ------------------------------------------------------------------------------------------------ */

/* Another process changes something soon. */
static pid_t later(struct agent *a, void (*act)(struct agent *a))
{
    pid_t pid = fork();

    if (pid == 0) {
        (void)poll(NULL, 0, 50);
        act(a);
        _exit(0);
    }
    return pid;
}

static void sync_pods(struct agent *a)
{
    (void)agent_state(a, "pods", true, "70", "");
}

static void waits_for_sync_end_when_the_agent_has_synced(void)
{
    struct agent a = {0};
    struct tarn_client *c;
    struct tarn_error err = {0};
    pid_t pid;

    agent_start(&a, &(struct agent_options){.unsynced = true});
    c = open_client(&a);
    CU_ASSERT_EQUAL(tarn_wait_synced(c, "pods", 20, &err), TARN_E_TIMEOUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "pods have not synced yet"));
    pid = later(&a, sync_pods);
    CU_ASSERT_EQUAL(tarn_wait_synced(c, "pods", TARN_WAIT_FOREVER, &err), 0);
    waitpid(pid, NULL, 0);
    CU_ASSERT_EQUAL(tarn_wait_synced(c, NULL, 20, &err), TARN_E_TIMEOUT); /* nodes have not */
    CU_ASSERT_EQUAL(tarn_wait_synced(c, "secrets", 20, &err), TARN_E_RESOURCE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "pods, nodes"));
    CU_ASSERT_EQUAL(tarn_wait_rv(c, "pods", "70", 20, &err), 0);
    CU_ASSERT_EQUAL(tarn_wait_rv(c, "pods", "71", 20, &err), TARN_E_TIMEOUT);
    CU_ASSERT_EQUAL(tarn_wait_rv(c, "pods", "7x", 20, &err), TARN_E_INVAL);
    tarn_client_close(c);
    agent_stop(&a);
}

static void a_refused_list_ends_the_wait_with_the_servers_words(void)
{
    struct agent a = {0};
    struct tarn_client *c;
    struct tarn_error err = {0};

    agent_start(&a, &(struct agent_options){.unsynced = true});
    c = open_client(&a);
    CU_ASSERT(agent_state(&a, "pods", false, "0", "pods is forbidden: User \"x\" cannot list resource \"pods\" (403 Forbidden)"));
    CU_ASSERT_EQUAL(tarn_wait_synced(c, "pods", TARN_WAIT_FOREVER, &err), TARN_E_STATUS);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "pods is forbidden: User \"x\""));
    CU_ASSERT(agent_state(&a, "pods", false, "0", "connection refused"));
    CU_ASSERT_EQUAL(tarn_wait_synced(c, "pods", 20, &err), TARN_E_TIMEOUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "connection refused"));
    tarn_client_close(c);
    agent_stop(&a);
}

static void put_web(struct agent *a)
{
    (void)agent_put(a, "pods", pod_json("default", "web", 9, "n1", "a", NULL));
}

static void a_commit_wakes_who_waits_for_one(void)
{
    struct agent a = {0};
    struct tarn_client *c;
    struct tarn_snapshot *s;
    uint64_t seen;
    pid_t pid;

    agent_start(&a, NULL);
    c = open_client(&a);
    s = open_snapshot(c);
    seen = tarn_snapshot_commit(s);
    CU_ASSERT_EQUAL(tarn_snapshot_close(s), 0);
    CU_ASSERT_EQUAL(tarn_wait_commit(c, seen, 20), TARN_E_TIMEOUT);
    pid = later(&a, put_web);
    CU_ASSERT_EQUAL(tarn_wait_commit(c, seen, TARN_WAIT_FOREVER), 0);
    waitpid(pid, NULL, 0);
    CU_ASSERT_EQUAL(rv_of(c, "default/web"), 9);
    CU_ASSERT_EQUAL(tarn_wait_commit(c, seen, 0), 0);
    tarn_client_close(c);
    agent_stop(&a);
}

static void the_agents_status_comes_whole(void)
{
    struct agent a = {0};
    struct tarn_client *c;
    struct tarn_buf json = {0};

    agent_start(&a, NULL);
    c = open_client(&a);
    CU_ASSERT_EQUAL(tarn_client_status_json(c, &json, NULL), 0);
    CU_ASSERT(tarn_bytes_equal(tarn_buf_bytes(&json), TARN_BYTES("{\"agent\":{\"pid\":7}}")));
    agent_kill(&a);
    CU_ASSERT_EQUAL(tarn_client_status_json(c, &json, NULL), TARN_E_NOAGENT);
    tarn_buf_release(&json);
    tarn_client_close(c);
    agent_start(&a, NULL);
    agent_stop(&a);
}

/* ---- an agent that dies ---------------------------------------------------------------------------------------- */

static void clients_read_the_last_state_of_a_dead_agent_and_attach_to_the_next(void)
{
    struct agent a = {0};
    struct tarn_client *c;
    struct tarn_snapshot *held;
    struct tarn_client_info i;
    const struct tarn_object *obj;

    agent_start(&a, NULL);
    CU_ASSERT(agent_put(&a, "pods", pod_json("default", "web", 1, "n1", "a", NULL)));
    c = open_client(&a);
    held = open_snapshot(c);
    agent_kill(&a);
    CU_ASSERT_EQUAL(tarn_client_info(c, &i), 0);
    CU_ASSERT(!i.agent_alive);
    CU_ASSERT_EQUAL(i.last_error, TARN_E_NOAGENT);
    CU_ASSERT_EQUAL(rv_of(c, "default/web"), 1); /* the last state */

    agent_start(&a, &(struct agent_options){.generation = 2});
    CU_ASSERT(agent_put(&a, "pods", pod_json("default", "web", 2, "n1", "a", NULL)));
    CU_ASSERT_EQUAL(tarn_wait_rv(c, "pods", "0", 0, NULL), TARN_E_TIMEOUT); /* the stub gave no resourceVersion */
    for (int n = 0; n < 1000 && rv_of(c, "default/web") != 2; n++)
        (void)poll(NULL, 0, 10);
    CU_ASSERT_EQUAL(rv_of(c, "default/web"), 2);
    CU_ASSERT_EQUAL(tarn_client_info(c, &i), 0);
    CU_ASSERT(i.agent_alive);
    CU_ASSERT_EQUAL(i.attachments, 2);
    CU_ASSERT_EQUAL(i.last_error, 0);

    CU_ASSERT_EQUAL(tarn_get(held, "pods", "default/web", &obj), 0); /* undisturbed */
    CU_ASSERT_EQUAL(tarn_object_resource_version(obj), 1);
    CU_ASSERT_EQUAL(tarn_snapshot_generation(held), 1);
    CU_ASSERT_EQUAL(tarn_snapshot_close(held), 0);
    tarn_client_close(c);
    agent_stop(&a);
}

static void settle(struct tarn_client *c)
{
    for (int n = 0; n < 30; n++) {
        (void)rv_of(c, "default/web");
        (void)poll(NULL, 0, 10);
    }
}

/* An agent without a memory of its own comes back empty: its clients lose nothing meanwhile. */
static void the_last_state_serves_until_the_new_agent_has_caught_up(void)
{
    struct agent a = {0};
    struct tarn_client *c;
    struct tarn_client_info i;

    agent_start(&a, NULL);
    CU_ASSERT(agent_put(&a, "pods", pod_json("default", "web", 1, "n1", "a", NULL)));
    c = open_client(&a);
    agent_kill(&a);
    agent_start(&a, &(struct agent_options){.generation = 2, .unsynced = true});
    settle(c);
    CU_ASSERT_EQUAL(rv_of(c, "default/web"), 1);
    CU_ASSERT_EQUAL(tarn_client_info(c, &i), 0);
    CU_ASSERT(!i.agent_alive);
    CU_ASSERT_EQUAL(i.last_error, TARN_E_AGAIN);
    CU_ASSERT_PTR_NOT_NULL(strstr(i.last_error_message, "not caught up"));

    CU_ASSERT(agent_put(&a, "pods", pod_json("default", "web", 2, "n1", "a", NULL)));
    CU_ASSERT(agent_state(&a, "pods", true, "2", ""));
    settle(c);
    CU_ASSERT_EQUAL(rv_of(c, "default/web"), 1); /* the nodes are still missing */
    agent_kill(&a);                              /* the one that waits is lost, too */
    agent_start(&a, &(struct agent_options){.generation = 3, .unsynced = true});
    settle(c);
    CU_ASSERT_EQUAL(rv_of(c, "default/web"), 1);
    CU_ASSERT(agent_put(&a, "pods", pod_json("default", "web", 3, "n1", "a", NULL)));
    CU_ASSERT(agent_state(&a, "pods", true, "3", ""));
    CU_ASSERT(agent_state(&a, "nodes", true, "3", ""));
    for (int n = 0; n < 1000 && rv_of(c, "default/web") != 3; n++)
        (void)poll(NULL, 0, 10);
    CU_ASSERT_EQUAL(rv_of(c, "default/web"), 3);
    CU_ASSERT_EQUAL(tarn_client_info(c, &i), 0);
    CU_ASSERT(i.agent_alive);
    CU_ASSERT_EQUAL(i.last_error, 0);
    tarn_client_close(c);
    agent_stop(&a);
}

/* An agent that begins with a checkpoint may be behind what was read already: time does not go back for its clients. */
static void an_older_checkpoint_does_not_take_the_place_of_what_was_read(void)
{
    struct agent a = {0};
    struct tarn_client *c;

    agent_start(&a, NULL);
    CU_ASSERT(agent_put(&a, "pods", pod_json("default", "web", 70, "n1", "a", NULL)));
    CU_ASSERT(agent_state(&a, "pods", true, "70", ""));
    c = open_client(&a);
    CU_ASSERT_EQUAL(rv_of(c, "default/web"), 70);
    agent_kill(&a);
    agent_start(&a, &(struct agent_options){.generation = 2, .restored = "50"});
    CU_ASSERT(agent_put(&a, "pods", pod_json("default", "web", 50, "n1", "a", NULL)));
    settle(c);
    CU_ASSERT_EQUAL(rv_of(c, "default/web"), 70);
    CU_ASSERT(agent_put(&a, "pods", pod_json("default", "web", 80, "n1", "a", NULL)));
    CU_ASSERT(agent_state(&a, "pods", true, "80", "")); /* the watch is up and has brought the rest */
    for (int n = 0; n < 1000 && rv_of(c, "default/web") != 80; n++)
        (void)poll(NULL, 0, 10);
    CU_ASSERT_EQUAL(rv_of(c, "default/web"), 80);

    agent_kill(&a); /* one that is as new is taken at once, although its watch is not up */
    agent_start(&a, &(struct agent_options){.generation = 3, .restored = "80"});
    CU_ASSERT(agent_put(&a, "pods", pod_json("default", "web", 81, "n1", "a", NULL)));
    for (int n = 0; n < 1000 && rv_of(c, "default/web") != 81; n++)
        (void)poll(NULL, 0, 10);
    CU_ASSERT_EQUAL(rv_of(c, "default/web"), 81);

    agent_kill(&a); /* one that stays older with its watch up shows what the server has now: it is taken after a while */
    agent_start(&a, &(struct agent_options){.generation = 4, .restored = "60"});
    CU_ASSERT(agent_put(&a, "pods", pod_json("default", "web", 60, "n1", "a", NULL)));
    CU_ASSERT(agent_state(&a, "pods", true, "60", ""));
    CU_ASSERT(agent_state(&a, "nodes", true, "60", ""));
    for (int n = 0; n < 3000 && rv_of(c, "default/web") != 60; n++)
        (void)poll(NULL, 0, 10);
    CU_ASSERT_EQUAL(rv_of(c, "default/web"), 60);
    tarn_client_close(c);
    agent_stop(&a);
}

/* A handle may be closed while a new agent's region waits. */
static void a_client_may_be_closed_before_the_new_agent_has_caught_up(void)
{
    int before = open_descriptors();
    struct agent a = {0};
    struct tarn_client *c;

    agent_start(&a, NULL);
    c = open_client(&a);
    agent_kill(&a);
    agent_start(&a, &(struct agent_options){.generation = 2, .unsynced = true});
    settle(c);
    tarn_client_close(c);
    agent_stop(&a);
    CU_ASSERT_EQUAL(open_descriptors(), before);
}

static void whoever_waits_while_the_agent_restarts_is_woken_by_the_new_one(void)
{
    struct agent a = {0}, b;
    struct tarn_client *c;
    struct tarn_snapshot *s;
    uint64_t seen;

    agent_start(&a, NULL);
    c = open_client(&a);
    s = open_snapshot(c);
    seen = tarn_snapshot_commit(s);
    CU_ASSERT_EQUAL(tarn_snapshot_close(s), 0);
    agent_kill(&a);
    b = a;
    agent_start(&b, &(struct agent_options){.generation = 2});
    CU_ASSERT_EQUAL(tarn_wait_commit(c, seen, 30000), 0);
    s = open_snapshot(c);
    CU_ASSERT_EQUAL(tarn_snapshot_generation(s), 2);
    CU_ASSERT_EQUAL(tarn_snapshot_close(s), 0);
    tarn_client_close(c);
    agent_stop(&b);
}

static void a_clean_exit_is_seen_as_such(void)
{
    struct agent a = {0};
    struct tarn_client *c;
    struct tarn_client_info i;

    agent_start(&a, NULL);
    CU_ASSERT(agent_put(&a, "pods", pod_json("default", "web", 3, "n1", "a", NULL)));
    c = open_client(&a);
    agent_stop(&a);
    CU_ASSERT_EQUAL(tarn_client_info(c, &i), 0);
    CU_ASSERT(i.agent_stopped && !i.agent_alive);
    CU_ASSERT_EQUAL(rv_of(c, "default/web"), 3);
    tarn_client_close(c);
}

/* ---- forks ------------------------------------------------------------------------------------------------------- */

/* What a child may and may not do with its parent's handles; its exit code says what failed. */
static int child(struct tarn_client *c, struct tarn_snapshot *s, const char *socket)
{
    struct tarn_client *own;
    struct tarn_snapshot *t;
    struct tarn_client_info i;
    const struct tarn_object *obj;
    struct tarn_iter it;

    if (tarn_snapshot_open(c, &t, NULL) != TARN_E_FORKED || tarn_client_info(c, &i) != TARN_E_FORKED)
        return 1;
    if (tarn_get(s, "pods", "default/web", &obj) != TARN_E_FORKED || tarn_list(s, "pods", NULL, &it, NULL) != TARN_E_FORKED)
        return 2;
    if (tarn_wait_commit(c, 0, 0) != TARN_E_FORKED || tarn_snapshot_check(s) != TARN_E_FORKED)
        return 3;
    if (tarn_snapshot_close(s) != TARN_E_FORKED)
        return 4;
    tarn_client_close(c);
    if (tarn_client_open(&(struct tarn_client_options){.socket = socket}, &own, NULL) != 0 || tarn_snapshot_open(own, &t, NULL) != 0)
        return 5;
    if (tarn_get(t, "pods", "default/web", &obj) != 0 || tarn_snapshot_close(t) != 0)
        return 6;
    tarn_client_close(own);
    return 0;
}

static void a_forked_child_is_told_and_leaves_its_parent_alone(void)
{
    struct agent a = {0};
    struct tarn_client *c;
    struct tarn_snapshot *s;
    const struct tarn_object *obj;
    unsigned clients, pins;
    int status;
    pid_t pid;

    agent_start(&a, NULL);
    CU_ASSERT(agent_put(&a, "pods", pod_json("default", "web", 4, "n1", "a", NULL)));
    c = open_client(&a);
    s = open_snapshot(c);
    pid = fork();
    if (pid == 0)
        _exit(child(c, s, a.socket));
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT(WIFEXITED(status));
    CU_ASSERT_EQUAL(WEXITSTATUS(status), 0);
    agent_clients(&a, &clients, &pins);
    CU_ASSERT_EQUAL(pins, 1); /* ours, untouched */
    CU_ASSERT_EQUAL(tarn_get(s, "pods", "default/web", &obj), 0);
    CU_ASSERT_EQUAL(tarn_snapshot_close(s), 0);
    CU_ASSERT_EQUAL(rv_of(c, "default/web"), 4);
    tarn_client_close(c);
    agent_stop(&a);
}

/* A host program that closes descriptors it does not know must not make us write into what it opened instead. */
static void a_socket_that_was_closed_under_us_is_not_used(void)
{
    struct agent a = {0};
    struct tarn_client *c;
    struct tarn_client_info i;
    int first = open("/dev/null", O_RDONLY), pair[2];
    char byte = 0;

    agent_start(&a, NULL);
    CU_ASSERT(agent_put(&a, "pods", pod_json("default", "web", 6, "n1", "a", NULL)));
    close(first);
    c = open_client(&a); /* takes the lowest free number */
    for (int fd = first; fd < first + 16; fd++)
        if (fd != a.control)
            close(fd);
    CU_ASSERT_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    CU_ASSERT_EQUAL(tarn_client_info(c, &i), 0);
    for (int n = 0; n < 500 && (tarn_client_info(c, &i), i.attachments < 2); n++)
        (void)poll(NULL, 0, 10);
    CU_ASSERT_EQUAL(i.attachments, 2);
    CU_ASSERT_EQUAL(rv_of(c, "default/web"), 6);
    tarn_client_close(c);
    CU_ASSERT(write(pair[0], "x", 1) == 1 && read(pair[1], &byte, 1) == 1); /* still open, nothing else in it */
    CU_ASSERT_EQUAL(byte, 'x');
    close(pair[0]);
    close(pair[1]);
    agent_stop(&a);
}

TARN_TEST_MAIN("client", TARN_TEST(every_way_attaching_fails_has_its_code_and_names_the_path),
               TARN_TEST(options_outside_their_contract_are_told), TARN_TEST(a_refusal_carries_the_agents_words),
               TARN_TEST(a_client_keeps_one_descriptor_and_gives_everything_back),
               TARN_TEST(environment_names_socket_when_no_option_does),
               TARN_TEST(a_snapshot_shows_its_moment_while_the_world_moves_on),
               TARN_TEST(many_snapshots_of_one_client_are_independent),
               TARN_TEST(snapshots_without_end_meet_a_limit_and_recover),
               TARN_TEST(a_client_may_be_closed_before_its_snapshots),
               TARN_TEST(a_snapshot_that_memory_pressure_ended_says_so_at_every_call),
               TARN_TEST(waits_for_sync_end_when_the_agent_has_synced),
               TARN_TEST(a_refused_list_ends_the_wait_with_the_servers_words), TARN_TEST(a_commit_wakes_who_waits_for_one),
               TARN_TEST(the_agents_status_comes_whole),
               TARN_TEST(clients_read_the_last_state_of_a_dead_agent_and_attach_to_the_next),
               TARN_TEST(the_last_state_serves_until_the_new_agent_has_caught_up),
               TARN_TEST(an_older_checkpoint_does_not_take_the_place_of_what_was_read),
               TARN_TEST(a_client_may_be_closed_before_the_new_agent_has_caught_up),
               TARN_TEST(whoever_waits_while_the_agent_restarts_is_woken_by_the_new_one), TARN_TEST(a_clean_exit_is_seen_as_such),
               TARN_TEST(a_forked_child_is_told_and_leaves_its_parent_alone),
               TARN_TEST(a_socket_that_was_closed_under_us_is_not_used))
