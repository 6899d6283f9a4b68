/* sim_object.c - templates with holes, and the objects that fill them. */
#include "sim_object.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct sim_hole {
    uint32_t at; /* stands before this byte of the text */
    uint32_t value;
};

struct sim_template {
    uint32_t refs, nholes, nvalues, len;
    uint32_t text_off; /* of the text in data, behind the holes */
    bool shared;       /* by many objects */
    _Alignas(struct sim_hole) char data[]; /* the holes, then the text */
};

/* ---- memory -------------------------------------------------------------------------- */

static void out_of_memory(void)
{
    fputs("tarn-apisim: out of memory\n", stderr);
    exit(70);
}

void *sim_alloc(size_t n)
{
    void *p = malloc(n ? n : 1);

    if (!p)
        out_of_memory();
    return p;
}

void *sim_realloc(void *p, size_t n)
{
    p = realloc(p, n ? n : 1);
    if (!p)
        out_of_memory();
    return p;
}

void sim_put(struct tarn_buf *b, const void *data, size_t n)
{
    if (tarn_buf_add(b, data, n))
        out_of_memory();
}

void sim_puts(struct tarn_buf *b, const char *s)
{
    sim_put(b, s, strlen(s));
}

void sim_putf(struct tarn_buf *b, const char *fmt, ...)
{
    char small[256];
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(small, sizeof small, fmt, ap);
    va_end(ap);
    if (n < (int)sizeof small) {
        sim_put(b, small, (size_t)n);
        return;
    }
    if (tarn_buf_reserve(b, (size_t)n + 1))
        out_of_memory();
    va_start(ap, fmt);
    (void)vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->len += (size_t)n;
}

/* ---- templates ------------------------------------------------------------------------- */

void sim_builder_hole(struct sim_builder *b, unsigned value)
{
    struct sim_hole h = {.at = (uint32_t)b->text.len, .value = value};

    sim_put(&b->holes, &h, sizeof h);
    if (value >= b->values)
        b->values = value + 1;
}

struct sim_template *sim_builder_finish(struct sim_builder *b)
{
    struct sim_template *t = sim_alloc(sizeof *t + b->holes.len + b->text.len);

    *t = (struct sim_template){
        .refs = 1,
        .nholes = (uint32_t)(b->holes.len / sizeof(struct sim_hole)),
        .nvalues = b->values ? b->values : 1,
        .len = (uint32_t)b->text.len,
        .text_off = (uint32_t)b->holes.len,
    };
    if (b->holes.len)
        memcpy(t->data, b->holes.data, b->holes.len);
    if (b->text.len)
        memcpy(t->data + t->text_off, b->text.data, b->text.len);
    tarn_buf_release(&b->holes);
    tarn_buf_release(&b->text);
    b->values = 0;
    return t;
}

void sim_template_unref(struct sim_template *t)
{
    if (t && --t->refs == 0)
        free(t);
}

struct sim_template *sim_template_share(struct sim_template *t)
{
    t->shared = true;
    return t;
}

static const struct sim_hole *holes(const struct sim_template *t)
{
    return (const struct sim_hole *)(const void *)t->data;
}

/* ---- objects ----------------------------------------------------------------------------- */

static uint32_t text_size(const struct sim_template *t, const struct tarn_bytes *values)
{
    uint32_t size = t->len;

    for (uint32_t i = 0; i < t->nholes; i++)
        size += (uint32_t)values[holes(t)[i].value].len;
    return size;
}

struct sim_object *sim_object_new(struct sim_template *t, struct tarn_bytes ns, struct tarn_bytes name, uint64_t rv,
                                  const struct tarn_bytes *values)
{
    struct tarn_bytes v[SIM_VALUES_MAX];
    size_t bytes = t->nvalues * sizeof(uint16_t), key_len = ns.len + (ns.len ? 1 : 0) + name.len;
    char rv_text[24], *p;
    struct sim_object *o;
    uint16_t *lens;

    v[SIM_RV] = (struct tarn_bytes){rv_text, (size_t)snprintf(rv_text, sizeof rv_text, "%llu", (unsigned long long)rv)};
    for (uint32_t i = 1; i < t->nvalues; i++)
        v[i] = values[i];
    for (uint32_t i = 0; i < t->nvalues; i++)
        bytes += v[i].len;
    o = sim_alloc(sizeof *o + bytes + key_len);
    *o = (struct sim_object){.refs = 1, .size = text_size(t, v), .rv = rv, .tmpl = t, .ns_len = (uint16_t)ns.len,
                             .key_len = (uint16_t)key_len, .key_off = (uint32_t)bytes};
    t->refs++;
    lens = (uint16_t *)(void *)o->data;
    p = o->data + t->nvalues * sizeof *lens;
    for (uint32_t i = 0; i < t->nvalues; i++) {
        lens[i] = (uint16_t)v[i].len;
        if (v[i].len)
            memcpy(p, v[i].data, v[i].len);
        p += v[i].len;
    }
    if (ns.len) {
        memcpy(p, ns.data, ns.len);
        p += ns.len;
        *p++ = '/';
    }
    memcpy(p, name.data, name.len);
    return o;
}

