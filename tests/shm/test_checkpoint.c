/* The checkpoint: what was saved is what comes back; whatever fails while saving, the file before stays; whatever is wrong with a file
 * is named, and nothing wrong is ever restored from it. */
/* tarn-test: threads */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tarn/checkpoint.h>

#include "checkpoint_fixture.h"
#include "fault.h"
#include "region_fixture.h"

#define WIDGETS 40u
#define GADGETS 15u

static const struct tarn_index_func indexes[] = {{"label:app", fixture_app, NULL}, {"spec.tags[*]", fixture_tags, NULL}};
static const char *const slots[] = {"spec.v"}, *const other_slots[] = {"spec.check"};
static const struct tarn_writer_resource both[] = {
    {.name = "widgets", .api_version = "test/v1", .kind = "Widget", .namespaced = true, .indexes = indexes, .nindex = 2, .slots = slots, .nslot = 1},
    {.name = "gadgets", .api_version = "test/v1", .kind = "Widget", .namespaced = true, .indexes = indexes, .nindex = 2, .slots = slots, .nslot = 1},
};

/* ---- a realm with two resources, and a folder ----------------------------------------------------------------------- */

struct realm {
    struct fixture f; /* widgets */
    uint16_t gadgets;
    struct tarn_store *gadget_store;
    char dir[64], path[96];
};

static int put_into(struct tarn_store *s, const struct fixture_object *o)
{
    const struct tarn_object *obj = fixture_make(o);
    int rc = tarn_store_add(s, obj, NULL);

    tarn_object_unref(obj);
    return rc;
}

static void set_state(struct realm *m, uint16_t store, bool synced, struct tarn_bytes rv)
{
    const struct tarn_resource_state s = {.synced = synced, .live = true, .resource_version = rv, .resume = TARN_BYTES("=77"), .last_event_ms = 900, .lists = 3};

    CU_ASSERT_EQUAL_FATAL(tarn_writer_set_resource_state(m->f.w, store, &s, NULL), 0);
}

