/* What is known of the agent: from a snapshot, and from the agent's own answer where it gives one. */
#ifndef TARN_CLI_STATUS_H
#define TARN_CLI_STATUS_H

#include "cli.h"

struct status {
    struct tarn_client_info info;
    struct tarn_snapshot *s;
    const struct tarn_object *agent; /* the agent's own document, NULL: it gave none */
    struct tarn_value root;          /* of it; TARN_NIL if none */
};

/* Ask both; release it before s is closed. Without an answer of the agent root is TARN_NIL. 0, or the error of tarn_client_info. */
int status_ask(struct tarn_client *c, struct tarn_snapshot *s, struct status *ret);
void status_release(struct status *st);

/* All of it, for people. */
void status_print(const struct status *st, struct tarn_buf *out);

/* ---- the parts that tarn top shows too ---- */

/* "alive", "gone; the last state is served" ... */
const char *status_agent_word(const struct tarn_client_info *i);
/* "34.1 MiB" */
void status_bytes(uint64_t n, struct tarn_buf *out);
/* "120ms", "3s", "5m"; "never" */
void status_age(uint64_t ms, struct tarn_buf *out);
/* A table of the clients of our own realm; nothing without the agent's answer. */
void status_clients(const struct status *st, struct tarn_buf *out);

#endif
