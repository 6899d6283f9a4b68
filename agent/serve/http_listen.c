/* http_listen.c - the addresses of http_server.h: what is a good one, and listening there. */
#include "http_server_impl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int bad_listen(struct tarn_error *err, const char *listen, const char *why)
{
    return tarn_error_set(err, TARN_E_CONFIG, "'%s': %s; expected the form 127.0.0.1:9402, [::1]:9402 or localhost:9402", listen, why);
}

void http_strip_port(const char *host, char *ret, size_t size)
{
    size_t n = *host == '[' ? strcspn(host, "]") : strcspn(host, ":");

    (void)snprintf(ret, size, "%.*s", (int)(*host == '[' ? n - 1 : n), *host == '[' ? host + 1 : host);
}

static bool is_loopback(const struct sockaddr *a)
{
    if (a->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)a)->sin_addr.s_addr) >> 24 == 127;
    return a->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)a)->sin6_addr);
}

/* No name but localhost is looked up: the answer could change between the check and the bind. */
static int parse_listen(const char *listen, bool any, struct sockaddr_storage *ret, socklen_t *ret_len, struct tarn_error *err)
{
    const char *colon = strrchr(listen, ':');
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV}, *found;
    char host[64];

    if (!colon || !colon[1] || strlen(colon) > 6 || colon[1 + strspn(colon + 1, "0123456789")] || atoi(colon + 1) > 65535)
        return bad_listen(err, listen, "no port from 0 to 65535");
    http_strip_port(listen, host, sizeof host);
    if (getaddrinfo(strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, colon + 1, &hints, &found))
        return bad_listen(err, listen, "not an address");
    memcpy(ret, found->ai_addr, found->ai_addrlen);
    *ret_len = found->ai_addrlen;
    freeaddrinfo(found);
    return any || is_loopback((const struct sockaddr *)ret) ? 0 : bad_listen(err, listen, "not a loopback address: what is said there could be read and changed on its way");
}

int tarn_http_server_check_listen(const char *listen, bool any, struct tarn_error *err)
{
    struct sockaddr_storage a;
    socklen_t n;

    return parse_listen(listen, any, &a, &n, err);
}

int http_listen_tcp(const struct http_listener *l, struct tarn_error *err)
{
    const struct tarn_http_server_options *o = &l->s->o;
    struct sockaddr_storage a = {0};
    socklen_t n = 0;
    int rc = parse_listen(o->listen, o->certificate != NULL, &a, &n, err), fd, on = 1;

    if (rc)
        return rc;
    fd = socket(a.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 && bind(fd, (const struct sockaddr *)&a, n) == 0 &&
        listen(fd, TARN_LISTEN_BACKLOG) == 0)
        return fd;
    rc = tarn_error_set(err, TARN_E_IO, "cannot listen on %s: %s; `%s.listen` names another address", o->listen, strerror(errno), o->section);
    if (fd >= 0)
        (void)close(fd);
    return rc;
}

int http_listen_local(struct http_listener *l, struct tarn_error *err)
{
    char flag[64];
    struct tarn_unix_socket_options o = {.path = l->name, .type = SOCK_STREAM, .gid = l->s->o.socket_gid, .flag = flag};
    int rc;

    (void)snprintf(flag, sizeof flag, "`%s.socket`", l->s->o.section);
    rc = tarn_unix_socket_listen(&l->socket, &o, err);
    if (!rc)
        return l->socket.fd;
    tarn_unix_socket_close(&l->socket);
    return rc;
}
