/* Error codes as exceptions: each also is the built-in that a Python program would expect. */
#include "native.h"

static PyObject *base_error;

struct kind {
    int code;
    const char *name; /* in the module */
    PyObject **builtin;
    const char *doc;
    PyObject *type;
};

static struct kind kinds[] = {
    {TARN_E_NOAGENT, "tarn.NoAgentError", &PyExc_ConnectionError, "No agent answers at the socket.", NULL},
    {TARN_E_PERM, "tarn.AccessError", &PyExc_PermissionError, "The socket or the agent refuses this user.", NULL},
    {TARN_E_TIMEOUT, "tarn.WaitTimeoutError", &PyExc_TimeoutError, "What was waited for did not come in time.", NULL},
    {TARN_E_EXPIRED, "tarn.ExpiredError", &PyExc_RuntimeError, "Memory pressure ended the snapshot: what was read from it does not count.", NULL},
    {TARN_E_RESOURCE, "tarn.ResourceError", &PyExc_LookupError, "The resource is not mirrored here.", NULL},
    {TARN_E_INDEX_MISSING, "tarn.IndexMissingError", &PyExc_LookupError, "The resource has no such index.", NULL},
    {TARN_E_SELECTOR, "tarn.SelectorError", &PyExc_ValueError, "A selector does not parse.", NULL},
    {TARN_E_KEY_FORMAT, "tarn.KeyFormatError", &PyExc_ValueError, "The key has another shape than the resource's keys.", NULL},
    {TARN_E_INVAL, "tarn.ArgumentError", &PyExc_ValueError, "An argument is outside its contract.", NULL},
    {TARN_E_FORKED, "tarn.ForkedError", &PyExc_RuntimeError, "The handle belongs to the parent process; open a new one.", NULL},
    {TARN_E_STATUS, "tarn.StatusError", &PyExc_RuntimeError, "The API server refused the resource; the message has its words.", NULL},
};
#define KINDS (sizeof kinds / sizeof *kinds)

static int add(PyObject *module, const char *full_name, PyObject *type)
{
    return PyModule_AddObjectRef(module, strchr(full_name, '.') + 1, type);
}

static int add_kind(PyObject *module, struct kind *k)
{
    PyObject *bases = PyTuple_Pack(2, base_error, *k->builtin);

    if (!bases)
        return -1;
    k->type = PyErr_NewExceptionWithDoc(k->name, k->doc, bases, NULL);
    Py_DECREF(bases);
    return k->type ? add(module, k->name, k->type) : -1;
}

int native_add_errors(PyObject *module)
{
    base_error = PyErr_NewExceptionWithDoc("tarn.TarnError", "Any error of tarn; .code is its name, such as 'TARN_E_LIMIT'.", NULL, NULL);
    if (!base_error || add(module, "tarn.TarnError", base_error) < 0)
        return -1;
    for (size_t i = 0; i < KINDS; i++)
        if (add_kind(module, &kinds[i]) < 0)
            return -1;
    return 0;
}

static PyObject *type_of(int code)
{
    for (size_t i = 0; i < KINDS; i++)
        if (kinds[i].code == code)
            return kinds[i].type;
    return base_error;
}

PyObject *native_raise(int code, const struct tarn_error *err)
{
    PyObject *exception, *name;

    if (PyErr_Occurred())
        return NULL;
    if (code == TARN_E_NOMEM)
        return PyErr_NoMemory();
    exception = PyObject_CallFunction(type_of(code), "s", err && err->message[0] ? err->message : tarn_strerror(code));
    name = PyUnicode_FromString(tarn_error_name(code));
    if (exception && name && PyObject_SetAttrString(exception, "code", name) == 0)
        PyErr_SetObject(type_of(code), exception);
    Py_XDECREF(exception);
    Py_XDECREF(name);
    return NULL;
}
