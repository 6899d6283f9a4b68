/* api_missing.c - stands in for the parts of the read API that are not there yet. Whoever lands one takes it out here. */
#include "api_impl.h"

/* access: api_pass.c */
int api_pass_new(uv_loop_t *loop, const struct tarn_config_server *server, bool on, struct api_pass **ret, struct tarn_error *err)
{
    (void)loop, (void)server, (void)on, (void)err;
    *ret = NULL;
    return 0;
}
void api_pass_close(struct api_pass *p)
{
    (void)p;
}
void api_pass_set(struct api_pass *p, bool on)
{
    (void)p, (void)on;
}
bool api_pass_is_on(const struct api_pass *p)
{
    (void)p;
    return false;
}
void api_pass_serve(struct api_pass *p, struct tarn_http_exchange *x)
{
    (void)p;
    tarn_http_exchange_reply(x, 501, "text/plain", &(struct tarn_buf){0});
}
