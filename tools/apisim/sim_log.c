/* sim_log.c - see sim_log.h. */
#include "sim_log.h"

#include <stdio.h>
#include <stdlib.h>

#include "sim_status.h"
#include "sim_target.h"

#define LINES 20
#define LINE_MS 100

struct log {
    struct sim_stream stream; /* first */
    char pod[256];
    uint64_t told; /* lines */
    uint64_t due_ms; /* of the next, behind the first ones */
    bool follow;
};

static enum sim_fill fill(struct sim_stream *s, struct tarn_buf *out, size_t want)
{
    struct log *l = (struct log *)s;
    uint64_t now = sim_request_now_ms(s->req);

    (void)want;
    if (l->told >= LINES && !l->follow)
        return SIM_FILL_END;
    if (l->told >= LINES && now < l->due_ms) {
        sim_request_wake_at(s->req, l->due_ms);
        return SIM_FILL_WAIT;
    }
    l->due_ms = now + LINE_MS;
    sim_putf(out, "%s: line %llu\n", l->pod, (unsigned long long)++l->told);
    return SIM_FILL_MORE;
}

static void free_log(struct sim_stream *s)
{
    free(s);
}

void sim_log_serve(struct sim_call *c)
{
    static const struct sim_stream_ops ops = {fill, free_log};
    const char *follow = sim_request_query(c->req, "follow");
    struct log *l;

    if (!sim_target_existing(c))
        return;
    l = sim_alloc(sizeof *l);
    *l = (struct log){.stream.ops = &ops, .follow = follow && strcmp(follow, "true") == 0};
    (void)snprintf(l->pod, sizeof l->pod, "%s", c->name);
    sim_reply_stream(c->req, &(struct sim_reply_head){.code = 200, .content_type = "text/plain"}, &l->stream);
}
