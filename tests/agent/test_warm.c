/* What an earlier agent left: the newest kept region that breaks no rule, else an older one, else the checkpoint, else nothing. */
#include "warm.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <tarn/checkpoint.h>
#include <tarn/region_store.h>

#include "logger.h"
#include "source.h"
#include "tarn_test.h"

#define URL "https://server"

static struct tarn_config_resource resources[] = {{.name = "po", .realm = "cluster"}, {.name = "nodes", .realm = "cluster"}, {.name = "pods", .realm = "other"}};
static struct tarn_config_realm realms[] = {{.name = "cluster", .checkpoint = true}, {.name = "other", .checkpoint = true}};

struct world {
    struct tarn_config config;
    struct tarn_writer_options options;
    struct tarn_kept kept[4];
    unsigned nkept;
    char dir[64], path[96];
};

static void begin(struct world *x)
{
    memset(x, 0, sizeof *x);
    tarn_logger_init(TARN_LOG_TEXT, TARN_LOG_ERROR + 1, STDERR_FILENO, "");
    strcpy(x->dir, "/tmp/tarn-warm-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(x->dir));
    (void)snprintf(x->path, sizeof x->path, "%s/cluster.ckpt", x->dir);
    x->config = (struct tarn_config){.realms = realms, .nrealms = 2, .resources = resources, .nresources = 3, .state_dir = x->dir};
    x->options = (struct tarn_writer_options){.realm = "cluster", .budget_bytes = 8u << 20, .huge_pages = TARN_HUGE_PAGES_OFF, .rt = tarn_runtime_posix(), .generation = 1};
}

static void end(struct world *x)
{
    for (unsigned i = 0; i < x->nkept; i++)
        CU_ASSERT_EQUAL(x->kept[i].fd, -1); /* each was closed */
    (void)unlink(x->path);
    CU_ASSERT_EQUAL(rmdir(x->dir), 0);
}

/* A region as an earlier agent had it: `objects` pods, found as "pods" from "po"; nodes with a source of another selector. */
static struct tarn_writer *earlier(const struct world *x, uint64_t generation, unsigned objects)
{
    const struct tarn_config_resource other = {.name = "nodes", .realm = "cluster", .label_selector = "x=y"};
    const struct tarn_resource_state state = {.synced = true, .resource_version = TARN_BYTES("9"), .resume = TARN_BYTES("=9"), .last_event_ms = 77};
    struct tarn_writer_options o = x->options;
    struct tarn_buf line = {0};
    struct tarn_writer *w;
    struct tarn_store *s;
    uint16_t pods, nodes;

    o.generation = generation;
    CU_ASSERT_EQUAL_FATAL(tarn_writer_new(&o, &w, NULL), 0);
    CU_ASSERT_EQUAL(tarn_source_line(&resources[0], URL, &line), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_writer_add_resource(w, &(struct tarn_writer_resource){.name = "pods", .api_version = "v1", .kind = "Pod", .namespaced = true, .source = line.data}, &pods, NULL), 0);
    CU_ASSERT_EQUAL(tarn_source_line(&other, URL, &line), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_writer_add_resource(w, &(struct tarn_writer_resource){.name = "nodes", .api_version = "v1", .kind = "Node", .source = line.data}, &nodes, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_region_store_new(w, pods, &s, NULL), 0);
    for (unsigned i = 0; i < objects; i++) {
        const struct tarn_object *obj;
        char json[96];
        int n = snprintf(json, sizeof json, "{\"metadata\":{\"namespace\":\"a\",\"name\":\"o%u\"},\"spec\":{\"nodeName\":\"n%u\"}}", i, i % 3);

        CU_ASSERT_EQUAL_FATAL(tarn_object_from_json((struct tarn_bytes){.data = json, .len = (size_t)n}, &obj, NULL), 0);
        CU_ASSERT_EQUAL_FATAL(tarn_store_add(s, obj, NULL), 0);
        tarn_object_unref(obj);
    }
    CU_ASSERT_EQUAL(tarn_writer_set_resource_state(w, pods, &state, NULL), 0);
    CU_ASSERT_EQUAL(tarn_writer_set_resource_state(w, nodes, &state, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_writer_commit(w, NULL), 0);
    tarn_store_free(s);
    tarn_buf_release(&line);
    return w;
}

static void keep(struct world *x, const char *name, int fd)
{
    x->kept[x->nkept].fd = fd;
    (void)snprintf(x->kept[x->nkept++].name, sizeof x->kept[0].name, "%s", name);
}

static void keep_region(struct world *x, const char *name, uint64_t generation, unsigned objects)
{
    struct tarn_writer *w = earlier(x, generation, objects);

    keep(x, name, dup(tarn_writer_fd(w)));
    tarn_writer_free(w);
}

/* A memfd that is sealed as a region is, and is none. */
static int no_region(void)
{
    int fd = memfd_create("none", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    CU_ASSERT_EQUAL(ftruncate(fd, 8 << 20), 0);
    CU_ASSERT_EQUAL(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | 0x10), 0);
    return fd;
}

static void save(struct world *x, unsigned objects)
{
    struct tarn_writer *w = earlier(x, 4, objects);
    struct tarn_reader r;

    tarn_reader_begin(&r, tarn_writer_view(w), NULL);
    CU_ASSERT_EQUAL(tarn_checkpoint_save(&(struct tarn_checkpoint_save){.reader = &r, .path = x->path}, NULL, NULL), 0);
    tarn_writer_free(w);
}

/* What is served: the number of pods, 0: nothing. *ret_from: "" or from where; *ret_generation. */
static uint64_t start(struct world *x, const char **ret_from, uint64_t *ret_generation)
{
    struct tarn_warm warm;
    uint64_t n = 0;

    *ret_from = "";
    *ret_generation = 0;
    CU_ASSERT_EQUAL_FATAL(tarn_warm_start(&(struct tarn_warm_options){.config = &x->config, .realm = &realms[0], .server = URL, .writer = &x->options,
                                                                      .kept = x->kept, .nkept = x->nkept}, &warm), 0);
    CU_ASSERT_EQUAL(warm.writer != NULL, warm.adopt[0].name != NULL);
    CU_ASSERT_PTR_NULL(warm.adopt[1].name); /* another selector */
    CU_ASSERT_PTR_NULL(warm.adopt[2].name); /* another realm's */
    if (warm.writer) {
        struct tarn_resource_info info;
        struct tarn_reader r;

        CU_ASSERT_STRING_EQUAL(warm.adopt[0].name, "pods");
        CU_ASSERT_EQUAL(warm.adopt[0].nindexes, 2); /* those that pods have where the configuration names none */
        tarn_reader_begin(&r, tarn_writer_view(warm.writer), NULL);
        CU_ASSERT_EQUAL(tarn_reader_resource(&r, TARN_BYTES("nodes"), &info), TARN_E_NOTFOUND);
        CU_ASSERT_EQUAL(tarn_reader_resource(&r, TARN_BYTES("pods"), &info), 0);
        CU_ASSERT_TRUE(info.state.synced && !info.state.live && info.state.last_event_ms);
        CU_ASSERT_TRUE(tarn_bytes_equal(tarn_resource_resume_at(&info, TARN_BYTES("")), TARN_BYTES("9")));
        n = info.objects;
        *ret_from = warm.adopt[0].from;
        *ret_generation = tarn_writer_view(warm.writer)->generation;
    }
    tarn_writer_free(warm.writer);
    tarn_warm_release(&warm);
    return n;
}

static void nothing_left_is_no_error(void)
{
    const char *from;
    uint64_t generation;
    struct world x;

    begin(&x);
    CU_ASSERT_EQUAL(start(&x, &from, &generation), 0);
    x.config.state_dir = NULL;
    CU_ASSERT_EQUAL(start(&x, &from, &generation), 0);
    end(&x);
}

static void the_newest_kept_region_is_best(void)
{
    const char *from;
    uint64_t generation;
    struct world x;

    begin(&x);
    save(&x, 10);
    keep_region(&x, "tarn-cluster-9", 9, 20);
    keep_region(&x, "tarn-cluster-10", 10, 30);
    CU_ASSERT_EQUAL(start(&x, &from, &generation), 30);
    CU_ASSERT_STRING_EQUAL(from, "kept region");
    CU_ASSERT_EQUAL(generation, 11);
    end(&x);
}

static void what_is_no_sound_region_is_passed_over(void)
{
    const char *from;
    uint64_t generation;
    struct world x;

    begin(&x);
    save(&x, 10);
    keep_region(&x, "tarn-cluster-9", 9, 20);
    keep(&x, "tarn-cluster-12", no_region());
    keep(&x, "tarn-cluster-11", open("/dev/null", O_RDONLY | O_CLOEXEC));
    CU_ASSERT_EQUAL(start(&x, &from, &generation), 20); /* an older one that is sound */
    CU_ASSERT_STRING_EQUAL(from, "kept region");
    end(&x);
    begin(&x);
    save(&x, 10);
    keep(&x, "tarn-cluster-12", no_region());
    CU_ASSERT_EQUAL(start(&x, &from, &generation), 10); /* the checkpoint */
    CU_ASSERT_STRING_EQUAL(from, "checkpoint");
    CU_ASSERT_EQUAL(generation, 5);
    x.options.generation = 90; /* the number of a later agent's first generation */
    CU_ASSERT_EQUAL(start(&x, &from, &generation), 10);
    CU_ASSERT_EQUAL(generation, 90);
    CU_ASSERT_EQUAL(truncate(x.path, 100), 0);
    CU_ASSERT_EQUAL(start(&x, &from, &generation), 0);
    end(&x);
}

static void a_region_or_a_checkpoint_of_another_realm_is_none_of_ours(void)
{
    const char *from;
    uint64_t generation;
    struct world x;

    begin(&x);
    x.options.realm = "other";
    save(&x, 10);
    keep_region(&x, "tarn-cluster-9", 9, 20); /* under our name */
    x.options.realm = "cluster";
    CU_ASSERT_EQUAL(start(&x, &from, &generation), 0);
    keep_region(&x, "tarn-other-9", 9, 20); /* another's: left where it is */
    CU_ASSERT_EQUAL(start(&x, &from, &generation), 0);
    CU_ASSERT_TRUE(x.kept[1].fd >= 0);
    (void)close(x.kept[1].fd);
    x.kept[1].fd = -1;
    end(&x);
}

static void a_budget_too_small_for_it_begins_empty(void)
{
    const char *from;
    uint64_t generation;
    struct world x;

    begin(&x);
    x.options.budget_bytes = 64u << 20;
    keep_region(&x, "tarn-cluster-9", 9, 30000);
    x.options.budget_bytes = 4u << 20;
    CU_ASSERT_EQUAL(start(&x, &from, &generation), 0);
    end(&x);
}

static void names_say_realm_and_generation(void)
{
    char name[TARN_KEPT_NAME_BYTES];

    CU_ASSERT_STRING_EQUAL(tarn_warm_kept_name("cluster", 17, name), "tarn-cluster-17");
    CU_ASSERT_EQUAL(tarn_warm_kept_generation("tarn-cluster-17", "cluster"), 17);
    CU_ASSERT_EQUAL(tarn_warm_kept_generation("tarn-cluster-17", "clust"), 0);
    CU_ASSERT_EQUAL(tarn_warm_kept_generation("tarn-a-b-3", "a-b"), 3);
    CU_ASSERT_EQUAL(tarn_warm_kept_generation("tarn-a-b-3", "a"), 0);
    CU_ASSERT_EQUAL(tarn_warm_kept_generation("tarn-cluster-", "cluster"), 0);
    CU_ASSERT_EQUAL(tarn_warm_kept_generation("tarn-cluster-1x", "cluster"), 0);
    CU_ASSERT_EQUAL(tarn_warm_kept_generation("stored", "cluster"), 0);
}

TARN_TEST_MAIN("warm", TARN_TEST(nothing_left_is_no_error), TARN_TEST(the_newest_kept_region_is_best), TARN_TEST(what_is_no_sound_region_is_passed_over),
               TARN_TEST(a_region_or_a_checkpoint_of_another_realm_is_none_of_ours), TARN_TEST(a_budget_too_small_for_it_begins_empty),
               TARN_TEST(names_say_realm_and_generation))
