/* SPDX-License-Identifier: Apache-2.0 */
/* Back ends that are loaded at run time, and are not what they should be: odd_module.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tgstore.h"

#define MODULE(kind) TGS_STR(MODULES "/tgstore-" kind ".so")

static tgs_status load(tgs_str path, const char *says) {
    tgs_error err;
    tgs_status status = tgs_backend_load(path, NULL, &err);
    assert_int_equal(err.code, status);
    if (!strstr(err.message, says)) fail_msg("\"%s\" does not say \"%s\"", err.message, says);
    return status;
}

static void modules_that_are_none(void **state) {
    (void)state;
    assert_int_equal(load(MODULE("no-entry"), "tgs_backend_entry"), TGS_E_UNSUPPORTED);
    assert_int_equal(load(MODULE("other-abi"), "compile it anew"), TGS_E_UNSUPPORTED);
    assert_int_equal(load(MODULE("lacks-write"), "lacks an entry"), TGS_E_UNSUPPORTED);
}

/* A scheme has one back end; loading the same one again is no error. */
static void a_scheme_that_is_taken(void **state) {
    (void)state;
    assert_int_equal(load(MODULE("taken"), "memory"), TGS_E_CONFLICT);
    assert_int_equal(load(MODULE("mute"), ""), TGS_OK);
    assert_int_equal(load(MODULE("mute"), ""), TGS_OK);
}

static tgs_status open_url(tgs_str url, tgs_store **store, tgs_error *err) {
    return tgs_store_open(url, NULL, 0, store, NULL, err);
}

/* Each folder of the search path is looked into, empty and absent ones are passed over. */
static void a_module_on_the_search_path(void **state) {
    (void)state;
    tgs_store *store;
    tgs_error err;
    assert_int_equal(setenv("TGSTORE_MODULE_PATH", ":/none:" MODULES, 1), 0);
    assert_int_equal(open_url(TGS_STR("other-scheme:"), &store, &err), TGS_E_UNSUPPORTED);
    assert_non_null(strstr(err.message, "does not serve"));
    assert_int_equal(open_url(TGS_STR("nowhere:"), &store, &err), TGS_E_UNSUPPORTED);
    assert_int_equal(open_url(TGS_STR("mute:"), &store, &err), TGS_OK);
    assert_string_equal(tgs_store_backend(store), "odd");
    tgs_store_close(store);
    assert_int_equal(unsetenv("TGSTORE_MODULE_PATH"), 0);
}

/* The core stands for what a back end leaves out: an error has a message and names it, a row that nobody
 * asked for is refused. */
static void a_back_end_that_errs(void **state) {
    (void)state;
    tgs_store *store;
    tgs_session *session;
    tgs_error err;
    tgs_rows *rows;
    tgs_kv row = {.fields = TGS_KV_VALUE, .scope = TGS_STR("s"), .key = TGS_STR("k")};
    assert_int_equal(load(MODULE("mute"), ""), TGS_OK);
    assert_int_equal(open_url(TGS_STR("mute:"), &store, &err), TGS_OK);
    assert_int_equal(tgs_session_new(store, TGS_STR("main"), &session, &err), TGS_OK);
    assert_int_equal(tgs_put(session, TGS_RECORD_KV, &row, 1, sizeof row, NULL, NULL, &err), TGS_E_BACKEND);
    assert_int_equal(err.code, TGS_E_BACKEND);
    assert_true(err.message[0]);
    assert_string_equal(err.backend, "odd");
    assert_int_equal(tgs_get(session, TGS_RECORD_KV, &row, 1, sizeof row, &rows, NULL, &err), TGS_E_INVALID);
    assert_null(rows);
    tgs_session_free(session);
    tgs_store_close(store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(modules_that_are_none),
        cmocka_unit_test(a_scheme_that_is_taken),
        cmocka_unit_test(a_module_on_the_search_path),
        cmocka_unit_test(a_back_end_that_errs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
