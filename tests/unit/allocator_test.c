/* SPDX-License-Identifier: Apache-2.0 */
/* tgs_allocator_set: the program's allocator serves the whole library, from the first piece of memory on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tgstore.h"

static struct counts { atomic_long live, taken; } counts;
static atomic_int broken_rules; /* of what the header promises an allocator */

/* Without heads, as some allocators are: pieces of a size stand side by side in a region of their own, each
 * size twice the one before.  One thread only. */
#define SMALLEST 32u
#define SIZES 20
#define REGION ((size_t)64 << 20)
static struct region {
    char *memory;
    size_t used;
    void *freed; /* a list through the pieces */
} regions[SIZES];

static size_t piece_size(size_t i) { return (size_t)SMALLEST << i; }

static void *take(size_t size) {
    size_t i = 0;
    while (piece_size(i) < size) i++;
    struct region *region = &regions[i];
    if (region->freed) {
        void *piece = region->freed;
        memcpy(&region->freed, piece, sizeof region->freed);
        return piece;
    }
    if (!region->memory)
        region->memory =
            mmap(NULL, REGION, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(region->memory != MAP_FAILED && region->used + piece_size(i) <= REGION);
    region->used += piece_size(i);
    return region->memory + region->used - piece_size(i);
}

static size_t region_of(const char *memory) {
    for (size_t i = 0; i < SIZES; i++)
        if (regions[i].memory && memory >= regions[i].memory && memory < regions[i].memory + REGION) return i;
    fail_msg("not a piece of ours");
    return 0;
}

static void give(void *memory) {
    struct region *region = &regions[region_of(memory)];
    memcpy(memory, &region->freed, sizeof region->freed);
    region->freed = memory;
}

static void *count_alloc(void *context, size_t size) {
    struct counts *to = context;
    if (!size || to != &counts) broken_rules++;
    to->live++;
    to->taken++;
    return take(size);
}

static void *count_resize(void *context, void *memory, size_t size) {
    if (!size || !memory || context != &counts) broken_rules++;
    size_t held = piece_size(region_of(memory));
    if (size <= held) return memory;
    void *moved = take(size);
    memcpy(moved, memory, held);
    give(memory);
    return moved;
}

static void count_release(void *context, void *memory) {
    struct counts *to = context;
    if (!memory || to != &counts) broken_rules++;
    to->live--;
    give(memory);
}

static tgs_allocator counting(void) {
    return (tgs_allocator){.size = sizeof(tgs_allocator),
                           .context = &counts,
                           .alloc = count_alloc,
                           .resize = count_resize,
                           .release = count_release};
}

static void assert_refused(const tgs_allocator *allocator, tgs_status status, const char *message) {
    tgs_error err;
    assert_int_equal(tgs_allocator_set(allocator, &err), status);
    assert_int_equal(err.code, status);
    assert_non_null(strstr(err.message, message));
    assert_int_equal(tgs_allocator_set(allocator, NULL), status);
}

/* In a child, whose library has not been used yet. */
static void refused_once_memory_was_taken(void **state) {
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        tgs_canceller *canceller = NULL;
        tgs_allocator allocator = counting();
        tgs_error err = {0};
        bool right = tgs_canceller_new(&canceller, NULL) == TGS_OK &&
                     tgs_allocator_set(&allocator, &err) == TGS_E_INVALID && strstr(err.message, "too late");
        tgs_canceller_free(canceller); /* to where it came from */
        _exit(right && counts.live == 0 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void refused_when_it_is_not_whole(void **state) {
    (void)state;
    struct {
        tgs_allocator known;
        uint64_t more;
    } longer = {counting(), 1};
    tgs_allocator allocator = counting();
    assert_refused(NULL, TGS_E_INVALID, "NULL");
    allocator.size--;
    assert_refused(&allocator, TGS_E_INVALID, "sizeof(tgs_allocator)");
    allocator = counting();
    allocator.reserved[3] = 1;
    assert_refused(&allocator, TGS_E_UNSUPPORTED, "does not know");
    longer.known.size = sizeof longer;
    assert_refused(&longer.known, TGS_E_UNSUPPORTED, "does not know");
    allocator = counting();
    allocator.alloc = NULL;
    assert_refused(&allocator, TGS_E_INVALID, "alloc");
    allocator = counting();
    allocator.resize = NULL;
    assert_refused(&allocator, TGS_E_INVALID, "resize");
    allocator = counting();
    allocator.release = NULL;
    assert_refused(&allocator, TGS_E_INVALID, "release");
}

/* Accepted after all those refusals; a second one, were it the same, comes too late. */
static void set_once(void **state) {
    (void)state;
    struct {
        tgs_allocator known;
        uint64_t more;
    } longer = {counting(), 0}; /* of a newer header, with nothing new in it */
    longer.known.size = sizeof longer;
    tgs_error err;
    assert_int_equal(tgs_allocator_set(&longer.known, &err), TGS_OK);
    assert_int_equal(err.code, TGS_OK);
    assert_refused(&longer.known, TGS_E_INVALID, "too late");
}

static void use(const char *url) {
    tgs_store *store = NULL;
    tgs_session *session = NULL;
    tgs_rows *rows = NULL;
    static const uint8_t value[5000];
    tgs_kv kv = {.fields = TGS_KV_VALUE, .scope = TGS_STR("s"), .key = TGS_STR("k"), .value = {value, 5000}};
    assert_int_equal(tgs_store_open((tgs_str){url, strlen(url)}, NULL, 0, &store, NULL, NULL), TGS_OK);
    assert_int_equal(tgs_session_new(store, TGS_STR("main"), &session, NULL), TGS_OK);
    assert_int_equal(tgs_put(session, TGS_RECORD_KV, &kv, 1, sizeof kv, NULL, NULL, NULL), TGS_OK);
    assert_int_equal(tgs_list(session, TGS_RECORD_KV, NULL, 0, NULL, 10, &rows, NULL, NULL), TGS_OK);
    assert_int_equal(tgs_rows_count(rows), 1);
    tgs_rows_free(rows);
    tgs_session_free(session);
    tgs_store_close(store);
}

static void all_memory_comes_from_it_and_goes_back(void **state) {
    (void)state;
    char folder[] = "/tmp/tgstore-allocator-XXXXXX", path[64], url[80];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/store.db", folder);
    snprintf(url, sizeof url, "sqlite:%s", path);
    const char *const urls[] = {"memory:", url};
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        long before = counts.taken;
        use(urls[i]);
        assert_true(counts.taken > before + 5); /* store, session, back end, rows, value */
        assert_int_equal(counts.live, 0);
    }
    assert_int_equal(broken_rules, 0);
    unlink(path);
    rmdir(folder);
}

/* A row that fills its piece of memory to the end, and texts that come to stand behind it: they are two
 * pieces. */
static void texts_beside_their_row(void **state) {
    (void)state;
    static const uint8_t value[1024];
    for (size_t len = 0; len < sizeof value; len++) {
        tgs_store *store;
        tgs_session *session;
        tgs_kv kv = {
            .fields = TGS_KV_VALUE, .scope = TGS_STR("s"), .key = TGS_STR("k"), .value = {value, len}};
        assert_int_equal(tgs_store_open(TGS_STR("memory:"), NULL, 0, &store, NULL, NULL), TGS_OK);
        assert_int_equal(tgs_session_new(store, TGS_STR("main"), &session, NULL), TGS_OK);
        assert_int_equal(tgs_put(session, TGS_RECORD_KV, &kv, 1, sizeof kv, NULL, NULL, NULL), TGS_OK);
        kv.value.len = len > 700 ? len - 100 : len + 300;
        assert_int_equal(tgs_put(session, TGS_RECORD_KV, &kv, 1, sizeof kv, NULL, NULL, NULL), TGS_OK);
        tgs_session_free(session);
        tgs_store_close(store);
        assert_int_equal(counts.live, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused_once_memory_was_taken),
        cmocka_unit_test(refused_when_it_is_not_whole),
        cmocka_unit_test(set_once),
        cmocka_unit_test(all_memory_comes_from_it_and_goes_back),
        cmocka_unit_test(texts_beside_their_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
