/* page.h - the status page for people: page.html beside it, as it lies in the program. */
#ifndef TARN_AGENT_PAGE_H
#define TARN_AGENT_PAGE_H

#include <tarn/bytes.h>

/* The HTML text; constant. */
struct tarn_bytes tarn_page(void);

#endif
