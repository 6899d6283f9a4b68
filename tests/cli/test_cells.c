/* The cells of `tarn get`: spans of time and the status word of pods, as kubectl shows them. */
#include <stdio.h>

#include "cli.h"
#include "columns.h"
#include "pod_status.h"
#include "table.h"
#include "tarn_test.h"
#include "when.h"

void cli_help(const char *verb) /* main.c's; no test asks for help */
{
    (void)verb;
}

/* k8s.io/apimachinery duration.TestHumanDuration */
static void spans_read_as_people_say_them(void)
{
    enum { M = 60, H = 3600, D = 86400, Y = 365 * 86400 };
    static const struct {
        int64_t s;
        const char *text;
    } rows[] = {{-2, "<invalid>"},        {-1, "0s"},         {0, "0s"},           {1, "1s"},          {70, "70s"},
                {119, "119s"},            {120, "2m"},        {190, "3m10s"},      {10 * M, "10m"},    {47 * M + 30, "47m"},
                {179 * M, "179m"},        {3 * H, "3h"},      {5 * H + 5 * M, "5h5m"}, {8 * H, "8h"},  {47 * H, "47h"},
                {49 * H, "2d1h"},         {8 * D, "8d"},      {364 * D, "364d"},   {2 * Y, "2y"},      {3 * Y + 10 * D, "3y10d"},
                {(int64_t)10 * Y, "10y"}};
    struct tarn_buf out = {0};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tarn_buf_clear(&out);
        cli_span(rows[i].s, &out);
        CU_ASSERT(tarn_bytes_equal(tarn_buf_bytes(&out), tarn_bytes_of(rows[i].text)));
    }
    tarn_buf_release(&out);
    CU_ASSERT_EQUAL(when_parse(TARN_BYTES("1970-01-02T00:00:01Z")), 86401);
    CU_ASSERT_EQUAL(when_parse(TARN_BYTES("yesterday")), -1);
}

#define POD(spec, status) "{\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\"},\"spec\":{" spec "},\"status\":{" status "}}"
#define TWO "\"containers\":[{\"name\":\"a\"},{\"name\":\"b\"}]"
#define INIT "\"initContainers\":[{\"name\":\"i\"},{\"name\":\"j\"}]," TWO

/* k8s.io/kubernetes printers TestPrintPod, TestPrintPodWithInitContainers */
static void the_status_word_of_a_pod_is_kubectls(void)
{
    static const struct {
        const char *json, *word;
        unsigned ready, containers;
        int restarts;
    } rows[] = {
        {POD(TWO, "\"phase\":\"Pending\""), "Pending", 0, 2, 0},
        {POD(TWO, "\"phase\":\"Running\",\"containerStatuses\":[{\"ready\":true,\"restartCount\":1,\"state\":{\"running\":{}}},"
                  "{\"ready\":true,\"restartCount\":2,\"state\":{\"running\":{}}}]"),
         "Running", 2, 2, 3},
        {POD(TWO, "\"phase\":\"Running\",\"containerStatuses\":[{\"ready\":true,\"restartCount\":0,\"state\":{\"running\":{}}},"
                  "{\"ready\":false,\"restartCount\":5,\"state\":{\"waiting\":{\"reason\":\"CrashLoopBackOff\"}}}]"),
         "CrashLoopBackOff", 1, 2, 5},
        {POD(TWO, "\"phase\":\"Failed\",\"containerStatuses\":[{\"restartCount\":0,\"state\":{\"terminated\":{\"exitCode\":3}}}]"),
         "ExitCode:3", 0, 2, 0},
        {POD(TWO, "\"phase\":\"Failed\",\"containerStatuses\":[{\"restartCount\":0,\"state\":{\"terminated\":{\"exitCode\":137,\"signal\":9}}}]"),
         "Signal:9", 0, 2, 0},
        {POD(TWO, "\"phase\":\"Failed\",\"reason\":\"Evicted\""), "Evicted", 0, 2, 0},
        {POD(TWO, "\"phase\":\"Running\",\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}],\"containerStatuses\":["
                  "{\"ready\":true,\"restartCount\":0,\"state\":{\"running\":{}}},"
                  "{\"restartCount\":0,\"state\":{\"terminated\":{\"reason\":\"Completed\",\"exitCode\":0}}}]"),
         "Running", 1, 2, 0},
        {POD(INIT, "\"phase\":\"Pending\",\"initContainerStatuses\":[{\"name\":\"i\",\"restartCount\":1,\"state\":{\"terminated\":{\"exitCode\":0}}},"
                   "{\"name\":\"j\",\"restartCount\":0,\"state\":{\"running\":{}}}]"),
         "Init:1/2", 0, 2, 1},
        {POD(INIT, "\"phase\":\"Pending\",\"initContainerStatuses\":[{\"name\":\"i\",\"restartCount\":0,"
                   "\"state\":{\"waiting\":{\"reason\":\"ImagePullBackOff\"}}}]"),
         "Init:ImagePullBackOff", 0, 2, 0},
        {POD(INIT, "\"phase\":\"Pending\",\"initContainerStatuses\":[{\"name\":\"i\",\"restartCount\":0,"
                   "\"state\":{\"terminated\":{\"exitCode\":2}}}]"),
         "Init:ExitCode:2", 0, 2, 0},
        {"{\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\",\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"},\"spec\":{" TWO
         "},\"status\":{\"phase\":\"Running\"}}",
         "Terminating", 0, 2, 0},
        {POD(TWO, "\"phase\":\"Pending\",\"conditions\":[{\"type\":\"PodScheduled\",\"reason\":\"SchedulingGated\"}]"), "SchedulingGated",
         0, 2, 0},
        {POD("\"initContainers\":[{\"name\":\"s\",\"restartPolicy\":\"Always\"}]," TWO,
             "\"phase\":\"Running\",\"initContainerStatuses\":[{\"name\":\"s\",\"started\":true,\"ready\":true,\"restartCount\":4,"
             "\"state\":{\"running\":{}}}]"),
         "Running", 1, 3, 4},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct tarn_object *pod = NULL;
        struct pod_status s;

        CU_ASSERT_EQUAL_FATAL(tarn_object_from_json(tarn_bytes_of(rows[i].json), &pod, NULL), 0);
        pod_status_read(pod, &s);
        CU_ASSERT_STRING_EQUAL(s.word, rows[i].word);
        CU_ASSERT_EQUAL(s.ready, rows[i].ready);
        CU_ASSERT_EQUAL(s.containers, rows[i].containers);
        CU_ASSERT_EQUAL(s.restarts, rows[i].restarts);
        tarn_object_unref(pod);
    }
}

/* Names and labels come from the cluster: they must not speak to the terminal. */
static void tables_line_up_and_let_no_control_character_through(void)
{
    struct table t = {.ncolumns = 2};
    struct tarn_buf out = {0};

    table_cell(&t, TARN_BYTES("NAME"));
    table_cell(&t, TARN_BYTES("X"));
    table_cell(&t, TARN_BYTES("a\033[31m\n"));
    table_cell(&t, TARN_BYTES("\303\266\377\302\233"));
    table_print(&t, &out);
    CU_ASSERT(tarn_bytes_equal(tarn_buf_bytes(&out), TARN_BYTES("NAME      X\na?[31m?   \303\266???\n")));
    table_release(&t);
    tarn_buf_release(&out);
}

TARN_TEST_MAIN("cells", TARN_TEST(spans_read_as_people_say_them), TARN_TEST(the_status_word_of_a_pod_is_kubectls),
               TARN_TEST(tables_line_up_and_let_no_control_character_through))
