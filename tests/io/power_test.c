/* SPDX-License-Identifier: Apache-2.0 */
/* The power is cut at every change of a file: whatever the disk then holds, the store opens, is whole, and
 * has all that was promised (tgstore.h, durability): the steps that were done up to one, each as a whole, and
 * at least those that were durable.
 *
 *   power_test [ROUNDS [SEED]]    each change ROUNDS times (1), each time with another loss */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk.h"
#include "folder.h"
#include "life.h"
#include "state.h"
#include "vfs.h"

#define MAX_STEPS 64
#define SECOND_LIVES 40 /* one cut in so many is lived on from */

static long rounds = 1;
static uint64_t seed = 1, drawn;
static long n_cuts, n_second_cuts;

/* A step that was done, as it is seen from the disk. */
struct moment {
    const char *name;
    size_t begun, ended; /* changes before it and after it */
    bool durable;
    uint64_t state; /* of the store after it */
};

struct history {
    struct disk *disk;
    const char *parameters;               /* of the store's URL */
    struct moment moments[MAX_STEPS + 1]; /* the first is the state before all */
    size_t n;
};

static tgs_error err;

static tgs_store *open_file(const char *name, const char *file, const char *parameters) {
    tgs_store *store;
    char url[200];
    int len = snprintf(url, sizeof url, "sqlite:%s/%s/%s%s", folder, name, file, parameters);
    if (tgs_store_open((tgs_str){url, (size_t)len}, NULL, 0, &store, NULL, &err) != TGS_OK)
        fail_msg("does not open: %s", err.message);
    return store;
}

static bool exists_in(const char *name, const char *file) {
    char path[200];
    snprintf(path, sizeof path, "%s/%s/%s", folder, name, file);
    return access(path, F_OK) == 0;
}

static tgs_store *open_in(const char *name, const char *parameters) {
    return open_file(name, "store.db", parameters);
}

static uint64_t state_in(tgs_store *store) {
    uint64_t state;
    if (state_of(store, &state, &err) != TGS_OK) fail_msg("can't be read: %s", err.message);
    return state;
}

/* --- living ----------------------------------------------------------------------------------------- */

/* With durability=full every step is durable, and with each a checkpoint is. */
static void do_step(struct history *history, struct life *life, const struct life_step *step) {
    struct moment *moment = &history->moments[history->n++];
    moment->name = step->name;
    moment->begun = disk_changes(history->disk);
    if (step->run(life) != TGS_OK) fail_msg("%s: %s", step->name, life->err.message);
    moment->ended = disk_changes(history->disk);
    moment->durable = step->durable || strstr(history->parameters, "full") ||
                      disk_synced_since(history->disk, moment->begun, "store.db");
    moment->state = state_in(life->store);
}

/* Do the steps in the folder of that name, beginning with the state that is there.  In a session of that
 * name, too: what an earlier life has left in its own may be leased. */
static void record(struct history *history, const char *name, uint64_t state, const struct life_step *steps,
                   size_t n_steps, int64_t first) {
    char live[100], live_database[120], copy[120];
    snprintf(live, sizeof live, "%s/%s", folder, name);
    snprintf(live_database, sizeof live_database, "%s/store.db", live);
    snprintf(copy, sizeof copy, "%s/copy.db", live);
    struct life life = {.name = name,
                        .database = live_database,
                        .copy = copy,
                        .exclusive = strstr(history->parameters, "exclusive") != NULL};
    snprintf(life.url, sizeof life.url, "sqlite:%s%s", live_database, history->parameters);
    history->n = 0;
    history->moments[history->n++] = (struct moment){.name = "nothing", .durable = true, .state = state};
    history->disk = disk_record(live);
    for (size_t i = 0; i < n_steps; i++) {
        life.n = first + (int64_t)i;
        do_step(history, &life, &steps[i]);
    }
    disk_stop();
    life_end(&life);
}

/* --- what must be there -------------------------------------------------------------------------------- */

/* The last step that must have survived when the power is cut after so many changes. */
static size_t last_safe(const struct history *history, size_t changes, enum power_cut cut) {
    size_t last = 0;
    for (size_t i = 0; i < history->n; i++) {
        const struct moment *moment = &history->moments[i];
        if (moment->ended <= changes && (moment->durable || cut == CUT_NOTHING_LOST)) last = i;
    }
    return last;
}

