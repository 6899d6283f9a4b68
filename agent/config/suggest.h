/* suggest.h - "did you mean ...?": the word of a list that is nearest to a mistyped one. */
#ifndef TARN_AGENT_SUGGEST_H
#define TARN_AGENT_SUGGEST_H

#include <stddef.h>

struct tarn_suggest {
    const char *word;    /* what was written */
    const char *best;    /* the nearest so far, NULL: none is near enough to be meant; borrowed from what was offered */
    size_t distance;     /* how far it is */
};

/* Offer one known word. Case counts for nothing; a third of the letters may differ (insert, delete, change, swap). */
void tarn_suggest_offer(struct tarn_suggest *s, const char *known);

#endif
