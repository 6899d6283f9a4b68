/* arena.h - strings and arrays that live as long as their owner and are freed together.
 *
 * For configuration, which is built once and then only read. {0} is an empty arena; {.secret = true} one for
 * credentials: its memory is left out of core dumps and is overwritten before it goes. One thread at a time.
 */
#ifndef TARN_AGENT_ARENA_H
#define TARN_AGENT_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include <tarn/bytes.h>

struct tarn_arena {
    void **v;
    size_t n, cap;
    bool secret;
    size_t used; /* secret: bytes given away of the last piece */
};

/* n zeroed bytes, or NULL when memory is out. Valid until the release. */
void *tarn_arena_alloc(struct tarn_arena *a, size_t n);
/* A NUL-terminated copy of b, or NULL. */
char *tarn_arena_copy(struct tarn_arena *a, struct tarn_bytes b);
/* A formatted string, or NULL. */
char *tarn_arena_printf(struct tarn_arena *a, const char *fmt, ...) TARN_PRINTF(2, 3);
/* Free all of it; a is empty and usable afterwards, as secret as before. */
void tarn_arena_release(struct tarn_arena *a);

/* A list of strings inside an arena. */
struct tarn_string_list {
    const char **v;
    unsigned n;
};

/* Append s (borrowed; put it in the arena first). 0 or TARN_E_NOMEM. O(n): for short lists. */
int tarn_string_list_add(struct tarn_string_list *l, struct tarn_arena *a, const char *s);
/* The same strings in the same order? */
bool tarn_string_list_same(const struct tarn_string_list *a, const struct tarn_string_list *b);

#endif
