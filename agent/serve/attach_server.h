/* attach_server.h - the second loop's side of attaching: who comes, may they, hand them the region, notice their end.
 *
 * A connection speaks attach.h's packets. The server checks the peer against the realm's readers, asks the ingest thread to
 * take the client in, and only then sends the descriptors: so no pin can be missed. It notices the client's end by its
 * socket or its pidfd, whichever comes first. It never waits for a client: what does not fit a socket's buffer is given up.
 *
 * Limits: connections in all and per uid, a deadline for HELLO, one control question at a time per connection.
 * All on one loop's thread.
 */
#ifndef TARN_AGENT_ATTACH_SERVER_H
#define TARN_AGENT_ATTACH_SERVER_H

#include "config.h"
#include "handoff.h"
#include "ingest.h"

struct tarn_attach_server;

struct tarn_attach_server_options {
    uv_loop_t *loop;
    const struct tarn_config *config;
    struct tarn_handoff *ingest; /* where the questions go */
    struct tarn_refusals *refusals; /* who is turned away is counted here */
    int listen_fd;               /* stays the caller's */
};

/* Pointers are borrowed and outlive it. 0, TARN_E_NOMEM or TARN_E_IO. */
int tarn_attach_server_new(const struct tarn_attach_server_options *o, struct tarn_attach_server **ret, struct tarn_error *err);
/*
 * Take no one in any more, let all clients go, and call on_closed when the ingest thread has forgotten them and
 * the loop's handles are closed; s is freed then.
 */
void tarn_attach_server_close(struct tarn_attach_server *s, void (*on_closed)(void *ctx), void *ctx);
/* Another configuration is in force: who may not read its realm any more is sent away. config is borrowed as in the options. */
void tarn_attach_server_configure(struct tarn_attach_server *s, const struct tarn_config *config);
/* Attached clients now. */
unsigned tarn_attach_server_clients(const struct tarn_attach_server *s);

#endif
