/* pods.h - real pods as text, with the places where name and resourceVersion can be written over: pages and events for a
 * server that is faster than its client. */
#ifndef PAGES_PODS_H
#define PAGES_PODS_H

#include <stddef.h>
#include <stdint.h>

#define NAME_DIGITS 9
#define RV_DIGITS 10

struct pod {
    char *text; /* {"metadata":{"name":"p-000000000", ... "resourceVersion":"0000000000" ... */
    size_t len, name_at, rv_at; /* of the digits */
};

struct pods {
    struct pod *v;
    size_t n;
};

/* A list as an API server answered it; 0, or -1 with a message on stderr. */
int pods_load(struct pods *p, const char *file);

/* A text of pods in a row, each with `before` ahead and `after` behind it, and where their digits are. */
struct run {
    char *text;
    size_t len, n;
    size_t *name_at, *rv_at;
};

/* n pods; with_type: as an event has them, with kind and apiVersion. The last has no `after`. 0 or -1. */
int run_make(struct run *r, const struct pods *p, size_t n, const char *before, const char *after, int with_type);
/* Write the k-th pod's name and resourceVersion into text, which is r's or a copy of it. */
void run_number(const struct run *r, char *text, size_t k, uint64_t name, uint64_t rv);

#endif
