/* Tests of agent/logger.c, log_journal.c and log_repeat.c: the journal's fields, and errors that repeat. (Lines as text and JSON: test_host.c.) */
#include "tarn_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "log_event.h"

static char dir[] = "/tmp/tarn-logger-XXXXXX", path[64], received[20000];

/* A journal of our own at `path`; its socket. */
static int open_journal(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

    if (strstr(dir, "XXXXXX") && !mkdtemp(dir))
        abort();
    (void)snprintf(path, sizeof path, "%s/journal", dir);
    (void)unlink(path);
    memcpy(a.sun_path, path, strlen(path) + 1);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&a, sizeof a) < 0)
        abort();
    return fd;
}

/* The next datagram's length, -1: none. */
static ssize_t take(int journal)
{
    ssize_t n = recv(journal, received, sizeof received - 1, 0);

    received[n < 0 ? 0 : n] = '\0';
    return n;
}

/* stderr as systemd would have made it: a file whose identity is in $JOURNAL_STREAM. */
static FILE *open_stream(void)
{
    FILE *f = tmpfile();
    struct stat st;
    char text[64];

    if (!f || fstat(fileno(f), &st) < 0)
        abort();
    (void)snprintf(text, sizeof text, "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
    setenv("JOURNAL_STREAM", text, 1);
    return f;
}

static const char *written(FILE *f)
{
    static char text[8192];
    size_t n;

    rewind(f);
    n = fread(text, 1, sizeof text - 1, f);
    text[n] = '\0';
    return text;
}

static void the_journal_gets_fields(void)
{
    static const char want[] = "MESSAGE=resource 'pods': gone again_in=\"5 s\" code=TARN_E_IO\nPRIORITY=4\nSYSLOG_IDENTIFIER=tarnd\n"
                               "TARN_AGAIN_IN=5 s\nTARN_CODE=TARN_E_IO\n";
    static const char two_lines[] = "TARN_WHY\n\x07\0\0\0\0\0\0\0one\ntwo\n";
    int journal = open_journal();
    FILE *f = open_stream();
    ssize_t n;

    tarn_logger_init(TARN_LOG_AUTO, TARN_LOG_INFO, fileno(f), path);
    tarn_log(TARN_LOG_WARN, "resource 'pods': gone", "again_in", "5 s", "code", "TARN_E_IO", "nothing", NULL, NULL);
    CU_ASSERT_EQUAL(take(journal), (ssize_t)strlen(want));
    CU_ASSERT_STRING_EQUAL(received, want);
    tarn_log(TARN_LOG_ERROR, "bad", "why", "one\ntwo", NULL);
    n = take(journal);
    CU_ASSERT(n > (ssize_t)sizeof two_lines && memmem(received, (size_t)n, two_lines, sizeof two_lines - 1) != NULL);
    tarn_log(TARN_LOG_DEBUG, "below the level", NULL);
    CU_ASSERT(take(journal) < 0);
    CU_ASSERT_STRING_EQUAL(written(f), "");
    (void)close(journal);
    (void)fclose(f);
}

static void a_value_that_does_not_fit_is_left_out(void)
{
    char *huge = calloc(1, 30000);
    int journal = open_journal();
    FILE *f = open_stream();

    memset(huge, 'x', 29999);
    tarn_logger_init(TARN_LOG_AUTO, TARN_LOG_INFO, fileno(f), path);
    tarn_log(TARN_LOG_INFO, "much", "huge", huge, "small", "s", NULL);
    CU_ASSERT(take(journal) > 0);
    CU_ASSERT(strstr(received, "TARN_HUGE") == NULL && strstr(received, "\nTARN_SMALL=s\n") != NULL);
    (void)close(journal);
    (void)fclose(f);
    free(huge);
}

/* No journal at the socket, stderr that leads elsewhere, another format: text or JSON on stderr. */
static void without_a_journal_lines_go_to_stderr(void)
{
    int journal = open_journal();
    FILE *f = open_stream();

    tarn_logger_init(TARN_LOG_JSON, TARN_LOG_INFO, fileno(f), path);
    tarn_log(TARN_LOG_INFO, "as json", NULL);
    tarn_logger_init(TARN_LOG_AUTO, TARN_LOG_INFO, fileno(f), "/nonexistent/journal");
    tarn_log(TARN_LOG_INFO, "no journal there", NULL);
    setenv("JOURNAL_STREAM", "1:1", 1);
    tarn_logger_init(TARN_LOG_AUTO, TARN_LOG_INFO, fileno(f), path);
    tarn_log(TARN_LOG_INFO, "not the journal's", NULL);
    setenv("JOURNAL_STREAM", "rubbish", 1);
    tarn_logger_init(TARN_LOG_AUTO, TARN_LOG_INFO, fileno(f), path);
    tarn_log(TARN_LOG_INFO, "rubbish", NULL);
    CU_ASSERT(strstr(written(f), "\"msg\":\"as json\"}\n") && strstr(written(f), " INFO no journal there\n"));
    CU_ASSERT(strstr(written(f), " INFO not the journal's\n") && strstr(written(f), " INFO rubbish\n"));
    CU_ASSERT(take(journal) < 0);
    unsetenv("JOURNAL_STREAM");
    (void)close(journal);
    (void)fclose(f);
}

/* The journal ends while we log: nothing is lost. */
static void a_journal_that_ends_is_replaced_by_stderr(void)
{
    int journal = open_journal();
    FILE *f = open_stream();

    tarn_logger_init(TARN_LOG_AUTO, TARN_LOG_INFO, fileno(f), path);
    (void)close(journal);
    tarn_log(TARN_LOG_INFO, "still told", NULL);
    CU_ASSERT(strstr(written(f), " INFO still told\n") != NULL);
    (void)fclose(f);
}

static void an_error_that_repeats_is_told_once_a_minute_with_its_number(void)
{
    struct tarn_log_repeats r = {0};
    struct tarn_log_event e = {.level = TARN_LOG_WARN, .message = "port 1 after 7 ms", .pairs = {{"resource", "pods"}}, .n = 1}, other = e, told;
    unsigned long long held = 9;

    CU_ASSERT(!tarn_log_repeats(&r, &e, 1000, &held));
    CU_ASSERT_EQUAL(held, 0);
    e.message = "port 1 after 19 ms"; /* numbers do not make it another */
    CU_ASSERT(tarn_log_repeats(&r, &e, 2000, &held));
    CU_ASSERT(tarn_log_repeats(&r, &e, 60999, &held));
    other.pairs[0].value = "nodes"; /* a resource does */
    CU_ASSERT(!tarn_log_repeats(&r, &other, 2000, &held));
    other.level = TARN_LOG_ERROR;
    CU_ASSERT(!tarn_log_repeats(&r, &other, 2000, &held));
    CU_ASSERT(!tarn_log_repeats(&r, &e, 61000, &held));
    CU_ASSERT_EQUAL(held, 2);
    /* what is held back when it stops is told at last */
    CU_ASSERT(tarn_log_repeats(&r, &e, 61001, &held));
    CU_ASSERT(!tarn_log_repeats_take(&r, 120999, &told, &held));
    CU_ASSERT(tarn_log_repeats_take(&r, 121000, &told, &held));
    CU_ASSERT(held == 1 && told.level == TARN_LOG_WARN && strcmp(told.message, "port 1 after 19 ms") == 0);
    CU_ASSERT(!tarn_log_repeats_take(&r, 999999, &told, &held));
}

/* Many different ones at once: the oldest are forgotten, none is held back wrongly. */
static void many_kinds_of_errors_are_all_told(void)
{
    struct tarn_log_repeats r = {0};
    unsigned long long held;

    for (int i = 0; i < 500; i++) {
        char text[16] = {'a' + (char)(i % 26), 'a' + (char)(i / 26), '\0'};

        CU_ASSERT(!tarn_log_repeats(&r, &(struct tarn_log_event){.level = TARN_LOG_ERROR, .message = text}, 1000 + (unsigned)i, &held));
    }
}

static void only_warnings_and_errors_are_held_back(void)
{
    FILE *f = tmpfile();
    unsigned n = 0;

    tarn_logger_init(TARN_LOG_TEXT, TARN_LOG_INFO, fileno(f), "");
    for (int i = 0; i < 3; i++) {
        tarn_log(TARN_LOG_INFO, "resource live", NULL);
        tarn_log(TARN_LOG_WARN, "client refused", NULL);
    }
    tarn_logger_tick();
    for (const char *p = written(f); (p = strchr(p, '\n')); p++)
        n++;
    CU_ASSERT_EQUAL(n, 4);
    (void)fclose(f);
    tarn_logger_init(TARN_LOG_TEXT, TARN_LOG_INFO, 2, "");
}

TARN_TEST_MAIN("logger", TARN_TEST(the_journal_gets_fields), TARN_TEST(a_value_that_does_not_fit_is_left_out), TARN_TEST(without_a_journal_lines_go_to_stderr),
               TARN_TEST(a_journal_that_ends_is_replaced_by_stderr), TARN_TEST(an_error_that_repeats_is_told_once_a_minute_with_its_number),
               TARN_TEST(many_kinds_of_errors_are_all_told), TARN_TEST(only_warnings_and_errors_are_held_back))
