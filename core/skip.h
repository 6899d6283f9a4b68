/* skip.h - passes over JSON by its structure alone: strings and brackets, nothing else is looked at.
 *
 * Used for dropped fields and for objects that cannot be taken. What is skipped is not validated: that the
 * strings are UTF-8, the numbers numbers and each bracket closed by its own kind is the sender's word.
 */
#ifndef TARN_CORE_SKIP_H
#define TARN_CORE_SKIP_H

#include <stdbool.h>
#include <stdint.h>

/* Where a skip stands; resumable at any byte. */
struct tarn_skip {
    uint64_t depth; /* open brackets; 0 with in_string: a lone string */
    bool in_string, escaped;
};

/* Go on at p. Returns where it stopped: behind the last byte skipped if *ret_done, else end. */
const uint8_t *tarn_skip_run(struct tarn_skip *s, const uint8_t *p, const uint8_t *end, bool *ret_done);

#endif
