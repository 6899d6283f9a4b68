/* Snapshot: the scope that is one moment of the region: get, list, by_index. */
#include "native.h"

#include <stdlib.h>

/* ---- a snapshot's life -------------------------------------------------------------------------------- */

static PyObject *snapshot_close(PyObject *self, PyObject *unused)
{
    struct scope *s = (struct scope *)self;
    struct tarn_snapshot *handle = s->s;
    int rc;

    (void)unused;
    if (!s->open)
        Py_RETURN_NONE;
    if (!native_scope_close(s))
        return NULL;
    s->s = NULL;
    rc = tarn_snapshot_close(handle);
    if (rc)
        return native_raise(rc, NULL);
    Py_RETURN_NONE;
}

static PyObject *snapshot_enter(PyObject *self, PyObject *unused)
{
    (void)unused;
    return native_scope_is_open((struct scope *)self) ? Py_NewRef(self) : NULL;
}

/* What the block raised comes first; an expired snapshot is told if it raised nothing. */
static PyObject *snapshot_exit(PyObject *self, PyObject *args)
{
    PyObject *type = Py_None, *closed;

    if (!PyArg_ParseTuple(args, "|OOO", &type, &closed, &closed))
        return NULL;
    closed = snapshot_close(self, NULL);
    if (!closed && type != Py_None && !PyErr_ExceptionMatches(PyExc_BufferError)) {
        PyErr_Clear();
        Py_RETURN_FALSE;
    }
    return closed;
}

static PyObject *snapshot_check(PyObject *self, PyObject *unused)
{
    struct scope *s = (struct scope *)self;
    int rc;

    (void)unused;
    if (!native_scope_is_open(s))
        return NULL;
    rc = tarn_snapshot_check(s->s);
    if (rc)
        return native_raise(rc, NULL);
    Py_RETURN_NONE;
}

static PyObject *snapshot_park(PyObject *self, PyObject *flag)
{
    struct scope *s = (struct scope *)self;
    int on = PyObject_IsTrue(flag), rc;

    if (on < 0 || !native_scope_is_open(s))
        return NULL;
    rc = tarn_snapshot_park(s->s, on);
    if (rc)
        return native_raise(rc, NULL);
    Py_RETURN_NONE;
}

/* ---- one object, several ------------------------------------------------------------------------------- */

static PyObject *snapshot_get(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    struct scope *s = (struct scope *)self;
    const struct tarn_object *obj;
    const char *resource, *key;
    int rc;

    if (nargs < 2 || nargs > 3) {
        PyErr_SetString(PyExc_TypeError, "get() takes a resource, a key and optionally a default");
        return NULL;
    }
    resource = PyUnicode_AsUTF8AndSize(args[0], NULL);
    key = resource ? PyUnicode_AsUTF8AndSize(args[1], NULL) : NULL;
    if (!key || !native_scope_is_open(s))
        return NULL;
    rc = tarn_get(s->s, resource, key, &obj);
    if (rc == 0)
        return native_object(s, obj);
    if (rc == TARN_E_NOTFOUND)
        return Py_NewRef(nargs == 3 ? args[2] : Py_None);
    return native_raise(rc, NULL);
}

static bool keys_of(PyObject *list, Py_ssize_t n, struct tarn_bytes *ret)
{
    for (Py_ssize_t i = 0; i < n; i++) {
        Py_ssize_t len;

        ret[i].data = PyUnicode_AsUTF8AndSize(PyList_GetItem(list, i), &len);
        if (!ret[i].data)
            return false;
        ret[i].len = (size_t)len;
    }
    return true;
}

static PyObject *objects_of(struct scope *s, const struct tarn_object **v, Py_ssize_t n)
{
    PyObject *all = PyList_New(n);

    for (Py_ssize_t i = 0; all && i < n; i++) {
        PyObject *o = v[i] ? native_object(s, v[i]) : Py_NewRef(Py_None);

        if (!o || PyList_SetItem(all, i, o) < 0)
            Py_CLEAR(all);
    }
    return all;
}

