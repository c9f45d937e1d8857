/* SPDX-License-Identifier: Apache-2.0 */
/* Python objects kept alive while a call reads their memory. */
#ifndef PINS_H
#define PINS_H

#include "convert.h"

/* For pins that are not zeroed. */
void pins_init(struct pins *pins);
bool pins_add(struct pins *pins, PyObject *object);
/* Zeroed memory for count > 0 elements that lives as long as the pins. */
void *pins_memory(struct pins *pins, size_t count, size_t size);
/* The bytes of any object with a buffer, which cannot change its size until the pins are cleared. */
bool pins_buffer(struct pins *pins, PyObject *object, const char *name, tgs_bytes *out);
/* The items of a list or tuple as a tuple.  Borrowed from the pins; NULL: an exception is set. */
PyObject *pins_tuple(struct pins *pins, PyObject *object, const char *name);
/* The texts of a list or tuple of str. */
bool pins_texts(struct pins *pins, PyObject *object, const char *name, tgs_str **texts, size_t *count);
void pins_clear(struct pins *pins);

#endif
