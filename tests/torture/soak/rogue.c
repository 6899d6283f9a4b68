/* soak-rogue: a client with every right of a client and no manners. The agent and the other clients must not notice.
 *
 *     soak-rogue page      garbage in all of its control page, and holes punched in it
 *     soak-rogue pins      pins of old commits, changed all the time so that none grows old
 *     soak-rogue doorbell  asks for every wake-up and reads none
 *     soak-rogue half      connections that say nothing, half a message, or the wrong one
 *     soak-rogue flood     messages without end, answers never read
 *     soak-rogue fds       a handful of descriptors with every message
 *     soak-rogue write     tries every way to write the region; ends with 0 when none works, with 1 and "WRONG" when one does
 *
 * It speaks the attach socket's format itself, because libtarn would not do any of this. All but the last go on until killed.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <tarn/attach.h>
#include <tarn/layout.h>

#define MANY 40

struct attached {
    int socket, region, control;
    void *page;
    size_t page_bytes;
};

static uint64_t seed = 88172645463325252u;

static uint64_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static void pause_us(long us)
{
    (void)nanosleep(&(struct timespec){.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000}, NULL);
}

static int connect_to_agent(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    const char *path = getenv("TARN_SOCKET");
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    (void)snprintf(a.sun_path, sizeof a.sun_path, "%s", path ? path : TARN_SOCKET_DEFAULT);
    while (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) < 0)
        pause_us(2000); /* no agent, or its queue is full */
    return fd;
}

static void encode(enum tarn_attach_type type, struct tarn_buf *out)
{
    struct tarn_attach_message m = {.type = type};

    if (type == TARN_ATTACH_HELLO)
        m.hello = (struct tarn_attach_hello){.abi_min = TARN_REGION_ABI_MAJOR, .abi_max = TARN_REGION_ABI_MAJOR, .program = TARN_BYTES("rogue")};
    else
        m.control.verb = TARN_BYTES("status");
    if (tarn_attach_encode(&m, out))
        exit(2);
}

static ssize_t send_type(int fd, enum tarn_attach_type type)
{
    struct tarn_buf b = {0};
    ssize_t n;

    encode(type, &b);
    n = send(fd, b.data, b.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    tarn_buf_release(&b);
    return n;
}

/* WELCOME's two descriptors; false: refused, or the agent is gone. */
static bool receive_welcome(int fd, int ret[2])
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(2 * sizeof(int))];
    } control;
    char data[4096];
    struct iovec iov = {.iov_base = data, .iov_len = sizeof data};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    ssize_t n;

    while ((n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC)) < 0 && errno == EAGAIN)
        pause_us(500);
    if (n <= 0 || !CMSG_FIRSTHDR(&m) || CMSG_FIRSTHDR(&m)->cmsg_len != CMSG_LEN(2 * sizeof(int)))
        return false;
    memcpy(ret, CMSG_DATA(CMSG_FIRSTHDR(&m)), 2 * sizeof(int));
    return true;
}

static struct attached attach(void)
{
    struct attached a;
    struct stat st;
    int fds[2];

    for (;;) {
        a.socket = connect_to_agent();
        if (send_type(a.socket, TARN_ATTACH_HELLO) > 0 && receive_welcome(a.socket, fds))
            break;
        (void)close(a.socket);
        pause_us(10000);
    }
    a.region = fds[0];
    a.control = fds[1];
    if (fstat(a.control, &st))
        exit(2);
    a.page_bytes = (size_t)st.st_size;
    a.page = mmap(NULL, a.page_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, a.control, 0);
    if (a.page == MAP_FAILED)
        exit(2);
    return a;
}

static void detach(struct attached *a)
{
    (void)munmap(a->page, a->page_bytes);
    (void)close(a->control);
    (void)close(a->region);
    (void)close(a->socket);
}

/* Has the agent ended the connection? Nothing is taken off the queue. */
static bool ended(int fd)
{
    char byte;
    ssize_t n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

    return n == 0 || (n < 0 && errno != EAGAIN);
}

/* ---- what it does ------------------------------------------------------------------------------------------- */

static void garbage_and_holes(struct attached *a)
{
    volatile uint64_t *words = a->page;

    for (size_t i = 0; i < a->page_bytes / 8; i++)
        words[i] = next_random() >> next_random() % 64;
    if (next_random() % 2)
        (void)fallocate(a->control, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)a->page_bytes);
    pause_us(500);
}

static void restless_pins(struct attached *a)
{
    static uint64_t turn;
    struct tarn_control_page *page = a->page;
    uint32_t lines = (uint32_t)(a->page_bytes / 64) - 1;

    page->high = lines;
    turn++;
    for (uint32_t i = 0; i < lines; i++)
        atomic_store(&page->line[i].pin, 1 + (turn + i) % 50);
    pause_us(1000);
}

static void deaf_to_doorbells(struct attached *a)
{
    atomic_store((_Atomic uint32_t *)a->page, 1);
    pause_us(100);
}

static void with_a_page(void (*act)(struct attached *a))
{
    for (;;) {
        struct attached a = attach();

        while (!ended(a.socket))
            act(&a);
        detach(&a);
    }
}

