/* SPDX-License-Identifier: Apache-2.0 */
#include "pins.h"

#define ALIGNMENT sizeof(void *)
#define PIECE 480 /* bytes at least: what Python allocates fast, with the head of a bytes object */

static_assert(offsetof(PyBytesObject, ob_sval) % ALIGNMENT == 0, "pins_memory gives out aligned memory");
static_assert(PIECE % ALIGNMENT == 0, "and all pieces are of use to their end");

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

void pins_init(struct pins *pins) {
    pins->objects = NULL;
    pins->count = pins->capacity = pins->left = 0;
}

bool pins_add(struct pins *pins, PyObject *object) { return add_new(pins, Py_NewRef(object)); }

static bool more_memory(struct pins *pins, size_t size) {
    PyObject *memory = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)size);
    if (!memory || !add_new(pins, memory)) return false;
    pins->memory = PyBytes_AS_STRING(memory);
    pins->left = size;
    return true;
}

void *pins_memory(struct pins *pins, size_t count, size_t size) {
    if (count > (size_t)(PY_SSIZE_T_MAX - ALIGNMENT) / size) return PyErr_NoMemory();
    size_t wanted = (count * size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (pins->left < wanted && !more_memory(pins, wanted < PIECE ? PIECE : wanted)) return NULL;
    void *memory = pins->memory;
    pins->memory += wanted;
    pins->left -= wanted;
    return memset(memory, 0, wanted);
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

static bool is_list_or_tuple(PyObject *object, const char *name) {
    if (PyTuple_Check(object) || PyList_Check(object)) return true;
    PyErr_Format(PyExc_TypeError, "%s must be a list or tuple, not %s", name, Py_TYPE(object)->tp_name);
    return false;
}

PyObject *pins_tuple(struct pins *pins, PyObject *object, const char *name) {
    if (!is_list_or_tuple(object, name)) return NULL;
    /* other threads may change the list */
    PyObject *tuple = PyTuple_Check(object) ? Py_NewRef(object) : PyList_AsTuple(object);
    return tuple && add_new(pins, tuple) ? tuple : NULL;
}

bool pins_texts(struct pins *pins, PyObject *object, const char *name, tgs_str **texts, size_t *count) {
    *texts = NULL;
    *count = 0;
    if (!is_list_or_tuple(object, name)) return false;
    size_t size = (size_t)PySequence_Fast_GET_SIZE(object);
    if (size == 0) return true;
    *texts = pins_memory(pins, size, sizeof **texts);
    if (!*texts) return false;
    for (; *count < size; ++*count) {
        PyObject *text =
            PySequence_Fast_GET_ITEM(object, *count); /* nothing here runs code that changes it */
        if (!text_from(text, name, &(*texts)[*count]) || !pins_add(pins, text)) return false;
    }
    return true;
}

void pins_clear(struct pins *pins) {
    for (size_t i = 0; i < pins->count; i++) Py_DECREF(pins->objects[i]);
    if (pins->objects != pins->first) PyMem_Free(pins->objects);
    pins->objects = NULL;
    pins->count = pins->capacity = 0;
}
