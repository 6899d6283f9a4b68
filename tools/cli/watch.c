/* tarn get --watch: one line, document or name for every change. */
#include "get.h"

int get_watch(const struct get_options *o, struct tarn_client *c)
{
    (void)o, (void)c;
    cli_say("--watch is not there yet");
    return CLI_USAGE;
}
