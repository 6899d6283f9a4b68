/* exec_credential.c - from what a credential plugin printed to a token, a certificate and when they expire. */
#include "exec_plugin.h"

#include <stdio.h>
#include <time.h>

#include <tarn/object.h>

/* RFC 3339: 2026-11-24T12:00:00Z, with a fraction or an offset. False: not of that form. */
static bool parse_time(struct tarn_bytes text, int64_t *ret)
{
    char buf[64], sign;
    struct tm t = {0};
    const char *rest;
    int h, m, n = 0;

    (void)snprintf(buf, sizeof buf, "%.*s", TARN_BYTES_ARG(text));
    rest = strptime(buf, "%Y-%m-%dT%H:%M:%S", &t);
    if (!rest)
        return false;
    if (*rest == '.')
        rest += 1 + strspn(rest + 1, "0123456789");
    *ret = timegm(&t);
    if (strcmp(rest, "Z") == 0)
        return true;
    if (sscanf(rest, "%c%2d:%2d%n", &sign, &h, &m, &n) != 3 || rest[n] || !strchr("+-", sign))
        return false;
    *ret += (sign == '+' ? -60 : 60) * (h * 60 + m);
    return true;
}

/* A string of the status, copied; NULL if it is not there or empty. */
static int take(const struct tarn_object *o, const char *path, struct tarn_arena *a, struct tarn_bytes *ret)
{
    struct tarn_bytes text = {0};
    char *copy;

    *ret = (struct tarn_bytes){0};
    if (tarn_object_get_string(o, path, &text) || !text.len)
        return 0;
    copy = tarn_arena_copy(a, text);
    *ret = (struct tarn_bytes){.data = copy, .len = text.len};
    return copy ? 0 : TARN_E_NOMEM;
}

static int take_all(const struct tarn_object *o, struct tarn_arena *a, struct tarn_exec_credential *ret)
{
    struct tarn_bytes token;
    int rc = take(o, "status.token", a, &token);

    ret->token = token.data;
    if (!rc)
        rc = take(o, "status.clientCertificateData", a, &ret->cert);
    return rc ? rc : take(o, "status.clientKeyData", a, &ret->key);
}

static int check_version(const struct tarn_exec_config *e, const struct tarn_object *o, struct tarn_error *err)
{
    struct tarn_bytes kind = {0}, version = {0};
    struct tarn_value status;

    (void)tarn_object_get_string(o, "kind", &kind);
    (void)tarn_object_get_string(o, "apiVersion", &version);
    if (!tarn_bytes_equal(kind, TARN_BYTES("ExecCredential")))
        return tarn_error_set(err, TARN_E_CONFIG, "exec plugin '%s' printed no ExecCredential", e->command);
    if (!tarn_bytes_equal(version, tarn_bytes_of(e->api_version)))
        return tarn_error_set(err, TARN_E_CONFIG, "exec plugin '%s' printed apiVersion '%.*s', but the kubeconfig says %s", e->command,
                              version.len < 100 ? (int)version.len : 100, version.len ? version.data : "", e->api_version);
    if (tarn_object_get(o, "status", &status) || status.type != TARN_MAP)
        return tarn_error_set(err, TARN_E_CONFIG, "exec plugin '%s' printed an ExecCredential without status", e->command);
    return 0;
}

static int check_parts(const struct tarn_exec_config *e, const struct tarn_exec_credential *c, struct tarn_error *err)
{
    if (!c->token && !c->cert.len && !c->key.len)
        return tarn_error_set(err, TARN_E_CONFIG, "exec plugin '%s' gave neither a token nor a client certificate", e->command);
    if (!c->cert.len != !c->key.len)
        return tarn_error_set(err, TARN_E_CONFIG, "exec plugin '%s' gave a client %s but no client %s", e->command, c->cert.len ? "certificate" : "key",
                              c->cert.len ? "key" : "certificate");
    if (c->token && strpbrk(c->token, "\r\n")) /* it would forge a header */
        return tarn_error_set(err, TARN_E_CONFIG, "exec plugin '%s' gave a token with a line break in it", e->command);
    return 0;
}

static int read_object(const struct tarn_exec_config *e, const struct tarn_object *o, struct tarn_arena *arena, struct tarn_exec_credential *ret,
                       struct tarn_error *err)
{
    struct tarn_bytes expires = {0};
    int rc = check_version(e, o, err);

    if (rc)
        return rc;
    if (take_all(o, arena, ret))
        return tarn_error_set(err, TARN_E_NOMEM, "out of memory");
    if (tarn_object_get_string(o, "status.expirationTimestamp", &expires) == 0 && expires.len && !parse_time(expires, &ret->expires_s))
        return tarn_error_set(err, TARN_E_CONFIG, "exec plugin '%s' gave an expirationTimestamp that is no RFC 3339 time", e->command);
    return check_parts(e, ret, err);
}

int tarn_exec_credential_read(const struct tarn_exec_config *e, struct tarn_bytes text, struct tarn_arena *arena,
                              struct tarn_exec_credential *ret, struct tarn_error *err)
{
    const struct tarn_object *o;
    struct tarn_bytes body;
    int rc = tarn_object_from_json(text, &o, NULL); /* its message may show the text */

    *ret = (struct tarn_exec_credential){0};
    if (rc == TARN_E_NOMEM)
        return tarn_error_set(err, rc, "out of memory");
    if (rc)
        return tarn_error_set(err, TARN_E_SYNTAX, "exec plugin '%s' printed something that is not JSON", e->command);
    rc = read_object(e, o, arena, ret, err);
    body = tarn_object_body(o);
    explicit_bzero((char *)body.data, body.len); /* ours alone: nobody else has it */
    tarn_object_unref(o);
    return rc;
}
