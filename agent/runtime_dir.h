/* runtime_dir.h - the lock that makes an agent the only one, and its listening socket.
 *
 * The lock is an flock on RUNTIME-DIR/tarnd.lock, held as long as the process lives, whatever way it ends. The socket is
 * bound under a name of its own and renamed into place, so clients never see a path without a listener behind it; at the end
 * it is removed only if it is still ours (by inode). A file that is no socket is never touched.
 */
#ifndef TARN_AGENT_RUNTIME_DIR_H
#define TARN_AGENT_RUNTIME_DIR_H

#include <stdint.h>

#include <tarn/error.h>

struct tarn_runtime_dir {
    int lock_fd, listen_fd; /* -1: none */
    const char *socket_path; /* borrowed */
    int64_t socket_gid;      /* only this group may connect; -1: everyone may try */
    uint64_t socket_device, socket_inode;
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
