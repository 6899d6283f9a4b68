/* runtime_dir.h - the lock that makes an agent the only one, and its listening socket.
 *
 * The lock is an flock on RUNTIME-DIR/tarnd.lock, held as long as the process lives, whatever way it ends.
 */
#ifndef TARN_AGENT_RUNTIME_DIR_H
#define TARN_AGENT_RUNTIME_DIR_H

#include <stdint.h>

#include <tarn/error.h>

#include "unix_socket.h"

struct tarn_runtime_dir {
    int lock_fd; /* -1: none */
    struct tarn_unix_socket socket;
};

/*
 * Make the directory if need be, take the lock, listen; socket_gid >= 0: the socket is that group's, mode 0660. Close r in every
 * case. TARN_E_EXISTS (another agent: err names its pid), TARN_E_PERM (a group that is not ours to give), TARN_E_IO.
 */
int tarn_runtime_dir_open(struct tarn_runtime_dir *r, const char *dir, const char *socket_path, int64_t socket_gid, struct tarn_error *err);
/* Stop listening and remove the socket, if it is ours. The lock stays. */
void tarn_runtime_dir_unlisten(struct tarn_runtime_dir *r);
void tarn_runtime_dir_close(struct tarn_runtime_dir *r);

#endif
