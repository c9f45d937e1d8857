/* SPDX-License-Identifier: Apache-2.0 */
#include "text_formats.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "allocator.h"
#include "base64.h"
#include "check.h"
#include "dc.h"
#include "error.h"
#include "made_text.h"
#include "rows.h"
#include "session_options.h"
#include "text.h"
#include "wipe.h"

#define MAX_TEXT 65536 /* far above the longest string of any client */
#define MAX_PARTS 8

/* Members of the session's record by their bits; the address by its size, 4 or 16. */
enum {
    END = 0,
    DC = TGS_SESSION_DC,
    API_ID = TGS_SESSION_API_ID,
    TEST_MODE = TGS_SESSION_TEST_MODE,
    AUTH_KEY = TGS_SESSION_AUTH_KEY,
    USER_ID = TGS_SESSION_USER_ID,
    IS_BOT = TGS_SESSION_IS_BOT,
    ADDRESS = TGS_SESSION_ADDRESS,
    PORT = TGS_SESSION_PORT,
    VERSION_1 = 0x10000
};

struct part {
    uint32_t member;
    uint16_t size;
    bool little_endian;
};

struct layout {
    const char *format;
    const char *title;
    char prefix; /* 0: none */
    bool padded;
    struct part parts[MAX_PARTS]; /* big-endian unless it says otherwise */
};

/* clang-format off */
#define PYROGRAM {{DC, 1}, {API_ID, 4}, {TEST_MODE, 1}, {AUTH_KEY, 256}, {USER_ID, 8}, {IS_BOT, 1}}

static const struct layout layouts[] = {
    {"telethon", "Telethon session string", '1', true,
     {{DC, 1}, {ADDRESS, 4}, {PORT, 2}, {AUTH_KEY, 256}}},
    {"telethon", "Telethon session string, IPv6", '1', true,
     {{DC, 1}, {ADDRESS, 16}, {PORT, 2}, {AUTH_KEY, 256}}},
    {"pyrogram", "Pyrogram session string", 0, false, PYROGRAM}, /* read for Kurigram's, too */
    {"kurigram", "Kurigram session string", 0, false, PYROGRAM},
    {"pyrogram-old-64", "Pyrogram session string, before 2.0", 0, false,
     {{DC, 1}, {TEST_MODE, 1}, {AUTH_KEY, 256}, {USER_ID, 8}, {IS_BOT, 1}}},
    {"pyrogram-old-32", "Pyrogram session string, before 1.3", 0, false,
     {{DC, 1}, {TEST_MODE, 1}, {AUTH_KEY, 256}, {USER_ID, 4}, {IS_BOT, 1}}},
    {"mtgo", "mtgo session string", 0, true,
     {{VERSION_1, 1}, {DC, 1}, {API_ID, 4, true}, {TEST_MODE, 1}, {USER_ID, 8, true}, {IS_BOT, 1}, {AUTH_KEY, 256}}},
    {"mtgo-2", "mtgo session string, before v0.16", '2', true,
     {{DC, 1}, {ADDRESS, 4}, {PORT, 2}, {API_ID, 4}, {AUTH_KEY, 256}}},
    {"mtgo-2", "mtgo session string, before v0.16, IPv6", '2', true,
     {{DC, 1}, {ADDRESS, 16}, {PORT, 2}, {API_ID, 4}, {AUTH_KEY, 256}}},
};
/* clang-format on */
#define LAYOUT_COUNT (sizeof layouts / sizeof *layouts)

static size_t layout_size(const struct layout *layout) {
    size_t size = 0;
    for (size_t i = 0; i < MAX_PARTS; i++) size += layout->parts[i].size;
    return size;
}

/* Bytes of the address in it, or 0. */
static size_t address_size(const struct layout *layout) {
    for (size_t i = 0; i < MAX_PARTS; i++)
        if (layout->parts[i].member == ADDRESS) return layout->parts[i].size;
    return 0;
}

/* --- reading ---------------------------------------------------------------------- */

static uint64_t load_number(const struct part *part, const uint8_t *bytes) {
    uint64_t value = 0;
    for (size_t i = 0; i < part->size; i++)
        value = value << 8 | bytes[part->little_endian ? part->size - 1 - i : i];
    return value;
}

