/* fuzz_discovery.c - any JSON as a discovery document: what is found in it lies in it. */
#include <stdint.h>
#include <stdlib.h>

#include "discovery_document.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(int ok)
{
    if (!ok)
        abort();
}

/* Is b empty or a part of the document's body? */
static int inside(const struct tarn_object *doc, struct tarn_bytes b)
{
    struct tarn_bytes body = tarn_object_body(doc);

    return b.len == 0 || (b.data >= body.data && b.data + b.len <= body.data + body.len);
}

static void find(const struct tarn_object *doc, const char *word, const char *group, bool any_group)
{
    struct tarn_discovery_wish wish = {.word = tarn_bytes_of(word), .group = tarn_bytes_of(group), .any_group = any_group};
    struct tarn_discovery_entry e = {0};

    if (!tarn_discovery_find_entry(doc, &wish, &e))
        return;
    must(inside(doc, e.group) && inside(doc, e.version) && inside(doc, e.group_version));
    must(e.plural.len > 0 && inside(doc, e.plural) && inside(doc, e.singular) && inside(doc, e.kind));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const words[] = {"pods", "po", "Pod", "deployments", "deploy", "things", ""};
    char *own = malloc(n ? n : 1);
    const struct tarn_object *doc;

    must(own != NULL);
    if (n)
        memcpy(own, data, n);
    if (tarn_object_from_json((struct tarn_bytes){own, n}, &doc, NULL) == 0) {
        (void)tarn_discovery_form_of(doc);
        for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
            find(doc, words[i], "", false);
            find(doc, words[i], "apps", false);
            find(doc, words[i], "", true);
        }
        tarn_object_unref(doc);
    }
    free(own);
    return 0;
}
