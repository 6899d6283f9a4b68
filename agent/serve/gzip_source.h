/* gzip_source.h - a streamed answer, compressed where it is long enough to be worth it (RFC 1952, by ISA-L).
 *
 * On one host compressing costs more than it saves, on both sides; it is for sockets that are forwarded over a slow link. ISA-L's level 1 makes lists
 * smaller than zlib's level 1 does, at five times its speed (docs/performance.md). A stream that is compressed holds some 450 KiB, so no more
 * than TARN_GZIP_STREAMS_MAX are at a time: what comes then is sent as it is.
 */
#ifndef TARN_AGENT_GZIP_SOURCE_H
#define TARN_AGENT_GZIP_SOURCE_H

#include "http_server.h"

#define TARN_GZIP_LEAST (128u << 10) /* as kube-apiserver: what is shorter is not compressed */
#define TARN_GZIP_STREAMS_MAX 32u

/* Does this Accept-Encoding (NULL: none was sent) take gzip? */
bool tarn_gzip_is_accepted(const char *accept_encoding);

/*
 * As tarn_http_exchange_stream, but read, and where the answer is short also done, may be called from inside: TARN_GZIP_LEAST bytes are read to see whether
 * there are so many. A source that waits or ends before is sent as it is. On the server's thread.
 */
void tarn_gzip_stream(struct tarn_http_exchange *x, unsigned status, const char *type, const struct tarn_http_source *source, void *ctx);

#endif
