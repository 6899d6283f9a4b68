/* told.h - what of the agent's facts is told to whom over HTTP.
 *
 * Numbers of all realms are told to whoever reaches the server: they are the metrics. Everything else (texts of errors, namespaces, who reads) is told of the realms
 * that the asker may read. By the Unix socket the kernel says who asks; over TCP nobody is known: there it is the default realm, without its clients' names.
 */
#ifndef TARN_AGENT_TOLD_H
#define TARN_AGENT_TOLD_H

#include "facts.h"
#include "peer.h"

/* May peer (NULL: nobody knows who asks) be told of the realm of that name? False too when there is none. */
bool tarn_told_realm(const struct tarn_facts *f, const struct tarn_peer *peer, const char *realm);
/* The part of `all` that peer is told, borrowed from it but for arrays in ret->arena; release that in any case. 0 or TARN_E_NOMEM. */
TARN_MUST_CHECK int tarn_told_part(const struct tarn_facts *all, const struct tarn_peer *peer, struct tarn_facts *ret);

#endif
