/* sim_control.c - /sim/stats and friends. */
#include "sim_control.h"

#include <inttypes.h>

#include "sim_churn.h"
#include "sim_json.h"
#include "sim_status.h"

static void stats(struct sim_api *api, struct sim_request *req)
{
    const struct sim_counters *c = &api->counters;
    struct tarn_buf body = {0};
    bool first = true;

    sim_putf(&body, "{\"resourceVersion\":\"%" PRIu64 "\",\"changes\":%" PRIu64 ",\"requests\":%" PRIu64, api->world->rv,
             api->world->changes, c->requests);
    sim_putf(&body, ",\"lists\":%" PRIu64 ",\"gets\":%" PRIu64 ",\"writes\":%" PRIu64 ",\"watches\":%" PRIu64, c->lists,
             c->gets, c->writes, c->watches);
    sim_putf(&body, ",\"openWatches\":%u,\"watchEvents\":%" PRIu64 ",\"faults\":%" PRIu64 ",\"sentBytes\":%" PRIu64,
             c->open_watches, c->watch_events, c->faults, sim_http_sent_bytes(api->http));
    sim_putf(&body, ",\"churn\":{\"perSecond\":%u,\"done\":%" PRIu64 "},\"objects\":{", sim_churn_rate(api->churn),
             sim_churn_done(api->churn));
    for (struct sim_resource *r = api->world->resources; r; r = r->next) {
        if (r->gone)
            continue;
        sim_putf(&body, "%s\"%s\":%u", first ? "" : ",", r->name, sim_tree_count(&r->tree));
        first = false;
    }
    sim_puts(&body, "}}\n");
    sim_reply(req, &(struct sim_reply_head){.code = 200}, &body);
}

void sim_control_serve(struct sim_api *api, struct sim_request *req, const char *what)
{
    if (strcmp(what, "stats") == 0)
        stats(api, req);
    else
        sim_reply_no_path(req);
}
