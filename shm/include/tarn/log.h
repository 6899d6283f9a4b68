/* tarn/log.h - reading the change log: which objects changed between two commits.
 *
 * A ring of {commit, object number, store} in commit order, written with every change. A position counts entries since
 * the realm's first generation, so it stays good over a planned hand-over. The ring forgets its oldest entries: then
 * TARN_E_GONE, and the reader compares by object numbers instead (tarn_reader_changed), while its older snapshot lives.
 *
 * An informer holds snapshot S1 (parked) and S2, walks the entries in (S1, S2], and asks both snapshots for the object
 * number: TARN_E_NOTFOUND at S1 is an add, at S2 a delete, the same version at both nothing.
 */
#ifndef TARN_LOG_H
#define TARN_LOG_H

#include <tarn/reader.h>

struct tarn_log_change {
    uint64_t seq;
    uint32_t oid;
    uint16_t store;
};

struct tarn_log_cursor {
    uint64_t position; /* of the next entry */
};

/* The cursor behind everything of snapshot r: later changes come next. O(log of the ring). TARN_E_CORRUPT. */
TARN_MUST_CHECK int tarn_log_cursor_at(const struct tarn_reader *r, struct tarn_log_cursor *ret);
/*
 * The next change at or before snapshot r. 1 and *ret; 0: no more up to r (the cursor then stands behind r);
 * TARN_E_GONE: the ring has overwritten it (move on with tarn_log_cursor_at); TARN_E_CORRUPT.
 */
TARN_MUST_CHECK int tarn_log_next(const struct tarn_reader *r, struct tarn_log_cursor *c, struct tarn_log_change *ret);

/* Changes that were read, in their order. {0} is empty; v is freed by the caller. */
struct tarn_log_changes {
    struct tarn_log_change *v;
    size_t n, cap;
};

/* Append c. 0 or TARN_E_NOMEM. */
TARN_MUST_CHECK int tarn_log_changes_add(struct tarn_log_changes *l, const struct tarn_log_change *c);
/* Keep each object's last change only, in their order. 0, or TARN_E_NOMEM: as before. */
TARN_MUST_CHECK int tarn_log_changes_coalesce(struct tarn_log_changes *l);

#endif
