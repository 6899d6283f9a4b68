/* credentials.h - keeps the API server's credentials good: runs the exec plugin, sees files change, hears of 401.
 *
 * A plugin runs when the first request needs it, when what it gave has expired (but lives 1 s at least), and once after a 401; requests wait for
 * it meanwhile, the loop does not. After it failed it is tried again at the earliest after 1 s, then 2, 4 ... 30 s;
 * what is asked in between fails at once with the same error.
 * Certificate files and the kubeconfig are looked at every 2 s, and read when they have rested for one look; after a 401 at once. All on the loop's thread.
 * Source: client-go plugin/pkg/client/auth/exec (Authenticator), transport (cert rotation, token source).
 */
#ifndef TARN_AGENT_CREDENTIALS_H
#define TARN_AGENT_CREDENTIALS_H

#include <uv.h>

#include "api_server.h"

struct tarn_credentials;

enum tarn_credentials_state { TARN_CREDENTIALS_READY, TARN_CREDENTIALS_WAIT, TARN_CREDENTIALS_FAILED };

/* loop and server are borrowed; what a plugin gives is put into server's token, cert and key. NULL: no memory. */
struct tarn_credentials *tarn_credentials_new(uv_loop_t *loop, struct tarn_api_server *server);
/* A plugin under way is killed; the last memory goes while the loop runs. NULL is allowed. */
void tarn_credentials_free(struct tarn_credentials *c);

/*
 * May a request start now? WAIT: the plugin runs, ask in the next turn of the loop. FAILED: *ret_problem says why (borrowed
 * until the next call).
 */
enum tarn_credentials_state tarn_credentials_ready(struct tarn_credentials *c, const char **ret_problem);
/* Counts up whenever other credentials are there: what a request was made with. */
uint64_t tarn_credentials_generation(const struct tarn_credentials *c);
/* A request made with that generation was answered by 401. True: others are or may soon be there; ask once more. */
bool tarn_credentials_refused(struct tarn_credentials *c, uint64_t generation);
/* Look at the files if it is time. True, once: certificates, authorities or the server are others than those that running connections were made with. */
bool tarn_credentials_rotated(struct tarn_credentials *c);

#endif
