/* tarn top - the agent live: rates of changes, resources, memory and clients, drawn again and again.
 *
 * Two looks, an interval apart, make one picture: a rate is the difference of two counters over the time between. On a terminal the
 * picture takes the whole screen, on the other screen that terminals keep for it; elsewhere it is printed once.
 */
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "status.h"
#include "table.h"
#include "terminal.h"

enum { RESOURCES_MAX = 256, INTERVAL_MS = 2000, OPT_INTERVAL = CLI_OPT_VERB, OPT_ONCE, BAR = 40 };

struct top_options {
    struct cli_attach attach;
    unsigned interval_ms;
    bool once;
};

static const struct option options[] = {
    {"interval", required_argument, 0, OPT_INTERVAL},
    {"once", no_argument, 0, OPT_ONCE},
    CLI_ATTACH_OPTIONS,
    {0},
};

static int parse(int argc, char **argv, struct top_options *o)
{
    int opt;

    optind = 1;
    while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (opt == OPT_ONCE)
            o->once = true;
        else if (opt == OPT_INTERVAL && cli_seconds(optarg, &o->interval_ms))
            continue;
        else if (opt == OPT_INTERVAL)
            return cli_usage("top", "--interval '%s' is not a number of seconds in (0, 86400]", optarg);
        else if (!cli_attach_option(&o->attach, "top", opt, optarg))
            return CLI_USAGE;
    }
    return optind < argc ? cli_usage("top", "unexpected argument '%s'", argv[optind]) : CLI_OK;
}

/* ---- looks ------------------------------------------------------------------------------------------ */

/* The counters at one moment. Another generation's do not compare. */
struct look {
    uint64_t at_ms, commit, generation;
    size_t n;
    struct counted {
        char name[128];
        uint64_t events;
    } resources[RESOURCES_MAX];
};

static uint64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void look(const struct status *st, struct look *ret)
{
    struct tarn_resource r;

    ret->at_ms = now_ms();
    ret->commit = tarn_snapshot_commit(st->s);
    ret->generation = tarn_snapshot_generation(st->s);
    for (ret->n = 0; ret->n < RESOURCES_MAX && tarn_resource_at(st->s, (unsigned)ret->n, &r) == 0; ret->n++) {
        struct counted *c = &ret->resources[ret->n];

        snprintf(c->name, sizeof c->name, "%.*s", TARN_BYTES_ARG(r.name));
        c->events = r.events;
    }
}

static double per_second(uint64_t before, uint64_t after, const struct look *a, const struct look *b)
{
    uint64_t ms = b->at_ms - a->at_ms;

    return a->generation == b->generation && after >= before && ms ? (double)(after - before) * 1000.0 / (double)ms : 0;
}

/* Events of resource i of b since a. */
static double rate_of(const struct look *a, const struct look *b, size_t i)
{
    for (size_t k = 0; k < a->n; k++)
        if (strcmp(a->resources[k].name, b->resources[i].name) == 0)
            return per_second(a->resources[k].events, b->resources[i].events, a, b);
    return 0;
}

/* ---- the picture -------------------------------------------------------------------------------------- */

static void add_head(const struct status *st, const struct look *a, const struct look *b, struct tarn_buf *out)
{
    const struct tarn_client_info *i = &st->info;
    time_t now = time(NULL);
    double events = 0;
    char clock[16];
    struct tm tm;

    for (size_t k = 0; k < b->n; k++)
        events += rate_of(a, b, k);
    strftime(clock, sizeof clock, "%H:%M:%S", localtime_r(&now, &tm));
    cli_addf(out, "tarn top  %s  realm %s  agent %s%s%s\n", clock, i->realm, status_agent_word(i), i->agent[0] ? ", version " : "", i->agent);
    cli_addf(out, "%.1f events/s  %.1f commits/s  %" PRIu64 " objects  commit %" PRIu64 ", ", events,
             per_second(a->commit, b->commit, a, b), i->objects, i->commit);
    status_age(i->commit_age_ms, out);
    cli_addf(out, " old\n");
}

