/* SPDX-License-Identifier: Apache-2.0 */
/* Out of memory at every point: each call is made with the first, the second, the third ... allocation
 * failing, of the library's and of SQLite's, until it succeeds.  A call that fails says NOMEM, changes
 * nothing, leaks nothing, and succeeds when it is repeated. */
#include <limits.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "heap.h"
#include "operations.h"

/* Nothing here cuts the power, so waiting for the disk would only cost time. */
#pragma GCC visibility push(default)
int fsync(int descriptor) {
    (void)descriptor;
    return 0;
}
int fdatasync(int descriptor) { return fsync(descriptor); }
#pragma GCC visibility pop

/* --- one operation ---------------------------------------------------------------------------- */

/* An operation in a setting, and what it does when nothing fails. */
struct trial {
    const struct setting *setting;
    const struct operation *operation;
    bool onward; /* all allocations from the n-th on fail, not only that one */
    long n;
    char *outputs, *contents; /* `contents` NULL: it changes none */
    struct heap_request *requests;
    size_t n_requests;
    long faults;
    bool failed;
};

static void complain(struct trial *trial, const char *what, const char *detail) {
    trial->failed = true;
    print_error("%s%s, %s (%s), %s allocation %ld: %s%s%s\n", trial->setting->name,
                trial->setting->parameters, trial->operation->function, trial->operation->what,
                trial->onward ? "without memory from" : "without", trial->n, what, *detail ? ": " : "",
                detail);
}

/* The first line in which two texts differ, in the order they are given. */
static void complain_of_difference(struct trial *trial, const char *what, const char *expected,
                                   const char *found) {
    size_t at = 0;
    char detail[400];
    for (size_t i = 0; expected[i] && expected[i] == found[i]; i++)
        if (expected[i] == '\n') at = i + 1;
    snprintf(detail, sizeof detail, "\n  \"%.*s\"\n  \"%.*s\"", (int)strcspn(expected + at, "\n") % 180,
             expected + at, (int)strcspn(found + at, "\n") % 180, found + at);
    complain(trial, what, detail);
}

static void begin(const struct trial *trial, struct world *world) {
    const struct operation *operation = trial->operation;
    enum warmth warmth = operation->where & STORE_CLOSED ? CLOSED
                         : operation->where & STORE_COLD ? COLD
                                                         : WARM;
    world_open(world, trial->setting, operation->argument, warmth);
    if (operation->prepare) operation->prepare(world);
}

static void check_success(struct trial *trial, struct world *world, const char *before, tgs_status status,
                          const tgs_error *err) {
    if (status != trial->operation->expected) {
        complain(trial, tgs_status_name(status), err->message);
        return;
    }
    char *outputs = world_outputs(world),
         *contents = trial->contents ? world_contents(world) : world_state(world);
    const char *expected = trial->contents ? trial->contents : before;
    if (strcmp(outputs, trial->outputs) != 0)
        complain_of_difference(trial, "it gives not what it gives without faults", trial->outputs, outputs);
    if (strcmp(contents, expected) != 0)
        complain_of_difference(trial, "the contents are not what they should be", expected, contents);
    free(contents);
    free(outputs);
}

static void check_failure(struct trial *trial, const struct world *world, tgs_status status,
                          const tgs_error *err) {
    const char *touched = world_touched_output(world);
    if (status != TGS_E_NOMEM) complain(trial, tgs_status_name(status), err->message);
    if (err->code != status || !err->message[0])
        complain(trial, "the error says something else", err->message);
    if (err->outcome != TGS_OUTCOME_NOT_APPLIED) complain(trial, "the outcome is open", "");
    if (touched) complain(trial, "it failed, but has written to", touched);
    if (trial->operation->check_part) {
        const char *wrong = trial->operation->check_part(world);
        if (wrong) complain(trial, wrong, "");
    }
}

enum attempt {
    SUCCEEDED, /* it got by: SQLite does without what only makes it faster, and a close has nobody to tell */
    FAILED,
    FAILED_AND_KEPT, /* memory that is there for the next time */
};

