/* warm.c - see warm.h. */
#include "warm.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <tarn/checkpoint.h>
#include <tarn/takeover.h>

#include "driver_impl.h"
#include "saver.h"

/* Resources of the old state that go on, as the new region is to have them. */
struct plan {
    const struct tarn_warm_options *o;
    struct tarn_warm *warm;
    const char *from; /* static */
    uint64_t age_ms;
    struct tarn_writer_resource *specs;
    unsigned n, left_out;
    struct tarn_buf line; /* scratch */
};

/* ---- which resources go on --------------------------------------------------------------------------------------- */

/* The configuration's resource i, of this realm, as a source line in p->line. False: it is of another realm, or memory is out. */
static bool line_of(struct plan *p, unsigned i)
{
    const struct tarn_config_resource *r = &p->o->config->resources[i];

    return strcmp(r->realm, p->o->realm->name) == 0 && tarn_source_line(r, p->o->server, &p->line) == 0;
}

static int find_config(struct plan *p, struct tarn_bytes source, unsigned *ret)
{
    for (unsigned i = 0; i < p->o->config->nresources; i++)
        if (line_of(p, i) && tarn_bytes_equal(tarn_buf_bytes(&p->line), source)) {
            *ret = i;
            return 0;
        }
    return TARN_E_NOTFOUND;
}

/* Why nothing of the configuration fits: what differs from the entry that asks for the same resource, if there is one. */
static void say_left_out(struct plan *p, const struct tarn_resource_info *info)
{
    char what[256] = "it is not configured any more", name[TARN_REGION_NAME_MAX + 1], differs[200];

    for (unsigned i = 0; i < p->o->config->nresources; i++) {
        if (!line_of(p, i))
            continue;
        (void)tarn_source_difference(tarn_buf_bytes(&p->line), tarn_resource_source(info), differs, sizeof differs);
        if (!strstr(differs, "resource"))
            (void)snprintf(what, sizeof what, "another configuration: %s", differs);
    }
    (void)snprintf(name, sizeof name, "%.*s", TARN_BYTES_ARG(info->name));
    p->left_out++;
    tarn_log(TARN_LOG_WARN, "a resource of the last state is not gone on with; it is listed anew", "realm", p->o->realm->name, "resource", name, "from", p->from,
             "why", what, NULL);
}

static const char *copy(struct plan *p, struct tarn_bytes text)
{
    return tarn_arena_copy(&p->warm->arena, text);
}

static int copy_short_names(struct plan *p, const struct tarn_resource_info *info, struct tarn_writer_resource *spec)
{
    const char **names = tarn_arena_alloc(&p->warm->arena, (info->nshort + 1u) * sizeof *names);

    if (!names)
        return TARN_E_NOMEM;
    for (unsigned i = 0; i < info->nshort; i++) {
        names[i] = copy(p, tarn_resource_short_name(info, i));
        if (!names[i])
            return TARN_E_NOMEM;
    }
    spec->short_names = names;
    spec->nshort = info->nshort;
    return 0;
}

/* Indexes and slots are the configuration's, the rest is what the server said to the earlier agent. */
static int add_spec(struct plan *p, const struct tarn_resource_info *info, unsigned i)
{
    const struct tarn_config_resource *r = &p->o->config->resources[i];
    struct tarn_writer_resource *spec = &p->specs[p->n];
    struct tarn_driver_adopt *a = &p->warm->adopt[i];
    struct driver_indexes indexes;
    struct tarn_error err;
    const char *name = copy(p, info->name);

    if (!name || a->name) /* or twice: the first one counts */
        return name ? 0 : TARN_E_NOMEM;
    if (driver_make_indexes(name, r, &indexes, &err))
        return TARN_E_NOMEM;
    *a = (struct tarn_driver_adopt){.name = name, .indexes = indexes.v, .nindexes = indexes.n, .from = p->from, .age_ms = p->age_ms};
    *spec = (struct tarn_writer_resource){
        .name = name,
        .api_version = copy(p, info->api_version),
        .kind = copy(p, info->kind),
        .singular = copy(p, info->singular),
        .namespaced = info->namespaced,
        .indexes = indexes.v,
        .nindex = indexes.n,
        .slots = r->slots.v,
        .nslot = r->slots.n,
        .source = copy(p, tarn_resource_source(info)),
        .keep_deleted = driver_keep_deleted(r),
    };
    p->n++;
    return spec->api_version && spec->kind && spec->singular && spec->source ? copy_short_names(p, info, spec) : TARN_E_NOMEM;
}

/* A placeholder, or what was never listed, is nothing to go on with. */
static int consider(struct plan *p, const struct tarn_resource_info *info)
{
    unsigned i;

    if (!info->state.synced)
        return 0;
    if (find_config(p, tarn_resource_source(info), &i)) {
        say_left_out(p, info);
        return 0;
    }
    return add_spec(p, info, i);
}

