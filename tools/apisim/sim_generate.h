/* sim_generate.h - a made-up cluster that holds together: workloads with their deployment, replica set, pods, service
 * and endpoint slices, on nodes, in namespaces; and changes to it that keep it so.
 *
 * The same seed gives the same cluster. Every object made here carries the annotation tarn.dev/written-at-ns, the wall
 * time (ns) of its last change, so that a reader of a mirror can tell how old what it sees is.
 */
#ifndef SIM_GENERATE_H
#define SIM_GENERATE_H

#include "sim_world.h"

#define SIM_AUTO UINT32_MAX /* as many as belong to the rest */

struct sim_generate_options {
    uint32_t pods, nodes, services, endpointslices, deployments, replicasets, configmaps, namespaces;
    uint64_t seed;
};

struct sim_generator;

/* Read "pods=10000,nodes=500,services=1000,endpointslices=auto". 0 or TARN_E_CONFIG with what is wrong. */
int sim_generate_parse(const char *spec, struct sim_generate_options *ret, struct tarn_error *err);
/* Fill w. The generator lives as long as changes are wanted; w must outlive it. */
struct sim_generator *sim_generator_new(struct sim_world *w, const struct sim_generate_options *options);
void sim_generator_free(struct sim_generator *g);
/* Make one change and what follows from it (a pod that goes leaves its slice). Returns how many objects changed; 0:
 * there is nothing to change. */
uint32_t sim_generator_change(struct sim_generator *g);
/* What every cluster has: the namespaces default, kube-system, kube-public and kube-node-lease. */
void sim_generate_basics(struct sim_world *w);

#endif