static void open_realm(struct realm *m)
{
    fixture_open(&m->f, 16u << 20);
    fixture_add_resource(&m->f, "gadgets", &m->gadgets, &m->gadget_store);
    for (unsigned k = 0; k < WIDGETS; k++)
        CU_ASSERT_EQUAL_FATAL(fixture_put(&m->f, &(struct fixture_object){.k = k, .v = k + 7, .app = k % 4, .tags = k % 16, .pad = k == 3 ? 5000 : 0}), 0);
    for (unsigned k = 0; k < GADGETS; k++)
        CU_ASSERT_EQUAL_FATAL(put_into(m->gadget_store, &(struct fixture_object){.k = k, .v = k + 100, .rv = k + 1}), 0);
    set_state(m, m->f.id, true, TARN_BYTES("1234"));
    set_state(m, m->gadgets, true, TARN_BYTES("77"));
    CU_ASSERT_EQUAL_FATAL(tarn_writer_commit(m->f.w, NULL), 0);
    strcpy(m->dir, "/tmp/tarn-checkpoint-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(m->dir));
    (void)snprintf(m->path, sizeof m->path, "%s/cluster.ckpt", m->dir);
}

static void close_realm(struct realm *m)
{
    (void)unlink(m->path);
    CU_ASSERT_EQUAL(rmdir(m->dir), 0); /* nothing is left beside it */
    tarn_store_free(m->gadget_store);
    fixture_close(&m->f);
}

static int save_with(struct realm *m, struct tarn_checkpoint_save s, struct tarn_checkpoint_saved *ret, struct tarn_error *err)
{
    struct tarn_reader r;
    int rc;

    fixture_begin(&m->f, &r);
    s.reader = &r;
    s.path = s.path ? s.path : m->path;
    rc = tarn_checkpoint_save(&s, ret, err);
    fixture_end(&m->f, &r);
    return rc;
}

static int save(struct realm *m, struct tarn_error *err)
{
    return save_with(m, (struct tarn_checkpoint_save){0}, NULL, err);
}

/* The file as bytes; *ret_n of them, to be freed. */
static char *slurp(const char *path, size_t *ret_n)
{
    FILE *f = fopen(path, "rb");
    char *p = malloc(1u << 20);

    *ret_n = f ? fread(p, 1, 1u << 20, f) : 0;
    if (f)
        (void)fclose(f);
    return p;
}

static int restore_of(struct tarn_checkpoint *c, const struct tarn_writer_resource *resources, uint16_t stores[2], struct tarn_writer **w, struct tarn_error *err)
{
    return tarn_checkpoint_restore(c, &(struct tarn_writer_options){.budget_bytes = 8u << 20, .huge_pages = TARN_HUGE_PAGES_OFF, .generation = 0}, resources, 2,
                                   stores, w, err);
}

/* Every object of b is in a, byte for byte. Returns how many. */
static unsigned equal_objects(const struct tarn_reader *a, uint16_t store_a, const struct tarn_reader *b, uint16_t store_b)
{
    const struct tarn_object *x, *y;
    struct tarn_buf jx = {0}, jy = {0};
    struct tarn_reader_iter it;
    unsigned n = 0;

    CU_ASSERT_EQUAL_FATAL(tarn_reader_list(b, store_b, &it), 0);
    while (tarn_reader_next(&it, &y) == 1) {
        CU_ASSERT_EQUAL_FATAL(tarn_reader_get(a, store_a, tarn_object_key(y), &x), 0);
        tarn_buf_clear(&jx);
        tarn_buf_clear(&jy);
        CU_ASSERT_EQUAL(tarn_object_to_json(x, &jx), 0);
        CU_ASSERT_EQUAL(tarn_object_to_json(y, &jy), 0);
        CU_ASSERT_TRUE(tarn_bytes_equal(tarn_buf_bytes(&jx), tarn_buf_bytes(&jy)));
        n++;
    }
    tarn_buf_release(&jx);
    tarn_buf_release(&jy);
    return n;
}

/* What a restored writer holds of each resource: all of it, or nothing and then it says that it is not synced. Bit i: all of resource i. */
static unsigned judge(struct realm *m, struct tarn_writer *w, const uint16_t stores[2])
{
    struct tarn_resource_info info;
    struct tarn_error err = {0};
    struct tarn_reader old, new;
    unsigned have = 0;

    tarn_reader_begin(&old, tarn_writer_view(m->f.w), NULL);
    tarn_reader_begin(&new, tarn_writer_view(w), NULL);
    for (unsigned i = 0; i < 2; i++) {
        unsigned n = equal_objects(&old, i ? m->gadgets : m->f.id, &new, stores[i]), all = i ? GADGETS : WIDGETS;

        CU_ASSERT_EQUAL_FATAL(tarn_reader_resource(&new, tarn_bytes_of(both[i].name), &info), 0);
        CU_ASSERT_TRUE(n == 0 || n == all);
        CU_ASSERT_EQUAL(info.objects, n);
        CU_ASSERT_EQUAL(info.state.synced, n == all);
        CU_ASSERT_FALSE(info.state.live);
        have |= (n == all) << i;
    }
    CU_ASSERT_EQUAL(tarn_check_region(&new, true, NULL, &err), 0);
    return have;
}

/* Open and restore the file: the resources that came back, or TARN_E_*. */
static int what_comes_back(struct realm *m, struct tarn_error *err)
{
    struct tarn_checkpoint *c;
    struct tarn_writer *w;
    uint16_t stores[2];
    int rc = tarn_checkpoint_open(m->path, NULL, &c, err);

    if (rc)
        return rc;
    rc = restore_of(c, both, stores, &w, err);
    if (!rc) {
        rc = (int)judge(m, w, stores);
        tarn_writer_free(w);
    }
    tarn_checkpoint_close(c);
    return rc;
}

/* ---- the round trip ------------------------------------------------------------------------------------------------------ */

static void what_was_saved_comes_back(void)
{
    struct tarn_checkpoint_clock now;
    struct tarn_checkpoint_facts facts;
    struct tarn_checkpoint_saved saved;
    struct tarn_resource_info info;
    struct tarn_checkpoint *c;
    struct tarn_error err = {0};
    struct tarn_region_facts rf;
    struct tarn_writer *w;
    struct stat st;
    struct realm m;
    uint16_t stores[2];

    open_realm(&m);
    tarn_checkpoint_clock_now(&now);
    CU_ASSERT_EQUAL_FATAL(save_with(&m, (struct tarn_checkpoint_save){.clock = &now}, &saved, &err), 0);
    CU_ASSERT_EQUAL(saved.objects, WIDGETS + GADGETS);
    CU_ASSERT_EQUAL(saved.resources, 2);
    CU_ASSERT_EQUAL(saved.commit, tarn_writer_commit_seq(m.f.w));
    CU_ASSERT_EQUAL(stat(m.path, &st), 0);
    CU_ASSERT_EQUAL((uint64_t)st.st_size, saved.file_bytes);
    CU_ASSERT_EQUAL(st.st_mode & 07777, 0600);
    now.monotonic_ms += 5000;
    CU_ASSERT_EQUAL_FATAL(tarn_checkpoint_open(m.path, &now, &c, &err), 0);
    tarn_checkpoint_facts(c, &facts);
    CU_ASSERT_STRING_EQUAL(facts.realm, "cluster");
    CU_ASSERT_STRING_EQUAL(facts.damage, "");
    CU_ASSERT_TRUE(facts.age_sure);
    CU_ASSERT_EQUAL(facts.age_ms, 5000);
    CU_ASSERT_TRUE(facts.resources == 2 && facts.whole == 2 && facts.objects == WIDGETS + GADGETS && facts.raw_bytes == saved.raw_bytes);
    CU_ASSERT_EQUAL(tarn_checkpoint_resource(c, 1, &info), 0);
    CU_ASSERT_TRUE(tarn_bytes_equal(info.name, TARN_BYTES("gadgets")));
    CU_ASSERT_TRUE(tarn_bytes_equal(info.state.resource_version, TARN_BYTES("77")));
    CU_ASSERT_TRUE(tarn_bytes_equal(tarn_resource_short_name(&info, 0), TARN_BYTES("wi")));
    CU_ASSERT_TRUE(tarn_bytes_equal(tarn_resource_resume_at(&info, TARN_BYTES("")), TARN_BYTES("77")));
    CU_ASSERT_EQUAL(now.monotonic_ms - info.state.last_event_ms, now.monotonic_ms - 900); /* as old as it was, and five seconds */
    CU_ASSERT_EQUAL(tarn_checkpoint_resource(c, 2, &info), TARN_E_NOTFOUND);
    CU_ASSERT_EQUAL(tarn_checkpoint_verify(c, &err), 0);
    CU_ASSERT_EQUAL_FATAL(restore_of(c, both, stores, &w, &err), 0);
    CU_ASSERT_EQUAL(judge(&m, w, stores), 3);
    tarn_region_view_facts(tarn_writer_view(w), &rf);
    CU_ASSERT_EQUAL(rf.commit_seq, saved.commit + 1);
    CU_ASSERT_EQUAL(rf.generation, facts.generation + 1);
    CU_ASSERT_EQUAL(rf.log_head, 0);
    CU_ASSERT_NOT_EQUAL(memcmp(rf.instance, facts.instance, 16), 0);
    tarn_checkpoint_close(c);
    { /* and it is an ordinary region: it can be written on and read by index */
        struct tarn_store *s;
        struct tarn_reader r;
        struct tarn_reader_iter it;
        const struct tarn_object *obj;
        unsigned n = 0;

        CU_ASSERT_EQUAL_FATAL(tarn_region_store_new(w, stores[0], &s, NULL), 0);
        CU_ASSERT_EQUAL(put_into(s, &(struct fixture_object){.k = 900, .v = 1, .app = 1}), 0);
        CU_ASSERT_EQUAL(put_into(s, &(struct fixture_object){.k = 1, .v = 1, .app = 2}), 0); /* was app-1 */
        CU_ASSERT_EQUAL(tarn_writer_commit(w, NULL), 0);
        tarn_reader_begin(&r, tarn_writer_view(w), NULL);
        CU_ASSERT_EQUAL(tarn_reader_resource(&r, TARN_BYTES("widgets"), &info), 0);
        CU_ASSERT_EQUAL(tarn_reader_by_index(&r, &info, 0, TARN_BYTES("app-1"), &it), 0);
        while (tarn_reader_next(&it, &obj) == 1)
            n++;
        CU_ASSERT_EQUAL(n, WIDGETS / 4 - 1 + 1);
        tarn_store_free(s);
    }
    tarn_writer_free(w);
    close_realm(&m);
}

static bool not_gadgets(void *ctx, const struct tarn_resource_info *info)
{
    (void)ctx;
    return !tarn_bytes_equal(info->name, TARN_BYTES("gadgets"));
}

static void only_what_is_synced_and_wanted_is_saved(void)
{
    struct tarn_checkpoint_facts facts;
    struct tarn_checkpoint *c;
    struct tarn_error err = {0};
    struct realm m;

    open_realm(&m);
    CU_ASSERT_EQUAL(save_with(&m, (struct tarn_checkpoint_save){.wanted = not_gadgets}, NULL, &err), 0);
    CU_ASSERT_EQUAL(what_comes_back(&m, &err), 1);
    set_state(&m, m.f.id, false, TARN_BYTES(""));
    CU_ASSERT_EQUAL(tarn_writer_commit(m.f.w, NULL), 0);
    CU_ASSERT_EQUAL(save(&m, &err), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_checkpoint_open(m.path, NULL, &c, &err), 0);
    tarn_checkpoint_facts(c, &facts);
    CU_ASSERT_EQUAL(facts.resources, 1);
    CU_ASSERT_EQUAL(facts.objects, GADGETS);
    tarn_checkpoint_close(c);
    CU_ASSERT_EQUAL(save_with(&m, (struct tarn_checkpoint_save){.wanted = not_gadgets}, NULL, &err), TARN_E_AGAIN);
    CU_ASSERT_EQUAL(what_comes_back(&m, &err), 2); /* the file before is still there */
    close_realm(&m);
}

static void another_source_or_other_slots_begin_empty(void)
{
    struct tarn_writer_resource changed[2] = {both[0], both[1]};
    struct tarn_checkpoint *c;
    struct tarn_error err = {0};
    struct tarn_writer *w;
    struct realm m;
    uint16_t stores[2];

    open_realm(&m);
    CU_ASSERT_EQUAL(save(&m, &err), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_checkpoint_open(m.path, NULL, &c, &err), 0);
    changed[0].source = "labels=app=x";
    CU_ASSERT_EQUAL_FATAL(restore_of(c, changed, stores, &w, &err), 0);
    CU_ASSERT_EQUAL(judge(&m, w, stores), 2);
    tarn_writer_free(w);
    changed[0].source = NULL;
    changed[1].slots = other_slots;
    CU_ASSERT_EQUAL_FATAL(restore_of(c, changed, stores, &w, &err), 0);
    CU_ASSERT_EQUAL(judge(&m, w, stores), 1);
    tarn_writer_free(w);
    changed[1] = (struct tarn_writer_resource){.name = "nodes"}; /* gadgets are not mirrored any more */
    CU_ASSERT_EQUAL_FATAL(restore_of(c, changed, stores, &w, &err), 0);
    CU_ASSERT_EQUAL(tarn_writer_count(w, stores[0]), WIDGETS);
    CU_ASSERT_EQUAL(tarn_writer_count(w, stores[1]), 0);
    tarn_writer_free(w);
    tarn_checkpoint_close(c);
    close_realm(&m);
}

static void a_budget_too_small_is_said(void)
{
    struct tarn_checkpoint *c;
    struct tarn_error err = {0};
    struct tarn_writer *w = NULL;
    struct realm m;

    open_realm(&m);
    for (unsigned k = 1000; k < 3000; k++)
        CU_ASSERT_EQUAL(fixture_put(&m.f, &(struct fixture_object){.k = k, .v = k, .pad = 2500}), 0);
    CU_ASSERT_EQUAL(tarn_writer_commit(m.f.w, NULL), 0);
    CU_ASSERT_EQUAL(save(&m, &err), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_checkpoint_open(m.path, NULL, &c, &err), 0);
    CU_ASSERT_EQUAL(tarn_checkpoint_restore(c, &(struct tarn_writer_options){.budget_bytes = 4u << 20, .huge_pages = TARN_HUGE_PAGES_OFF}, both, 2, NULL, &w, &err),
                    TARN_E_FULL);
    CU_ASSERT_PTR_NULL(w);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "does not fit into 4 MiB"));
    tarn_checkpoint_close(c);
    close_realm(&m);
}