static void check_state(const struct history *history, size_t changes, enum power_cut cut, uint64_t state) {
    size_t safe = last_safe(history, changes, cut), begun = safe;
    for (size_t i = safe; i < history->n && (i == safe || history->moments[i].begun < changes); i++) {
        if (history->moments[i].state == state) return;
        begun = i;
    }
    size_t other = 0;
    while (other < history->n && history->moments[other].state != state) other++;
    fail_msg("%s: after change %zu, loss %d, seed %" PRIu64
             ": \"%s\" must be there and \"%s\" was begun, but "
             "what is there is %s%s",
             history->parameters, changes, (int)cut, drawn, history->moments[safe].name,
             history->moments[begun].name, other < history->n ? "as after " : "no state that ever was",
             other < history->n ? history->moments[other].name : "");
}

static void check_integrity(const char *name, const char *file) {
    char path[120];
    snprintf(path, sizeof path, "%s/%s/%s", folder, name, file);
    assert_string_equal(integrity_of(path), "ok");
}

/* A backup is what the store was, or is not there; one that was made is there. */
static void check_backup(const struct history *history, size_t changes, const char *name) {
    size_t i = 0;
    while (i < history->n && strcmp(history->moments[i].name, "back up") != 0) i++;
    if (i == history->n || history->moments[i].begun > changes) return;
    if (!exists_in(name, "copy.db")) {
        if (history->moments[i].ended <= changes)
            fail_msg("change %zu: the backup is lost, seed %" PRIu64, changes, drawn);
        return;
    }
    tgs_store *copy = open_file(name, "copy.db", "?mode=rw");
    if (state_in(copy) != history->moments[i].state)
        fail_msg("change %zu (backup ended at %zu), seed %" PRIu64 ": the backup is not what the store was",
                 changes, history->moments[i].ended, drawn);
    tgs_store_close(copy);
    check_integrity(name, "copy.db");
}

/* It opens, has what it must, takes what is put, and SQLite finds no fault with it. */
static void check_image(const struct history *history, size_t changes, enum power_cut cut, const char *name) {
    tgs_session *session;
    tgs_update_state row = {.fields = TGS_UPDATE_STATE_PTS, .channel_id = 999, .pts = 1};
    tgs_store *store = open_in(name, history->parameters);
    check_state(history, changes, cut, state_in(store));
    assert_int_equal(tgs_session_new(store, TGS_STR("after"), &session, &err), TGS_OK);
    if (tgs_put(session, TGS_RECORD_UPDATE_STATE, &row, 1, sizeof row, NULL, NULL, &err) != TGS_OK)
        fail_msg("can't be written: %s", err.message);
    tgs_session_free(session);
    tgs_store_close(store);
    check_integrity(name, "store.db");
    check_backup(history, changes, name);
}

/* --- cutting the power
 * --------------------------------------------------------------------------------------- */

static void check_cut(const struct history *history, size_t changes, enum power_cut cut) {
    drawn = random_next(&seed) | 1;
    uint64_t random = drawn;
    disk_lay_down(history->disk, in_folder("image"), cut, &random);
    check_image(history, changes, cut, "image");
    n_cuts++;
}

/* The power comes back, the store goes on from what was left by the last cut, and the power is cut again. */
static void live_on(const struct history *first, enum power_cut cut) {
    struct history second = {.parameters = first->parameters};
    uint64_t random = drawn;
    disk_lay_down(first->disk, in_folder("second"), cut, &random);
    tgs_store *store = open_in("second", second.parameters);
    uint64_t state = state_in(store);
    tgs_store_close(store); /* which has put it in order */
    random = drawn;
    disk_lay_down(first->disk, in_folder("second"), cut, &random);

    record(&second, "second", state, second_life_steps, n_second_life_steps, 1000);
    size_t n = disk_changes(second.disk);
    disk_rewind(second.disk);
    for (size_t i = 0; i <= n; i++) {
        if (random_next(&seed) % 16 == 0) {
            check_cut(&second, i, (enum power_cut)(random_next(&seed) % CUTS));
            n_second_cuts++;
        }
        if (i < n) disk_advance(second.disk);
    }
    disk_free(second.disk);
}

static void cut_everywhere(const struct history *history) {
    size_t n = disk_changes(history->disk);
    disk_rewind(history->disk);
    for (size_t i = 0; i <= n; i++) {
        for (long round = 0; round < rounds; round++) {
            enum power_cut cut = (enum power_cut)((i + (size_t)round) % CUTS);
            check_cut(history, i, cut);
            if (random_next(&seed) % SECOND_LIVES == 0) live_on(history, cut);
        }
        if (i < n) disk_advance(history->disk);
    }
}

/* That of a store with nothing in it. */
static uint64_t empty_state(void) {
    tgs_store *store = open_in("image", "");
    uint64_t state = state_in(store);
    tgs_store_close(store);
    return state;
}

