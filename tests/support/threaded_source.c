/* threaded_source.c - see threaded_source.h. */
#include "threaded_source.h"

#include <stdio.h>
#include <stdlib.h>

#include "fake_objects.h"

static struct threaded_source *of(struct tarn_list_watch *lw)
{
    return (struct threaded_source *)lw;
}

static int begin(struct threaded_source *t, bool watch, struct tarn_list_watch_sink *sink)
{
    pthread_mutex_lock(&t->lock);
    t->sink = sink;
    t->watch = watch;
    t->lists += !watch;
    t->watches += watch;
    pthread_cond_signal(&t->wake);
    pthread_mutex_unlock(&t->lock);
    return 0;
}

static int list(struct tarn_list_watch *lw, const struct tarn_list_options *o, struct tarn_list_watch_sink *sink)
{
    (void)o;
    return begin(of(lw), false, sink);
}

static int watch(struct tarn_list_watch *lw, const struct tarn_watch_options *o, struct tarn_list_watch_sink *sink)
{
    (void)o;
    return begin(of(lw), true, sink);
}

/* Waits for the call that is under way, as a source with a thread must. */
static void cancel(struct tarn_list_watch *lw)
{
    struct threaded_source *t = of(lw);

    pthread_mutex_lock(&t->lock);
    t->sink = NULL;
    t->cancels++;
    while (t->busy)
        pthread_cond_wait(&t->idle, &t->lock);
    pthread_mutex_unlock(&t->lock);
}

static void answer_list(struct tarn_list_watch_sink *sink, unsigned long rv)
{
    char text[32], key[32];

    for (int i = 0; i < 10; i++) {
        const struct tarn_object *pod;
        int rc;

        (void)snprintf(key, sizeof key, "ns/pod-%d", i);
        pod = fake_pod(key, key, rv);
        rc = sink->on_item(sink, pod);
        tarn_object_unref(pod);
        if (rc)
            return;
    }
    (void)snprintf(text, sizeof text, "%lu", rv);
    sink->on_page(sink, &(struct tarn_list_meta){.resource_version = tarn_bytes_of(text), .remaining_item_count = -1});
}

static void answer_watch(struct tarn_list_watch_sink *sink, unsigned long rv, bool hold)
{
    const struct tarn_object *pod = fake_pod("ns/pod-3", "ns/pod-3", rv);
    int rc;

    sink->on_watch_open(sink);
    rc = sink->on_event(sink, TARN_WATCH_MODIFIED, pod);
    tarn_object_unref(pod);
    if (rc == 0 && !hold)
        sink->on_watch_end(sink, true, &(struct tarn_end){.reason = TARN_END_NORMAL});
}

static void *serve(void *arg)
{
    struct threaded_source *t = arg;

    pthread_mutex_lock(&t->lock);
    while (!t->quit) {
        struct tarn_list_watch_sink *sink = t->sink;
        bool watch = t->watch, hold = t->hold;
        unsigned long rv = ++t->rv;

        if (!sink) {
            pthread_cond_wait(&t->wake, &t->lock);
            continue;
        }
        t->sink = NULL;
        t->busy = true;
        pthread_mutex_unlock(&t->lock);
        if (watch)
            answer_watch(sink, rv, hold);
        else
            answer_list(sink, rv);
        pthread_mutex_lock(&t->lock);
        t->busy = false;
        pthread_cond_broadcast(&t->idle);
    }
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

void threaded_source_start(struct threaded_source *t, bool hold)
{
    static const struct tarn_list_watch_ops ops = {.list = list, .watch = watch, .cancel = cancel};

    *t = (struct threaded_source){.lw.ops = &ops, .rv = 100, .hold = hold};
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->wake, NULL);
    pthread_cond_init(&t->idle, NULL);
    if (pthread_create(&t->thread, NULL, serve, t))
        abort();
}

void threaded_source_end(struct threaded_source *t)
{
    pthread_mutex_lock(&t->lock);
    t->quit = true;
    pthread_cond_signal(&t->wake);
    pthread_mutex_unlock(&t->lock);
    pthread_join(t->thread, NULL);
    pthread_cond_destroy(&t->idle);
    pthread_cond_destroy(&t->wake);
    pthread_mutex_destroy(&t->lock);
}
