/* standalone.c - runs a libFuzzer harness without libFuzzer: over the files of a folder, and over random changes of
 * them with a fixed seed, for a second or two (TEST_LONG=1: a hundred times that). */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 60000
#define FILE_BYTES_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct file {
    uint8_t *data;
    size_t len;
};

static struct file files[256];
static size_t nfiles;
static uint64_t state = 88172645463325252u;

static uint64_t chance(uint64_t n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % n;
}

static void load(const char *path)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data = malloc(FILE_BYTES_MAX);

    if (!f || !data || nfiles == sizeof files / sizeof *files)
        exit(2);
    files[nfiles++] = (struct file){data, fread(data, 1, FILE_BYTES_MAX, f)};
    (void)fclose(f);
}

static void load_folder(const char *folder)
{
    struct dirent **entries;
    char path[1024];
    int n = scandir(folder, &entries, NULL, alphasort);

    for (int i = 0; i < n; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.')
            load(path);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
}

/* One small change; data has room for FILE_BYTES_MAX + 64. */
static size_t change(uint8_t *data, size_t len)
{
    static const char *const words[] = {"\"", "\\", "{", "}", "[", "]", ",", ":", "\\u", "\\ud83d\\ude00", "1e999", "null", "\"name\":",
                                        "\"metadata\":{", "\"items\":[", "\xe2\x82\xac", "\xff", " ", "0", "-1", ".5"};
    const char *word = words[chance(sizeof words / sizeof *words)];
    size_t at = chance(len + 1), n = strlen(word);

    switch (chance(4)) {
    case 0: /* another byte */
        if (at < len)
            data[at] = (uint8_t)chance(256);
        return len;
    case 1: /* a word put in */
        memmove(data + at + n, data + at, len - at);
        memcpy(data + at, word, n);
        return len + n;
    case 2: /* some bytes taken out */
        n = len - at < 12 ? len - at : chance(12);
        memmove(data + at, data + at + n, len - at - n);
        return len - n;
    default: /* a word over what is there */
        n = len - at < n ? len - at : n;
        memcpy(data + at, word, n);
        return len;
    }
}

int main(int argc, char **argv)
{
    static uint8_t data[FILE_BYTES_MAX + 64 * 8];
    long rounds = getenv("TEST_LONG") ? 100L * ROUNDS : ROUNDS;

    for (int i = 1; i < argc; i++)
        load_folder(argv[i]);
    if (!nfiles) {
        fprintf(stderr, "usage: %s CORPUS-FOLDER...\n", argv[0]);
        return 2;
    }
    for (size_t i = 0; i < nfiles; i++)
        LLVMFuzzerTestOneInput(files[i].data, files[i].len);
    for (long r = 0; r < rounds; r++) {
        const struct file *f = &files[chance(nfiles)];
        size_t len = f->len;

        memcpy(data, f->data, len);
        for (uint64_t k = 1 + chance(4); k; k--)
            len = change(data, len);
        LLVMFuzzerTestOneInput(data, len);
    }
    printf("%zu files and %ld changes of them ran\n1 passed, 0 failed\n", nfiles, rounds);
    for (size_t i = 0; i < nfiles; i++)
        free(files[i].data);
    return 0;
}
