/* One attachment to one generation of a region: a socket, a read-only mapping, a control page.
 *
 * Made by the handshake of attach.h, counted, and gone when the last snapshot on it and the client have let go.
 * Both descriptors that came with WELCOME are closed as soon as they are mapped: nothing is left for a host
 * program that closes descriptors it does not know.
 */
#ifndef TARN_CLIENT_SESSION_H
#define TARN_CLIENT_SESSION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include <tarn/attach.h>
#include <tarn/error.h>
#include <tarn/pin.h>
#include <tarn/region.h>

struct tarn_session {
    /* Holders: the client and each bound snapshot. Relaxed up, acq_rel down: the last holder sees what all others did. */
    _Atomic uint32_t refs;
    uint64_t id; /* unique in the process */
    int fd;      /* the attach socket */
    ino_t inode; /* of it: a program that closed and re-used our descriptor is noticed, not written to */
    struct tarn_region_view view;
    struct tarn_pin_page *page;
    uint32_t heartbeat_ms, lease_ms;
    char agent[64]; /* its version */
    /* Set once, never cleared; relaxed: each only asks the next slow path to attach again. */
    _Atomic bool lost;       /* the socket is at its end, or not ours any more */
    _Atomic bool superseded; /* the agent said that a newer generation is there */
    _Atomic bool suspect;    /* a lookup met a broken format */
};

/* A handshake under way. {.fd = -1} is none. One thread at a time. */
struct tarn_handshake {
    int fd;
    uint64_t deadline_ms;
    const char *path;
};

/*
 * Connect to path and say HELLO for realm, without waiting. path is borrowed until the handshake ended. 0 (then call step), TARN_E_AGAIN (the agent's
 * queue is full: begin again later), or an error that names path and what to do.
 */
int tarn_handshake_begin(struct tarn_handshake *h, const char *path, const char *realm, uint64_t deadline_ms,
                         struct tarn_error *err);
/* Take the answer if it is there. 0: *ret has one reference; TARN_E_AGAIN: poll h->fd; else an error, and the handshake is over. */
int tarn_handshake_step(struct tarn_handshake *h, struct tarn_session **ret, struct tarn_error *err);
/* Give it up. */
void tarn_handshake_cancel(struct tarn_handshake *h);

struct tarn_session *tarn_session_ref(struct tarn_session *s);
/* in_child: the process forked since; the parent's control page is not mapped here and its socket is shared. */
void tarn_session_unref(struct tarn_session *s, bool in_child);

/*
 * Read what the agent sent (doorbells, SUPERSEDED, its end) without waiting. Returns true if there was a
 * doorbell. Any thread: a packet is one read.
 */
bool tarn_session_drain(struct tarn_session *s);

/* A lookup at commit met a broken format: the next slow path attaches again, and the agent is told, once, for its log. Any thread. */
void tarn_session_suspect(struct tarn_session *s, uint64_t commit);

/* Should the client look for a newer agent or generation? Loads only. */
bool tarn_session_stale(const struct tarn_session *s);

/* Open a connection to path; *ret_fd is not blocking. Errors as tarn_handshake_begin. */
int tarn_socket_connect(const char *path, int *ret_fd, struct tarn_error *err);
/* Encode and send one message. 0, TARN_E_AGAIN or an error. */
int tarn_socket_send(int fd, const struct tarn_attach_message *m, struct tarn_error *err);

#endif
