/* What list() and by_index() return: a walk, with everything it borrows. */
#include "native.h"

#include <stdlib.h>
#include <string.h>

struct iterator {
    PyObject ob_base;
    struct scope *scope;
    struct tarn_iter it;
    /* What the query borrows. */
    const struct tarn_selector *labels;
    const struct tarn_field_selector *fields;
    char *texts[5];
    bool ended;
};
enum text { NS, INDEX, VALUE, PREFIX, AFTER };

static void iterator_dealloc(PyObject *self)
{
    struct iterator *it = (struct iterator *)self;
    PyTypeObject *type = Py_TYPE(self);

    for (size_t i = 0; i < sizeof it->texts / sizeof *it->texts; i++)
        free(it->texts[i]);
    tarn_selector_free(it->labels);
    tarn_field_selector_free(it->fields);
    Py_DECREF((PyObject *)it->scope);
    PyObject_Free(self);
    Py_DECREF(type);
}

static struct iterator *iterator_new(struct scope *scope)
{
    struct iterator *it = PyObject_New(struct iterator, native_iterator_type);

    if (!it)
        return NULL;
    memset((char *)it + sizeof it->ob_base, 0, sizeof *it - sizeof it->ob_base);
    it->scope = (struct scope *)Py_NewRef((PyObject *)scope);
    return it;
}

static bool keep_texts(struct iterator *it, const char *const given[5])
{
    for (size_t i = 0; i < 5; i++)
        if (given[i] && !(it->texts[i] = strdup(given[i]))) {
            PyErr_NoMemory();
            return false;
        }
    return true;
}

static PyObject *start(struct iterator *it, const char *resource, size_t limit, bool sorted)
{
    const struct tarn_query query = {
        .ns = it->texts[NS],
        .index = it->texts[INDEX],
        .value = it->texts[VALUE],
        .labels = it->labels,
        .fields = it->fields,
        .prefix = tarn_bytes_of(it->texts[PREFIX]),
        .after = tarn_bytes_of(it->texts[AFTER]),
        .limit = limit,
        .sorted = sorted,
    };
    struct tarn_error err = {0};
    int rc = tarn_list(it->scope->s, resource, &query, &it->it, &err);

    if (rc == 0)
        return (PyObject *)it;
    Py_DECREF((PyObject *)it);
    return native_raise(rc, &err);
}

PyObject *native_list(struct scope *scope, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"", "namespace", "labels", "fields", "index", "value", "prefix", "after", "limit", "sorted", NULL};
    const char *resource, *labels = NULL, *fields = NULL, *texts[5] = {NULL};
    struct iterator *it;
    Py_ssize_t limit = 0;
    int sorted = 0;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "s|$zzzzzzznp", names, &resource, &texts[NS], &labels, &fields, &texts[INDEX], &texts[VALUE],
                                     &texts[PREFIX], &texts[AFTER], &limit, &sorted))
        return NULL;
    if (limit < 0)
        return PyErr_Format(PyExc_ValueError, "limit is %zd; it must be 0 (none) or more", limit);
    it = iterator_new(scope);
    if (!it)
        return NULL;
    if (!keep_texts(it, texts) || !native_labels(labels, &it->labels) || !native_fields(fields, &it->fields)) {
        Py_DECREF((PyObject *)it);
        return NULL;
    }
    return start(it, resource, (size_t)limit, sorted);
}

PyObject *native_by_index(struct scope *scope, PyObject *args)
{
    const char *resource, *texts[5] = {NULL};
    struct iterator *it;

    if (!PyArg_ParseTuple(args, "sss", &resource, &texts[INDEX], &texts[VALUE]))
        return NULL;
    it = iterator_new(scope);
    if (it && !keep_texts(it, texts)) {
        Py_DECREF((PyObject *)it);
        it = NULL;
    }
    return it ? start(it, resource, 0, false) : NULL;
}

static PyObject *iterator_next(PyObject *self)
{
    struct iterator *it = (struct iterator *)self;
    const struct tarn_object *obj;
    int rc;

    if (it->ended || !native_scope_is_open(it->scope))
        return NULL;
    obj = tarn_iter_next(&it->it);
    if (obj)
        return native_object(it->scope, obj);
    it->ended = true;
    rc = tarn_iter_error(&it->it);
    return rc ? native_raise(rc, NULL) : NULL;
}

static PyObject *iterator_continue(PyObject *self, void *unused)
{
    struct iterator *it = (struct iterator *)self;
    struct tarn_bytes at;

    (void)unused;
    if (!native_scope_is_open(it->scope))
        return NULL;
    at = tarn_iter_continue(&it->it);
    return at.len ? native_str(at) : Py_NewRef(Py_None);
}

static PyGetSetDef iterator_fields[] = {
    {"continue_after", iterator_continue, NULL, "after its limit was met: what to give as `after` to go on; None: nothing is left", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
static PyType_Slot iterator_slots[] = {
    {Py_tp_doc, "A walk over objects of one snapshot."},
    {Py_tp_dealloc, (void *)iterator_dealloc},
    {Py_tp_iter, (void *)PyObject_SelfIter},
    {Py_tp_iternext, (void *)iterator_next},
    {Py_tp_getset, iterator_fields},
    {0, NULL},
};
PyType_Spec native_iterator_spec = {.name = "tarn.ObjectIterator",
                                    .basicsize = sizeof(struct iterator),
                                    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                                    .slots = iterator_slots};
