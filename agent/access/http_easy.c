/* http_easy.c - everything libcurl is told about one transfer: address, headers, credentials, TLS, proxy, socket options. */
#include "http_internal.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>

#define CONNECT_MS 15000

/* A dead peer is found within 45 s: by keepalive when nothing is sent, by the user timeout when something is. */
static int on_socket(void *ctx, curl_socket_t fd, curlsocktype purpose)
{
    static const struct {
        int level, name, value;
    } options[] = {
        {SOL_SOCKET, SO_KEEPALIVE, 1},       {IPPROTO_TCP, TCP_KEEPIDLE, 15},          {IPPROTO_TCP, TCP_KEEPINTVL, 10},
        {IPPROTO_TCP, TCP_KEEPCNT, 3},       {IPPROTO_TCP, TCP_USER_TIMEOUT, 40000},
    };

    (void)ctx;
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC); /* no credential plugin inherits it */
    if (purpose != CURLSOCKTYPE_IPCXN)
        return CURL_SOCKOPT_OK;
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        (void)setsockopt(fd, options[i].level, options[i].name, &options[i].value, sizeof options[i].value);
    return CURL_SOCKOPT_OK;
}

static bool add_header(struct tarn_http_transfer *t, const char *fmt, const char *value)
{
    char *line = NULL;
    struct curl_slist *more;

    if (!value)
        return true;
    if (asprintf(&line, fmt, value) < 0) /* NOLINT: fmt is one of our own literals */
        return false;
    more = curl_slist_append(t->headers, line);
    explicit_bzero(line, strlen(line));
    free(line);
    if (more)
        t->headers = more;
    return more != NULL;
}

static bool add_headers(struct tarn_http_transfer *t)
{
    struct tarn_http *h = t->http;
    const struct tarn_api_server *s = h->server;
    const char *accept = t->request.accept ? t->request.accept : "application/json";
    bool ok = add_header(t, "Accept: %s", *accept ? accept : NULL) &&
              add_header(t, "Authorization: Bearer %s", tarn_api_server_token(h->server, uv_now(h->loop)));

    for (unsigned i = 0; ok && i < s->impersonate.n; i++)
        ok = add_header(t, "%s", s->impersonate.v[i]);
    for (const struct curl_slist *i = t->given; ok && i; i = i->next)
        ok = add_header(t, "%s", i->data);
    return ok;
}

/* libcurl would say of its own accord that a body is a form, and wait for "100 Continue" before a long one. */
static bool add_headers_of_body(struct tarn_http_transfer *t)
{
    bool typed = false;

    for (const struct curl_slist *i = t->given; i; i = i->next)
        typed |= strncasecmp(i->data, "Content-Type:", 13) == 0;
    return (typed || add_header(t, "%s", "Content-Type:")) && add_header(t, "%s", "Expect:");
}

static bool may_have_body(const char *method)
{
    return strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 || strcmp(method, "PATCH") == 0;
}

/* t->request.body lives as long as the easy handle does. */
static CURLcode set_method(struct tarn_http_transfer *t)
{
    const struct tarn_http_request *r = &t->request;
    bool body = r->body.len || may_have_body(r->method);
    CURLcode rc = CURLE_OK;

    if (strcmp(r->method, "HEAD") == 0)
        return curl_easy_setopt(t->easy, CURLOPT_NOBODY, 1L);
    if (body) {
        rc = add_headers_of_body(t) ? curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.len) : CURLE_OUT_OF_MEMORY;
        if (!rc)
            rc = curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, r->body.len ? r->body.data : "");
    }
    if (!rc && strcmp(r->method, "GET") != 0)
        rc = curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, r->method);
    return rc;
}

/* The certificate is checked against the name in the URL; another name goes there and the connection elsewhere. */
static bool set_server_name(struct tarn_http_transfer *t, char **url)
{
    const struct tarn_api_server *s = t->http->server;
    bool v6 = strchr(s->host, ':') != NULL;
    char host[300], to[640];

    if (!s->tls || !s->tls_server_name)
        return asprintf(url, "%s%s", s->url, t->request.path) >= 0;
    (void)snprintf(host, sizeof host, v6 ? "[%s]:%u" : "%s:%u", s->host, s->port);
    (void)snprintf(to, sizeof to, "%s:%u:%s", s->tls_server_name, s->port, host);
    t->connect_to = curl_slist_append(NULL, to);
    if (!t->connect_to || !add_header(t, "Host: %s", host) || curl_easy_setopt(t->easy, CURLOPT_CONNECT_TO, t->connect_to))
        return false;
    /* the path prefix of the server's URL, behind scheme://host:port */
    return asprintf(url, "https://%s:%u%s%s", s->tls_server_name, s->port, strchr(strstr(s->url, "://") + 3, '/') ? strchr(strstr(s->url, "://") + 3, '/') : "",
                    t->request.path) >= 0;
}

static CURLcode set_blob(CURL *e, CURLoption option, struct tarn_bytes pem)
{
    struct curl_blob blob = {.data = (void *)pem.data, .len = pem.len, .flags = CURL_BLOB_COPY};

    return pem.len ? curl_easy_setopt(e, option, &blob) : CURLE_OK;
}

