/* unix_socket.h - a listening socket in the file system.
 *
 * It is bound under a name of its own and renamed into place, so that nobody sees a path without a listener behind it; at the end it is
 * removed only if it is still ours (by inode). A stale socket is replaced, a served one and a file that is no socket are not touched.
 */
#ifndef TARN_AGENT_UNIX_SOCKET_H
#define TARN_AGENT_UNIX_SOCKET_H

#include <stdint.h>

#include <tarn/error.h>

/* Who come at once: more than clients are allowed, so that none of a burst is refused. The system has a bound of its own (net.core.somaxconn). */
#define TARN_LISTEN_BACKLOG 4096

struct tarn_unix_socket {
    int fd;           /* -1: none */
    const char *path; /* borrowed */
    uint64_t device, inode;
};

struct tarn_unix_socket_options {
    const char *path; /* borrowed until the close */
    int type;         /* SOCK_SEQPACKET, SOCK_STREAM */
    int64_t gid;      /* only this group may connect (mode 0660); -1: everyone may try (0666) */
    const char *flag; /* what names another place, for messages */
};

/* Listen, without blocking. Close s in every case. TARN_E_EXISTS, TARN_E_PERM (a group that is not ours to give), TARN_E_CONFIG, TARN_E_IO. */
int tarn_unix_socket_listen(struct tarn_unix_socket *s, const struct tarn_unix_socket_options *o, struct tarn_error *err);
/* Take no more and remove the file, if it is ours. Twice is allowed. */
void tarn_unix_socket_close(struct tarn_unix_socket *s);

#endif
