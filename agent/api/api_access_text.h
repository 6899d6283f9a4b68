/* api_access_text.h - the sentence of a 403, as kube-apiserver writes it.
 *
 * Source: k8s.io/apiserver pkg/endpoints/handlers/responsewriters (Forbidden), apimachinery api/errors (NewForbidden).
 */
#ifndef TARN_AGENT_API_ACCESS_TEXT_H
#define TARN_AGENT_API_ACCESS_TEXT_H

#include "api_access.h"

/*
 * Append `pods is forbidden: User "joe" cannot list resource "pods" in API group "" in the namespace "web": REASON`, without the reason if it
 * is empty. 0 or TARN_E_NOMEM.
 */
TARN_MUST_CHECK int api_access_forbidden_text(struct tarn_bytes user, const struct api_attributes *what, struct tarn_bytes reason, struct tarn_buf *out);

#endif
