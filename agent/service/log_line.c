/* log_line.c - an event as one line; built in a buffer of the caller, cut where it is too long. */
#include "log_event.h"

#include <stdio.h>
#include <time.h>

static void put(struct tarn_log_line *l, char c)
{
    if (l->len < sizeof l->text - 2) /* room for the newline */
        l->text[l->len++] = c;
}

static void puts_raw(struct tarn_log_line *l, const char *s)
{
    while (*s)
        put(l, *s++);
}

/* The inside of a JSON string; also what a quoted text value looks like. */
static void puts_escaped(struct tarn_log_line *l, const char *s)
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

static void puts_quoted(struct tarn_log_line *l, const char *s)
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

static void put_time(struct tarn_log_line *l)
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

static const char *const upper[] = {"DEBUG", "INFO", "WARN", "ERROR"}, *const lower[] = {"debug", "info", "warn", "error"};

static void put_text_pairs(struct tarn_log_line *l, const struct tarn_log_event *e)
{
    for (unsigned i = 0; i < e->n; i++) {
        put(l, ' ');
        puts_raw(l, e->pairs[i].name);
        put(l, '=');
        if (is_plain(e->pairs[i].value))
            puts_raw(l, e->pairs[i].value);
        else
            puts_quoted(l, e->pairs[i].value);
    }
}

void tarn_log_as_message(const struct tarn_log_event *e, struct tarn_log_line *l)
{
    puts_raw(l, e->message);
    put_text_pairs(l, e);
}

void tarn_log_as_text(const struct tarn_log_event *e, struct tarn_log_line *l)
{
    put_time(l);
    put(l, ' ');
    puts_raw(l, upper[e->level]);
    put(l, ' ');
    tarn_log_as_message(e, l);
    l->text[l->len++] = '\n';
}

/* A line that is about to overflow drops whole pairs, so that it stays JSON. */
void tarn_log_as_json(const struct tarn_log_event *e, struct tarn_log_line *l)
{
    puts_raw(l, "{\"time\":\"");
    put_time(l);
    puts_raw(l, "\",\"level\":\"");
    puts_raw(l, lower[e->level]);
    puts_raw(l, "\",\"msg\":");
    puts_quoted(l, e->message);
    for (unsigned i = 0; i < e->n; i++) {
        size_t before = l->len;

        put(l, ',');
        puts_quoted(l, e->pairs[i].name);
        put(l, ':');
        puts_quoted(l, e->pairs[i].value);
        if (l->len >= sizeof l->text - 4) {
            l->len = before;
            break;
        }
    }
    l->text[l->len++] = '}';
    l->text[l->len++] = '\n';
}
