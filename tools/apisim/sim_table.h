/* sim_table.h - objects as kubectl's tables want them: columns and cells computed by the server. */
#ifndef SIM_TABLE_H
#define SIM_TABLE_H

#include "sim_form.h"
#include "sim_world.h"

enum sim_include { SIM_INCLUDE_METADATA, SIM_INCLUDE_NONE, SIM_INCLUDE_OBJECT };

/* The shape in which an object is shown. */
struct sim_shape {
    enum sim_as as;
    enum sim_include include; /* of a table: what its rows carry besides their cells */
    bool continued;           /* the columns were told before (the first event of a watch has them) */
};

/* Append "columnDefinitions":[...] of r's kind. */
void sim_table_columns(const struct sim_resource *r, struct tarn_buf *out);
/* Append one row, {"cells":[...],"object":...}. */
void sim_table_row(const struct sim_resource *r, const struct sim_object *o, enum sim_include include, struct tarn_buf *out);
/* Append o as PartialObjectMetadata: its metadata only. */
void sim_partial_render(const struct sim_object *o, struct tarn_buf *out);
/* Append o, alone, in this shape: itself, its metadata, or a table of one row. */
void sim_object_render_as(const struct sim_resource *r, const struct sim_shape *shape, const struct sim_object *o,
                          struct tarn_buf *out);

#endif
