/* Client: attach, open snapshots, wait. Waiting gives up the GIL. */
#include "native.h"

#include <string.h>

struct client {
    PyObject ob_base;
    struct tarn_client *c; /* NULL: closed */
};

/* ---- arguments that several take --------------------------------------------------------------------- */

bool native_options(PyObject *args, PyObject *kwargs, struct tarn_client_options *ret)
{
    static char *names[] = {"socket", "realm", "timeout", "copy", NULL};
    PyObject *timeout = NULL;
    int copy = 0;

    *ret = (struct tarn_client_options){0};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|z$zOp", names, &ret->socket, &ret->realm, &timeout, &copy))
        return false;
    ret->copy = copy;
    return !timeout || native_timeout(timeout, &ret->timeout_ms);
}

bool native_timeout(PyObject *seconds, uint32_t *ret_ms)
{
    double s;

    *ret_ms = TARN_WAIT_FOREVER;
    if (seconds == Py_None)
        return true;
    s = PyFloat_AsDouble(seconds);
    if (s == -1.0 && PyErr_Occurred())
        return false;
    if (!(s >= 0)) {
        PyErr_SetString(PyExc_ValueError, "a timeout is a number of seconds, 0 or more, or None for ever");
        return false;
    }
    if (s < 4e6)
        *ret_ms = (uint32_t)(s * 1000);
    return true;
}

bool native_labels(const char *text, const struct tarn_selector **ret)
{
    struct tarn_error err = {0};
    int rc = text ? tarn_selector_parse(tarn_bytes_of(text), ret, &err) : 0;

    if (rc)
        native_raise(rc, &err);
    return rc == 0;
}

bool native_fields(const char *text, const struct tarn_field_selector **ret)
{
    struct tarn_error err = {0};
    int rc = text ? tarn_field_selector_parse(tarn_bytes_of(text), ret, &err) : 0;

    if (rc)
        native_raise(rc, &err);
    return rc == 0;
}

/* ---- life ------------------------------------------------------------------------------------------------ */

static PyObject *client_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    struct tarn_client_options options;
    struct tarn_error err = {0};
    struct tarn_client *c = NULL;
    struct client *self;
    int rc;

    if (!native_options(args, kwargs, &options))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    rc = tarn_client_open(&options, &c, &err);
    Py_END_ALLOW_THREADS
    if (rc)
        return native_raise(rc, &err);
    self = PyObject_New(struct client, type);
    if (!self) {
        tarn_client_close(c);
        return NULL;
    }
    self->c = c;
    return (PyObject *)self;
}

/* Snapshots hold the Client, so none is open any more unless it was closed by hand: the C handle then lives until they are closed. */
static void client_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    tarn_client_close(((struct client *)self)->c);
    PyObject_Free(self);
    Py_DECREF(type);
}

static struct tarn_client *handle(PyObject *self)
{
    struct tarn_client *c = ((struct client *)self)->c;

    if (!c)
        PyErr_SetString(PyExc_ValueError, "the client is closed");
    return c;
}

static PyObject *client_close(PyObject *self, PyObject *unused)
{
    struct client *c = (struct client *)self;

    (void)unused;
    tarn_client_close(c->c);
    c->c = NULL;
    Py_RETURN_NONE;
}

static PyObject *client_enter(PyObject *self, PyObject *unused)
{
    (void)unused;
    return handle(self) ? Py_NewRef(self) : NULL;
}

static PyObject *client_exit(PyObject *self, PyObject *args)
{
    (void)args;
    return client_close(self, NULL);
}

/* ---- snapshots --------------------------------------------------------------------------------------------- */

static PyObject *client_snapshot(PyObject *self, PyObject *unused)
{
    struct tarn_client *c = handle(self);
    struct tarn_error err = {0};
    struct scope *s;
    int rc;

    (void)unused;
    s = c ? PyObject_New(struct scope, native_snapshot_type) : NULL;
    if (!s)
        return NULL;
    s->s = NULL;
    s->exports = 0;
    s->open = true;
    s->client = Py_NewRef(self);
    rc = tarn_snapshot_open(c, &s->s, &err);
    if (rc) {
        Py_DECREF((PyObject *)s);
        return native_raise(rc, &err);
    }
    return (PyObject *)s;
}

/* ---- waiting ------------------------------------------------------------------------------------------------ */

static PyObject *waited(int rc, const struct tarn_error *err)
{
    if (rc)
        return native_raise(rc, err);
    Py_RETURN_NONE;
}

static PyObject *client_wait_synced(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"resource", "timeout", NULL};
    struct tarn_client *c = handle(self);
    struct tarn_error err = {0};
    const char *resource = NULL;
    PyObject *timeout = Py_None;
    uint32_t ms;
    int rc;

    if (!c || !PyArg_ParseTupleAndKeywords(args, kwargs, "|zO", names, &resource, &timeout) || !native_timeout(timeout, &ms))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    rc = tarn_wait_synced(c, resource, ms, &err);
    Py_END_ALLOW_THREADS
    return waited(rc, &err);
}

static PyObject *client_wait_commit(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"commit", "timeout", NULL};
    struct tarn_client *c = handle(self);
    unsigned long long commit;
    PyObject *timeout = Py_None;
    uint32_t ms;
    int rc;

    if (!c || !PyArg_ParseTupleAndKeywords(args, kwargs, "K|O", names, &commit, &timeout) || !native_timeout(timeout, &ms))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    rc = tarn_wait_commit(c, commit, ms);
    Py_END_ALLOW_THREADS
    return waited(rc, NULL);
}

