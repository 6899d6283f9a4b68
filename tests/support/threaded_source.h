/* threaded_source.h - a list_watch that answers from a thread of its own, for what runs on the real clock. */
#ifndef THREADED_SOURCE_H
#define THREADED_SOURCE_H

#include <pthread.h>
#include <stdbool.h>

#include <tarn/list_watch.h>

/* It answers each list with ten pods, ns/pod-0 to ns/pod-9, and each watch with one MODIFIED of ns/pod-3, then an end. */
struct threaded_source {
    struct tarn_list_watch lw; /* first */
    pthread_t thread;
    pthread_mutex_t lock; /* protects what follows */
    pthread_cond_t wake;
    pthread_cond_t idle;
    struct tarn_list_watch_sink *sink;
    bool watch, busy, quit, hold; /* hold: a watch stays open after its event */
    unsigned long rv;
    unsigned lists, watches, cancels;
};

/* hold: see there. */
void threaded_source_start(struct threaded_source *t, bool hold);
/* After whatever uses it has stopped. */
void threaded_source_end(struct threaded_source *t);

#endif
