/* SPDX-License-Identifier: Apache-2.0 */
/* Reads requests, has each carried out, and writes replies. */
#include "driver.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int n_running;                                     /* requests on threads of their own */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* guards it */
static pthread_cond_t idle = PTHREAD_COND_INITIALIZER;
static pthread_mutex_t output = PTHREAD_MUTEX_INITIALIZER;
static FILE *replies;

static json_object *error_to_json(const char *code, const tgs_error *err) {
    static const char *const outcomes[] = {"not_applied", "unknown", "not_durable"};
    json_object *object = json_object_new_object();
    json_object_object_add(object, "code", json_object_new_string(code));
    json_object_object_add(object, "retryable", json_object_new_boolean(err->retryable));
    json_object_object_add(object, "outcome",
                           json_object_new_string(err->outcome < 3 ? outcomes[err->outcome] : "?"));
    json_object_object_add(object, "index", json_object_new_int64(err->index));
    json_object_object_add(object, "backend", json_object_new_string(err->backend));
    json_object_object_add(object, "native", json_object_new_string(err->native));
    json_object_object_add(object, "message", json_object_new_string(err->message));
    return object;
}

/* Rules that hold for every function, checked at every call. */
static void check_error(struct request *r, tgs_status status) {
    const tgs_error *err = &r->err;
    if (request_nulls(r, "err")) {
        memset(&r->err, 0, sizeof r->err);
        r->err.index = -1;
        return;
    }
    if (!memchr(err->message, 0, sizeof err->message) || !memchr(err->native, 0, sizeof err->native) ||
        !memchr(err->backend, 0, sizeof err->backend)) {
        complain(r, "a text of the error is not terminated", "err");
        return;
    }
    if (err->code != status) complain(r, "err->code is not the status", tgs_status_name(status));
    if (strchr(err->message, '\n')) complain(r, "the message has more than one line", err->message);
    if (status == TGS_OK && err->message[0]) complain(r, "TGS_OK with a message", err->message);
    if (status == TGS_NOT_FOUND && err->message[0]) complain(r, "TGS_NOT_FOUND with a message", err->message);
    if (status < 0 && !err->message[0]) complain(r, "a failure without a message", tgs_status_name(status));
    if (err->reserved[0] || err->reserved[1])
        complain(r, "err->reserved is not zero", tgs_status_name(status));
}

static bool takes_error(const char *name) {
    static const char *const without[] = {"hello",       "describe",     "become",      "free",
                                          "store_info",  "session_info", "rows",        "row",
                                          "batch_count", "batch_clear",  "cancel",      "reset",
                                          "cancelled",   "status_name",  "record_name", "snapshot_info"};
    for (size_t i = 0; i < sizeof without / sizeof *without; i++)
        if (strcmp(without[i], name) == 0) return false;
    return true;
}

static tgs_status run(struct request *r) {
    const char *name = json_object_get_string(member(r, "op"));
    for (size_t i = 0; name && operations[i].name; i++) {
        if (strcmp(operations[i].name, name) != 0) continue;
        bool fills = takes_error(name);
        memset(&r->err, fills ? 0xcc : 0, sizeof r->err); /* "cleared on entry" */
        tgs_status status = operations[i].run(r);
        if (fills && !r->complaint[0]) check_error(r, status);
        return status;
    }
    complain(r, "no such operation", name ? name : "(none)");
    return TGS_OK;
}

static void reply(const struct request *r, json_object *out) {
    json_object_object_add(out, "id", json_object_get(member(r, "id")));
    size_t len;
    const char *line = json_object_to_json_string_length(out, JSON_C_TO_STRING_PLAIN, &len);
    pthread_mutex_lock(&output);
    fwrite(line, 1, len, replies);
    fputc('\n', replies);
    fflush(replies);
    pthread_mutex_unlock(&output);
}

static void serve(json_object *in) {
    struct request r = {.in = in, .out = json_object_new_object()};
    tgs_status status = run(&r);
    if (r.complaint[0]) {
        tgs_error err = {.code = TGS_E_BACKEND, .index = -1};
        snprintf(err.message, sizeof err.message, "%s", r.complaint);
        json_object_object_add(r.out, "error", error_to_json("driver", &err));
    } else if (status != TGS_OK) {
        json_object_object_add(r.out, "error", error_to_json(tgs_status_name(status), &r.err));
    }
    reply(&r, r.out);
    request_free_memory(&r);
    json_object_put(r.out);
    json_object_put(in);
}

static void *serve_on_thread(void *in) {
    serve(in);
    pthread_mutex_lock(&mutex);
    n_running--;
    pthread_cond_signal(&idle);
    pthread_mutex_unlock(&mutex);
    return NULL;
}

static void serve_async(json_object *in) {
    pthread_t thread;
    pthread_mutex_lock(&mutex);
    n_running++;
    pthread_mutex_unlock(&mutex);
    if (pthread_create(&thread, NULL, serve_on_thread, in) != 0) abort();
    pthread_detach(thread);
}

/* The child answers; the parent tells if it could not. */
static void serve_in_child(json_object *in) {
    pid_t child = fork();
    if (child == 0) {
        serve(in);
        _exit(0);
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        struct request r = {.in = in, .out = json_object_new_object()};
        tgs_error err = {.index = -1, .message = "the forked child died"};
        json_object_object_add(r.out, "error", error_to_json("driver", &err));
        reply(&r, r.out);
        json_object_put(r.out);
    }
    json_object_put(in);
}

static bool wants(json_object *in, const char *name) {
    json_object *value = NULL;
    return json_object_object_get_ex(in, name, &value) && json_object_get_boolean(value);
}

int serve_all(FILE *requests, FILE *out) {
    char *line = NULL;
    size_t size = 0;
    int result = 0;
    replies = out;
    while (result == 0 && getline(&line, &size, requests) > 0) {
        json_object *in = json_tokener_parse(line);
        if (!in) {
            fputs("conformance driver: a line that is not JSON\n", stderr);
            result = 2;
        } else if (wants(in, "fork")) {
            serve_in_child(in);
        } else if (wants(in, "async")) {
            serve_async(in);
        } else {
            serve(in);
        }
    }
    free(line);
    pthread_mutex_lock(&mutex);
    while (n_running) pthread_cond_wait(&idle, &mutex);
    pthread_mutex_unlock(&mutex);
    free_handles();
    return result;
}
