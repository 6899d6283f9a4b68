/* ingest_warm.c - the ingest loop's begin, with what an earlier agent left, and what it leaves to a later one. */
#include "ingest_impl.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "warm.h"

/* ---- the begin --------------------------------------------------------------------------------------------------- */

static struct tarn_driver_adopt *adopted(struct tarn_warm *warm, unsigned i)
{
    return warm->adopt ? &warm->adopt[i] : NULL;
}

static int make_drivers(struct tarn_ingest *in, struct realm *r, struct tarn_warm *warm, struct tarn_error *err)
{
    int rc = 0;

    for (unsigned i = 0; !rc && i < in->config->nresources; i++) {
        if (strcmp(in->config->resources[i].realm, r->entry->name) != 0)
            continue;
        rc = ingest_make_driver(in, in->config, i, r, adopted(warm, i), &in->drivers[in->ndrivers], err);
        in->ndrivers += rc == 0;
    }
    return rc;
}

static int warm_start(struct tarn_ingest *in, unsigned i, struct tarn_warm *ret, struct tarn_error *err)
{
    const struct tarn_config_realm *entry = &in->config->realms[i];
    struct tarn_writer_options w = realm_writer_options(in->rt, in->config, entry);

    w.generation = in->generation_base + 1;
    if (tarn_warm_start(
            &(struct tarn_warm_options){
                .config = in->config,
                .realm = entry,
                .server = in->server->url,
                .writer = &w,
                .kept = in->kept,
                .nkept = in->nkept,
            },
            ret))
        return tarn_error_set(err, TARN_E_NOMEM, "out of memory");
    return 0;
}

static int make_realm(struct tarn_ingest *in, unsigned i, struct tarn_error *err)
{
    struct tarn_warm warm;
    int rc = warm_start(in, i, &warm, err);

    if (!rc)
        rc = ingest_make_realm(in, in->config, i, warm.writer, &in->realms[i], err);
    if (!rc) {
        in->nrealms++;
        rc = make_drivers(in, in->realms[i], &warm, err);
    }
    tarn_warm_release(&warm);
    return rc;
}

/* What was kept under names of ours is of no use any more, whoever's it was. */
static void drop_kept(struct tarn_ingest *in)
{
    for (unsigned i = 0; i < in->nkept; i++) {
        if (in->kept[i].fd >= 0)
            (void)close(in->kept[i].fd);
        if (strncmp(in->kept[i].name, "tarn-", 5) == 0)
            (void)tarn_notify_drop(in->kept[i].name);
    }
    in->nkept = 0;
}

int ingest_make_all(struct tarn_ingest *in, struct tarn_error *err)
{
    int rc = tarn_saver_new(&(struct tarn_saver_options){.loop = &in->loop, .dir = in->config->state_dir, .interval_ms = in->config->checkpoint_interval_ms},
                            &in->saver, err);

    for (unsigned i = 0; !rc && i < in->config->nrealms; i++)
        rc = make_realm(in, i, err);
    if (!rc)
        ingest_note_generations(in); /* the new ones are kept before the old ones are dropped */
    drop_kept(in);
    return rc;
}

/* ---- what is left ------------------------------------------------------------------------------------------------- */

static void keep_region(struct realm *r)
{
    uint64_t generation = realm_generation_number(r), before = r->kept_generation;
    char name[TARN_KEPT_NAME_BYTES];

    if (generation == before)
        return;
    if (tarn_notify_keep(tarn_warm_kept_name(r->entry->name, generation, name), tarn_writer_fd(r->writer))) {
        tarn_log(TARN_LOG_WARN, "the service manager could not be asked to keep the region", "realm", r->entry->name, "error", strerror(errno), NULL);
        return;
    }
    r->kept_generation = generation;
    if (before)
        (void)tarn_notify_drop(tarn_warm_kept_name(r->entry->name, before, name));
}

void ingest_keep_regions(struct tarn_ingest *in)
{
    for (unsigned i = 0; i < in->nrealms; i++) {
        struct realm *r = in->realms[i];

        keep_region(r);
        if (!r->entry->checkpoint)
            tarn_saver_leave(in->saver, r->entry->name);
        else if (tarn_saver_realm(in->saver, r->entry->name, r->writer))
            tarn_log(TARN_LOG_ERROR, "out of memory: no checkpoint is saved", "realm", r->entry->name, NULL);
    }
}
