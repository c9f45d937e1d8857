/* SPDX-License-Identifier: Apache-2.0 */
#include "errors.h"

#include <stdarg.h>

static PyObject *error_classes;

bool errors_bind(PyObject *classes) {
    if (!PyDict_Check(classes)) {
        PyErr_SetString(PyExc_TypeError, "the exception classes must be a dict");
        return false;
    }
    Py_INCREF(classes);
    Py_XSETREF(error_classes, classes);
    return true;
}

static PyObject *find_class(tgs_status code) {
    if (!error_classes) return PyExc_RuntimeError; /* imported without the package */
    for (int i = 0; i < 2; i++, code = TGS_E_BACKEND) {
        PyObject *key = PyLong_FromLong(code);
        if (!key) return NULL;
        PyObject *found = PyDict_GetItemWithError(error_classes, key);
        Py_DECREF(key);
        if (found || PyErr_Occurred()) return found;
    }
    return PyExc_RuntimeError;
}

/* Raise with `message` and `done`, which are consumed; NULL for `message`: an exception is set. */
static void raise_with(tgs_status status, const tgs_error *error, PyObject *message, PyObject *done) {
    PyObject *class = message ? find_class(status) : NULL;
    PyObject *exception =
        class ? PyObject_CallFunction(class, "iOiLssO", (int)status, error->retryable ? Py_True : Py_False,
                                      (int)error->outcome, (long long)error->index, error->backend,
                                      error->native, message)
              : NULL;
    if (exception && (!done || PyObject_SetAttrString(exception, "done", done) == 0))
        PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
    Py_XDECREF(exception);
    Py_XDECREF(message);
    Py_XDECREF(done);
}

/* TGS_NOT_FOUND comes without a message. */
static PyObject *message_of(tgs_status status, const tgs_error *error) {
    const char *text = error->message[0] ? error->message : tgs_status_name(status);
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
}

void raise_error(tgs_status status, const tgs_error *error) {
    raise_with(status, error, message_of(status, error), NULL);
}

void raise_error_done(tgs_status status, const tgs_error *error, uint64_t done) {
    PyObject *count = PyLong_FromUnsignedLongLong(done);
    if (count) raise_with(status, error, message_of(status, error), count);
}

void raise_invalid(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    tgs_error error = {.index = -1};
    raise_with(TGS_E_INVALID, &error, PyUnicode_FromFormatV(format, arguments), NULL);
    va_end(arguments);
}

void raised_at_row(size_t index) {
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    PyObject *number = NULL;
    if (value && PyObject_HasAttrString(value, "index") && (number = PyLong_FromSize_t(index)))
        PyObject_SetAttrString(value, "index", number);
    Py_XDECREF(number);
    PyErr_Restore(type, value, traceback);
}