/* ---- saving: whatever fails, the file before stays ------------------------------------------------------------------------ */

static struct {
    long countdown; /* the call that fails; below 0: none */
    int error;
    bool fired, trickle; /* trickle: short writes and EINTR, which are no failures */
    unsigned calls;
} faulty;

static bool call_fails(void)
{
    faulty.calls++;
    if (faulty.countdown < 0 || faulty.countdown-- > 0)
        return false;
    faulty.fired = true;
    errno = faulty.error;
    return true;
}

static int faulty_create(char *name)
{
    return call_fails() ? -1 : mkostemp(name, O_CLOEXEC);
}
static ssize_t faulty_write(int fd, const void *p, size_t n)
{
    if (call_fails()) {
        ssize_t some = n > 1 ? write(fd, p, n / 2) : 0; /* the disk took a part of it */

        errno = faulty.error;
        return some < 0 ? -2 : -1;
    }
    if (faulty.trickle && faulty.calls % 3 == 0) {
        errno = EINTR;
        return -1;
    }
    return write(fd, p, faulty.trickle && n > 7 ? 7 : n);
}
static int faulty_sync(int fd)
{
    return call_fails() ? -1 : fsync(fd);
}
static int faulty_rename(const char *a, const char *b)
{
    return call_fails() ? -1 : rename(a, b);
}
static const struct tarn_checkpoint_io faulty_io = {faulty_create, faulty_write, faulty_sync, faulty_rename};

