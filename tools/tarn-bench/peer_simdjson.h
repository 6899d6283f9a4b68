/* peer_simdjson.h - what the benchmark, and the test that takes simdjson as its judge, ask of simdjson. */
#ifndef TARN_PEER_SIMDJSON_H
#define TARN_PEER_SIMDJSON_H

#include <stddef.h>
#include <stdint.h>

#define PEER_SIMDJSON_PADDING 64

/* Why a text is refused. */
enum { PEER_SIMDJSON_OTHER = 1, PEER_SIMDJSON_NUMBER, PEER_SIMDJSON_DEPTH };

#ifdef __cplusplus
extern "C" {
#endif

/* Parse n bytes (PEER_SIMDJSON_PADDING readable behind them) into simdjson's tape and drop it. 0 or why not. */
int peer_simdjson_parse(const char *json, size_t n);
/* The same, and write it as MessagePack to out, which has room for 3 n + 16 bytes. */
int peer_simdjson_pack(const char *json, size_t n, uint8_t *out, size_t *ret_len);

#ifdef __cplusplus
}
#endif
#endif
