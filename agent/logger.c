/* logger.c - builds each line in a buffer on the stack and writes it at once; too long a line is cut. */
#include "logger.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct {
    enum tarn_log_format format;
    enum tarn_log_level least;
    int fd;
} logger = {.format = TARN_LOG_TEXT, .least = TARN_LOG_INFO, .fd = 2};

struct line {
    char text[2048];
    size_t len;
};

void tarn_logger_init(enum tarn_log_format format, enum tarn_log_level least, int fd)
{
    logger.format = format;
    logger.least = least;
    logger.fd = fd;
}

static void put(struct line *l, char c)
{
    if (l->len < sizeof l->text - 2) /* room for the newline */
        l->text[l->len++] = c;
}

static void puts_raw(struct line *l, const char *s)
{
    while (*s)
        put(l, *s++);
}

/* The inside of a JSON string; also what a quoted text value looks like. */
static void puts_escaped(struct line *l, const char *s)
{
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        char u[8];

        if (c == '"' || c == '\\') {
            put(l, '\\');
            put(l, (char)c);
        } else if (c == '\n') {
            puts_raw(l, "\\n");
        } else if (c < 0x20 || c == 0x7f) {
            (void)snprintf(u, sizeof u, "\\u%04x", c);
            puts_raw(l, u);
        } else {
            put(l, (char)c);
        }
    }
}

static void puts_quoted(struct line *l, const char *s)
{
    put(l, '"');
    puts_escaped(l, s);
    put(l, '"');
}

static bool is_plain(const char *s)
{
    if (!*s)
        return false;
    for (; *s; s++)
        if ((unsigned char)*s <= ' ' || *s == '"' || *s == '\\' || *s == '=' || *s == 0x7f)
            return false;
    return true;
}

static void put_time(struct line *l)
{
    struct timespec now;
    struct tm tm;
    char text[40], ms[8];

    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &tm);
    (void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(ms, sizeof ms, ".%03dZ", (int)(now.tv_nsec / 1000000) % 1000);
    puts_raw(l, text);
    puts_raw(l, ms);
}

static void put_head(struct line *l, enum tarn_log_level level, const char *message)
{
    static const char *const upper[] = {"DEBUG", "INFO", "WARN", "ERROR"}, *const lower[] = {"debug", "info", "warn", "error"};

    if (logger.format == TARN_LOG_TEXT) {
        put_time(l);
        put(l, ' ');
        puts_raw(l, upper[level]);
        put(l, ' ');
        puts_raw(l, message);
        return;
    }
    puts_raw(l, "{\"time\":\"");
    put_time(l);
    puts_raw(l, "\",\"level\":\"");
    puts_raw(l, lower[level]);
    puts_raw(l, "\",\"msg\":");
    puts_quoted(l, message);
}

static void put_pair(struct line *l, const char *name, const char *value)
{
    if (logger.format == TARN_LOG_JSON) {
        put(l, ',');
        puts_quoted(l, name);
        put(l, ':');
        puts_quoted(l, value);
        return;
    }
    put(l, ' ');
    puts_raw(l, name);
    put(l, '=');
    if (is_plain(value))
        puts_raw(l, value);
    else
        puts_quoted(l, value);
}

/* A JSON line that is about to overflow drops whole pairs, so that it stays JSON. */
static void put_pairs(struct line *l, va_list ap)
{
    const char *name;

    while ((name = va_arg(ap, const char *))) {
        const char *value = va_arg(ap, const char *);
        size_t before = l->len;

        if (!value)
            continue;
        put_pair(l, name, value);
        if (l->len >= sizeof l->text - 4) {
            l->len = before;
            return;
        }
    }
}

void tarn_log(enum tarn_log_level level, const char *message, ...)
{
    struct line l = {.len = 0};
    va_list ap;

    if (level < logger.least)
        return;
    put_head(&l, level, message);
    va_start(ap, message);
    put_pairs(&l, ap);
    va_end(ap);
    if (logger.format == TARN_LOG_JSON)
        l.text[l.len++] = '}';
    l.text[l.len++] = '\n';
    /* a log that cannot be written has no one left to tell */
    if (write(logger.fd, l.text, l.len) < 0)
        return;
}

const char *tarn_log_number(char *buf, unsigned long long v)
{
    (void)snprintf(buf, 24, "%llu", v);
    return buf;
}