/* Live and kept memory of the region as a bar. */
static void add_memory(const struct tarn_client_info *i, struct tarn_buf *out)
{
    uint64_t size = i->region_bytes ? i->region_bytes : 1;
    unsigned live = (unsigned)(i->live_bytes * BAR / size), kept = (unsigned)((i->live_bytes + i->retired_bytes) * BAR / size);

    cli_addf(out, "memory [");
    for (unsigned k = 0; k < BAR; k++)
        cli_addf(out, "%c", k < live ? '#' : k < kept ? '+' : '.');
    cli_addf(out, "] ");
    status_bytes(i->live_bytes, out);
    cli_addf(out, " live, ");
    status_bytes(i->retired_bytes, out);
    cli_addf(out, " kept, of ");
    status_bytes(i->region_bytes, out);
    cli_addf(out, "%s\n\n", i->over_budget ? "; OVER BUDGET" : "");
}

static void number_cell(struct table *t, const char *format, ...) TARN_PRINTF(2, 3);
static void number_cell(struct table *t, const char *format, ...)
{
    char text[32];
    va_list ap;

    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    table_cell(t, tarn_bytes_of(text));
}

static void resource_row(struct table *t, const struct tarn_resource *r, double rate, struct tarn_buf *scratch)
{
    table_cell(t, r->name);
    number_cell(t, "%" PRIu64, r->objects);
    tarn_buf_clear(scratch);
    status_bytes(r->bytes, scratch);
    table_cell(t, tarn_buf_bytes(scratch));
    number_cell(t, "%.1f", rate);
    number_cell(t, "%" PRIu64, r->events);
    number_cell(t, "%" PRIu64, r->relists);
    table_cell(t, !r->synced ? TARN_BYTES("NO, not synced") : r->live ? TARN_BYTES("yes") : r->relisting ? TARN_BYTES("listing") : TARN_BYTES("NO"));
    tarn_buf_clear(scratch);
    status_age(r->last_event_age_ms, scratch);
    table_cell(t, tarn_buf_bytes(scratch));
    number_cell(t, "%" PRIu64, r->errors);
}

static void add_resources(const struct status *st, const struct look *a, const struct look *b, struct tarn_buf *out)
{
    static const char *const headers[] = {"RESOURCE", "OBJECTS", "BYTES", "EVENTS/S", "EVENTS", "RELISTS", "LIVE", "LAST EVENT", "ERRORS"};
    struct table t = {.ncolumns = sizeof headers / sizeof *headers, .fit = terminal_width(), .colour = terminal_colour(), .whole = 1, .states = 1 << 6};
    struct tarn_buf scratch = {0};
    struct tarn_resource r;

    table_headers(&t, headers, t.ncolumns);
    for (size_t i = 0; i < b->n && tarn_resource_at(st->s, (unsigned)i, &r) == 0; i++)
        resource_row(&t, &r, rate_of(a, b, i), &scratch);
    table_print(&t, out);
    table_release(&t);
    tarn_buf_release(&scratch);
}

/* ---- the loop ------------------------------------------------------------------------------------------ */

struct top {
    struct tarn_client *client;
    struct look looks[2];
    unsigned nlooks;
    bool screen;
    struct termios before;
};

static volatile sig_atomic_t interrupted;

static void on_signal(int sig)
{
    if (sig != SIGWINCH) /* that one only wakes us */
        interrupted = sig;
}

