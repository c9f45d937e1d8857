/* SPDX-License-Identifier: Apache-2.0 */
#include "handles.h"

#include "errors.h"
#include "tgstore.h"

struct handle {
    PyObject ob_base;
    const struct handle_kind *kind;
    void *ptr;            /* NULL: closed and released */
    struct handle *owner; /* of a part: in use as long as the part lives */
    Py_ssize_t uses;
    bool closed;
};

static PyTypeObject *handle_type;

static void release_store(void *ptr) { tgs_store_close(ptr); }
static void release_session(void *ptr) { tgs_session_free(ptr); }
static void release_batch(void *ptr) { tgs_batch_free(ptr); }
static void release_rows(void *ptr) { tgs_rows_free(ptr); }
static void release_text(void *ptr) { tgs_text_free(ptr); }
static void release_canceller(void *ptr) { tgs_canceller_free(ptr); }
static void release_snapshot(void *ptr) { tgs_snapshot_free(ptr); }

const struct handle_kind store_handle = {"store", "tgs_store_close", release_store, .blocks = true};
const struct handle_kind session_handle = {"session", "tgs_session_free", release_session};
const struct handle_kind batch_handle = {"batch", "tgs_batch_free", release_batch, .exclusive = true};
const struct handle_kind rows_handle = {"result", "tgs_rows_free", release_rows};
const struct handle_kind text_handle = {"text", "tgs_text_free", release_text};
const struct handle_kind canceller_handle = {"canceller", "tgs_canceller_free", release_canceller};
const struct handle_kind snapshot_handle = {"snapshot", "tgs_snapshot_free", release_snapshot};

static void release(const struct handle_kind *kind, void *ptr) {
    PyThreadState *state = kind->blocks ? PyEval_SaveThread() : NULL;
    kind->release(ptr);
    if (state) PyEval_RestoreThread(state);
}

/* NOLINTNEXTLINE(misc-no-recursion): an owner has no owner */
static void release_unused(struct handle *handle) {
    if (handle->uses > 0 || !handle->closed || !handle->ptr) return;
    void *ptr = handle->ptr;
    struct handle *owner = handle->owner;
    handle->ptr = NULL;
    handle->owner = NULL;
    if (owner)
        handle_leave(owner);
    else
        release(handle->kind, ptr);
}

static void handle_dealloc(PyObject *self) {
    PyObject *type, *value, *traceback; /* whoever dropped the handle may be raising */
    PyErr_Fetch(&type, &value, &traceback);
    handle_close((struct handle *)self);
    PyErr_Restore(type, value, traceback);
    PyTypeObject *own_type = Py_TYPE(self);
    own_type->tp_free(self);
    Py_DECREF(own_type);
}

static PyObject *handle_repr(PyObject *self) {
    const struct handle *handle = (const struct handle *)self;
    return PyUnicode_FromFormat("<%stgstore %s handle>", handle->closed ? "closed " : "", handle->kind->name);
}

bool handles_init(PyObject *module) {
    static PyType_Slot slots[] = {{Py_tp_dealloc, (void *)(uintptr_t)handle_dealloc},
                                  {Py_tp_repr, (void *)(uintptr_t)handle_repr},
                                  {Py_tp_doc, "A handle of the library."},
                                  {0, NULL}};
    static PyType_Spec spec = {
        "tgstore._lowlevel.Handle", sizeof(struct handle), 0,
        Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE, slots};
    handle_type = (PyTypeObject *)PyType_FromSpec(&spec);
    return handle_type && PyModule_AddObjectRef(module, "Handle", (PyObject *)handle_type) == 0;
}

static struct handle *handle_alloc(const struct handle_kind *kind, void *ptr) {
    struct handle *handle = (struct handle *)handle_type->tp_alloc(handle_type, 0);
    if (!handle) return NULL;
    handle->kind = kind;
    handle->ptr = ptr;
    return handle;
}

PyObject *handle_new(const struct handle_kind *kind, void *ptr) {
    struct handle *handle = handle_alloc(kind, ptr);
    if (!handle) release(kind, ptr);
    return (PyObject *)handle;
}

PyObject *handle_new_part(const struct handle_kind *kind, const void *ptr, struct handle *owner) {
    struct handle *handle = handle_alloc(kind, (void *)(uintptr_t)ptr);
    if (!handle) return NULL;
    handle->owner = owner;
    Py_INCREF(owner);
    owner->uses++;
    return (PyObject *)handle;
}

static bool refuse(PyObject *object, const struct handle_kind *kind, const char *function) {
    const struct handle *handle = (const struct handle *)object;
    if (!Py_IS_TYPE(object, handle_type) || handle->kind != kind)
        PyErr_Format(PyExc_TypeError, "%s takes a %s handle, not %R", function, kind->name, object);
    else if (handle->closed)
        raise_invalid("the %s is closed; open a new one", kind->name);
    else
        raise_invalid("the %s is in use by another thread; use one in each", kind->name);
    return false;
}

bool handle_use(PyObject *object, const struct handle_kind *kind, const char *function, struct handle **held,
                void **ptr) {
    *held = NULL;
    *ptr = NULL;
    struct handle *handle = (struct handle *)object;
    bool is_ours = Py_IS_TYPE(object, handle_type) && handle->kind == kind;
    if ((object == Py_None || (is_ours && handle->closed)) && strcmp(function, kind->free_function) == 0)
        return true;
    if (!is_ours || handle->closed || (kind->exclusive && handle->uses > 0))
        return refuse(object, kind, function);
    handle->uses++;
    *held = (struct handle *)Py_NewRef(object);
    *ptr = handle->ptr;
    return true;
}

/* NOLINTNEXTLINE(misc-no-recursion): an owner has no owner */
void handle_leave(struct handle *held) {
    if (!held) return;
    held->uses--;
    release_unused(held);
    Py_DECREF(held);
}

void handle_close(struct handle *held) {
    if (!held) return;
    held->closed = true;
    release_unused(held);
}
