/* notify.h - the service manager: sd_notify(3)'s protocol, a datagram to $NOTIFY_SOCKET, and the descriptors it keeps for us.
 *
 * A descriptor that was given to it by tarn_notify_keep comes back after a restart, however the process before ended
 * (FileDescriptorStoreMax=, sd_listen_fds(3)). Names are at most 255 printable characters without colons.
 */
#ifndef TARN_AGENT_NOTIFY_H
#define TARN_AGENT_NOTIFY_H

/* Send state, e.g. "READY=1" or "STOPPING=1". Without $NOTIFY_SOCKET nothing happens. 0, or -1 with errno. */
int tarn_notify(const char *state);
/* Keep fd under name, beside what is kept already; fd stays the caller's. As tarn_notify. */
int tarn_notify_keep(const char *name, int fd);
/* Forget all descriptors kept under name. */
int tarn_notify_drop(const char *name);

#define TARN_KEPT_MAX 256
#define TARN_KEPT_NAME_BYTES 256

struct tarn_kept {
    int fd; /* the caller's from now on, close-on-exec; -1: taken away by the caller */
    char name[TARN_KEPT_NAME_BYTES];
};
/*
 * What was kept for this process ($LISTEN_PID, $LISTEN_FDS, $LISTEN_FDNAMES), into ret[TARN_KEPT_MAX]; the variables are unset, so it
 * is given once. Returns how many; 0 when they are not meant for this process or make no sense.
 */
unsigned tarn_notify_kept(struct tarn_kept *ret);

#endif
