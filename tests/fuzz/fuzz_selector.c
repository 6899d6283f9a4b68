/* fuzz_selector.c - texts that people and servers send: label selectors, field selectors, API Statuses.
 *
 * Whatever is accepted prints to a text that is accepted again and prints the same: a second reading changes nothing.
 */
#include <stdint.h>
#include <stdlib.h>

#include <tarn/object.h>
#include <tarn/selector.h>
#include <tarn/status.h>

static void must(int ok)
{
    if (!ok)
        abort();
}

static int label_text(struct tarn_bytes text, struct tarn_buf *out)
{
    const struct tarn_selector *s;
    int rc = tarn_selector_parse(text, &s, NULL);

    if (rc)
        return rc;
    must(tarn_selector_print(s, out) == 0);
    (void)tarn_selector_matches_labels(s, NULL);
    tarn_selector_free(s);
    return 0;
}

static int field_text(struct tarn_bytes text, struct tarn_buf *out)
{
    const struct tarn_field_selector *s;
    int rc = tarn_field_selector_parse(text, &s, NULL);

    if (rc)
        return rc;
    must(tarn_field_selector_print(s, out) == 0);
    tarn_field_selector_free(s);
    return 0;
}

static int status_text(struct tarn_bytes text, struct tarn_buf *out)
{
    struct tarn_status s;
    int rc = tarn_status_from_json(text, &s, NULL);

    if (rc)
        return rc;
    if (s.outcome == TARN_STATUS_WORKING)
        rc = TARN_E_UNSUPPORTED; /* that form is read only */
    else
        must(tarn_status_to_json(&s, out) == 0);
    tarn_status_release(&s);
    return rc;
}

static void read_twice(int (*read)(struct tarn_bytes text, struct tarn_buf *out), struct tarn_bytes text)
{
    struct tarn_buf once = {0}, twice = {0};

    if (read(text, &once) == 0) {
        must(read(tarn_buf_bytes(&once), &twice) == 0);
        must(tarn_bytes_equal(tarn_buf_bytes(&once), tarn_buf_bytes(&twice)));
    }
    tarn_buf_release(&once);
    tarn_buf_release(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char *own = malloc(n ? n : 1); /* a block of its exact size, so that a sanitizer sees its end */
    struct tarn_bytes text = {.data = own, .len = n};

    must(own != NULL);
    if (n)
        memcpy(own, data, n);
    read_twice(label_text, text);
    read_twice(field_text, text);
    read_twice(status_text, text);
    free(own);
    return 0;
}
