/* heard.h - a handler that writes down what it is told, and checks that it makes sense.
 *
 * The text is "add n1/a@1 · add(initial) n1/b@2 · update n1/a@1→3 · delete n1/b@2 · delete tombstone:n1/b:n1/b@2", cut when
 * full. Beside it a view of what the handler must believe there is: an add of a known key, an update from another
 * version than the known one and a delete of an unknown key count as `contradictions`.
 */
#ifndef HEARD_H
#define HEARD_H

#include "fake_store.h"

#include <tarn/handler.h>

struct heard {
    char text[8192];
    struct fake_table view;
    unsigned adds, initial_adds, updates, deletes, contradictions;
    int answer; /* what the handler returns */
    void (*meanwhile)(struct heard *h); /* called in each call, if not NULL */
    void *ctx;
};

/* The handler; h must outlive it. */
struct tarn_event_handler heard_handler(struct heard *h);
/* The text so far; it begins anew. Static buffer. */
const char *heard_text(struct heard *h);
/* The view: "n1/a@1 n1/b@2", sorted. Static buffer. */
const char *heard_view(const struct heard *h);
/* Does the handler believe exactly what the store holds? */
bool heard_agrees(const struct heard *h, struct tarn_store *s);
void heard_release(struct heard *h);

#define HEARD(h, want) CU_ASSERT_STRING_EQUAL_PRINTED(heard_text(h), want)
/* As CU_ASSERT_STRING_EQUAL, and says what it got. */
#define CU_ASSERT_STRING_EQUAL_PRINTED(got, want)                  \
    do {                                                           \
        const char *got_ = (got);                                  \
        if (strcmp(got_, want) != 0)                               \
            printf("\n  got  '%s'\n  want '%s'\n", got_, want);    \
        CU_ASSERT_STRING_EQUAL(got_, want);                        \
    } while (0)

#endif
