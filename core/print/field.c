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

/* ---- what a value says ------------------------------------------------------------------------- */

static struct tarn_bytes string_of(const struct tarn_value *v)
{
    return v->type == TARN_STRING ? v->string : (struct tarn_bytes){0};
}

static int64_t int_of(const struct tarn_value *v)
{
    return v->type == TARN_INT ? v->i : 0;
}

static bool is_true(const struct tarn_value *v)
{
    return v->type == TARN_BOOL && v->boolean;
}

static unsigned count_of(const struct tarn_value *v)
{
    return v->type == TARN_ARRAY || v->type == TARN_MAP ? v->count : 0;
}

/* ---- where it stands ----------------------------------------------------------------------------- */

struct tarn_value field_at(const struct tarn_value *v, const char *path)
{
    struct tarn_value out;

    return tarn_value_get(v, path, &out) == 0 ? out : nil;
}

struct tarn_value object_at(const struct tarn_object *obj, const char *path)
{
    struct tarn_value out;

    return tarn_object_get(obj, path, &out) == 0 ? out : nil;
}

struct tarn_bytes field_string(const struct tarn_value *of, const char *path)
{
    struct tarn_value v = field_at(of, path);

    return string_of(&v);
}

int64_t field_int(const struct tarn_value *of, const char *path)
{
    struct tarn_value v = field_at(of, path);

    return int_of(&v);
}

bool field_true(const struct tarn_value *of, const char *path)
{
    struct tarn_value v = field_at(of, path);

    return is_true(&v);
}

bool field_exists(const struct tarn_value *of, const char *path)
{
    struct tarn_value v = field_at(of, path);

    return v.type != TARN_NIL;
}

unsigned field_count(const struct tarn_value *of, const char *path)
{
    struct tarn_value v = field_at(of, path);

    return count_of(&v);
}

struct tarn_bytes object_string(const struct tarn_object *of, const char *path)
{
    struct tarn_value v = object_at(of, path);

    return string_of(&v);
}

int64_t object_int(const struct tarn_object *of, const char *path)
{
    struct tarn_value v = object_at(of, path);

    return int_of(&v);
}

bool object_true(const struct tarn_object *of, const char *path)
{
    struct tarn_value v = object_at(of, path);

    return is_true(&v);
}

bool object_exists(const struct tarn_object *of, const char *path)
{
    struct tarn_value v = object_at(of, path);

    return v.type != TARN_NIL;
}

unsigned object_count(const struct tarn_object *of, const char *path)
{
    struct tarn_value v = object_at(of, path);

    return count_of(&v);
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
