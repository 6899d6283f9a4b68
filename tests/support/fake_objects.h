/* fake_objects.h - small API objects for tests, made from JSON. Each function returns an owned reference, or
 * ends the test program with a message: a test's own objects must parse. */
#ifndef FAKE_OBJECTS_H
#define FAKE_OBJECTS_H

#include <tarn/object.h>

/* Any object from a JSON text made by printf's rules. */
const struct tarn_object *fake_object(const char *fmt, ...) TARN_PRINTF(1, 2);
/* A v1 Pod: key "namespace/name" or "name", with uid and resourceVersion. */
const struct tarn_object *fake_pod(const char *key, const char *uid, unsigned long rv);
/* A v1 Pod as a bookmark carries it; end_mark: with the annotation that ends the initial events. */
const struct tarn_object *fake_bookmark(unsigned long rv, bool end_mark);
/* A Status of failure. */
const struct tarn_object *fake_status(int code, const char *reason, const char *message, unsigned retry_after_s);

#endif