/* Make the call with allocation n failing. */
static enum attempt attempt(struct trial *trial, struct world *world, const char *before) {
    tgs_error err;
    long live = heap_live_library();
    heap_fail(trial->n, trial->onward);
    tgs_status status = trial->operation->run(world, &err);
    heap_recover();
    trial->faults += heap_failed();
    enum attempt result = SUCCEEDED;
    if (!heap_failed() || status == trial->operation->expected) {
        check_success(trial, world, before, status, &err);
    } else {
        result = heap_live_library() > live ? FAILED_AND_KEPT : FAILED;
        check_failure(trial, world, status, &err);
        char *after = world_state(world);
        if (!(trial->operation->where & IN_STEPS) && strcmp(before, after) != 0)
            complain_of_difference(trial, "it failed, but changed something", before, after);
        free(after);
    }
    return result;
}

/* With the fault until it keeps no more memory, and then without. */
#define MOST_ATTEMPTS 8
static void try_once(struct trial *trial) {
    struct world world;
    tgs_error err;
    long library = heap_live_library(), sqlite = heap_live_sqlite();
    begin(trial, &world);
    char *before = world_state(&world);
    enum attempt last = attempt(trial, &world, before);
    for (int i = 1; last == FAILED_AND_KEPT && !trial->failed; i++) {
        if (i == MOST_ATTEMPTS) complain(trial, "it keeps memory each time", "");
        last = attempt(trial, &world, before);
    }
    if (last >= FAILED && !trial->failed)
        check_success(trial, &world, before, trial->operation->run(&world, &err), &err);
    free(before);
    world_close(&world);
    if (heap_live_library() != library) complain(trial, "memory of the library is lost", "");
    if (heap_live_sqlite() != sqlite) complain(trial, "memory of SQLite is lost", "");
}

static int compare_requests(const void *a, const void *b) {
    const struct heap_request *left = a, *right = b;
    if (left->place != right->place) return left->place < right->place ? -1 : 1;
    return left->n < right->n ? -1 : left->n > right->n;
}

static void keep_requests(struct trial *trial) {
    const struct heap_request *requests = heap_requests(&trial->n_requests);
    trial->requests = malloc((trial->n_requests + 1) * sizeof *requests);
    assert_non_null(trial->requests);
    memcpy(trial->requests, requests, trial->n_requests * sizeof *requests);
    qsort(trial->requests, trial->n_requests, sizeof *requests, compare_requests);
}

static void rehearse(struct trial *trial) {
    struct world world;
    tgs_error err = {.message = "?"};
    begin(trial, &world);
    char *before = world_state(&world);
    heap_watch();
    tgs_status status = trial->operation->run(&world, &err);
    heap_recover();
    if (status != trial->operation->expected) complain(trial, "without faults", err.message);
    keep_requests(trial);
    trial->outputs = world_outputs(&world);
    char *after = world_state(&world);
    if (strcmp(before, after) != 0) trial->contents = world_contents(&world);
    free(after);
    free(before);
    world_close(&world);
}

/* Places in SQLite where an allocation has failed already. */
static uint64_t tried[1 << 17];

/* Note the place; false: it was there. */
static bool is_new(uint64_t place) {
    size_t mask = sizeof tried / sizeof *tried - 1, i = place & mask;
    while (tried[i] && tried[i] != place) i = (i + 1) & mask;
    if (tried[i] == place) return false;
    tried[i] = place;
    return true;
}

/* Of the library's own allocations that are asked for from one place the first and the last are tried, in
 * each operation; those of SQLite once a place, in whatever operation, and without all memory at a quarter of
 * these. TGSTORE_FAULTS=all: every one; few: a quarter of the places always. */
static bool is_chosen(const struct trial *trial, size_t i) {
    const char *wish = getenv("TGSTORE_FAULTS") ? getenv("TGSTORE_FAULTS") : "";
    const struct heap_request *request = &trial->requests[i];
    bool first = i == 0 || request->place != request[-1].place;
    bool last = i + 1 == trial->n_requests || request->place != request[1].place;
    if (strcmp(wish, "all") == 0) return true;
    if (request->library) return first || last;
    bool quarter = trial->onward || strcmp(wish, "few") == 0;
    /* What comes after it differs more in those that have several steps. */
    uint64_t place = request->place + trial->onward;
    if (trial->operation->where & IN_STEPS) place ^= (uintptr_t)trial->operation;
    return (!quarter || request->place % 4 == 0) && is_new(place);
}

static void try_operation(struct trial *trial) {
    rehearse(trial);
    for (size_t i = 0; i < trial->n_requests && !trial->failed; i++) {
        trial->n = trial->requests[i].n;
        if (is_chosen(trial, i)) try_once(trial);
    }
    free(trial->requests);
    free(trial->outputs);
    free(trial->contents);
}

