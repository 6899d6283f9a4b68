/* sim_text.h - the texts of generated objects: templates with holes, close to what real servers store.
 *
 * Texts here are written as strings in which the byte \1 and a letter stand for a value of the object (a: 0, b: 1 ...);
 * the first two are always the resourceVersion and the time of the write.
 */
#ifndef SIM_TEXT_H
#define SIM_TEXT_H

#include "sim_object.h"

#define SIM_TEXT_WRITTEN "\"tarn.dev/written-at-ns\":\"\1b\""
#define SIM_TEXT_NAME "\"metadata\":{\"name\":\"\1c\""

/* Append text, its \1x as holes. */
void sim_text_add(struct sim_builder *b, const char *text);
/* The same, formatted first; at most 4095 bytes. */
void sim_text_addf(struct sim_builder *b, const char *fmt, ...) TARN_PRINTF(2, 3);
/* n random letters as Kubernetes' own names have them, n random hex digits; ret has room for n + 1. */
void sim_text_letters(struct sim_random *r, char *ret, unsigned n);
void sim_text_hex(struct sim_random *r, char *ret, unsigned n);

enum { SIM_TEXT_APPS = 16 };
extern const char *const sim_text_apps[SIM_TEXT_APPS];

/* What the pods of one workload have in common. */
struct sim_text_workload {
    char ns[32], name[40], hash[12], rs_uid[37];
    uint32_t number;
};

/* The values of a pod behind the first two. */
enum sim_text_pod_value { SIM_POD_NAME = 2, SIM_POD_UID, SIM_POD_NODE, SIM_POD_HOST_IP, SIM_POD_IP, SIM_POD_READY, SIM_POD_READY_BOOL, SIM_POD_CREATED, SIM_POD_CID, SIM_POD_RESTARTS, SIM_POD_WAVE };
struct sim_template *sim_text_pod(struct sim_random *r, const struct sim_text_workload *w);
/* Values: 2 name, 3 uid, 4 address, 5 pod CIDR, 6 created, 7 last heartbeat, 8 machine id. */
struct sim_template *sim_text_node(struct sim_random *r, unsigned zone);

enum sim_text_kind { SIM_TEXT_SERVICE, SIM_TEXT_DEPLOYMENT, SIM_TEXT_REPLICASET, SIM_TEXT_CONFIGMAP, SIM_TEXT_NAMESPACE };
/* Values: 2 name, 3 uid, 4 namespace, 5 created, and from 6 on the kind's own (sim_text.c says which). */
struct sim_template *sim_text_simple(enum sim_text_kind kind);

#endif
