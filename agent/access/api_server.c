/* api_server.c - finding the API server, and reading the files that its credentials are in. */
#include "api_server.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOKEN_MAX_AGE_MS 10000
#define PEM_BYTES_MAX (1u << 20)
#define EXEC_TIMEOUT_S 60u

static int no_memory(struct tarn_error *err)
{
    return tarn_error_set(err, TARN_E_NOMEM, "out of memory");
}

/* Read up to size bytes of fd into memory of a. By read(2): a FILE would leave a copy in its buffer. */
static int read_whole(int fd, size_t size, struct tarn_arena *a, struct tarn_bytes *ret)
{
    char *text = tarn_arena_alloc(a, size + 1);
    size_t n = 0;
    ssize_t got = 1;

    while (text && n < size && (got = read(fd, text + n, size - n)) > 0)
        n += (size_t)got;
    *ret = (struct tarn_bytes){.data = text, .len = n};
    return !text ? TARN_E_NOMEM : got < 0 ? TARN_E_IO : 0;
}

/* The whole of a small file, NUL-terminated, in a. */
static int read_small(const char *what, const char *path, struct tarn_arena *a, struct tarn_bytes *ret, struct tarn_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), rc;
    struct stat st = {0};

    if (fd < 0)
        return tarn_error_set(err, TARN_E_IO, "cannot read %s %s: %s", what, path, strerror(errno));
    rc = fstat(fd, &st) == 0 && st.st_size <= PEM_BYTES_MAX ? read_whole(fd, st.st_size ? (size_t)st.st_size : PEM_BYTES_MAX, a, ret) : 0;
    if (rc == TARN_E_IO)
        rc = tarn_error_set(err, rc, "cannot read %s %s: %s", what, path, strerror(errno));
    (void)close(fd);
    if (rc)
        return rc == TARN_E_NOMEM ? no_memory(err) : rc;
    if (st.st_size > PEM_BYTES_MAX || !ret->len)
        return tarn_error_set(err, TARN_E_CONFIG, "%s %s is %s", what, path, st.st_size > PEM_BYTES_MAX ? "larger than 1 MiB" : "empty");
    return 0;
}

/* ---- the URL ------------------------------------------------------------------------------------ */

static int url_part(CURLU *u, CURLUPart part, struct tarn_arena *a, const char **ret)
{
    char *text = NULL;
    CURLUcode rc = curl_url_get(u, part, &text, CURLU_DEFAULT_PORT);

    if (rc == CURLUE_OK)
        *ret = tarn_arena_copy(a, tarn_bytes_of(text));
    curl_free(text);
    return rc == CURLUE_OK && *ret ? 0 : TARN_E_INVAL;
}

/* [::1] is how a URL writes it, ::1 is what a resolver takes. */
static void strip_brackets(char *host)
{
    size_t n = strlen(host);

    if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
        memmove(host, host + 1, n - 2);
        host[n - 2] = '\0';
    }
}

static int take_url(struct tarn_api_server *s, CURLU *u)
{
    const char *scheme = NULL, *host = NULL, *port = NULL, *path = "";
    size_t n;

    if (url_part(u, CURLUPART_SCHEME, &s->arena, &scheme) || url_part(u, CURLUPART_HOST, &s->arena, &host) ||
        url_part(u, CURLUPART_PORT, &s->arena, &port))
        return TARN_E_INVAL;
    if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
        return TARN_E_INVAL;
    (void)url_part(u, CURLUPART_PATH, &s->arena, &path);
    for (n = strlen(path); n && path[n - 1] == '/'; n--)
        ;
    s->tls = scheme[4] == 's';
    s->url = tarn_arena_printf(&s->arena, "%s://%s:%s%.*s", scheme, host, port, (int)n, path);
    strip_brackets((char *)host); /* our own copy */
    s->host = host;
    s->port = (uint16_t)strtoul(port, NULL, 10);
    return s->url ? 0 : TARN_E_NOMEM;
}

/* client-go takes a bare host:port as http. */
static int parse_url(struct tarn_api_server *s, const char *text, struct tarn_error *err)
{
    CURLU *u = curl_url();
    const char *full = strstr(text, "://") ? text : tarn_arena_printf(&s->arena, "http://%s", text);
    int rc;

    if (!u || !full) {
        curl_url_cleanup(u);
        return no_memory(err);
    }
    rc = curl_url_set(u, CURLUPART_URL, full, 0) == CURLUE_OK ? take_url(s, u) : TARN_E_INVAL;
    curl_url_cleanup(u);
    if (rc == TARN_E_INVAL)
        return tarn_error_set(err, TARN_E_CONFIG, "'%s' is no API server address; expected https://host[:port][/path]", text);
    return rc ? no_memory(err) : 0;
}

