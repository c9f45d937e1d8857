/* SPDX-License-Identifier: Apache-2.0 */
/* The conformance driver in C: one request is one line of JSON (../README.md). */
#ifndef CONFORMANCE_DRIVER_H
#define CONFORMANCE_DRIVER_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>

#include <tgstore.h>

struct request {
    json_object *in;      /* what was asked */
    json_object *out;     /* the members of the reply */
    struct block *memory; /* what the arguments point to */
    char complaint[200];  /* the request itself is wrong, or the library broke a rule of every function */
    tgs_error err;
};

/* --- driver.c ---------------------------------------------------------------------------------------- */

/* Carry out the requests, a line each, until they end.  0, or 2 for a line that is not JSON. */
int serve_all(FILE *requests, FILE *out);

/* --- rows.c ------------------------------------------------------------------------------------------ */

/* Memory of exactly `size` bytes that lives as long as the request, so that a sanitizer sees each byte
 * read beyond an argument.  It is overwritten when the request ends: whoever kept a pointer is found out. */
void *request_alloc(struct request *request, size_t size);
void request_free_memory(struct request *request);

/* The first complaint is kept. */
void complain(struct request *request, const char *what, const char *about);

/* Is the argument in the request's list "null"? */
bool request_nulls(const struct request *request, const char *argument);
int64_t request_int(const struct request *request, const char *member, int64_t otherwise);
/* The size of something that the driver has to have the memory for. */
size_t request_size(struct request *request, const char *member, size_t otherwise);

/* How many elements; anything but an array, or NULL, is complained about and has none. */
size_t array_length(struct request *request, json_object *array);
/* Is it an object?  Anything else is complained about. */
bool is_object(struct request *request, json_object *value);
/* The text of a value, "null" for none: never NULL. */
const char *string_of(json_object *value);

/* A string, {"base64": ...} for one that is not UTF-8, or null. */
tgs_str text_from_json(struct request *request, json_object *value);
/* An array of them. */
tgs_str *texts_from_json(struct request *request, json_object *array, size_t *n);
json_object *text_to_json(tgs_str text);

/* The array `member` of the request as structs of `record`.  The request's "stride", "zero_stride" and "poke"
 * bend the result, for the cases about wrong arguments. */
void *rows_from_json(struct request *request, const char *member, int32_t record, size_t *n, size_t *stride);
/* One row, `value` an object. */
void row_from_json(struct request *request, int32_t record, json_object *value, void *row);
json_object *row_to_json(int32_t record, const void *row);
/* All rows of a result; null for those without TGS_ROW_FOUND, or with `missing` what they carry. */
json_object *rows_to_json(const tgs_rows *rows, bool missing);

/* A number, or the name of a record: "peer". */
int32_t record_from_json(struct request *request, json_object *value);
/* tgs_record_fields of all records. */
json_object *describe_records(void);

/* --- arguments.c ------------------------------------------------------------------------------------ */

enum kind { NOTHING, STORE, SESSION, BATCH, CANCELLER, ROWS, SNAPSHOT };

/* What an owned output holds before a call that must overwrite it. */
extern char poison;
#define POISON ((void *)&poison)

json_object *member(const struct request *r, const char *name);
tgs_str text(struct request *r, const char *name);
/* The pointer, or NULL where the request wants to see what NULL does. */
void *argument(const struct request *r, const char *name, void *pointer);
const tgs_call *call(struct request *r);
tgs_error *error(struct request *r);
/* The member "options", an object of texts. */
tgs_option *options_from_json(struct request *r, size_t *n);

/* The object of this kind that the member names, or NULL. */
void *handle(struct request *r, const char *name, enum kind kind);
void new_handle(struct request *r, enum kind kind, void *object);
void free_handle(int64_t i);
void free_handles(void);
/* `object` may be NULL. */
void release(enum kind kind, void *object);

/* Reply with what the call gave out, and return its status. */
tgs_status owned(struct request *r, tgs_status status, enum kind kind, void *object);
tgs_status owned_rows(struct request *r, tgs_status status, tgs_rows *rows);
tgs_result *results(struct request *r, size_t n);
tgs_status with_results(struct request *r, tgs_status status, const tgs_result *result, size_t n);
tgs_status with_count(struct request *r, tgs_status status, uint64_t count);

/* --- operations.c, snapshots.c ---------------------------------------------------------------------- */

struct operation {
    const char *name;
    tgs_status (*run)(struct request *);
};

extern const struct operation operations[]; /* ends with a NULL name */

tgs_status snapshot_from_text(struct request *r);
tgs_status snapshot_from_file(struct request *r);
tgs_status snapshot_from_session(struct request *r);
tgs_status snapshot_info(struct request *r);
tgs_status snapshot_to_text(struct request *r);
tgs_status snapshot_to_session(struct request *r);

#endif
