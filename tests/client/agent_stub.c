/* The stub's two sides: commands over a socket pair, and a loop that accepts clients and does what it is told. */
#include "agent_stub.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tarn/attach.h>
#include <tarn/region_store.h>
#include <tarn/takeover.h>
#include <tarn/writer.h>

enum { COMMAND_MAX = 60000, CLIENTS_MAX = 64, RESOURCES = 2, TURN_MS = 5 };

#define MUST(call)                                                                     \
    do {                                                                               \
        if (!(call)) {                                                                 \
            fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #call, strerror(errno)); \
            _exit(70);                                                                 \
        }                                                                              \
    } while (0)

/* ---- the agent's process ---------------------------------------------------------------------------- */

struct client {
    int fd;
    uint32_t id;
    struct tarn_writer *w; /* of the region it is attached to; NULL: none yet */
};

struct stub {
    const struct agent_options *o;
    struct tarn_writer *w, *old; /* old: superseded, kept for the clients that are still attached to it */
    struct tarn_store *stores[RESOURCES];
    struct tarn_resource_state states[RESOURCES];
    char rv[RESOURCES][32], error[RESOURCES][256];
    struct client clients[CLIENTS_MAX];
    int listener, control;
};

static int resource_of(const char *name)
{
    return strcmp(name, "nodes") == 0;
}

static void describe(struct tarn_writer_resource *ret)
{
    static struct tarn_index_func indexes[2];
    static const char *const short_names[] = {"po"};

    if (!indexes[0].fn) {
        MUST(tarn_index_func_builtin("spec.nodeName", &indexes[0], NULL) == 0);
        MUST(tarn_index_func_builtin("label:app", &indexes[1], NULL) == 0);
    }
    ret[0] = (struct tarn_writer_resource){.name = "pods", .api_version = "v1", .kind = "Pod", .singular = "pod", .namespaced = true,
                                           .indexes = indexes, .nindex = 2, .short_names = short_names, .nshort = 1};
    ret[1] = (struct tarn_writer_resource){.name = "nodes", .api_version = "v1", .kind = "Node", .singular = "node"};
}

static void make_resources(struct stub *s)
{
    struct tarn_writer_resource r[RESOURCES];
    uint16_t id;

    describe(r);
    for (int i = 0; i < RESOURCES; i++) {
        MUST(tarn_writer_add_resource(s->w, &r[i], &id, NULL) == 0);
        MUST(tarn_region_store_new(s->w, id, &s->stores[i], NULL) == 0);
        s->states[i] = (struct tarn_resource_state){.synced = !s->o->unsynced, .live = !s->o->unsynced && !s->o->restored};
        if (s->o->restored)
            s->states[i].resource_version = tarn_bytes_of(s->o->restored);
        MUST(tarn_writer_set_resource_state(s->w, id, &s->states[i], NULL) == 0);
    }
    MUST(tarn_writer_commit(s->w, NULL) == 0);
}

/* Try again after collections: the ladder takes its time. */
static int put_object(struct stub *s, int res, const struct tarn_object *obj)
{
    struct tarn_error err;
    int r = TARN_E_FULL;

    for (int i = 0; i < 400 && r == TARN_E_FULL; i++) {
        r = tarn_store_update(s->stores[res], obj, &err);
        if (r == TARN_E_FULL) {
            (void)!tarn_writer_commit(s->w, NULL);
            (void)tarn_writer_collect(s->w);
            (void)poll(NULL, 0, 5);
        }
    }
    return r;
}

static int commit(struct stub *s, int r)
{
    return r == 0 ? tarn_writer_commit(s->w, NULL) : r;
}

static int do_put(struct stub *s, char *args)
{
    char *json = strchr(args, ' ');
    const struct tarn_object *obj;
    int r;

    *json++ = 0;
    r = tarn_object_from_json(tarn_bytes_of(json), &obj, NULL);
    if (r != 0)
        return r;
    r = commit(s, put_object(s, resource_of(args), obj));
    tarn_object_unref(obj);
    return r;
}

