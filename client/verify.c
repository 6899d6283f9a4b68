/* Does the region keep its own rules? The walk is shm's (check.h). */
#include <tarn/check.h>

#include "internal.h"

int tarn_snapshot_verify(struct tarn_snapshot *s, struct tarn_verify_report *ret, struct tarn_error *err)
{
    struct tarn_check_report c = {0};
    struct tarn_region_facts f;
    int r;

    SNAPSHOT_ENTER(s);
    tarn_region_view_facts(&s->session->view, &f);
    r = tarn_check_region(&s->r, f.agent_state == TARN_AGENT_STOPPED, &c, err);
    if (r != 0)
        return r;
    *ret = (struct tarn_verify_report){
        .records = c.records,
        .objects = c.objects,
        .tombstones = c.tombstones,
        .nodes = c.nodes,
        .resources = c.resources,
        .postings = c.postings,
        .log_entries = c.log_entries,
        .bytes = c.bytes,
    };
    return 0;
}
