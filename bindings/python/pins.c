/* SPDX-License-Identifier: Apache-2.0 */
#include "pins.h"

static_assert(offsetof(PyBytesObject, ob_sval) % sizeof(void *) == 0, "pins_memory gives out aligned memory");

static bool grow(struct pins *pins) {
    size_t capacity = pins->capacity ? pins->capacity * 2 : PINS_INLINE;
    if (capacity == PINS_INLINE) {
        pins->objects = pins->first;
    } else {
        bool is_first = pins->objects == pins->first;
        PyObject **objects = is_first ? NULL : pins->objects;
        PyMem_Resize(objects, PyObject *, capacity);
        if (!objects) {
            PyErr_NoMemory();
            return false;
        }
        if (is_first) memcpy(objects, pins->first, sizeof pins->first);
        pins->objects = objects;
    }
    pins->capacity = capacity;
    return true;
}

/* Takes the reference, on failure too. */
static bool add_new(struct pins *pins, PyObject *object) {
    if (pins->count == pins->capacity && !grow(pins)) {
        Py_DECREF(object);
        return false;
    }
    pins->objects[pins->count++] = object;
    return true;
}

bool pins_add(struct pins *pins, PyObject *object) { return add_new(pins, Py_NewRef(object)); }

void *pins_memory(struct pins *pins, size_t count, size_t size) {
    if (count > (size_t)PY_SSIZE_T_MAX / size) return PyErr_NoMemory();
    PyObject *memory = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(count * size));
    if (!memory || !add_new(pins, memory)) return NULL;
    return memset(PyBytes_AS_STRING(memory), 0, count * size);
}

bool pins_buffer(struct pins *pins, PyObject *object, const char *name, tgs_bytes *out) {
    if (!pins_add(pins, object)) return false;
    if (PyBytes_CheckExact(object)) {
        *out = (tgs_bytes){(const uint8_t *)PyBytes_AS_STRING(object), (size_t)PyBytes_GET_SIZE(object)};
        return true;
    }
    if (!PyObject_CheckBuffer(object)) {
        PyErr_Format(PyExc_TypeError, "%s must be bytes, not %s", name, Py_TYPE(object)->tp_name);
        return false;
    }
    PyObject *view = PyMemoryView_GetContiguous(object, PyBUF_READ, 'C');
    if (!view || !add_new(pins, view)) return false;
    const Py_buffer *buffer = PyMemoryView_GET_BUFFER(view);
    *out = (tgs_bytes){buffer->len ? buffer->buf : (const void *)"", (size_t)buffer->len};
    return true;
}

PyObject *pins_tuple(struct pins *pins, PyObject *object, const char *name) {
    PyObject *tuple = NULL;
    if (PyTuple_Check(object))
        tuple = Py_NewRef(object);
    else if (PyList_Check(object))
        tuple = PyList_AsTuple(object); /* other threads may change the list */
    else
        PyErr_Format(PyExc_TypeError, "%s must be a list or tuple, not %s", name, Py_TYPE(object)->tp_name);
    return tuple && add_new(pins, tuple) ? tuple : NULL;
}

bool pins_texts(struct pins *pins, PyObject *object, const char *name, tgs_str **texts, size_t *count) {
    *texts = NULL;
    *count = 0;
    PyObject *tuple = pins_tuple(pins, object, name);
    if (!tuple) return false;
    size_t size = (size_t)PyTuple_GET_SIZE(tuple);
    if (size == 0) return true;
    *texts = pins_memory(pins, size, sizeof **texts);
    if (!*texts) return false;
    for (; *count < size; ++*count)
        if (!text_from(PyTuple_GET_ITEM(tuple, *count), name, &(*texts)[*count])) return false;
    return true;
}

void pins_clear(struct pins *pins) {
    for (size_t i = 0; i < pins->count; i++) Py_DECREF(pins->objects[i]);
    if (pins->objects != pins->first) PyMem_Free(pins->objects);
    pins->objects = NULL;
    pins->count = pins->capacity = 0;
}
