/* api.h - the agent with its read API, for the parts of tarn-bench that ask it. */
#ifndef TARN_BENCH_API_H
#define TARN_BENCH_API_H

#include "pair.h"

#define API_PART "api"

/* A pair whose agent serves: over TLS at url, and on a Unix socket. */
struct api_pair {
    struct pair pair;
    char url[64], socket[PATH_BYTES];
};

/* Start the agent of a pair whose server runs at pair.url, or as a kubeconfig says (or NULL), and wait until it has synced the pods and
 * answers; drop: what it leaves out of them ("[]", or "[metadata.managedFields]"). 0 or -1; pair_stop in any case. */
int api_mirror(struct api_pair *a, const char *kubeconfig, const char *drop);

/* 500 watchers beside a reader of the region (api_watchers.c); the number of things that went wrong. */
int api_watchers(bool quick);

#endif
