/* Informer: handlers in Python, called from process() on the caller's thread. */
#include "native.h"

#include <stdlib.h>

/* One watch: what the C informer borrows, and the callables. */
struct watch {
    struct watch *next;
    struct informer *informer;
    unsigned id;
    const struct tarn_selector *labels;
    const struct tarn_field_selector *fields;
    PyObject *on_add, *on_update, *on_delete, *on_gap; /* NULL: not wanted */
};

struct informer {
    PyObject ob_base;
    struct tarn_informer *inf; /* NULL: closed */
    struct watch *watches;
    bool in_process, raised;   /* a handler raised in this process(): its exception waits, no more are called */
};

static void watch_free(struct watch *w)
{
    tarn_selector_free(w->labels);
    tarn_field_selector_free(w->fields);
    Py_XDECREF(w->on_add);
    Py_XDECREF(w->on_update);
    Py_XDECREF(w->on_delete);
    Py_XDECREF(w->on_gap);
    free(w);
}

/* ---- calls ---------------------------------------------------------------------------------------------- */

/* Call fn with objects that can be read until it returns. The exception, if any, stays set. */
static int call(struct watch *w, PyObject *fn, const struct tarn_object *a, const struct tarn_object *b, PyObject *last)
{
    struct scope *scope;
    PyObject *x, *y, *result = NULL;

    if (!fn || w->informer->raised)
        return 0;
    scope = native_scope_new();
    x = scope ? native_object(scope, a) : NULL;
    y = x ? b ? native_object(scope, b) : Py_XNewRef(last) : NULL;
    if (x && (y || (!b && !last)))
        result = PyObject_CallFunctionObjArgs(fn, x, y, NULL);
    Py_XDECREF(x);
    Py_XDECREF(y);
    if (result && !native_scope_close(scope))
        Py_CLEAR(result); /* a memoryview was kept: told as an error, and the bytes must not be believed */
    if (scope)
        scope->open = false;
    Py_XDECREF((PyObject *)scope);
    Py_XDECREF(result);
    w->informer->raised = !result;
    return result ? 0 : -1;
}

static int on_add(void *ctx, const struct tarn_object *obj, bool is_in_initial_list)
{
    struct watch *w = ctx;

    return call(w, w->on_add, obj, NULL, is_in_initial_list ? Py_True : Py_False);
}

static int on_update(void *ctx, const struct tarn_object *old, const struct tarn_object *obj)
{
    struct watch *w = ctx;

    return call(w, w->on_update, old, obj, NULL);
}

static int on_delete(void *ctx, const struct tarn_object *obj)
{
    struct watch *w = ctx;

    return call(w, w->on_delete, obj, NULL, NULL);
}

static void on_gap(void *ctx)
{
    struct watch *w = ctx;
    PyObject *result;

    if (!w->on_gap || w->informer->raised)
        return;
    result = PyObject_CallNoArgs(w->on_gap);
    w->informer->raised = !result;
    Py_XDECREF(result);
}

/* ---- life ------------------------------------------------------------------------------------------------- */

static PyObject *informer_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    struct tarn_client_options options;
    struct tarn_error err = {0};
    struct tarn_informer *inf = NULL;
    allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    struct informer *self;
    int rc;

    if (!native_options(args, kwargs, &options))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    rc = tarn_informer_new(&options, &inf, &err);
    Py_END_ALLOW_THREADS
    if (rc)
        return native_raise(rc, &err);
    self = (struct informer *)alloc(type, 0); /* zeroed, also what a subclass adds */
    if (!self) {
        tarn_informer_free(inf);
        return NULL;
    }
    self->inf = inf;
    return (PyObject *)self;
}

static int informer_traverse(PyObject *self, visitproc visit, void *arg)
{
    for (const struct watch *w = ((struct informer *)self)->watches; w; w = w->next) {
        Py_VISIT(w->on_add);
        Py_VISIT(w->on_update);
        Py_VISIT(w->on_delete);
        Py_VISIT(w->on_gap);
    }
    Py_VISIT(Py_TYPE(self));
    return 0;
}

static int informer_clear(PyObject *self)
{
    struct informer *i = (struct informer *)self;
    struct watch *w = i->watches;

    tarn_informer_free(i->inf);
    i->inf = NULL;
    i->watches = NULL;
    while (w) {
        struct watch *next = w->next;

        watch_free(w);
        w = next;
    }
    return 0;
}

