/* SPDX-License-Identifier: Apache-2.0 */
/* Statuses become exceptions. */
#ifndef ERRORS_H
#define ERRORS_H

#include <Python.h>
#include <stdbool.h>

#include "tgstore.h"

/* Take the classes: a dict from code to class, in which TGS_E_BACKEND stands for unknown codes. */
bool errors_bind(PyObject *classes);

/* Raise what the library returned and reported. */
void raise_error(tgs_status status, const tgs_error *error);
/* The same for a call that had done `done` rows before it failed. */
void raise_error_done(tgs_status status, const tgs_error *error, uint64_t done);
/* Raise InvalidError; `format` as for PyUnicode_FromFormat. */
void raise_invalid(const char *format, ...);
/* Note in the InvalidError that was just raised, if it is one, the row at fault. */
void raised_at_row(size_t index);

#endif