/* A quarter each: silence, half a HELLO, noise, a HELLO and the end before the answer. */
static void half_handshakes(void)
{
    int fd[MANY];

    for (int i = 0; i < MANY; i++)
        fd[i] = connect_to_agent();
    for (unsigned n = 0;; n++) {
        int i = (int)(n % MANY);
        struct tarn_buf b = {0};

        encode(TARN_ATTACH_HELLO, &b);
        if (n % 4 == 1)
            (void)send(fd[i], b.data, b.len / 2, MSG_NOSIGNAL);
        if (n % 4 == 2)
            (void)send(fd[i], &seed, next_random() % 8, MSG_NOSIGNAL);
        if (n % 4 == 3)
            (void)send(fd[i], b.data, b.len, MSG_NOSIGNAL);
        if (n % 4 == 3 || ended(fd[i])) {
            (void)close(fd[i]);
            fd[i] = connect_to_agent();
        }
        tarn_buf_release(&b);
        pause_us(2000);
    }
}

static void flood(void)
{
    for (;;) {
        int fd = connect_to_agent();

        for (int i = 0; i < 300; i++)
            if (send_type(fd, i ? TARN_ATTACH_CONTROL : TARN_ATTACH_HELLO) < 0)
                pause_us(300);
        (void)close(fd);
    }
}

static void send_descriptors(int fd)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(MANY * sizeof(int))];
    } control = {0};
    struct tarn_buf b = {0};
    struct iovec iov;
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);

    encode(TARN_ATTACH_HELLO, &b);
    iov = (struct iovec){.iov_base = b.data, .iov_len = b.len};
    *c = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(MANY * sizeof(int))};
    for (int i = 0; i < MANY; i++)
        memcpy(CMSG_DATA(c) + (size_t)i * sizeof(int), &fd, sizeof fd);
    (void)sendmsg(fd, &m, MSG_NOSIGNAL);
    tarn_buf_release(&b);
}

static void extra_descriptors(void)
{
    for (;;) {
        int fd = connect_to_agent();

        for (int i = 0; i < 3; i++)
            send_descriptors(fd);
        pause_us(5000);
        (void)close(fd);
    }
}

/* ---- ways to write the region --------------------------------------------------------------------------------- */

static int reopen(const struct attached *a, int flags)
{
    char path[64];

    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", a->region);
    return open(path, flags | O_CLOEXEC);
}

static bool map_writable(const struct attached *a)
{
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, a->region, 0) != MAP_FAILED;
}

static bool make_writable(const struct attached *a)
{
    void *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, a->region, 0);

    return p == MAP_FAILED || mprotect(p, 4096, PROT_READ | PROT_WRITE) == 0;
}

static bool reopen_and_map(const struct attached *a)
{
    int fd = reopen(a, O_RDWR);

    return fd >= 0 && mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) != MAP_FAILED;
}

static bool reopen_and_write(const struct attached *a)
{
    int fd = reopen(a, O_RDWR);

    return fd >= 0 && pwrite(fd, "x", 1, 0) == 1;
}

static bool write_it(const struct attached *a)
{
    return pwrite(a->region, "x", 1, 0) == 1;
}

static bool resize(const struct attached *a)
{
    int fd = reopen(a, O_RDWR);

    return ftruncate(a->region, 0) == 0 || (fd >= 0 && (ftruncate(fd, 4096) == 0 || ftruncate(fd, (off_t)1 << 40) == 0));
}

static bool punch(const struct attached *a)
{
    int fd = reopen(a, O_RDWR);

    return fallocate(fd >= 0 ? fd : a->region, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) == 0;
}

static bool unseal_or_seal(const struct attached *a)
{
    int fd = reopen(a, O_RDWR);

    return fcntl(fd >= 0 ? fd : a->region, F_ADD_SEALS, F_SEAL_WRITE) == 0;
}

static bool by_memory_file(const struct attached *a)
{
    void *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, a->region, 0);
    int fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);

    return p == MAP_FAILED || (fd >= 0 && pwrite(fd, "x", 1, (off_t)(uintptr_t)p) == 1);
}

static bool resize_control(const struct attached *a)
{
    return ftruncate(a->control, 0) == 0 || ftruncate(a->control, (off_t)1 << 30) == 0;
}

static int try_to_write(void)
{
    static const struct {
        const char *name;
        bool (*works)(const struct attached *a);
    } ways[] = {{"mmap", map_writable},          {"mprotect", make_writable},  {"reopen and mmap", reopen_and_map},
                {"reopen and write", reopen_and_write}, {"write", write_it},   {"truncate", resize},
                {"punch a hole", punch},         {"add a seal", unseal_or_seal}, {"/proc/self/mem", by_memory_file},
                {"resize the control page", resize_control}};
    struct attached a = attach();
    int wrong = 0;

    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (ways[i].works(&a)) {
            (void)printf("WRONG: a client can write: %s\n", ways[i].name);
            wrong = 1;
        }
    return wrong;
}

int main(int argc, char **argv)
{
    const char *kind = argc > 1 ? argv[1] : "";

    if (strcmp(kind, "page") == 0)
        with_a_page(garbage_and_holes);
    if (strcmp(kind, "pins") == 0)
        with_a_page(restless_pins);
    if (strcmp(kind, "doorbell") == 0)
        with_a_page(deaf_to_doorbells);
    if (strcmp(kind, "half") == 0)
        half_handshakes();
    if (strcmp(kind, "flood") == 0)
        flood();
    if (strcmp(kind, "fds") == 0)
        extra_descriptors();
    if (strcmp(kind, "write") == 0)
        return try_to_write();
    (void)fprintf(stderr, "unknown kind '%s'\n", kind);
    return 2;
}
