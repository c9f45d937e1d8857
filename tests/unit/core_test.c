/* SPDX-License-Identifier: Apache-2.0 */
/* What lies inside capi/: memory, text, errors and the description of the records. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "arena.h"
#include "call.h"
#include "error.h"
#include "new_file.h"
#include "records.h"
#include "text.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static tgs_str str(const char *text) { return (tgs_str){text, text ? strlen(text) : 0}; }

/* --- arena ----------------------------------------------------------------------- */

static void arena_aligns_and_keeps(void **state) {
    (void)state;
    struct arena arena = {0};
    unsigned char *pieces[200];
    for (size_t i = 0; i < COUNT(pieces); i++) {
        pieces[i] = arena_alloc(&arena, i * 37);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % 16, 0);
        memset(pieces[i], (int)i, i * 37);
    }
    for (size_t i = 0; i < COUNT(pieces); i++)
        for (size_t k = 0; k < i * 37; k++) assert_int_equal(pieces[i][k], (unsigned char)i);
    arena_free(&arena);
    assert_null(arena.blocks);
}

static void arena_refuses_sizes_that_overflow(void **state) {
    (void)state;
    struct arena arena = {0};
    tgs_str copy;
    assert_null(arena_alloc(&arena, SIZE_MAX));
    assert_null(arena_alloc(&arena, SIZE_MAX / 2 + 1));
    assert_false(arena_text(&arena, (tgs_str){"x", SIZE_MAX}, &copy));
    assert_int_equal(copy.len, 0);
    arena_free(&arena);
}

static void arena_copies_text_with_terminator(void **state) {
    (void)state;
    struct arena arena = {0};
    char from[] = "abc";
    tgs_str copy;
    assert_true(arena_text(&arena, (tgs_str){from, 2}, &copy));
    memset(from, 'x', sizeof from);
    assert_string_equal(copy.ptr, "ab");
    assert_int_equal(copy.len, 2);

    assert_true(arena_text(&arena, (tgs_str){NULL, 0}, &copy));
    assert_null(copy.ptr);
    assert_true(arena_text(&arena, (tgs_str){"", 0}, &copy));
    assert_non_null(copy.ptr);

    tgs_bytes blob;
    assert_true(arena_bytes(&arena, (tgs_bytes){(const uint8_t *)"a\0b", 3}, &blob));
    assert_memory_equal(blob.ptr, "a\0b", 4);
    arena_free(&arena);
}

static void arena_reset_keeps_a_block_and_wipes_secrets(void **state) {
    (void)state;
    struct arena arena = {.secret = true};
    char *first = arena_alloc(&arena, 64);
    assert_non_null(first);
    memset(first, 's', 64);
    arena_reset(&arena);
    char *again = arena_alloc(&arena, 64);
    assert_ptr_equal(again, first);
    for (size_t i = 0; i < 64; i++) assert_int_equal(again[i], 0);
    arena_free(&arena);
    arena_reset(&arena); /* of an empty one: nothing to do */
}

/* --- text ------------------------------------------------------------------------ */

static void text_is_rfc_3629_without_nul(void **state) {
    (void)state;
    static const char *const good[] = {"",
                                       "a",
                                       "\x7f",
                                       "\xc2\x80",
                                       "\xdf\xbf",
                                       "\xe0\xa0\x80",
                                       "\xed\x9f\xbf",
                                       "\xee\x80\x80",
                                       "\xef\xbf\xbf",
                                       "\xf0\x90\x80\x80",
                                       "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {"\x80",
                                      "\xbf",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xc2",
                                      "\xc2x",
                                      "\xe0\x9f\xbf",
                                      "\xe1\x80",
                                      "\xed\xa0\x80",
                                      "\xed\xbf\xbf",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf0\x90\x80",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xff",
                                      "\xfe"};
    for (size_t i = 0; i < COUNT(good); i++) assert_true(text_valid(str(good[i])));
    for (size_t i = 0; i < COUNT(bad); i++) assert_false(text_valid(str(bad[i])));
    assert_false(text_valid((tgs_str){"a\0b", 3}));
    assert_int_equal(text_valid_prefix(str("ab\xc3\xa9\xff"
                                           "c")),
                     4);
}