static void informer_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);

    PyObject_GC_UnTrack(self);
    (void)informer_clear(self);
    release(self);
    Py_DECREF(type);
}

static struct informer *handle(PyObject *self)
{
    struct informer *i = (struct informer *)self;

    if (!i->inf)
        PyErr_SetString(PyExc_ValueError, "the informer is closed");
    return i->inf ? i : NULL;
}

static PyObject *informer_close(PyObject *self, PyObject *unused)
{
    (void)unused;
    if (((struct informer *)self)->in_process) {
        PyErr_SetString(PyExc_RuntimeError, "an informer cannot be closed by its own handler; stop() it");
        return NULL;
    }
    (void)informer_clear(self);
    Py_RETURN_NONE;
}

static PyObject *informer_enter(PyObject *self, PyObject *unused)
{
    (void)unused;
    return handle(self) ? Py_NewRef(self) : NULL;
}

static PyObject *informer_exit(PyObject *self, PyObject *args)
{
    (void)args;
    return informer_close(self, NULL);
}

/* ---- watches ------------------------------------------------------------------------------------------------ */

struct watch_arguments {
    const char *resource, *ns, *labels, *fields;
    PyObject *resync;
    int every_change;
    PyObject *on_add, *on_update, *on_delete, *on_gap; /* borrowed */
};

static bool watch_arguments(PyObject *args, PyObject *kwargs, struct watch_arguments *a)
{
    static char *names[] = {"resource", "on_add", "on_update", "on_delete", "namespace", "labels", "fields", "resync", "every_change", "on_gap", NULL};

    *a = (struct watch_arguments){.resync = Py_None, .on_add = Py_None, .on_update = Py_None, .on_delete = Py_None, .on_gap = Py_None};
    return PyArg_ParseTupleAndKeywords(args, kwargs, "s|OOO$zzzOpO", names, &a->resource, &a->on_add, &a->on_update, &a->on_delete, &a->ns,
                                       &a->labels, &a->fields, &a->resync, &a->every_change, &a->on_gap);
}

static bool take_callable(PyObject *given, PyObject **ret)
{
    if (given == Py_None)
        return true;
    if (!PyCallable_Check(given)) {
        PyErr_SetString(PyExc_TypeError, "a handler must be callable or None");
        return false;
    }
    *ret = Py_NewRef(given);
    return true;
}

static struct watch *watch_new(struct informer *i, const struct watch_arguments *a)
{
    struct watch *w = calloc(1, sizeof *w);

    if (!w) {
        PyErr_NoMemory();
        return NULL;
    }
    w->informer = i;
    if (take_callable(a->on_add, &w->on_add) && take_callable(a->on_update, &w->on_update) && take_callable(a->on_delete, &w->on_delete) &&
        take_callable(a->on_gap, &w->on_gap) && native_labels(a->labels, &w->labels) && native_fields(a->fields, &w->fields))
        return w;
    watch_free(w);
    return NULL;
}

static PyObject *informer_watch(PyObject *self, PyObject *args, PyObject *kwargs)
{
    struct informer *i = handle(self);
    struct tarn_error err = {0};
    struct watch_arguments a;
    uint32_t resync_ms = 0;
    struct watch *w;
    int rc;

    if (!i || !watch_arguments(args, kwargs, &a) || (a.resync != Py_None && !native_timeout(a.resync, &resync_ms)))
        return NULL;
    w = watch_new(i, &a);
    if (!w)
        return NULL;
    rc = tarn_informer_watch(i->inf,
                             &(struct tarn_informer_watch){
                                 .resource = a.resource,
                                 .ns = a.ns,
                                 .labels = w->labels,
                                 .fields = w->fields,
                                 .handler = {.on_add = on_add, .on_update = on_update, .on_delete = on_delete, .ctx = w},
                                 .resync_ms = resync_ms,
                                 .every_change = a.every_change,
                                 .on_gap = on_gap,
                             },
                             &w->id, &err);
    if (rc) {
        watch_free(w);
        return native_raise(rc, &err);
    }
    w->next = i->watches;
    i->watches = w;
    return PyLong_FromUnsignedLong(w->id);
}

/* The watch stays until the informer goes: its own handler may be the caller. */
static PyObject *informer_unwatch(PyObject *self, PyObject *id)
{
    struct informer *i = handle(self);
    unsigned long n = PyLong_AsUnsignedLong(id);

    if (!i || PyErr_Occurred())
        return NULL;
    tarn_informer_unwatch(i->inf, (unsigned)n);
    Py_RETURN_NONE;
}

