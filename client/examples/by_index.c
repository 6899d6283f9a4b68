/* Every object with an indexed value, without looking at any other: the pods of one node.
 *
 *     example-by-index pods spec.nodeName node-7
 *     example-by-index pods spec.nodeName            all values, with the number of their objects
 */
#include <stdio.h>

#include <tarn/tarn.h>

static int print_objects(struct tarn_snapshot *s, char **argv, struct tarn_error *err)
{
    const struct tarn_object *obj;
    struct tarn_iter it;
    int r = tarn_by_index(s, argv[1], argv[2], argv[3], &it, err);

    if (r != 0)
        return r;
    while ((obj = tarn_iter_next(&it)))
        printf("%.*s\n", TARN_BYTES_ARG(tarn_object_key(obj)));
    return tarn_iter_error(&it);
}

static int print_values(struct tarn_snapshot *s, char **argv, struct tarn_error *err)
{
    struct tarn_keys values = {0}, keys = {0};
    int r = tarn_list_index_values(s, argv[1], argv[2], &values, err);

    for (size_t i = 0; r == 0 && i < values.n; i++) {
        char value[512];

        snprintf(value, sizeof value, "%.*s", TARN_BYTES_ARG(values.v[i]));
        r = tarn_index_keys(s, argv[1], argv[2], value, &keys, err);
        printf("%-40s %zu\n", value, keys.n);
        tarn_keys_release(&keys);
    }
    tarn_keys_release(&values);
    return r;
}

int main(int argc, char **argv)
{
    struct tarn_error err = {0};
    struct tarn_client *client;
    struct tarn_snapshot *s;
    int r;

    if (argc != 3 && argc != 4) {
        fprintf(stderr, "usage: %s RESOURCE INDEX [VALUE], for example: %s pods spec.nodeName node-7\n", argv[0], argv[0]);
        return 2;
    }
    if (tarn_client_open(NULL, &client, &err) != 0 || tarn_snapshot_open(client, &s, &err) != 0) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    r = argc == 4 ? print_objects(s, argv, &err) : print_values(s, argv, &err);
    if (tarn_snapshot_close(s) != 0 && r == 0)
        r = tarn_error_set(&err, TARN_E_EXPIRED, "the snapshot expired while it was read");
    tarn_client_close(client);
    if (r != 0)
        fprintf(stderr, "%s\n", err.message[0] ? err.message : tarn_strerror(r));
    return r != 0;
}
