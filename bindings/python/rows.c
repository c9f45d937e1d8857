/* SPDX-License-Identifier: Apache-2.0 */
/* Rows and record objects.  The classes are Python's, with a slot for each member; the slots are
 * read and filled by their offsets, which makes an object at the cost of its values. */
#include "convert.h"
#include "errors.h"
#include "pins.h"

#include <structmember.h>

#define RECORDS (TGS_RECORD_STATS + 1)
#define MAX_MEMBERS 24

struct member {
    const tgs_field *field;
    Py_ssize_t slot;                /* offset in the object */
    const struct member *as_number; /* of a text that may be given as a number: where that goes */
    PyObject *choices;              /* tuple of interned names, or NULL */
    char label[48];                 /* "Peer.access_hash", for messages */
};

struct record_class {
    PyTypeObject *type; /* NULL: bind was not called */
    size_t row_size, n_members;
    Py_ssize_t flags_slot;
    struct member members[MAX_MEMBERS];
};

/* The beginning of every row. */
struct row_head {
    uint64_t fields, nulls;
    uint32_t flags;
};

static struct record_class classes[RECORDS];
static PyObject *unset;
static PyObject *zero;

static struct {
    PyTypeObject *type;
    Py_ssize_t applied, notes, version;
    PyObject *plain[8]; /* those without a version are shared */
} result_class;

static PyObject **slot_in(PyObject *object, Py_ssize_t offset) {
    return (PyObject **)(void *)((char *)object + offset);
}

/* --- taking the classes --------------------------------------------------------- */

static bool find_slot(PyTypeObject *type, const char *name, Py_ssize_t *offset) {
    PyObject *descriptor = PyObject_GetAttrString((PyObject *)type, name);
    if (!descriptor) return false;
    bool found = Py_IS_TYPE(descriptor, &PyMemberDescr_Type) &&
                 ((PyMemberDescrObject *)descriptor)->d_member->type == T_OBJECT_EX;
    if (found) *offset = ((PyMemberDescrObject *)descriptor)->d_member->offset;
    Py_DECREF(descriptor);
    if (!found) PyErr_Format(PyExc_TypeError, "%s.%s must be a slot", type->tp_name, name);
    return found;
}

static PyObject *intern_choices(const char *const *names) {
    Py_ssize_t count = 0;
    while (names[count]) count++;
    PyObject *choices = PyTuple_New(count);
    for (Py_ssize_t i = 0; choices && i < count; i++) {
        PyObject *name = PyUnicode_InternFromString(names[i]);
        if (!name)
            Py_CLEAR(choices);
        else
            PyTuple_SET_ITEM(choices, i, name);
    }
    return choices;
}

static bool bind_member(struct record_class *class, const tgs_field *field, struct member *member) {
    member->field = field;
    snprintf(member->label, sizeof member->label, "%s.%s", class->type->tp_name, field->name);
    if (field->choices && !(member->choices = intern_choices(field->choices))) return false;
    return find_slot(class->type, field->name, &member->slot);
}

static void link_numbers(struct record_class *class) {
    for (size_t i = 0; i < class->n_members; i++)
        for (size_t j = 0; j < class->n_members; j++) {
            const char *text = class->members[i].field->name, *number = class->members[j].field->name;
            size_t len = strlen(text);
            if (strncmp(text, number, len) == 0 && strcmp(number + len, "_number") == 0)
                class->members[i].as_number = &class->members[j];
        }
}

static bool bind_record(int32_t record, PyObject *type) {
    size_t count, row_size;
    const tgs_field *fields = tgs_record_fields(record, &count, &row_size);
    if (!fields || !PyType_Check(type) || count > MAX_MEMBERS || row_size > sizeof(union any_row)) {
        PyErr_Format(PyExc_TypeError, "no class for record %d of this library: %R", (int)record, type);
        return false;
    }
    struct record_class *class = &classes[record];
    class->type = (PyTypeObject *)Py_NewRef(type);
    class->row_size = row_size;
    class->n_members = count;
    for (size_t i = 0; i < count; i++)
        if (!bind_member(class, &fields[i], &class->members[i])) return false;
    link_numbers(class);
    return find_slot(class->type, "flags", &class->flags_slot);
}

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

