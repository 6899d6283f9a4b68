/* Holds one snapshot as long as it is let, and reads all of it again and again: the same bytes each time, or EXPIRED. */
#include "soak.h"

struct print {
    uint64_t n, sum;
};

/* 0 or the error of the first call that had one. */
static int take_print(struct tarn_snapshot *s, struct print *ret)
{
    const struct tarn_object *obj;
    struct print f = {0};
    struct tarn_iter it;
    int rc = 0;

    for (size_t i = 0; !rc && soak_resources[i]; i++) {
        rc = tarn_list(s, soak_resources[i], NULL, &it, NULL);
        if (rc == TARN_E_RESOURCE) {
            rc = 0;
            continue;
        }
        while (!rc && (obj = tarn_iter_next(&it))) {
            f.n++;
            f.sum += soak_hash(tarn_object_key(obj)) * 31 + soak_hash(tarn_object_body(obj)) * 7 + tarn_object_resource_version(obj);
        }
        if (!rc)
            rc = tarn_iter_error(&it);
    }
    if (!rc)
        rc = tarn_snapshot_check(s);
    *ret = f;
    return rc;
}

/* Until it expires (true) or the process is to end. */
static bool hold(struct tarn_client *c, bool parked, uint64_t *reads)
{
    struct print first, again;
    struct tarn_snapshot *s;
    int rc = tarn_snapshot_open(c, &s, NULL);

    if (rc)
        soak_wrong("snapshot: %s", tarn_error_name(rc));
    rc = take_print(s, &first);
    if (!rc && parked)
        rc = tarn_snapshot_park(s, true);
    while (!rc && !soak_over()) {
        soak_sleep_ms(50);
        rc = take_print(s, &again);
        if (!rc && (again.n != first.n || again.sum != first.sum))
            soak_wrong("a held snapshot changed: %llu objects, then %llu", (unsigned long long)first.n, (unsigned long long)again.n);
        *reads += !rc;
    }
    if (rc && rc != TARN_E_EXPIRED)
        soak_wrong("held snapshot: %s", tarn_error_name(rc));
    if (tarn_snapshot_close(s) != rc && rc)
        soak_wrong("a snapshot that had expired was closed as good");
    return rc == TARN_E_EXPIRED;
}

int soak_hold(bool parked)
{
    struct tarn_client *c = soak_open(false);
    uint64_t reads = 0, expired = 0;

    (void)printf("ready\n");
    while (!soak_over())
        if (hold(c, parked, &reads))
            (void)printf("EXPIRED %llu after %llu reads\n", (unsigned long long)++expired, (unsigned long long)reads);
    (void)printf("%s: %llu reads, %llu expired\n", soak_name, (unsigned long long)reads, (unsigned long long)expired);
    tarn_client_close(c);
    return 0;
}
