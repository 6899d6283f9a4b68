/* exec_plugin.h - one run of a credential plugin on a libuv loop, and the credential that it printed.
 *
 * The plugin has no terminal, no standard input and none of our descriptors; it is the leader of a session of its own, so that what
 * it started dies with it. What it prints is a secret: kept in memory that no core dump holds, never in a message. What it
 * says on stderr goes into the error when it fails. On the loop's thread.
 * Source: client-go plugin/pkg/client/auth/exec/exec.go.
 */
#ifndef TARN_AGENT_EXEC_PLUGIN_H
#define TARN_AGENT_EXEC_PLUGIN_H

#include <uv.h>

#include "exec_config.h"

/* A credential; strings and bytes live in the arena that was given. */
struct tarn_exec_credential {
    const char *token;           /* NULL: none */
    struct tarn_bytes cert, key; /* PEM; empty: none */
    int64_t expires_s;           /* Unix time; 0: never */
};

/*
 * Read the ExecCredential that a plugin of that configuration printed; text ends with a NUL beyond its length. TARN_E_SYNTAX,
 * TARN_E_CONFIG or TARN_E_NOMEM; the message holds nothing of the text but its apiVersion.
 */
int tarn_exec_credential_read(const struct tarn_exec_config *e, struct tarn_bytes text, struct tarn_arena *arena,
                              struct tarn_exec_credential *ret, struct tarn_error *err);

struct tarn_exec_run;

/* text: what it printed, borrowed during the call; or error: it could not be run, failed, or was too slow. */
typedef void (*tarn_exec_done)(void *ctx, struct tarn_bytes text, const struct tarn_error *error);

/*
 * Start it. info goes into KUBERNETES_EXEC_INFO. done is called once from the loop, unless it is cancelled before.
 * 0; TARN_E_IO: it cannot be started (with the installHint); TARN_E_NOMEM.
 */
int tarn_exec_start(uv_loop_t *loop, const struct tarn_exec_config *e, const char *info, uint32_t timeout_ms, tarn_exec_done done, void *ctx,
                    struct tarn_exec_run **ret, struct tarn_error *err);
/* Kill it; done is not called any more. Not from inside done. The memory goes while the loop runs. */
void tarn_exec_cancel(struct tarn_exec_run *r);

#endif
