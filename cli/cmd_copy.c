/* SPDX-License-Identifier: Apache-2.0 */
/* copy: everything of one store into another. */
#include "cli.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define STEP_ITEMS 1000

struct copy {
    struct cli *cli;
    tgs_store *from, *to;
    tgs_session *source, *target; /* the session that is being copied */
    uint64_t sessions, rows;      /* done */
};

static int put_range(struct copy *copy, const tgs_rows *rows, size_t begin, size_t n) {
    size_t stride;
    const char *data = tgs_rows_data(rows, &stride);
    uint64_t done = 0;
    tgs_error err;
    tgs_status result = tgs_load(copy->target, tgs_rows_record(rows), data + begin * stride, n, stride, &done,
                                 &copy->cli->call, &err);
    copy->rows += done;
    progress_add(done);
    return result == TGS_OK ? DONE : failed(&err, "");
}

static int put_rows(void *copy, const tgs_rows *rows) {
    return put_range(copy, rows, 0, tgs_rows_count(rows));
}

/* The session's own record alone may be told to take another account's place. */
static int put_account(void *context, const tgs_rows *rows) {
    struct copy *copy = context;
    if (tgs_rows_count(rows) == 0) return DONE;
    tgs_session_data data;
    tgs_error err;
    tgs_rows_row(rows, 0, &data, sizeof data);
    data.flags = given(copy->cli, OPTION_REPLACE_ACCOUNT) ? TGS_ROW_REPLACE_ACCOUNT : 0;
    tgs_status result =
        tgs_put(copy->target, TGS_RECORD_SESSION, &data, 1, sizeof data, NULL, &copy->cli->call, &err);
    if (result != TGS_OK) {
        int status = failed(&err, "");
        if (result == TGS_E_CONFLICT) hint("--replace-account lets the other account take the session over");
        return status;
    }
    copy->rows++;
    progress_add(1);
    return DONE;
}

/* --- queue items ------------------------------------------------------------------------------------- */

/* A lane goes by the order of enqueueing, but lists go by due time: the ids are put in order first. */
struct place {
    int64_t sequence;
    char *id;
    size_t id_len;
    size_t bytes; /* of the item, about */
};

struct places {
    struct place *items;
    size_t n, room;
};

static void free_places(struct places *places) {
    for (size_t i = 0; i < places->n; i++) free(places->items[i].id);
    free(places->items);
}

static bool add_place(struct places *places, const tgs_queue_item *item) {
    if (places->n == places->room) {
        size_t room = places->room ? places->room * 2 : 1024;
        struct place *items = realloc(places->items, room * sizeof *items);
        if (!items) return false;
        places->items = items;
        places->room = room;
    }
    char *id = malloc(item->id.len + 1);
    if (!id) return false;
    memcpy(id, item->id.ptr, item->id.len);
    places->items[places->n++] =
        (struct place){item->sequence, id, item->id.len, item->payload.len + item->last_error.len};
    return true;
}

static int add_places(void *places, const tgs_rows *rows) {
    for (size_t i = 0; i < tgs_rows_count(rows); i++) {
        tgs_queue_item item;
        tgs_rows_row(rows, i, &item, sizeof item);
        if (!add_place(places, &item)) return out_of_memory();
    }
    return DONE;
}

static int by_sequence(const void *a, const void *b) {
    const struct place *left = a, *right = b;
    return left->sequence < right->sequence ? -1 : left->sequence > right->sequence;
}

/* How many of the places from `begin` on make one step of reasonable size. */
static size_t step_length(const struct places *places, size_t begin) {
    size_t n = 0, bytes = 0;
    while (begin + n < places->n && n < STEP_ITEMS) {
        bytes += places->items[begin + n].bytes;
        if (n > 0 && bytes > TGS_MAX_BATCH_BYTES) break;
        n++;
    }
    return n;
}

/* Items that have gone since the first look are left out. */
static int put_found(struct copy *copy, const tgs_rows *rows) {
    size_t begin = 0, n = tgs_rows_count(rows);
    int status = DONE;
    for (size_t i = 0; i <= n && status == DONE; i++) {
        tgs_queue_item item = {0};
        if (i < n) tgs_rows_row(rows, i, &item, sizeof item);
        if (item.flags & TGS_ROW_FOUND) continue;
        if (i > begin) status = put_range(copy, rows, begin, i - begin);
        begin = i + 1;
    }
    return status;
}

