/* SPDX-License-Identifier: Apache-2.0 */
/* Rows and record objects: the objects' slots are read and filled directly, which makes an object at the
 * cost of its values. */
#include "classes.h"
#include "convert.h"
#include "errors.h"
#include "pins.h"

/* The beginning of every row. */
struct row_head {
    uint64_t fields, nulls;
    uint32_t flags;
};

/* --- objects to rows --------------------------------------------------------------- */

static bool wrong_type(const struct member *member, const char *wanted, PyObject *value) {
    PyErr_Format(PyExc_TypeError, "%s must be %s, not %s", member->label, wanted, Py_TYPE(value)->tp_name);
    return false;
}

static bool choice_from(const struct member *member, PyObject *value, int32_t *out) {
    Py_ssize_t count = PyTuple_GET_SIZE(member->choices);
    for (Py_ssize_t i = 0; i < count; i++)
        if (PyTuple_GET_ITEM(member->choices, i) == value) { /* literals are interned */
            *out = (int32_t)i;
            return true;
        }
    *out = -1;
    if (PyUnicode_CompareWithASCIIString(value, "any") == 0) return true;
    for (Py_ssize_t i = 0; i < count && *out < 0; i++)
        if (PyUnicode_Compare(PyTuple_GET_ITEM(member->choices, i), value) == 0) *out = (int32_t)i;
    if (*out >= 0) return true;
    raise_invalid("%s can't be %R; give one of %R", member->label, value, member->choices);
    return false;
}

static bool number_from(const struct member *member, PyObject *value, void *row) {
    bool is_wide = member->field.type == TGS_TYPE_I64;
    if (!PyLong_Check(value)) return wrong_type(member, "int", value);
    int64_t number;
    if (!integer_from(value, member->label, is_wide ? INT64_MIN : INT32_MIN, is_wide ? INT64_MAX : INT32_MAX,
                      &number))
        return false;
    void *place = (char *)row + member->field.offset;
    if (is_wide)
        *(int64_t *)place = number;
    else
        *(int32_t *)place = (int32_t)number;
    return true;
}

static bool narrow_from(const struct member *member, PyObject *value, void *row) {
    if (member->choices && PyUnicode_Check(value))
        return choice_from(member, value, (int32_t *)(void *)((char *)row + member->field.offset));
    return number_from(member, value, row);
}

static bool member_text_from(const struct member *member, PyObject *value, void *row, struct pins *pins) {
    if (member->as_number && PyLong_Check(value)) {
        struct row_head *head = row;
        head->fields = (head->fields & ~member->field.bit) | member->as_number->field.bit;
        return number_from(member->as_number, value, row);
    }
    tgs_str *text = (tgs_str *)(void *)((char *)row + member->field.offset);
    return text_from(value, member->label, text) && pins_add(pins, value);
}

static bool value_from(const struct member *member, PyObject *value, void *row, struct pins *pins) {
    void *place = (char *)row + member->field.offset;
    switch (member->field.type) {
    case TGS_TYPE_I32:
        return narrow_from(member, value, row);
    case TGS_TYPE_I64:
        return number_from(member, value, row);
    case TGS_TYPE_TEXT:
        return member_text_from(member, value, row, pins);
    case TGS_TYPE_BYTES:
        return pins_buffer(pins, value, member->label, place);
    default: { /* TGS_TYPE_TEXTS */
        tgs_str *texts;
        bool ok = pins_texts(pins, value, member->label, &texts, (size_t *)(void *)((tgs_str **)place + 1));
        *(const tgs_str **)place = texts;
        return ok;
    }
    }
}

/* What a member of an object, or of a key, was given as. */
static bool given_from(const struct member *member, PyObject *value, void *row, struct pins *pins) {
    struct row_head *head = row;
    bool is_key = member->field.flags & TGS_FIELD_KEY;
    if (!value || value == object_unset)
        return is_key ? wrong_type(member, "given, as part of the key", object_unset) : true;
    if (value == Py_None) {
        if (is_key) return wrong_type(member, "given, as part of the key", value);
        head->nulls |= member->field.bit;
        head->fields |= member->field.bit;
        return true;
    }
    head->fields |= member->field.bit;
    return value_from(member, value, row, pins);
}

static bool flags_from(const struct record_class *class, PyObject *object, struct row_head *head) {
    PyObject *value = *slot_in(object, class->flags_slot);
    int64_t flags = 0;
    if (value && value != object_zero && !integer_from(value, "flags", 0, UINT32_MAX, &flags)) return false;
    head->flags = (uint32_t)flags;
    return true;
}

static bool object_from(const struct record_class *class, PyObject *object, void *row, struct pins *pins) {
    if (!PyObject_TypeCheck(object, class->type)) {
        PyErr_Format(PyExc_TypeError, "rows must be %s, not %s", class->type->tp_name,
                     Py_TYPE(object)->tp_name);
        return false;
    }
    if (!flags_from(class, object, row)) return false;
    for (size_t i = 0; i < class->n_members; i++) {
        const struct member *member = &class->members[i];
        if (!given_from(member, *slot_in(object, member->slot), row, pins)) return false;
    }
    return true;
}

void row_input_init(struct row_input *input) {
    input->rows = NULL;
    input->count = input->stride = 0;
    pins_init(&input->pins);
}

static bool make_room(const struct record_class *class, size_t count, struct row_input *out) {
    out->stride = class->row_size;
    out->rows =
        count == 1 ? memset(&out->one, 0, class->row_size) : pins_memory(&out->pins, count, class->row_size);
    return out->rows;
}