static PyObject *get_many(struct scope *s, const char *resource, PyObject *list)
{
    Py_ssize_t n = PyList_Size(list);
    struct tarn_bytes *keys = calloc((size_t)n + 1, sizeof *keys);
    const struct tarn_object **v = calloc((size_t)n + 1, sizeof *v);
    PyObject *all = NULL;
    int rc;

    if (!keys || !v) {
        PyErr_NoMemory();
    } else if (keys_of(list, n, keys)) {
        rc = tarn_get_many(s->s, resource, keys, (size_t)n, v);
        all = rc ? native_raise(rc, NULL) : objects_of(s, v, n);
    }
    free(keys);
    free(v);
    return all;
}

static PyObject *snapshot_get_many(PyObject *self, PyObject *args)
{
    struct scope *s = (struct scope *)self;
    PyObject *keys, *list, *all;
    const char *resource;

    if (!PyArg_ParseTuple(args, "sO", &resource, &keys) || !native_scope_is_open(s))
        return NULL;
    list = PySequence_List(keys);
    all = list ? get_many(s, resource, list) : NULL;
    Py_XDECREF(list);
    return all;
}

static PyObject *snapshot_list(PyObject *self, PyObject *args, PyObject *kwargs)
{
    return native_scope_is_open((struct scope *)self) ? native_list((struct scope *)self, args, kwargs) : NULL;
}

static PyObject *snapshot_by_index(PyObject *self, PyObject *args)
{
    return native_scope_is_open((struct scope *)self) ? native_by_index((struct scope *)self, args) : NULL;
}

/* ---- indexes, resources ----------------------------------------------------------------------------------- */

static PyObject *strings(struct tarn_keys *keys)
{
    PyObject *all = PyList_New(0);

    for (size_t i = 0; all && i < keys->n; i++) {
        PyObject *text = native_str(keys->v[i]);

        if (!text || PyList_Append(all, text) < 0)
            Py_CLEAR(all);
        Py_XDECREF(text);
    }
    tarn_keys_release(keys);
    return all;
}

static PyObject *snapshot_index_values(PyObject *self, PyObject *args)
{
    struct scope *s = (struct scope *)self;
    struct tarn_keys keys = {0};
    struct tarn_error err = {0};
    const char *resource, *index;
    int rc;

    if (!PyArg_ParseTuple(args, "ss", &resource, &index) || !native_scope_is_open(s))
        return NULL;
    rc = tarn_list_index_values(s->s, resource, index, &keys, &err);
    return rc ? native_raise(rc, &err) : strings(&keys);
}

static PyObject *snapshot_index_keys(PyObject *self, PyObject *args)
{
    struct scope *s = (struct scope *)self;
    struct tarn_keys keys = {0};
    struct tarn_error err = {0};
    const char *resource, *index, *value;
    int rc;

    if (!PyArg_ParseTuple(args, "sss", &resource, &index, &value) || !native_scope_is_open(s))
        return NULL;
    rc = tarn_index_keys(s->s, resource, index, value, &keys, &err);
    return rc ? native_raise(rc, &err) : strings(&keys);
}

static PyObject *snapshot_resource(PyObject *self, PyObject *name)
{
    struct scope *s = (struct scope *)self;
    struct tarn_error err = {0};
    struct tarn_resource r;
    const char *text = PyUnicode_AsUTF8AndSize(name, NULL);
    int rc;

    if (!text || !native_scope_is_open(s))
        return NULL;
    rc = tarn_resource_find(s->s, text, &r, &err);
    return rc ? native_raise(rc, &err) : native_resource(&r);
}

