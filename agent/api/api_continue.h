/* api_continue.h - continue tokens: which held list goes on, and behind which key. Pure, and fuzzed.
 *
 * A token is opaque to callers, and so is what they send back to us: the list is named by 16 random bytes, so that nobody finds another's;
 * the key only says where in it to go on, so that a forged one reads nothing that the list does not hold. A token whose
 * list is no longer held still tells the key, from which an inconsistent list may go on (its list is all zeros).
 */
#ifndef TARN_AGENT_API_CONTINUE_H
#define TARN_AGENT_API_CONTINUE_H

#include <stdbool.h>

#include <tarn/bytes.h>
#include <tarn/layout.h>

#define API_LIST_ID_BYTES 16u
#define API_CONTINUE_KEY_MAX 1024u
/* Its text, with a NUL. */
#define API_CONTINUE_TEXT_MAX ((1u + API_LIST_ID_BYTES + API_CONTINUE_KEY_MAX) * 4u / 3u + 4u)

struct api_continue {
    uint8_t list[API_LIST_ID_BYTES]; /* zeros: none, the newest state */
    char key[API_CONTINUE_KEY_MAX];  /* the list goes on behind it */
    size_t key_len;
};

/* False: the key is longer than any. ret: API_CONTINUE_TEXT_MAX. */
bool api_continue_print(const uint8_t *list, struct tarn_bytes key, char *ret);
/* 0, or TARN_E_SYNTAX: it is no token of ours. */
TARN_MUST_CHECK int api_continue_parse(struct tarn_bytes text, struct api_continue *ret);
bool api_continue_is_inconsistent(const struct api_continue *c);

#endif
