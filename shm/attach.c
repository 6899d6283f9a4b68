/* attach.c - the attach messages as packets: a head, fixed fields in order, texts as u16 length and bytes. */
#include <tarn/attach.h>

struct head {
    uint32_t magic;
    uint16_t type, version;
};
#define VERSION 1

/* ---- writing --------------------------------------------------------------------------------------------- */

/* A sink that remembers its first error. */
struct out {
    struct tarn_buf *b;
    int rc;
};

static void put(struct out *o, const void *p, size_t n)
{
    if (!o->rc)
        o->rc = tarn_buf_add(o->b, p, n);
}
static void put_u16(struct out *o, uint16_t v)
{
    put(o, &v, sizeof v);
}
static void put_u32(struct out *o, uint32_t v)
{
    put(o, &v, sizeof v);
}
static void put_u64(struct out *o, uint64_t v)
{
    put(o, &v, sizeof v);
}
static void put_text(struct out *o, struct tarn_bytes t)
{
    if (t.len > TARN_ATTACH_BYTES_MAX - 256)
        o->rc = o->rc ? o->rc : TARN_E_INVAL;
    put_u16(o, (uint16_t)t.len);
    put(o, t.data, t.len);
}

static void put_hello(struct out *o, const struct tarn_attach_hello *h)
{
    put_u16(o, h->abi_min);
    put_u16(o, h->abi_max);
    put_u32(o, h->pins);
    put_text(o, h->realm);
    put_text(o, h->program);
}

static void put_welcome(struct out *o, const struct tarn_attach_welcome *w)
{
    put_u64(o, w->region_bytes);
    put_u64(o, w->generation);
    put(o, w->instance, sizeof w->instance);
    put_u32(o, w->control_bytes);
    put_u32(o, w->lease_ms);
    put_u32(o, w->heartbeat_ms);
    put_u16(o, w->abi_major);
    put_u16(o, w->abi_minor);
    put_text(o, w->realm);
    put_text(o, w->agent);
}

static void put_body(struct out *o, const struct tarn_attach_message *m)
{
    switch (m->type) {
    case TARN_ATTACH_HELLO:
        put_hello(o, &m->hello);
        break;
    case TARN_ATTACH_WELCOME:
        put_welcome(o, &m->welcome);
        break;
    case TARN_ATTACH_REFUSED:
        put_u32(o, (uint32_t)m->refused.code);
        put_u32(o, m->refused.retry_after_ms);
        put_text(o, m->refused.text);
        break;
    case TARN_ATTACH_CONTROL:
        put_text(o, m->control.verb);
        put_text(o, m->control.argument);
        break;
    case TARN_ATTACH_REPLY:
        put_u32(o, (uint32_t)m->reply.code);
        put_u16(o, m->reply.last);
        put_text(o, m->reply.bytes);
        break;
    case TARN_ATTACH_SUPERSEDED:
        put_u64(o, m->superseded.generation);
        break;
    default:
        o->rc = TARN_E_INVAL;
    }
}

int tarn_attach_encode(const struct tarn_attach_message *m, struct tarn_buf *out)
{
    const struct head h = {.magic = TARN_ATTACH_MAGIC, .type = (uint16_t)m->type, .version = VERSION};
    size_t before = out->len;
    struct out o = {.b = out};

    if (m->type == TARN_ATTACH_DOORBELL)
        return tarn_buf_add(out, "", 1);
    put(&o, &h, sizeof h);
    put_body(&o, m);
    if (!o.rc && out->len - before > TARN_ATTACH_BYTES_MAX)
        o.rc = TARN_E_INVAL;
    if (o.rc)
        out->len = before;
    return o.rc;
}

/* ---- reading ------------------------------------------------------------------------------------------------ */

/* A source that remembers whether it ran dry. */
struct in {
    const char *p;
    size_t left;
    bool dry;
};

static void take(struct in *i, void *p, size_t n)
{
    if (n > i->left) {
        i->dry = true;
        memset(p, 0, n);
        return;
    }
    memcpy(p, i->p, n);
    i->p += n;
    i->left -= n;
}
static uint16_t take_u16(struct in *i)
{
    uint16_t v;

    take(i, &v, sizeof v);
    return v;
}
static uint32_t take_u32(struct in *i)
{
    uint32_t v;

    take(i, &v, sizeof v);
    return v;
}
static uint64_t take_u64(struct in *i)
{
    uint64_t v;

    take(i, &v, sizeof v);
    return v;
}
static struct tarn_bytes take_text(struct in *i)
{
    struct tarn_bytes t = {.len = take_u16(i)};