static tgs_status read_address(tgs_snapshot *snapshot, const uint8_t *bytes, size_t size,
                               tgs_session_data *session, tgs_error *err) {
    char text[INET6_ADDRSTRLEN];
    inet_ntop(size == 4 ? AF_INET : AF_INET6, bytes, text, sizeof text);
    if (!arena_text(&snapshot->arena, (tgs_str){text, strlen(text)}, &session->address))
        return error_nomem(err);
    session->fields |= TGS_SESSION_ADDRESS;
    return TGS_OK;
}

static bool plausible(uint32_t member, uint64_t value) {
    if (member == VERSION_1) return value == 1;
    if (member == DC) return dc_known((int64_t)value);
    if (member == TEST_MODE || member == IS_BOT) return value <= 1;
    return value <= INT64_MAX;
}

static tgs_status read_number(tgs_snapshot *snapshot, uint32_t member, uint64_t value,
                              tgs_session_data *session, tgs_error *err) {
    const tgs_field *field = session_field(member);
    if (!plausible(member, value))
        return error_set(err, TGS_E_INVALID,
                         "%s with %s %" PRIu64 ": damaged, or of another client; copy it anew",
                         snapshot->description, field ? field->name : "version", value);
    /* Converters write 0 for the ids that they do not know. */
    bool unknown = (member == API_ID || member == USER_ID) && value == 0;
    if (field && !unknown) session_set_number(session, field, (int64_t)value);
    return TGS_OK;
}

static tgs_status read_part(tgs_snapshot *snapshot, const struct part *part, const uint8_t *bytes,
                            tgs_session_data *session, tgs_error *err) {
    if (part->member == AUTH_KEY)
        return snapshot_set_auth_key(snapshot, session, (tgs_bytes){bytes, part->size}, err);
    if (part->member == ADDRESS) return read_address(snapshot, bytes, part->size, session, err);
    return read_number(snapshot, part->member, load_number(part, bytes), session, err);
}

static tgs_status read_parts(tgs_snapshot *snapshot, const struct layout *layout, const uint8_t *bytes,
                             tgs_session_data *session, tgs_error *err) {
    tgs_status status = TGS_OK;
    for (const struct part *part = layout->parts; part->member != END && status == TGS_OK; part++) {
        status = read_part(snapshot, part, bytes, session, err);
        bytes += part->size;
    }
    return status;
}

/* GramJS: dc (1 byte), length of the address (2), the address as text, port (2), key. */
static bool is_gramjs(tgs_bytes b) {
    if (b.len < 3) return false;
    size_t len = (size_t)b.ptr[1] << 8 | b.ptr[2];
    if (len < 4 || b.len != 5 + len + AUTH_KEY_BYTES) return false;
    for (size_t i = 0; i < len; i++)
        if (b.ptr[3 + i] <= ' ' || b.ptr[3 + i] > '~') return false;
    return true;
}

static tgs_status read_gramjs(tgs_snapshot *snapshot, tgs_bytes b, tgs_session_data *session,
                              tgs_error *err) {
    size_t len = (size_t)b.ptr[1] << 8 | b.ptr[2];
    tgs_str address = {(const char *)b.ptr + 3, len};
    const struct part port = {PORT, 2, false};
    tgs_status status = read_number(snapshot, DC, b.ptr[0], session, err);
    if (status != TGS_OK) return status;
    if (!arena_text(&snapshot->arena, address, &session->address)) return error_nomem(err);
    session->fields |= TGS_SESSION_ADDRESS;
    status = read_number(snapshot, PORT, load_number(&port, b.ptr + 3 + len), session, err);
    if (status != TGS_OK) return status;
    return snapshot_set_auth_key(snapshot, session, (tgs_bytes){b.ptr + 5 + len, AUTH_KEY_BYTES}, err);
}

static tgs_status read_decoded(const struct layout *layout, tgs_bytes decoded, tgs_snapshot **out,
                               tgs_error *err) {
    tgs_snapshot *snapshot;
    tgs_session_data session = {0};
    tgs_status status = snapshot_new(layout ? layout->format : "gramjs", &snapshot, err);
    if (status != TGS_OK) return status;
    snprintf(snapshot->description, sizeof snapshot->description, "%s",
             layout ? layout->title : "GramJS session string");
    status = layout ? read_parts(snapshot, layout, decoded.ptr, &session, err)
                    : read_gramjs(snapshot, decoded, &session, err);
    session_deduce_test_mode(&session);
    if (status == TGS_OK) status = snapshot_mend_address(snapshot, &session, err);
    if (status == TGS_OK) status = snapshot_finish(snapshot, &session, err);
    if (status == TGS_OK)
        *out = snapshot;
    else
        tgs_snapshot_free(snapshot);
    return status;
}

