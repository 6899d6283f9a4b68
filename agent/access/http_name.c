/* http_name.c - host names to addresses, on libuv's thread pool, so that no lookup ever blocks the loop.
 *
 * An answer serves for a minute; after a failed connection the next one asks again. While a known name is looked up
 * anew the old addresses go on being used.
 */
#include "http_internal.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

#define KNOWN_MS 60000

static bool is_address(const char *host)
{
    struct in6_addr a;

    return inet_pton(AF_INET, host, &a) == 1 || inet_pton(AF_INET6, host, &a) == 1;
}

static void name_init(struct tarn_http *h, struct name *n, const char *host, unsigned port)
{
    *n = (struct name){.http = h, .used = host && *host && !is_address(host)};
    if (!n->used)
        return;
    (void)snprintf(n->host, sizeof n->host, "%s", host);
    (void)snprintf(n->port, sizeof n->port, "%u", port);
}

/* What libcurl would take from the environment, as far as the name is concerned. */
static const char *proxy_of(const struct tarn_api_server *s)
{
    static const char *const names[][2] = {{"http_proxy", "http_proxy"}, {"https_proxy", "HTTPS_PROXY"}};
    const char *v;

    if (s->proxy_url)
        return s->proxy_url;
    v = getenv(names[s->tls][0]);
    return v && *v ? v : getenv(names[s->tls][1]);
}

static void init_proxy(struct tarn_http *h, struct name *n)
{
    const char *proxy = proxy_of(h->server);
    CURLU *u = proxy && *proxy ? curl_url() : NULL;
    char *host = NULL, *port = NULL;

    if (u && curl_url_set(u, CURLUPART_URL, proxy, CURLU_DEFAULT_SCHEME | CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
        /* libcurl's own default port for a proxy is 1080 */
        (void)curl_url_get(u, CURLUPART_PORT, &port, 0);
        name_init(h, n, host, port ? (unsigned)strtoul(port, NULL, 10) : 1080);
    }
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(u);
}

void http_names_init(struct tarn_http *h)
{
    /* behind a proxy that was named to us it is the proxy that resolves the server's name, which may exist only there */
    h->names_reading = h->server->readings;
    if (!h->server->proxy_url)
        name_init(h, &h->names[0], h->server->host, h->server->port);
    init_proxy(h, &h->names[1]);
}

/* ", "-less list of the addresses; false when there is none. */
static bool write_entry(struct name *n, const struct addrinfo *list)
{
    size_t len = (size_t)snprintf(n->entry, sizeof n->entry, "%s:%s:", n->host, n->port), head = len;
    char text[NI_MAXHOST];

    for (const struct addrinfo *a = list; a; a = a->ai_next) {
        if (getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST) != 0)
            continue;
        if (len + strlen(text) + 4 > sizeof n->entry)
            break;
        len += (size_t)snprintf(n->entry + len, sizeof n->entry - len, a->ai_family == AF_INET6 ? "%s[%s]" : "%s%s",
                                len > head ? "," : "", text);
    }
    return len > head;
}

static void on_answer(uv_getaddrinfo_t *req, int status, struct addrinfo *list)
{
    struct name *n = req->data;
    bool known = status == 0 && write_entry(n, list);

    uv_freeaddrinfo(list);
    if (known) {
        n->known_ms = uv_now(n->http->loop);
        n->stale = false;
    } else if (status < 0) {
        (void)snprintf(n->problem, sizeof n->problem, "%s", uv_strerror(status));
    } else {
        (void)snprintf(n->problem, sizeof n->problem, "no address");
    }
    n->state = known ? NAME_KNOWN : NAME_FAILED;
    http_maybe_free(n->http);
}

static void ask(struct name *n)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    int rc;

    n->req.data = n;
    rc = uv_getaddrinfo(n->http->loop, &n->req, on_answer, n->host, n->port, &hints);
    if (rc < 0)
        (void)snprintf(n->problem, sizeof n->problem, "%s", uv_strerror(rc));
    n->state = rc < 0 ? NAME_FAILED : NAME_ASKED;
}

static bool name_ready(struct name *n)
{
    if (!n->used || n->state == NAME_FAILED)
        return true;
    if (n->state == NAME_KNOWN && (n->stale || uv_now(n->http->loop) - n->known_ms > KNOWN_MS))
        n->state = NAME_UNKNOWN;
    if (n->state == NAME_UNKNOWN)
        ask(n);
    return n->state != NAME_ASKED;
}

/* Server and proxy may be others by now; false: a lookup of the old ones is under way, whose answer is waited for. */
static bool follow_server(struct tarn_http *h)
{
    if (h->names_reading == h->server->readings)
        return true;
    if (!http_names_idle(h))
        return false;
    memset(h->names, 0, sizeof h->names);
    http_names_init(h);
    return true;
}

bool http_names_ready(struct tarn_http *h, const char **ret_problem)
{
    bool server, proxy;

    if (!follow_server(h))
        return false;
    server = name_ready(&h->names[0]);
    proxy = name_ready(&h->names[1]);
    if (!server || !proxy)
        return false;
    for (int i = 0; i < HTTP_NAMES; i++) {
        struct name *n = &h->names[i];

        if (!n->used || n->state != NAME_FAILED)
            continue;
        /* the environment may name a proxy, which then resolves the server's name */
        if (i > 0 || !proxy_of(h->server))
            *ret_problem = n->problem;
        n->state = NAME_UNKNOWN; /* the next connection asks again */
    }
    return true;
}

struct curl_slist *http_names_list(struct tarn_http *h)
{
    struct curl_slist *list = NULL;

    for (int i = 0; i < HTTP_NAMES; i++)
        if (h->names[i].used && h->names[i].entry[0]) {
            struct curl_slist *more = curl_slist_append(list, h->names[i].entry);

            list = more ? more : list;
        }
    return list;
}

void http_names_stale(struct tarn_http *h)
{
    for (int i = 0; i < HTTP_NAMES; i++)
        h->names[i].stale = true;
}

bool http_names_idle(const struct tarn_http *h)
{
    return h->names[0].state != NAME_ASKED && h->names[1].state != NAME_ASKED;
}
