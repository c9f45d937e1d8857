/* SPDX-License-Identifier: Apache-2.0 */
/* The conformance driver in C, fed with lines of JSON: whatever they ask for, each is answered with a line of
 * JSON.  Input: the lines. */
#include "../conformance/c/driver.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

#define MAX_LINES 60

/* What would reach beyond this process and its memory. */
static bool is_forbidden(json_object *request) {
    static const char *const forbidden[] = {"become", "load_backend", "backup", "snapshot_from_file"};
    const char *name = string_of(json_object_object_get(request, "op"));
    for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++)
        if (strcmp(name, forbidden[i]) == 0) return true;
    return false;
}

/* No process, no thread, no file, and no waiting. */
static void tame(json_object *request) {
    json_object_object_del(request, "fork");
    json_object_object_del(request, "async");
    json_object_object_del(request, "wait_ms");
    const char *url = string_of(json_object_object_get(request, "url"));
    if (strncmp(url, "memory:", 7) != 0)
        json_object_object_add(request, "url", json_object_new_string("memory:"));
}

/* The lines that may be carried out; returns how many. */
static size_t tamed(struct reader in, FILE *out) {
    size_t n = 0;
    while (in.size && n < MAX_LINES) {
        char *line = must_string(take_until(&in, '\n'));
        json_object *request = json_tokener_parse(line);
        if (json_object_is_type(request, json_type_object) && !is_forbidden(request)) {
            tame(request);
            fprintf(out, "%s\n", json_object_to_json_string_ext(request, JSON_C_TO_STRING_PLAIN));
            n++;
        }
        json_object_put(request);
        free(line);
    }
    return n;
}

/* The driver complains of bad requests, and of a library that breaks a rule of all functions. */
static void require_rules_kept(const char *complaint) {
    static const char *const broken_rules[] = {
        "a text of the error is not terminated",
        "err->code is not the status",
        "the message has more than one line",
        "TGS_OK with a message",
        "TGS_NOT_FOUND with a message",
        "a failure without a message",
        "err->reserved is not zero",
        "owned output is not NULL",
    };
    for (size_t i = 0; i < sizeof broken_rules / sizeof *broken_rules; i++)
        REQUIRE(strncmp(complaint, broken_rules[i], strlen(broken_rules[i])) != 0);
}

static void require_replies(char *replies, size_t n) {
    for (size_t i = 0; i < n; i++) {
        char *end = strchr(replies, '\n');
        REQUIRE(end);
        *end = '\0';
        json_object *reply = json_tokener_parse(replies), *id, *error, *code, *message;
        REQUIRE(json_object_is_type(reply, json_type_object) && json_object_object_get_ex(reply, "id", &id));
        /* The driver itself complains of a bad request, and of a library that breaks a rule of all functions.
         */
        if (json_object_object_get_ex(reply, "error", &error) &&
            json_object_object_get_ex(error, "code", &code) && strcmp(string_of(code), "driver") == 0 &&
            json_object_object_get_ex(error, "message", &message)) {
            require_rules_kept(string_of(message));
        }
        json_object_put(reply);
        replies = end + 1;
    }
    REQUIRE(!*replies);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *requests, *replies;
    size_t requests_size, replies_size;
    FILE *out = open_memstream(&requests, &requests_size);
    REQUIRE(out);
    size_t n = tamed((struct reader){data, size}, out);
    fclose(out);
    if (n) {
        FILE *in = fmemopen(requests, requests_size, "r");
        out = open_memstream(&replies, &replies_size);
        REQUIRE(in && out);
        REQUIRE(serve_all(in, out) == 0);
        fclose(in);
        fclose(out);
        require_replies(replies, n);
        free(replies);
    }
    free(requests);
    return 0;
}
