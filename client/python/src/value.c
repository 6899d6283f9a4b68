/* Map and List: lazy views of MessagePack maps and arrays. Nothing below them is decoded until it is asked for. */
#include "native.h"

enum { DEPTH_MAX = 512 };

struct node {
    PyObject ob_base;
    struct object *owner;
    struct tarn_value v;
};

static PyObject *node_new(PyTypeObject *type, struct object *owner, const struct tarn_value *v)
{
    struct node *n = PyObject_New(struct node, type);

    if (!n)
        return NULL;
    n->owner = (struct object *)Py_NewRef((PyObject *)owner);
    n->v = *v;
    return (PyObject *)n;
}

static void node_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    Py_DECREF(((struct node *)self)->owner);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyObject *plain(const struct tarn_value *v)
{
    switch (v->type) {
    case TARN_BOOL:
        return PyBool_FromLong(v->boolean);
    case TARN_INT:
        return PyLong_FromLongLong(v->i);
    case TARN_UINT:
        return PyLong_FromUnsignedLongLong(v->u);
    case TARN_DOUBLE:
        return PyFloat_FromDouble(v->d);
    case TARN_STRING:
        return native_str(v->string);
    default:
        return Py_NewRef(Py_None);
    }
}

PyObject *native_value(struct object *owner, const struct tarn_value *v)
{
    if (v->type == TARN_MAP)
        return node_new(native_map_type, owner, v);
    if (v->type == TARN_ARRAY)
        return node_new(native_list_type, owner, v);
    return plain(v);
}

/* ---- all of it --------------------------------------------------------------------------------- */

static PyObject *whole(const struct tarn_value *v, unsigned depth);

static int put(PyObject *to, bool is_map, struct tarn_bytes key, PyObject *value)
{
    PyObject *name;
    int rc;

    if (!is_map)
        return PyList_Append(to, value);
    name = native_str(key);
    rc = name ? PyDict_SetItem(to, name, value) : -1;
    Py_XDECREF(name);
    return rc;
}

static int fill(PyObject *to, const struct tarn_value *v, unsigned depth)
{
    struct tarn_value it = *v, child;
    struct tarn_bytes key = {0};
    int rc;

    while ((rc = tarn_value_next(&it, &key, &child)) == 1) {
        PyObject *value = whole(&child, depth);

        rc = value ? put(to, v->type == TARN_MAP, key, value) : -1;
        Py_XDECREF(value);
        if (rc < 0)
            return -1;
    }
    if (rc < 0)
        native_raise(rc, NULL);
    return rc;
}

static PyObject *whole(const struct tarn_value *v, unsigned depth)
{
    PyObject *to;

    if (v->type != TARN_MAP && v->type != TARN_ARRAY)
        return plain(v);
    if (depth == DEPTH_MAX)
        return native_raise(TARN_E_DEPTH, NULL);
    to = v->type == TARN_MAP ? PyDict_New() : PyList_New(0);
    if (to && fill(to, v, depth + 1) < 0)
        Py_CLEAR(to);
    return to;
}

PyObject *native_value_whole(const struct tarn_value *v)
{
    return whole(v, 0);
}

/* ---- maps ------------------------------------------------------------------------------------------ */

/* 1: found, 0: not there, -1: an exception is set. */
static int find(const struct tarn_value *v, PyObject *key, struct tarn_value *ret)
{
    struct tarn_value it = *v;
    struct tarn_bytes name, wanted;
    Py_ssize_t len;
    int rc;

    if (!PyUnicode_Check(key))
        return 0;
    wanted.data = PyUnicode_AsUTF8AndSize(key, &len);
    if (!wanted.data)
        return -1;
    wanted.len = (size_t)len;
    while ((rc = tarn_value_next(&it, &name, ret)) == 1)
        if (tarn_bytes_equal(name, wanted))
            return 1;
    if (rc < 0)
        native_raise(rc, NULL);
    return rc;
}

PyObject *native_map_item(struct object *owner, const struct tarn_value *v, PyObject *key)
{
    struct tarn_value child;
    int rc = find(v, key, &child);

    if (rc == 1)
        return native_value(owner, &child);
    if (rc == 0)
        PyErr_SetObject(PyExc_KeyError, key);
    return NULL;
}

PyObject *native_map_keys(const struct tarn_value *v)
{
    PyObject *keys = PyList_New(0);
    struct tarn_value it = *v, child;
    struct tarn_bytes name = {0};
    int rc = 0;

    while (keys && (rc = tarn_value_next(&it, &name, &child)) == 1) {
        PyObject *key = native_str(name);

        rc = key ? PyList_Append(keys, key) : -1;
        Py_XDECREF(key);
        if (rc < 0)
            break;
    }
    if (rc < 0) {
        native_raise(rc, NULL);
        Py_CLEAR(keys);
    }
    return keys;
}

static PyObject *map_item(PyObject *self, PyObject *key)
{
    struct node *n = (struct node *)self;

    return native_object_readable(n->owner) ? native_map_item(n->owner, &n->v, key) : NULL;
}

static int map_contains(PyObject *self, PyObject *key)
{
    struct node *n = (struct node *)self;
    struct tarn_value child;

    return native_object_readable(n->owner) ? find(&n->v, key, &child) : -1;
}

static PyObject *map_iter(PyObject *self)
{
    struct node *n = (struct node *)self;
    PyObject *keys = native_object_readable(n->owner) ? native_map_keys(&n->v) : NULL, *it;

    it = keys ? PyObject_GetIter(keys) : NULL;
    Py_XDECREF(keys);
    return it;
}

