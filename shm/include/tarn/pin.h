/* tarn/pin.h - the control page of one client: pins and the armed word.
 *
 * The agent makes the page (a sealed memfd, so that the client can neither shrink nor grow it under the agent), the
 * client writes it, and the agent believes nothing in it. A pin names a snapshot whose memory must stay; the
 * snapshot actually read is at least as new (reader.h).
 *
 * Which line is whose is known only to the client: a private bitmap here. A claimed line is used by one reader at a
 * time. Claim and release: any thread, lock-free.
 */
#ifndef TARN_PIN_H
#define TARN_PIN_H

#include <stdbool.h>

#include <tarn/error.h>
#include <tarn/layout.h>

#define TARN_PIN_WORDS (TARN_CONTROL_BYTES_MAX / 64 / 64)

/* One side's mapping of a control page. */
struct tarn_pin_page {
    struct tarn_control_page *page;
    uint32_t bytes, lines;
    /* client only: lines in use, one bit each. Partner of claim and release among threads; acquire/release so that a
     * line's last use comes before its next. */
    _Atomic uint64_t used[TARN_PIN_WORDS];
};

/*
 * Agent: make a control page of bytes (a multiple of 4096, up to TARN_CONTROL_BYTES_MAX; 0: the default), map it, and
 * give its descriptor, to be sent to the client and then closed by the caller.
 * TARN_E_IO, TARN_E_INVAL, TARN_E_NOMEM.
 */
TARN_MUST_CHECK int tarn_pin_page_new(uint32_t bytes, struct tarn_pin_page **ret, int *ret_fd, struct tarn_error *err);
/*
 * Client: map the control page behind fd (not kept). bytes is what WELCOME told. Excluded from fork children
 * (MADV_DONTFORK). TARN_E_CORRUPT when size or seals differ, TARN_E_IO, TARN_E_NOMEM.
 */
TARN_MUST_CHECK int tarn_pin_page_map(int fd, uint32_t bytes, struct tarn_pin_page **ret, struct tarn_error *err);
/* A page in private memory, for tests and for a reader inside the agent's own process. */
TARN_MUST_CHECK int tarn_pin_page_new_private(uint32_t bytes, struct tarn_pin_page **ret);
/* Unmap and free; NULL is allowed. The lines must not be used any more. */
void tarn_pin_page_free(struct tarn_pin_page *p);

/* Take a free line: 0, or TARN_E_LIMIT when all are in use (never waits). O(lines / 64) at worst. */
TARN_MUST_CHECK int tarn_pin_claim(struct tarn_pin_page *p, struct tarn_pin_line **ret);
/* Give a line back; its pin is cleared. NULL is allowed. */
void tarn_pin_release(struct tarn_pin_page *p, struct tarn_pin_line *line);
/* Lines in use now. */
uint32_t tarn_pin_used(const struct tarn_pin_page *p);

/*
 * Ask for one byte on the attach socket after the next commit. Returns the commit sequence after arming, which may be
 * newer than what the caller has read: then there is nothing to wait for.
 */
uint64_t tarn_pin_arm(struct tarn_pin_page *p, const _Atomic uint64_t *commit_seq);

#endif