static int do_delete(struct stub *s, char *args)
{
    char *key = strchr(args, ' ');
    const struct tarn_object *obj;
    int r;

    *key++ = 0;
    MUST(tarn_object_new_explicit_key(tarn_bytes_of(key), &obj) == 0);
    r = commit(s, tarn_store_delete(s->stores[resource_of(args)], obj, NULL));
    tarn_object_unref(obj);
    return r;
}

static const struct tarn_object *filler(const char *prefix, unsigned i, unsigned rv, unsigned pad)
{
    const struct tarn_object *obj;
    struct tarn_buf json = {0};

    MUST(tarn_buf_addf(&json,
                       "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"%s-%u\",\"namespace\":\"ns-%u\",\"uid\":\"%s-%u\","
                       "\"resourceVersion\":\"%u\",\"labels\":{\"app\":\"app-%u\"}},\"spec\":{\"nodeName\":\"node-%u\",\"pad\":\"",
                       prefix, i, i % 3, prefix, i, rv, i % 5, i % 7) == 0);
    while (pad-- > 0)
        MUST(tarn_buf_add(&json, "x", 1) == 0);
    MUST(tarn_buf_adds(&json, "\"}}") == 0);
    MUST(tarn_object_from_json(tarn_buf_bytes(&json), &obj, NULL) == 0);
    tarn_buf_release(&json);
    return obj;
}

static int do_fill(struct stub *s, char *args)
{
    char prefix[64];
    unsigned n, rv, pad;
    int r = 0;

    MUST(sscanf(args, "%63s %u %u %u", prefix, &n, &rv, &pad) == 4);
    for (unsigned i = 0; r == 0 && i < n; i++) {
        const struct tarn_object *obj = filler(prefix, i, rv, pad);

        r = put_object(s, 0, obj);
        tarn_object_unref(obj);
    }
    return commit(s, r);
}

static int do_replace(struct stub *s, char *args)
{
    struct tarn_store *st = s->stores[0];
    char prefix[64];
    unsigned n, rv;
    int r;

    MUST(sscanf(args, "%63s %u %u", prefix, &n, &rv) == 3);
    r = st->ops->replace_begin(st, NULL);
    for (unsigned i = 0; r == 0 && i < n; i++) {
        const struct tarn_object *obj = filler(prefix, i, rv, 0);

        r = st->ops->replace_add(st, obj, NULL);
        tarn_object_unref(obj);
    }
    return r == 0 ? commit(s, st->ops->replace_commit(st, TARN_BYTES("1"), NULL)) : r;
}

static int do_state(struct stub *s, char *args)
{
    char name[32], rv[32];
    int synced, at = 0, i;

    MUST(sscanf(args, "%31s %d %31s %n", name, &synced, rv, &at) >= 3);
    i = resource_of(name);
    snprintf(s->rv[i], sizeof s->rv[i], "%s", rv);
    snprintf(s->error[i], sizeof s->error[i], "%.255s", args + at);
    s->states[i].synced = s->states[i].live = synced;
    s->states[i].resource_version = tarn_bytes_of(s->rv[i]);
    s->states[i].last_error = tarn_bytes_of(s->error[i]);
    return commit(s, tarn_writer_set_resource_state(s->w, (uint16_t)(i + 1), &s->states[i], NULL));
}

