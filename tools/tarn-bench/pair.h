/* pair.h - tarn-apisim and tarnd as they are installed, started in a folder of their own, for the parts that measure the whole.
 *
 * Programs are found beside tarn-bench. What they print goes to `log` in the folder.
 */
#ifndef TARN_BENCH_PAIR_H
#define TARN_BENCH_PAIR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PATH_BYTES 512

struct pair {
    char bin[PATH_BYTES - 64], dir[64], url[64], socket[PATH_BYTES];
    pid_t server, agent;
};

/* Fill p->bin; 0, or -1 if one of the programs is not there (noted). */
int pair_find_programs(struct pair *p);
/* Serve what `generate` describes with `churn` changes a second; mirror: with an agent that mirrors pods. 0 or -1; pair_stop in any case. */
int pair_start(struct pair *p, const char *generate, const char *churn, bool mirror);
/* Start the agent of a pair that has none: its checkpoints are in the folder. 0 or -1. */
int pair_mirror(struct pair *p);
/* End it as a service manager does; it saves a checkpoint. */
void pair_stop_agent(struct pair *p);
void pair_stop(struct pair *p);
/* Wait until the agent has synced the pods; 0, or -1 after a minute or when it ended. */
int pair_wait_synced(const struct pair *p);

/* Fill p->url from the port that the server writes into `port` in the folder. 0, or -1 if it does not. */
int pair_read_url(struct pair *p, const char *scheme);

/* What a new process does: attach, open a snapshot, read a pod. 0 and how long it took, or another number. */
int pair_attach_once(const struct pair *p, uint64_t *ret_ns);
/* Report that as a row of part at n objects, with its target. Returns the failures. */
int pair_measure_attach(const struct pair *p, const char *part, uint64_t n);

/* A program from tarn-bench's folder, its output in the log; its pid. */
pid_t pair_start_program(const struct pair *p, const char *name, char *const argv[]);
/* SIGTERM and wait. */
void pair_stop_program(pid_t child);

/* The number at path in the JSON that a command prints; -1 if there is none. */
int64_t pair_number(const char *command, const char *path);
/* What `tarn status -o json` says at path, as a number; -1 if it says nothing. */
int64_t pair_status(const struct pair *p, const char *path);
/* What GET path of the server gives as a number at `field`; -1 for nothing. POST with a body if there is one. */
int64_t pair_server(const struct pair *p, const char *path, const char *body, const char *field);
/* Seconds of CPU that a process has used, all threads. */
double pair_cpu_of(pid_t pid);
/* ... of its busiest thread: the agent's ingest loop, while much comes. */
double pair_cpu_of_busiest(pid_t pid);
/* MiB of private memory of a process: all but the region; and its share of all its memory (PSS). */
double pair_private_mb(pid_t pid);
double pair_pss_mb(pid_t pid);

#endif
