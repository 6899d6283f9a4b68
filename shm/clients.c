/* clients.c - the table of attached clients: whose control pages are scanned and whose sockets are rung. */
#include "writer_impl.h"

#include <stdlib.h>

int tarn_writer_client_add(struct tarn_writer *w, struct tarn_pin_page *page, int socket_fd, uint32_t *ret_id)
{
    struct tarn_client_entry *v = realloc(w->clients, (w->nclients + 1) * sizeof *v);

    if (!v)
        return TARN_E_NOMEM;
    w->clients = v;
    *ret_id = ++w->next_client;
    v[w->nclients++] = (struct tarn_client_entry){.id = *ret_id, .socket_fd = socket_fd, .page = page, .facts.id = *ret_id};
    return 0;
}

void tarn_writer_client_remove(struct tarn_writer *w, uint32_t id)
{
    for (unsigned i = 0; i < w->nclients; i++)
        if (w->clients[i].id == id) {
            free(w->clients[i].seen);
            tarn_pin_page_free(w->clients[i].page);
            w->clients[i] = w->clients[--w->nclients];
            return;
        }
}

bool tarn_writer_client_at(const struct tarn_writer *w, unsigned n, struct tarn_writer_client *ret)
{
    if (n >= w->nclients)
        return false;
    *ret = w->clients[n].facts;
    return true;
}
