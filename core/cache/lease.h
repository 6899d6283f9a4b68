/* lease.h - keeps alive what lists hold, so that making a list touches no object.
 *
 * A list of n objects would cost n reference counts, each a cache miss. Instead the list takes a *lease*, and while any lease is
 * out, an object that leaves the store is not let go but kept with the newest lease:
 *
 *     oldest ─▶ … ─▶ current        each: how many lists hold it, and the objects that left the store
 *                                    while it was current
 *
 * An object can only be in lists that were made before it left, so it may go when its lease and all older ones are held by nobody.
 * Before the next change a lease that is held and keeps something is succeeded by a new current one, so that later lists do not
 * prolong it.
 *
 * The store calls reserve, retire and close under its write lock, take under its read lock; releases come at any time. The leases
 * outlive the store until the last list is released.
 */
#ifndef TARN_LEASE_H
#define TARN_LEASE_H

#include <stdatomic.h>

#include <tarn/store.h>

#include "sync.h"

struct tarn_leases;

/* TARN_E_NOMEM. */
TARN_MUST_CHECK int tarn_leases_new(struct tarn_leases **ret);
/* The store ends: what is in objs (n owned references in an array from malloc) goes when the last list does. l ends for the caller. */
void tarn_leases_close(struct tarn_leases *l, const struct tarn_object **objs, size_t n);

/* A lease for one list. Cannot fail. */
struct tarn_lease *tarn_leases_take(struct tarn_leases *l);

/* Room to retire n objects. 0 or TARN_E_NOMEM. */
TARN_MUST_CHECK int tarn_leases_reserve(struct tarn_leases *l, size_t n);
/* Take over the caller's reference to obj, for which room was reserved; false: no list is out, the reference stays the caller's. */
TARN_MUST_CHECK bool tarn_leases_retire(struct tarn_leases *l, const struct tarn_object *obj);

#endif
