#include "type_of.h"

const struct sim_schema *type_of(const char *kind)
{
    unsigned n;
    const struct sim_kind *kinds = sim_kind_builtin(&n);

    for (unsigned i = 0; i < n; i++)
        if (strcmp(kinds[i].kind, kind) == 0)
            return sim_schema_of(&kinds[i]);
    return NULL;
}
