/* api_server.h - where the API server is and how to be let in: URL, TLS, credentials.
 *
 * From flags and file (a server URL), a kubeconfig, or the service account of a pod; in this order:
 *   1. `server.url`                       with the TLS and token settings beside it
 *   2. `server.kubeconfig`                one file; `server.context` chooses in it
 *   3. $KUBECONFIG                        a list of files, merged as client-go does: who says a thing first wins
 *   4. the pod's service account          if KUBERNETES_SERVICE_HOST is set and its token is there
 *   5. ~/.kube/config
 * Certificates are read when opened, and again as their files change; so are a token file and the kubeconfig. What an exec plugin hands out
 * is put in by credentials.h. No credential ever goes into an error or a log line, and their memory is left out of core dumps.
 * One thread at a time.
 * Sources: client-go tools/clientcmd (loader.go, client_config.go), rest/config.go (InClusterConfig).
 */
#ifndef TARN_AGENT_API_SERVER_H
#define TARN_AGENT_API_SERVER_H

#include "arena.h"
#include "config.h"
#include "exec_config.h"

enum { TARN_API_CA, TARN_API_CERT, TARN_API_KEY, TARN_API_FILES };

/* Tells one content of a file from another, without reading it. */
struct tarn_file_mark {
    int64_t mtime_s, mtime_ns, size;
    uint64_t inode;
};

struct tarn_api_server {
    const char *url;  /* scheme://host[:port][/prefix], without a slash at its end */
    const char *written_url; /* as the configuration has it */
    const char *host; /* of the URL; IPv6 without brackets */
    uint16_t port;
    bool tls;
    struct tarn_bytes ca, cert, key; /* PEM; empty: the system's authorities, no client certificate */
    bool insecure, gzip, http2;
    bool bare; /* without any credential: tarn_api_server_open_bare */
    uint32_t exec_timeout_ms;
    const char *tls_server_name; /* NULL: host */
    const char *proxy_url;       /* NULL: as the environment says */
    const char *username, *password;
    struct tarn_string_list impersonate; /* whole header lines */
    struct tarn_exec_config exec;        /* command NULL: no plugin */
    const char *source; /* for logs: "server url", "kubeconfig FILE, context C", "in-cluster" */
    uint64_t readings;  /* how often all of this was read again (tarn_api_server_reopen) */
    uint64_t moves;     /* ... and the URL was another one: what was learned from the server before means nothing to this one */

    /* private */
    const char *token, *token_file, *ca_file, *cert_file, *key_file;
    struct tarn_file_mark marks[TARN_API_FILES]; /* of the files as they were read */
    struct tarn_file_mark seen[TARN_API_FILES];  /* ... as they were looked at last */
    uint64_t token_read_ms;
    bool token_stale;
    struct tarn_config_server config; /* what it was opened with, a copy; context: the one that is followed */
    const char *service_account_dir;
    const char *kubeconfig;           /* the files that were read, by ':'; NULL: none */
    uint64_t kubeconfig_mark, kubeconfig_seen; /* as marks and seen, of all of them */
    struct tarn_arena arena, token_arena, pem_arena, config_arena; /* all secret */
};

/* Where the service account is mounted; tests give another place. */
#define TARN_SERVICE_ACCOUNT_DIR "/var/run/secrets/kubernetes.io/serviceaccount"

/*
 * Find the API server as said above and read its certificates. Release s in every case.
 * TARN_E_CONFIG with what is wrong and where; TARN_E_UNSUPPORTED for auth-provider plugins and for exec plugins that
 * want a terminal; TARN_E_IO.
 */
int tarn_api_server_open(struct tarn_api_server *s, const struct tarn_config_server *config, const char *service_account_dir,
                         struct tarn_error *err);
/*
 * The same server as it is for a stranger: for requests that carry somebody else's credentials. No token, certificate, key, name and password, plugin or
 * impersonation is in s, so none of ours can go with them. What a refused one would need is not ours: a 401 is never asked again.
 */
int tarn_api_server_open_bare(struct tarn_api_server *s, const struct tarn_config_server *config, const char *service_account_dir,
                              struct tarn_error *err);
void tarn_api_server_release(struct tarn_api_server *s);

/*
 * The bearer token for a request at now_ms, NULL: none. Borrowed until the next call. A token file is read again when
 * 10 s have passed, or at once after tarn_api_server_unauthorized; one that cannot be read leaves the last token.
 */
const char *tarn_api_server_token(struct tarn_api_server *s, uint64_t now_ms);
/* The server answered 401: the token file may be newer. */
void tarn_api_server_unauthorized(struct tarn_api_server *s);
/* Read the certificate files again. On an error the old ones stay. */
int tarn_api_server_refresh(struct tarn_api_server *s, struct tarn_error *err);
/*
 * Is any of the certificate files another one than the one that was read last? settled: only if none has changed since the call
 * before, for a certificate and its key are seldom replaced at one instant. A few system calls.
 */
bool tarn_api_server_files_changed(struct tarn_api_server *s, bool settled);

/* The same of the kubeconfig files; false where there are none. */
bool tarn_api_server_kubeconfig_changed(struct tarn_api_server *s, bool settled);
/*
 * Find and read all of it again, from the same sources; of a kubeconfig the context that was chosen at the opening, whatever its current-context
 * is by now. On an error s is as it was, and it is told once for each state of the files. Whoever borrowed a pointer from s must fetch it again.
 */
int tarn_api_server_reopen(struct tarn_api_server *s, struct tarn_error *err);

/* ---- kubeconfig.c --------------------------------------------------------------------------- */

/* Fill s from the kubeconfig files (separated by ':'; those that do not exist are left out if there are several), s->config.context too. */
int tarn_kubeconfig_read(struct tarn_api_server *s, const char *files, const char *context, struct tarn_error *err);

#endif