/* Up to four bytes from both ends of each range of RFC 3629, in every combination, alone and behind ASCII:
 * the two ways of looking, one for yes or no and one for where, agree. */
static void text_valid_agrees_with_its_prefix(void **state) {
    (void)state;
    static const unsigned char ends[] = {0x00, 0x01, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf,
                                         0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee,
                                         0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff};
    const size_t n = sizeof ends;
    size_t valid = 0;
    for (size_t i = 0; i < n * n * n * n; i++) {
        const unsigned char bytes[4] = {ends[i % n], ends[i / n % n], ends[i / n / n % n],
                                        ends[i / n / n / n]};
        for (size_t len = 1; len <= 4; len++) {
            char text[16] = "0123456";
            memcpy(text + 7, bytes, len);
            tgs_str alone = {text + 7, len}, behind = {text, 7 + len};
            bool expected = text_valid_prefix(alone) == len;
            valid += expected;
            assert_int_equal(text_valid(alone), expected);
            assert_int_equal(text_valid(behind), expected);
        }
    }
    assert_true(valid > 0);
}

static void text_equal_goes_by_length(void **state) {
    (void)state;
    assert_true(text_equal(str("ro"), "ro"));
    assert_true(text_equal((tgs_str){NULL, 0}, ""));
    assert_false(text_equal(str("rwc"), "rw"));
    assert_false(text_equal(str("r"), "rw"));
}

static void username_folds_ascii_only(void **state) {
    (void)state;
    tgs_str shown = username_shown(str("@Durov_X\xc3\x89"));
    assert_int_equal(shown.len, 9);
    char folded[16];
    username_fold(shown, folded);
    assert_memory_equal(folded, "durov_x\xc3\x89", 9);
    assert_true(username_valid(shown));
    assert_false(username_valid(username_shown(str("@"))));
    assert_false(username_valid(str("a\nb")));
    assert_false(username_valid(str("a\x7f")));
}

static void phone_keeps_digits(void **state) {
    (void)state;
    char digits[32];
    size_t len = 0;
    assert_true(phone_digits(str("+1 (227) 997-59.98"), digits, &len));
    assert_int_equal(len, 11);
    assert_memory_equal(digits, "12279975998", 11);
    static const char *const bad[] = {"", "+", "12a", "12\xc2\xa0", "1,2"};
    for (size_t i = 0; i < COUNT(bad); i++) assert_false(phone_digits(str(bad[i]), digits, &len));
    assert_false(phone_digits((tgs_str){"1\0002", 3}, digits, &len));
}

/* --- errors ---------------------------------------------------------------------- */

static void error_is_256_bytes_and_may_be_null(void **state) {
    (void)state;
    assert_int_equal(sizeof(tgs_error), 256);
    assert_int_equal(sizeof(tgs_result), 32);
    error_clear(NULL);
    assert_int_equal(error_set(NULL, TGS_E_INVALID, "x"), TGS_E_INVALID);
    assert_int_equal(error_nomem(NULL), TGS_E_NOMEM);
}

static void error_names_row_and_retryable(void **state) {
    (void)state;
    tgs_error err;
    assert_int_equal(error_set_row(&err, TGS_E_BUSY, 7, "held by %s", "somebody"), TGS_E_BUSY);
    assert_int_equal(err.code, TGS_E_BUSY);
    assert_int_equal(err.index, 7);
    assert_int_equal(err.retryable, 1);
    assert_string_equal(err.message, "held by somebody");
    error_clear(&err);
    assert_int_equal(err.code, TGS_OK);
    assert_int_equal(err.index, -1);
    assert_string_equal(err.message, "");
}