/* Forget what was planned: the next try begins anew. */
static void drop_plan(struct plan *p)
{
    for (unsigned i = 0; i < p->warm->n; i++) {
        struct driver_indexes indexes = {.v = p->warm->adopt[i].indexes, .n = p->warm->adopt[i].nindexes};

        driver_release_indexes(&indexes);
        p->warm->adopt[i] = (struct tarn_driver_adopt){0};
    }
    p->n = p->left_out = 0;
}

static int no_use(struct plan *p, const struct tarn_error *err)
{
    tarn_log(TARN_LOG_WARN, err->message, "realm", p->o->realm->name, "from", p->from, "code", tarn_error_name(err->code), "what", "it is left alone", NULL);
    drop_plan(p);
    return err->code == TARN_E_NOMEM ? TARN_E_NOMEM : TARN_E_NOTFOUND;
}

static void say_taken(const struct plan *p, uint64_t began_ms, bool sure)
{
    struct tarn_writer_stats s;

    tarn_writer_stats(p->warm->writer, &s);
    tarn_log(TARN_LOG_INFO, "the last state is served", "realm", p->o->realm->name, "from", p->from, "resources", TARN_LOG_U64(p->n), "objects",
             TARN_LOG_U64(s.objects), "age_ms", TARN_LOG_U64(p->age_ms), "age_is", sure ? NULL : "at least that: the clock was set back", "ms",
             TARN_LOG_U64(tarn_now_ms(p->o->writer->rt) - began_ms), NULL);
}

/* ---- a kept region ---------------------------------------------------------------------------------------------------- */

const char *tarn_warm_kept_name(const char *realm, uint64_t generation, char buf[TARN_KEPT_NAME_BYTES])
{
    (void)snprintf(buf, TARN_KEPT_NAME_BYTES, "tarn-%.24s-%llu", realm, (unsigned long long)generation);
    return buf;
}

uint64_t tarn_warm_kept_generation(const char *name, const char *realm)
{
    size_t n = strlen(realm);
    unsigned long long generation;
    char *end;

    if (strncmp(name, "tarn-", 5) != 0 || strncmp(name + 5, realm, n) != 0 || name[5 + n] != '-' || !strchr("123456789", name[6 + n]))
        return 0;
    generation = strtoull(name + 6 + n, &end, 10);
    return *end ? 0 : generation;
}

/* The newest kept generation of the realm that was not tried yet, or NULL. */
static struct tarn_kept *newest(const struct tarn_warm_options *o)
{
    struct tarn_kept *best = NULL;
    uint64_t most = 0;

    for (unsigned i = 0; i < o->nkept; i++) {
        uint64_t g = o->kept[i].fd >= 0 ? tarn_warm_kept_generation(o->kept[i].name, o->realm->name) : 0;

        if (g > most) {
            most = g;
            best = &o->kept[i];
        }
    }
    return best;
}

static int plan_region(struct plan *p, const struct tarn_region_view *v, struct tarn_error *err)
{
    struct tarn_resource_info info;
    struct tarn_region_facts f;
    struct tarn_reader_iter it;
    struct tarn_reader r;
    int rc, more = 1;

    tarn_region_view_facts(v, &f);
    if (strcmp(f.realm, p->o->realm->name) != 0)
        return tarn_error_set(err, TARN_E_CORRUPT, "the kept region is of realm '%s'", f.realm);
    p->age_ms = tarn_now_ms(p->o->writer->rt) - f.heartbeat_ns / 1000000;
    tarn_reader_begin(&r, v, NULL); /* nobody writes it any more */
    rc = tarn_reader_resources(&r, &it);
    while (!rc && (more = tarn_reader_next_resource(&it, &info)) == 1)
        rc = consider(p, &info);
    if (!rc && more < 0)
        rc = more;
    return rc ? tarn_error_set(err, rc, "the kept region: %s", tarn_strerror(rc)) : 0;
}

static int fill_from_region(struct plan *p, const struct tarn_region_view *v, struct tarn_error *err)
{
    const struct tarn_takeover t = {.from = v, .resources = p->specs, .n = p->n};
    struct tarn_writer_options w = *p->o->writer;

    if (w.generation <= v->generation)
        w.generation = v->generation + 1;
    return tarn_writer_takeover(&w, &t, NULL, &p->warm->writer, err);
}

static int try_region(struct plan *p, int fd)
{
    uint64_t began = tarn_now_ms(p->o->writer->rt);
    struct tarn_region_view v;
    struct tarn_error err = {0};
    int rc = tarn_region_view_map(fd, &v, &err);

    p->from = "kept region";
    if (rc)
        return no_use(p, &err);
    rc = plan_region(p, &v, &err);
    if (!rc && p->n)
        rc = fill_from_region(p, &v, &err);
    tarn_region_view_unmap(&v);
    if (rc)
        return no_use(p, &err);
    if (!p->n)
        return TARN_E_NOTFOUND;
    say_taken(p, began, true);
    return 0;
}

