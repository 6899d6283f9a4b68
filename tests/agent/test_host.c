/* Tests of what the agent does with its host: runtime_dir.c, notify.c, peer.c, logger.c, handoff.c. */
/* tarn-test: threads */
#include "tarn_test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <tarn/object.h>

#include "handoff.h"
#include "logger.h"
#include "notify.h"
#include "peer.h"
#include "runtime_dir.h"
#include "scratch.h"

static void only_one_agent_holds_a_runtime_directory(void)
{
    struct tarn_runtime_dir a, b;
    struct tarn_error err = {0};
    char pid[32];

    CU_ASSERT_EQUAL(tarn_runtime_dir_open(&a, scratch_path("run"), scratch_path("run/s"), -1, &err), 0);
    CU_ASSERT_EQUAL(tarn_runtime_dir_open(&b, scratch_path("run"), scratch_path("run/t"), -1, &err), TARN_E_EXISTS);
    (void)snprintf(pid, sizeof pid, "(pid %d)", (int)getpid());
    CU_ASSERT(strstr(err.message, pid) && strstr(err.message, "tarnd.lock"));
    tarn_runtime_dir_close(&b);
    CU_ASSERT_EQUAL(tarn_runtime_dir_open(&b, scratch_path("run2"), scratch_path("run/s"), -1, &err), TARN_E_EXISTS);
    CU_ASSERT(strstr(err.message, "another tarnd listens on") != NULL);
    tarn_runtime_dir_close(&b);
    CU_ASSERT_EQUAL(access(scratch_path("run/s"), F_OK), 0);
    tarn_runtime_dir_close(&a);
    CU_ASSERT_NOT_EQUAL(access(scratch_path("run/s"), F_OK), 0);
    CU_ASSERT_EQUAL(tarn_runtime_dir_open(&b, scratch_path("run"), scratch_path("run/s"), -1, &err), 0);
    tarn_runtime_dir_close(&b);
}

static void the_socket_can_belong_to_a_group(void)
{
    struct tarn_runtime_dir a;
    struct tarn_error err = {0};
    struct stat st;

    CU_ASSERT_EQUAL(tarn_runtime_dir_open(&a, scratch_path("run4"), scratch_path("grouped"), (int64_t)getegid(), &err), 0);
    CU_ASSERT(stat(scratch_path("grouped"), &st) == 0 && (st.st_mode & 07777) == 0660 && st.st_gid == getegid());
    tarn_runtime_dir_close(&a);
    CU_ASSERT_EQUAL(tarn_runtime_dir_open(&a, scratch_path("run4"), scratch_path("grouped"), -1, &err), 0);
    CU_ASSERT(stat(scratch_path("grouped"), &st) == 0 && (st.st_mode & 07777) == 0666);
    tarn_runtime_dir_close(&a);
}

static void a_stale_socket_is_replaced_and_only_our_own_is_removed(void)
{
    struct tarn_runtime_dir a;
    struct tarn_error err = {0};
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

    (void)snprintf(sun.sun_path, sizeof sun.sun_path, "%s", scratch_path("stale"));
    CU_ASSERT_FATAL(bind(fd, (struct sockaddr *)&sun, sizeof sun) == 0);
    (void)close(fd); /* as a killed agent leaves it */
    CU_ASSERT_EQUAL(tarn_runtime_dir_open(&a, scratch_path("run3"), scratch_path("stale"), -1, &err), 0);
    CU_ASSERT(unlink(scratch_path("stale")) == 0);
    fd = open(scratch_path("stale"), O_CREAT | O_WRONLY, 0600); /* someone else's now */
    tarn_runtime_dir_close(&a);
    CU_ASSERT_EQUAL(access(scratch_path("stale"), F_OK), 0);
    CU_ASSERT_EQUAL(tarn_runtime_dir_open(&a, scratch_path("run3"), scratch_path("stale"), -1, &err), TARN_E_EXISTS);
    CU_ASSERT(strstr(err.message, "is no socket") != NULL);
    tarn_runtime_dir_close(&a);
    (void)close(fd);
}

