/* log_event.h - what the parts of the logger share: one event, and the forms it is written in. */
#ifndef TARN_AGENT_LOG_EVENT_H
#define TARN_AGENT_LOG_EVENT_H

#include <stdbool.h>
#include <stddef.h>

#include "logger.h"

#define TARN_LOG_PAIRS 18
#define TARN_LOG_LINE_BYTES 2048

struct tarn_log_event {
    enum tarn_log_level level;
    const char *message;
    struct {
        const char *name, *value;
    } pairs[TARN_LOG_PAIRS];
    unsigned n;
};

struct tarn_log_line {
    char text[TARN_LOG_LINE_BYTES];
    size_t len;
};

/* log_line.c: with the newline; what is too long is cut, JSON by whole pairs. */
void tarn_log_as_text(const struct tarn_log_event *e, struct tarn_log_line *l);
void tarn_log_as_json(const struct tarn_log_event *e, struct tarn_log_line *l);
/* "message name=value ...": the text without time, level and newline. */
void tarn_log_as_message(const struct tarn_log_event *e, struct tarn_log_line *l);

/* log_journal.c: the journal's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL). */
/* Does fd lead to the journal, as systemd says in $JOURNAL_STREAM? */
bool tarn_log_is_journal(int fd);
/* A socket that takes events, or -1. */
int tarn_log_journal_open(const char *path);
/* 0, or -1: it could not be sent. */
int tarn_log_journal_send(int fd, const struct tarn_log_event *e);

/* log_repeat.c: which events are the same but for numbers. Not locked: the logger's lock is held. */
#define TARN_LOG_REPEAT_MS 60000
struct tarn_log_repeats {
    struct {
        unsigned long long hash, since_ms, held; /* hash 0: free; held back since then */
        enum tarn_log_level level;
        char message[200];
    } v[64];
};
/* Is it to be held back? If not, *ret_held is how many of its kind were since it was last told. */
bool tarn_log_repeats(struct tarn_log_repeats *r, const struct tarn_log_event *e, unsigned long long now_ms, unsigned long long *ret_held);
/* Take one that was held back and not told of for a minute: its level, text (borrowed) and number; false: none. */
bool tarn_log_repeats_take(struct tarn_log_repeats *r, unsigned long long now_ms, struct tarn_log_event *ret, unsigned long long *ret_held);

#endif
