/* How the CLI ends and speaks: messages, exit codes, output that may not be lost unnoticed. */
#include "cli.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "terminal.h"
#include "when.h"

static void say(const char *fmt, va_list ap)
{
    progress_end(); /* its line is in the way */
    fputs("tarn: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
}

void cli_say(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(fmt, ap);
    va_end(ap);
}

int cli_usage(const char *verb, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(fmt, ap);
    va_end(ap);
    fprintf(stderr, "tarn: `tarn %s --help` explains the options\n", verb);
    return CLI_USAGE;
}

int cli_fail(const struct tarn_error *err)
{
    cli_say("%s", err->message[0] ? err->message : tarn_strerror(err->code));
    switch (err->code) {
    case TARN_E_NOAGENT:
    case TARN_E_PERM:
    case TARN_E_ABI:
    case TARN_E_CORRUPT:
        return CLI_NO_AGENT;
    default:
        return CLI_FAILED;
    }
}

bool cli_seconds(const char *arg, unsigned *ret_ms)
{
    char *end;
    double s = strtod(arg, &end);

    if (end == arg || *end || !(s > 0) || s > 86400)
        return false;
    *ret_ms = (unsigned)(s * 1000) + (s * 1000 < 1);
    return true;
}

bool cli_attach_option(struct cli_attach *a, const char *verb, int opt, const char *arg)
{
    switch (opt) {
    case CLI_OPT_SOCKET:
        a->socket = arg;
        return true;
    case CLI_OPT_REALM:
        a->realm = arg;
        return true;
    case CLI_OPT_TIMEOUT:
        if (cli_seconds(arg, &a->timeout_ms))
            return true;
        cli_usage(verb, "--timeout '%s' is not a number of seconds in (0, 86400]", arg);
        return false;
    case 'h':
        cli_help(verb);
        exit(CLI_OK);
    default: /* getopt_long has said what is wrong */
        fprintf(stderr, "tarn: `tarn %s --help` explains the options\n", verb);
        return false;
    }
}

int cli_open(const struct cli_attach *a, struct tarn_client **ret)
{
    struct tarn_error err = {0};
    struct tarn_client_options o = {.socket = a->socket, .realm = a->realm, .timeout_ms = a->timeout_ms};
    int r;

    progress_begin("attaching to the agent");
    r = tarn_client_open(&o, ret, &err);
    progress_end();
    if (r == 0)
        return CLI_OK;
    cli_fail(&err);
    return CLI_NO_AGENT;
}

noreturn void cli_out_of_memory(void)
{
    cli_say("out of memory");
    exit(CLI_FAILED);
}

struct print_text cli_text(struct tarn_buf *out)
{
    return (struct print_text){.out = out};
}

void cli_text_end(const struct print_text *t)
{
    if (t->err)
        cli_out_of_memory();
}

void cli_span(int64_t seconds, struct tarn_buf *out)
{
    struct print_text t = cli_text(out);

    when_span(seconds, &t);
    cli_text_end(&t);
}

void cli_add(struct tarn_buf *out, struct tarn_bytes text)
{
    if (tarn_buf_add(out, text.data, text.len) != 0)
        cli_out_of_memory();
}

void cli_addf(struct tarn_buf *out, const char *fmt, ...)
{
    char line[1024];
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    if (n < 0)
        return;
    if ((size_t)n >= sizeof line)
        n = sizeof line - 1;
    cli_add(out, (struct tarn_bytes){line, (size_t)n});
}

void cli_flush(struct tarn_buf *out)
{
    if (out->len && isatty(STDOUT_FILENO))
        progress_end(); /* the output goes where its line is */
    if (out->len && (fwrite(out->data, 1, out->len, stdout) != out->len || fflush(stdout) != 0)) {
        if (errno != EPIPE)
            cli_say("cannot write the output: %s", strerror(errno));
        _exit(CLI_FAILED);
    }
    tarn_buf_clear(out);
}
