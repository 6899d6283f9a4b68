/* sim_openapi_proto.h - an OpenAPI 2 document in the protobuf form that kubectl asks for. */
#ifndef SIM_OPENAPI_PROTO_H
#define SIM_OPENAPI_PROTO_H

#include "sim_json.h"

/* Append document, an OpenAPI 2 document as sim_openapi.c makes it, as a message openapi.v2.Document. */
void sim_openapi_proto_put(const json_t *document, struct tarn_buf *out);

#endif