static void each_failing_call_leaves_the_file_before(void)
{
    static const struct {
        int error, code;
        const char *says;
    } rows[] = {{ENOSPC, TARN_E_IO, "make room"}, {EIO, TARN_E_IO, "rror"}, {EROFS, TARN_E_PERM, "must be able to write"}, {EDQUOT, TARN_E_IO, "make room"},
                {EFBIG, TARN_E_IO, "LimitFSIZE"}};
    struct tarn_error err = {0};
    struct realm m;
    char *before, *after;
    size_t n, n2;

    open_realm(&m);
    CU_ASSERT_EQUAL_FATAL(save(&m, &err), 0);
    before = slurp(m.path, &n);
    CU_ASSERT_EQUAL(fixture_put(&m.f, &(struct fixture_object){.k = 0, .v = 5}), 0); /* so that a new file differs */
    CU_ASSERT_EQUAL(tarn_writer_commit(m.f.w, NULL), 0);
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++)
        for (long i = 0;; i++) {
            int rc;

            faulty.countdown = i;
            faulty.error = rows[row].error;
            faulty.fired = false;
            rc = save_with(&m, (struct tarn_checkpoint_save){.io = &faulty_io}, NULL, &err);
            if (!faulty.fired) {
                CU_ASSERT_EQUAL(rc, 0);
                CU_ASSERT_TRUE(i > 10);
                checkpoint_write(m.path, before, n);
                break;
            }
            CU_ASSERT_EQUAL(rc, rows[row].code);
            CU_ASSERT_PTR_NOT_NULL(strstr(err.message, rows[row].says));
            CU_ASSERT_PTR_NOT_NULL(strstr(err.message, m.dir));
            after = slurp(m.path, &n2);
            if (strstr(err.message, "directory of")) { /* it is in place already, whole */
                CU_ASSERT_EQUAL(what_comes_back(&m, &err), 3);
            } else {
                CU_ASSERT_TRUE(n == n2 && memcmp(before, after, n) == 0);
            }
            free(after);
            checkpoint_write(m.path, before, n);
        }
    faulty.countdown = -1;
    faulty.trickle = true;
    CU_ASSERT_EQUAL(save_with(&m, (struct tarn_checkpoint_save){.io = &faulty_io}, NULL, &err), 0);
    CU_ASSERT_EQUAL(what_comes_back(&m, &err), 3);
    faulty.trickle = false;
    free(before);
    close_realm(&m);
}

static void each_failing_allocation_is_survived(void)
{
    struct tarn_error err = {0};
    struct realm m;
    bool failed;

    open_realm(&m);
    CU_ASSERT_EQUAL_FATAL(save(&m, &err), 0);
    for (long n = 0;; n++) {
        int rc;

        tarn_fault_arm(n);
        rc = save(&m, &err);
        if (!tarn_fault_disarm()) {
            CU_ASSERT_EQUAL(rc, 0);
            break;
        }
        CU_ASSERT_EQUAL(rc, TARN_E_NOMEM);
    }
    for (long n = 0;; n++) {
        struct tarn_checkpoint *c = NULL;
        struct tarn_writer *w = NULL;
        uint16_t stores[2];
        int rc;

        tarn_fault_arm(n);
        rc = tarn_checkpoint_open(m.path, NULL, &c, &err);
        if (!rc)
            rc = restore_of(c, both, stores, &w, &err);
        failed = tarn_fault_disarm();
        CU_ASSERT_EQUAL(rc, failed ? TARN_E_NOMEM : 0);
        if (!rc)
            CU_ASSERT_EQUAL(judge(&m, w, stores), 3);
        tarn_writer_free(w);
        tarn_checkpoint_close(c);
        if (!failed)
            break;
    }
    close_realm(&m);
}

