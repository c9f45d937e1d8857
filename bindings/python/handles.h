/* SPDX-License-Identifier: Apache-2.0 */
/* Handles of the library as Python objects.  A handle is in use while a call runs on it; closing
 * one that is in use refuses new calls, and frees it when the last running call ends.  So neither
 * a close in another thread nor any order of finalizers can free what a call still needs. */
#ifndef HANDLES_H
#define HANDLES_H

#include <Python.h>
#include <stdbool.h>

struct handle_kind {
    const char *name;          /* for messages */
    const char *free_function; /* the one function that takes a closed handle */
    void (*release)(void *);
    bool blocks;    /* release does I/O */
    bool exclusive; /* for one call at a time */
};

extern const struct handle_kind store_handle, session_handle, batch_handle, rows_handle, text_handle,
    canceller_handle, snapshot_handle;

struct handle;

/* Make the type and add it to the module. */
bool handles_init(PyObject *module);

/* A handle that owns ptr; on failure ptr is released. */
PyObject *handle_new(const struct handle_kind *kind, void *ptr);
/* A handle on a part of `owner`, which stays in use as long as the part lives. */
PyObject *handle_new_part(const struct handle_kind *kind, const void *ptr, struct handle *owner);

/* Begin to use the handle `object`: its pointer in *ptr, what to leave in *held.  Both are NULL for
 * None and for a closed handle, which only the function that frees the kind takes. */
bool handle_use(PyObject *object, const struct handle_kind *kind, const char *function, struct handle **held,
                void **ptr);
/* End the use that handle_use began.  `held` may be NULL. */
void handle_leave(struct handle *held);
/* Refuse further use, and release as soon as nobody uses it.  `held` may be NULL. */
void handle_close(struct handle *held);

#endif
