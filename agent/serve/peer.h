/* peer.h - who is at the other end of a Unix socket, and may they read a realm.
 *
 * The kernel says: SO_PEERCRED the uid, gid and pid of whoever connected, SO_PEERGROUPS the supplementary groups, SO_PEERPIDFD (Linux
 * 6.5) a descriptor that tells of the process' end even if its pid is used again. Source: unix(7).
 */
#ifndef TARN_AGENT_PEER_H
#define TARN_AGENT_PEER_H

#include <stdbool.h>
#include <sys/types.h>

#include "config.h"

struct tarn_peer {
    uid_t uid;
    gid_t gid;
    pid_t pid; /* 0: in a pid namespace we cannot see */
    gid_t *groups;
    unsigned ngroups;
    int pidfd; /* -1: not known */
};

/* 0 or TARN_E_IO, TARN_E_NOMEM. Release p in every case. */
int tarn_peer_of(int socket_fd, struct tarn_peer *ret, struct tarn_error *err);
void tarn_peer_release(struct tarn_peer *p);
/* Root, the agent's own uid, and whom the realm's readers name. */
bool tarn_peer_may_read(const struct tarn_peer *p, const struct tarn_config_realm *r);

#endif