static bool bind_result(PyObject *type) {
    if (!PyType_Check(type)) {
        PyErr_SetString(PyExc_TypeError, "the class of results must be a class");
        return false;
    }
    result_class.type = (PyTypeObject *)Py_NewRef(type);
    if (!find_slot(result_class.type, "applied", &result_class.applied) ||
        !find_slot(result_class.type, "notes", &result_class.notes) ||
        !find_slot(result_class.type, "version", &result_class.version))
        return false;
    for (uint32_t i = 0; i < 8; i++)
        if (!(result_class.plain[i] = result_new(i & 1 ? Py_True : Py_False, i >> 1, 0))) return false;
    return true;
}

PyObject *bind(PyObject *unset_object, PyObject *records, PyObject *errors, PyObject *result) {
    if (unset) {
        PyErr_SetString(PyExc_RuntimeError, "the classes are bound already");
        return NULL;
    }
    if (!errors_bind(errors) || !bind_result(result) || !(zero = PyLong_FromLong(0))) return NULL;
    for (int32_t record = TGS_RECORD_SESSION; record < RECORDS; record++) {
        PyObject *key = PyLong_FromLong(record);
        PyObject *type = key ? PyObject_GetItem(records, key) : NULL;
        bool ok = type && bind_record(record, type);
        Py_XDECREF(key);
        Py_XDECREF(type);
        if (!ok) return NULL;
    }
    unset = Py_NewRef(unset_object);
    Py_RETURN_NONE;
}

static const struct record_class *class_of(int32_t record) {
    bool known = record > 0 && record < RECORDS;
    if (known && classes[record].type) return &classes[record];
    if (known)
        PyErr_SetString(PyExc_RuntimeError, "import tgstore, not tgstore._lowlevel alone");
    else
        raise_invalid("there is no record %d; see TGS_RECORD_*", (int)record);
    return NULL;
}

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
    bool is_wide = member->field->type == TGS_TYPE_I64;
    if (!PyLong_Check(value)) return wrong_type(member, "int", value);
    int64_t number;
    if (!integer_from(value, member->label, is_wide ? INT64_MIN : INT32_MIN, is_wide ? INT64_MAX : INT32_MAX,
                      &number))
        return false;
    void *place = (char *)row + member->field->offset;
    if (is_wide)
        *(int64_t *)place = number;
    else
        *(int32_t *)place = (int32_t)number;
    return true;
}

static bool narrow_from(const struct member *member, PyObject *value, void *row) {
    if (member->choices && PyUnicode_Check(value))
        return choice_from(member, value, (int32_t *)(void *)((char *)row + member->field->offset));
    return number_from(member, value, row);
}

static bool member_text_from(const struct member *member, PyObject *value, void *row, struct pins *pins) {
    if (member->as_number && PyLong_Check(value)) {
        struct row_head *head = row;
        head->fields = (head->fields & ~member->field->bit) | member->as_number->field->bit;
        return number_from(member->as_number, value, row);
    }
    tgs_str *text = (tgs_str *)(void *)((char *)row + member->field->offset);
    return text_from(value, member->label, text) && pins_add(pins, value);
}