static int do_hand_over(struct stub *s, char *args)
{
    struct tarn_writer_resource r[RESOURCES];
    struct tarn_takeover t = {.from = tarn_writer_view(s->w), .resources = r, .n = RESOURCES, .same_run = true};
    struct tarn_writer_options o = {.budget_bytes = 64u << 20, .log_entries = s->o->log_entries};
    struct tarn_writer *w;
    uint16_t ids[RESOURCES];
    int rc;

    (void)args;
    describe(r);
    rc = tarn_writer_takeover(&o, &t, ids, &w, NULL);
    if (rc != 0)
        return rc;
    for (int i = 0; i < RESOURCES; i++) {
        tarn_store_free(s->stores[i]);
        MUST(tarn_region_store_new(w, ids[i], &s->stores[i], NULL) == 0);
    }
    tarn_writer_set_agent_state(w, TARN_AGENT_LIVE);
    tarn_writer_supersede(s->w, tarn_writer_view(w)->generation);
    tarn_writer_free(s->old);
    s->old = s->w;
    s->w = w;
    return 0;
}

static int do_clients(struct stub *s, char *args)
{
    struct tarn_writer_stats st;

    (void)args;
    (void)tarn_writer_collect(s->w);
    tarn_writer_stats(s->w, &st);
    return (int)(st.clients << 16 | st.pins);
}

static int obey(struct stub *s, char *line)
{
    static const struct {
        const char *verb;
        int (*act)(struct stub *s, char *args);
    } verbs[] = {{"put ", do_put},         {"delete ", do_delete}, {"fill ", do_fill},
                 {"replace ", do_replace}, {"state ", do_state},   {"clients ", do_clients},
                 {"handover ", do_hand_over}};

    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strncmp(line, verbs[i].verb, strlen(verbs[i].verb)) == 0)
            return verbs[i].act(s, line + strlen(verbs[i].verb));
    return TARN_E_INVAL;
}

static void send_with_fds(int to, const struct tarn_buf *packet, const int *fds, size_t n)
{
    union {
        char bytes[CMSG_SPACE(2 * sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    struct iovec iov = {.iov_base = packet->data, .iov_len = packet->len};
    struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};
    struct cmsghdr *c;

    if (n) {
        h.msg_control = control.bytes;
        h.msg_controllen = CMSG_SPACE(n * sizeof(int));
        c = CMSG_FIRSTHDR(&h);
        *c = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(n * sizeof(int))};
        memcpy(CMSG_DATA(c), fds, n * sizeof(int));
    }
    (void)!sendmsg(to, &h, MSG_NOSIGNAL);
}

static void welcome(struct stub *s, struct client *c)
{
    const struct tarn_region_view *v = tarn_writer_view(s->w);
    struct tarn_attach_message m = {.type = TARN_ATTACH_WELCOME,
                                    .welcome = {.region_bytes = v->size, .generation = v->generation, .control_bytes = 65536,
                                                .lease_ms = 1000, .heartbeat_ms = 1000, .abi_major = 1, .realm = TARN_BYTES("cluster"),
                                                .agent = TARN_BYTES("stub")}};
    struct tarn_pin_page *page;
    struct tarn_buf packet = {0};
    int fds[2] = {tarn_writer_fd(s->w), -1};

    memcpy(m.welcome.instance, v->instance, sizeof v->instance);
    MUST(tarn_pin_page_new(65536, &page, &fds[1], NULL) == 0);
    MUST(tarn_writer_client_add(s->w, page, c->fd, &c->id) == 0);
    c->w = s->w;
    MUST(tarn_attach_encode(&m, &packet) == 0);
    send_with_fds(c->fd, &packet, fds, 2);
    close(fds[1]);
    tarn_buf_release(&packet);
}

static void answer(int fd, const struct tarn_attach_message *m)
{
    struct tarn_buf packet = {0};

    MUST(tarn_attach_encode(m, &packet) == 0);
    send_with_fds(fd, &packet, NULL, 0);
    tarn_buf_release(&packet);
}

/* "status" is answered in two parts. */
static void answer_control(int fd)
{
    answer(fd, &(struct tarn_attach_message){.type = TARN_ATTACH_REPLY, .reply = {.bytes = TARN_BYTES("{\"agent\":{\"pid\":")}});
    answer(fd, &(struct tarn_attach_message){.type = TARN_ATTACH_REPLY, .reply = {.last = true, .bytes = TARN_BYTES("7}}")}});
}

static void client_gone(struct stub *s, struct client *c)
{
    if (c->w == s->w || (c->w && c->w == s->old))
        tarn_writer_client_remove(c->w, c->id);
    close(c->fd);
    *c = (struct client){.fd = -1};
}

static void client_read(struct stub *s, struct client *c)
{
    struct tarn_attach_message m;
    char packet[TARN_ATTACH_BYTES_MAX];
    ssize_t n = recv(c->fd, packet, sizeof packet, MSG_DONTWAIT);

    if (n <= 0)
        client_gone(s, c);
    else if (tarn_attach_decode((struct tarn_bytes){packet, (size_t)n}, &m, NULL) != 0)
        client_gone(s, c);
    else if (m.type == TARN_ATTACH_CONTROL)
        answer_control(c->fd);
    else if (s->o->refuse)
        answer(c->fd, &(struct tarn_attach_message){
                          .type = TARN_ATTACH_REFUSED,
                          .refused = {.code = TARN_E_PERM, .text = tarn_bytes_of(s->o->refuse)}});
    else
        welcome(s, c);
}

static void client_accept(struct stub *s)
{
    int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);

    for (int i = 0; fd >= 0 && i < CLIENTS_MAX; i++)
        if (s->clients[i].fd < 0) {
            s->clients[i].fd = fd;
            return;
        }
    close(fd);
}

