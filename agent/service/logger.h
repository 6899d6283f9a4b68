/* logger.h - the agent's log: one line per event that matters, none per object; on stderr as text or JSON, or to the journal with fields.
 *
 * An event is a fixed sentence and pairs of names and values; values are quoted and escaped, so one event is always one line. Nothing here may
 * carry a credential: callers never pass one. Warnings and errors that repeat (the same but for numbers in them) are told once a minute, with
 * how many there were.
 * Any thread; each line is one write(2). The format is set once, before other threads start.
 */
#ifndef TARN_AGENT_LOGGER_H
#define TARN_AGENT_LOGGER_H

#include <stdint.h>

enum tarn_log_level { TARN_LOG_DEBUG, TARN_LOG_INFO, TARN_LOG_WARN, TARN_LOG_ERROR };
/* AUTO: the journal where stderr leads there (systemd's $JOURNAL_STREAM), else text */
enum tarn_log_format { TARN_LOG_AUTO, TARN_LOG_TEXT, TARN_LOG_JSON };

#define TARN_JOURNAL_SOCKET "/run/systemd/journal/socket"

/*
 * Lines below `least` are dropped. fd stays the caller's. journal_socket: where the journal takes fields, TARN_JOURNAL_SOCKET; where it cannot be
 * reached, lines go to fd as text. Before threads start; again: all that was counted is forgotten.
 */
void tarn_logger_init(enum tarn_log_format format, enum tarn_log_level least, int fd, const char *journal_socket);

/* One line: message, then pairs of const char * (name, value), ended by NULL; at most 16. A NULL value leaves its pair out. */
void tarn_log(enum tarn_log_level level, const char *message, ...) __attribute__((sentinel));

/* Tell what was held back for longer than a minute; now and then, from any thread. */
void tarn_logger_tick(void);

/* v in decimal, in a buffer of the calling block; for tarn_log's values. */
const char *tarn_log_number(char *buf, unsigned long long v);
#define TARN_LOG_U64(v) tarn_log_number((char[24]){0}, (unsigned long long)(v))

#endif