static void a_place_where_nothing_can_be_written_is_named(void)
{
    struct tarn_error err = {0};
    struct realm m;
    char path[128];

    open_realm(&m);
    (void)snprintf(path, sizeof path, "%s/not/there/x.ckpt", m.dir);
    CU_ASSERT_EQUAL(save_with(&m, (struct tarn_checkpoint_save){.path = path}, NULL, &err), TARN_E_IO);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "create the state directory"));
    CU_ASSERT_EQUAL(save_with(&m, (struct tarn_checkpoint_save){.path = "/proc/self/x.ckpt"}, NULL, &err) < 0, true);
    CU_ASSERT_EQUAL(mkdir(m.path, 0700), 0); /* a folder stands in its place */
    CU_ASSERT_EQUAL(save(&m, &err), TARN_E_IO);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "cannot put in place"));
    CU_ASSERT_EQUAL(rmdir(m.path), 0);
    close_realm(&m);
}

/* The real kernel says EFBIG in the middle of a file. */
static void a_file_size_limit_leaves_the_file_before(void)
{
    struct tarn_error err = {0};
    struct realm m;
    char *before;
    size_t n, n2;
    pid_t pid;
    int status;

    open_realm(&m);
    CU_ASSERT_EQUAL_FATAL(save(&m, &err), 0);
    before = slurp(m.path, &n);
    pid = fork();
    if (!pid) {
        const struct rlimit l = {.rlim_cur = n / 2, .rlim_max = n / 2};

        (void)signal(SIGXFSZ, SIG_IGN);
        (void)setrlimit(RLIMIT_FSIZE, &l);
        _exit(save(&m, &err) == TARN_E_IO && strstr(err.message, "LimitFSIZE") ? 0 : 1);
    }
    CU_ASSERT_TRUE(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    {
        char *after = slurp(m.path, &n2);

        CU_ASSERT_TRUE(n == n2 && memcmp(before, after, n) == 0);
        free(after);
    }
    free(before);
    close_realm(&m);
}

static void a_killed_saver_leaves_the_file_before_and_what_it_left_is_swept(void)
{
    struct tarn_error err = {0};
    struct realm m;
    unsigned swept = 0;

    open_realm(&m);
    CU_ASSERT_EQUAL_FATAL(save(&m, &err), 0);
    for (long i = 0; i < 12; i++) { /* killed at its i-th system call */
        pid_t pid = fork();

        if (!pid) {
            faulty.countdown = -1;
            faulty.calls = 0;
            for (;;) {
                const struct tarn_checkpoint_io io = faulty_io;
                struct rlimit l = {.rlim_cur = (rlim_t)(i * 97), .rlim_max = (rlim_t)(i * 97)};

                (void)signal(SIGXFSZ, SIG_DFL); /* the kernel kills it in the middle of a write */
                (void)setrlimit(RLIMIT_FSIZE, &l);
                (void)!save_with(&m, (struct tarn_checkpoint_save){.io = &io}, NULL, &err);
            }
        }
        CU_ASSERT_EQUAL(waitpid(pid, NULL, 0), pid);
        CU_ASSERT_EQUAL(what_comes_back(&m, &err), 3);
        swept += tarn_checkpoint_sweep(m.path);
    }
    CU_ASSERT_TRUE(swept >= 6);
    CU_ASSERT_EQUAL(tarn_checkpoint_sweep(m.path), 0);
    CU_ASSERT_EQUAL(what_comes_back(&m, &err), 3); /* the checkpoint itself is not swept */
    close_realm(&m);
}

static void a_lost_snapshot_or_a_stop_saves_nothing(void)
{
    _Atomic bool stop = true;
    struct tarn_error err = {0};
    struct tarn_reader unpinned;
    struct realm m;

    open_realm(&m);
    tarn_reader_begin(&unpinned, tarn_writer_view(m.f.w), NULL);
    for (unsigned i = 0; i < 20; i++) {
        CU_ASSERT_EQUAL(fixture_put(&m.f, &(struct fixture_object){.k = i, .v = 1000 + i}), 0);
        CU_ASSERT_EQUAL(tarn_writer_commit(m.f.w, NULL), 0);
    }
    fixture_settle(&m.f);
    CU_ASSERT_EQUAL(tarn_checkpoint_save(&(struct tarn_checkpoint_save){.reader = &unpinned, .path = m.path}, NULL, &err), TARN_E_EXPIRED);
    CU_ASSERT_EQUAL(access(m.path, F_OK), -1);
    CU_ASSERT_EQUAL(save_with(&m, (struct tarn_checkpoint_save){.stop = &stop}, NULL, &err), TARN_E_STOPPED);
    CU_ASSERT_EQUAL(access(m.path, F_OK), -1);
    close_realm(&m);
}

/* ---- saving beside a writer --------------------------------------------------------------------------------------------------- */

struct saver {
    struct realm *m;
    _Atomic bool done;
    unsigned saves;
    int rc;
};

static void *save_again_and_again(void *arg)
{
    struct saver *s = arg;
    struct tarn_error err = {0};

    for (s->saves = 0; !s->rc && s->saves < 20; s->saves++)
        s->rc = save(s->m, &err);
    atomic_store(&s->done, true);
    return NULL;
}

/* Every object carries its version twice, and all objects of a commit carry the same one: a torn checkpoint would show. */
static void a_checkpoint_made_beside_a_busy_writer_is_one_moment(void)
{
    struct saver s = {0};
    struct tarn_checkpoint *c;
    struct tarn_error err = {0};
    struct tarn_writer *w;
    struct realm m;
    uint16_t stores[2];
    pthread_t thread;
    unsigned v = 5000;

    open_realm(&m);
    s.m = &m;
    for (unsigned k = 0; k < WIDGETS; k++)
        CU_ASSERT_EQUAL(fixture_put(&m.f, &(struct fixture_object){.k = k, .v = v, .app = 1 + k % 4}), 0);
    CU_ASSERT_EQUAL(tarn_writer_commit(m.f.w, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, save_again_and_again, &s), 0);
    while (!atomic_load(&s.done)) {
        v++;
        for (unsigned k = 0; k < WIDGETS; k++)
            CU_ASSERT_EQUAL(fixture_put(&m.f, &(struct fixture_object){.k = k, .v = v, .app = 1 + v % 4}), 0);
        CU_ASSERT_EQUAL(tarn_writer_commit(m.f.w, NULL), 0);
        m.f.rt.now_ms += 1;
        (void)tarn_writer_collect(m.f.w);
    }
    CU_ASSERT_EQUAL(pthread_join(thread, NULL), 0);
    CU_ASSERT_EQUAL(s.rc, 0);
    CU_ASSERT_EQUAL(s.saves, 20);
    CU_ASSERT_EQUAL_FATAL(tarn_checkpoint_open(m.path, NULL, &c, &err), 0);
    CU_ASSERT_EQUAL_FATAL(restore_of(c, both, stores, &w, &err), 0);
    {
        const struct tarn_object *obj;
        struct tarn_reader_iter it;
        struct tarn_reader r;
        unsigned first = 0, n = 0;

        tarn_reader_begin(&r, tarn_writer_view(w), NULL);
        CU_ASSERT_EQUAL(tarn_reader_list(&r, stores[0], &it), 0);
        for (; tarn_reader_next(&it, &obj) == 1; n++) {
            first = first ? first : fixture_uint(obj, "spec.v");
            CU_ASSERT_EQUAL(fixture_uint(obj, "spec.v"), first);
            CU_ASSERT_EQUAL(fixture_uint(obj, "spec.check"), first);
        }
        CU_ASSERT_EQUAL(n, WIDGETS);
        CU_ASSERT_TRUE(first >= 5000);
    }
    tarn_writer_free(w);
    tarn_checkpoint_close(c);
    close_realm(&m);
}

/* ---- opening: nothing wrong comes back ------------------------------------------------------------------------------------------- */

/* One changed file: refused with a sentence, or what comes back of it is whole and right (judged inside). */
static void try_file(struct realm *m, const char *p, size_t n, unsigned *refused, unsigned *partly)
{
    struct tarn_error err = {0};
    int rc;

    checkpoint_write(m->path, p, n);
    rc = what_comes_back(m, &err);
    if (rc < 0) {
        CU_ASSERT_TRUE(rc == TARN_E_CORRUPT || rc == TARN_E_ABI);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "checkpoint"));
        ++*refused;
    } else {
        *partly += rc < 3;
    }
}

