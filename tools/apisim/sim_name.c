/* sim_name.c - what objects may be called. */
#include "sim_name.h"

#include <stdio.h>

#include "sim_status.h"

static const char subdomain_rule[] =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end "
    "with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

static bool alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool sim_name_is_valid(const char *name)
{
    size_t n = strlen(name);

    if (n == 0 || n > 253)
        return false;
    for (size_t i = 0; i < n; i++) {
        bool edge = i == 0 || i == n - 1 || name[i - 1] == '.' || name[i + 1] == '.';

        if (!alphanumeric(name[i]) && (edge || (name[i] != '-' && name[i] != '.')))
            return false;
    }
    return true;
}

void sim_name_refuse(struct sim_call *c, const char *name)
{
    char detail[2048];

    if (*name)
        (void)snprintf(detail, sizeof detail, "Invalid value: \"%.256s\": %s", name, subdomain_rule);
    else
        (void)snprintf(detail, sizeof detail, "Required value: name or generateName is required");
    sim_reply_invalid(c->req, &(struct sim_invalid){
                                  .group = c->resource->kind.group, .kind = c->resource->kind.kind,
                                  .name = *name ? name : NULL,
                                  .cause_reason = *name ? "FieldValueInvalid" : "FieldValueRequired",
                                  .field = "metadata.name", .detail = detail});
}
