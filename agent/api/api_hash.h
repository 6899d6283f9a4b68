/* api_hash.h - a hash under a secret key: what stands for a token, or for a question about one, so that neither is kept.
 *
 * SipHash-2-4 with 128 bits. Without the key nobody can find two inputs of one hash, nor an input from its hash; the key is made when the agent
 * starts and never leaves it. Source: Aumasson, Bernstein: SipHash, a fast short-input PRF (2012), and its reference's 128-bit output.
 */
#ifndef TARN_AGENT_API_HASH_H
#define TARN_AGENT_API_HASH_H

#include <tarn/bytes.h>

#define API_HASH_BYTES 16

struct api_hash {
    unsigned char v[API_HASH_BYTES];
};
struct api_hash_key {
    unsigned char v[16];
};

/* A key nobody knows. 0 or TARN_E_IO. */
TARN_MUST_CHECK int api_hash_key_make(struct api_hash_key *ret);
struct api_hash api_hash(const struct api_hash_key *k, struct tarn_bytes text);

#endif
