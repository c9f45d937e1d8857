/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dump.h"

#define HOUR_MS 3600000
#define UNTOUCHED 0x5a

static char base[] = "/dev/shm/tgstore-allocation-XXXXXX"; /* has the template, and the folder of the world */
static char template_path[64], folder[64];
static const uint8_t key[256] = {7, 8, 9};

void must(bool done, const char *what) {
    if (done) return;
    fprintf(stderr, "the test itself failed: %s\n", what);
    abort();
}

void must_succeed(tgs_status status, const tgs_error *err) { must(status == TGS_OK, err->message); }

tgs_str text_of(const char *text) { return (tgs_str){text, strlen(text)}; }

/* --- contents --------------------------------------------------------------------------------------- */

#define PUT(session, record, ...) put(session, record, __VA_ARGS__, sizeof *(__VA_ARGS__))

static void put(tgs_session *session, int32_t record, const void *row, size_t size) {
    tgs_error err;
    must_succeed(tgs_put(session, record, row, 1, size, NULL, NULL, &err), &err);
}

static void put_account(tgs_session *session) {
    PUT(session, TGS_RECORD_SESSION,
        &(tgs_session_data){.fields = TGS_SESSION_DC | TGS_SESSION_AUTH_KEY | TGS_SESSION_USER_ID |
                                      TGS_SESSION_API_ID | TGS_SESSION_IS_BOT | TGS_SESSION_TEST_MODE |
                                      TGS_SESSION_PHONE | TGS_SESSION_ADDRESS | TGS_SESSION_PORT |
                                      TGS_SESSION_FIRST_NAME | TGS_SESSION_DATE,
                            .dc = 2,
                            .user_id = 501234567,
                            .api_id = 12345,
                            .port = 443,
                            .date = 1700000000,
                            .phone = TGS_STR("12279975998"),
                            .address = TGS_STR("149.154.167.51"),
                            .first_name = TGS_STR("A name of some length, so that it takes memory"),
                            .auth_key = {key, sizeof key}});
    PUT(session, TGS_RECORD_DC_AUTH,
        &(tgs_dc_auth){.fields = TGS_DC_AUTH_AUTH_KEY | TGS_DC_AUTH_ADDRESS | TGS_DC_AUTH_PORT,
                       .dc = 4,
                       .port = 443,
                       .address = TGS_STR("149.154.167.91"),
                       .auth_key = {key, sizeof key}});
}

static void put_peers(tgs_session *session) {
    const tgs_str names[] = {TGS_STR("Telegram"), TGS_STR("other")}, channel[] = {TGS_STR("News")};
    PUT(session, TGS_RECORD_PEER,
        &(tgs_peer){.fields = TGS_PEER_ACCESS_HASH | TGS_PEER_USERNAMES | TGS_PEER_PHONE |
                              TGS_PEER_FIRST_NAME | TGS_PEER_LAST_NAME | TGS_PEER_SEEN_AT,
                    .kind = TGS_PEER_USER,
                    .id = 777000,
                    .access_hash = -5,
                    .seen_at = 1700000000000,
                    .usernames = names,
                    .n_usernames = 2,
                    .phone = TGS_STR("42777"),
                    .first_name = TGS_STR("First"),
                    .last_name = TGS_STR("Last")});
    PUT(session, TGS_RECORD_PEER,
        &(tgs_peer){.fields = TGS_PEER_FIRST_NAME | TGS_PEER_SEEN_AT,
                    .kind = TGS_PEER_CHAT,
                    .id = 5,
                    .seen_at = 1700000001000,
                    .first_name = TGS_STR("A group")});
    PUT(session, TGS_RECORD_PEER,
        &(tgs_peer){.fields = TGS_PEER_ACCESS_HASH | TGS_PEER_USERNAMES | TGS_PEER_SUBTYPE | TGS_PEER_SEEN_AT,
                    .kind = TGS_PEER_CHANNEL,
                    .id = 9,
                    .access_hash = 99,
                    .seen_at = 1700000002000,
                    .subtype = TGS_PEER_SUBTYPE_BROADCAST,
                    .usernames = channel,
                    .n_usernames = 1});
}

