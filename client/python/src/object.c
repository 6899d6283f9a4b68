/* Object: one API object, read where it lies. */
#include "native.h"

static PyObject *object_new(struct scope *scope, const struct tarn_object *obj)
{
    struct object *o = PyObject_New(struct object, native_object_type);

    if (!o)
        return NULL;
    o->scope = scope ? (struct scope *)Py_NewRef((PyObject *)scope) : NULL;
    o->obj = obj;
    return (PyObject *)o;
}

PyObject *native_object(struct scope *scope, const struct tarn_object *obj)
{
    return object_new(scope, obj);
}

PyObject *native_object_owned(const struct tarn_object *obj)
{
    PyObject *o = object_new(NULL, obj);

    if (!o)
        tarn_object_unref(obj);
    return o;
}

static void object_dealloc(PyObject *self)
{
    struct object *o = (struct object *)self;
    PyTypeObject *type = Py_TYPE(self);

    if (o->scope)
        Py_DECREF((PyObject *)o->scope);
    else
        tarn_object_unref(o->obj);
    PyObject_Free(self);
    Py_DECREF(type);
}

/* The whole object as a value; a key or a tombstone is an empty map. False with an exception set. */
static bool root_of(PyObject *self, struct tarn_value *ret)
{
    struct object *o = (struct object *)self;
    struct tarn_bytes body;
    int rc;

    if (!native_object_readable(o))
        return false;
    body = tarn_object_body(o->obj);
    *ret = (struct tarn_value){.type = TARN_MAP};
    if (!body.len)
        return true;
    rc = tarn_value_parse(body, ret);
    if (rc == 0 && ret->type != TARN_MAP)
        rc = TARN_E_TYPE;
    return rc == 0 || native_raise(rc, NULL);
}

/* ---- as a mapping ------------------------------------------------------------------------------------ */

static PyObject *object_item(PyObject *self, PyObject *key)
{
    struct tarn_value root;

    return root_of(self, &root) ? native_map_item((struct object *)self, &root, key) : NULL;
}

static Py_ssize_t object_len(PyObject *self)
{
    struct tarn_value root;

    return root_of(self, &root) ? (Py_ssize_t)root.count : -1;
}

static PyObject *object_iter(PyObject *self)
{
    struct tarn_value root;
    PyObject *keys = root_of(self, &root) ? native_map_keys(&root) : NULL, *it;

    it = keys ? PyObject_GetIter(keys) : NULL;
    Py_XDECREF(keys);
    return it;
}

static int object_contains(PyObject *self, PyObject *key)
{
    PyObject *value = object_item(self, key);

    if (value) {
        Py_DECREF(value);
        return 1;
    }
    if (!PyErr_ExceptionMatches(PyExc_KeyError))
        return -1;
    PyErr_Clear();
    return 0;
}

static PyObject *object_unwrap(PyObject *self, PyObject *unused)
{
    struct tarn_value root;

    (void)unused;
    return root_of(self, &root) ? native_value_whole(&root) : NULL;
}

static PyObject *object_compare(PyObject *self, PyObject *other, int op)
{
    PyObject *mine, *theirs, *result = NULL;

    if (op != Py_EQ && op != Py_NE)
        return Py_NewRef(Py_NotImplemented);
    mine = object_unwrap(self, NULL);
    theirs = Py_TYPE(other) == Py_TYPE(self) ? object_unwrap(other, NULL) : Py_NewRef(other);
    if (mine && theirs)
        result = PyObject_RichCompare(mine, theirs, op);
    Py_XDECREF(mine);
    Py_XDECREF(theirs);
    return result;
}

/* ---- fields and forms --------------------------------------------------------------------------------- */

static PyObject *object_path(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    struct object *o = (struct object *)self;
    struct tarn_value v;
    const char *path;
    int rc;

    if (nargs < 1 || nargs > 2) {
        PyErr_SetString(PyExc_TypeError, "path() takes a path and optionally a default");
        return NULL;
    }
    path = PyUnicode_AsUTF8AndSize(args[0], NULL);
    if (!path || !native_object_readable(o))
        return NULL;
    rc = tarn_object_get(o->obj, path, &v);
    if (rc == 0)
        return native_value(o, &v);
    if (rc == TARN_E_NOTFOUND)
        return Py_NewRef(nargs == 2 ? args[1] : Py_None);
    return native_raise(rc, NULL);
}

static PyObject *object_json(PyObject *self, PyObject *unused)
{
    struct object *o = (struct object *)self;
    struct tarn_buf b = {0};
    PyObject *text = NULL;
    int rc;

    (void)unused;
    if (!native_object_readable(o))
        return NULL;
    rc = tarn_object_to_json(o->obj, &b);
    if (rc)
        native_raise(rc, NULL);
    else
        text = native_str(tarn_buf_bytes(&b));
    tarn_buf_release(&b);
    return text;
}

static PyObject *object_copy(PyObject *self, PyObject *unused)
{
    struct object *o = (struct object *)self;
    const struct tarn_object *copy;

    (void)unused;
    if (!native_object_readable(o))
        return NULL;
    copy = tarn_object_ref(o->obj);
    return copy ? native_object_owned(copy) : PyErr_NoMemory();
}