/* ---- in-cluster ----------------------------------------------------------------------------------- */

static bool in_cluster(const char *dir, struct tarn_arena *a)
{
    const char *token = tarn_arena_printf(a, "%s/token", dir);

    return getenv("KUBERNETES_SERVICE_HOST") && getenv("KUBERNETES_SERVICE_PORT") && token && access(token, R_OK) == 0;
}

static int use_service_account(struct tarn_api_server *s, const char *dir, struct tarn_error *err)
{
    const char *host = getenv("KUBERNETES_SERVICE_HOST"), *port = getenv("KUBERNETES_SERVICE_PORT");

    s->url = tarn_arena_printf(&s->arena, strchr(host, ':') ? "https://[%s]:%s" : "https://%s:%s", host, port);
    s->token_file = tarn_arena_printf(&s->arena, "%s/token", dir);
    s->ca_file = tarn_arena_printf(&s->arena, "%s/ca.crt", dir);
    s->source = "in-cluster service account";
    return s->url && s->token_file && s->ca_file ? 0 : no_memory(err);
}

/* ---- opening ---------------------------------------------------------------------------------------- */

/* Flags and file win over what the kubeconfig or the pod says. */
static void lay_over(struct tarn_api_server *s, const struct tarn_config_server *c)
{
    if (c->ca_file) {
        s->ca_file = c->ca_file;
        s->ca = (struct tarn_bytes){0};
    }
    if (c->cert_file) {
        s->cert_file = c->cert_file;
        s->key_file = c->key_file;
        s->cert = s->key = (struct tarn_bytes){0};
    }
    if (c->token_file) {
        s->token_file = c->token_file;
        s->token = NULL;
    }
    if (c->tls_server_name)
        s->tls_server_name = c->tls_server_name;
    if (c->proxy_url)
        s->proxy_url = c->proxy_url;
    if (c->cert_file || c->token_file)
        s->exec.command = NULL;
    s->gzip = c->gzip;
    s->http2 = c->http2;
    s->exec_timeout_ms = 1000 * (c->exec_timeout_s ? c->exec_timeout_s : EXEC_TIMEOUT_S);
    if (c->insecure) {
        s->insecure = true;
        s->ca = (struct tarn_bytes){0};
        s->ca_file = NULL;
    }
}

/* Go leaves the resolving of names to a SOCKS5 proxy; libcurl does so by another scheme. */
static int name_proxy(struct tarn_api_server *s, struct tarn_error *err)
{
    static const char socks[] = "socks5://";

    if (!s->proxy_url || strncmp(s->proxy_url, socks, sizeof socks - 1) != 0)
        return 0;
    s->proxy_url = tarn_arena_printf(&s->arena, "socks5h://%s", s->proxy_url + sizeof socks - 1);
    return s->proxy_url ? 0 : no_memory(err);
}

/* ---- the kubeconfig --------------------------------------------------------------------------------------- */

static struct tarn_file_mark mark_of(const char *path)
{
    struct stat st;

    if (!path || stat(path, &st))
        return (struct tarn_file_mark){0};
    return (struct tarn_file_mark){.mtime_s = st.st_mtim.tv_sec, .mtime_ns = st.st_mtim.tv_nsec, .size = st.st_size, .inode = st.st_ino};
}

static uint64_t mix(uint64_t mark, uint64_t v)
{
    return (mark ^ v) * UINT64_C(0x100000001b3); /* FNV's */
}

/* Of all files of a list; one that is not there counts as well. */
static uint64_t mark_of_list(const char *files)
{
    uint64_t mark = UINT64_C(0xcbf29ce484222325);
    char path[PATH_MAX];

    while (*files) {
        size_t n = strcspn(files, ":");
        struct tarn_file_mark m = {0};

        if (n && n < sizeof path) {
            memcpy(path, files, n);
            path[n] = '\0';
            m = mark_of(path);
        }
        mark = mix(mix(mix(mix(mark, (uint64_t)m.mtime_s), (uint64_t)m.mtime_ns), (uint64_t)m.size), m.inode);
        files += n + (files[n] == ':');
    }
    return mark;
}

/* The mark is of before the reading: what changes in between is seen the next time. */
static int read_kubeconfig(struct tarn_api_server *s, const char *files, struct tarn_error *err)
{
    s->kubeconfig = tarn_arena_copy(&s->arena, tarn_bytes_of(files));
    if (!s->kubeconfig)
        return no_memory(err);
    s->kubeconfig_mark = s->kubeconfig_seen = mark_of_list(files);
    return tarn_kubeconfig_read(s, files, s->config.context, err);
}

