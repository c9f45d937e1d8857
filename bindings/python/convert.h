/* SPDX-License-Identifier: Apache-2.0 */
/* Python values become the library's plain data, and back.  All goes by tgs_record_fields.
 *
 * Functions that return bool set an exception and return false on failure.  Inputs borrow texts
 * and blobs from Python objects, which are kept alive in a struct pins until the call is over. */
#ifndef CONVERT_H
#define CONVERT_H

#include <Python.h>
#include <stdbool.h>

#include "handles.h"
#include "tgstore.h"

/* --- single values; `name` is the argument's, for messages --- */

bool integer_from(PyObject *value, const char *name, int64_t min, int64_t max, int64_t *out);
/* None is a text with ptr NULL.  Borrowed from `value`. */
bool text_from(PyObject *value, const char *name, tgs_str *out);
PyObject *text_to(tgs_str text); /* None if ptr is NULL */

/* --- Python objects whose memory a call reads --- */

#define PINS_INLINE 16
struct pins {
    PyObject **objects;
    size_t count, capacity;
    char *memory; /* `left` bytes of the newest of the objects */
    size_t left;
    PyObject *first[PINS_INLINE];
};

/* --- rows --- */

union any_row {
    tgs_session_data session_data;
    tgs_dc_auth dc_auth;
    tgs_peer peer;
    tgs_update_state update_state;
    tgs_dedup dedup;
    tgs_queue_item queue_item;
    tgs_conversation conversation;
    tgs_kv kv;
    tgs_session_info session_info;
    tgs_stats stats;
};

struct row_input {
    void *rows; /* NULL if there are none */
    size_t count, stride;
    union any_row one; /* where a single row lives */
    struct pins pins;
};

void row_input_init(struct row_input *input);
/* `rows` is a list or tuple of objects of the record's class. */
bool rows_from(PyObject *rows, int32_t record, struct row_input *out);
/* None, or one row. */
bool row_from(PyObject *row, int32_t record, struct row_input *out);
/* One key: `values` are one row, or the n_values members of the key. */
bool key_from(PyObject *const *values, size_t n_values, int32_t record, struct row_input *out);
void row_input_clear(struct row_input *input);

/* sizeof the struct of the rows' record, or 0. */
size_t row_size_of(const tgs_rows *rows);
/* A record object, or None if the row was not found. */
PyObject *row_to(int32_t record, const void *row);
PyObject *rows_to(const tgs_rows *rows, const void *data, size_t stride); /* list of row_to */

/* --- results --- */

/* Take the class of tgs_result. */
bool results_bind(PyObject *type);
/* Room for count results if `value` is true, to be freed with PyMem_Free; else *out is NULL. */
bool results_wanted(PyObject *value, size_t count, tgs_result **out);
PyObject *results_to(const tgs_result *results, size_t count); /* list */

/* --- other arguments --- */

struct text_input {
    tgs_str *texts;
    size_t count;
    struct pins pins;
};
bool texts_from(PyObject *texts, const char *name, struct text_input *out); /* a list or tuple of str */
void text_input_clear(struct text_input *input);

struct option_input {
    tgs_option *options;
    size_t count;
    struct pins pins;
};
bool options_from(PyObject *options, struct option_input *out); /* None or a dict of str to str */
void option_input_clear(struct option_input *input);

/* timeout_ms and a canceller, or None for either: *call is NULL if there is nothing to say.
 * `held` is to be left after the call. */
bool limits_from(PyObject *timeout, PyObject *cancel, tgs_call *storage, const tgs_call **call,
                 struct handle **held);
/* None, or a tuple of the two. */
bool call_from(PyObject *value, tgs_call *storage, const tgs_call **call, struct handle **held);
/* None, or (order, kind, state, scope). */
bool filter_from(PyObject *value, tgs_filter *storage, const tgs_filter **filter);

#endif