struct sim_object *sim_object_ref(struct sim_object *o)
{
    o->refs++;
    return o;
}

void sim_object_unref(struct sim_object *o)
{
    if (!o || --o->refs)
        return;
    tarn_object_unref(o->facts);
    sim_template_unref(o->tmpl);
    free(o);
}

unsigned sim_object_values(const struct sim_object *o, struct tarn_bytes *ret)
{
    const uint16_t *lens = (const uint16_t *)(const void *)o->data;
    const char *p = o->data + o->tmpl->nvalues * sizeof *lens;

    for (uint32_t i = 0; i < o->tmpl->nvalues; i++) {
        ret[i] = (struct tarn_bytes){p, lens[i]};
        p += lens[i];
    }
    return o->tmpl->nvalues;
}

struct sim_object *sim_object_at(const struct sim_object *o, uint64_t rv)
{
    struct tarn_bytes v[SIM_VALUES_MAX];
    struct sim_object *n;

    (void)sim_object_values(o, v);
    n = sim_object_new(o->tmpl, sim_object_ns(o), sim_object_name(o), rv, v);
    if (o->facts)
        n->facts = tarn_object_ref(o->facts);
    return n;
}

bool sim_object_same_but_written(const struct sim_object *a, const struct sim_object *b)
{
    struct tarn_bytes va[SIM_VALUES_MAX], vb[SIM_VALUES_MAX];
    unsigned n;

    if (a->tmpl != b->tmpl)
        return false;
    n = sim_object_values(a, va);
    (void)sim_object_values(b, vb);
    for (unsigned i = SIM_WRITTEN + 1; i < n; i++)
        if (!tarn_bytes_equal(va[i], vb[i]))
            return false;
    return true;
}

uint32_t sim_object_memory(const struct sim_object *o)
{
    return (uint32_t)sizeof *o + o->key_off + o->key_len +
           (o->tmpl->shared ? 0 : o->tmpl->len);
}

struct tarn_bytes sim_object_key(const struct sim_object *o)
{
    return (struct tarn_bytes){o->data + o->key_off, o->key_len};
}

struct tarn_bytes sim_object_ns(const struct sim_object *o)
{
    return (struct tarn_bytes){o->data + o->key_off, o->ns_len};
}

struct tarn_bytes sim_object_name(const struct sim_object *o)
{
    uint32_t skip = o->ns_len ? o->ns_len + 1u : 0;

    return (struct tarn_bytes){o->data + o->key_off + skip, o->key_len - skip};
}

void sim_object_render(const struct sim_object *o, struct tarn_buf *out)
{
    const struct sim_template *t = o->tmpl;
    const char *text = t->data + t->text_off;
    struct tarn_bytes v[SIM_VALUES_MAX];
    uint32_t from = 0;
    char *p;

    if (tarn_buf_reserve(out, o->size))
        out_of_memory();
    (void)sim_object_values(o, v);
    p = out->data + out->len;
    for (uint32_t i = 0; i < t->nholes; i++) {
        const struct sim_hole *h = &holes(t)[i];

        memcpy(p, text + from, h->at - from);
        p += h->at - from;
        from = h->at;
        if (v[h->value].len)
            memcpy(p, v[h->value].data, v[h->value].len);
        p += v[h->value].len;
    }
    memcpy(p, text + from, t->len - from);
    out->len += o->size;
}

/* ---- time and chance ----------------------------------------------------------------------- */

uint64_t sim_wall_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void sim_rfc3339(uint64_t wall_ns, char *ret)
{
    time_t t = (time_t)(wall_ns / 1000000000u);
    struct tm tm;

    gmtime_r(&t, &tm);
    strftime(ret, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

/* splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014). */
uint64_t sim_random_next(struct sim_random *r)
{
    uint64_t z = r->state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint32_t sim_random_below(struct sim_random *r, uint32_t n)
{
    return (uint32_t)((sim_random_next(r) >> 32) * n >> 32);
}

void sim_random_uuid(struct sim_random *r, char *ret)
{
    uint64_t a = sim_random_next(r), b = sim_random_next(r);

    (void)snprintf(ret, 37, "%08x-%04x-4%03x-%04x-%012llx", (unsigned)(a >> 32), (unsigned)(a >> 16 & 0xffff),
                   (unsigned)(a & 0xfff), (unsigned)(0x8000 | (b >> 48 & 0x3fff)),
                   (unsigned long long)(b & 0xffffffffffffu));
}
