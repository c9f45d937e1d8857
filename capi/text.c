/* SPDX-License-Identifier: Apache-2.0 */
#include "text.h"

#include <string.h>

/* Length of the UTF-8 character at s, or 0 if there is none (RFC 3629, section 4). */
static size_t character_length(const unsigned char *s, size_t len) {
    unsigned char c = s[0];
    if (c == 0) return 0;
    if (c < 0x80) return 1;
    size_t n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    if (c < 0xc2 || c > 0xf4 || len < n) return 0;
    /* No overlong forms, no surrogates, nothing above U+10FFFF. */
    unsigned char low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    unsigned char high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    if (s[1] < low || s[1] > high) return 0;
    for (size_t i = 2; i < n; i++)
        if ((s[i] & 0xc0) != 0x80) return 0;
    return n;
}

/* Are the eight bytes at s all ASCII and none of them NUL? */
static bool plain_word(const char *s) {
    uint64_t word;
    memcpy(&word, s, sizeof word);
    const uint64_t high = 0x8080808080808080u, ones = 0x0101010101010101u;
    return !((word | (word - ones)) & high);
}

size_t text_valid_prefix(tgs_str text) {
    size_t i = 0;
    while (i < text.len) {
        if (text.len - i >= sizeof(uint64_t) && plain_word(text.ptr + i)) {
            i += sizeof(uint64_t);
            continue;
        }
        size_t n = character_length((const unsigned char *)text.ptr + i, text.len - i);
        if (!n) break;
        i += n;
    }
    return i;
}

/* Most texts are ASCII: look at those word by word, the last one overlapping the one before. */
bool text_valid(tgs_str text) {
    size_t i = 0;
    if (text.len >= sizeof(uint64_t)) {
        size_t last = text.len - sizeof(uint64_t);
        while (i < last && plain_word(text.ptr + i)) i += sizeof(uint64_t);
        if (i >= last && plain_word(text.ptr + last)) return true;
    } else {
        while (i < text.len && (signed char)text.ptr[i] > 0) i++;
        if (i == text.len) return true;
    }
    tgs_str rest = {text.ptr + i, text.len - i};
    return text_valid_prefix(rest) == rest.len;
}

bool text_equal(tgs_str text, const char *literal) {
    size_t len = strlen(literal);
    return text.len == len && (len == 0 || memcmp(text.ptr, literal, len) == 0);
}

tgs_str username_shown(tgs_str username) {
    if (username.len && username.ptr[0] == '@') return (tgs_str){username.ptr + 1, username.len - 1};
    return username;
}

void username_fold(tgs_str shown, char *out) {
    for (size_t i = 0; i < shown.len; i++) {
        char c = shown.ptr[i];
        out[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
}

bool username_valid(tgs_str shown) {
    if (!shown.len) return false;
    for (size_t i = 0; i < shown.len; i++)
        if ((unsigned char)shown.ptr[i] < 0x20 || shown.ptr[i] == 0x7f) return false;
    return true;
}

bool phone_digits(tgs_str phone, char *out, size_t *len) {
    size_t n = 0;
    for (size_t i = 0; i < phone.len; i++) {
        char c = phone.ptr[i];
        if (c >= '0' && c <= '9')
            out[n++] = c;
        else if (!c || !strchr("+ -().", c))
            return false;
    }
    *len = n;
    return n > 0;
}