static Py_ssize_t node_len(PyObject *self)
{
    struct node *n = (struct node *)self;

    return native_object_readable(n->owner) ? (Py_ssize_t)n->v.count : -1;
}

static PyObject *node_unwrap(PyObject *self, PyObject *unused)
{
    struct node *n = (struct node *)self;

    (void)unused;
    return native_object_readable(n->owner) ? native_value_whole(&n->v) : NULL;
}

static PyObject *node_repr(PyObject *self)
{
    PyObject *all = node_unwrap(self, NULL), *text;

    text = all ? PyUnicode_FromFormat("%s(%R)", Py_TYPE(self) == native_map_type ? "Map" : "List", all) : NULL;
    Py_XDECREF(all);
    return text;
}

/* Equal to what it holds, as a dict or a list. */
static PyObject *node_compare(PyObject *self, PyObject *other, int op)
{
    PyObject *mine, *theirs, *result = NULL;

    if (op != Py_EQ && op != Py_NE)
        return Py_NewRef(Py_NotImplemented);
    mine = node_unwrap(self, NULL);
    theirs = Py_TYPE(other) == Py_TYPE(self) ? node_unwrap(other, NULL) : Py_NewRef(other);
    if (mine && theirs)
        result = PyObject_RichCompare(mine, theirs, op);
    Py_XDECREF(mine);
    Py_XDECREF(theirs);
    return result;
}

static PyMethodDef map_methods[] = {
    {"unwrap", node_unwrap, METH_NOARGS, "unwrap($self, /)\n--\n\nAll of it as a dict of its own."},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot map_slots[] = {
    {Py_tp_doc, "A map inside an object, decoded as it is read. Behaves as a read-only dict."},
    {Py_tp_dealloc, (void *)node_dealloc},
    {Py_mp_subscript, (void *)map_item},
    {Py_mp_length, (void *)node_len},
    {Py_sq_contains, (void *)map_contains},
    {Py_tp_iter, (void *)map_iter},
    {Py_tp_repr, (void *)node_repr},
    {Py_tp_richcompare, (void *)node_compare},
    {Py_tp_hash, (void *)PyObject_HashNotImplemented},
    {Py_tp_methods, map_methods},
    {0, NULL},
};
PyType_Spec native_map_spec = {
    .name = "tarn.Map", .basicsize = sizeof(struct node), .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, .slots = map_slots};

/* ---- lists ---------------------------------------------------------------------------------------------- */

static PyObject *list_item(PyObject *self, Py_ssize_t i)
{
    struct node *n = (struct node *)self;
    struct tarn_value it = n->v, child;
    struct tarn_bytes none;

    if (!native_object_readable(n->owner))
        return NULL;
    if (i < 0 || i >= (Py_ssize_t)n->v.count) {
        PyErr_SetString(PyExc_IndexError, "list index out of range");
        return NULL;
    }
    for (; i >= 0; i--) {
        int rc = tarn_value_next(&it, &none, &child);

        if (rc != 1)
            return native_raise(rc < 0 ? rc : TARN_E_CORRUPT, NULL);
    }
    return native_value(n->owner, &child);
}

/* The elements, each lazy, as a Python list: what iteration and slices go over. */
static PyObject *list_elements(struct node *n)
{
    PyObject *all = native_object_readable(n->owner) ? PyList_New(0) : NULL;
    struct tarn_value it = n->v, child;
    struct tarn_bytes none;
    int rc = 0;

    while (all && (rc = tarn_value_next(&it, &none, &child)) == 1) {
        PyObject *value = native_value(n->owner, &child);

        rc = value ? PyList_Append(all, value) : -1;
        Py_XDECREF(value);
        if (rc < 0)
            break;
    }
    if (rc < 0) {
        native_raise(rc, NULL);
        Py_CLEAR(all);
    }
    return all;
}

static PyObject *list_subscript(PyObject *self, PyObject *key)
{
    struct node *n = (struct node *)self;
    PyObject *all, *part;
    Py_ssize_t i;

    if (PyIndex_Check(key)) {
        i = PyNumber_AsSsize_t(key, PyExc_IndexError);
        if (i == -1 && PyErr_Occurred())
            return NULL;
        return list_item(self, i < 0 ? i + (Py_ssize_t)n->v.count : i);
    }
    all = list_elements(n);
    part = all ? PyObject_GetItem(all, key) : NULL; /* a slice, or list's own TypeError */
    Py_XDECREF(all);
    return part;
}

static PyObject *list_iter(PyObject *self)
{
    PyObject *all = list_elements((struct node *)self), *it;

    it = all ? PyObject_GetIter(all) : NULL;
    Py_XDECREF(all);
    return it;
}

static PyMethodDef list_methods[] = {
    {"unwrap", node_unwrap, METH_NOARGS, "unwrap($self, /)\n--\n\nAll of it as a list of its own."},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot list_slots[] = {
    {Py_tp_doc, "An array inside an object, decoded as it is read. Behaves as a read-only list."},
    {Py_tp_dealloc, (void *)node_dealloc},
    {Py_sq_item, (void *)list_item},
    {Py_sq_length, (void *)node_len},
    {Py_mp_subscript, (void *)list_subscript},
    {Py_mp_length, (void *)node_len},
    {Py_tp_iter, (void *)list_iter},
    {Py_tp_repr, (void *)node_repr},
    {Py_tp_richcompare, (void *)node_compare},
    {Py_tp_hash, (void *)PyObject_HashNotImplemented},
    {Py_tp_methods, list_methods},
    {0, NULL},
};
PyType_Spec native_list_spec = {
    .name = "tarn.List", .basicsize = sizeof(struct node), .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, .slots = list_slots};
