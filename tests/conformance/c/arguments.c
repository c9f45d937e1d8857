/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments and results of calls, and the handles that stand for objects between them. */
#include "driver.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

char poison;

#define MAX_HANDLES 65536

static struct {
    enum kind kind;
    void *object;
} handles[MAX_HANDLES];
static int n_handles;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* guards both */

/* --- arguments ---------------------------------------------------------------------------------- */

json_object *member(const struct request *r, const char *name) {
    json_object *value = NULL;
    json_object_object_get_ex(r->in, name, &value);
    return value;
}

tgs_str text(struct request *r, const char *name) { return text_from_json(r, member(r, name)); }

/* The pointer, or NULL where the request wants to see what NULL does. */
void *argument(const struct request *r, const char *name, void *pointer) {
    return request_nulls(r, name) ? NULL : pointer;
}

void *handle(struct request *r, const char *name, enum kind kind) {
    json_object *value = member(r, name);
    if (!value) return NULL;
    int64_t i = json_object_get_int64(value);
    void *object = NULL;
    pthread_mutex_lock(&mutex);
    if (i >= 0 && i < n_handles && handles[i].kind == kind) object = handles[i].object;
    pthread_mutex_unlock(&mutex);
    if (!object) complain(r, "no such handle", name);
    return object;
}

void new_handle(struct request *r, enum kind kind, void *object) {
    pthread_mutex_lock(&mutex);
    bool full = n_handles == MAX_HANDLES;
    if (!full) {
        handles[n_handles].kind = kind;
        handles[n_handles].object = object;
        json_object_object_add(r->out, "handle", json_object_new_int(n_handles++));
    }
    pthread_mutex_unlock(&mutex);
    if (!full) return;
    complain(r, "no room for more handles", "handle");
    release(kind, object);
}

void release(enum kind kind, void *object) {
    switch (kind) {
    case STORE:
        tgs_store_close(object);
        break;
    case SESSION:
        tgs_session_free(object);
        break;
    case BATCH:
        tgs_batch_free(object);
        break;
    case CANCELLER:
        tgs_canceller_free(object);
        break;
    case ROWS:
        tgs_rows_free(object);
        break;
    case SNAPSHOT:
        tgs_snapshot_free(object);
        break;
    case NOTHING:
        break;
    }
}

void free_handle(int64_t i) {
    enum kind kind = NOTHING;
    void *object = NULL;
    pthread_mutex_lock(&mutex);
    if (i >= 0 && i < n_handles) {
        kind = handles[i].kind;
        object = handles[i].object;
        handles[i].kind = NOTHING;
    }
    pthread_mutex_unlock(&mutex);
    release(kind, object);
}

void free_handles(void) {
    for (int i = 0; i < n_handles; i++) free_handle(i);
    n_handles = 0;
}

const tgs_call *call(struct request *r) {
    if (!member(r, "timeout_ms") && !member(r, "cancel") && !member(r, "call_size") &&
        !member(r, "call_reserved"))
        return NULL;
    size_t size = request_size(r, "call_size", sizeof(tgs_call));
    tgs_call *made = request_alloc(r, size > sizeof *made ? size : sizeof *made);
    *made = (tgs_call){.size = size,
                       .timeout_ms = request_int(r, "timeout_ms", 0),
                       .cancel = handle(r, "cancel", CANCELLER)};
    made->reserved[0] = (uint64_t)request_int(r, "call_reserved", 0);
    return made;
}

tgs_error *error(struct request *r) { return argument(r, "err", &r->err); }

tgs_option *options_from_json(struct request *r, size_t *n) {
    json_object *given = member(r, "options");
    if (given && !is_object(r, given)) given = NULL;
    *n = given ? (size_t)json_object_object_length(given) : 0;
    tgs_option *options = request_alloc(r, *n * sizeof *options), *next = options;
    if (!given) return options;
    json_object_object_foreach(given, key, value) {
        json_object *name = json_object_new_string(key);
        next->key = text_from_json(r, name);
        next++->value = text_from_json(r, value);
        json_object_put(name);
    }
    return options;
}

/* --- outputs ------------------------------------------------------------------------------------ */

tgs_status owned(struct request *r, tgs_status status, enum kind kind, void *object) {
    if (status == TGS_OK)
        new_handle(r, kind, object);
    else if (object && !request_nulls(r, "out"))
        complain(r, "owned output is not NULL", tgs_status_name(status));
    return status;
}

tgs_status owned_rows(struct request *r, tgs_status status, tgs_rows *rows) {
    json_object *keep = member(r, "keep");
    if (status != TGS_OK || (keep && json_object_get_boolean(keep))) return owned(r, status, ROWS, rows);
    json_object_object_add(r->out, "rows", rows_to_json(rows, false));
    json_object_object_add(r->out, "more", json_object_new_boolean(tgs_rows_more(rows)));
    tgs_rows_free(rows);
    return status;
}

tgs_result *results(struct request *r, size_t n) {
    return argument(r, "results", request_alloc(r, n * sizeof(tgs_result)));
}

tgs_status with_results(struct request *r, tgs_status status, const tgs_result *result, size_t n) {
    if (status != TGS_OK || !result) return status;
    json_object *list = json_object_new_array();
    for (size_t i = 0; i < n; i++) {
        json_object *object = json_object_new_object(), *notes = json_object_new_array();
        if (result[i].notes & TGS_NOTE_NEW) json_object_array_add(notes, json_object_new_string("new"));
        if (result[i].notes & TGS_NOTE_LOWER) json_object_array_add(notes, json_object_new_string("lower"));
        json_object_object_add(object, "applied", json_object_new_boolean(result[i].applied));
        json_object_object_add(object, "notes", notes);
        json_object_object_add(object, "version", json_object_new_int64(result[i].version));
        json_object_array_add(list, object);
    }
    json_object_object_add(r->out, "results", list);
    return status;
}

tgs_status with_count(struct request *r, tgs_status status, uint64_t count) {
    json_object_object_add(r->out, "count", json_object_new_uint64(count));
    return status;
}