/* False when the test is gone or asks for the end. */
static bool command_read(struct stub *s)
{
    static char line[COMMAND_MAX + 1];
    ssize_t n = recv(s->control, line, COMMAND_MAX, 0);
    int r;

    if (n <= 0 || (n >= 4 && memcmp(line, "stop", 4) == 0))
        return false;
    line[n] = 0;
    r = obey(s, line);
    MUST(send(s->control, &r, sizeof r, MSG_NOSIGNAL) == sizeof r);
    return true;
}

static void serve(struct stub *s)
{
    struct pollfd p[CLIENTS_MAX + 2];
    bool going_on = true;

    while (going_on) {
        p[0] = (struct pollfd){.fd = s->control, .events = POLLIN};
        p[1] = (struct pollfd){.fd = s->listener, .events = POLLIN};
        for (int i = 0; i < CLIENTS_MAX; i++)
            p[i + 2] = (struct pollfd){.fd = s->clients[i].fd, .events = POLLIN};
        (void)poll(p, CLIENTS_MAX + 2, TURN_MS);
        for (int i = 0; i < CLIENTS_MAX; i++)
            if (p[i + 2].revents)
                client_read(s, &s->clients[i]);
        if (p[1].revents)
            client_accept(s);
        if (p[0].revents)
            going_on = command_read(s);
        (void)tarn_writer_collect(s->w);
    }
}

static int listen_at(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    MUST(fd >= 0 && strlen(path) < sizeof a.sun_path);
    strcpy(a.sun_path, path);
    unlink(path);
    MUST(bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(fd, 32) == 0);
    return fd;
}

static void stub_main(int control, const struct agent *a, const struct agent_options *o)
{
    struct stub s = {.o = o, .control = control};
    struct tarn_writer_options w = {.budget_bytes = o->budget_bytes ? o->budget_bytes : 64u << 20,
                                    .log_entries = o->log_entries,
                                    .lease_ms = o->lease_ms,
                                    .generation = o->generation};

    char go;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (recv(control, &go, 1, 0) != 1)
        _exit(0);
    for (int i = 0; i < CLIENTS_MAX; i++)
        s.clients[i].fd = -1;
    MUST(tarn_writer_new(&w, &s.w, NULL) == 0);
    make_resources(&s);
    tarn_writer_set_agent_state(s.w, TARN_AGENT_LIVE);
    s.listener = listen_at(a->socket);
    MUST(send(control, "", 1, MSG_NOSIGNAL) == 1);
    serve(&s);
    for (int i = 0; i < RESOURCES; i++)
        tarn_store_free(s.stores[i]);
    tarn_writer_free(s.old);
    tarn_writer_free(s.w);
    _exit(0);
}

