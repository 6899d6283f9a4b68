/* sim_encode.h - from a parsed object to what the world stores, and back. */
#ifndef SIM_ENCODE_H
#define SIM_ENCODE_H

#include "sim_json.h"
#include "sim_world.h"

/*
 * An object of r at version rv from v (borrowed): built-in kinds lose kind and apiVersion and get metadata first, its
 * fields in the server's order; custom ones get their keys sorted. v must have metadata.name; metadata.namespace where
 * the kind is namespaced.
 */
struct sim_object *sim_encode(const struct sim_resource *r, const json_t *v, uint64_t rv);
/* The object as a client knows it: with kind and apiVersion. Owned. */
json_t *sim_decode(const struct sim_resource *r, const struct sim_object *o);

#endif