static PyObject *client_wait_rv(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"resource", "resource_version", "timeout", NULL};
    struct tarn_client *c = handle(self);
    struct tarn_error err = {0};
    const char *resource, *rv;
    PyObject *timeout = Py_None;
    uint32_t ms;
    int rc;

    if (!c || !PyArg_ParseTupleAndKeywords(args, kwargs, "ss|O", names, &resource, &rv, &timeout) || !native_timeout(timeout, &ms))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    rc = tarn_wait_rv(c, resource, rv, ms, &err);
    Py_END_ALLOW_THREADS
    return waited(rc, &err);
}

/* ---- facts ------------------------------------------------------------------------------------------------------ */

/* An age in ms as seconds; what is unknown is None. */
static PyObject *age(uint64_t ms)
{
    return ms == UINT64_MAX ? Py_NewRef(Py_None) : PyFloat_FromDouble((double)ms / 1000);
}

PyObject *native_resource(const struct tarn_resource *r)
{
    return Py_BuildValue("{s:N,s:N,s:N,s:N,s:K,s:K,s:N,s:N,s:N,s:N,s:N,s:N,s:N}", "name", native_str(r->name), "api_version",
                         native_str(r->api_version), "kind", native_str(r->kind), "namespaced", PyBool_FromLong(r->namespaced), "objects",
                         (unsigned long long)r->objects, "bytes", (unsigned long long)r->bytes, "synced", PyBool_FromLong(r->synced), "live",
                         PyBool_FromLong(r->live), "relisting", PyBool_FromLong(r->relisting), "resource_version",
                         native_str(r->resource_version), "last_event_age", age(r->last_event_age_ms), "last_list_age",
                         age(r->last_list_age_ms), "last_error", native_str(r->last_error));
}

static PyObject *client_info(PyObject *self, PyObject *unused)
{
    struct tarn_client *c = handle(self);
    struct tarn_client_info i;
    int rc;

    (void)unused;
    if (!c)
        return NULL;
    rc = tarn_client_info(c, &i);
    if (rc)
        return native_raise(rc, NULL);
    return Py_BuildValue("{s:s,s:s,s:s,s:N,s:N,s:N,s:N,s:K,s:K,s:K,s:I,s:s}", "socket", i.socket, "realm", i.realm, "agent", i.agent, "agent_alive",
                         PyBool_FromLong(i.agent_alive), "agent_stopped", PyBool_FromLong(i.agent_stopped), "heartbeat_age",
                         age(i.heartbeat_age_ms), "commit_age", age(i.commit_age_ms), "commit", (unsigned long long)i.commit, "generation",
                         (unsigned long long)i.generation, "region_bytes", (unsigned long long)i.region_bytes, "attachments",
                         i.attachments, "last_error", i.last_error_message);
}

static PyObject *client_status(PyObject *self, PyObject *unused)
{
    struct tarn_client *c = handle(self);
    struct tarn_error err = {0};
    struct tarn_buf b = {0};
    PyObject *text;
    int rc;

    (void)unused;
    if (!c)
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    rc = tarn_client_status_json(c, &b, &err);
    Py_END_ALLOW_THREADS
    text = rc ? native_raise(rc, &err) : native_str(tarn_buf_bytes(&b));
    tarn_buf_release(&b);
    return text;
}

static PyMethodDef client_methods[] = {
    {"snapshot", client_snapshot, METH_NOARGS, "snapshot($self, /)\n--\n\nOpen a snapshot: use it in a with statement."},
    {"wait_synced", (PyCFunction)(void (*)(void))client_wait_synced, METH_VARARGS | METH_KEYWORDS,
     "wait_synced($self, resource=None, timeout=None)\n--\n\nWait until the resource (None: every one) was listed once."},
    {"wait_commit", (PyCFunction)(void (*)(void))client_wait_commit, METH_VARARGS | METH_KEYWORDS,
     "wait_commit($self, commit, timeout=None)\n--\n\nWait until there is a newer commit than this one."},
    {"wait_rv", (PyCFunction)(void (*)(void))client_wait_rv, METH_VARARGS | METH_KEYWORDS,
     "wait_rv($self, resource, resource_version, timeout=None)\n--\n\nWait until the mirror is at least as new: read your own writes."},
    {"info", client_info, METH_NOARGS, "info($self, /)\n--\n\nWhat is known of the agent and its region, as a dict."},
    {"status_json", client_status, METH_NOARGS, "status_json($self, /)\n--\n\nThe agent's own status document, as JSON text."},
    {"close", client_close, METH_NOARGS, "close($self, /)\n--\n\nDetach. Snapshots that are open stay good until they are closed."},
    {"__enter__", client_enter, METH_NOARGS, NULL},
    {"__exit__", client_exit, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot client_slots[] = {
    {Py_tp_doc, "Client(socket=None, *, realm=None, timeout=5.0, copy=False)\n--\n\n"
                "An attachment to the agent of this host; a context manager. Threads may share it."},
    {Py_tp_new, (void *)client_new},
    {Py_tp_dealloc, (void *)client_dealloc},
    {Py_tp_methods, client_methods},
    {0, NULL},
};
PyType_Spec native_client_spec = {
    .name = "tarn.Client", .basicsize = sizeof(struct client), .flags = Py_TPFLAGS_DEFAULT, .slots = client_slots};
