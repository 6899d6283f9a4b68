/* client.h - the simulator as a child process, and requests to it. For tests: what fails ends the test program. */
#ifndef APISIM_CLIENT_H
#define APISIM_CLIENT_H

#include <jansson.h>
#include <sys/types.h>

#include <tarn/bytes.h>

struct sim_server {
    pid_t pid;
    char url[64];
};

/* Start the simulator with these arguments (ended by NULL), wait until it listens. */
void server_start(struct sim_server *s, const char *const *args);
/* Start one with the recorded pods and definition, and configmaps cm-0 ... cm-4 in proto (app=a: 0 and 1, app=b: the rest). */
void server_start_small(struct sim_server *s);
/* Stop it; returns its exit code, or -1 if a signal (a sanitizer's abort) ended it. */
int server_stop(struct sim_server *s);

struct sim_answer {
    long code;                /* 0: no answer came */
    int curl;                 /* CURLcode: 0 the exchange ended as it should */
    double seconds;
    struct tarn_buf head, body; /* NUL-terminated texts */
};

struct sim_ask {
    const char *method; /* NULL: GET */
    const char *path;   /* with the query */
    const char *body;
    const char *headers[6]; /* "Name: value", ended by NULL */
    long timeout_ms;        /* 0: 10 s; a watch is cut then, which is no failure */
};

/* *ret must be {0} or from an earlier call. */
void ask(const struct sim_server *s, const struct sim_ask *q, struct sim_answer *ret);
void answer_release(struct sim_answer *a);
/* GET path; the parsed body (owned), NULL if it is no JSON. */
json_t *get_json(const struct sim_server *s, const char *path);
/* POST body to path, ignore the answer but for its code. */
long post(const struct sim_server *s, const char *path, const char *body);
long merge_patch(const struct sim_server *s, const char *path, const char *body);
long delete_path(const struct sim_server *s, const char *path);
/* The resourceVersion of a list or of POST /sim/quiesce. */
unsigned long long current_rv(const struct sim_server *s);
/* The lines of a watch's body, each parsed; stops at a line that is no JSON. Owned array. */
json_t *lines_of(const struct sim_answer *a);
/* The string at a path of plain keys, "" if missing. */
const char *text_at(const json_t *v, const char *path);

/* A watch in the background. */
struct sim_watching {
    const struct sim_server *server;
    struct sim_ask ask;
    struct sim_answer answer;
    unsigned long thread;
};
void watch_begin(struct sim_watching *w, const struct sim_server *s, const char *path);
/* Wait for its end; the lines (owned). */
json_t *watch_end(struct sim_watching *w);

#endif
