/* sim_select.h - which objects a request is about: namespace, name, label and field selectors. */
#ifndef SIM_SELECT_H
#define SIM_SELECT_H

#include <tarn/selector.h>

#include "sim_api.h"

struct sim_selection {
    struct sim_resource *resource;
    char ns[256], name[256]; /* "": any */
    const struct tarn_selector *labels;
    const struct tarn_field_selector *fields;
};

/* From a call's path and query. False: it was answered with an error. */
bool sim_selection_parse(const struct sim_call *c, struct sim_selection *ret);
void sim_selection_release(struct sim_selection *s);
bool sim_selection_matches(const struct sim_selection *s, struct sim_object *o);
/* Does it filter by anything but the namespace? */
bool sim_selection_filters(const struct sim_selection *s);
/* The half-open range of keys that can match. Empty: from the first, to the last. */
struct sim_range {
    char from[260], to[260];
};
void sim_selection_range(const struct sim_selection *s, struct sim_range *ret);

#endif