/* The body's bytes, read-only; keeps the scope from being closed. */
static int object_buffer(PyObject *self, Py_buffer *view, int flags)
{
    struct object *o = (struct object *)self;
    struct tarn_bytes body;

    if (!native_object_readable(o)) {
        view->obj = NULL;
        return -1;
    }
    body = tarn_object_body(o->obj);
    if (PyBuffer_FillInfo(view, self, (void *)(uintptr_t)body.data, (Py_ssize_t)body.len, 1, flags) < 0)
        return -1;
    if (o->scope)
        o->scope->exports++;
    return 0;
}

static void object_buffer_released(PyObject *self, Py_buffer *view)
{
    struct object *o = (struct object *)self;

    (void)view;
    if (o->scope)
        o->scope->exports--;
}

/* ---- attributes --------------------------------------------------------------------------------------------- */

enum field { KEY, NAME, NAMESPACE, UID, RESOURCE_VERSION };

static PyObject *object_field(PyObject *self, void *which)
{
    struct object *o = (struct object *)self;

    if (!native_object_readable(o))
        return NULL;
    switch ((enum field)(uintptr_t)which) {
    case KEY:
        return native_str(tarn_object_key(o->obj));
    case NAME:
        return native_str(tarn_object_name(o->obj));
    case NAMESPACE:
        return native_str(tarn_object_namespace(o->obj));
    case UID:
        return native_str(tarn_object_uid(o->obj));
    default:
        return native_str(tarn_object_resource_version_text(o->obj));
    }
}

static PyObject *object_flag(PyObject *self, void *flag)
{
    struct object *o = (struct object *)self;

    return native_object_readable(o) ? PyBool_FromLong(tarn_object_flags(o->obj) & (uintptr_t)flag) : NULL;
}

static PyObject *object_final_state(PyObject *self, void *unused)
{
    struct object *o = (struct object *)self;
    const struct tarn_object *last;

    (void)unused;
    if (!native_object_readable(o))
        return NULL;
    last = tarn_object_final_state(o->obj);
    if (!last)
        return Py_NewRef(Py_None);
    if (o->scope)
        return native_object(o->scope, last);
    last = tarn_object_ref(last); /* a copy: it may outlive the tombstone it lies in */
    return last ? native_object_owned(last) : PyErr_NoMemory();
}

static PyObject *object_repr(PyObject *self)
{
    struct object *o = (struct object *)self;
    struct tarn_bytes key;

    if (o->scope && !o->scope->open)
        return PyUnicode_FromString("<tarn.Object of a closed snapshot>");
    key = tarn_object_key(o->obj);
    return PyUnicode_FromFormat("<tarn.Object %.*s>", (int)key.len, key.data);
}

static PyGetSetDef object_fields[] = {
    {"key", object_field, NULL, "'namespace/name', or 'name' where there are no namespaces", (void *)KEY},
    {"name", object_field, NULL, "metadata.name", (void *)NAME},
    {"namespace", object_field, NULL, "metadata.namespace; '' for a cluster-scoped object", (void *)NAMESPACE},
    {"uid", object_field, NULL, "metadata.uid", (void *)UID},
    {"resource_version", object_field, NULL, "metadata.resourceVersion", (void *)RESOURCE_VERSION},
    {"is_tombstone", object_flag, NULL, "True if only the delete is known; final_state may have the last state", (void *)TARN_OBJECT_TOMBSTONE},
    {"is_key", object_flag, NULL, "True if only the key is known (an informer's old state that is gone)", (void *)TARN_OBJECT_EXPLICIT_KEY},
    {"final_state", object_final_state, NULL, "the last known state in a tombstone, or None", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
static PyMethodDef object_methods[] = {
    {"path", (PyCFunction)(void (*)(void))object_path, METH_FASTCALL,
     "path($self, path, default=None, /)\n--\n\nThe value at a path such as \"spec.nodeName\" or \"metadata.labels['a.b/c']\", or default."},
    {"unwrap", object_unwrap, METH_NOARGS, "unwrap($self, /)\n--\n\nAll of it as a dict of its own."},
    {"to_json", object_json, METH_NOARGS, "to_json($self, /)\n--\n\nThe object as JSON text."},
    {"copy", object_copy, METH_NOARGS, "copy($self, /)\n--\n\nThe object in memory of its own: it outlives the snapshot."},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot object_slots[] = {
    {Py_tp_doc, "An API object, read where it lies: a read-only mapping, and a buffer of its MessagePack bytes (memoryview(o))."},
    {Py_tp_dealloc, (void *)object_dealloc},
    {Py_mp_subscript, (void *)object_item},
    {Py_mp_length, (void *)object_len},
    {Py_sq_contains, (void *)object_contains},
    {Py_tp_iter, (void *)object_iter},
    {Py_tp_repr, (void *)object_repr},
    {Py_tp_richcompare, (void *)object_compare},
    {Py_tp_hash, (void *)PyObject_HashNotImplemented},
    {Py_tp_methods, object_methods},
    {Py_tp_getset, object_fields},
    {Py_bf_getbuffer, (void *)object_buffer},
    {Py_bf_releasebuffer, (void *)object_buffer_released},
    {0, NULL},
};
PyType_Spec native_object_spec = {.name = "tarn.Object",
                                  .basicsize = sizeof(struct object),
                                  .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                                  .slots = object_slots};
