/* native.h - what the files of the extension module share.
 *
 * The idea: Python objects here are thin handles over shared memory. Each remembers the scope it was read in (a snapshot, or one
 * call of an informer's handler) and asks it before every access, so that what has ended raises instead of showing other bytes. A buffer that
 * was exported (memoryview) keeps its scope from being closed, as with bytearray.
 *
 * Only the stable ABI (3.11) is used: one wheel serves all later versions. The GIL protects all of it.
 */
#ifndef TARN_PYTHON_NATIVE_H
#define TARN_PYTHON_NATIVE_H

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>
#include <stdbool.h>

#include <tarn/tarn.h>

/* What objects are read in. A snapshot is one, with its handle; a handler's call is one without. */
struct scope {
    PyObject ob_base;
    struct tarn_snapshot *s;
    PyObject *client; /* the Client that s belongs to; NULL: a handler's call */
    Py_ssize_t exports;
    bool open;
};

/* An API object: borrowed in its scope, or a copy of its own (scope NULL). */
struct object {
    PyObject ob_base;
    struct scope *scope;
    const struct tarn_object *obj;
};

/* The types, made by module.c; immortal once the module is imported. */
extern PyTypeObject *native_client_type, *native_snapshot_type, *native_scope_type, *native_object_type, *native_map_type, *native_list_type,
    *native_iterator_type, *native_informer_type;
extern PyType_Spec native_client_spec, native_snapshot_spec, native_scope_spec, native_object_spec, native_map_spec, native_list_spec,
    native_iterator_spec, native_informer_spec;

/* ---- errors (errors.c) --------------------------------------------------------------------- */

/* Add the exceptions to the module; 0 or -1 with an exception set. */
int native_add_errors(PyObject *module);
/* Raise the exception of a code, with err's message where it has one. Returns NULL. */
PyObject *native_raise(int code, const struct tarn_error *err);

/* ---- values (value.c) ------------------------------------------------------------------------ */

/* v as Python has it: a plain value, or a lazy Map or List that belongs to owner. New reference or NULL. */
PyObject *native_value(struct object *owner, const struct tarn_value *v);
/* v[key] of a map; NULL with KeyError. */
PyObject *native_map_item(struct object *owner, const struct tarn_value *v, PyObject *key);
/* The keys of a map as a list of str. */
PyObject *native_map_keys(const struct tarn_value *v);
/* v as dict, list, str ... all the way down. */
PyObject *native_value_whole(const struct tarn_value *v);

/* ---- objects (object.c) ------------------------------------------------------------------------ */

/* A handle of obj, read in scope. New reference or NULL. */
PyObject *native_object(struct scope *scope, const struct tarn_object *obj);
/* A handle that owns obj (a reference of ours is taken over, also on failure). */
PyObject *native_object_owned(const struct tarn_object *obj);

/* ---- scopes (scope.c) --------------------------------------------------------------------------- */

/* Is the scope open? If not, an exception is set. */
bool native_scope_is_open(const struct scope *s);
/* Is o, read in a scope or a copy, still to be read? If not, an exception is set. */
bool native_object_readable(const struct object *o);
void native_scope_dealloc(PyObject *self);
/* A scope for one call of a handler; close it after the call. */
struct scope *native_scope_new(void);
/* Nothing may be read in it any more. False, with BufferError, while a memoryview is out. */
bool native_scope_close(struct scope *s);

/* ---- clients and queries ------------------------------------------------------------------------ */

/* The options of Client and Informer from their arguments. False with an exception set. */
bool native_options(PyObject *args, PyObject *kwargs, struct tarn_client_options *ret);
/* Seconds (float, int, None for ever) as the C library's milliseconds. False with an exception set. */
bool native_timeout(PyObject *seconds, uint32_t *ret_ms);
/* A namedtuple-like tuple of a resource's facts. */
PyObject *native_resource(const struct tarn_resource *r);
/* A query from keyword arguments of list(). The selectors are the iterator's. */
PyObject *native_list(struct scope *scope, PyObject *args, PyObject *kwargs);
PyObject *native_by_index(struct scope *scope, PyObject *args);

/* Parse a label or field selector from str or None; NULL stays NULL. False with an exception set. */
bool native_labels(const char *text, const struct tarn_selector **ret);
bool native_fields(const char *text, const struct tarn_field_selector **ret);

static inline PyObject *native_str(struct tarn_bytes b)
{
    return PyUnicode_DecodeUTF8(b.data, (Py_ssize_t)b.len, "surrogateescape");
}

#endif
