/* A reader for the end-to-end scripts that holds one snapshot for as long as it lives.
 *
 *     holder RESOURCE
 *
 * "holding N": objects in it. On SIGUSR1 it reads them all again: "same N" if their bytes are what they were, else "other N", or
 * "expired".
 */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include <tarn/tarn.h>

static volatile sig_atomic_t asked;

static void on_signal(int number)
{
    (void)number;
    asked = 1;
}

/* A sum over all bytes of all objects. */
static uint64_t sum_of(struct tarn_snapshot *s, const char *resource, unsigned *ret_n)
{
    const struct tarn_object *obj;
    struct tarn_iter it;
    uint64_t sum = 0;

    *ret_n = 0;
    if (tarn_list(s, resource, NULL, &it, NULL))
        return 0;
    for (; (obj = tarn_iter_next(&it)); ++*ret_n)
        for (uint32_t i = 0; i < tarn_object_size(obj); i++)
            sum = sum * 31 + ((const unsigned char *)obj)[i];
    return sum;
}

int main(int argc, char **argv)
{
    const char *resource = argc > 1 ? argv[1] : "pods";
    struct tarn_error err = {0};
    struct tarn_client *c;
    struct tarn_snapshot *s;
    uint64_t sum;
    unsigned n;

    (void)signal(SIGUSR1, on_signal);
    if (tarn_client_open(NULL, &c, &err) || tarn_snapshot_open(c, &s, &err)) {
        (void)fprintf(stderr, "holder: %s\n", err.message);
        return 1;
    }
    sum = sum_of(s, resource, &n);
    (void)printf("holding %u\n", n);
    (void)fflush(stdout);
    for (;;) {
        (void)usleep(50000);
        if (!asked)
            continue;
        asked = 0;
        (void)printf("%s %u\n", sum_of(s, resource, &n) == sum && !tarn_snapshot_check(s) ? "same" : tarn_snapshot_check(s) ? "expired" : "other", n);
        (void)fflush(stdout);
    }
}