/* --- all of them ------------------------------------------------------------------------------------ */

static bool is_tried(const struct operation *operation, const struct setting *setting) {
    if (!setting->sqlite) return operation->where & ON_MEMORY;
    if (setting->read_only) return operation->where & ON_READ_ONLY;
    return operation->where & (*setting->parameters ? ON_VARIANTS : ON_SQLITE);
}

static void try_all(const struct setting *setting, bool onward) {
    long faults = 0, failed = 0;
    for (size_t i = 0; i < n_operations; i++) {
        struct trial trial = {.setting = setting, .operation = &operations[i], .onward = onward};
        if (!is_tried(&operations[i], setting)) continue;
        try_operation(&trial);
        faults += trial.faults;
        failed += trial.failed;
    }
    print_message("%ld faults\n", faults);
    assert_int_equal(failed, 0);
}

static const struct setting memory = {.name = "memory", .parameters = ""};
static const struct setting sqlite = {.name = "sqlite", .parameters = "", .sqlite = true};
static const struct setting exclusive = {
    .name = "sqlite", .parameters = "?locking=exclusive", .sqlite = true, .exclusive = true};
static const struct setting durable = {.name = "sqlite", .parameters = "?durability=full", .sqlite = true};
static const struct setting read_only = {
    .name = "sqlite", .parameters = "?mode=ro", .sqlite = true, .read_only = true};

#define TRY(setting)                                                                                         \
    static void setting##_without_an_allocation(void **state) {                                              \
        (void)state;                                                                                         \
        try_all(&(setting), false);                                                                          \
    }                                                                                                        \
    static void setting##_without_memory(void **state) {                                                     \
        (void)state;                                                                                         \
        try_all(&(setting), true);                                                                           \
    }
TRY(memory)
TRY(sqlite)
TRY(exclusive)
TRY(durable)
TRY(read_only)

/* --- what takes no memory ------------------------------------------------------------------------------- */

static void check_quiet(const struct setting *setting) {
    struct world world;
    long library = heap_live_library(), sqlite_memory = heap_live_sqlite();
    world_open(&world, setting, NULL, WARM);
    prepare_quiet_functions(&world);
    for (size_t i = 0; i < n_quiet_functions; i++) {
        heap_fail(1, true);
        quiet_functions[i].run(&world);
        heap_recover();
        if (heap_asked()) fail_msg("%s took memory", quiet_functions[i].function);
    }
    world_close(&world);
    assert_int_equal(heap_live_library(), library);
    assert_int_equal(heap_live_sqlite(), sqlite_memory);
}

static void quiet_functions_take_no_memory(void **state) {
    (void)state;
    check_quiet(&memory);
    check_quiet(&sqlite);
}

/* --- nothing is left out ------------------------------------------------------------ */

static bool is_covered(const char *symbol) {
    for (size_t i = 0; i < n_operations; i++)
        if (strcmp(operations[i].function, symbol) == 0) return true;
    for (size_t i = 0; i < n_quiet_functions; i++)
        if (strcmp(quiet_functions[i].function, symbol) == 0) return true;
    return false;
}

static void every_public_function_is_covered(void **state) {
    (void)state;
    char symbol[80];
    size_t n = 0, missing = 0;
    FILE *symbols = fopen(SYMBOLS, "r");
    assert_non_null(symbols);
    while (fscanf(symbols, "%79s", symbol) == 1) {
        n++;
        if (is_covered(symbol)) continue;
        print_error("%s is neither an operation nor a quiet function\n", symbol);
        missing++;
    }
    fclose(symbols);
    assert_true(n > 60);
    assert_int_equal(missing, 0);
}

static int set_up(void **state) {
    (void)state;
    worlds_begin();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    worlds_end();
    return 0;
}

int main(void) {
    heap_install();
    mallopt(M_TRIM_THRESHOLD, 256 << 20); /* worlds come and go: asking for their memory anew takes time */
    mallopt(M_MMAP_THRESHOLD, 64 << 20);
#define TEST(setting)                                                                                        \
    cmocka_unit_test(setting##_without_an_allocation), cmocka_unit_test(setting##_without_memory)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_public_function_is_covered),
        cmocka_unit_test(quiet_functions_take_no_memory),
        TEST(memory),
        TEST(sqlite),
        TEST(exclusive),
        TEST(durable),
        TEST(read_only),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
