/* What the verbs of the CLI share: how it ends, how it speaks, how it attaches. */
#ifndef TARN_CLI_H
#define TARN_CLI_H

#include <stdbool.h>
#include <stdnoreturn.h>

#include <tarn/tarn.h>

#include "print_text.h"

/* Documented in `tarn --help` and tarn(1). */
enum cli_exit {
    CLI_OK = 0,
    CLI_FAILED = 1, /* the question has no answer: not found, unknown resource or index, bad selector */
    CLI_USAGE = 2,
    CLI_NO_AGENT = 3, /* cannot attach: no agent, no permission, other format */
    CLI_NO = 4,       /* the answer is no: not synced, damage found */
};

/* Options that every verb takes. */
struct cli_attach {
    const char *socket, *realm; /* NULL: the library's default */
    unsigned timeout_ms;
};

#define CLI_ATTACH_OPTIONS                                                       \
    {"socket", required_argument, 0, CLI_OPT_SOCKET},                            \
        {"realm", required_argument, 0, CLI_OPT_REALM},                          \
        {"timeout", required_argument, 0, CLI_OPT_TIMEOUT}, {"help", no_argument, 0, 'h'}

enum cli_opt { CLI_OPT_SOCKET = 1000, CLI_OPT_REALM, CLI_OPT_TIMEOUT, CLI_OPT_VERB };

/* Take one of CLI_ATTACH_OPTIONS (prints the verb's help and ends for 'h'). False: opt is none of them and was
 * reported as a usage error. */
bool cli_attach_option(struct cli_attach *a, const char *verb, int opt, const char *arg);

/* A number of seconds in (0, 86400] as milliseconds, at least 1. False: it is none. */
bool cli_seconds(const char *arg, unsigned *ret_ms);

/* "tarn: " and a sentence on stderr. */
void cli_say(const char *fmt, ...) TARN_PRINTF(1, 2);
/* The same, and "try tarn VERB --help". Returns CLI_USAGE. */
int cli_usage(const char *verb, const char *fmt, ...) TARN_PRINTF(2, 3);
/* Say err and return the exit code that fits its code. */
int cli_fail(const struct tarn_error *err);

/* Attach, or say why not. Returns CLI_OK or the exit code. */
int cli_open(const struct cli_attach *a, struct tarn_client **ret);

/* Append to out; a CLI out of memory says so and ends. */
void cli_addf(struct tarn_buf *out, const char *fmt, ...) TARN_PRINTF(2, 3);
void cli_add(struct tarn_buf *out, struct tarn_bytes text);
noreturn void cli_out_of_memory(void);
/* What core/print/ adds to out; and its end, which says so if memory was out. */
struct print_text cli_text(struct tarn_buf *out);
void cli_text_end(const struct print_text *t);
/* Append a span of seconds: 45s, 2m5s. */
void cli_span(int64_t seconds, struct tarn_buf *out);
/* Write out to stdout and empty it. A closed pipe ends the program quietly. */
void cli_flush(struct tarn_buf *out);

/* The verbs: each gets its own argv, argv[0] being "tarn VERB". */
int verb_get(int argc, char **argv);
int verb_events(int argc, char **argv);
int verb_status(int argc, char **argv);
int verb_top(int argc, char **argv);
int verb_index(int argc, char **argv);
int verb_snapshot(int argc, char **argv);
int verb_verify(int argc, char **argv);

/* The help of a verb, from the table of verbs. */
void cli_help(const char *verb);

#endif