static void put_queue(tgs_session *session) {
    tgs_rows *claimed = NULL;
    tgs_error err;
    PUT(session, TGS_RECORD_QUEUE_ITEM,
        &(tgs_queue_item){.fields = TGS_QUEUE_ITEM_PAYLOAD, .id = TGS_STR("leased"), .payload = {key, 100}});
    must_succeed(
        tgs_queue_claim(session, TGS_STR("worker"), (tgs_str){NULL, 0}, HOUR_MS, 1, &claimed, NULL, &err),
        &err);
    must(tgs_rows_count(claimed) == 1, "nothing claimed");
    tgs_rows_free(claimed);
    PUT(session, TGS_RECORD_QUEUE_ITEM,
        &(tgs_queue_item){.fields = TGS_QUEUE_ITEM_STATE, .id = TGS_STR("done"), .state = TGS_QUEUE_DONE});
    PUT(session, TGS_RECORD_QUEUE_ITEM,
        &(tgs_queue_item){.fields = TGS_QUEUE_ITEM_STATE | TGS_QUEUE_ITEM_LAST_ERROR,
                          .id = TGS_STR("dead"),
                          .state = TGS_QUEUE_DEAD,
                          .last_error = TGS_STR("it never worked")});
    for (int i = 0; i < 2; i++)
        PUT(session, TGS_RECORD_QUEUE_ITEM,
            &(tgs_queue_item){.fields = TGS_QUEUE_ITEM_LANE | TGS_QUEUE_ITEM_PAYLOAD | TGS_QUEUE_ITEM_DUE,
                              .id = {&"ab"[i], 1},
                              .due = 1700000000000 + i,
                              .lane = TGS_STR("lane"),
                              .payload = {key, 200}});
}

static void put_rest(tgs_session *session) {
    static const uint8_t value[3000] = {1};
    for (int64_t id = 0; id < 2; id++)
        PUT(session, TGS_RECORD_UPDATE_STATE,
            &(tgs_update_state){.fields = TGS_UPDATE_STATE_PTS | TGS_UPDATE_STATE_DATE,
                                .channel_id = id * 9,
                                .pts = 100,
                                .date = 1700000000});
    PUT(session, TGS_RECORD_DEDUP, &(tgs_dedup){.key = TGS_STR("handled")});
    PUT(session, TGS_RECORD_DEDUP,
        &(tgs_dedup){.fields = TGS_DEDUP_EXPIRES, .key = TGS_STR("long ago"), .expires = 1});
    for (int64_t id = 0; id < 2; id++)
        PUT(session, TGS_RECORD_CONVERSATION,
            &(tgs_conversation){.fields =
                                    TGS_CONVERSATION_STEP | TGS_CONVERSATION_DATA | TGS_CONVERSATION_TTL,
                                .chat_id = 5,
                                .user_id = id,
                                .step = TGS_STR("asked"),
                                .data = {value, 300},
                                .ttl_ms = id * HOUR_MS});
    PUT(session, TGS_RECORD_KV,
        &(tgs_kv){
            .fields = TGS_KV_VALUE, .scope = TGS_STR("s"), .key = TGS_STR("large"), .value = {value, 3000}});
    PUT(session, TGS_RECORD_KV,
        &(tgs_kv){
            .fields = TGS_KV_VALUE, .scope = TGS_STR("s"), .key = TGS_STR("small"), .value = {value, 1}});
    PUT(session, TGS_RECORD_KV,
        &(tgs_kv){.fields = TGS_KV_EXPIRES, .scope = TGS_STR("s"), .key = TGS_STR("expired"), .expires = 1});
}

static void furnish(tgs_store *store) {
    tgs_session *session = NULL;
    tgs_error err;
    must_succeed(tgs_session_new(store, TGS_STR("main"), &session, &err), &err);
    put_account(session);
    put_peers(session);
    put_queue(session);
    put_rest(session);
    tgs_session_free(session);
    must_succeed(tgs_session_new(store, TGS_STR("second"), &session, &err), &err);
    PUT(session, TGS_RECORD_SESSION,
        &(tgs_session_data){.fields = TGS_SESSION_DC | TGS_SESSION_USER_ID, .dc = 1, .user_id = 42});
    tgs_session_free(session);
}

