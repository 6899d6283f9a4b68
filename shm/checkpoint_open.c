/* checkpoint_open.c - read a checkpoint from end to end, test every checksum, and say which resources are whole.
 *
 * Damage inside a block's payload costs the resource it belongs to. Damage of a block's head, or a file that ends early, costs every
 * resource that is not complete before it. Damage of the header or of a resource's own block costs the file.
 */
#include "checkpoint_read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "crc32c.h"
#include "resource_record.h"

/* ---- clocks ------------------------------------------------------------------------------------------------------------ */

static uint64_t clock_ns(clockid_t id)
{
    struct timespec t;

    (void)clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"; zeros when the kernel does not say. */
static void read_boot(uint8_t ret[16])
{
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    char text[64];
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text);

    memset(ret, 0, 16);
    for (ssize_t i = 0, digits = 0; i < n && digits < 32; i++) {
        int d = hex_digit(text[i]);

        if (d >= 0)
            ret[digits / 2] = (uint8_t)(ret[digits / 2] | d << (digits % 2 ? 0 : 4)), digits++;
    }
    if (fd >= 0)
        (void)close(fd);
}

void tarn_checkpoint_clock_now(struct tarn_checkpoint_clock *ret)
{
    ret->real_ns = clock_ns(CLOCK_REALTIME);
    ret->monotonic_ms = clock_ns(CLOCK_MONOTONIC) / 1000000;
    read_boot(ret->boot);
}

static bool same_boot(const struct tarn_checkpoint_clock *a, const struct tarn_checkpoint_clock *b)
{
    static const uint8_t unknown[16];

    return memcmp(a->boot, b->boot, sizeof a->boot) == 0 && memcmp(a->boot, unknown, sizeof unknown) != 0;
}

uint64_t tarn_checkpoint_age_ms(const struct tarn_checkpoint_clock *then, const struct tarn_checkpoint_clock *now, bool *ret_sure)
{
    bool boot = same_boot(then, now) && now->monotonic_ms >= then->monotonic_ms, sure = boot || now->real_ns >= then->real_ns;
    uint64_t age = boot ? now->monotonic_ms - then->monotonic_ms : sure ? (now->real_ns - then->real_ns) / 1000000 : 0;

    if (!boot && age < now->monotonic_ms)
        age = now->monotonic_ms; /* it is of before this boot */
    if (ret_sure)
        *ret_sure = sure;
    return age;
}

/* ---- blocks --------------------------------------------------------------------------------------------------------------- */

struct ckpt_resource *ckpt_resource_of(const struct tarn_checkpoint *c, uint16_t store)
{
    for (unsigned i = 0; i < c->nresources; i++)
        if (c->resources[i].info.store == store)
            return &c->resources[i];
    return NULL;
}

void ckpt_rewind(struct tarn_checkpoint *c)
{
    c->at = sizeof c->header;
    c->number = 0;
}

/* n bytes at c->at. TARN_E_CORRUPT when the file ends before. */
static int read_here(struct tarn_checkpoint *c, void *to, size_t n)
{
    for (size_t done = 0; done < n;) {
        ssize_t got = pread(c->fd, (char *)to + done, n - done, (off_t)(c->at + done));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return tarn_error_set(&c->damage, TARN_E_IO, "reading at byte %llu: %s", (unsigned long long)(c->at + done), strerror(errno));
        if (!got)
            return tarn_error_set(&c->damage, TARN_E_CORRUPT, "it ends at byte %llu, in the middle", (unsigned long long)(c->at + done));
        done += (size_t)got;
    }
    c->at += n;
    return 0;
}

static bool head_ok(const struct tarn_checkpoint *c, const struct ckpt_block *b)
{
    return b->crc == tarn_crc32c(b, offsetof(struct ckpt_block, crc)) && b->file == c->header.crc && b->number == c->number &&
           b->type >= CKPT_RESOURCE && b->type <= CKPT_END && b->codec <= CKPT_ZSTD && b->stored <= CKPT_STORED_MAX && b->raw <= CKPT_RAW_MAX &&
           (b->codec == CKPT_ZSTD || b->raw == b->stored);
}