static int from_kept(struct plan *p)
{
    struct tarn_kept *k;
    int rc = TARN_E_NOTFOUND;

    while ((k = newest(p->o))) {
        if (rc == TARN_E_NOTFOUND)
            rc = try_region(p, k->fd);
        (void)close(k->fd);
        k->fd = -1;
    }
    return rc;
}

/* ---- a checkpoint --------------------------------------------------------------------------------------------------------- */

static int plan_checkpoint(struct plan *p, const struct tarn_checkpoint *c, struct tarn_error *err)
{
    struct tarn_checkpoint_facts f;
    struct tarn_resource_info info;
    int rc = 0, whole;

    tarn_checkpoint_facts(c, &f);
    p->age_ms = f.age_ms;
    if (strcmp(f.realm, p->o->realm->name) != 0)
        return tarn_error_set(err, TARN_E_CORRUPT, "the checkpoint is of realm '%s'", f.realm);
    if (*f.damage)
        tarn_log(TARN_LOG_WARN, "the checkpoint is damaged; what is whole of it is used", "realm", p->o->realm->name, "damage", f.damage, "resources",
                 TARN_LOG_U64(f.resources), "whole", TARN_LOG_U64(f.whole), NULL);
    for (unsigned i = 0; !rc && (whole = tarn_checkpoint_resource(c, i, &info)) != TARN_E_NOTFOUND; i++)
        rc = whole ? 0 : consider(p, &info);
    return rc ? tarn_error_set(err, rc, "the checkpoint: %s", tarn_strerror(rc)) : 0;
}

static int fill_from_checkpoint(struct plan *p, struct tarn_checkpoint *c, struct tarn_error *err)
{
    struct tarn_checkpoint_facts f;
    struct tarn_writer_options w = *p->o->writer;

    tarn_checkpoint_facts(c, &f);
    if (w.generation <= f.generation)
        w.generation = f.generation + 1;
    return tarn_checkpoint_restore(c, &w, p->specs, p->n, NULL, &p->warm->writer, err);
}

static int try_checkpoint(struct plan *p, struct tarn_checkpoint *c)
{
    uint64_t began = tarn_now_ms(p->o->writer->rt);
    struct tarn_checkpoint_facts f;
    struct tarn_error err = {0};
    int rc = plan_checkpoint(p, c, &err);

    if (!rc && p->n)
        rc = fill_from_checkpoint(p, c, &err);
    if (rc)
        return no_use(p, &err);
    if (!p->n)
        return TARN_E_NOTFOUND;
    tarn_checkpoint_facts(c, &f);
    say_taken(p, began, f.age_sure);
    return 0;
}

static int try_file(struct plan *p, const char *path)
{
    struct tarn_checkpoint *c;
    struct tarn_error err = {0};
    int rc = tarn_checkpoint_open(path, NULL, &c, &err);

    if (rc)
        return rc == TARN_E_NOTFOUND ? rc : no_use(p, &err);
    rc = try_checkpoint(p, c);
    tarn_checkpoint_close(c);
    return rc;
}

static int from_checkpoint(struct plan *p)
{
    struct tarn_buf path = {0};
    int rc;

    p->from = "checkpoint";
    if (!p->o->config->state_dir || !p->o->realm->checkpoint)
        return TARN_E_NOTFOUND;
    rc = tarn_saver_path(p->o->config->state_dir, p->o->realm->name, &path);
    if (!rc)
        rc = try_file(p, path.data);
    tarn_buf_release(&path);
    return rc;
}

/* ---- both ------------------------------------------------------------------------------------------------------------------- */

int tarn_warm_start(const struct tarn_warm_options *o, struct tarn_warm *ret)
{
    struct plan p = {.o = o, .warm = ret};
    int rc;

    *ret = (struct tarn_warm){.n = o->config->nresources};
    ret->adopt = calloc(ret->n + 1, sizeof *ret->adopt);
    p.specs = calloc(ret->n + 1, sizeof *p.specs);
    rc = ret->adopt && p.specs ? from_kept(&p) : TARN_E_NOMEM;
    if (rc == TARN_E_NOTFOUND) {
        drop_plan(&p);
        rc = from_checkpoint(&p);
    }
    free(p.specs);
    tarn_buf_release(&p.line);
    return rc == TARN_E_NOTFOUND ? 0 : rc;
}

void tarn_warm_release(struct tarn_warm *w)
{
    struct plan p = {.warm = w};

    if (w->adopt)
        drop_plan(&p);
    free(w->adopt);
    tarn_arena_release(&w->arena);
    *w = (struct tarn_warm){0};
}
