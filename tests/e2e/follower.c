/* A long-lived reader for the end-to-end scripts: it follows one resource, and checks each snapshot it opens.
 *
 *     follower RESOURCE [INDEX]
 *
 * One line per change: "GENERATION COMMIT OBJECTS". In each snapshot the list, the resource's own count and (with INDEX) the
 * sum over the index's values must agree; a difference ends it with code 1. Objects without a value are not expected.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tarn/tarn.h>

static int give_up(const char *what, int code, const struct tarn_error *err)
{
    (void)fprintf(stderr, "follower: %s: %s: %s\n", what, tarn_error_name(code), err && err->code ? err->message : "");
    return 1;
}

static long count_list(struct tarn_snapshot *s, const char *resource)
{
    struct tarn_iter it;
    long n = 0;

    if (tarn_list(s, resource, NULL, &it, NULL))
        return -1;
    while (tarn_iter_next(&it))
        n++;
    return tarn_iter_error(&it) ? -1 : n;
}

static long count_value(struct tarn_snapshot *s, const char *resource, const char *index, struct tarn_bytes value)
{
    struct tarn_iter it;
    char text[600];
    long n = 0;

    (void)snprintf(text, sizeof text, "%.*s", TARN_BYTES_ARG(value));
    if (tarn_by_index(s, resource, index, text, &it, NULL))
        return -1;
    while (tarn_iter_next(&it))
        n++;
    return tarn_iter_error(&it) ? -1 : n;
}

static long count_index(struct tarn_snapshot *s, const char *resource, const char *index)
{
    struct tarn_keys values = {0};
    long sum = 0;

    if (tarn_list_index_values(s, resource, index, &values, NULL))
        sum = -1;
    for (size_t i = 0; sum >= 0 && i < values.n; i++) {
        long n = count_value(s, resource, index, values.v[i]);

        sum = n < 0 ? -1 : sum + n;
    }
    tarn_keys_release(&values);
    return sum;
}

/* 0: looked at it and it agrees, or it expired meanwhile; 1: it does not agree. */
static int look(struct tarn_snapshot *s, const char *resource, const char *index, uint64_t *last)
{
    struct tarn_resource r;
    long list, indexed;
    uint64_t commit = tarn_snapshot_commit(s), generation = tarn_snapshot_generation(s);

    if (tarn_resource_find(s, resource, &r, NULL))
        return 0; /* not there yet */
    list = count_list(s, resource);
    indexed = index ? count_index(s, resource, index) : list;
    if (tarn_snapshot_check(s))
        return 0;
    if (list < 0 || (uint64_t)list != r.objects || list != indexed) {
        (void)fprintf(stderr, "follower: commit %llu: %ld listed, %llu counted, %ld indexed\n", (unsigned long long)commit, list,
                      (unsigned long long)r.objects, indexed);
        return 1;
    }
    if (*last != (generation << 40 ^ commit)) {
        (void)printf("%llu %llu %ld\n", (unsigned long long)generation, (unsigned long long)commit, list);
        (void)fflush(stdout);
    }
    *last = generation << 40 ^ commit;
    return 0;
}

int main(int argc, char **argv)
{
    struct tarn_client *c;
    struct tarn_snapshot *s;
    struct tarn_error err = {0};
    uint64_t last = 0;
    int rc = tarn_client_open(NULL, &c, &err), wrong = 0;

    if (rc || argc < 2)
        return give_up("open", rc, &err);
    while (!wrong) {
        rc = tarn_snapshot_open(c, &s, &err);
        if (rc)
            return give_up("snapshot", rc, &err);
        wrong = look(s, argv[1], argc > 2 ? argv[2] : NULL, &last);
        rc = tarn_snapshot_close(s);
        if (rc && rc != TARN_E_EXPIRED)
            return give_up("close", rc, NULL);
        (void)!tarn_wait_commit(c, last & ((UINT64_C(1) << 40) - 1), 100);
    }
    return 1;
}
