/* SPDX-License-Identifier: Apache-2.0 */
#include "session_options.h"

#include <inttypes.h>
#include <string.h>

#include "dc.h"
#include "error.h"
#include "text.h"

#define NUMBERS_COUNT (sizeof numbers / sizeof *numbers)

static const struct {
    uint64_t bit;
    int64_t min, max;
} numbers[] = {
    {TGS_SESSION_API_ID, 0, UINT32_MAX},
    {TGS_SESSION_USER_ID, 0, INT64_MAX},
    {TGS_SESSION_IS_BOT, 0, 1},
    {TGS_SESSION_TEST_MODE, 0, 1},
    {TGS_SESSION_DC, 1, 255},
    {TGS_SESSION_PORT, 1, 65535},
};

const tgs_field *session_field(uint64_t bit) { return field_first(record_get(TGS_RECORD_SESSION), bit); }

int64_t session_number(const tgs_session_data *session, const tgs_field *field) {
    const void *member = field_in(session, field);
    return field->type == TGS_TYPE_I32 ? *(const int32_t *)member : *(const int64_t *)member;
}

void session_set_number(tgs_session_data *session, const tgs_field *field, int64_t value) {
    void *member = field_of(session, field);
    session->fields |= field->bit;
    if (field->type == TGS_TYPE_I32)
        *(int32_t *)member = (int32_t)value;
    else
        *(int64_t *)member = value;
}

static bool parse_number(tgs_str text, int64_t *value) {
    if (!text.ptr || !text.len || text.len > 19) return false;
    uint64_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') return false;
        n = n * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    *value = (int64_t)n;
    return n <= INT64_MAX;
}

/* Options fill in what the session lacks. */
static tgs_status apply_number(tgs_session_data *session, const tgs_field *field, size_t i, tgs_str text,
                               tgs_error *err) {
    int64_t value;
    if (!parse_number(text, &value) || value < numbers[i].min || value > numbers[i].max)
        return error_set(err, TGS_E_INVALID, "option %s must be a number from %" PRId64 " to %" PRId64,
                         field->name, numbers[i].min, numbers[i].max);
    if (!(session->fields & field->bit)) session_set_number(session, field, value);
    return TGS_OK;
}

static tgs_status apply_option(tgs_session_data *session, const tgs_option *option, tgs_error *err) {
    for (size_t i = 0; i < NUMBERS_COUNT; i++) {
        const tgs_field *field = session_field(numbers[i].bit);
        if (text_equal(option->key, field->name)) return apply_number(session, field, i, option->value, err);
    }
    if (!text_equal(option->key, "address"))
        return error_set(
            err, TGS_E_INVALID,
            "unknown option %.*s; there are api_id, user_id, is_bot, test_mode, dc, address and port",
            (int)(option->key.len < 32 ? option->key.len : 32), option->key.ptr);
    if (!dc_address_sane(option->value))
        return error_set(err, TGS_E_INVALID, "option address: not an address");
    if (!(session->fields & TGS_SESSION_ADDRESS)) session->address = option->value;
    session->fields |= TGS_SESSION_ADDRESS;
    return TGS_OK;
}

tgs_status session_with_options(const tgs_snapshot *snapshot, const tgs_option *options, size_t n_options,
                                tgs_session_data *session, tgs_error *err) {
    tgs_status status = tgs_rows_row(snapshot->rows[TGS_RECORD_SESSION], 0, session, sizeof *session);
    if (status != TGS_OK) return error_set(err, TGS_E_INVALID, "the snapshot has no session");
    for (size_t i = 0; i < n_options && status == TGS_OK; i++)
        status = apply_option(session, &options[i], err);
    return status;
}

tgs_status session_numeric_address(tgs_session_data *session, uint8_t bytes[16], size_t *size,
                                   tgs_error *err) {
    bool test_mode = (session->fields & TGS_SESSION_TEST_MODE) && session->test_mode;
    const char *known = session->fields & TGS_SESSION_DC ? dc_address(session->dc, test_mode, false) : NULL;
    int family = session->fields & TGS_SESSION_ADDRESS ? dc_parse_address(session->address, bytes) : 0;
    if (!family && known) {
        session->address = (tgs_str){known, strlen(known)};
        session->fields |= TGS_SESSION_ADDRESS;
        family = dc_parse_address(session->address, bytes);
    }
    if (!family)
        return error_set(err, TGS_E_INVALID,
                         "no numeric address of the data center is known: give the option address");
    if (!(session->fields & TGS_SESSION_PORT) || !session->port)
        session_set_number(session, session_field(TGS_SESSION_PORT), DC_PORT);
    *size = family == 4 ? 4 : 16;
    return TGS_OK;
}