int ckpt_next_block(struct tarn_checkpoint *c, struct ckpt_block *ret)
{
    uint64_t at = c->at;
    int rc = read_here(c, ret, sizeof *ret);

    if (rc)
        return rc;
    if (!head_ok(c, ret))
        return tarn_error_set(&c->damage, TARN_E_CORRUPT, "the block at byte %llu is damaged or of another file", (unsigned long long)at);
    tarn_buf_clear(&c->stored);
    if (tarn_buf_reserve(&c->stored, ret->stored + 1))
        return tarn_error_set(&c->damage, TARN_E_NOMEM, "out of memory");
    rc = read_here(c, c->stored.data, ret->stored);
    if (rc)
        return rc;
    c->stored.len = ret->stored;
    c->number++;
    if (tarn_crc32c(c->stored.data, ret->stored) == ret->payload_crc)
        return 0;
    if (!c->damage.code)
        (void)tarn_error_set(&c->damage, TARN_E_CORRUPT, "the contents of the block at byte %llu are damaged", (unsigned long long)at);
    return 1;
}

/* ---- the begin --------------------------------------------------------------------------------------------------------------- */

static int bad(struct tarn_error *err, const char *path, int code, const char *what)
{
    return tarn_error_set(err, code, "checkpoint %s: %s", path, what);
}

