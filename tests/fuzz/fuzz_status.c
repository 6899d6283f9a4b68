/* fuzz_status.c - the body of any HTTP answer as an API Status, by itself and as the object of an ERROR event: both readings
 * agree, and what is read prints to a text that reads the same. */
#include <stdint.h>
#include <stdlib.h>

#include <tarn/object.h>
#include <tarn/status.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(int ok)
{
    if (!ok)
        abort();
}

static void ask_everything(const struct tarn_status *s)
{
    struct tarn_status copy;

    (void)tarn_status_is_not_found(s);
    (void)tarn_status_is_gone(s);
    (void)tarn_status_is_expired(s);
    (void)tarn_status_is_too_many_requests(s);
    (void)tarn_status_is_timeout(s);
    must(tarn_status_copy(s, &copy) == 0);
    tarn_status_release(&copy);
}

/* What is printed reads, and prints the same. */
static void there_and_back(const struct tarn_status *s)
{
    struct tarn_buf once = {0}, twice = {0};
    struct tarn_status again;

    must(tarn_status_to_json(s, &once) == 0);
    must(tarn_status_from_json(tarn_buf_bytes(&once), &again, NULL) == 0);
    must(tarn_status_to_json(&again, &twice) == 0);
    must(tarn_bytes_equal(tarn_buf_bytes(&once), tarn_buf_bytes(&twice)));
    tarn_status_release(&again);
    tarn_buf_release(&once);
    tarn_buf_release(&twice);
}

static void as_object(struct tarn_bytes text, const struct tarn_status *s)
{
    const struct tarn_object *o;
    struct tarn_status of_object;

    if (tarn_object_from_json(text, &o, NULL))
        return; /* an object must have a name; a Status need not */
    if (tarn_status_from_object(o, &of_object, NULL) == 0) {
        must(of_object.code == s->code && of_object.reason == s->reason);
        tarn_status_release(&of_object);
    }
    tarn_object_unref(o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char *own = malloc(n ? n : 1); /* a block of its exact size, so that a sanitizer sees its end */
    struct tarn_bytes text = {.data = own, .len = n};
    struct tarn_status s;

    must(own != NULL);
    if (n)
        memcpy(own, data, n);
    if (tarn_status_from_json(text, &s, NULL) == 0) {
        ask_everything(&s);
        if (s.outcome != TARN_STATUS_WORKING) /* that form is read only */
            there_and_back(&s);
        as_object(text, &s);
        tarn_status_release(&s);
    }
    free(own);
    return 0;
}