static void error_cuts_at_a_character(void **state) {
    (void)state;
    char text[401];
    for (size_t i = 0; i < 400; i += 2) memcpy(text + i, "\xc3\xa9", 2);
    text[400] = '\0';
    for (size_t shift = 0; shift < 4; shift++) {
        tgs_error err;
        error_set(&err, TGS_E_INVALID, "%.*s%s", (int)shift, "abcd", text);
        assert_true(strlen(err.message) >= sizeof err.message - 4);
        assert_true(text_valid(str(err.message)));
    }
}

static void every_status_has_a_name_and_a_message(void **state) {
    (void)state;
    for (tgs_status code = TGS_E_INVALID; code >= TGS_E_BACKEND; code--) {
        tgs_error err;
        error_clear(&err);
        assert_int_equal(error_set_native(&err, code, "NATIVE", NULL), code);
        assert_true(err.message[0] != '\0');
        assert_null(strchr(err.message, '\n'));
        assert_string_equal(err.native, "NATIVE");
        for (tgs_status other = code + 1; other <= TGS_NOT_FOUND; other++)
            assert_string_not_equal(tgs_status_name(code), tgs_status_name(other));
    }
    assert_string_equal(tgs_status_name(-1000), tgs_status_name(TGS_E_BACKEND));
}

/* --- new files ------------------------------------------------------------------- */

/* "There as a whole or not at all", and never in the place of another: not even of one that came meanwhile.
 */
static void a_new_file_takes_no_name_that_is_taken(void **state) {
    (void)state;
    char folder[] = "/tmp/tgstore-core-XXXXXX", path[64];
    struct new_file file;
    int descriptor;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/file", folder);
    assert_int_equal(new_file_begin(&file, path, &descriptor), 0);
    assert_int_equal(write(descriptor, "ours", 4), 4);
    close(descriptor);
    assert_int_equal(access(path, F_OK), -1);
    int other = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_int_equal(write(other, "theirs", 6), 6);
    close(other);
    assert_int_equal(new_file_publish(&file), EEXIST);
    assert_int_equal(access(file.temporary, F_OK), -1);
    assert_int_equal(new_file_begin(&file, path, &descriptor), EEXIST);
    char content[8] = "";
    other = open(path, O_RDONLY);
    assert_int_equal(read(other, content, sizeof content), 6);
    close(other);
    assert_string_equal(content, "theirs");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0); /* nothing is left */
}

/* --- records --------------------------------------------------------------------- */

static size_t width(int32_t type) {
    switch (type) {
    case TGS_TYPE_I32:
        return sizeof(int32_t);
    case TGS_TYPE_I64:
        return sizeof(int64_t);
    case TGS_TYPE_TEXT:
        return sizeof(tgs_str);
    case TGS_TYPE_BYTES:
        return sizeof(tgs_bytes);
    case TGS_TYPE_TEXTS:
        return sizeof(const tgs_str *) + sizeof(size_t);
    default:
        fail_msg("type %d", type);
        return 0;
    }
}

/* The table's members, with the beginning that all rows share and the reserves, must fill the struct
 * without holes and overlaps; then no offset or type of the table can be wrong. */
static void fields_tile_their_struct(void **state) {
    (void)state;
    for (int32_t number = 1; number < RECORD_COUNT; number++) {
        const struct record *record = record_get(number);
        unsigned char covered[1024] = {0};
        assert_true(record->row_size <= sizeof covered);
        memset(covered, 1, offsetof(tgs_kv, flags) + sizeof(uint32_t));
        memset(covered + record->reserved_offset, 1, 4 * sizeof(uint64_t));
        if (record->reserved0_offset) memset(covered + record->reserved0_offset, 1, sizeof(int32_t));
        for (size_t i = 0; i < record->n_fields; i++)
            for (size_t k = 0; k < width(record->fields[i].type); k++) {
                unsigned char *byte = &covered[record->fields[i].offset + k];
                if (*byte) fail_msg("%s.%s overlaps", record->name, record->fields[i].name);
                *byte = 1;
            }
        for (size_t k = 0; k < record->row_size; k++)
            if (!covered[k]) fail_msg("%s: byte %zu belongs to no field", record->name, k);
    }
}