static bool value_from(const struct member *member, PyObject *value, void *row, struct pins *pins) {
    void *place = (char *)row + member->field->offset;
    switch (member->field->type) {
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

static bool member_from(const struct member *member, PyObject *object, void *row, struct pins *pins) {
    struct row_head *head = row;
    PyObject *value = *slot_in(object, member->slot);
    bool is_key = member->field->flags & TGS_FIELD_KEY;
    if (!value || value == unset)
        return is_key ? wrong_type(member, "given, as part of the key", unset) : true;
    if (value == Py_None) {
        if (is_key) return wrong_type(member, "given, as part of the key", value);
        head->nulls |= member->field->bit;
        head->fields |= member->field->bit;
        return true;
    }
    head->fields |= member->field->bit;
    return value_from(member, value, row, pins);
}

static bool flags_from(const struct record_class *class, PyObject *object, struct row_head *head) {
    PyObject *value = *slot_in(object, class->flags_slot);
    int64_t flags = 0;
    if (value && value != zero && !integer_from(value, "flags", 0, UINT32_MAX, &flags)) return false;
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
    for (size_t i = 0; i < class->n_members; i++)
        if (!member_from(&class->members[i], object, row, pins)) return false;
    return true;
}

void row_input_init(struct row_input *input) {
    input->rows = NULL;
    input->count = input->stride = 0;
    input->pins.objects = NULL;
    input->pins.count = input->pins.capacity = 0;
}

bool rows_from(PyObject *rows, int32_t record, struct row_input *out) {
    const struct record_class *class = class_of(record);
    PyObject *tuple = class ? pins_tuple(&out->pins, rows, "rows") : NULL;
    if (!tuple) return false;
    out->stride = class->row_size;
    size_t count = (size_t)PyTuple_GET_SIZE(tuple);
    if (count == 0) return true;
    out->rows =
        count == 1 ? memset(&out->one, 0, sizeof out->one) : pins_memory(&out->pins, count, class->row_size);
    if (!out->rows) return false;
    for (; out->count < count; out->count++) {
        void *row = (char *)out->rows + out->count * out->stride;
        if (!object_from(class, PyTuple_GET_ITEM(tuple, out->count), row, &out->pins)) {
            raised_at_row(out->count);
            return false;
        }
    }
    return true;
}

bool row_from(PyObject *row, int32_t record, struct row_input *out) {
    if (row == Py_None) return true;
    const struct record_class *class = class_of(record);
    if (!class) return false;
    out->rows = memset(&out->one, 0, sizeof out->one);
    out->stride = class->row_size;
    out->count = 1;
    return object_from(class, row, out->rows, &out->pins);
}

void row_input_clear(struct row_input *input) { pins_clear(&input->pins); }

/* --- rows to objects ---------------------------------------------------------------- */

static PyObject *narrow_to(const struct member *member, int32_t value) {
    if (member->choices && value >= 0 && value < PyTuple_GET_SIZE(member->choices))
        return Py_NewRef(PyTuple_GET_ITEM(member->choices, value));
    if (member->field->flags & TGS_FIELD_BOOLEAN) return PyBool_FromLong(value);
    return PyLong_FromLong(value);
}

static PyObject *member_text_to(const tgs_str *text) {
    return PyUnicode_DecodeUTF8(text->ptr ? text->ptr : "", (Py_ssize_t)text->len, NULL);
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
    const void *place = (const char *)row + member->field->offset;
    switch (member->field->type) {
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
    *slot_in(object, class->flags_slot) = Py_NewRef(zero);
    for (size_t i = 0; i < class->n_members; i++) {
        const struct member *member = &class->members[i];
        bool is_there = (head->fields & member->field->bit) || (member->field->flags & TGS_FIELD_KEY);
        PyObject *value = is_there ? value_to(member, row) : Py_NewRef(unset);
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

bool results_wanted(PyObject *value, size_t count, tgs_result **out) {
    *out = NULL;
    int yes = PyObject_IsTrue(value);
    if (yes <= 0) return yes == 0;
    *out = PyMem_Calloc(count ? count : 1, sizeof **out);
    if (!*out) PyErr_NoMemory();
    return *out;
}

static PyObject *result_to(const tgs_result *result) {
    if (result->version == 0 && result->notes < 4)
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

static PyObject *field_to(const tgs_field *field) {
    PyObject *choices = field->choices ? intern_choices(field->choices) : Py_NewRef(Py_None);
    return choices
               ? Py_BuildValue("(siIKnN)", field->name, (int)field->type, (unsigned)(field->flags & 0xffffu),
                               (unsigned long long)field->bit, (Py_ssize_t)field->offset, choices)
               : NULL;
}

PyObject *fields_to(const tgs_field *fields, size_t count, size_t row_size) {
    if (!fields) Py_RETURN_NONE;
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (size_t i = 0; list && i < count; i++) {
        PyObject *field = field_to(&fields[i]);
        if (!field)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, (Py_ssize_t)i, field);
    }
    return list ? Py_BuildValue("(Nn)", list, (Py_ssize_t)row_size) : NULL;
}