    if (i->dry || t.len > i->left) {
        i->dry = true;
        return (struct tarn_bytes){0};
    }
    t.data = i->p;
    i->p += t.len;
    i->left -= t.len;
    return t;
}

static void take_hello(struct in *i, struct tarn_attach_hello *h)
{
    h->abi_min = take_u16(i);
    h->abi_max = take_u16(i);
    h->pins = take_u32(i);
    h->realm = take_text(i);
    h->program = take_text(i);
}

static void take_welcome(struct in *i, struct tarn_attach_welcome *w)
{
    w->region_bytes = take_u64(i);
    w->generation = take_u64(i);
    take(i, w->instance, sizeof w->instance);
    w->control_bytes = take_u32(i);
    w->lease_ms = take_u32(i);
    w->heartbeat_ms = take_u32(i);
    w->abi_major = take_u16(i);
    w->abi_minor = take_u16(i);
    w->realm = take_text(i);
    w->agent = take_text(i);
}

/* false: no such type. */
static bool take_body(struct in *i, struct tarn_attach_message *m)
{
    switch (m->type) {
    case TARN_ATTACH_HELLO:
        take_hello(i, &m->hello);
        return true;
    case TARN_ATTACH_WELCOME:
        take_welcome(i, &m->welcome);
        return true;
    case TARN_ATTACH_REFUSED:
        m->refused.code = (int32_t)take_u32(i);
        m->refused.retry_after_ms = take_u32(i);
        m->refused.text = take_text(i);
        return true;
    case TARN_ATTACH_CONTROL:
        m->control.verb = take_text(i);
        m->control.argument = take_text(i);
        return true;
    case TARN_ATTACH_REPLY:
        m->reply.code = (int32_t)take_u32(i);
        m->reply.last = take_u16(i);
        m->reply.bytes = take_text(i);
        return true;
    case TARN_ATTACH_SUPERSEDED:
        m->superseded.generation = take_u64(i);
        return true;
    default:
        return false;
    }
}

static int check_texts(const struct tarn_attach_message *m, struct tarn_error *err)
{
    struct tarn_bytes realm = m->type == TARN_ATTACH_HELLO ? m->hello.realm : m->type == TARN_ATTACH_WELCOME ? m->welcome.realm : (struct tarn_bytes){0};

    if (realm.len > TARN_REALM_MAX || (realm.len && memchr(realm.data, 0, realm.len)))
        return tarn_error_set(err, TARN_E_CORRUPT, "attach message: realm name of %zu bytes, at most %u without NUL", realm.len, TARN_REALM_MAX);
    if (m->type == TARN_ATTACH_HELLO && m->hello.abi_min > m->hello.abi_max)
        return tarn_error_set(err, TARN_E_CORRUPT, "attach message: formats %u to %u", m->hello.abi_min, m->hello.abi_max);
    return 0;
}

int tarn_attach_decode(struct tarn_bytes packet, struct tarn_attach_message *ret, struct tarn_error *err)
{
    struct in i = {.p = packet.data, .left = packet.len};
    struct tarn_attach_message m = {0};
    struct head h;
    int rc;

    if (packet.len == 1 && !packet.data[0]) {
        *ret = (struct tarn_attach_message){.type = TARN_ATTACH_DOORBELL};
        return 0;
    }
    take(&i, &h, sizeof h);
    if (i.dry || packet.len > TARN_ATTACH_BYTES_MAX)
        return tarn_error_set(err, TARN_E_CORRUPT, "attach message of %zu bytes", packet.len);
    if (h.magic != TARN_ATTACH_MAGIC)
        return tarn_error_set(err, TARN_E_CORRUPT, "not an attach message: begins with %08x", h.magic);
    if (h.version != VERSION)
        return tarn_error_set(err, TARN_E_ABI, "attach message of version %u, this side speaks %u", h.version, VERSION);
    m.type = h.type;
    if (!take_body(&i, &m))
        return tarn_error_set(err, TARN_E_CORRUPT, "attach message of unknown type %u", h.type);
    if (i.dry)
        return tarn_error_set(err, TARN_E_CORRUPT, "attach message of type %u is cut short at %zu bytes", h.type, packet.len);
    rc = check_texts(&m, err);
    if (!rc)
        *ret = m;
    return rc;
}