static void fields_have_one_bit_each(void **state) {
    (void)state;
    for (int32_t number = 1; number < RECORD_COUNT; number++) {
        const struct record *record = record_get(number);
        uint64_t seen = 0;
        for (size_t i = 0; i < record->n_fields; i++) {
            const tgs_field *field = &record->fields[i];
            if (field->flags & TGS_FIELD_KEY) {
                assert_int_equal(field->bit, 0);
                continue;
            }
            if (field->bit == 0 || (field->bit & (field->bit - 1)) != 0 || (seen & field->bit) != 0)
                fail_msg("%s.%s: not a bit of its own", record->name, field->name);
            seen |= field->bit;
        }
        if (seen != record->known_bits)
            fail_msg("%s: known_bits is not all bits of the fields", record->name);
    }
}

static void records_are_known_by_name(void **state) {
    (void)state;
    assert_string_equal(tgs_record_name(TGS_RECORD_PEER), "peer");
    assert_null(tgs_record_name(0));
    assert_null(tgs_record_name(RECORD_COUNT));
    assert_null(record_stored(TGS_RECORD_SESSION_INFO));
    size_t n = 1, size = 1;
    assert_null(tgs_record_fields(-1, &n, &size));
    assert_int_equal(n, 0);
    assert_int_equal(size, 0);
    assert_non_null(tgs_record_fields(TGS_RECORD_KV, NULL, NULL));
}

/* --- calls ------------------------------------------------------------------------ */

/* Bytes that an older library does not know must be zero, else UNSUPPORTED. */
static void calls_of_a_newer_caller(void **state) {
    (void)state;
    struct {
        tgs_call call;
        unsigned char more[8];
    } newer = {.call = {.size = sizeof newer, .timeout_ms = 1}};
    struct limits limits;
    tgs_error err;
    assert_int_equal(limits_resolve(&limits, &newer.call, -1, NULL, &err), TGS_OK);
    newer.more[7] = 1;
    assert_int_equal(limits_resolve(&limits, &newer.call, -1, NULL, &err), TGS_E_UNSUPPORTED);
}

static void a_deadline_beyond_time_is_none(void **state) {
    (void)state;
    assert_int_equal(deadline_after(-1), INT64_MAX);
    assert_int_equal(deadline_after(INT64_MAX), INT64_MAX);
    assert_true(deadline_after(1000) < INT64_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_of_a_newer_caller),
        cmocka_unit_test(a_deadline_beyond_time_is_none),
        cmocka_unit_test(arena_aligns_and_keeps),
        cmocka_unit_test(arena_refuses_sizes_that_overflow),
        cmocka_unit_test(arena_copies_text_with_terminator),
        cmocka_unit_test(arena_reset_keeps_a_block_and_wipes_secrets),
        cmocka_unit_test(text_is_rfc_3629_without_nul),
        cmocka_unit_test(text_equal_goes_by_length),
        cmocka_unit_test(a_new_file_takes_no_name_that_is_taken),
        cmocka_unit_test(text_valid_agrees_with_its_prefix),
        cmocka_unit_test(username_folds_ascii_only),
        cmocka_unit_test(phone_keeps_digits),
        cmocka_unit_test(error_is_256_bytes_and_may_be_null),
        cmocka_unit_test(error_names_row_and_retryable),
        cmocka_unit_test(error_cuts_at_a_character),
        cmocka_unit_test(every_status_has_a_name_and_a_message),
        cmocka_unit_test(fields_tile_their_struct),
        cmocka_unit_test(fields_have_one_bit_each),
        cmocka_unit_test(records_are_known_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
