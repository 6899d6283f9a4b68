/* The module: its types and exceptions. */
#include "native.h"

PyTypeObject *native_client_type, *native_snapshot_type, *native_scope_type, *native_object_type, *native_map_type, *native_list_type,
    *native_iterator_type, *native_informer_type;

struct type {
    PyTypeObject **to;
    PyType_Spec *spec;
    const char *name;
};

static int add_type(PyObject *module, const struct type *t)
{
    *t->to = (PyTypeObject *)PyType_FromSpec(t->spec);
    return *t->to ? PyModule_AddObjectRef(module, t->name, (PyObject *)*t->to) : -1;
}

static int fill(PyObject *module)
{
    const struct type types[] = {
        {&native_client_type, &native_client_spec, "Client"},       {&native_snapshot_type, &native_snapshot_spec, "Snapshot"},
        {&native_scope_type, &native_scope_spec, "Scope"},          {&native_object_type, &native_object_spec, "Object"},
        {&native_map_type, &native_map_spec, "Map"},                {&native_list_type, &native_list_spec, "List"},
        {&native_iterator_type, &native_iterator_spec, "ObjectIterator"}, {&native_informer_type, &native_informer_spec, "Informer"},
    };

    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (add_type(module, &types[i]) < 0)
            return -1;
    return native_add_errors(module);
}

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, .m_name = "tarn._native", .m_doc = "libtarn for Python; use the package tarn.", .m_size = -1};

PyMODINIT_FUNC PyInit__native(void)
{
    PyObject *m = PyModule_Create(&module);

    if (m && fill(m) < 0)
        Py_CLEAR(m);
    return m;
}
