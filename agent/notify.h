/* notify.h - tell the service manager: sd_notify(3)'s protocol, a datagram to $NOTIFY_SOCKET. */
#ifndef TARN_AGENT_NOTIFY_H
#define TARN_AGENT_NOTIFY_H

/* Send state, e.g. "READY=1" or "STOPPING=1". Without $NOTIFY_SOCKET nothing happens. 0, or -1 with errno. */
int tarn_notify(const char *state);

#endif
