/* api_form.h - how objects are written for a caller: the whole object, its metadata only, or rows of a Table; Accept decides.
 *
 * A form is plain memory and compares by value (api_form_same): what was written once for one caller serves all of the same form.
 * A writer is a form bound to a resource at a snapshot: it knows kind, apiVersion and columns, and appends text; its readers' rules are
 * the caller's (check, then send).
 *
 * Objects of built-in kinds carry kind and apiVersion alone and in events, not as items of a list; those of custom resources always.
 * Source: recorded exchanges form-*, watch-*; k8s.io/apiserver pkg/endpoints/handlers/{negotiation,response.go}.
 */
#ifndef TARN_AGENT_API_FORM_H
#define TARN_AGENT_API_FORM_H

#include <stdbool.h>
#include <stdint.h>

#include <tarn/object.h>
#include <tarn/reader.h>

#include "api_request.h"

enum api_as {
    API_AS_OBJECT,
    API_AS_TABLE,     /* as=Table;g=meta.k8s.io */
    API_AS_PARTIAL,   /* as=PartialObjectMetadata or PartialObjectMetadataList */
    API_AS_DISCOVERY, /* as=APIGroupDiscoveryList;g=apidiscovery.k8s.io */
};

struct api_form {
    enum api_as as;
    bool pretty;              /* indented: answers, never events */
    bool beta;                /* of `as`: v1beta1, v2beta1 in place of v1, v2 */
    enum api_include include; /* of a Table's rows */
};

static inline bool api_form_same(const struct api_form *a, const struct api_form *b)
{
    return a->as == b->as && a->beta == b->beta && (a->as != API_AS_TABLE || a->include == b->include);
}

/* ---- what the caller accepts ---------------------------------------------------------------------- */

struct api_accept {
    struct tarn_bytes accept, user_agent; /* headers; empty: not sent */
    enum api_flag pretty;                 /* the request's parameters */
    enum api_include include;
    bool discovery; /* the aggregated form exists here, and Table and metadata do not */
    bool watch;     /* stream=watch may be asked for */
};

/* The first of the caller's choices, by q, that there is. 0, or TARN_E_UNSUPPORTED with a 406 in *ret_answer (and *ret fit for that answer). */
TARN_MUST_CHECK int api_form_negotiate(const struct api_accept *a, struct api_form *ret, struct api_answer *ret_answer);

/* The definition of the custom resource `name`, if definitions are mirrored in the same snapshot; else *ret is NULL. 0, or as tarn_reader_get. */
TARN_MUST_CHECK int api_definition_find(const struct tarn_reader *r, struct tarn_bytes name, const struct tarn_object **ret);

/* ---- writing ---------------------------------------------------------------------------------------- */

struct api_writer;

/*
 * A writer for the resource `info` of r in this form; r is asked for a custom resource's definition (columns) now and not later.
 * 0, TARN_E_NOMEM, or as tarn_reader_get.
 */
TARN_MUST_CHECK int api_writer_new(const struct api_form *form, const struct tarn_reader *r, const struct tarn_resource_info *info,
                                   struct api_writer **ret);
void api_writer_free(struct api_writer *w);
const struct api_form *api_writer_form(const struct api_writer *w);

/*
 * Each appends to out: 0, TARN_E_NOMEM, TARN_E_CORRUPT; on an error out is as before. now_s: the wall clock, for ages in rows.
 */

/* One object by itself: the answer to a GET, without a newline. */
TARN_MUST_CHECK int api_write_object(const struct api_writer *w, const struct tarn_object *obj, int64_t now_s, struct tarn_buf *out);
/* An item (or row) of a list, without the comma. */
TARN_MUST_CHECK int api_write_item(const struct api_writer *w, const struct tarn_object *obj, int64_t now_s, struct tarn_buf *out);
/* What stands before and behind the items. */
struct api_list_meta {
    struct tarn_bytes resource_version;
    struct tarn_bytes cont; /* empty: nothing follows */
    uint64_t remaining;     /* 0: not told */
};
TARN_MUST_CHECK int api_write_list_head(const struct api_writer *w, const struct api_list_meta *m, struct tarn_buf *out);
TARN_MUST_CHECK int api_write_list_tail(const struct api_writer *w, const struct api_list_meta *m, struct tarn_buf *out);

/* An event with its newline: `{"type":"ADDED","object":{...}}\n`. */
struct api_event {
    const char *type;                /* "ADDED", "MODIFIED", "DELETED" */
    const struct tarn_object *obj;
    struct tarn_bytes resource_version; /* not empty: in place of the object's own (of a DELETED, where the newer version stands beside the old state) */
    bool first; /* of a watch: a Table tells its columns only there */
};
TARN_MUST_CHECK int api_write_event(const struct api_writer *w, const struct api_event *e, int64_t now_s, struct tarn_buf *out);
/* A BOOKMARK at this version; initial_events_end: with the annotation that ends a streaming list's initial events. */
TARN_MUST_CHECK int api_write_bookmark(const struct api_writer *w, struct tarn_bytes resource_version, bool initial_events_end, bool first,
                                       struct tarn_buf *out);
/* An ERROR event with this Status. Of any form. */
TARN_MUST_CHECK int api_write_error(struct tarn_bytes status, struct tarn_buf *out);

#endif
