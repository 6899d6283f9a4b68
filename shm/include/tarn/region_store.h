/* tarn/region_store.h - a Store whose other end is a region: what the agent's reflectors fill.
 *
 * Implements struct tarn_store for one resource of a writer. add, update and delete change the open transaction; the
 * agent commits once per loop turn. Differences from the cache:
 *   - get and list answer with heap copies, the open transaction included;
 *   - replace works in two phases. Staging (replace_add) allocates and fills, charged to the budget, linked nowhere; an unchanged object (same
 *     uid and resourceVersion, or the same bytes) stages only its number, keeps its bytes and causes no event. Other resources commit
 *     meanwhile; single changes to this one are refused (TARN_E_AGAIN). Applying makes everything one commit;
 *   - TARN_E_FULL: the region has no room; the old state of the object stays. TARN_E_SIZE: object or key too large.
 *     TARN_E_INDEX: an index function failed (R-, D-6: that object's error). Nothing is lost in any case.
 *
 * The writer's thread only. Source: client-go tools/cache Store; semantics rows S-1 to S-9, S-12.
 */
#ifndef TARN_REGION_STORE_H
#define TARN_REGION_STORE_H

#include <tarn/store.h>
#include <tarn/writer.h>

/* The store of resource number `store`. Free it with tarn_store_free before the writer. One per resource at a time. TARN_E_INVAL, TARN_E_NOMEM. */
TARN_MUST_CHECK int tarn_region_store_new(struct tarn_writer *w, uint16_t store, struct tarn_store **ret,
                                          struct tarn_error *err);
/*
 * The same for the objects of one namespace only (copied): several such stores, one a namespace, make up the resource. list and replace
 * see just their own objects, so a Replace deletes nothing of another namespace; Replaces of several may stage at the same time. An
 * object of another namespace is refused with TARN_E_KEY. ns NULL: as above.
 */
TARN_MUST_CHECK int tarn_region_store_new_scoped(struct tarn_writer *w, uint16_t store, const char *ns, struct tarn_store **ret,
                                                 struct tarn_error *err);

/*
 * Instead of replace_add, for an object of the list that does not fit: what is there under its key stays as it is, if anything is. The
 * Replace is not whole then, and its resourceVersion must not be told. 0, TARN_E_INVAL (no Replace is staged), TARN_E_NOMEM.
 */
TARN_MUST_CHECK int tarn_region_store_replace_keep(struct tarn_store *s, const struct tarn_object *obj, struct tarn_error *err);

/*
 * replace_commit in slices of about slice_us microseconds, for an event loop: 1: not finished, call again (until then
 * no other change and no commit is possible on the writer: TARN_E_AGAIN); 0: committed; negative: aborted, the state
 * before stays (but TARN_E_AGAIN: another Replace is being applied, this one waits as it is). resource_version as in
 * replace_commit. state (may be NULL): told to readers by the same commit. Both are borrowed during each call.
 */
TARN_MUST_CHECK int tarn_region_store_replace_apply(struct tarn_store *s, struct tarn_bytes resource_version,
                                                    const struct tarn_resource_state *state, uint32_t slice_us,
                                                    struct tarn_error *err);

/*
 * Move the store to the resource of a generation that took the old one over (tarn_writer_takeover): a Replace that is being staged
 * goes with it, its records copied. The store lets go of the old writer. Not while a Replace is being applied (TARN_E_AGAIN). On
 * TARN_E_FULL or TARN_E_NOMEM the store has moved all the same and the Replace is aborted.
 */
TARN_MUST_CHECK int tarn_region_store_move(struct tarn_store *s, struct tarn_writer *w, uint16_t store, struct tarn_error *err);
/* Until the next Replace is committed, an object of the same uid and resourceVersion is not taken as unchanged: its bytes decide.
 * For another projection, which changes objects without a new resourceVersion. */
void tarn_region_store_distrust(struct tarn_store *s);

/*
 * Before a change of the object under key: if the open transaction has changed it already, commit that. What happens to a key twice within a
 * commit is seen as one change, and what came and went as none: whoever knew it, from an agent before this one, would never be told of
 * its end. Where it cannot be committed now (a Replace is applied, the region is full) the two are one after all.
 */
void tarn_region_store_keep_apart(struct tarn_store *s, struct tarn_bytes key);

/* Is a Replace of this store staging or being applied? */
bool tarn_region_store_replacing(const struct tarn_store *s);

#endif
