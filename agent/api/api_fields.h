/* api_fields.h - which fields a resource can be selected by, as kube-apiserver has it for its own kinds.
 *
 * A field selector of a built-in kind may name what its field label conversion knows, nothing else: 400. Where a label is no path of the
 * JSON, or an absent value stands for "false" or "0", it is rewritten here, so that core's matcher gives the server's answer. What a
 * custom resource can be selected by stands in its definition, which is not always mirrored: any path is taken there.
 * Source: k8s.io/kubernetes pkg/apis/<group>/<version>/conversion.go, the strategies' ToSelectableFields.
 */
#ifndef TARN_AGENT_API_FIELDS_H
#define TARN_AGENT_API_FIELDS_H

#include <tarn/selector.h>

#include "api_status.h"

/*
 * Compile text for group and resource. *ret is the caller's; NULL when it selects everything. 0, TARN_E_NOMEM, or TARN_E_SELECTOR with
 * the 400 in *ret_answer.
 */
TARN_MUST_CHECK int api_fields_compile(struct tarn_bytes group, struct tarn_bytes resource, struct tarn_bytes text, const struct tarn_field_selector **ret,
                                       struct api_answer *ret_answer);

/*
 * The n-th path that a field selector of this built-in resource can look at, besides metadata.name and metadata.namespace, which never
 * change; NULL: there are no more. Of a custom resource: NULL, although it can be any.
 */
const char *api_fields_path(struct tarn_bytes group, struct tarn_bytes resource, unsigned n);

/* Is it a group of kube-apiserver itself (its lists have items without kind)? "" is one. */
bool api_group_is_built_in(struct tarn_bytes group);

/* The value that s demands of path: a term path=value. False: there is none. Borrowed from s. */
bool api_fields_demand(const struct tarn_field_selector *s, const char *path, struct tarn_bytes *ret);

#endif