static bool objects_from(const struct record_class *class, PyObject *objects, struct row_input *out) {
    size_t count = (size_t)PyTuple_GET_SIZE(objects);
    if (count > 0 && !make_room(class, count, out)) return false;
    for (; out->count < count; out->count++) {
        void *row = (char *)out->rows + out->count * out->stride;
        if (!object_from(class, PyTuple_GET_ITEM(objects, out->count), row, &out->pins)) return false;
    }
    return true;
}

bool rows_from(PyObject *rows, int32_t record, struct row_input *out) {
    const struct record_class *class = class_of(record);
    PyObject *tuple = class ? pins_tuple(&out->pins, rows, "rows") : NULL;
    if (!tuple) return false;
    if (objects_from(class, tuple, out)) return true;
    raised_at_row(out->count);
    return false;
}

bool row_from(PyObject *row, int32_t record, struct row_input *out) {
    if (row == Py_None) return true;
    const struct record_class *class = class_of(record);
    if (!class) return false;
    out->count = 1;
    return make_room(class, 1, out) && object_from(class, row, out->rows, &out->pins);
}

static bool key_members_from(const struct record_class *class, PyObject *const *values, size_t n_values,
                             struct row_input *out) {
    if (n_values != class->n_keys) {
        PyErr_Format(PyExc_TypeError, "the key of %s has %zu members, not %zu", class->type->tp_name,
                     class->n_keys, n_values);
        return false;
    }
    const struct member *member = class->members;
    for (size_t i = 0; i < n_values; i++, member++) {
        while (!(member->field.flags & TGS_FIELD_KEY)) member++;
        if (!given_from(member, values[i], out->rows, &out->pins)) return false;
    }
    return true;
}

bool key_from(PyObject *const *values, size_t n_values, int32_t record, struct row_input *out) {
    const struct record_class *class = class_of(record);
    if (!class || !make_room(class, 1, out)) return false;
    out->count = 1;
    if (n_values == 1 && PyObject_TypeCheck(values[0], class->type))
        return object_from(class, values[0], out->rows, &out->pins);
    return key_members_from(class, values, n_values, out);
}

void row_input_clear(struct row_input *input) { pins_clear(&input->pins); }

/* --- rows to objects ---------------------------------------------------------------- */

static PyObject *narrow_to(const struct member *member, int32_t value) {
    if (member->choices && value >= 0 && value < PyTuple_GET_SIZE(member->choices))
        return Py_NewRef(PyTuple_GET_ITEM(member->choices, value));
    if (member->field.flags & TGS_FIELD_BOOLEAN) return PyBool_FromLong(value);
    return PyLong_FromLong(value);
}

static PyObject *member_text_to(const tgs_str *text) {
    return text->ptr ? text_to(*text) : PyUnicode_New(0, 0);
}

static PyObject *texts_to(const tgs_str *texts, size_t count) {
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (size_t i = 0; list && i < count; i++) {
        PyObject *text = member_text_to(&texts[i]);
        if (!text)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, (Py_ssize_t)i, text);
    }
    return list;
}

static PyObject *value_to(const struct member *member, const void *row) {
    const void *place = (const char *)row + member->field.offset;
    switch (member->field.type) {
    case TGS_TYPE_I32:
        return narrow_to(member, *(const int32_t *)place);
    case TGS_TYPE_I64:
        return PyLong_FromLongLong(*(const int64_t *)place);
    case TGS_TYPE_TEXT:
        return member_text_to(place);
    case TGS_TYPE_BYTES: {
        const tgs_bytes *bytes = place;
        return PyBytes_FromStringAndSize((const char *)bytes->ptr, (Py_ssize_t)bytes->len);
    }
    default: /* TGS_TYPE_TEXTS */
        return texts_to(*(const tgs_str *const *)place,
                        *(const size_t *)(const void *)((tgs_str *const *)place + 1));
    }
}

static PyObject *object_to(const struct record_class *class, const void *row) {
    const struct row_head *head = row;
    if (!(head->flags & TGS_ROW_FOUND)) Py_RETURN_NONE;
    PyObject *object = class->type->tp_alloc(class->type, 0);
    if (!object) return NULL;
    *slot_in(object, class->flags_slot) = Py_NewRef(object_zero);
    for (size_t i = 0; i < class->n_members; i++) {
        const struct member *member = &class->members[i];
        bool is_there = (head->fields & member->field.bit) || (member->field.flags & TGS_FIELD_KEY);
        PyObject *value = is_there ? value_to(member, row) : Py_NewRef(object_unset);
        if (!value) {
            Py_DECREF(object);
            return NULL;
        }
        *slot_in(object, member->slot) = value;
    }
    return object;
}

PyObject *row_to(int32_t record, const void *row) {
    const struct record_class *class = class_of(record);
    return class ? object_to(class, row) : NULL;
}

PyObject *rows_to(const tgs_rows *rows, const void *data, size_t stride) {
    if (!rows) return PyList_New(0);
    const struct record_class *class = class_of(tgs_rows_record(rows));
    size_t count = tgs_rows_count(rows);
    PyObject *list = class ? PyList_New((Py_ssize_t)count) : NULL;
    for (size_t i = 0; list && i < count; i++) {
        PyObject *object = object_to(class, (const char *)data + i * stride);
        if (!object)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, (Py_ssize_t)i, object);
    }
    return list;
}

size_t row_size_of(const tgs_rows *rows) {
    size_t size;
    tgs_record_fields(tgs_rows_record(rows), NULL, &size);
    return size;
}
