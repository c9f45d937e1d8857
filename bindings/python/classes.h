/* SPDX-License-Identifier: Apache-2.0 */
/* The package's record classes: classes of Python's, with a slot for each member of the record's struct.
 * The slots are read and filled by their offsets. */
#ifndef CLASSES_H
#define CLASSES_H

#include <Python.h>
#include <stdbool.h>

#include "tgstore.h"

#define MAX_MEMBERS 24

struct member {
    tgs_field field;
    Py_ssize_t slot;                /* offset in the object */
    const struct member *as_number; /* of a text that may be given as a number: where that goes */
    PyObject *choices;              /* tuple of interned names, or NULL */
    char label[48];                 /* "Peer.access_hash", for messages */
};

/* What a class takes when it is called. */
struct parameter {
    PyObject *name;     /* interned */
    PyObject *standard; /* the value if none is given; NULL: one must be given */
    Py_ssize_t slot;
};

struct record_class {
    PyTypeObject *type; /* NULL: bind was not called */
    size_t row_size, n_members, n_keys;
    Py_ssize_t flags_slot;
    struct member members[MAX_MEMBERS]; /* in struct order, keys included */
    size_t n_parameters, n_positional;
    struct parameter parameters[MAX_MEMBERS + 1];
};

/* Take the classes of the package, once: the UNSET object; a dict from TGS_RECORD_* to a record's class
 * with its parameters, (class, names, how many of them may be given by position, the standard values of
 * the last ones); a dict from status code to exception class; and the class of tgs_result.  Returns None. */
PyObject *bind(PyObject *unset, PyObject *records, PyObject *errors, PyObject *result);

/* The class of a record; NULL: an exception is set. */
const struct record_class *class_of(int32_t record);
/* TGS_RECORD_* of the objects of a type; 0: they are no records. */
int32_t record_of_type(PyTypeObject *type);
/* The fields of a record, as its class has them, for Python. */
PyObject *fields_to(const tgs_field *fields, size_t count, size_t row_size);

extern PyObject *object_unset, *object_zero; /* UNSET and 0 */

/* Where the objects of a type keep the member `name`. */
bool find_slot(PyTypeObject *type, const char *name, Py_ssize_t *offset);

static inline PyObject **slot_in(PyObject *object, Py_ssize_t offset) {
    return (PyObject **)(void *)((char *)object + offset);
}

#endif