static int find_source(struct tarn_api_server *s, const struct tarn_config_server *c, const char *dir, struct tarn_error *err)
{
    const char *env = getenv("KUBECONFIG"), *home = getenv("HOME"), *file;

    if (c->url) {
        s->url = c->url;
        s->source = "server url";
        return 0;
    }
    if (c->kubeconfig)
        return read_kubeconfig(s, c->kubeconfig, err);
    if (env && *env)
        return read_kubeconfig(s, env, err);
    if (in_cluster(dir, &s->arena))
        return use_service_account(s, dir, err);
    file = home ? tarn_arena_printf(&s->arena, "%s/.kube/config", home) : NULL;
    if (file && access(file, R_OK) == 0)
        return read_kubeconfig(s, file, err);
    return tarn_error_set(err, TARN_E_CONFIG,
                          "no API server: give --server URL or --kubeconfig FILE ($KUBECONFIG is not set, this is no pod, and there is no %s)",
                          file ? file : "~/.kube/config");
}

static int read_pem(const char *what, const char *file, struct tarn_arena *a, struct tarn_bytes *ret, struct tarn_error *err)
{
    struct tarn_bytes text;
    int rc;

    if (!file)
        return 0;
    rc = read_small(what, file, a, &text, err);
    if (rc)
        return rc;
    if (!strstr(text.data, "-----BEGIN "))
        return tarn_error_set(err, TARN_E_CONFIG, "%s %s holds no PEM (no -----BEGIN line)", what, file);
    *ret = text;
    return 0;
}

static bool same_mark(const struct tarn_file_mark *a, const struct tarn_file_mark *b)
{
    return a->mtime_s == b->mtime_s && a->mtime_ns == b->mtime_ns && a->size == b->size && a->inode == b->inode;
}

bool tarn_api_server_files_changed(struct tarn_api_server *s, bool settled)
{
    const char *const paths[TARN_API_FILES] = {s->ca_file, s->cert_file, s->key_file};
    bool changed = false, resting = true;

    for (int i = 0; i < TARN_API_FILES; i++) {
        struct tarn_file_mark now = mark_of(paths[i]);

        changed |= !same_mark(&now, &s->marks[i]);
        resting &= same_mark(&now, &s->seen[i]);
        s->seen[i] = now;
    }
    return changed && (resting || !settled);
}

/* On an error the marks are the new ones all the same: it is told once for each state of the files. */
int tarn_api_server_refresh(struct tarn_api_server *s, struct tarn_error *err)
{
    static const char *const whats[TARN_API_FILES] = {"CA file", "certificate", "key"};
    const char *const paths[TARN_API_FILES] = {s->ca_file, s->cert_file, s->key_file};
    struct tarn_bytes *const at[TARN_API_FILES] = {&s->ca, &s->cert, &s->key};
    struct tarn_bytes pems[TARN_API_FILES] = {s->ca, s->cert, s->key};
    struct tarn_arena fresh = {.secret = true};
    int rc = 0;

    for (int i = 0; i < TARN_API_FILES; i++) {
        s->marks[i] = mark_of(paths[i]); /* before the content: what changes in between is seen the next time */
        if (!rc)
            rc = read_pem(whats[i], paths[i], &fresh, &pems[i], err);
    }
    if (rc) {
        tarn_arena_release(&fresh);
        return rc;
    }
    tarn_arena_release(&s->pem_arena);
    s->pem_arena = fresh;
    for (int i = 0; i < TARN_API_FILES; i++)
        *at[i] = pems[i];
    return 0;
}

static void drop_credentials(struct tarn_api_server *s)
{
    s->cert = s->key = (struct tarn_bytes){0};
    s->cert_file = s->key_file = s->token = s->token_file = NULL;
    s->username = s->password = NULL;
    s->impersonate = (struct tarn_string_list){0};
    s->exec = (struct tarn_exec_config){0};
}

/* The caller's may go before s does. */
static int copy_config(struct tarn_api_server *s, const struct tarn_config_server *config, const char *service_account_dir)
{
    static const size_t texts[] = {
        offsetof(struct tarn_config_server, url),       offsetof(struct tarn_config_server, kubeconfig), offsetof(struct tarn_config_server, context),
        offsetof(struct tarn_config_server, ca_file),   offsetof(struct tarn_config_server, cert_file),  offsetof(struct tarn_config_server, key_file),
        offsetof(struct tarn_config_server, token_file), offsetof(struct tarn_config_server, tls_server_name), offsetof(struct tarn_config_server, proxy_url),
    };

    s->config = *config;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char **at = (const char **)((char *)&s->config + texts[i]);

        if (*at && !(*at = tarn_arena_copy(&s->config_arena, tarn_bytes_of(*at))))
            return TARN_E_NOMEM;
    }
    s->service_account_dir = tarn_arena_copy(&s->config_arena, tarn_bytes_of(service_account_dir));
    return s->service_account_dir ? 0 : TARN_E_NOMEM;
}

