/* suggest.c - see suggest.h. The distance is optimal string alignment (Damerau-Levenshtein without overlapping swaps). */
#include "suggest.h"

#include <ctype.h>
#include <string.h>

#define WORD_MAX 40

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static int same(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* a and b have at most WORD_MAX letters. */
static size_t distance(const char *a, size_t na, const char *b, size_t nb)
{
    size_t d[WORD_MAX + 1][WORD_MAX + 1];

    for (size_t i = 0; i <= na; i++)
        for (size_t j = 0; j <= nb; j++) {
            if (!i || !j) {
                d[i][j] = i + j;
                continue;
            }
            d[i][j] = least(least(d[i - 1][j], d[i][j - 1]) + 1, d[i - 1][j - 1] + !same(a[i - 1], b[j - 1]));
            if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
                d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
        }
    return d[na][nb];
}

void tarn_suggest_offer(struct tarn_suggest *s, const char *known)
{
    size_t n = strlen(s->word), m = strlen(known), d;

    if (n > WORD_MAX || m > WORD_MAX)
        return;
    d = distance(s->word, n, known, m);
    if (d > (n < m ? m : n) / 3 || (s->best && d >= s->distance))
        return;
    s->best = known;
    s->distance = d;
}
