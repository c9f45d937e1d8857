/* SPDX-License-Identifier: Apache-2.0 */
/* What became of the rows of a write, as objects.  Those that carry no version are few, and shared. */
#include "classes.h"
#include "convert.h"

#define PLAIN_NOTES 4 /* values of `notes` that the notes we know can give */

static struct {
    PyTypeObject *type;
    Py_ssize_t applied, notes, version;
    PyObject *plain[2 * PLAIN_NOTES]; /* those without a version, by `applied` and notes */
} result_class;

static PyObject *result_new(PyObject *applied, uint32_t notes, int64_t version) {
    PyObject *result = result_class.type->tp_alloc(result_class.type, 0);
    if (!result) return NULL;
    *slot_in(result, result_class.applied) = Py_NewRef(applied);
    if ((*slot_in(result, result_class.notes) = PyLong_FromUnsignedLong(notes)) &&
        (*slot_in(result, result_class.version) = PyLong_FromLongLong(version)))
        return result;
    Py_DECREF(result);
    return NULL;
}

bool results_bind(PyObject *type) {
    if (!PyType_Check(type)) {
        PyErr_SetString(PyExc_TypeError, "the class of results must be a class");
        return false;
    }
    result_class.type = (PyTypeObject *)Py_NewRef(type);
    if (!find_slot(result_class.type, "applied", &result_class.applied) ||
        !find_slot(result_class.type, "notes", &result_class.notes) ||
        !find_slot(result_class.type, "version", &result_class.version))
        return false;
    for (uint32_t i = 0; i < 2 * PLAIN_NOTES; i++)
        if (!(result_class.plain[i] = result_new(i & 1 ? Py_True : Py_False, i >> 1, 0))) return false;
    return true;
}

bool results_wanted(PyObject *value, size_t count, tgs_result **out) {
    *out = NULL;
    int yes = PyObject_IsTrue(value);
    if (yes <= 0) return yes == 0;
    *out = PyMem_Calloc(count ? count : 1, sizeof **out);
    if (!*out) PyErr_NoMemory();
    return *out;
}

static PyObject *result_to(const tgs_result *result) {
    if (result->version == 0 && result->notes < PLAIN_NOTES)
        return Py_NewRef(result_class.plain[(result->applied ? 1 : 0) | result->notes << 1]);
    return result_new(result->applied ? Py_True : Py_False, result->notes, result->version);
}

PyObject *results_to(const tgs_result *results, size_t count) {
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (size_t i = 0; list && i < count; i++) {
        PyObject *result = result_to(&results[i]);
        if (!result)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, (Py_ssize_t)i, result);
    }
    return list;
}
