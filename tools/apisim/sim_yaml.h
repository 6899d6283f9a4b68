/* sim_yaml.h - YAML documents as JSON values, by libyaml's events. */
#ifndef SIM_YAML_H
#define SIM_YAML_H

#include "sim_json.h"

/* The first document of text. Owned; NULL with line and reason in err. Plain scalars become null, booleans, integers
 * and floats as in YAML 1.2's core schema; anchors and aliases are refused. */
json_t *sim_yaml_parse(struct tarn_bytes text, struct tarn_error *err);
/* Every document of text, as an array. */
json_t *sim_yaml_parse_all(struct tarn_bytes text, struct tarn_error *err);

#endif