static PyObject *snapshot_resources(PyObject *self, PyObject *unused)
{
    struct scope *s = (struct scope *)self;
    PyObject *all = native_scope_is_open(s) ? PyList_New(0) : NULL;
    struct tarn_resource r;
    int rc = 0;

    (void)unused;
    for (unsigned n = 0; all && (rc = tarn_resource_at(s->s, n, &r)) == 0; n++) {
        PyObject *one = native_resource(&r);

        if (!one || PyList_Append(all, one) < 0)
            Py_CLEAR(all);
        Py_XDECREF(one);
    }
    if (all && rc != TARN_E_NOTFOUND) {
        Py_CLEAR(all);
        native_raise(rc, NULL);
    }
    return all;
}

static PyObject *snapshot_number(PyObject *self, void *generation)
{
    struct scope *s = (struct scope *)self;

    if (!native_scope_is_open(s))
        return NULL;
    return PyLong_FromUnsignedLongLong(generation ? tarn_snapshot_generation(s->s) : tarn_snapshot_commit(s->s));
}

static PyObject *snapshot_closed(PyObject *self, void *unused)
{
    (void)unused;
    return PyBool_FromLong(!((struct scope *)self)->open);
}

static PyGetSetDef snapshot_fields[] = {
    {"commit", snapshot_number, NULL, "the number of the commit it shows", NULL},
    {"generation", snapshot_number, NULL, "the generation the commit belongs to", (void *)1},
    {"closed", snapshot_closed, NULL, "True once it was closed", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
static PyMethodDef snapshot_methods[] = {
    {"get", (PyCFunction)(void (*)(void))snapshot_get, METH_FASTCALL,
     "get($self, resource, key, default=None, /)\n--\n\nThe object under 'namespace/name' (or 'name'), or default."},
    {"get_many", snapshot_get_many, METH_VARARGS, "get_many($self, resource, keys, /)\n--\n\nThe objects of many keys, None where there is none."},
    {"list", (PyCFunction)(void (*)(void))snapshot_list, METH_VARARGS | METH_KEYWORDS,
     "list($self, resource, /, *, namespace=None, labels=None, fields=None, index=None, value=None, prefix=None, after=None, limit=0, sorted=False)\n"
     "--\n\nAn iterator over the objects that fulfil every condition."},
    {"by_index", snapshot_by_index, METH_VARARGS, "by_index($self, resource, index, value, /)\n--\n\nAn iterator over the objects whose index has value."},
    {"index_values", snapshot_index_values, METH_VARARGS, "index_values($self, resource, index, /)\n--\n\nThe values that an index has, sorted."},
    {"index_keys", snapshot_index_keys, METH_VARARGS, "index_keys($self, resource, index, value, /)\n--\n\nThe keys of the objects whose index has value."},
    {"resource", snapshot_resource, METH_O, "resource($self, name, /)\n--\n\nOne resource's state: a Resource."},
    {"resources", snapshot_resources, METH_NOARGS, "resources($self, /)\n--\n\nEvery mirrored resource's state."},
    {"check", snapshot_check, METH_NOARGS, "check($self, /)\n--\n\nRaise ExpiredError if memory pressure ended the snapshot."},
    {"park", snapshot_park, METH_O, "park($self, parked, /)\n--\n\nLet the agent take the snapshot's memory back first when memory is short."},
    {"close", snapshot_close, METH_NOARGS, "close($self, /)\n--\n\nEnd it. Raises ExpiredError if what was read from it does not count."},
    {"__enter__", snapshot_enter, METH_NOARGS, NULL},
    {"__exit__", snapshot_exit, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot snapshot_slots[] = {
    {Py_tp_doc, "One consistent moment of every resource; a context manager. For one thread at a time."},
    {Py_tp_dealloc, (void *)native_scope_dealloc},
    {Py_tp_methods, snapshot_methods},
    {Py_tp_getset, snapshot_fields},
    {0, NULL},
};
PyType_Spec native_snapshot_spec = {.name = "tarn.Snapshot",
                                    .basicsize = sizeof(struct scope),
                                    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                                    .slots = snapshot_slots};
