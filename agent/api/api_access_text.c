/* api_access_text.c - see api_access_text.h. */
#include "api_access_text.h"

/* ` what "value"`, the value escaped as Go's %q does it. */
static int add_quoted(struct tarn_buf *out, const char *what, struct tarn_bytes value)
{
    int rc = tarn_buf_addf(out, " %s%s\"", what, *what ? " " : "");

    for (size_t i = 0; !rc && i < value.len; i++) {
        unsigned char c = (unsigned char)value.data[i];

        if (c == '"' || c == '\\')
            rc = tarn_buf_addf(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            rc = tarn_buf_addf(out, "\\x%02x", c);
        else
            rc = tarn_buf_add(out, &value.data[i], 1);
    }
    return rc ? rc : tarn_buf_adds(out, "\"");
}

static int add_object(struct tarn_buf *out, const struct api_attributes *w)
{
    int rc;

    if (w->path.len)
        return add_quoted(out, "path", w->path);
    rc = add_quoted(out, "resource", w->resource);
    if (!rc)
        rc = add_quoted(out, "in API group", w->group);
    if (rc)
        return rc;
    return w->ns.len ? add_quoted(out, "in the namespace", w->ns) : tarn_buf_adds(out, " at the cluster scope");
}

/* `pods "web-1" is forbidden`, `deployments.apps is forbidden`, `forbidden` */
static int add_subject(struct tarn_buf *out, const struct api_attributes *w)
{
    int rc;

    if (w->path.len)
        return tarn_buf_adds(out, "forbidden:");
    rc = tarn_buf_addf(out, "%.*s%s%.*s", TARN_BYTES_ARG(w->resource), w->group.len ? "." : "", TARN_BYTES_ARG(w->group));
    if (!rc && w->name.len)
        rc = add_quoted(out, "", w->name);
    return rc ? rc : tarn_buf_adds(out, " is forbidden:");
}

int api_access_forbidden_text(struct tarn_bytes user, const struct api_attributes *what, struct tarn_bytes reason, struct tarn_buf *out)
{
    int rc = add_subject(out, what);

    if (!rc)
        rc = add_quoted(out, "User", user);
    if (!rc)
        rc = tarn_buf_addf(out, " cannot %s", what->verb);
    if (!rc)
        rc = add_object(out, what);
    return rc || !reason.len ? rc : tarn_buf_addf(out, ": %.*s", TARN_BYTES_ARG(reason));
}
