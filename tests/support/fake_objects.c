#include "fake_objects.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void give_up(const char *what, const char *text)
{
    fprintf(stderr, "fake_objects: %s: %s\n", what, text);
    abort();
}

const struct tarn_object *fake_object(const char *fmt, ...)
{
    char json[4096];
    const struct tarn_object *obj = NULL;
    struct tarn_error err = {0};
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(json, sizeof json, fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof json)
        give_up("the JSON is too long", fmt);
    if (tarn_object_from_json(tarn_bytes_of(json), &obj, &err) < 0)
        give_up(err.message, json);
    return obj;
}

const struct tarn_object *fake_pod(const char *key, const char *uid, unsigned long rv)
{
    const char *slash = strchr(key, '/');

    if (!slash)
        return fake_object("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"%s\",\"uid\":\"%s\",\"resourceVersion\":\"%lu\"}}",
                           key, uid, rv);
    return fake_object("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"%s\",\"namespace\":\"%.*s\",\"uid\":\"%s\","
                       "\"resourceVersion\":\"%lu\"}}",
                       slash + 1, (int)(slash - key), key, uid, rv);
}

const struct tarn_object *fake_bookmark(unsigned long rv, bool end_mark)
{
    return fake_object("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"resourceVersion\":\"%lu\"%s}}", rv,
                       end_mark ? ",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}" : "");
}

const struct tarn_object *fake_status(int code, const char *reason, const char *message, unsigned retry_after_s)
{
    return fake_object("{\"apiVersion\":\"v1\",\"kind\":\"Status\",\"metadata\":{},\"status\":\"Failure\",\"message\":\"%s\",\"reason\":\"%s\","
                       "\"code\":%d,\"details\":{\"retryAfterSeconds\":%u}}",
                       message, reason, code, retry_after_s);
}
