/* fuzz_region.c - a region whose bytes lie, read as a client reads it.
 *
 * The input is a list of patches {u8 where, u24 position, u32 value} on the image of a small real region: into the header, the
 * used part, or any word that a reference leads to. Then everything a client can ask is asked. Nothing may be read
 * outside the mapping (guard pages on both sides), nothing may loop; answers may be wrong or TARN_E_CORRUPT.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <tarn/check.h>
#include <tarn/log.h>
#include <tarn/reader.h>
#include <tarn/region_store.h>
#include <tarn/writer.h>

#define SIZE (4u << 20)
#define OBJECTS 60u
#define WALK_MAX 100000u

static char *image;    /* what readers see */
static char *pristine; /* what it was */
static uint32_t used;  /* bytes from the begin that are in use */
static uint16_t store;

static int add_objects(struct tarn_store *s)
{
    char json[256];

    for (unsigned k = 0; k < OBJECTS; k++) {
        const struct tarn_object *obj;
        int n = snprintf(json, sizeof json, "{\"metadata\":{\"name\":\"o%u\",\"namespace\":\"ns%u\",\"labels\":{\"app\":\"a%u\"}},\"spec\":{\"v\":%u}}", k, k % 3, k % 5, k);

        if (tarn_object_from_json((struct tarn_bytes){json, (size_t)n}, &obj, NULL) || tarn_store_add(s, obj, NULL))
            return -1;
        tarn_object_unref(obj);
    }
    return 0;
}

/* [guard] image, then readable zeros as behind a real mapping [guard] */
static char *guarded(void)
{
    size_t whole = 4096 + SIZE + TARN_OBJECT_BYTES_MAX + 4096;
    char *p = mmap(NULL, whole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (p == MAP_FAILED || mprotect(p + 4096, SIZE, PROT_READ | PROT_WRITE) || mprotect(p + 4096 + SIZE, TARN_OBJECT_BYTES_MAX, PROT_READ))
        abort();
    return p + 4096;
}

static void prepare(void)
{
    struct tarn_index_func app = {0};
    struct tarn_writer *w;
    struct tarn_store *s;
    struct tarn_error err;

    if (tarn_index_func_builtin("label:app", &app, &err) ||
        tarn_writer_new(&(struct tarn_writer_options){.budget_bytes = SIZE, .huge_pages = TARN_HUGE_PAGES_OFF}, &w, &err) ||
        tarn_writer_add_resource(w, &(struct tarn_writer_resource){.name = "pods", .namespaced = true, .indexes = &app, .nindex = 1}, &store, &err) ||
        tarn_region_store_new(w, store, &s, &err) || add_objects(s) || tarn_writer_commit(w, &err))
        abort();
    pristine = malloc(SIZE);
    image = guarded();
    memcpy(pristine, tarn_writer_view(w)->base, SIZE);
    memcpy(image, pristine, SIZE);
    for (used = SIZE; used > 4096 && !pristine[used - 1]; used--)
        ;
    tarn_store_free(s);
    tarn_writer_free(w);
    tarn_index_func_release(&app);
}

/* The offset a patch goes to; patches of the constant header are left to fuzzed attach and unit tests. */
static uint32_t target(uint8_t where, uint32_t pos)
{
    uint32_t ref;

    switch (where % 4) {
    case 0:
        return 128 + pos % 512;
    case 1: /* near the begin of something a root refers to */
        memcpy(&ref, pristine + 256 + 4 * (pos % 3), 4);
        return (ref << TARN_REGION_UNIT_SHIFT) + (pos >> 4) % 256;
    case 2: /* a record: by head */
        memcpy(&ref, pristine + 260, 4);
        memcpy(&ref, pristine + ((uint64_t)ref << TARN_REGION_UNIT_SHIFT) + 8 + 4 * (pos % OBJECTS), 4);
        return (ref << TARN_REGION_UNIT_SHIFT) + (pos >> 8) % 128;
    default:
        return 4096 + pos % (used - 4096);
    }
}

static void walk(struct tarn_reader_iter *it)
{
    const struct tarn_object *obj;
    struct tarn_value v;
    unsigned n = 0;

    while (tarn_reader_next(it, &obj) == 1 && n++ < WALK_MAX) {
        const struct tarn_object *copy;

        (void)tarn_object_get(obj, "spec.v", &v);
        (void)tarn_object_name(obj);
        if (!tarn_reader_copy(it->r, obj, &copy))
            tarn_object_unref(copy);
    }
    if (n > WALK_MAX + 1)
        abort();
}

static void ask_resource(const struct tarn_reader *r, const struct tarn_resource_info *info)
{
    struct tarn_reader_values values;
    struct tarn_reader_iter it;
    struct tarn_bytes v;
    unsigned n = 0;

    if (!tarn_reader_list(r, info->store, &it))
        walk(&it);
    for (unsigned i = 0; i < info->nindex && i < 3; i++) {
        if (!tarn_reader_by_index(r, info, i, TARN_BYTES("a1"), &it))
            walk(&it);
        if (tarn_reader_index_values(r, info, i, &values))
            continue;
        while (tarn_reader_values_next(&values, &v) == 1 && n++ < 1000)
            ;
        tarn_reader_values_release(&values);
    }
    (void)tarn_resource_slot_path(info, 0);
}

static void ask_everything(const struct tarn_region_view *v)
{
    struct tarn_log_cursor cursor;
    struct tarn_log_change change;
    struct tarn_resource_info info;
    const struct tarn_object *obj;
    struct tarn_reader_iter it;
    struct tarn_error err;
    struct tarn_reader r;
    uint64_t version;
    char key[32];

    tarn_reader_begin(&r, v, NULL);
    for (unsigned k = 0; k < OBJECTS; k += 7) {
        int n = snprintf(key, sizeof key, "ns%u/o%u", k % 3, k);

        if (!tarn_reader_get(&r, store, (struct tarn_bytes){key, (size_t)n}, &obj))
            (void)tarn_object_key(obj);
        (void)!tarn_reader_by_oid(&r, k, &obj);
        (void)!tarn_reader_deleted_version(&r, k, &version);
    }
    if (!tarn_reader_resources(&r, &it))
        for (unsigned n = 0; n < 10 && tarn_reader_next_resource(&it, &info) == 1; n++)
            ask_resource(&r, &info);
    if (!tarn_log_cursor_at(&r, &cursor))
        for (unsigned n = 0; n < 1000 && tarn_log_next(&r, &cursor, &change) == 1; n++)
            ;
    (void)!tarn_check_region(&r, true, NULL, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t offsets[64], n = 0;
    struct tarn_region_view v;

    if (!image)
        prepare();
    for (; size >= 8 && n < 64; data += 8, size -= 8) {
        uint32_t pos = (uint32_t)data[1] | (uint32_t)data[2] << 8 | (uint32_t)data[3] << 16, off = target(data[0], pos);

        if (off < 128 || off > SIZE - 4)
            continue;
        memcpy(image + off, data + 4, 4);
        offsets[n++] = off;
    }
    if (!tarn_region_view_of(image, SIZE, &v, NULL))
        ask_everything(&v);
    while (n) {
        n--;
        memcpy(image + offsets[n], pristine + offsets[n], 4);
    }
    return 0;
}
