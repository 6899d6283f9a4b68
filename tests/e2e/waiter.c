/* Waits as a program does: `synced RESOURCE`, or `rv RESOURCE RESOURCEVERSION [KEY]` (read your own write: KEY must be there then).
 * Prints the error's name and sentence, and on stderr how often it slept. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <tarn/tarn.h>

static int look(struct tarn_client *c, const char *resource, const char *key, struct tarn_error *err)
{
    const struct tarn_object *obj;
    struct tarn_snapshot *s;
    int r = tarn_snapshot_open(c, &s, err);

    if (r != 0)
        return r;
    r = tarn_get(s, resource, key, &obj);
    if (r != 0)
        tarn_error_set(err, r, "%s is not there", key);
    (void)tarn_snapshot_close(s);
    return r;
}

int main(int argc, char **argv)
{
    struct tarn_error err = {0};
    struct tarn_client *c;
    struct rusage u;
    uint32_t timeout_ms = getenv("WAIT_MS") ? (uint32_t)atoi(getenv("WAIT_MS")) : 60000;
    int r = argc < 3 ? TARN_E_INVAL : tarn_client_open(NULL, &c, &err);

    if (r != 0)
        return fprintf(stderr, "%s\n", err.message), 2;
    if (strcmp(argv[1], "synced") == 0)
        r = tarn_wait_synced(c, argv[2], timeout_ms, &err);
    else
        r = tarn_wait_rv(c, argv[2], argc > 3 ? argv[3] : "", timeout_ms, &err);
    if (r == 0 && argc > 4)
        r = look(c, argv[2], argv[4], &err);
    (void)getrusage(RUSAGE_SELF, &u);
    (void)fprintf(stderr, "slept %ld\n", u.ru_nvcsw);
    if (r != 0)
        printf("%s %s\n", tarn_error_name(r), err.message);
    tarn_client_close(c);
    return r != 0;
}
