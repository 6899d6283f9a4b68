/* fuzz_checkpoint.c - a checkpoint whose bytes lie, opened and restored as a starting agent does.
 *
 * The input: a byte that says whether checksums are made right afterwards (so that the changes reach behind them) and what is done with
 * the file, then patches {u16 position, u8 value} on a small real checkpoint. Nothing may crash or be read out of bounds; what is
 * restored must be a sound region.
 */
#include <stdio.h>

#include <tarn/check.h>
#include <tarn/checkpoint.h>
#include <tarn/region_store.h>

#include "../shm/checkpoint_fixture.h"

#define OBJECTS 30u
#define FILE_MAX 65536u

static char dir[] = "/dev/shm/tarn-fuzz-checkpoint-XXXXXX", path[64];
static char pristine[FILE_MAX], image[FILE_MAX];
static size_t length;
static unsigned restores; /* each makes a region, which takes a millisecond */
static const struct tarn_writer_resource pods = {.name = "pods", .api_version = "v1", .kind = "Pod", .namespaced = true,
                                                 .keep_deleted = {.keep_ms = 60000, .objects_max = 100, .bytes_max = 65536}};

static void clean_up(void)
{
    (void)unlink(path);
    (void)rmdir(dir);
}

static int add_objects(struct tarn_store *s)
{
    char json[256];

    for (unsigned k = 0; k < OBJECTS; k++) {
        const struct tarn_object *obj;
        int n = snprintf(json, sizeof json, "{\"metadata\":{\"name\":\"o%u\",\"namespace\":\"ns%u\",\"uid\":\"u%u\"},\"spec\":{\"v\":%u}}", k, k % 3, k, k);

        if (tarn_object_from_json((struct tarn_bytes){json, (size_t)n}, &obj, NULL) || tarn_store_add(s, obj, NULL))
            return -1;
        if (k % 5 == 0 && tarn_store_delete(s, obj, NULL)) /* some are kept as deleted ones */
            return -1;
        tarn_object_unref(obj);
    }
    return 0;
}

static void prepare(void)
{
    const struct tarn_resource_state state = {.synced = true, .resource_version = TARN_BYTES("7")};
    struct tarn_writer *w;
    struct tarn_store *s;
    struct tarn_reader r;
    struct tarn_error err;
    uint16_t store;
    FILE *f;

    if (!mkdtemp(dir) || tarn_writer_new(&(struct tarn_writer_options){.budget_bytes = 4u << 20, .huge_pages = TARN_HUGE_PAGES_OFF}, &w, &err) ||
        tarn_writer_add_resource(w, &pods, &store, &err) || tarn_region_store_new(w, store, &s, &err) || add_objects(s) ||
        tarn_writer_set_resource_state(w, store, &state, &err) || tarn_writer_commit(w, &err))
        abort();
    (void)atexit(clean_up);
    (void)snprintf(path, sizeof path, "%s/x.ckpt", dir);
    tarn_reader_begin(&r, tarn_writer_view(w), NULL);
    if (tarn_checkpoint_save(&(struct tarn_checkpoint_save){.reader = &r, .path = path}, NULL, &err))
        abort();
    f = fopen(path, "rb");
    length = f ? fread(pristine, 1, sizeof pristine, f) : 0;
    if (!length)
        abort();
    (void)fclose(f);
    tarn_store_free(s);
    tarn_writer_free(w);
}

static void restore(struct tarn_checkpoint *c)
{
    struct tarn_writer *w;
    struct tarn_reader r;
    struct tarn_error err;

    if (tarn_checkpoint_restore(c, &(struct tarn_writer_options){.budget_bytes = 4u << 20, .huge_pages = TARN_HUGE_PAGES_OFF}, &pods, 1, NULL, &w, &err))
        return;
    tarn_reader_begin(&r, tarn_writer_view(w), NULL);
    if (tarn_check_region(&r, true, NULL, &err))
        abort();
    tarn_writer_free(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tarn_checkpoint *c;
    struct tarn_error err;
    uint8_t how = size ? data[0] : 0;

    if (!length)
        prepare();
    memcpy(image, pristine, length);
    for (data += size > 0, size -= size > 0; size >= 3; data += 3, size -= 3)
        image[((size_t)data[0] | (size_t)data[1] << 8) % length] = (char)data[2];
    if (how & 1)
        checkpoint_seal(image, length);
    checkpoint_write(path, image, how & 2 ? length - how % 97 : length);
    if (tarn_checkpoint_open(path, NULL, &c, &err))
        return 0;
    (void)!tarn_checkpoint_verify(c, &err);
    if (how >> 2 == 21 && ++restores % 8 == 1)
        restore(c);
    tarn_checkpoint_close(c);
    return 0;
}