static void no_changed_byte_is_believed(void)
{
    unsigned refused = 0, partly = 0;
    struct tarn_error err = {0};
    struct realm m;
    char *file;
    size_t n;

    open_realm(&m);
    CU_ASSERT_EQUAL_FATAL(save(&m, &err), 0);
    file = slurp(m.path, &n);
    for (size_t at = 0; at < n; at++) {
        char was = file[at];

        file[at] = (char)(was ^ (1 << at % 8));
        try_file(&m, file, n, &refused, &partly);
        file[at] = was;
    }
    CU_ASSERT_TRUE(refused > 100 && partly > 100);
    free(file);
    close_realm(&m);
}

static void no_cut_file_is_believed_further_than_it_goes(void)
{
    unsigned refused = 0, partly = 0;
    struct tarn_error err = {0};
    struct realm m;
    char *file;
    size_t n;

    open_realm(&m);
    CU_ASSERT_EQUAL_FATAL(save(&m, &err), 0);
    file = slurp(m.path, &n);
    for (size_t at = 0; at < n; at += 1 + at % 3)
        try_file(&m, file, at, &refused, &partly);
    CU_ASSERT_TRUE(refused > 100 && partly > 10);
    memset(file + n, 0, 100); /* something behind its end */
    checkpoint_write(m.path, file, n + 100);
    CU_ASSERT_EQUAL(what_comes_back(&m, &err), 3);
    free(file);
    close_realm(&m);
}

/* Where the blocks are: heads at offs[], *ret_n of them. */
static void find_blocks(const char *file, size_t n, size_t *offs, unsigned *ret_n)
{
    struct ckpt_block b;

    *ret_n = 0;
    for (size_t at = sizeof(struct ckpt_header); at + sizeof b <= n; at += sizeof b + b.stored) {
        memcpy(&b, file + at, sizeof b);
        offs[(*ret_n)++] = at;
    }
    offs[*ret_n] = n;
}

