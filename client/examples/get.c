/* The shortest useful program: one object from shared memory, one field of it.
 *
 *     example-get pods default/web-1 spec.nodeName
 */
#include <stdio.h>

#include <tarn/tarn.h>

static int show(struct tarn_snapshot *s, const char *resource, const char *key, const char *path)
{
    const struct tarn_object *obj;
    struct tarn_bytes text;
    int r = tarn_get(s, resource, key, &obj); /* a pointer into shared memory: nothing is copied */

    if (r == 0)
        r = tarn_object_get_string(obj, path, &text);
    if (r == 0)
        printf("%.*s\n", TARN_BYTES_ARG(text));
    return r;
}

int main(int argc, char **argv)
{
    struct tarn_error err = {0};
    struct tarn_client *client;
    struct tarn_snapshot *s;
    int r, closed;

    if (argc != 4) {
        fprintf(stderr, "usage: %s RESOURCE KEY PATH, for example: %s pods default/web-1 spec.nodeName\n", argv[0], argv[0]);
        return 2;
    }
    if (tarn_client_open(NULL, &client, &err) != 0 || tarn_snapshot_open(client, &s, &err) != 0) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    r = show(s, argv[1], argv[2], argv[3]);
    closed = tarn_snapshot_close(s); /* use, then check, then act: what was read counts only if this is 0 */
    tarn_client_close(client);
    if (r != 0 || closed != 0) {
        fprintf(stderr, "%s %s: %s\n", argv[1], argv[2], tarn_strerror(r ? r : closed));
        return 1;
    }
    return 0;
}
