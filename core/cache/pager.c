/* pager.c - continue tokens, the first page's resourceVersion, and the full list after an expired token. */
#include <tarn/pager.h>

void tarn_pager_start(struct tarn_pager *p, const struct tarn_rv *rv, uint32_t limit)
{
    bool full_list_if_expired = p->full_list_if_expired;
    struct tarn_buf cont = p->cont;

    tarn_buf_clear(&cont);
    *p = (struct tarn_pager){.requested = *rv, .cont = cont, .limit = limit, .full_list_if_expired = full_list_if_expired};
}

void tarn_pager_release(struct tarn_pager *p)
{
    tarn_buf_release(&p->cont);
    *p = (struct tarn_pager){0};
}

struct tarn_list_options tarn_pager_request(const struct tarn_pager *p)
{
    if (p->cont.len) /* the token says which version; a resourceVersion beside it is refused */
        return (struct tarn_list_options){.cont = tarn_buf_bytes(&p->cont), .limit = p->limit};
    return (struct tarn_list_options){.resource_version = tarn_rv_bytes(&p->requested), .limit = p->limit};
}

int tarn_pager_on_page(struct tarn_pager *p, const struct tarn_list_meta *meta)
{
    if (p->pages++ == 0) {
        int rc = tarn_rv_set(&p->result, meta->resource_version);

        if (rc < 0)
            return rc;
    }
    if (meta->cont.len == 0)
        return 0;
    if (tarn_bytes_equal(meta->cont, tarn_buf_bytes(&p->cont)))
        return TARN_E_CORRUPT;
    tarn_buf_clear(&p->cont);
    return tarn_buf_add(&p->cont, meta->cont.data, meta->cont.len) < 0 ? TARN_E_NOMEM : 1;
}

bool tarn_pager_on_failed(struct tarn_pager *p, const struct tarn_status *status)
{
    bool expired = tarn_status_is_expired(status);

    if (!expired || !p->full_list_if_expired || p->cont.len == 0)
        return false;
    tarn_buf_clear(&p->cont);
    p->limit = 0;
    p->pages = 0;
    p->full = true;
    return true;
}
