/* warm.h - what an earlier agent left of a realm, and a region filled with it.
 *
 * The region that the service manager kept is best: it is the last state to the last commit, and copied in a fraction of a second. Else
 * the checkpoint. Of either only those resources are taken whose source is what the configuration asks for now; what is left out, and why,
 * is logged. What is damaged, foreign or of another format is named and left alone; then the agent begins empty and lists.
 *
 * Before the loop runs, or on its thread.
 */
#ifndef TARN_AGENT_WARM_H
#define TARN_AGENT_WARM_H

#include <tarn/writer.h>

#include "config.h"
#include "driver.h"
#include "notify.h"

struct tarn_warm_options {
    const struct tarn_config *config;
    const struct tarn_config_realm *realm;
    const char *server;                        /* URL */
    const struct tarn_writer_options *writer;  /* of the region to be made; generation: at least this */
    struct tarn_kept *kept;                    /* what the service manager kept; those of the realm are closed here */
    unsigned nkept;
};

struct tarn_warm {
    struct tarn_writer *writer;      /* the caller's; NULL: there was nothing to go on with */
    struct tarn_driver_adopt *adopt; /* [config->nresources]: what of it the writer holds; strings and indexes are the struct's */
    unsigned n;
    struct tarn_arena arena;
};

/* 0, or TARN_E_NOMEM. Release it in either case, when the drivers are made. */
int tarn_warm_start(const struct tarn_warm_options *o, struct tarn_warm *ret);
/* Not the writer. */
void tarn_warm_release(struct tarn_warm *w);

/* ---- what the service manager keeps ------------------------------------------------------------------------------ */

/* The name under which generation `generation` of a realm is kept. Returns buf. */
const char *tarn_warm_kept_name(const char *realm, uint64_t generation, char buf[TARN_KEPT_NAME_BYTES]);
/* Is it the name of a generation of that realm? Its number, else 0. */
uint64_t tarn_warm_kept_generation(const char *name, const char *realm);

#endif
