/* SPDX-License-Identifier: Apache-2.0 */
#include "lookup.h"

#include "classes.h"
#include "convert.h"
#include "errors.h"

/* One call on a session. */
struct lookup {
    struct handle *session_held, *cancel_held;
    tgs_session *session;
    tgs_call storage;
    const tgs_call *call;
    tgs_status status;
    tgs_error error;
    tgs_rows *rows;
};

static bool has_arguments(const char *function, Py_ssize_t given, Py_ssize_t least, Py_ssize_t most) {
    if (given >= least && given <= most) return true;
    PyErr_Format(PyExc_TypeError, "%s takes %zd to %zd arguments, not %zd", function, least, most, given);
    return false;
}

/* `arguments` begin with session, timeout_ms, cancel. */
static bool begin(struct lookup *lookup, const char *function, PyObject *const *arguments) {
    void *session;
    lookup->cancel_held = NULL;
    lookup->rows = NULL;
    if (!handle_use(arguments[0], &session_handle, function, &lookup->session_held, &session)) return false;
    lookup->session = session;
    return limits_from(arguments[1], arguments[2], &lookup->storage, &lookup->call, &lookup->cancel_held);
}

static PyObject *first_row(const struct lookup *lookup) {
    if (lookup->status == TGS_OK)
        return row_to(tgs_rows_record(lookup->rows), tgs_rows_data(lookup->rows, NULL));
    raise_error(lookup->status, &lookup->error);
    return NULL;
}

static void end(struct lookup *lookup) {
    tgs_rows_free(lookup->rows);
    handle_leave(lookup->cancel_held);
    handle_leave(lookup->session_held);
}

/* --- by key ------------------------------------------------------------------------ */

static PyObject *look_up_key(struct lookup *lookup, int32_t record, const struct row_input *key) {
    PyThreadState *state = PyEval_SaveThread();
    lookup->status = tgs_get(lookup->session, record, key->rows, 1, key->stride, &lookup->rows, lookup->call,
                             &lookup->error);
    PyEval_RestoreThread(state);
    return first_row(lookup);
}

static PyObject *get_one(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
    (void)module;
    struct lookup lookup;
    int64_t record;
    if (!has_arguments("get_one", count, 4, 4 + MAX_MEMBERS)) return NULL;
    if (!integer_from(arguments[3], "record", INT32_MIN, INT32_MAX, &record)) return NULL;
    struct row_input key;
    row_input_init(&key);
    bool ok = begin(&lookup, "get_one", arguments) &&
              key_from(arguments + 4, (size_t)count - 4, (int32_t)record, &key);
    PyObject *found = ok ? look_up_key(&lookup, (int32_t)record, &key) : NULL;
    row_input_clear(&key);
    end(&lookup);
    return found;
}

/* --- by name ----------------------------------------------------------------------- */

typedef tgs_status peers_by(tgs_session *, const tgs_str *, size_t, int64_t, tgs_rows **, const tgs_call *,
                            tgs_error *);

static PyObject *look_up_name(struct lookup *lookup, peers_by *look_up, const tgs_str *name,
                              int64_t max_age_ms) {
    PyThreadState *state = PyEval_SaveThread();
    lookup->status =
        look_up(lookup->session, name, 1, max_age_ms, &lookup->rows, lookup->call, &lookup->error);
    PyEval_RestoreThread(state);
    return first_row(lookup);
}

static PyObject *peer_by(peers_by *look_up, const char *function, const char *argument,
                         PyObject *const *arguments, Py_ssize_t count) {
    struct lookup lookup;
    tgs_str name;
    int64_t max_age_ms;
    if (!has_arguments(function, count, 5, 5)) return NULL;
    bool ok = begin(&lookup, function, arguments) && text_from(arguments[3], argument, &name) &&
              integer_from(arguments[4], "max_age_ms", INT64_MIN, INT64_MAX, &max_age_ms);
    PyObject *found = ok ? look_up_name(&lookup, look_up, &name, max_age_ms) : NULL;
    end(&lookup);
    return found;
}

static PyObject *peer_by_username(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
    (void)module;
    return peer_by(tgs_peers_by_username, "peer_by_username", "username", arguments, count);
}

static PyObject *peer_by_phone(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
    (void)module;
    return peer_by(tgs_peers_by_phone, "peer_by_phone", "phone", arguments, count);
}

/* --- of what record? ------------------------------------------------------------------ */

static PyObject *record_of(PyObject *module, PyObject *rows) {
    (void)module;
    if (!PyList_Check(rows) && !PyTuple_Check(rows)) {
        PyErr_Format(PyExc_TypeError, "rows must be a list or tuple, not %s", Py_TYPE(rows)->tp_name);
        return NULL;
    }
    int32_t record = 0;
    bool is_one = true;
    PyTypeObject *type = NULL;
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(rows); i++) {
        PyObject *row = PySequence_Fast_GET_ITEM(rows, i);
        if (Py_IS_TYPE(row, type)) continue;
        type = Py_TYPE(row);
        int32_t other = record_of_type(type);
        if (other == 0) {
            PyErr_Format(PyExc_TypeError, "rows must be records, not %s", type->tp_name);
            return NULL;
        }
        is_one = is_one && (record == 0 || record == other);
        record = other;
    }
    return PyLong_FromLong(is_one ? record : 0);
}

/* NOLINTNEXTLINE(bugprone-macro-parentheses): the name of a function */
#define FUNCTION(name, flags) {#name, (PyCFunction)(void (*)(void))name, flags, NULL}

PyMethodDef lookup_functions[] = {
    FUNCTION(get_one, METH_FASTCALL),
    FUNCTION(peer_by_username, METH_FASTCALL),
    FUNCTION(peer_by_phone, METH_FASTCALL),
    FUNCTION(record_of, METH_O),
    {NULL, NULL, 0, NULL},
};
