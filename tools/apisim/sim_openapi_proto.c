/* sim_openapi_proto.c - the messages of openapi.v2 (Document, Schema, Operation ...) by their field numbers, as far as our
 * documents use them. A message is written into a buffer of its own, since its length stands before it. */
#include "sim_openapi_proto.h"

enum { DOCUMENT_SWAGGER = 1, DOCUMENT_INFO = 2, DOCUMENT_PATHS = 8, DOCUMENT_DEFINITIONS = 9 };
enum { SCHEMA_REF = 1, SCHEMA_FORMAT = 2, SCHEMA_REQUIRED = 19, SCHEMA_ADDITIONAL = 21, SCHEMA_TYPE = 22, SCHEMA_ITEMS = 23,
       SCHEMA_PROPERTIES = 25, SCHEMA_EXTENSION = 31 };
enum { OPERATION_PARAMETERS = 8, OPERATION_RESPONSES = 9, OPERATION_EXTENSION = 13 };

/* ---- the wire ------------------------------------------------------------------------------------------- */

static void put_varint(struct tarn_buf *out, uint64_t n)
{
    do {
        unsigned char byte = (unsigned char)((n & 127) | (n > 127 ? 128 : 0));

        sim_put(out, &byte, 1);
        n >>= 7;
    } while (n);
}

static void put_bytes(struct tarn_buf *out, unsigned field, struct tarn_bytes b)
{
    put_varint(out, field << 3 | 2);
    put_varint(out, b.len);
    sim_put(out, b.data, b.len);
}

static void put_text(struct tarn_buf *out, unsigned field, const char *text)
{
    if (*text)
        put_bytes(out, field, tarn_bytes_of(text));
}

/* A message of its own buffer, which is released. */
static void put_message(struct tarn_buf *out, unsigned field, struct tarn_buf *message)
{
    put_bytes(out, field, tarn_buf_bytes(message));
    tarn_buf_release(message);
}

/* NamedX: its name and its value. */
static void put_named(struct tarn_buf *out, unsigned field, const char *name, struct tarn_buf *value)
{
    struct tarn_buf pair = {0};

    put_text(&pair, 1, name);
    put_message(&pair, 2, value);
    put_message(out, field, &pair);
}

/* The extensions of o (x-...), each a NamedAny of YAML, which JSON is. */
static void put_extensions(struct tarn_buf *out, unsigned field, const json_t *o)
{
    const char *key;
    json_t *v;

    json_object_foreach((json_t *)(uintptr_t)o, key, v) {
        struct tarn_buf text = {0}, any = {0};

        if (strncmp(key, "x-", 2) != 0)
            continue;
        sim_json_dump(v, false, &text);
        put_message(&any, 2, &text);
        put_named(out, field, key, &any);
    }
}

/* ---- schemas ------------------------------------------------------------------------------------------------ */

static void put_schema(const json_t *o, struct tarn_buf *out);

/* Definitions and Properties: NamedSchemas. */
static void put_schemas(struct tarn_buf *out, unsigned field, const json_t *schemas)
{
    struct tarn_buf list = {0};
    const char *name;
    json_t *v;

    json_object_foreach((json_t *)(uintptr_t)schemas, name, v) {
        struct tarn_buf schema = {0};

        put_schema(v, &schema);
        put_named(&list, 1, name, &schema);
    }
    put_message(out, field, &list);
}

/* A message that holds one schema as its field 1. */
static void put_wrapped(struct tarn_buf *out, unsigned field, const json_t *o)
{
    struct tarn_buf schema = {0}, wrapper = {0};

    if (!json_is_object(o))
        return;
    put_schema(o, &schema);
    put_message(&wrapper, 1, &schema);
    put_message(out, field, &wrapper);
}

static void put_schema(const json_t *o, struct tarn_buf *out)
{
    const char *type = sim_json_text(o, "type");
    json_t *v;
    size_t i;

    put_text(out, SCHEMA_REF, sim_json_text(o, "$ref"));
    put_text(out, SCHEMA_FORMAT, sim_json_text(o, "format"));
    json_array_foreach(json_object_get(o, "required"), i, v)
        put_text(out, SCHEMA_REQUIRED, json_string_value(v));
    put_wrapped(out, SCHEMA_ADDITIONAL, json_object_get(o, "additionalProperties"));
    if (*type) {
        struct tarn_buf item = {0};

        put_text(&item, 1, type);
        put_message(out, SCHEMA_TYPE, &item);
    }
    put_wrapped(out, SCHEMA_ITEMS, json_object_get(o, "items"));
    if (json_object_get(o, "properties"))
        put_schemas(out, SCHEMA_PROPERTIES, json_object_get(o, "properties"));
    put_extensions(out, SCHEMA_EXTENSION, o);
}

/* ---- paths ---------------------------------------------------------------------------------------------------- */

/* ParametersItem > Parameter > NonBodyParameter > QueryParameterSubSchema */
static void put_parameter(const json_t *p, struct tarn_buf *out)
{
    struct tarn_buf query = {0}, non_body = {0}, parameter = {0}, item = {0};

    put_text(&query, 2, sim_json_text(p, "in"));
    put_text(&query, 4, sim_json_text(p, "name"));
    put_text(&query, 6, sim_json_text(p, "type"));
    put_message(&non_body, 3, &query);
    put_message(&parameter, 2, &non_body);
    put_message(&item, 1, &parameter);
    put_message(out, OPERATION_PARAMETERS, &item);
}

static void put_responses(const json_t *responses, struct tarn_buf *out)
{
    struct tarn_buf all = {0};
    const char *code;
    json_t *v;

    json_object_foreach((json_t *)(uintptr_t)responses, code, v) {
        struct tarn_buf response = {0}, value = {0};

        put_text(&response, 1, sim_json_text(v, "description"));
        put_message(&value, 1, &response);
        put_named(&all, 1, code, &value);
    }
    put_message(out, OPERATION_RESPONSES, &all);
}

static void put_operation(const json_t *o, struct tarn_buf *out)
{
    json_t *p;
    size_t i;

    json_array_foreach(json_object_get(o, "parameters"), i, p)
        put_parameter(p, out);
    put_responses(json_object_get(o, "responses"), out);
    put_extensions(out, OPERATION_EXTENSION, o);
}

static void put_path(const json_t *path, struct tarn_buf *out)
{
    static const struct {
        const char *method;
        unsigned field;
    } methods[] = {{"get", 2}, {"put", 3}, {"post", 4}, {"patch", 8}};

    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        const json_t *o = json_object_get(path, methods[i].method);
        struct tarn_buf operation = {0};

        if (!o)
            continue;
        put_operation(o, &operation);
        put_message(out, methods[i].field, &operation);
    }
}

void sim_openapi_proto_put(const json_t *document, struct tarn_buf *out)
{
    struct tarn_buf info = {0}, paths = {0};
    const char *name;
    json_t *v;

    put_text(out, DOCUMENT_SWAGGER, sim_json_text(document, "swagger"));
    put_text(&info, 1, sim_json_text(document, "info.title"));
    put_text(&info, 2, sim_json_text(document, "info.version"));
    put_message(out, DOCUMENT_INFO, &info);
    json_object_foreach(json_object_get(document, "paths"), name, v) {
        struct tarn_buf path = {0};

        put_path(v, &path);
        put_named(&paths, 2, name, &path);
    }
    put_message(out, DOCUMENT_PATHS, &paths);
    put_schemas(out, DOCUMENT_DEFINITIONS, json_object_get(document, "definitions"));
}
