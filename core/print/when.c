/* Times as kubectl shows them. Source: k8s.io/apimachinery pkg/util/duration HumanDuration. */
#include "when.h"

#include <stdio.h>
#include <time.h>

#include "print_text.h"

int64_t when_parse(struct tarn_bytes text)
{
    char s[40];
    struct tm tm = {0};

    if (text.len < 20 || text.len >= sizeof s)
        return -1;
    memcpy(s, text.data, text.len);
    s[text.len] = 0;
    if (sscanf(s, "%4d-%2d-%2dT%2d:%2d:%2d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec) != 6)
        return -1;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    return (int64_t)timegm(&tm);
}

/* "5m" or "5m30s": the second part only when it is not zero. */
static void two_parts(int64_t a, const char *ua, int64_t b, const char *ub, struct print_text *out)
{
    print_addf(out, "%lld%s", (long long)a, ua);
    if (b)
        print_addf(out, "%lld%s", (long long)b, ub);
}

void when_span(int64_t s, struct print_text *out)
{
    int64_t m = s / 60, h = s / 3600, d = h / 24;

    if (s < -1)
        print_adds(out, "<invalid>");
    else if (s < 120)
        two_parts(s < 0 ? 0 : s, "s", 0, "", out);
    else if (m < 10)
        two_parts(m, "m", s % 60, "s", out);
    else if (m < 180)
        two_parts(m, "m", 0, "", out);
    else if (h < 8)
        two_parts(h, "h", m % 60, "m", out);
    else if (h < 48)
        two_parts(h, "h", 0, "", out);
    else if (h < 24 * 8)
        two_parts(d, "d", h % 24, "h", out);
    else if (d < 365 * 2)
        two_parts(d, "d", 0, "", out);
    else
        two_parts(d / 365, "y", d < 365 * 8 ? d % 365 : 0, "d", out);
}

void when_age(struct tarn_bytes text, int64_t now_s, struct print_text *out)
{
    int64_t t = when_parse(text);

    if (t < 0)
        print_adds(out, "<unknown>");
    else
        when_span(now_s - t, out);
}