static const struct layout *find_layout(char prefix, size_t size) {
    for (size_t i = 0; i < LAYOUT_COUNT; i++)
        if (layouts[i].prefix == prefix && layout_size(&layouts[i]) == size) return &layouts[i];
    return NULL;
}

static tgs_status wrong_size(tgs_str text, size_t size, tgs_error *err) {
    const char *like = text.ptr[0] == '1' ? "Telethon's 353 or 369" : "Pyrogram's 362, 356 or 351";
    return error_set(
        err, TGS_E_INVALID,
        "not a session string: %zu characters (%zu bytes decoded), not %s; cut off, or of another client",
        text.len, size, like);
}

/* A string is told by its first character and the size of what it decodes to.  The
 * first character of Telethon's and GramJS's is a version, all others begin with data. */
static tgs_status read_base64(tgs_str text, uint8_t *buffer, tgs_snapshot **out, tgs_error *err) {
    size_t size = 0;
    tgs_str body = {text.ptr + 1, text.len - 1};
    if (text.ptr[0] == '1' || text.ptr[0] == '2') {
        bool valid = base64_decode(body, buffer, &size);
        const struct layout *layout = valid ? find_layout(text.ptr[0], size) : NULL;
        const char *foreign = foreign_text(text, (tgs_bytes){NULL, 0});
        if (foreign) return error_set(err, TGS_E_UNSUPPORTED, "%s: this version can't read it", foreign);
        if (valid && text.ptr[0] == '1' && is_gramjs((tgs_bytes){buffer, size}))
            layout = NULL;
        else if (!layout)
            return wrong_size(text, size, err);
        return read_decoded(layout, (tgs_bytes){buffer, size}, out, err);
    }
    if (!base64_decode(text, buffer, &size)) return wrong_size(text, 0, err);
    const struct layout *layout = find_layout(0, size);
    tgs_status status = layout ? read_decoded(layout, (tgs_bytes){buffer, size}, out, err) : TGS_E_INVALID;
    if (status != TGS_E_INVALID) return status;
    const char *foreign = foreign_text(text, (tgs_bytes){buffer, size});
    if (foreign) return error_set(err, TGS_E_UNSUPPORTED, "%s: this version can't read it", foreign);
    return layout ? status : wrong_size(text, size, err);
}

static tgs_status check_characters(tgs_str text, tgs_error *err) {
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        bool base64 = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                      (c && strchr("+/-_=", c));
        if (!base64)
            return error_set(err, TGS_E_INVALID,
                             "not a session string: character %zu is none that one can have; copy it anew",
                             i + 1);
    }
    return TGS_OK;
}

tgs_status text_formats_read(tgs_str text, tgs_snapshot **out, tgs_error *err) {
    if (text.len > MAX_TEXT)
        return error_set(err, TGS_E_INVALID, "not a session string: %zu characters are too many for one",
                         text.len);
    const char *foreign = foreign_text(text, (tgs_bytes){NULL, 0});
    if (foreign) return error_set(err, TGS_E_UNSUPPORTED, "%s: this version can't read it", foreign);
    tgs_status status = check_characters(text, err);
    if (status != TGS_OK) return status;
    size_t room = base64_decoded_max(text.len);
    uint8_t *buffer = mem_alloc(room);
    if (!buffer) return error_nomem(err);
    status = read_base64(text, buffer, out, err);
    wipe(buffer, room);
    mem_free(buffer);
    return status;
}

/* --- writing ---------------------------------------------------------------------- */

static tgs_status find_number(const struct layout *layout, const struct part *part,
                              const tgs_session_data *session, uint64_t *value, tgs_error *err) {
    const tgs_field *field = session_field(part->member);
    *value = 1; /* VERSION_1 */
    if (!field) return TGS_OK;
    if (!(session->fields & field->bit))
        return error_set(err, TGS_E_INVALID, "%s needs %s, which is not known: give it as an option",
                         layout->format, field->name);
    int64_t number = session_number(session, field);
    *value = (uint64_t)number;
    /* What would be taken for damage when it is read is not written. */
    if (number < 0 || (part->size < 8 && *value >> (8 * part->size)) || !plausible(part->member, *value))
        return error_set(err, TGS_E_INVALID, "%s can't hold %s %" PRId64, layout->format, field->name,
                         number);
    return TGS_OK;
}

