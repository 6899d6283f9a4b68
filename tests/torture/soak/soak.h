/* What the soak's processes share: how each is told to stop or to show its view, and how it reports a wrong answer.
 *
 * A process ends with code 0 when it is told to (SIGTERM) and with 1 at the first wrong answer, after a line "WRONG: ..." on
 * stdout. At SIGUSR1 it writes what it holds to <its name>.view in the working folder, one "resource key@resourceVersion" a line.
 */
#ifndef TARN_SOAK_H
#define TARN_SOAK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <tarn/tarn.h>

extern const char *const soak_resources[]; /* ends with NULL */
extern const char *soak_name;              /* of this process in logs and of its view */

/* Has SIGTERM come? */
bool soak_over(void);
/* Has SIGUSR1 come since the last call? */
bool soak_view_wanted(void);
/* Open the file of the view; soak_view_end makes it appear under its name, whole. */
FILE *soak_view_begin(void);
void soak_view_end(FILE *f);
/* Report and exit(1). */
_Noreturn void soak_wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));
void soak_sleep_ms(unsigned ms);
uint64_t soak_hash(struct tarn_bytes b);
/* Open a client, waiting as long as there is no agent. */
struct tarn_client *soak_open(bool copy);

/* The modes; each returns the exit code. */
int soak_snapshots(bool copy);
int soak_informer(bool every_change);
int soak_hold(bool parked);
int soak_attach(unsigned cycles, uint64_t seed);
int soak_fork(void);

#endif
