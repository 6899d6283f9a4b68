/* An agent in a process of its own, under a test's control: a real writer, a real attach socket, no API server.
 *
 * The test tells it what to do, one act at a time, and waits until it is committed. It may be killed at any time.
 */
#ifndef TARN_AGENT_STUB_H
#define TARN_AGENT_STUB_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct agent_options {
    uint64_t budget_bytes;  /* 0: 64 MiB */
    uint32_t log_entries;   /* 0: by budget */
    uint32_t lease_ms;      /* 0: the writer's default */
    uint64_t generation;    /* 0: 1 */
    const char *refuse;     /* answer every HELLO with REFUSED {PERM, this} */
    bool unsynced;          /* no resource is synced at first */
    const char *restored;   /* every resource begins synced at this version, but not live: as from a checkpoint */
};

struct agent {
    pid_t pid;
    int control;
    char dir[64];    /* made by agent_start, removed by agent_stop */
    char socket[96]; /* in dir */
};

/* Start it in a new directory (or, if a->dir is set, in that one). Resources: pods (indexes namespace, spec.nodeName,
 * label:app) and nodes (cluster-scoped). Ends the test program when it cannot. */
void agent_start(struct agent *a, const struct agent_options *o);
/* The two halves of it: fork a process that waits; let it go. A test that has threads forks before it starts them: the child
 * would inherit the locks that they hold at that moment, a sanitizer's among them. */
void agent_prepare(struct agent *a, const struct agent_options *o);
void agent_go(struct agent *a);
/* SIGKILL; the directory and the socket's file stay. */
void agent_kill(struct agent *a);
/* A clean exit, and the directory is removed. */
void agent_stop(struct agent *a);

/* Each is one commit. resource: "pods" or "nodes"; json: the whole object. True when the writer took it. */
bool agent_put(struct agent *a, const char *resource, const char *json);
bool agent_delete(struct agent *a, const char *resource, const char *key);
/* pods "NS/prefix-0" ... of n objects with this resourceVersion and `pad` bytes of ballast, in one commit, beside the others. */
bool agent_fill(struct agent *a, const char *prefix, unsigned n, unsigned rv, unsigned pad);
/* Replace all pods by agent_fill's objects. */
bool agent_replace(struct agent *a, const char *prefix, unsigned n, unsigned rv);
/* The state of a resource as readers see it. */
bool agent_state(struct agent *a, const char *resource, bool synced, const char *rv, const char *error);
/* A planned hand-over: a new region of generation + 1 takes the old one over; clients are told. */
bool agent_hand_over(struct agent *a);
/* Attached clients and pins they hold. */
void agent_clients(struct agent *a, unsigned *ret_clients, unsigned *ret_pins);

/* JSON of a pod: rv is the resourceVersion, uid may be NULL (made from the name). Static buffer. */
const char *pod_json(const char *ns, const char *name, unsigned rv, const char *node, const char *app, const char *uid);

#endif
