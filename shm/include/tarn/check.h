/* tarn/check.h - walk all of a region and name the first rule it breaks.
 *
 * For `tarn verify`, for tests, and for a new agent before it takes a dead one's region over. Reads through a
 * snapshot, so it may run while the agent writes; then only what the snapshot guarantees is tested.
 */
#ifndef TARN_CHECK_H
#define TARN_CHECK_H

#include <tarn/reader.h>

struct tarn_check_report {
    uint64_t records, objects, tombstones, nodes, resources, postings, slots_used, slots_deleted, log_entries;
    uint64_t bytes; /* of the records seen */
};

/*
 * 0: every rule holds; TARN_E_CORRUPT: err->message names the rule, where, and what was found; TARN_E_EXPIRED: the
 * snapshot ended meanwhile; TARN_E_NOMEM. quiet: nobody writes the region (a stopped agent, a file), so that counts
 * and links of the newest state are tested too. ret may be NULL.
 */
TARN_MUST_CHECK int tarn_check_region(const struct tarn_reader *r, bool quiet, struct tarn_check_report *ret,
                                      struct tarn_error *err);

#endif