static void lose_power(const char *parameters) {
    struct history history = {.parameters = parameters};
    static const char *const names[] = {"live", "image", "second"};
    for (size_t i = 0; i < 3; i++) assert_int_equal(mkdir(in_folder(names[i]), 0700), 0);
    long cuts = n_cuts, second = n_second_cuts;
    record(&history, "live", empty_state(), life_steps, n_life_steps, 1);
    cut_everywhere(&history);
    print_message("%zu changes, %ld power cuts, %ld of them in a second life\n", disk_changes(history.disk),
                  n_cuts - cuts, n_second_cuts - second);
    disk_free(history.disk);
}

/* As its own checkpoint goes on, at some of the changes. */
static void normal_and_large(void **state) {
    (void)state;
    struct history history = {.parameters = ""};
    assert_int_equal(mkdir(in_folder("live"), 0700), 0);
    assert_int_equal(mkdir(in_folder("image"), 0700), 0);
    record(&history, "live", empty_state(), large_life_steps, n_large_life_steps, 1);
    assert_true(history.moments[n_large_life_steps - 1].durable); /* there was a checkpoint */
    size_t n = disk_changes(history.disk);
    long cuts = n_cuts;
    disk_rewind(history.disk);
    for (size_t i = 0; i < n; disk_advance(history.disk), i++)
        if (random_next(&seed) % n < 30 * (size_t)rounds)
            check_cut(&history, i, (enum power_cut)(random_next(&seed) % CUTS));
    print_message("%zu changes, %ld power cuts\n", n, n_cuts - cuts);
    disk_free(history.disk);
}

/* Bytes that a power cut may take, and the most there ever were. */
static sqlite3_int64 unsafe, most_unsafe;

static void count_unsafe(const struct io_event *event) {
    bool of_wal = strstr(event->path, "-wal") != NULL;
    if (event->call == IO_WRITE && of_wal) unsafe += event->size;
    if (event->call == IO_SYNC && !of_wal) unsafe = 0;
    if (unsafe > most_unsafe) most_unsafe = unsafe;
}

static sqlite3_int64 most_unsafe_with(const char *parameters) {
    static const struct io_watcher watcher = {.after = count_unsafe};
    static const uint8_t blob[100000] = {1};
    tgs_session *session;
    unsafe = most_unsafe = 0;
    vfs_watch(&watcher);
    tgs_store *store = open_in(".", parameters);
    assert_int_equal(tgs_session_new(store, TGS_STR("main"), &session, &err), TGS_OK);
    unsafe = 0; /* the schema is always synced */
    for (int i = 0; i < 800; i++) {
        tgs_kv row = {.fields = TGS_KV_VALUE,
                      .scope = TGS_STR("s"),
                      .key = {(const char *)&"abcdefgh"[i % 8], 1},
                      .value = {blob, sizeof blob}};
        assert_int_equal(tgs_put(session, TGS_RECORD_KV, &row, 1, sizeof row, NULL, NULL, &err), TGS_OK);
    }
    vfs_leave();
    tgs_session_free(session);
    tgs_store_close(store);
    return most_unsafe;
}

/* "normal: all up to the last checkpoint (about 16 MB of writes).  relaxed: they come rarely (64 MB)." */
static void checkpoints_come_as_promised(void **state) {
    (void)state;
    sqlite3_int64 mb = 1 << 20, most = most_unsafe_with("?durability=normal");
    assert_in_range(most, 15 * mb, 18 * mb);
    most = most_unsafe_with("?durability=relaxed");
    assert_in_range(most, 60 * mb, 68 * mb);
}

static void full(void **state) {
    (void)state;
    lose_power("?durability=full");
}

static void normal(void **state) {
    (void)state;
    lose_power("?durability=normal");
}

static void relaxed(void **state) {
    (void)state;
    lose_power("?durability=relaxed");
}

static void full_and_exclusive(void **state) {
    (void)state;
    lose_power("?durability=full&locking=exclusive");
}

static void normal_and_exclusive(void **state) {
    (void)state;
    lose_power("?durability=normal&locking=exclusive");
}

static void relaxed_and_exclusive(void **state) {
    (void)state;
    lose_power("?durability=relaxed&locking=exclusive");
}

static int tell_all(void **state) {
    (void)state;
    print_message("power cut %ld times, %ld of them in a second life\n", n_cuts, n_second_cuts);
    return 0;
}

int main(int argc, char **argv) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {CASE(full),
                                       CASE(normal),
                                       CASE(relaxed),
                                       CASE(full_and_exclusive),
                                       CASE(normal_and_exclusive),
                                       CASE(relaxed_and_exclusive),
                                       CASE(normal_and_large),
                                       CASE(checkpoints_come_as_promised)};
    if (argc > 1) rounds = atol(argv[1]);
    if (argc > 2) seed = strtoull(argv[2], NULL, 10) | 1;
    return cmocka_run_group_tests(tests, NULL, tell_all);
}
