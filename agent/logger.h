/* logger.h - the agent's log: one line per event that matters, on stderr, as text or JSON.
 *
 * An event is a fixed sentence and pairs of names and values; values are quoted and escaped, so one event
 * is always one line. Nothing here may carry a credential: callers never pass one.
 * Any thread; each line is one write(2). The format is set once, before other threads start.
 */
#ifndef TARN_AGENT_LOGGER_H
#define TARN_AGENT_LOGGER_H

#include <stdint.h>

enum tarn_log_level { TARN_LOG_DEBUG, TARN_LOG_INFO, TARN_LOG_WARN, TARN_LOG_ERROR };
enum tarn_log_format { TARN_LOG_TEXT, TARN_LOG_JSON };

/* Lines below `least` are dropped. fd stays the caller's. Before threads start. */
void tarn_logger_init(enum tarn_log_format format, enum tarn_log_level least, int fd);

/* One line: message, then pairs of const char * (name, value), ended by NULL. A NULL value leaves its pair out. */
void tarn_log(enum tarn_log_level level, const char *message, ...) __attribute__((sentinel));

/* v in decimal, in a buffer of the calling block; for tarn_log's values. */
const char *tarn_log_number(char *buf, unsigned long long v);
#define TARN_LOG_U64(v) tarn_log_number((char[24]){0}, (unsigned long long)(v))

#endif