static void readiness_is_told_by_a_datagram(void)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    char text[64] = "";

    (void)snprintf(sun.sun_path, sizeof sun.sun_path, "%s", scratch_path("notify"));
    CU_ASSERT_FATAL(bind(fd, (struct sockaddr *)&sun, sizeof sun) == 0);
    unsetenv("NOTIFY_SOCKET");
    CU_ASSERT_EQUAL(tarn_notify("READY=1"), 0);
    setenv("NOTIFY_SOCKET", sun.sun_path, 1);
    CU_ASSERT_EQUAL(tarn_notify("READY=1"), 0);
    CU_ASSERT(recv(fd, text, sizeof text - 1, MSG_DONTWAIT) == 7 && strcmp(text, "READY=1") == 0);
    setenv("NOTIFY_SOCKET", "relative", 1);
    CU_ASSERT(tarn_notify("READY=1") == -1 && errno == EINVAL);
    setenv("NOTIFY_SOCKET", scratch_path("nobody"), 1);
    CU_ASSERT_EQUAL(tarn_notify("READY=1"), -1);
    unsetenv("NOTIFY_SOCKET");
    (void)close(fd);
}

static void a_realm_is_read_by_its_readers_root_and_the_agents_own_user(void)
{
    gid_t groups[] = {7, 8};
    uint32_t uids[] = {1000, 1001}, gids[] = {8, 50};
    struct tarn_config_realm closed = {.name = "a"}, open = {.name = "b", .uids = {uids, 2}, .gids = {gids, 2}};
    const struct {
        struct tarn_peer peer;
        bool closed, open;
    } rows[] = {
        {{.uid = 0, .gid = 0}, true, true},
        {{.uid = geteuid(), .gid = 9}, true, true},
        {{.uid = 54321, .gid = 9}, false, false},
        {{.uid = 1001, .gid = 9}, false, true},
        {{.uid = 54321, .gid = 50}, false, true},
        {{.uid = 54321, .gid = 9, .groups = groups, .ngroups = 2}, false, true},
        {{.uid = 54321, .gid = 9, .groups = groups, .ngroups = 1}, false, false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CU_ASSERT_EQUAL(tarn_peer_may_read(&rows[i].peer, &closed), rows[i].closed);
        CU_ASSERT_EQUAL(tarn_peer_may_read(&rows[i].peer, &open), rows[i].open);
    }
}

static void the_kernel_says_who_the_peer_is(void)
{
    int fds[2];
    struct tarn_peer p;
    struct tarn_error err;

    CU_ASSERT_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds) == 0);
    CU_ASSERT_EQUAL_FATAL(tarn_peer_of(fds[0], &p, &err), 0);
    CU_ASSERT(p.uid == geteuid() && p.gid == getegid() && p.pid == getpid() && p.pidfd >= 0);
    tarn_peer_release(&p);
    (void)close(fds[0]);
    (void)close(fds[1]);
    CU_ASSERT_EQUAL(tarn_peer_of(fds[0], &p, &err), TARN_E_IO);
    tarn_peer_release(&p);
}

static size_t read_log(int fd, char *text, size_t size)
{
    ssize_t n = pread(fd, text, size - 1, 0);

    text[n > 0 ? n : 0] = '\0';
    return n > 0 ? (size_t)n : 0;
}

