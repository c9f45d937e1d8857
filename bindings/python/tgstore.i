/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of tgstore.h as tgstore._lowlevel, under their own names.  Handles are objects of one
 * type, rows are objects of the package's record classes, statuses are exceptions, and outputs are
 * return values; so the typemaps below go by the names that the header gives its arguments. */
%module lowlevel

%{
#include "classes.h"
#include "convert.h"
#include "errors.h"
#include "handles.h"
#include "lookup.h"
%}

%include <stdint.i>

%init %{
    if (!handles_init(m) || PyModule_AddFunctions(m, lookup_functions) < 0) return NULL;
%}

/* The functions marked [io] release the interpreter lock; no other does.  tgs_store_close, which is
 * [io] too, does it in handles.c, since a close may come later than the call. */
%nothread;
%define IO(function)
%thread function;
%enddef
IO(tgs_store_open)
IO(tgs_sync)
IO(tgs_ping)
IO(tgs_backend_load)
IO(tgs_sessions_list)
IO(tgs_prune)
IO(tgs_stats_get)
IO(tgs_backup)
IO(tgs_purge)
IO(tgs_put)
IO(tgs_get)
IO(tgs_delete)
IO(tgs_list)
IO(tgs_load)
IO(tgs_peers_by_username)
IO(tgs_peers_by_phone)
IO(tgs_queue_claim)
IO(tgs_queue_settle)
IO(tgs_lease_acquire)
IO(tgs_lease_renew)
IO(tgs_lease_release)
IO(tgs_batch_commit)
IO(tgs_snapshot_from_file)
IO(tgs_snapshot_from_session)
IO(tgs_snapshot_to_file)
IO(tgs_snapshot_to_session)

/* --- status and error: no "noblock" code may use the names `error` and `done` for anything else --- */

%typemap(in, numinputs=0, noblock=1) tgs_error *err {
    tgs_error error;
    $1 = &error;
}
%typemap(in, numinputs=0, noblock=1) (uint64_t *done) {
    uint64_t done = 0;
    $1 = &done;
}
%apply (uint64_t *done) { (uint64_t *removed) }

%typemap(out) tgs_status {
    if (result != TGS_OK) {
        raise_error(result, &error);
        SWIG_fail;
    }
    $result = SWIG_Py_Void();
}
%define COUNTS_ROWS(function)
%typemap(out) tgs_status function {
    if (result != TGS_OK) {
        raise_error_done(result, &error, done);
        SWIG_fail;
    }
    $result = SWIG_Py_Void();
}
%enddef
COUNTS_ROWS(tgs_prune)
COUNTS_ROWS(tgs_purge)
COUNTS_ROWS(tgs_load)
COUNTS_ROWS(tgs_snapshot_to_session)

/* What a call returns in place of its status. */
%define RETURN(object)
    Py_SETREF($result, object);
    if (!$result) SWIG_fail;
%enddef
%typemap(argout) uint64_t *done, uint64_t *removed {
    RETURN(PyLong_FromUnsignedLongLong(*$1))
}

/* --- handles ------------------------------------------------------------------------------ */

%define HANDLE(type, argument, kind)
%typemap(in) type *argument (struct handle *held = NULL), const type *argument (struct handle *held = NULL) {
    void *pointer;
    if (!handle_use($input, &kind, "$symname", &held, &pointer)) SWIG_fail;
    $1 = pointer;
}
%typemap(freearg) type *argument, const type *argument {
    handle_leave(held$argnum);
}
%typemap(in, numinputs=0) type **out (type *made = NULL) {
    $1 = &made;
}
%typemap(argout) type **out {
    RETURN(handle_new(&kind, made$argnum))
}
%enddef
HANDLE(tgs_store, store, store_handle)
HANDLE(tgs_session, session, session_handle)
HANDLE(tgs_batch, batch, batch_handle)
HANDLE(tgs_rows, rows, rows_handle)
HANDLE(tgs_text, text, text_handle)
HANDLE(tgs_canceller, canceller, canceller_handle)
HANDLE(tgs_snapshot, snapshot, snapshot_handle)

%feature("action") tgs_store_close { handle_close(held1); }
%feature("action") tgs_session_free { handle_close(held1); }
%feature("action") tgs_batch_free { handle_close(held1); }
%feature("action") tgs_rows_free { handle_close(held1); }
%feature("action") tgs_text_free { handle_close(held1); }
%feature("action") tgs_canceller_free { handle_close(held1); }
%feature("action") tgs_snapshot_free { handle_close(held1); }

/* --- numbers and texts -------------------------------------------------------------------- */

%define INTEGER(type, min, max)
%typemap(in) type {
    int64_t number;
    if (!integer_from($input, "$1_name", min, max, &number)) SWIG_fail;
    $1 = (type)number;
}
%enddef
INTEGER(int32_t, INT32_MIN, INT32_MAX)
INTEGER(uint32_t, 0, UINT32_MAX)
INTEGER(int64_t, INT64_MIN, INT64_MAX)
INTEGER(size_t, 0, INT64_MAX)
%apply int32_t { tgs_status code }

%typemap(in) tgs_str {
    if (!text_from($input, "$1_name", &$1)) SWIG_fail;
}
%typemap(out) tgs_str {
    $result = text_to($1);
    if (!$result) SWIG_fail;
}

