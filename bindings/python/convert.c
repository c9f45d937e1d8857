/* SPDX-License-Identifier: Apache-2.0 */
#include "convert.h"

#include "errors.h"
#include "pins.h"

bool integer_from(PyObject *value, const char *name, int64_t min, int64_t max, int64_t *out) {
    if (!PyLong_Check(value)) {
        PyErr_Format(PyExc_TypeError, "%s must be int, not %s", name, Py_TYPE(value)->tp_name);
        return false;
    }
    int overflow;
    long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (number == -1 && PyErr_Occurred()) return false;
    if (overflow || number < min || number > max) {
        raise_invalid("%s is out of range; give %lld to %lld", name, (long long)min, (long long)max);
        return false;
    }
    *out = number;
    return true;
}

bool text_from(PyObject *value, const char *name, tgs_str *out) {
    *out = (tgs_str){0};
    if (value == Py_None) return true;
    if (!PyUnicode_Check(value)) {
        PyErr_Format(PyExc_TypeError, "%s must be str, not %s", name, Py_TYPE(value)->tp_name);
        return false;
    }
    if (PyUnicode_IS_COMPACT_ASCII(value)) {
        *out = (tgs_str){PyUnicode_DATA(value), (size_t)PyUnicode_GET_LENGTH(value)};
        return true;
    }
    Py_ssize_t len;
    out->ptr = PyUnicode_AsUTF8AndSize(value, &len);
    if (out->ptr) {
        out->len = (size_t)len;
        return true;
    }
    if (PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) {
        PyErr_Clear();
        raise_invalid("%s has a lone surrogate; give text that UTF-8 can express", name);
    }
    return false;
}

static bool is_ascii(tgs_str text) {
    uint64_t bits = 0, word;
    size_t i = 0;
    for (; i + sizeof word <= text.len; i += sizeof word) {
        memcpy(&word, text.ptr + i, sizeof word);
        bits |= word;
    }
    for (; i < text.len; i++) bits |= (unsigned char)text.ptr[i];
    return !(bits & 0x8080808080808080u);
}

PyObject *text_to(tgs_str text) {
    if (!text.ptr) Py_RETURN_NONE;
    if (!is_ascii(text)) return PyUnicode_DecodeUTF8(text.ptr, (Py_ssize_t)text.len, NULL);
    PyObject *object = PyUnicode_New((Py_ssize_t)text.len, 127); /* a third of what decoding takes */
    if (object) memcpy(PyUnicode_DATA(object), text.ptr, text.len);
    return object;
}

bool texts_from(PyObject *texts, const char *name, struct text_input *out) {
    return pins_texts(&out->pins, texts, name, &out->texts, &out->count);
}

void text_input_clear(struct text_input *input) { pins_clear(&input->pins); }

bool options_from(PyObject *options, struct option_input *out) {
    if (options == Py_None) return true;
    if (!PyDict_Check(options)) {
        PyErr_Format(PyExc_TypeError, "options must be dict, not %s", Py_TYPE(options)->tp_name);
        return false;
    }
    size_t capacity = (size_t)PyDict_GET_SIZE(options);
    if (capacity == 0) return true;
    out->options = pins_memory(&out->pins, capacity, sizeof *out->options);
    if (!out->options) return false;
    PyObject *key, *value;
    for (Py_ssize_t i = 0; out->count < capacity && PyDict_Next(options, &i, &key, &value); out->count++) {
        tgs_option *option = &out->options[out->count];
        if (!text_from(key, "an option's name", &option->key) ||
            !text_from(value, "an option", &option->value))
            return false;
        if (!pins_add(&out->pins, key) || !pins_add(&out->pins, value)) return false;
    }
    return true;
}

void option_input_clear(struct option_input *input) { pins_clear(&input->pins); }

static bool is_tuple_of(PyObject *value, const char *name, Py_ssize_t size) {
    if (PyTuple_Check(value) && PyTuple_GET_SIZE(value) == size) return true;
    PyErr_Format(PyExc_TypeError, "%s must be a tuple of %zd or None", name, size);
    return false;
}

/* tgstore.Canceller keeps its handle in _handle. */
static bool canceller_from(PyObject *value, struct handle **held, void **canceller) {
    if (value == Py_None) return true;
    static PyObject *name;
    if (!name && !(name = PyUnicode_InternFromString("_handle"))) return false;
    PyObject *handle = PyObject_GetAttr(value, name);
    if (!handle) {
        PyErr_Format(PyExc_TypeError, "cancel must be a Canceller, not %s", Py_TYPE(value)->tp_name);
        return false;
    }
    bool ok = handle_use(handle, &canceller_handle, "cancel", held, canceller);
    Py_DECREF(handle);
    return ok;
}

bool limits_from(PyObject *timeout, PyObject *cancel, tgs_call *storage, const tgs_call **call,
                 struct handle **held) {
    *call = NULL;
    if (timeout == Py_None && cancel == Py_None) return true;
    *storage = (tgs_call){.size = sizeof *storage};
    if (timeout != Py_None &&
        !integer_from(timeout, "timeout_ms", INT64_MIN, INT64_MAX, &storage->timeout_ms))
        return false;
    void *canceller = NULL;
    if (!canceller_from(cancel, held, &canceller)) return false;
    storage->cancel = canceller;
    *call = storage;
    return true;
}

bool call_from(PyObject *value, tgs_call *storage, const tgs_call **call, struct handle **held) {
    *call = NULL;
    if (value == Py_None) return true;
    return is_tuple_of(value, "call", 2) &&
           limits_from(PyTuple_GET_ITEM(value, 0), PyTuple_GET_ITEM(value, 1), storage, call, held);
}

static bool int32_from(PyObject *value, const char *name, int32_t *out) {
    int64_t number;
    if (!integer_from(value, name, INT32_MIN, INT32_MAX, &number)) return false;
    *out = (int32_t)number;
    return true;
}

bool filter_from(PyObject *value, tgs_filter *storage, const tgs_filter **filter) {
    *filter = NULL;
    if (value == Py_None) return true;
    if (!is_tuple_of(value, "filter", 4)) return false;
    *storage = (tgs_filter){.size = sizeof *storage};
    if (!int32_from(PyTuple_GET_ITEM(value, 0), "order", &storage->order)) return false;
    if (!int32_from(PyTuple_GET_ITEM(value, 1), "kind", &storage->kind)) return false;
    if (!int32_from(PyTuple_GET_ITEM(value, 2), "state", &storage->state)) return false;
    if (!text_from(PyTuple_GET_ITEM(value, 3), "scope", &storage->scope)) return false;
    *filter = storage;
    return true;
}