static void each_event_is_one_line_whatever_its_values_hold(void)
{
    static const char nasty[] = "a \"b\"\n\x01\\ = \xc3\xa4";
    const struct tarn_object *obj;
    struct tarn_bytes value;
    char text[8192], *huge = calloc(1, 5000);
    int fd;

    memset(huge, 'h', 4999);
    for (int json = 0; json < 2; json++) {
        fd = open(scratch_path(json ? "json" : "text"), O_CREAT | O_RDWR | O_TRUNC | O_APPEND, 0600);
        tarn_logger_init(json ? TARN_LOG_JSON : TARN_LOG_TEXT, TARN_LOG_INFO, fd, "");
        tarn_log(TARN_LOG_DEBUG, "not seen", NULL);
        tarn_log(TARN_LOG_INFO, "an event", "k", nasty, "left out", NULL, "n", TARN_LOG_U64(18446744073709551615ull), "huge", huge, NULL);
        (void)read_log(fd, text, sizeof text);
        CU_ASSERT(strchr(text, '\n') == text + strlen(text) - 1);
        CU_ASSERT(strstr(text, "not seen") == NULL && strstr(text, "left out") == NULL && strstr(text, "18446744073709551615") != NULL);
        if (json) {
            CU_ASSERT_EQUAL_FATAL(tarn_object_from_json(tarn_bytes_of(text), &obj, NULL), 0);
            CU_ASSERT(tarn_object_get_string(obj, "k", &value) == 0 && tarn_bytes_equal(value, tarn_bytes_of(nasty)));
            CU_ASSERT(tarn_object_get_string(obj, "level", &value) == 0 && tarn_bytes_equal(value, TARN_BYTES("info")));
            tarn_object_unref(obj);
        }
        (void)close(fd);
    }
    tarn_logger_init(TARN_LOG_TEXT, TARN_LOG_INFO, 2, "");
    free(huge);
}

/* ---- handoff ---------------------------------------------------------------------------------------- */

#define NODES 20000

struct counted {
    struct tarn_handoff_node node;
    int n;
};

struct receiver {
    uv_loop_t loop;
    struct tarn_handoff h;
    int seen;
    bool ordered;
};

static void on_node(void *ctx, struct tarn_handoff_node *n)
{
    struct receiver *r = ctx;

    r->ordered &= ((struct counted *)n)->n == r->seen;
    if (++r->seen == NODES)
        tarn_handoff_close(&r->h, NULL);
}

static void receive(void *arg)
{
    struct receiver *r = arg;

    (void)uv_run(&r->loop, UV_RUN_DEFAULT);
}

static void messages_between_loops_come_all_and_in_order_and_none_after_the_close(void)
{
    struct counted *v = calloc(NODES + 1, sizeof *v);
    struct receiver r = {.ordered = true};
    uv_thread_t t;

    CU_ASSERT_FATAL(uv_loop_init(&r.loop) == 0 && tarn_handoff_init(&r.h, &r.loop, on_node, &r) == 0);
    CU_ASSERT_FATAL(uv_thread_create(&t, receive, &r) == 0);
    for (int i = 0; i < NODES; i++) {
        v[i].n = i;
        CU_ASSERT(tarn_handoff_put(&r.h, &v[i].node));
    }
    (void)uv_thread_join(&t);
    CU_ASSERT(r.ordered && r.seen == NODES);
    CU_ASSERT_FALSE(tarn_handoff_put(&r.h, &v[NODES].node));
    CU_ASSERT_EQUAL(uv_loop_close(&r.loop), 0);
    tarn_handoff_release(&r.h);
    free(v);
}

TARN_TEST_MAIN("host", TARN_TEST(only_one_agent_holds_a_runtime_directory), TARN_TEST(the_socket_can_belong_to_a_group), TARN_TEST(a_stale_socket_is_replaced_and_only_our_own_is_removed),
               TARN_TEST(readiness_is_told_by_a_datagram), TARN_TEST(a_realm_is_read_by_its_readers_root_and_the_agents_own_user),
               TARN_TEST(the_kernel_says_who_the_peer_is), TARN_TEST(each_event_is_one_line_whatever_its_values_hold),
               TARN_TEST(messages_between_loops_come_all_and_in_order_and_none_after_the_close))
