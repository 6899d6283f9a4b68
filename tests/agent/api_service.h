/* api_service.h - the whole read API (api.h) over a realm that a test writes (api_fixture.h), and requests to it over its Unix socket. */
#ifndef API_SERVICE_H
#define API_SERVICE_H

#include "api.h"
#include "api_counters.h"
#include "api_fixture.h"
#include "http_fixture.h"

struct api_service {
    struct api_world w;
    struct api *api;
    struct api_counters counters;
    bool stopped;
    char dir[64], path[96];
};

/* It has attached when this returns. */
void service_open(struct api_service *s, const struct api_world_options *o);
void service_close(struct api_service *s);

struct service_reply {
    struct http_answer http;
    char *text;                     /* behind it */
    const struct tarn_object *json; /* the body; NULL: it is no JSON object */
};
/* Ask, and read to the end while the world turns. headers: "A: b\r\n" or "". */
void service_ask(struct api_service *s, const char *method, const char *target, const char *headers, struct service_reply *ret);
void service_get(struct api_service *s, const char *target, struct service_reply *ret);
void service_reply_release(struct service_reply *r);

/* In two steps: the request is sent; the answer is read. */
int service_send(struct api_service *s, const char *method, const char *target, const char *headers);
void service_read(struct api_service *s, int fd, struct service_reply *ret);

/* A string of the answer, "" if there is none there; good until the next call. */
const char *service_text(const struct service_reply *r, const char *path);
/* "ns0/pod-1 ns0/pod-2": the items' keys, in their order. */
const char *service_items(const struct service_reply *r);

#endif
