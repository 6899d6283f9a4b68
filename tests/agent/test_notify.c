/* What is said to the service manager, as it hears it: a socket of our own stands in its place. */
#include "notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tarn_test.h"

static int manager(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int s = socket(AF_UNIX, SOCK_DGRAM, 0);

    memcpy(a.sun_path, path, strlen(path));
    (void)unlink(path);
    CU_ASSERT_EQUAL_FATAL(bind(s, (struct sockaddr *)&a, sizeof a), 0);
    (void)setenv("NOTIFY_SOCKET", path, 1);
    return s;
}

/* The next message and, if one came with it, the descriptor. */
static int hear(int s, char *text, size_t size)
{
    char control[CMSG_SPACE(sizeof(int))];
    struct iovec iov = {.iov_base = text, .iov_len = size - 1};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t n = recvmsg(s, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    int fd = -1;

    text[n > 0 ? n : 0] = '\0';
    if (n > 0 && CMSG_FIRSTHDR(&m))
        memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof fd);
    return fd;
}

static void states_and_descriptors_arrive(void)
{
    char text[512], path[] = "/tmp/tarn-notify-XXXXXX";
    struct stat a, b;
    int s, fd = memfd_create("kept", MFD_CLOEXEC), got;

    CU_ASSERT_TRUE_FATAL(mkstemp(path) >= 0);
    s = manager(path);
    CU_ASSERT_EQUAL(tarn_notify("READY=1"), 0);
    CU_ASSERT_EQUAL(hear(s, text, sizeof text), -1);
    CU_ASSERT_STRING_EQUAL(text, "READY=1");
    CU_ASSERT_EQUAL(tarn_notify_keep("tarn-cluster-7", fd), 0);
    got = hear(s, text, sizeof text);
    CU_ASSERT_STRING_EQUAL(text, "FDSTORE=1\nFDPOLL=0\nFDNAME=tarn-cluster-7");
    CU_ASSERT_TRUE(got >= 0 && fstat(fd, &a) == 0 && fstat(got, &b) == 0 && a.st_ino == b.st_ino);
    CU_ASSERT_EQUAL(tarn_notify_drop("tarn-cluster-6"), 0);
    CU_ASSERT_EQUAL(hear(s, text, sizeof text), -1);
    CU_ASSERT_STRING_EQUAL(text, "FDSTOREREMOVE=1\nFDNAME=tarn-cluster-6");
    (void)close(got);
    (void)close(fd);
    (void)close(s);
    CU_ASSERT_EQUAL(unlink(path), 0);
    CU_ASSERT_EQUAL(tarn_notify("READY=1"), -1); /* nobody is there any more */
    (void)setenv("NOTIFY_SOCKET", "relative", 1);
    CU_ASSERT_TRUE(tarn_notify("READY=1") == -1 && errno == EINVAL);
    (void)unsetenv("NOTIFY_SOCKET");
    CU_ASSERT_EQUAL(tarn_notify_keep("x", 0), 0); /* no service manager: nothing to do */
}

/* Descriptors 3 and 4 are open in a child, 5 is not. Returns what it made of the variables: bits of what held. */
static int in_child(const char *pid, const char *fds, const char *names, int (*judge)(void))
{
    pid_t child = fork();
    int status;

    if (!child) {
        char own[24];

        (void)snprintf(own, sizeof own, "%d", (int)getpid());
        (void)setenv("LISTEN_PID", pid ? pid : own, 1);
        (void)setenv("LISTEN_FDS", fds, 1);
        if (names)
            (void)setenv("LISTEN_FDNAMES", names, 1);
        (void)dup2(open("/dev/null", O_RDONLY), 3);
        (void)dup2(3, 4);
        (void)close(5);
        _exit(judge());
    }
    (void)waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 99;
}

static int two_named(void)
{
    static struct tarn_kept kept[TARN_KEPT_MAX];
    unsigned n = tarn_notify_kept(kept);
    bool ok = n == 2 && kept[0].fd == 3 && kept[1].fd == 4 && !strcmp(kept[0].name, "tarn-cluster-7") && !strcmp(kept[1].name, "b");

    return ok && fcntl(3, F_GETFD) == FD_CLOEXEC && !getenv("LISTEN_FDS") && tarn_notify_kept(kept) == 0 ? 0 : 1;
}
static int two_without_names(void)
{
    static struct tarn_kept kept[TARN_KEPT_MAX];

    return tarn_notify_kept(kept) == 2 && !kept[0].name[0] && !kept[1].name[0] ? 0 : 1;
}
static int none(void)
{
    static struct tarn_kept kept[TARN_KEPT_MAX];

    return tarn_notify_kept(kept) == 0 && !getenv("LISTEN_PID") ? 0 : 1;
}

static void what_was_kept_comes_back_once(void)
{
    CU_ASSERT_EQUAL(in_child(NULL, "2", "tarn-cluster-7:b", two_named), 0);
    CU_ASSERT_EQUAL(in_child(NULL, "3", "tarn-cluster-7:b:c", two_named), 0); /* 5 is not open */
    CU_ASSERT_EQUAL(in_child(NULL, "2", NULL, two_without_names), 0);
    CU_ASSERT_EQUAL(in_child("1", "2", "a:b", none), 0); /* meant for another process */
    CU_ASSERT_EQUAL(in_child(NULL, "two", "a:b", none), 0);
    CU_ASSERT_EQUAL(in_child(NULL, "-1", "a:b", none), 0);
    CU_ASSERT_EQUAL(in_child(NULL, "1000000", "a:b", none), 0);
}

TARN_TEST_MAIN("notify", TARN_TEST(states_and_descriptors_arrive), TARN_TEST(what_was_kept_comes_back_once))
