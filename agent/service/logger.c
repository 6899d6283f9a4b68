/* logger.c - see logger.h: what is told, and where. How it looks is in log_line.c and log_journal.c. */
#include "logger.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log_event.h"

static struct {
    enum tarn_log_format format;
    enum tarn_log_level least;
    int fd, journal_fd;
} logger = {.format = TARN_LOG_TEXT, .least = TARN_LOG_INFO, .fd = 2, .journal_fd = -1};

static pthread_mutex_t repeats_lock = PTHREAD_MUTEX_INITIALIZER; /* protects repeats; nothing else is locked while it is held */
static struct tarn_log_repeats repeats;

void tarn_logger_init(enum tarn_log_format format, enum tarn_log_level least, int fd, const char *journal_socket)
{
    if (logger.journal_fd >= 0)
        (void)close(logger.journal_fd);
    logger.journal_fd = format == TARN_LOG_AUTO && tarn_log_is_journal(fd) ? tarn_log_journal_open(journal_socket) : -1;
    logger.format = format;
    logger.least = least;
    logger.fd = fd;
    memset(&repeats, 0, sizeof repeats);
}

static void emit(const struct tarn_log_event *e)
{
    struct tarn_log_line l = {.len = 0};

    if (logger.journal_fd >= 0 && tarn_log_journal_send(logger.journal_fd, e) == 0)
        return;
    if (logger.format == TARN_LOG_JSON)
        tarn_log_as_json(e, &l);
    else
        tarn_log_as_text(e, &l);
    /* a log that cannot be written has no one left to tell */
    if (write(logger.fd, l.text, l.len) < 0)
        return;
}

static void add_pair(struct tarn_log_event *e, const char *name, const char *value)
{
    if (!value || e->n == TARN_LOG_PAIRS)
        return;
    e->pairs[e->n].name = name;
    e->pairs[e->n++].value = value;
}

static unsigned long long now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (unsigned long long)now.tv_sec * 1000 + (unsigned long long)now.tv_nsec / 1000000;
}

void tarn_log(enum tarn_log_level level, const char *message, ...)
{
    struct tarn_log_event e = {.level = level, .message = message};
    unsigned long long held = 0;
    bool again = false;
    const char *name;
    char text[24];
    va_list ap;

    if (level < logger.least)
        return;
    va_start(ap, message);
    while ((name = va_arg(ap, const char *)))
        add_pair(&e, name, va_arg(ap, const char *));
    va_end(ap);
    if (level >= TARN_LOG_WARN) {
        (void)pthread_mutex_lock(&repeats_lock);
        again = tarn_log_repeats(&repeats, &e, now_ms(), &held);
        (void)pthread_mutex_unlock(&repeats_lock);
    }
    if (held)
        add_pair(&e, "repeated", tarn_log_number(text, held));
    if (!again)
        emit(&e);
}

void tarn_logger_tick(void)
{
    unsigned long long held;
    struct tarn_log_event e;
    char text[24], message[sizeof repeats.v[0].message];
    bool any;

    do {
        (void)pthread_mutex_lock(&repeats_lock);
        any = tarn_log_repeats_take(&repeats, now_ms(), &e, &held);
        if (any) {
            (void)snprintf(message, sizeof message, "%s", e.message);
            e.message = message;
        }
        (void)pthread_mutex_unlock(&repeats_lock);
        if (any) {
            add_pair(&e, "repeated", tarn_log_number(text, held));
            emit(&e);
        }
    } while (any);
}

const char *tarn_log_number(char *buf, unsigned long long v)
{
    (void)snprintf(buf, 24, "%llu", v);
    return buf;
}
