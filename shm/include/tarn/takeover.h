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
     * keeps its objects and state; its indexes are computed anew. Else it begins empty and not synced: it needs a LIST. One that is
     * not named here is left behind. */
    const struct tarn_writer_resource *resources;
    unsigned n;
    bool same_run; /* a planned hand-over within one agent: the instance stays */
};

/*
 * As tarn_writer_new, filled from t and committed. o->generation 0: the old one's plus 1. ret_stores[n] (may be NULL)
 * gets each resource's number. The region to take over is verified first; TARN_E_CORRUPT names what is wrong with it.
 * TARN_E_FULL: it does not fit the new budget. On any error the old region and its writer are as before.
 */
TARN_MUST_CHECK int tarn_writer_takeover(const struct tarn_writer_options *o, const struct tarn_takeover *t,
                                         uint16_t *ret_stores, struct tarn_writer **ret, struct tarn_error *err);

/* Tell the clients of w that `generation` has replaced it; ring them all. w must not change any more. */
void tarn_writer_supersede(struct tarn_writer *w, uint64_t generation);

#endif
