/* sim_target.h - which object a call means, and the answers that are about it. */
#ifndef SIM_TARGET_H
#define SIM_TARGET_H

#include "sim_api.h"
#include "sim_json.h"

/* The object of this name in the namespace of the call, borrowed until something changes; NULL: none. */
struct sim_object *sim_target_find(const struct sim_call *c, const char *name);
/* The one that the path names. NULL: answered with 404. */
struct sim_object *sim_target_existing(struct sim_call *c);
/* v's metadata, made if it is not there. Borrowed. */
json_t *sim_target_metadata(json_t *v);
/* Does the client only want to see what would happen? */
bool sim_target_dry_run(const struct sim_call *c);
/* Answer with o (taken). */
void sim_target_reply(struct sim_call *c, int code, struct sim_object *o);
/* Does v wait only for its last finalizer to go? */
bool sim_target_is_released(const json_t *v);
/* 409: "Operation cannot be fulfilled on ...: why". */
void sim_target_refuse_conflict(struct sim_call *c, const char *why);

#endif
