/* exec_config.h - the `exec` section of a kubeconfig's user: which program hands out credentials, and what it is told.
 *
 * Source: client-go clientcmd/api ExecConfig, plugin/pkg/client/auth/exec (versions v1 and v1beta1).
 */
#ifndef TARN_AGENT_EXEC_CONFIG_H
#define TARN_AGENT_EXEC_CONFIG_H

#include "yaml_file.h"

#define TARN_EXEC_API_V1 "client.authentication.k8s.io/v1"
#define TARN_EXEC_API_V1BETA1 "client.authentication.k8s.io/v1beta1"

struct tarn_exec_config {
    const char *command; /* NULL: none */
    const char *api_version, *install_hint, *interactive_mode;
    struct tarn_string_list args;
    struct tarn_string_list env; /* "NAME=VALUE" */
    bool provide_cluster_info;
    const char *cluster_config; /* JSON of the cluster's extension client.authentication.k8s.io/exec, NULL: none */
};

struct tarn_api_server;

/* A reader (see yaml_file.h) of the section into a struct tarn_exec_config. */
int tarn_exec_config_read(struct tarn_yaml *y, yaml_node_t *n, void *out, struct tarn_error *err);
/* A reader of a cluster's `extensions` into a const char *: the cluster_config above. */
int tarn_exec_extension_read(struct tarn_yaml *y, yaml_node_t *n, void *out, struct tarn_error *err);

/* Is it one that a service can run? TARN_E_CONFIG or TARN_E_UNSUPPORTED, with file and user in the message. */
int tarn_exec_config_check(const struct tarn_exec_config *e, const char *file, const char *user, struct tarn_error *err);

/* Append what goes into KUBERNETES_EXEC_INFO. Holds no credential. 0 or TARN_E_NOMEM. */
TARN_MUST_CHECK int tarn_exec_info(const struct tarn_exec_config *e, const struct tarn_api_server *s, struct tarn_buf *out);

#endif
