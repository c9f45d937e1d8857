/* SPDX-License-Identifier: Apache-2.0 */
#include "classes.h"

#include <structmember.h>

#include "convert.h"
#include "errors.h"

#define RECORDS (TGS_RECORD_STATS + 1)

PyObject *object_unset, *object_zero;

static struct record_class classes[RECORDS];

bool find_slot(PyTypeObject *type, const char *name, Py_ssize_t *offset) {
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

/* --- calling a class ---------------------------------------------------------------- */

/* As the class's own __init__ does it, which any call may be left to. */
static PyObject *call_as_python_does(PyObject *type, PyObject *const *args, size_t n_args, PyObject *names) {
    PyObject *positional = PyTuple_New((Py_ssize_t)n_args);
    PyObject *named = names ? PyDict_New() : NULL;
    PyObject *object = NULL;
    bool ok = positional && (named || !names);
    for (size_t i = 0; ok && i < n_args; i++) PyTuple_SET_ITEM(positional, (Py_ssize_t)i, Py_NewRef(args[i]));
    for (Py_ssize_t i = 0; ok && names && i < PyTuple_GET_SIZE(names); i++)
        ok = PyDict_SetItem(named, PyTuple_GET_ITEM(names, i), args[n_args + (size_t)i]) == 0;
    if (ok) object = PyType_Type.tp_call(type, positional, named);
    Py_XDECREF(positional);
    Py_XDECREF(named);
    return object;
}

/* Arguments by name come mostly in the order of the parameters, and their names are interned. */
static const struct parameter *find_parameter(const struct record_class *class, PyObject *name,
                                              size_t expected) {
    for (size_t i = expected; i < class->n_parameters; i++)
        if (class->parameters[i].name == name) return &class->parameters[i];
    for (size_t i = 0; i < expected; i++)
        if (class->parameters[i].name == name) return &class->parameters[i];
    return NULL;
}

/* False, without an exception, if the arguments are not as they should be. */
static bool fill(const struct record_class *class, PyObject *object, PyObject *const *args, size_t n_args,
                 PyObject *names) {
    size_t n_names = names ? (size_t)PyTuple_GET_SIZE(names) : 0, expected = n_args;
    if (n_args > class->n_positional) return false;
    for (size_t i = 0; i < n_args; i++) *slot_in(object, class->parameters[i].slot) = Py_NewRef(args[i]);
    for (size_t i = 0; i < n_names; i++) {
        const struct parameter *found =
            find_parameter(class, PyTuple_GET_ITEM(names, (Py_ssize_t)i), expected);
        if (!found || *slot_in(object, found->slot)) return false;
        *slot_in(object, found->slot) = Py_NewRef(args[n_args + i]);
        expected = (size_t)(found - class->parameters) + 1;
    }
    for (size_t i = n_args; i < class->n_parameters; i++) {
        const struct parameter *parameter = &class->parameters[i];
        PyObject **place = slot_in(object, parameter->slot);
        if (*place) continue;
        if (!parameter->standard) return false;
        *place = Py_NewRef(parameter->standard);
    }
    return true;
}

/* What calling a record class does: the same as its __init__, without a Python function. */
static PyObject *call_class(PyObject *type, PyObject *const *args, size_t flagged, PyObject *names) {
    size_t n_args = (size_t)PyVectorcall_NARGS(flagged);
    const struct record_class *class = &classes[record_of_type((PyTypeObject *)type)];
    PyObject *object = class->type->tp_alloc(class->type, 0);
    if (!object) return NULL;
    if (fill(class, object, args, n_args, names)) return object;
    Py_DECREF(object);
    return call_as_python_does(type, args, n_args, names);
}

/* --- taking the classes --------------------------------------------------------------- */

static bool bind_member(struct record_class *class, const tgs_field *field, struct member *member) {
    member->field = *field;
    snprintf(member->label, sizeof member->label, "%s.%s", class->type->tp_name, field->name);
    if (field->choices && !(member->choices = intern_choices(field->choices))) return false;
    return find_slot(class->type, field->name, &member->slot);
}

static void link_numbers(struct record_class *class) {
    for (size_t i = 0; i < class->n_members; i++)
        for (size_t j = 0; j < class->n_members; j++) {
            const char *text = class->members[i].field.name, *number = class->members[j].field.name;
            size_t len = strlen(text);
            if (strncmp(text, number, len) == 0 && strcmp(number + len, "_number") == 0)
                class->members[i].as_number = &class->members[j];
        }
}

static bool bind_members(struct record_class *class, const tgs_field *fields) {
    for (size_t i = 0; i < class->n_members; i++) {
        if (!bind_member(class, &fields[i], &class->members[i])) return false;
        if (fields[i].flags & TGS_FIELD_KEY) class->n_keys++;
    }
    link_numbers(class);
    return find_slot(class->type, "flags", &class->flags_slot);
}

static bool bind_parameters(struct record_class *class, PyObject *names, PyObject *standards) {
    Py_ssize_t count = PyTuple_GET_SIZE(names), required = count - PyTuple_GET_SIZE(standards);
    for (Py_ssize_t i = 0; i < count; i++) {
        struct parameter *parameter = &class->parameters[i];
        parameter->name = Py_NewRef(PyTuple_GET_ITEM(names, i));
        PyUnicode_InternInPlace(&parameter->name);
        if (i >= required) parameter->standard = Py_NewRef(PyTuple_GET_ITEM(standards, i - required));
        const char *name = PyUnicode_AsUTF8(parameter->name);
        if (!name || !find_slot(class->type, name, &parameter->slot)) return false;
    }
    class->n_parameters = (size_t)count;
    return true;
}

static bool bind_record(int32_t record, PyObject *description) {
    struct record_class *class = &classes[record];
    PyObject *type, *names, *standards;
    Py_ssize_t n_positional;
    if (!PyArg_ParseTuple(description, "O!O!nO!", &PyType_Type, &type, &PyTuple_Type, &names, &n_positional,
                          &PyTuple_Type, &standards))
        return false;
    const tgs_field *fields = tgs_record_fields(record, &class->n_members, &class->row_size);
    if (!fields || class->n_members > MAX_MEMBERS || class->row_size > sizeof(union any_row) ||
        (size_t)PyTuple_GET_SIZE(names) != class->n_members + 1) {
        PyErr_Format(PyExc_TypeError, "no class for record %d of this library: %R", (int)record, type);
        return false;
    }
    class->type = (PyTypeObject *)Py_NewRef(type);
    class->n_positional = (size_t)n_positional;
    if (!bind_members(class, fields) || !bind_parameters(class, names, standards)) return false;
    class->type->tp_vectorcall = call_class;
    return true;
}

PyObject *bind(PyObject *unset, PyObject *records, PyObject *errors, PyObject *result) {
    if (object_unset) {
        PyErr_SetString(PyExc_RuntimeError, "the classes are bound already");
        return NULL;
    }
    if (!errors_bind(errors) || !results_bind(result) || !(object_zero = PyLong_FromLong(0))) return NULL;
    for (int32_t record = TGS_RECORD_SESSION; record < RECORDS; record++) {
        PyObject *key = PyLong_FromLong(record);
        PyObject *description = key ? PyObject_GetItem(records, key) : NULL;
        bool ok = description && bind_record(record, description);
        Py_XDECREF(key);
        Py_XDECREF(description);
        if (!ok) return NULL;
    }
    object_unset = Py_NewRef(unset);
    Py_RETURN_NONE;
}

/* --- for the others ---------------------------------------------------------------------- */

const struct record_class *class_of(int32_t record) {
    bool known = record > 0 && record < RECORDS;
    if (known && classes[record].type) return &classes[record];
    if (known)
        PyErr_SetString(PyExc_RuntimeError, "import tgstore, not tgstore._lowlevel alone");
    else
        raise_invalid("there is no record %d; see TGS_RECORD_*", (int)record);
    return NULL;
}

int32_t record_of_type(PyTypeObject *type) {
    for (int32_t record = 1; record < RECORDS; record++)
        if (classes[record].type == type) return record;
    for (int32_t record = 1; record < RECORDS; record++)
        if (classes[record].type && PyType_IsSubtype(type, classes[record].type)) return record;
    return 0;
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
