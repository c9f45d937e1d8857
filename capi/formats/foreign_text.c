/* SPDX-License-Identifier: Apache-2.0 */
/* Strings of clients whose formats are known, but not read by this version: to say so by name. */
#include <string.h>

#include "text_formats.h"

static bool begins(tgs_str text, const char *with) {
    size_t len = strlen(with);
    return text.len >= len && memcmp(text.ptr, with, len) == 0;
}

/* Version 1 to 3, small flags, and the auth key as TL bytes at the end. */
static bool is_mtcute(tgs_bytes b) {
    static const uint8_t key_head[] = {0xfe, 0, 1, 0};
    const size_t tail = AUTH_KEY_BYTES + sizeof key_head;
    return b.len > tail + 5 && b.ptr[0] >= 1 && b.ptr[0] <= 3 && b.ptr[1] < 8 && !b.ptr[2] && !b.ptr[3] &&
           !b.ptr[4] && memcmp(b.ptr + b.len - tail, key_head, sizeof key_head) == 0;
}

/* A TL string "1" to "5", or "1-test" to "3-test", its zeros written as runs. */
static bool is_mtkruto(tgs_bytes b) {
    if (b.len < 200 || (b.ptr[0] != 1 && b.ptr[0] != 6) || b.ptr[1] < '1' || b.ptr[1] > '5') return false;
    return b.ptr[0] == 1 ? b.ptr[2] == 0 : memcmp(b.ptr + 2, "-test", 5) == 0;
}

static bool is_grammers(tgs_bytes b) {
    static const uint8_t session[] = {0xce, 0xb8, 0x3e, 0xa7};
    return b.len >= sizeof session && memcmp(b.ptr, session, sizeof session) == 0;
}

static bool is_json(tgs_str text, const char *key) {
    return begins(text, "{") && text.len && memmem(text.ptr, text.len, key, strlen(key));
}

const char *foreign_text(tgs_str text, tgs_bytes decoded) {
    tgs_str json = {(const char *)decoded.ptr, decoded.len};
    if (begins(text, "1BvE") || begins(text, "1BvX")) return "gogram session string";
    if (is_json(json, "\"Version\"") || is_json(json, "\"Data\"")) return "gotgproto session string";
    if (is_json(text, "\"Version\"") && is_json(text, "\"Data\"")) return "gotd session (JSON)";
    if (is_grammers(decoded)) return "grammers session";
    if (is_mtcute(decoded)) return "mtcute session string";
    if (is_mtkruto(decoded)) return "MTKruto auth string";
    return NULL;
}
