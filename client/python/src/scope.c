/* Scopes: whether what was read may still be read. */
#include "native.h"

bool native_scope_is_open(const struct scope *s)
{
    if (!s->open)
        PyErr_SetString(PyExc_ValueError, s->client ? "the snapshot is closed; copy() what is to outlive it"
                                                    : "the handler has returned; copy() what is to outlive its call");
    return s->open;
}

bool native_object_readable(const struct object *o)
{
    return !o->scope || native_scope_is_open(o->scope);
}

bool native_scope_close(struct scope *s)
{
    if (s->exports) {
        PyErr_SetString(PyExc_BufferError, "a memoryview of an object is still there; release it first");
        return false;
    }
    s->open = false;
    return true;
}

struct scope *native_scope_new(void)
{
    struct scope *s = PyObject_New(struct scope, native_scope_type);

    if (s) {
        s->s = NULL;
        s->client = NULL;
        s->exports = 0;
        s->open = true;
    }
    return s;
}

void native_scope_dealloc(PyObject *self)
{
    struct scope *s = (struct scope *)self;
    PyTypeObject *type = Py_TYPE(self);

    if (s->s)
        (void)tarn_snapshot_close(s->s);
    Py_XDECREF(s->client);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyType_Slot scope_slots[] = {{Py_tp_dealloc, (void *)native_scope_dealloc}, {0, NULL}};
PyType_Spec native_scope_spec = {.name = "tarn.Scope",
                                 .basicsize = sizeof(struct scope),
                                 .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                                 .slots = scope_slots};