/* --- files ------------------------------------------------------------ */

static void empty_folder(void) {
    DIR *entries = opendir(folder);
    must(entries != NULL, folder);
    for (struct dirent *entry; (entry = readdir(entries));)
        if (entry->d_name[0] != '.') must(unlinkat(dirfd(entries), entry->d_name, 0) == 0, entry->d_name);
    closedir(entries);
}

static void copy_file(const char *from, const char *to) {
    static char content[1 << 20];
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    must(in && out, from);
    size_t size = fread(content, 1, sizeof content, in);
    must(size < sizeof content && fwrite(content, 1, size, out) == size, to);
    must(fclose(in) == 0 && fclose(out) == 0, to);
}

void worlds_begin(void) {
    char url[80];
    tgs_store *store = NULL;
    tgs_error err;
    must(mkdtemp(base) != NULL, "mkdtemp");
    snprintf(folder, sizeof folder, "%s/world", base);
    must(mkdir(folder, 0700) == 0, folder);
    snprintf(template_path, sizeof template_path, "%s/template.db", base);
    snprintf(url, sizeof url, "sqlite:%s", template_path);
    must_succeed(tgs_store_open(text_of(url), NULL, 0, &store, NULL, &err), &err);
    furnish(store);
    tgs_store_close(store); /* all is in the one file now */
}

void worlds_end(void) {
    empty_folder();
    unlink(template_path);
    must(rmdir(folder) == 0 && rmdir(base) == 0, base);
}

/* --- life ------------------------------------------------------------ */

/* A first read and a first write, which SQLite begins with the whole schema. */
static void warm_up(const struct world *world) {
    tgs_session *session = NULL;
    tgs_rows *rows = NULL;
    tgs_error err;
    tgs_kv nothing = {.flags = TGS_ROW_IF_PRESENT, .scope = TGS_STR("none"), .key = TGS_STR("none")};
    must_succeed(tgs_session_new(world->store, TGS_STR("second"), &session, &err), &err);
    must_succeed(tgs_get(session, TGS_RECORD_KV, &nothing, 1, sizeof nothing, &rows, NULL, &err), &err);
    if (!world->setting->read_only)
        must_succeed(tgs_put(session, TGS_RECORD_KV, &nothing, 1, sizeof nothing, NULL, NULL, &err), &err);
    tgs_rows_free(rows);
    tgs_session_free(session);
}

void world_open(struct world *world, const struct setting *setting, const char *argument,
                enum warmth warmth) {
    tgs_error err;
    *world = (struct world){.setting = setting, .argument = argument, .warmth = warmth};
    empty_folder();
    snprintf(world->path, sizeof world->path, "%s/store.db", folder);
    snprintf(world->out, sizeof world->out, "%s/out", folder);
    snprintf(world->text_file, sizeof world->text_file, "%s/text", folder);
    if (setting->sqlite) copy_file(template_path, world->path);
    snprintf(world->url, sizeof world->url, "%s%s%s",
             setting->sqlite ? "sqlite:" : "memory:", setting->sqlite ? world->path : "",
             setting->parameters);
    world_reset_outputs(world);
    if (warmth == CLOSED) return;
    must_succeed(tgs_store_open(text_of(world->url), NULL, 0, &world->store, NULL, &err), &err);
    if (!setting->sqlite) furnish(world->store);
    if (warmth == WARM) warm_up(world);
    must_succeed(tgs_session_new(world->store, TGS_STR("main"), &world->session, &err), &err);
}

void world_close(struct world *world) {
    world_reset_outputs(world);
    tgs_canceller_free(world->old_canceller);
    tgs_rows_free(world->old_rows);
    tgs_text_free(world->text);
    tgs_snapshot_free(world->snapshot);
    tgs_batch_free(world->batch);
    tgs_session_free(world->leased);
    tgs_session_free(world->session);
    tgs_store_close(world->store);
    must(sqlite3_close(world->observer) == SQLITE_OK, "sqlite3_close");
}