static void store_number(const struct part *part, uint64_t value, uint8_t *bytes) {
    for (size_t i = 0; i < part->size; i++) {
        bytes[part->little_endian ? i : part->size - 1 - i] = (uint8_t)value;
        value >>= 8;
    }
}

static tgs_status write_parts(const struct layout *layout, const tgs_session_data *session,
                              const uint8_t address[16], uint8_t *bytes, tgs_error *err) {
    tgs_status status = TGS_OK;
    for (const struct part *part = layout->parts; part->member != END && status == TGS_OK; part++) {
        uint64_t value = 0;
        if (part->member == AUTH_KEY) {
            memcpy(bytes, session->auth_key.ptr, AUTH_KEY_BYTES);
        } else if (part->member == ADDRESS) {
            memcpy(bytes, address, part->size);
        } else {
            status = find_number(layout, part, session, &value, err);
            if (status == TGS_OK) store_number(part, value, bytes);
        }
        bytes += part->size;
    }
    return status;
}

static const struct layout *layout_to_write(tgs_str format, size_t address) {
    for (size_t i = 0; i < LAYOUT_COUNT; i++)
        if (text_equal(format, layouts[i].format) &&
            (!address_size(&layouts[i]) || address_size(&layouts[i]) == address))
            return &layouts[i];
    return NULL;
}

static tgs_status encode(const struct layout *layout, const tgs_session_data *session,
                         const uint8_t address[16], tgs_text **out, tgs_error *err) {
    uint8_t bytes[300]; /* the longest layout has 279 */
    char text[1 + sizeof bytes / 3 * 4 + 1];
    size_t prefix = layout->prefix ? 1 : 0;
    text[0] = layout->prefix;
    tgs_status status = write_parts(layout, session, address, bytes, err);
    if (status == TGS_OK) {
        size_t len = base64_encode((tgs_bytes){bytes, layout_size(layout)}, layout->padded, text + prefix);
        *out = made_text_new((tgs_str){text, prefix + len});
        if (!*out) status = error_nomem(err);
    }
    wipe(bytes, sizeof bytes);
    wipe(text, sizeof text);
    return status;
}

static tgs_status not_written(tgs_str format, tgs_error *err) {
    bool named = format.ptr && format.len && format.len < 64 && text_valid(format);
    return error_set(
        err, TGS_E_UNSUPPORTED,
        "\"%.*s\" is no format that can be written; there are telethon, pyrogram, pyrogram-old-64, "
        "pyrogram-old-32, kurigram, mtgo, mtgo-2",
        named ? (int)format.len : 0, named ? format.ptr : "");
}

TGS_API tgs_status tgs_snapshot_to_text(const tgs_snapshot *snapshot, tgs_str format,
                                        const tgs_option *options, size_t n_options, tgs_text **out,
                                        tgs_error *err) {
    error_clear(err);
    if (!out) return error_set(err, TGS_E_INVALID, "out is NULL");
    *out = NULL;
    if (!snapshot || !format.ptr || (n_options && !options))
        return error_set(err, TGS_E_INVALID, "%s is NULL",
                         !snapshot     ? "snapshot"
                         : !format.ptr ? "format"
                                       : "options");
    const struct layout *layout = layout_to_write(format, 4);
    if (!layout) return not_written(format, err);
    tgs_session_data session;
    uint8_t address[16] = {0};
    tgs_status status = session_with_options(snapshot, options, n_options, &session, err);
    if (status != TGS_OK) return status;
    if (!(session.fields & TGS_SESSION_AUTH_KEY) || session.auth_key.len != AUTH_KEY_BYTES)
        return error_set_native(err, TGS_NOT_FOUND, NULL, NULL);
    if (address_size(layout)) {
        size_t size;
        status = session_numeric_address(&session, address, &size, err);
        if (status != TGS_OK) return status;
        layout = layout_to_write(format, size);
    }
    return encode(layout, &session, address, out, err);
}