static int check_file(struct tarn_checkpoint *c, const char *path, struct tarn_error *err)
{
    struct stat st;

    if (fstat(c->fd, &st) < 0)
        return bad(err, path, TARN_E_IO, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return bad(err, path, TARN_E_PERM, "is no regular file");
    if ((st.st_uid != geteuid() && st.st_uid != 0) || (st.st_mode & 022))
        return bad(err, path, TARN_E_PERM, "others than this user and root could have written it; a checkpoint has mode 0600");
    c->file_bytes = (uint64_t)st.st_size;
    return 0;
}

static int check_header(const struct tarn_checkpoint *c, const char *path, struct tarn_error *err)
{
    const struct ckpt_header *h = &c->header;

    if (h->magic != CKPT_MAGIC)
        return bad(err, path, TARN_E_CORRUPT, "is not a checkpoint of tarn");
    if (h->byte_order != CKPT_BYTE_ORDER)
        return bad(err, path, TARN_E_ABI, "is of a machine with another byte order");
    if (h->major != CKPT_MAJOR || (h->incompatible & ~CKPT_FEATURES))
        return tarn_error_set(err, TARN_E_ABI, "checkpoint %s: has format %u.%u with features %#llx, this agent reads %u.x", path, h->major, h->minor,
                              (unsigned long long)h->incompatible, CKPT_MAJOR);
    if (h->header_bytes != sizeof *h || h->crc != tarn_crc32c(h, offsetof(struct ckpt_header, crc)) || h->realm[sizeof h->realm - 1])
        return bad(err, path, TARN_E_CORRUPT, "its header is damaged");
    if (!h->resources || h->resources > TARN_REGION_RESOURCES_MAX)
        return bad(err, path, TARN_E_CORRUPT, "its header names an impossible number of resources");
    return 0;
}

static struct tarn_checkpoint_clock saved_at(const struct tarn_checkpoint *c)
{
    struct tarn_checkpoint_clock t = {.real_ns = c->header.real_ns, .monotonic_ms = c->header.monotonic_ms};

    memcpy(t.boot, c->header.boot, sizeof t.boot);
    return t;
}

static void take_age(struct tarn_checkpoint *c, const struct tarn_checkpoint_clock *now)
{
    struct tarn_checkpoint_clock then = saved_at(c), system;

    if (!now) {
        tarn_checkpoint_clock_now(&system);
        now = &system;
    }
    c->age_ms = tarn_checkpoint_age_ms(&then, now, &c->age_sure);
    c->now_ms = now->monotonic_ms;
}

/* A time of the saver's clock on this one's. It may lie before the clock's zero: then it wraps, and differences stay right. */
static void move_time(const struct tarn_checkpoint *c, uint64_t *ms)
{
    if (!*ms)
        return; /* never */
    *ms = c->now_ms - c->age_ms - (c->header.monotonic_ms - *ms);
    *ms += *ms == 0;
}

/* The blob must be whole before a single text of it is used. */
static int take_resource(struct tarn_checkpoint *c, const struct ckpt_block *b)
{
    struct ckpt_resource *r = &c->resources[c->nresources];
    struct tarn_blob_head head;

    if (b->type != CKPT_RESOURCE || b->codec != CKPT_PLAIN || b->stored < sizeof head)
        return TARN_E_CORRUPT;
    memcpy(&head, c->stored.data, sizeof head);
    if (head.size != b->stored || head.format != TARN_BLOB_RESOURCE || sizeof head + tarn_key_bytes(head.klen) > b->stored)
        return TARN_E_CORRUPT;
    r->blob = malloc(b->stored);
    if (!r->blob)
        return TARN_E_NOMEM;
    memcpy(r->blob, c->stored.data, b->stored);
    if (tarn_resource_parse(r->blob, head.size, head.klen, &r->info) || !r->info.store || r->info.store > TARN_REGION_RESOURCES_MAX ||
        ckpt_resource_of(c, r->info.store)) {
        free(r->blob);
        return TARN_E_CORRUPT;
    }
    move_time(c, &r->info.state.last_event_ms);
    move_time(c, &r->info.state.last_list_ms);
    move_time(c, &r->info.state.last_error_ms);
    c->nresources++;
    return 0;
}

static int read_resources(struct tarn_checkpoint *c)
{
    struct ckpt_block b;
    int rc = 0;

    c->resources = calloc(c->header.resources, sizeof *c->resources);
    if (!c->resources)
        return TARN_E_NOMEM;
    for (uint32_t i = 0; !rc && i < c->header.resources; i++) {
        rc = ckpt_next_block(c, &b);
        rc = rc == 1 ? TARN_E_CORRUPT : rc ? rc : take_resource(c, &b);
    }
    if (rc && !c->damage.code)
        (void)tarn_error_set(&c->damage, rc, "what it says of a resource is damaged");
    return rc;
}

/* ---- the rest: count, test, remember what is damaged ---------------------------------------------------------------------------- */

static void count_block(struct tarn_checkpoint *c, const struct ckpt_block *b, bool payload_ok)
{
    struct ckpt_resource *r = ckpt_resource_of(c, b->store);

    c->seen.objects += b->count;
    c->seen.raw_bytes += b->raw;
    if (!r)
        return;
    r->damaged |= !payload_ok;
    r->found += b->count;
}

static int check_end(struct tarn_checkpoint *c, const struct ckpt_block *b)
{
    if (b->stored != sizeof c->seen || memcmp(c->stored.data, &c->seen, sizeof c->seen) != 0)
        return tarn_error_set(&c->damage, TARN_E_CORRUPT, "its end does not agree with its contents");
    if (c->at != c->file_bytes)
        return tarn_error_set(&c->damage, TARN_E_CORRUPT, "something stands behind its end, at byte %llu", (unsigned long long)c->at);
    return 0;
}

/* TARN_E_CORRUPT only says that something is; which resources are whole is seen by their counts. */
static int read_blocks(struct tarn_checkpoint *c)
{
    struct ckpt_block b;
    int rc;

    for (;;) {
        rc = ckpt_next_block(c, &b);
        if (rc < 0)
            return rc;
        if (b.type == CKPT_END)
            return rc ? TARN_E_CORRUPT : check_end(c, &b);
        if (b.type != CKPT_OBJECTS)
            return tarn_error_set(&c->damage, TARN_E_CORRUPT, "a resource is described twice");
        count_block(c, &b, rc == 0);
    }
}

static unsigned whole(const struct tarn_checkpoint *c)
{
    unsigned n = 0;

    for (unsigned i = 0; i < c->nresources; i++)
        n += ckpt_is_whole(&c->resources[i]);
    return n;
}

/* Everything behind the opened descriptor. */
static int read_file(struct tarn_checkpoint *c, const char *path, const struct tarn_checkpoint_clock *now, struct tarn_error *err)
{
    int rc = check_file(c, path, err);

    if (rc)
        return rc;
    rc = read_here(c, &c->header, sizeof c->header);
    if (rc)
        return bad(err, path, rc, c->damage.message);
    rc = check_header(c, path, err);
    if (rc)
        return rc;
    take_age(c, now);
    rc = read_resources(c);
    if (!rc)
        rc = read_blocks(c);
    if (rc && (rc != TARN_E_CORRUPT || !whole(c)))
        return bad(err, path, rc, c->damage.message);
    return whole(c) ? 0 : bad(err, path, TARN_E_CORRUPT, c->damage.code ? c->damage.message : "it lacks objects of each resource");
}

int tarn_checkpoint_open(const char *path, const struct tarn_checkpoint_clock *now, struct tarn_checkpoint **ret, struct tarn_error *err)
{
    struct tarn_checkpoint *c = calloc(1, sizeof *c);
    int rc;

    if (!c)
        return tarn_error_set(err, TARN_E_NOMEM, "checkpoint %s: out of memory", path);
    c->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (c->fd < 0)
        rc = bad(err, path, errno == ENOENT ? TARN_E_NOTFOUND : errno == EACCES || errno == ELOOP ? TARN_E_PERM : TARN_E_IO, strerror(errno));
    else
        rc = read_file(c, path, now, err);
    if (rc)
        tarn_checkpoint_close(c);
    else
        *ret = c;
    return rc;
}

void tarn_checkpoint_close(struct tarn_checkpoint *c)
{
    if (!c)
        return;
    if (c->fd >= 0)
        (void)close(c->fd);
    for (unsigned i = 0; i < c->nresources; i++)
        free(c->resources[i].blob);
    free(c->resources);
    tarn_buf_release(&c->stored);
    free(c);
}

/* ---- what it says ------------------------------------------------------------------------------------------------------------------ */

void tarn_checkpoint_facts(const struct tarn_checkpoint *c, struct tarn_checkpoint_facts *ret)
{
    const struct ckpt_header *h = &c->header;

    *ret = (struct tarn_checkpoint_facts){.generation = h->generation,
                                          .commit = h->commit,
                                          .saved = saved_at(c),
                                          .age_ms = c->age_ms,
                                          .age_sure = c->age_sure,
                                          .major = h->major,
                                          .minor = h->minor,
                                          .resources = c->nresources,
                                          .whole = whole(c),
                                          .file_bytes = c->file_bytes,
                                          .raw_bytes = c->seen.raw_bytes,
                                          .damage = c->damage.code ? c->damage.message : ""};
    memcpy(ret->realm, h->realm, sizeof h->realm);
    memcpy(ret->instance, h->instance, sizeof ret->instance);
    for (unsigned i = 0; i < c->nresources; i++)
        ret->objects += ckpt_is_whole(&c->resources[i]) ? c->resources[i].found : 0;
}

int tarn_checkpoint_resource(const struct tarn_checkpoint *c, unsigned n, struct tarn_resource_info *ret)
{
    if (n >= c->nresources)
        return TARN_E_NOTFOUND;
    *ret = c->resources[n].info;
    return ckpt_is_whole(&c->resources[n]) ? 0 : TARN_E_CORRUPT;
}