/* --- what there is
 * ------------------------------------------------------------------------------------------ */

/* With an observer that stays where that is no matter: the first one to open a database, and the last one to
 * close it, do more than others. */
static char *observe(struct world *world) {
    if (world->warmth != WARM || world->setting->exclusive) return dump_database_file(world->path);
    if (!world->observer)
        must(sqlite3_open_v2(world->path, &world->observer, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK,
             world->path);
    return dump_database(world->observer);
}

static char *exact_contents(struct world *world) {
    bool locked = world->setting->exclusive && (world->store || world->opened);
    if (world->setting->sqlite && !locked && access(world->path, F_OK) == 0) return observe(world);
    return world->store ? dump_store(world->store, true) : calloc(1, 1);
}

char *world_state(struct world *world) {
    char *held = exact_contents(world), *files = dump_folder(folder), *state = NULL;
    must(asprintf(&state, "%s%sbatch of %zu\n", held, files, tgs_batch_count(world->batch)) >= 0, "asprintf");
    free(files);
    free(held);
    return state;
}

char *world_contents(const struct world *world) {
    const tgs_store *store = world->store ? world->store : world->opened;
    if (store) return dump_store((tgs_store *)(uintptr_t)store, false);
    return world->setting->sqlite ? dump_database_file(world->path) : calloc(1, 1);
}

/* A copy of the store is as the store; another file, a session's, is as it was made without faults. */
static void write_file(FILE *out, const struct world *world) {
    if (access(world->out, F_OK) != 0) return;
    char *file = dump_database_file(world->out), *store = NULL;
    if (world->setting->sqlite && !world->setting->exclusive) store = dump_database_file(world->path);
    fprintf(out, "\nfile: %s\n", store && strcmp(file, store) == 0 ? "the store" : file);
    free(store);
    free(file);
}

char *world_outputs(const struct world *world) {
    char *outputs = NULL;
    size_t size;
    FILE *out = open_memstream(&outputs, &size);
    tgs_str name = tgs_session_name(world->made_session), text = tgs_text_str(world->written);
    must(out != NULL, "open_memstream");
    fprintf(out, "session %.*s, token %d\n", (int)name.len, name.ptr ? name.ptr : "",
            tgs_session_token(world->made_session) != 0);
    fprintf(out, "text %.*s\n", (int)text.len, text.ptr ? text.ptr : "");
    fprintf(out, "done %llu\n", (unsigned long long)world->done);
    fprintf(out, "made %d %d %d\n", world->opened != NULL, world->made_batch != NULL,
            world->canceller != NULL);
    for (size_t i = 0; i < MAX_RESULTS; i++)
        fprintf(out, "%d %x %d;", world->results[i].applied, world->results[i].notes,
                world->results[i].version != 0);
    if (world->rows) dump_rows(out, world->rows, false);
    if (world->read) dump_snapshot(out, world->read);
    write_file(out, world);
    must(fclose(out) == 0, "fclose");
    return outputs;
}

/* --- what the call gives
 * ---------------------------------------------------------------------------------------- */

void world_reset_outputs(struct world *world) {
    tgs_canceller_free(world->canceller);
    tgs_text_free(world->written);
    tgs_snapshot_free(world->read);
    tgs_rows_free(world->rows);
    tgs_batch_free(world->made_batch);
    tgs_session_free(world->made_session);
    tgs_store_close(world->opened);
    world->opened = NULL;
    world->made_session = NULL;
    world->made_batch = NULL;
    world->rows = NULL;
    world->read = NULL;
    world->written = NULL;
    world->canceller = NULL;
    world->done = 0;
    memset(world->results, UNTOUCHED, sizeof world->results);
}

const char *world_touched_output(const struct world *world) {
    if (world->opened || world->made_session || world->made_batch || world->rows || world->read ||
        world->written || world->canceller)
        return "a handle";
    const unsigned char *results = (const void *)world->results;
    for (size_t i = 0; i < sizeof world->results; i++)
        if (results[i] != UNTOUCHED) return "a result";
    return NULL;
}
