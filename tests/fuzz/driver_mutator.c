/* SPDX-License-Identifier: Apache-2.0 */
/* Mutations of lines of JSON: members and values that the driver knows, at random places. */
#include <json-c/json.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "mutator.h"

#define MAX_LINES 60

static const char *const members[] = {
    "op",
    "store",
    "session",
    "batch",
    "rows",
    "record",
    "limit",
    "after",
    "order",
    "kind",
    "state",
    "scope",
    "texts",
    "max_age_ms",
    "owner",
    "lane",
    "lease_ms",
    "action",
    "mode",
    "ttl_ms",
    "name",
    "text",
    "format",
    "options",
    "peers",
    "snapshot",
    "replace_account",
    "flags",
    "fields",
    "nulls",
    "null",
    "stride",
    "poke",
    "call_size",
    "call_reserved",
    "filter_size",
    "filter_reserved",
    "timeout_ms",
    "cancel",
    "canceller",
    "handle",
    "keep",
    "missing",
    "index",
    "size",
    "n_results",
    "peer_age_ms",
    "code",
    "url",
    "id",
    "dc",
    "auth_key",
    "user_id",
    "slot",
    "salt",
    "expires",
    "access_hash",
    "usernames",
    "phone",
    "first_name",
    "channel_id",
    "pts",
    "key",
    "created",
    "payload",
    "due",
    "delay_ms",
    "token",
    "attempts",
    "max_attempts",
    "chat_id",
    "thread_id",
    "step",
    "step_number",
    "data",
    "version",
    "value",
    "base64",
};
static const char *const values[] = {
    "null",
    "true",
    "false",
    "0",
    "1",
    "2",
    "3",
    "4",
    "-1",
    "5",
    "256",
    "4096",
    "4097",
    "9223372036854775807",
    "-9223372036854775808",
    "1.5",
    "\"\"",
    "\"a\"",
    "\"b\"",
    "\"peer\"",
    "\"kv\"",
    "\"session\"",
    "\"queue_item\"",
    "\"conversation\"",
    "\"dedup\"",
    "\"update_state\"",
    "\"dc_auth\"",
    "\"any\"",
    "\"user\"",
    "\"channel\"",
    "\"ack\"",
    "\"fail\"",
    "\"extend\"",
    "\"exclusive\"",
    "\"shared\"",
    "\"expires\"",
    "\"dg==\"",
    "\"@bob\"",
    "\"42\"",
    "\"memory:\"",
    "\"pyrogram\"",
    "[]",
    "{}",
    "[null]",
    "[1]",
    "[[0,255]]",
    "[{}]",
    "[{},{}]",
    "[\"a\",\"B\"]",
    "[\"if_absent\",\"require\"]",
    "[\"if_present\"]",
    "[\"if_version\"]",
    "[\"replace_account\"]",
    "[\"exact\"]",
    "[\"out\",\"rows\",\"results\"]",
    "[\"err\"]",
    "{\"base64\":\"/w==\"}",
    "{\"base64\":null}",
    "{\"timeout_ms\":\"5\"}",
    "[{\"scope\":\"s\",\"key\":\"k\",\"value\":\"dg==\"}]",
    "[{\"kind\":\"user\",\"id\":5,\"usernames\":[\"bob\"]}]",
};
static const char *const operation_names[] = {
    "hello",
    "describe",
    "open",
    "free",
    "store_info",
    "sync",
    "ping",
    "sessions",
    "prune",
    "stats",
    "session",
    "session_info",
    "purge",
    "put",
    "delete",
    "get",
    "list",
    "load",
    "by_username",
    "by_phone",
    "rows",
    "row",
    "claim",
    "settle",
    "acquire",
    "renew",
    "release",
    "batch",
    "batch_put",
    "batch_delete",
    "batch_settle",
    "batch_count",
    "batch_clear",
    "batch_commit",
    "canceller",
    "cancel",
    "reset",
    "cancelled",
    "snapshot_from_text",
    "snapshot_from_session",
    "snapshot_info",
    "snapshot_to_text",
    "snapshot_to_session",
    "status_name",
    "record_name",
};

#define PICK(random, list) ((list)[random_below(random, sizeof(list) / sizeof *(list))])

struct lines {
    json_object *line[MAX_LINES];
    size_t n;
};

static void add_line(struct lines *lines, json_object *line) {
    if (line && lines->n < MAX_LINES)
        lines->line[lines->n++] = line;
    else
        json_object_put(line);
}

static void split(struct reader in, struct lines *lines) {
    while (in.size) {
        char *text = must_string(take_until(&in, '\n'));
        add_line(lines, json_tokener_parse(text));
        free(text);
    }
}

static size_t join(const struct lines *lines, uint8_t *data, size_t max) {
    size_t size = 0;
    for (size_t i = 0; i < lines->n; i++) {
        const char *text = json_object_to_json_string_ext(lines->line[i], JSON_C_TO_STRING_PLAIN);
        size_t len = strlen(text);
        if (size + len + 1 > max) break;
        memcpy(data + size, text, len);
        size += len;
        data[size++] = '\n';
    }
    return size;
}

static json_object *copy_of(json_object *value) {
    json_object *copy = NULL;
    json_object_deep_copy(value, &copy, NULL);
    return copy;
}

/* A random object in it, itself included. */
static json_object *object_within(struct random *random, json_object *value) {
    json_object *chosen = value;
    if (!json_object_is_type(value, json_type_object) || random_below(random, 3) == 0) return chosen;
    json_object_object_foreach(value, name, member) {
        (void)name;
        if (json_object_is_type(member, json_type_array) && json_object_array_length(member))
            member =
                json_object_array_get_idx(member, random_below(random, json_object_array_length(member)));
        if (json_object_is_type(member, json_type_object) && random_below(random, 2))
            return object_within(random, member);
    }
    return chosen;
}

static const char *member_of(struct random *random, json_object *object) {
    size_t n = (size_t)json_object_object_length(object), chosen = random_below(random, n);
    json_object_object_foreach(object, name, member) {
        (void)member;
        if (chosen-- == 0) return name;
    }
    return NULL;
}

static void change_object(struct random *random, json_object *object) {
    const char *there = member_of(random, object);
    const char *name = there && random_below(random, 3) ? there : PICK(random, members);
    if (strcmp(name, "op") == 0)
        json_object_object_add(object, "op", json_object_new_string(PICK(random, operation_names)));
    else if (random_below(random, 8) == 0)
        json_object_object_del(object, name);
    else
        json_object_object_add(object, name, json_tokener_parse(PICK(random, values)));
}

static void change_lines(struct random *random, struct lines *lines) {
    size_t i = random_below(random, lines->n), other = random_below(random, lines->n);
    json_object *line = lines->line[i];
    switch (random_below(random, 10)) {
    case 0:
        add_line(lines, copy_of(line));
        break;
    case 1:
        lines->line[i] = lines->line[other];
        lines->line[other] = line;
        break;
    case 2:
        json_object_put(line);
        lines->line[i] = lines->line[--lines->n];
        break;
    default:
        line = object_within(random, line);
        if (json_object_is_type(line, json_type_object)) change_object(random, line);
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed) {
    struct random random = {seed};
    struct lines lines = {.n = 0};
    if (random_below(&random, 10) == 0) return LLVMFuzzerMutate(data, size, max);
    split((struct reader){data, size}, &lines);
    for (size_t n = 1 + random_below(&random, 4); n && lines.n; n--) change_lines(&random, &lines);
    size = join(&lines, data, max);
    for (size_t i = 0; i < lines.n; i++) json_object_put(lines.line[i]);
    return size;
}