static int read_all(struct tarn_api_server *s, struct tarn_error *err)
{
    int rc = find_source(s, &s->config, s->service_account_dir, err);

    if (rc)
        return rc;
    lay_over(s, &s->config);
    if (s->bare) {
        drop_credentials(s);
        s->http2 = false; /* what is passed on must be able to wait for its reader: docs/access.md */
    }
    s->written_url = s->url;
    rc = parse_url(s, s->url, err);
    if (!rc)
        rc = name_proxy(s, err);
    if (!rc)
        rc = tarn_api_server_refresh(s, err);
    if (!rc && s->token_file && access(s->token_file, R_OK) != 0)
        rc = tarn_error_set(err, TARN_E_IO, "cannot read token file %s: %s", s->token_file, strerror(errno));
    return rc;
}

static int open_it(struct tarn_api_server *s, const struct tarn_config_server *config, const char *service_account_dir, bool bare, struct tarn_error *err)
{
    *s = (struct tarn_api_server){.bare = bare,
                                  .token_stale = true,
                                  .arena.secret = true,
                                  .token_arena.secret = true,
                                  .pem_arena.secret = true,
                                  .config_arena.secret = true};
    return copy_config(s, config, service_account_dir) ? no_memory(err) : read_all(s, err);
}

int tarn_api_server_open(struct tarn_api_server *s, const struct tarn_config_server *config, const char *service_account_dir,
                         struct tarn_error *err)
{
    return open_it(s, config, service_account_dir, false, err);
}

int tarn_api_server_open_bare(struct tarn_api_server *s, const struct tarn_config_server *config, const char *service_account_dir,
                              struct tarn_error *err)
{
    return open_it(s, config, service_account_dir, true, err);
}

void tarn_api_server_release(struct tarn_api_server *s)
{
    tarn_arena_release(&s->arena);
    tarn_arena_release(&s->token_arena);
    tarn_arena_release(&s->pem_arena);
    tarn_arena_release(&s->config_arena);
}

/* ---- again -------------------------------------------------------------------------------------------- */

bool tarn_api_server_kubeconfig_changed(struct tarn_api_server *s, bool settled)
{
    uint64_t now = s->kubeconfig ? mark_of_list(s->kubeconfig) : 0;
    bool resting = now == s->kubeconfig_seen;

    s->kubeconfig_seen = now;
    return s->kubeconfig && now != s->kubeconfig_mark && (resting || !settled);
}

int tarn_api_server_reopen(struct tarn_api_server *s, struct tarn_error *err)
{
    struct tarn_api_server fresh;
    uint64_t mark = s->kubeconfig ? mark_of_list(s->kubeconfig) : 0;
    int rc = open_it(&fresh, &s->config, s->service_account_dir, s->bare, err);

    if (rc) {
        tarn_api_server_release(&fresh);
        s->kubeconfig_mark = mark;
        return rc;
    }
    fresh.readings = s->readings + 1;
    fresh.moves = s->moves + (strcmp(fresh.url, s->url) != 0);
    tarn_api_server_release(s);
    *s = fresh;
    return 0;
}

/* ---- the token ---------------------------------------------------------------------------------------- */

/* Cut white space from the end, as client-go does. */
static struct tarn_bytes trimmed(struct tarn_bytes b)
{
    while (b.len && strchr(" \t\r\n", b.data[b.len - 1]))
        b.len--;
    return b;
}

static void read_token(struct tarn_api_server *s)
{
    struct tarn_arena fresh = {.secret = true}, scratch = {.secret = true};
    struct tarn_bytes text;
    const char *token = NULL;

    if (read_small("token file", s->token_file, &scratch, &text, NULL) == 0)
        token = tarn_arena_copy(&fresh, trimmed(text));
    tarn_arena_release(&scratch);
    if (!token || !*token || strpbrk(token, "\r\n")) { /* a line break would forge a header */
        tarn_arena_release(&fresh);
        return;
    }
    tarn_arena_release(&s->token_arena);
    s->token_arena = fresh;
    s->token = token;
}

const char *tarn_api_server_token(struct tarn_api_server *s, uint64_t now_ms)
{
    if (s->token_file && (s->token_stale || now_ms - s->token_read_ms >= TOKEN_MAX_AGE_MS)) {
        read_token(s);
        s->token_read_ms = now_ms;
        s->token_stale = false;
    }
    return s->token;
}

void tarn_api_server_unauthorized(struct tarn_api_server *s)
{
    s->token_stale = true;
}