/* One more look; from the second on, a picture in out. CLI_OK or the exit code. */
static int picture(struct top *t, struct tarn_buf *out)
{
    struct look *a = &t->looks[(t->nlooks + 1) % 2], *b = &t->looks[t->nlooks % 2];
    struct tarn_error err = {0};
    struct tarn_snapshot *s;
    struct status st;
    int r;

    if (tarn_snapshot_open(t->client, &s, &err) != 0)
        return cli_fail(&err);
    r = status_ask(t->client, s, &st);
    if (r == 0) {
        look(&st, b);
        if (t->nlooks++ > 0) {
            add_head(&st, a, b, out);
            add_memory(&st.info, out);
            add_resources(&st, a, b, out);
            status_clients(&st, out);
        }
    }
    status_release(&st);
    if (tarn_snapshot_close(s) != 0)
        tarn_buf_clear(out); /* taken back while we read: the next one counts */
    return r == 0 ? CLI_OK : CLI_FAILED;
}

/* Put the picture on the screen: at most its height, each line cleared behind its end. */
static void draw(struct tarn_buf *picture)
{
    unsigned height = terminal_height();
    struct tarn_buf out = {0};
    unsigned lines = 0;

    cli_addf(&out, "\033[H");
    for (size_t i = 0; i < picture->len && ++lines < height;) {
        const char *end = memchr(picture->data + i, '\n', picture->len - i);
        size_t n = end ? (size_t)(end - (picture->data + i)) : picture->len - i;

        cli_add(&out, (struct tarn_bytes){picture->data + i, n});
        cli_addf(&out, "\033[K\r\n");
        i += n + 1;
    }
    cli_addf(&out, "\033[Jq quits");
    cli_flush(&out);
    tarn_buf_release(&out);
    tarn_buf_clear(picture);
}

static void screen_begin(struct top *t)
{
    struct termios raw;

    if (tcgetattr(STDIN_FILENO, &t->before) == 0) {
        raw = t->before;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
    fputs("\033[?1049h\033[?25l", stdout);
}

static void screen_end(struct top *t)
{
    (void)tcsetattr(STDIN_FILENO, TCSANOW, &t->before);
    fputs("\033[?25h\033[?1049l", stdout);
    (void)fflush(stdout);
}

/* Wait for ms, or until a signal or a key. False: it is over. Signals come only here. */
static bool pause_for(struct top *t, unsigned ms, const sigset_t *before)
{
    struct timespec wait = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    struct pollfd key = {.fd = t->screen ? STDIN_FILENO : -1, .events = POLLIN};
    char c;

    if (ppoll(&key, 1, &wait, before) == 1 && (read(STDIN_FILENO, &c, 1) != 1 || c == 'q' || c == 'Q'))
        return false;
    return !interrupted;
}

static int run(struct top *t, const struct top_options *o)
{
    struct sigaction act = {.sa_handler = on_signal};
    struct tarn_buf out = {0};
    sigset_t ending, before;
    int r = CLI_OK;

    sigemptyset(&ending);
    for (const int *sig = (const int[]){SIGINT, SIGTERM, SIGHUP, SIGWINCH, 0}; *sig; sig++) {
        sigaddset(&ending, *sig);
        sigaction(*sig, &act, NULL);
    }
    sigprocmask(SIG_BLOCK, &ending, &before);
    if (t->screen)
        screen_begin(t);
    do {
        r = picture(t, &out);
        if (t->screen && out.len)
            draw(&out);
    } while (r == CLI_OK && (t->screen || t->nlooks < 2) && pause_for(t, t->nlooks == 1 && t->screen ? 200 : o->interval_ms, &before));
    if (t->screen)
        screen_end(t);
    cli_flush(&out);
    sigprocmask(SIG_SETMASK, &before, NULL);
    tarn_buf_release(&out);
    return r;
}

int verb_top(int argc, char **argv)
{
    struct top_options o = {.interval_ms = INTERVAL_MS};
    struct top *t;
    int r = parse(argc, argv, &o);

    if (r != CLI_OK)
        return r;
    t = calloc(1, sizeof *t);
    if (!t)
        cli_out_of_memory();
    t->screen = !o.once && isatty(STDOUT_FILENO) && isatty(STDIN_FILENO);
    r = cli_open(&o.attach, &t->client);
    if (r == CLI_OK)
        r = run(t, &o);
    tarn_client_close(t->client);
    free(t);
    return r;
}
