/* What kubectl says of a pod in one line: ready containers, a status word, restarts. */
#ifndef TARN_PRINT_POD_STATUS_H
#define TARN_PRINT_POD_STATUS_H

#include <tarn/object.h>

struct pod_status {
    unsigned ready, containers;
    int64_t restarts, last_restart_s; /* last_restart_s: seconds since 1970, -1: none */
    char word[96];                    /* Running, Init:1/2, CrashLoopBackOff, Terminating ... */
};

void pod_status_read(const struct tarn_object *pod, struct pod_status *ret);

#endif