/* ---- turns ---------------------------------------------------------------------------------------------------- */

static PyObject *informer_process(PyObject *self, PyObject *unused)
{
    struct informer *i = handle(self);
    struct tarn_error err = {0};
    int rc;

    (void)unused;
    if (!i)
        return NULL;
    if (i->in_process) {
        PyErr_SetString(PyExc_RuntimeError, "process() was called from a handler");
        return NULL;
    }
    i->in_process = true;
    i->raised = false;
    rc = tarn_informer_process(i->inf, &err);
    i->in_process = false;
    if (i->raised)
        return NULL;
    return rc < 0 ? native_raise(rc, &err) : PyLong_FromLong(rc);
}

static PyObject *informer_fileno(PyObject *self, PyObject *unused)
{
    struct informer *i = handle(self);

    (void)unused;
    return i ? PyLong_FromLong(tarn_informer_fd(i->inf)) : NULL;
}

static PyObject *informer_has_synced(PyObject *self, PyObject *id)
{
    struct informer *i = handle(self);
    unsigned long n = PyLong_AsUnsignedLong(id);

    if (!i || PyErr_Occurred())
        return NULL;
    return PyBool_FromLong(tarn_informer_has_synced(i->inf, (unsigned)n));
}

static PyObject *informer_counters(PyObject *self, PyObject *id)
{
    struct informer *i = handle(self);
    unsigned long n = PyLong_AsUnsignedLong(id);
    struct tarn_informer_counters c;
    int rc;

    if (!i || PyErr_Occurred())
        return NULL;
    rc = tarn_informer_counters(i->inf, (unsigned)n, &c);
    if (rc)
        return native_raise(rc, NULL);
    return Py_BuildValue("{s:K,s:K,s:K,s:K,s:K,s:K,s:K,s:K}", "objects", (unsigned long long)c.objects, "adds", (unsigned long long)c.adds, "updates",
                         (unsigned long long)c.updates, "deletes", (unsigned long long)c.deletes, "resyncs", (unsigned long long)c.resyncs,
                         "batches", (unsigned long long)c.batches, "differences", (unsigned long long)c.differences, "gaps",
                         (unsigned long long)c.gaps);
}

static PyObject *informer_closed(PyObject *self, void *unused)
{
    (void)unused;
    return PyBool_FromLong(!((struct informer *)self)->inf);
}

static PyGetSetDef informer_fields[] = {
    {"closed", informer_closed, NULL, "True once it was closed", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
static PyMethodDef informer_methods[] = {
    {"watch", (PyCFunction)(void (*)(void))informer_watch, METH_VARARGS | METH_KEYWORDS,
     "watch($self, resource, on_add=None, on_update=None, on_delete=None, *, namespace=None, labels=None, fields=None, resync=None, "
     "every_change=False, on_gap=None)\n--\n\nBegin to be told of a resource's changes. Returns the watch's id."},
    {"unwatch", informer_unwatch, METH_O, "unwatch($self, id, /)\n--\n\nEnd a watch: no call comes any more."},
    {"process", informer_process, METH_NOARGS, "process($self, /)\n--\n\nCall the handlers of what has changed, without waiting; how many calls were made."},
    {"fileno", informer_fileno, METH_NOARGS, "fileno($self, /)\n--\n\nReadable when process() has something to do."},
    {"has_synced", informer_has_synced, METH_O, "has_synced($self, id, /)\n--\n\nWas the whole initial list delivered?"},
    {"counters", informer_counters, METH_O, "counters($self, id, /)\n--\n\nWhat a watch has delivered so far, as a dict."},
    {"close", informer_close, METH_NOARGS, "close($self, /)\n--\n\nDetach."},
    {"__enter__", informer_enter, METH_NOARGS, NULL},
    {"__exit__", informer_exit, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot informer_slots[] = {
    {Py_tp_new, (void *)informer_new},
    {Py_tp_traverse, (void *)informer_traverse},
    {Py_tp_clear, (void *)informer_clear},
    {Py_tp_dealloc, (void *)informer_dealloc},
    {Py_tp_methods, informer_methods},
    {Py_tp_getset, informer_fields},
    {0, NULL},
};
/* The base of tarn.Informer, which adds run() and stop(). */
PyType_Spec native_informer_spec = {.name = "tarn._native.Informer",
                                    .basicsize = sizeof(struct informer),
                                    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
                                    .slots = informer_slots};