/* ---- the test's side ----------------------------------------------------------------------------------- */

void agent_prepare(struct agent *a, const struct agent_options *o)
{
    static const struct agent_options defaults;
    int pair[2];

    if (!a->dir[0]) {
        strcpy(a->dir, "/tmp/tarn-test-XXXXXX");
        MUST(mkdtemp(a->dir));
    }
    snprintf(a->socket, sizeof a->socket, "%s/tarn.sock", a->dir);
    MUST(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
    a->pid = fork();
    MUST(a->pid >= 0);
    if (a->pid == 0) {
        close(pair[0]);
        stub_main(pair[1], a, o ? o : &defaults);
    }
    close(pair[1]);
    a->control = pair[0];
}

void agent_go(struct agent *a)
{
    char ready;

    MUST(send(a->control, "", 1, MSG_NOSIGNAL) == 1);
    MUST(recv(a->control, &ready, 1, 0) == 1);
}

void agent_start(struct agent *a, const struct agent_options *o)
{
    agent_prepare(a, o);
    agent_go(a);
}

static void reap(struct agent *a)
{
    close(a->control);
    MUST(waitpid(a->pid, NULL, 0) == a->pid);
}

void agent_kill(struct agent *a)
{
    kill(a->pid, SIGKILL);
    reap(a);
}

void agent_stop(struct agent *a)
{
    MUST(send(a->control, "stop", 4, MSG_NOSIGNAL) == 4);
    reap(a);
    unlink(a->socket);
    rmdir(a->dir);
    a->dir[0] = 0;
}

static int tell(struct agent *a, const char *fmt, ...)
{
    static char line[COMMAND_MAX];
    va_list ap;
    int n, r;

    va_start(ap, fmt);
    n = vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    MUST(n > 0 && n < COMMAND_MAX);
    MUST(send(a->control, line, (size_t)n, MSG_NOSIGNAL) == n);
    MUST(recv(a->control, &r, sizeof r, 0) == sizeof r);
    return r;
}

bool agent_put(struct agent *a, const char *resource, const char *json)
{
    return tell(a, "put %s %s", resource, json) == 0;
}

bool agent_delete(struct agent *a, const char *resource, const char *key)
{
    return tell(a, "delete %s %s", resource, key) == 0;
}

bool agent_fill(struct agent *a, const char *prefix, unsigned n, unsigned rv, unsigned pad)
{
    return tell(a, "fill %s %u %u %u", prefix, n, rv, pad) == 0;
}

bool agent_replace(struct agent *a, const char *prefix, unsigned n, unsigned rv)
{
    return tell(a, "replace %s %u %u", prefix, n, rv) == 0;
}

bool agent_state(struct agent *a, const char *resource, bool synced, const char *rv, const char *error)
{
    return tell(a, "state %s %d %s %s", resource, synced, rv, error) == 0;
}

bool agent_hand_over(struct agent *a)
{
    return tell(a, "handover ") == 0;
}

void agent_clients(struct agent *a, unsigned *ret_clients, unsigned *ret_pins)
{
    int r = tell(a, "clients ");

    *ret_clients = (unsigned)r >> 16;
    *ret_pins = (unsigned)r & 0xffff;
}

const char *pod_json(const char *ns, const char *name, unsigned rv, const char *node, const char *app, const char *uid)
{
    static char json[1024];

    snprintf(json, sizeof json,
             "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"%s\",\"namespace\":\"%s\",\"uid\":\"%s\",\"resourceVersion\":\"%u\","
             "\"labels\":{\"app\":\"%s\"}},\"spec\":{\"nodeName\":\"%s\"}}",
             name, ns, uid ? uid : name, rv, app, node);
    return json;
}