static int copy_step(struct copy *copy, const struct place *places, size_t n) {
    tgs_queue_item *keys = calloc(n, sizeof *keys);
    if (!keys) return out_of_memory();
    for (size_t i = 0; i < n; i++) keys[i].id = (tgs_str){places[i].id, places[i].id_len};
    tgs_rows *rows = NULL;
    tgs_error err;
    tgs_status result =
        tgs_get(copy->source, TGS_RECORD_QUEUE_ITEM, keys, n, sizeof *keys, &rows, &copy->cli->call, &err);
    int status = result == TGS_OK ? put_found(copy, rows) : failed(&err, "");
    tgs_rows_free(rows);
    free(keys);
    return status;
}

static int copy_queue(struct copy *copy) {
    struct places places = {0};
    int status = each_page(copy->cli, copy->source, TGS_RECORD_QUEUE_ITEM, NULL, add_places, &places);
    if (places.n) qsort(places.items, places.n, sizeof *places.items, by_sequence);
    for (size_t begin = 0, n; begin < places.n && status == DONE; begin += n) {
        n = step_length(&places, begin);
        status = copy_step(copy, places.items + begin, n);
    }
    free_places(&places);
    return status;
}

/* --- sessions --------------------------------------------------------------------------------------- */

/* The account first: if it is another one, nothing of the target is touched. */
static int copy_records(struct copy *copy) {
    int status = each_page(copy->cli, copy->source, TGS_RECORD_SESSION, NULL, put_account, copy);
    for (int32_t record = TGS_RECORD_DC_AUTH; record <= TGS_RECORD_KV && status == DONE; record++)
        status = record == TGS_RECORD_QUEUE_ITEM
                     ? copy_queue(copy)
                     : each_page(copy->cli, copy->source, record, NULL, put_rows, copy);
    return status;
}

static int copy_session(struct copy *copy, tgs_str name) {
    tgs_error err;
    int status = DONE;
    if (tgs_session_new(copy->from, name, &copy->source, &err) != TGS_OK ||
        tgs_session_new(copy->to, name, &copy->target, &err) != TGS_OK)
        status = failed(&err, "");
    if (status == DONE) status = copy_records(copy);
    if (status == DONE) copy->sessions++;
    tgs_session_free(copy->source);
    tgs_session_free(copy->target);
    copy->source = copy->target = NULL;
    return status;
}

static int copy_page(void *copy, const tgs_rows *infos) {
    int status = DONE;
    for (size_t i = 0; i < tgs_rows_count(infos) && status == DONE; i++) {
        tgs_session_info info;
        tgs_rows_row(infos, i, &info, sizeof info);
        status = copy_session(copy, info.name);
    }
    return status;
}

/* --- the command -------------------------------------------------------------------------------------- */

static int copy_asked(struct copy *copy) {
    const char *session = copy->cli->values[OPTION_SESSION];
    tgs_str name = session ? to_str(session) : (tgs_str){NULL, 0};
    uint64_t total = 0;
    int status = count_rows(copy->cli, copy->from, name, &total);
    if (status != DONE) return status;
    if (total == 0) return no_session(session);
    progress_start("Copying", total);
    status = session ? copy_session(copy, name) : each_session_page(copy->cli, copy->from, copy_page, copy);
    progress_stop();
    if (status != DONE)
        hint("%" PRIu64 " of %" PRIu64 " rows were copied; the same command again completes it", copy->rows,
             total);
    return status;
}

static int report_copy(const struct copy *copy) {
    if (given(copy->cli, OPTION_JSON)) {
        struct json_object *object = json_new();
        bool complete = json_set(object, "sessions", json_number(copy->sessions)) &&
                        json_set(object, "rows", json_number(copy->rows));
        return json_print(object, complete);
    }
    printf("%" PRIu64 " row%s of %" PRIu64 " session%s copied\n", copy->rows, plural(copy->rows),
           copy->sessions, plural(copy->sessions));
    return DONE;
}

int command_copy(struct cli *cli) {
    const char *from = cli->arguments[0], *to = cli->arguments[1];
    if (strcmp(from, to) == 0) return misused(cli, "copy wants two stores, and these are the same");
    struct copy copy = {.cli = cli};
    int status = open_store(cli, from, READ, &copy.from);
    if (status == DONE) status = open_store(cli, to, CREATE, &copy.to);
    if (status == DONE) status = copy_asked(&copy);
    if (copy.to) status = finish_store(cli, copy.to, status);
    tgs_store_close(copy.from);
    return status == DONE ? report_copy(&copy) : status;
}
