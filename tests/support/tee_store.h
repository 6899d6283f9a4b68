/* tee_store.h - a store that does everything twice: in a fake_store, which may refuse by script, and in a real one, which
 * then must agree. What the two hold can be compared at any time. */
#ifndef TEE_STORE_H
#define TEE_STORE_H

#include "fake_store.h"

struct tee_store {
    struct tarn_store store; /* first */
    struct fake_store *fake; /* borrowed */
    struct tarn_store *real; /* borrowed */
    unsigned disagreements;  /* calls that the real one refused and the fake one did not */
};

struct tee_store tee_store_init(struct fake_store *fake, struct tarn_store *real);
/* Do both hold the same keys, uids and resourceVersions? */
bool tee_store_agrees(struct tee_store *t);

#endif
