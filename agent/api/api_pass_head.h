/* api_pass_head.h - which headers go on from the caller to the server, and back.
 *
 * Not those of one hop (RFC 9110 7.6.1: Connection and what it names, Transfer-Encoding, Upgrade ...), nor those that each side's own HTTP makes
 * (Host, Content-Length, Date). All others as they are: who the caller is stands among them.
 */
#ifndef TARN_AGENT_API_PASS_HEAD_H
#define TARN_AGENT_API_PASS_HEAD_H

#include "http_server.h"

#define API_PASS_HEADERS_MAX 100u

/* "Name: value" lines for http.h, ended by NULL. May hold credentials. */
struct api_pass_lines {
    char *v[API_PASS_HEADERS_MAX + 1];
    unsigned n;
};

/* Of the request. 0, TARN_E_LIMIT (more than can be passed on), TARN_E_NOMEM. Release in every case. */
int api_pass_lines_of(const struct tarn_http_exchange *x, struct api_pass_lines *ret);
/* They are wiped. */
void api_pass_lines_release(struct api_pass_lines *l);

/* Does a header of the server's answer go on to the caller? Content-Type goes by itself. */
bool api_pass_goes_back(struct tarn_bytes name);
/* Does the caller want another protocol on this connection? */
bool api_pass_is_upgrade(const struct tarn_http_exchange *x);

#endif
