/* tarn/takeover.h - a new generation of a region from an old one: changed budget, changed indexes, compaction, agent restart.
 *
 * The old region is only read. Its newest commit becomes the first commit of the new region: commit numbers, object numbers and
 * positions of the change log go on, so whoever stood at the old region's last commit goes on in the new one without losing or
 * repeating an event (same run of the agent: same instance, and the old header's `superseded` names the new generation).
 * Nothing may commit to the old region meanwhile: the ingest loop stands still while objects are copied (about
 * 1-2 us each); readers notice nothing.
 */
#ifndef TARN_TAKEOVER_H
#define TARN_TAKEOVER_H

#include <tarn/region.h>
#include <tarn/writer.h>

struct tarn_takeover {
    const struct tarn_region_view *from; /* borrowed during the call */
    /* What the new generation mirrors. A resource that the old one has too, with the same slots (and, in another run, the same source),
     * keeps its objects and state; its indexes are computed anew. With other slots it needs `convert`. Else it begins empty and not synced:
     * it needs a LIST. One that is not named here is left behind. */
    const struct tarn_writer_resource *resources;
    unsigned n;
    bool same_run; /* a planned hand-over within one agent: the instance stays, and the old region was never out of its hands: it is not verified first */
    /*
     * Other slots or projections: *ret is what resources[i] stores instead of obj, borrowed until the next call; it must have the same key.
     * NULL: objects are copied as they are. Non-zero ends the take-over.
     */
    int (*convert)(void *ctx, unsigned i, const struct tarn_object *obj, const struct tarn_object **ret, struct tarn_error *err);
    void *ctx;
};

/*
 * As tarn_writer_new, filled from t and committed. o->generation 0: the old one's plus 1. ret_stores[n] (may be NULL)
 * gets each resource's number. The region of another run is verified first; TARN_E_CORRUPT names what is wrong with it.
 * TARN_E_FULL: it does not fit the new budget. On any error the old region and its writer are as before.
 */
TARN_MUST_CHECK int tarn_writer_takeover(const struct tarn_writer_options *o, const struct tarn_takeover *t,
                                         uint16_t *ret_stores, struct tarn_writer **ret, struct tarn_error *err);

/* Publish what is in the open transaction although the resources' own records do not fit: the next generation has them. */
void tarn_writer_commit_last(struct tarn_writer *w);
/*
 * Tell the clients of w that `generation` has replaced it: in the header, by a SUPERSEDED packet to each socket (it may come before
 * WELCOME), and ring those that are armed. w must not change any more, except that its clients leave; the index functions
 * of its resources are not called again.
 */
void tarn_writer_supersede(struct tarn_writer *w, uint64_t generation);

#endif