%define TEXTS(argument, n_argument)
%typemap(in) (const tgs_str *argument, size_t n_argument) (struct text_input given = {0}) {
    if (!texts_from($input, "$1_name", &given)) SWIG_fail;
    $1 = given.texts;
    $2 = given.count;
}
%typemap(freearg) (const tgs_str *argument, size_t n_argument) {
    text_input_clear(&given$argnum);
}
%enddef
TEXTS(usernames, n_usernames)
TEXTS(phones, n_phones)

%typemap(in) (const tgs_option *options, size_t n_options) (struct option_input given = {0}) {
    if (!options_from($input, &given)) SWIG_fail;
    $1 = given.options;
    $2 = given.count;
}
%typemap(freearg) (const tgs_option *options, size_t n_options) {
    option_input_clear(&given$argnum);
}

%typemap(default) const tgs_call *call {
    $1 = NULL;
}
%typemap(in) const tgs_call *call (tgs_call storage, struct handle *held = NULL) {
    const tgs_call *given;
    if (!call_from($input, &storage, &given, &held)) SWIG_fail;
    $1 = (tgs_call *)given;
}
%typemap(freearg) const tgs_call *call {
    handle_leave(held$argnum);
}

%typemap(in) const tgs_filter *filter (tgs_filter storage) {
    const tgs_filter *given;
    if (!filter_from($input, &storage, &given)) SWIG_fail;
    $1 = (tgs_filter *)given;
}

/* --- rows ----------------------------------------------------------------------------------- */

%define ROW_INPUT(arguments)
%typemap(arginit) arguments {
    row_input_init(&given$argnum);
}
%typemap(freearg) arguments {
    row_input_clear(&given$argnum);
}
%enddef

%define ROWS(type, argument, n_argument, record)
%typemap(in) (const type *argument, size_t n_argument, size_t stride) (struct row_input given) {
    if (!rows_from($input, record, &given)) SWIG_fail;
    $1 = given.rows;
    $2 = given.count;
    $3 = given.stride;
}
ROW_INPUT(%arg((const type *argument, size_t n_argument, size_t stride)))
%enddef
/* `record` is always the second argument of these functions. */
ROWS(void, rows, n_rows, arg2)
ROWS(void, keys, n_keys, arg2)
ROWS(tgs_queue_item, items, n_items, TGS_RECORD_QUEUE_ITEM)

%typemap(in) (const void *after, size_t stride) (struct row_input given) {
    if (!row_from($input, arg2, &given)) SWIG_fail;
    $1 = given.rows;
    $2 = given.stride;
}
ROW_INPUT(%arg((const void *after, size_t stride)))

/* The caller says whether results are wanted; then the call returns a list, with one a row. */
%define RESULTS(arguments, count)
%typemap(freearg) arguments {
    PyMem_Free($1);
}
%typemap(argout) arguments {
    if ($1) {
        RETURN(results_to($1, count))
    }
}
%enddef
%typemap(in) tgs_result *results {
    if (!results_wanted($input, arg4, &$1)) SWIG_fail;
}
RESULTS(tgs_result *results, arg4)
%typemap(in) (tgs_result *results, size_t n_results) {
    $2 = tgs_batch_count(arg1);
    if (!results_wanted($input, $2, &$1)) SWIG_fail;
    if (!$1) $2 = 0;
}
RESULTS(%arg((tgs_result *results, size_t n_results)), $2)

/* tgs_rows_row returns one record object, tgs_rows_data a list of all; None stands for a row that
 * was not found. */
%typemap(in, numinputs=0) (void *row, size_t size) (union any_row storage) {
    $1 = &storage;
}
%typemap(check) (void *row, size_t size) {
    $2 = row_size_of(arg1);
}
%typemap(out) tgs_status tgs_rows_row {
    if (result != TGS_OK) {
        raise_invalid("the result has no row %zu", arg2);
        SWIG_fail;
    }
    $result = row_to(tgs_rows_record(arg1), &storage3);
    if (!$result) SWIG_fail;
}
%typemap(in, numinputs=0) size_t *stride (size_t storage) {
    $1 = &storage;
}
%typemap(out) const void *tgs_rows_data {
    $result = rows_to(arg1, result, storage2);
    if (!$result) SWIG_fail;
}
%typemap(out) const tgs_rows *tgs_snapshot_rows {
    $result = result ? handle_new_part(&rows_handle, result, held1) : SWIG_Py_Void();
    if (!$result) SWIG_fail;
}

/* (fields, row_size), each field a tuple of the members of tgs_field; None if there is no such record. */
%typemap(in, numinputs=0) size_t *n (size_t storage), size_t *row_size (size_t storage) {
    $1 = &storage;
}
%typemap(out) const tgs_field *tgs_record_fields {
    $result = fields_to(result, storage2, storage3);
    if (!$result) SWIG_fail;
}

/* --- the functions ---------------------------------------------------------------------------- */

%typemap(out) PyObject *bind {
    $result = result;
    if (!$result) SWIG_fail;
}
PyObject *bind(PyObject *unset, PyObject *records, PyObject *errors, PyObject *result);

%rename("$ignore", %$isclass) "";
%ignore tgs_allocator_set; /* for programs: a module of Python comes too late, and can't know who else uses tgstore */
#define TGS_API
%include "tgstore.h"