static void blocks_of_another_file_lost_or_repeated_ones_are_noticed(void)
{
    unsigned refused = 0, partly = 0, nblocks;
    struct tarn_error err = {0};
    struct realm m;
    char *one, *two, *mixed = malloc(1u << 20);
    size_t n1, n2, offs[64], offs2[64];

    open_realm(&m);
    CU_ASSERT_EQUAL_FATAL(save(&m, &err), 0);
    one = slurp(m.path, &n1);
    CU_ASSERT_EQUAL_FATAL(save(&m, &err), 0); /* the same contents at another time */
    two = slurp(m.path, &n2);
    find_blocks(one, n1, offs, &nblocks);
    find_blocks(two, n2, offs2, &nblocks);
    CU_ASSERT_EQUAL_FATAL(nblocks, 5); /* two resources, a block of objects each, the end */
    for (unsigned i = 0; i < nblocks; i++) {
        size_t len = offs[i + 1] - offs[i];

        memcpy(mixed, one, n1); /* a block of the other file in its place */
        memcpy(mixed + offs[i], two + offs2[i], len);
        try_file(&m, mixed, n1, &refused, &partly);
        memcpy(mixed, one, offs[i]); /* lost */
        memcpy(mixed + offs[i], one + offs[i + 1], n1 - offs[i + 1]);
        try_file(&m, mixed, n1 - len, &refused, &partly);
        memcpy(mixed, one, offs[i + 1]); /* twice */
        memcpy(mixed + offs[i + 1], one + offs[i], n1 - offs[i]);
        try_file(&m, mixed, n1 + len, &refused, &partly);
    }
    CU_ASSERT_EQUAL(refused, 8); /* what happens to a resource's own block, and the loss of all objects */
    CU_ASSERT_EQUAL(partly, 3);  /* the others lose one resource, or nothing */
    free(one);
    free(two);
    free(mixed);
    close_realm(&m);
}

/* Checksums that are right and contents that lie: a file made on purpose. Nothing may crash; judged by the sanitizers, and by what is restored being a sound region. */
static void a_file_that_lies_breaks_nothing(void)
{
    struct tarn_checkpoint *c;
    struct tarn_error err = {0};
    struct realm m;
    char *file, *copy = malloc(1u << 20);
    uint64_t seed = 99;
    unsigned restored = 0, opened = 0;
    size_t n;

    open_realm(&m);
    CU_ASSERT_EQUAL_FATAL(save(&m, &err), 0);
    file = slurp(m.path, &n);
    for (unsigned round = 0; round < 3000; round++) {
        struct tarn_writer *w;
        uint16_t stores[2];

        memcpy(copy, file, n);
        for (unsigned i = 0; i < 1 + round % 4; i++)
            copy[24 + fixture_rand(&seed) % (n - 24)] = (char)(fixture_rand(&seed) >> 20);
        checkpoint_seal(copy, n);
        checkpoint_write(m.path, copy, n);
        if (tarn_checkpoint_open(m.path, NULL, &c, &err))
            continue;
        opened++;
        if (!restore_of(c, both, stores, &w, &err)) {
            struct tarn_reader r;

            tarn_reader_begin(&r, tarn_writer_view(w), NULL);
            CU_ASSERT_EQUAL(tarn_check_region(&r, true, NULL, &err), 0);
            tarn_writer_free(w);
            restored++;
        } else {
            CU_ASSERT_TRUE(err.code < 0 && err.message[0]);
        }
        tarn_checkpoint_close(c);
    }
    CU_ASSERT_TRUE(opened > 300 && restored > 100 && restored < opened);
    free(file);
    free(copy);
    close_realm(&m);
}

static void what_is_no_checkpoint_of_ours_is_named(void)
{
    struct tarn_checkpoint *c = NULL;
    struct tarn_error err = {0};
    struct realm m;
    char *file, target[128];
    size_t n;

    open_realm(&m);
    CU_ASSERT_EQUAL(tarn_checkpoint_open(m.path, NULL, &c, &err), TARN_E_NOTFOUND);
    CU_ASSERT_EQUAL_FATAL(save(&m, &err), 0);
    file = slurp(m.path, &n);

    ((struct ckpt_header *)(void *)file)->major = 9; /* of another time */
    checkpoint_seal(file, n);
    checkpoint_write(m.path, file, n);
    CU_ASSERT_EQUAL(tarn_checkpoint_open(m.path, NULL, &c, &err), TARN_E_ABI);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "9.1"));
    ((struct ckpt_header *)(void *)file)->major = CKPT_MAJOR;
    ((struct ckpt_header *)(void *)file)->minor = 9; /* a newer minor is read */
    checkpoint_seal(file, n);
    checkpoint_write(m.path, file, n);
    CU_ASSERT_EQUAL(what_comes_back(&m, &err), 3);
    ((struct ckpt_header *)(void *)file)->incompatible = 4;
    checkpoint_seal(file, n);
    checkpoint_write(m.path, file, n);
    CU_ASSERT_EQUAL(tarn_checkpoint_open(m.path, NULL, &c, &err), TARN_E_ABI);

    checkpoint_write(m.path, "{\"apiVersion\": \"v1\", \"kind\": \"PodList\", \"items\": []} and more text so that it is longer than a header would be, whatever that would hold", 130);
    CU_ASSERT_EQUAL(tarn_checkpoint_open(m.path, NULL, &c, &err), TARN_E_CORRUPT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "not a checkpoint of tarn"));
    CU_ASSERT_EQUAL(chmod(m.path, 0666), 0);
    CU_ASSERT_EQUAL(tarn_checkpoint_open(m.path, NULL, &c, &err), TARN_E_PERM);
    CU_ASSERT_EQUAL(unlink(m.path), 0);
    (void)snprintf(target, sizeof target, "%s/elsewhere", m.dir);
    checkpoint_write(target, file, n);
    CU_ASSERT_EQUAL(symlink(target, m.path), 0);
    CU_ASSERT_EQUAL(tarn_checkpoint_open(m.path, NULL, &c, &err), TARN_E_PERM);
    CU_ASSERT_EQUAL(unlink(m.path), 0);
    CU_ASSERT_EQUAL(unlink(target), 0);
    CU_ASSERT_EQUAL(mkfifo(m.path, 0600), 0); /* opening it must not wait for a writer */
    CU_ASSERT_EQUAL(tarn_checkpoint_open(m.path, NULL, &c, &err), TARN_E_PERM);
    CU_ASSERT_PTR_NULL(c);
    free(file);
    close_realm(&m);
}