static CURLcode set_tls(CURL *e, const struct tarn_api_server *s)
{
    static const CURLoption checks[] = {CURLOPT_SSL_VERIFYPEER, CURLOPT_SSL_VERIFYHOST, CURLOPT_PROXY_SSL_VERIFYPEER, CURLOPT_PROXY_SSL_VERIFYHOST};
    CURLcode rc = set_blob(e, CURLOPT_CAINFO_BLOB, s->ca);

    if (!rc) /* an https proxy is checked against the same authorities, as client-go does */
        rc = set_blob(e, CURLOPT_PROXY_CAINFO_BLOB, s->ca);
    if (!rc)
        rc = set_blob(e, CURLOPT_SSLCERT_BLOB, s->cert);
    if (!rc)
        rc = set_blob(e, CURLOPT_SSLKEY_BLOB, s->key);
    for (size_t i = 0; !rc && s->insecure && i < sizeof checks / sizeof *checks; i++)
        rc = curl_easy_setopt(e, checks[i], 0L);
    return rc;
}

static CURLcode set_numbers(struct tarn_http_transfer *t)
{
    const struct {
        CURLoption option;
        long value;
    } options[] = {
        {CURLOPT_NOSIGNAL, 1},
        {CURLOPT_HTTP_VERSION, t->http->server->http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1},
        {CURLOPT_PIPEWAIT, t->http->server->http2}, /* all on one connection, also while it is being made */
        {CURLOPT_FOLLOWLOCATION, 0},
        {CURLOPT_PATH_AS_IS, 1},
        {CURLOPT_SUPPRESS_CONNECT_HEADERS, 1},
        {CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS},
        /* large reads for lists; watches get small ones, so that a pause leaves little inside libcurl */
        {CURLOPT_BUFFERSIZE, t->request.cls == TARN_HTTP_LIST ? 65536 : 16384},
        {CURLOPT_TCP_NODELAY, 1},
        {CURLOPT_FRESH_CONNECT, t->request.once},
    };
    CURLcode rc = CURLE_OK;

    for (size_t i = 0; !rc && i < sizeof options / sizeof *options; i++)
        rc = curl_easy_setopt(t->easy, options[i].option, options[i].value);
    return rc;
}

static CURLcode set_callbacks(struct tarn_http_transfer *t)
{
    CURL *e = t->easy;
    CURLcode rc = curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, http_on_write);

    if (!rc)
        rc = curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
    if (!rc)
        rc = curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, http_on_header);
    if (!rc)
        rc = curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
    if (!rc)
        rc = curl_easy_setopt(e, CURLOPT_SOCKOPTFUNCTION, on_socket);
    if (!rc)
        rc = curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, http_on_connected);
    if (!rc)
        rc = curl_easy_setopt(e, CURLOPT_PREREQDATA, t);
    return rc;
}

static CURLcode set_strings(struct tarn_http_transfer *t, const char *url)
{
    const struct tarn_api_server *s = t->http->server;
    const struct {
        CURLoption option;
        const void *value;
    } options[] = {
        {CURLOPT_URL, url},
        {CURLOPT_PROTOCOLS_STR, "http,https"},
        {CURLOPT_USERAGENT, "tarnd/" TARN_VERSION},
        {CURLOPT_HTTPHEADER, t->headers},
        {CURLOPT_RESOLVE, t->resolve},
        {CURLOPT_PROXY, s->proxy_url},
        {CURLOPT_NOPROXY, s->proxy_url ? "" : NULL}, /* what the kubeconfig names is used whatever the environment says */
        {CURLOPT_USERNAME, s->username},
        {CURLOPT_PASSWORD, s->password},
        {CURLOPT_ACCEPT_ENCODING, s->gzip && t->request.cls == TARN_HTTP_LIST ? "gzip" : NULL},
        {CURLOPT_ERRORBUFFER, t->problem},
        {CURLOPT_PRIVATE, t},
    };
    CURLcode rc = CURLE_OK;

    for (size_t i = 0; !rc && i < sizeof options / sizeof *options; i++)
        if (options[i].value)
            rc = curl_easy_setopt(t->easy, options[i].option, options[i].value);
    return rc;
}

int http_easy_prepare(struct tarn_http_transfer *t)
{
    char *url = NULL;
    CURLcode rc = CURLE_OUT_OF_MEMORY;

    t->generation = tarn_credentials_generation(t->http->credentials);
    t->easy = curl_easy_init();
    t->resolve = http_names_list(t->http);
    if (t->easy && add_headers(t) && set_server_name(t, &url))
        rc = set_method(t); /* adds headers: before set_strings gives them to libcurl */
    if (!rc)
        rc = set_strings(t, url);
    if (!rc)
        rc = set_numbers(t);
    if (!rc)
        rc = set_callbacks(t);
    if (!rc)
        rc = set_tls(t->easy, t->http->server);
    free(url);
    if (rc)
        (void)snprintf(t->problem, sizeof t->problem, "%s", curl_easy_strerror(rc));
    return rc ? TARN_E_NOMEM : 0;
}
