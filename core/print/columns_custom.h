/* The columns that a CustomResourceDefinition describes. */
#ifndef TARN_PRINT_COLUMNS_CUSTOM_H
#define TARN_PRINT_COLUMNS_CUSTOM_H

#include "columns.h"

struct columns_own;

/*
 * Those of spec.versions[name == version].additionalPrinterColumns, behind Name. TARN_E_NOTFOUND: it lists none (Name and Age are the
 * default then), or has no such version; TARN_E_NOMEM.
 */
int columns_custom(struct tarn_bytes version, const struct tarn_object *definition, struct columns *ret);
void columns_custom_free(struct columns_own *own);

#endif
