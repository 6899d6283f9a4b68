/* sim_form.h - the form of an answer: what Accept asks for, indented or not, gzip or not. */
#ifndef SIM_FORM_H
#define SIM_FORM_H

#include "sim_http.h"

enum sim_as {
    SIM_AS_OBJECT,
    SIM_AS_TABLE,     /* as=Table;g=meta.k8s.io;v=v1 */
    SIM_AS_PARTIAL,   /* as=PartialObjectMetadata or PartialObjectMetadataList */
    SIM_AS_DISCOVERY, /* as=APIGroupDiscoveryList;g=apidiscovery.k8s.io */
};

struct sim_form {
    enum sim_as as;
    char version[16]; /* of the `as` kind: "v1", "v2beta1" */
    bool pretty;      /* pretty=true, or a User-Agent of people (curl) */
    bool gzip;        /* the client can read it */
};

/*
 * Read what req accepts, the first of its choices that is possible. allowed is a bit set, 1 << enum sim_as, of the
 * forms besides SIM_AS_OBJECT that exist here. False: answered with 406 (nothing fits).
 */
bool sim_form_parse(struct sim_request *req, unsigned allowed, struct sim_form *ret);

/* Answer with a complete JSON body in this form (indented if asked for). body is taken. */
void sim_form_reply(struct sim_request *req, const struct sim_form *form, const struct sim_reply_head *head,
                    struct tarn_buf *body);
/* Answer with a JSON stream in this form: short ones get a Content-Length, long ones gzip if the client can. */
void sim_form_reply_stream(struct sim_request *req, const struct sim_form *form, const struct sim_reply_head *head,
                           struct sim_stream *s);

#endif
