/* told.c - see told.h. */
#include "told.h"

#include <string.h>

#include "config.h"

bool tarn_told_realm(const struct tarn_facts *f, const struct tarn_peer *peer, const char *realm)
{
    for (unsigned i = 0; i < f->nrealms; i++)
        if (strcmp(f->realms[i].name, realm) == 0)
            return peer ? tarn_peer_may_read(peer, f->realms[i].readers) : strcmp(realm, TARN_REALM_DEFAULT) == 0;
    return false;
}

static void keep_resources(const struct tarn_facts *all, const struct tarn_peer *peer, struct tarn_facts *ret)
{
    for (unsigned i = 0; i < all->nresources; i++)
        if (tarn_told_realm(all, peer, all->resources[i].realm))
            ret->resources[ret->nresources++] = all->resources[i];
}

static void keep_clients(const struct tarn_facts *all, const struct tarn_peer *peer, struct tarn_facts *ret)
{
    for (unsigned i = 0; peer && i < all->nclients; i++)
        if (tarn_told_realm(all, peer, all->clients[i].realm))
            ret->clients[ret->nclients++] = all->clients[i];
}

int tarn_told_part(const struct tarn_facts *all, const struct tarn_peer *peer, struct tarn_facts *ret)
{
    *ret = *all;
    ret->arena = (struct tarn_arena){0};
    ret->nrealms = ret->nresources = ret->nclients = 0;
    ret->realms = tarn_arena_alloc(&ret->arena, (all->nrealms + 1) * sizeof *ret->realms);
    ret->resources = tarn_arena_alloc(&ret->arena, (all->nresources + 1) * sizeof *ret->resources);
    ret->clients = tarn_arena_alloc(&ret->arena, (all->nclients + 1) * sizeof *ret->clients);
    if (!ret->realms || !ret->resources || !ret->clients)
        return TARN_E_NOMEM;
    if (!peer)
        ret->reload_error = ""; /* it may name any realm */
    for (unsigned i = 0; i < all->nrealms; i++)
        if (tarn_told_realm(all, peer, all->realms[i].name))
            ret->realms[ret->nrealms++] = all->realms[i];
    keep_resources(all, peer, ret);
    keep_clients(all, peer, ret);
    return 0;
}
