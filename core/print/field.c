/* Short forms of reading a field. See field.h. */
#include "field.h"

#include <inttypes.h>

#include "print_text.h"

static const struct tarn_value nil = {.type = TARN_NIL};

struct tarn_value field_root(const struct tarn_object *obj)
{
    struct tarn_value v;

    return tarn_value_parse(tarn_object_body(obj), &v) == 0 ? v : nil;
}

struct tarn_value field_at(const struct tarn_value *v, const char *path)
{
    struct tarn_value out;

    return tarn_value_get(v, path, &out) == 0 ? out : nil;
}

struct tarn_bytes field_string(const struct tarn_value *v, const char *path)
{
    struct tarn_value s = field_at(v, path);

    return s.type == TARN_STRING ? s.string : (struct tarn_bytes){0};
}

int64_t field_int(const struct tarn_value *v, const char *path)
{
    struct tarn_value i = field_at(v, path);

    return i.type == TARN_INT ? i.i : 0;
}

bool field_true(const struct tarn_value *v, const char *path)
{
    struct tarn_value b = field_at(v, path);

    return b.type == TARN_BOOL && b.boolean;
}

bool field_exists(const struct tarn_value *v, const char *path)
{
    return field_at(v, path).type != TARN_NIL;
}

unsigned field_count(const struct tarn_value *v, const char *path)
{
    struct tarn_value c = field_at(v, path);

    return c.type == TARN_ARRAY || c.type == TARN_MAP ? c.count : 0;
}

void field_text(const struct tarn_value *v, struct print_text *out)
{
    switch (v->type) {
    case TARN_STRING:
        print_add(out, v->string);
        return;
    case TARN_INT:
        print_addf(out, "%" PRId64, v->i);
        return;
    case TARN_UINT:
        print_addf(out, "%" PRIu64, v->u);
        return;
    case TARN_DOUBLE:
        print_addf(out, "%g", v->d);
        return;
    case TARN_BOOL:
        print_addf(out, "%s", v->boolean ? "true" : "false");
        return;
    default:
        return;
    }
}