/* ---- clocks ------------------------------------------------------------------------------------------------------------------------- */

static void ages_survive_reboots_and_clocks_that_go_back(void)
{
    static const uint64_t s = 1000000000;
    static const struct {
        const char *what;
        struct tarn_checkpoint_clock then, now;
        uint64_t age_ms;
        bool sure;
    } rows[] = {
        {"one boot", {1000 * s, 5000, {1}}, {1007 * s, 12000, {1}}, 7000, true},
        {"one boot, the clock set back", {1000 * s, 5000, {1}}, {10 * s, 12000, {1}}, 7000, true},
        {"one boot, the clock set forward", {1000 * s, 5000, {1}}, {9000 * s, 12000, {1}}, 7000, true},
        {"a reboot", {1000 * s, 5000000, {1}}, {1300 * s, 60000, {2}}, 300000, true},
        {"a reboot, the clock set back", {1000 * s, 5000000, {1}}, {900 * s, 60000, {2}}, 60000, false},
        {"a reboot, the clock set back a little", {1000 * s, 5000000, {1}}, {1010 * s, 60000, {2}}, 60000, true},
        {"no boot id", {1000 * s, 5000, {0}}, {1007 * s, 6000, {0}}, 7000, true},
        {"another time namespace", {1000 * s, 5000, {1}}, {1007 * s, 100, {1}}, 7000, true},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool sure;

        CU_ASSERT_EQUAL(tarn_checkpoint_age_ms(&rows[i].then, &rows[i].now, &sure), rows[i].age_ms);
        CU_ASSERT_EQUAL(sure, rows[i].sure);
    }
}

/* After a reboot the monotonic clock is younger than the last event: times wrap, differences hold. */
static void times_before_the_boot_stay_differences(void)
{
    const struct tarn_checkpoint_clock then = {.real_ns = 1000000000000, .monotonic_ms = 901000, .boot = {1}}, now = {.real_ns = 1100000000000, .monotonic_ms = 2000, .boot = {2}};
    struct tarn_resource_info info;
    struct tarn_checkpoint *c;
    struct tarn_error err = {0};
    struct realm m;

    open_realm(&m); /* last event at 900 */
    CU_ASSERT_EQUAL_FATAL(save_with(&m, (struct tarn_checkpoint_save){.clock = &then}, NULL, &err), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_checkpoint_open(m.path, &now, &c, &err), 0);
    CU_ASSERT_EQUAL(tarn_checkpoint_resource(c, 0, &info), 0);
    CU_ASSERT_EQUAL(now.monotonic_ms - info.state.last_event_ms, 100000 + 900100);
    CU_ASSERT_EQUAL(info.state.last_error_ms, 0); /* never stays never */
    tarn_checkpoint_close(c);
    close_realm(&m);
}

TARN_TEST_MAIN("checkpoint", TARN_TEST(what_was_saved_comes_back), TARN_TEST(only_what_is_synced_and_wanted_is_saved),
               TARN_TEST(another_source_or_other_slots_begin_empty), TARN_TEST(a_budget_too_small_is_said), TARN_TEST(each_failing_call_leaves_the_file_before),
               TARN_TEST(each_failing_allocation_is_survived), TARN_TEST(a_place_where_nothing_can_be_written_is_named),
               TARN_TEST(a_file_size_limit_leaves_the_file_before), TARN_TEST(a_killed_saver_leaves_the_file_before_and_what_it_left_is_swept),
               TARN_TEST(a_lost_snapshot_or_a_stop_saves_nothing), TARN_TEST(a_checkpoint_made_beside_a_busy_writer_is_one_moment),
               TARN_TEST(no_changed_byte_is_believed), TARN_TEST(no_cut_file_is_believed_further_than_it_goes),
               TARN_TEST(blocks_of_another_file_lost_or_repeated_ones_are_noticed), TARN_TEST(a_file_that_lies_breaks_nothing),
               TARN_TEST(what_is_no_checkpoint_of_ours_is_named), TARN_TEST(ages_survive_reboots_and_clocks_that_go_back),
               TARN_TEST(times_before_the_boot_stay_differences))
