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

/* What may follow in a text, as a finite automaton whose states are distances by which the entry of the next
 * byte is shifted (P. Vognsen, "Shift-based DFAs"): a character takes one step a byte and no branch, so that
 * it does not matter how scripts are mixed. */
enum {
    START = 0,
    ONE_MORE = 6,
    TWO_MORE = 12,
    THREE_MORE = 18,
    AFTER_E0 = 24,
    AFTER_ED = 30,
    AFTER_F0 = 36,
    AFTER_F4 = 42,
    WRONG = 48
};
static uint64_t steps[256]; /* of each byte, six bits for each state it may come in */

static void add_steps(int state, int from, int to, uint64_t next) {
    for (int byte = from; byte <= to; byte++)
        steps[byte] = (steps[byte] & ~(UINT64_C(63) << state)) | next << state;
}

/* RFC 3629, section 4: no overlong forms, no surrogates, nothing above U+10FFFF; and no NUL. */
__attribute__((constructor(101))) static void make_steps(void) {
    for (int state = START; state <= WRONG; state += 6) add_steps(state, 0, 255, WRONG);
    add_steps(START, 0x01, 0x7f, START);
    add_steps(START, 0xc2, 0xdf, ONE_MORE);
    add_steps(START, 0xe0, 0xe0, AFTER_E0);
    add_steps(START, 0xe1, 0xef, TWO_MORE);
    add_steps(START, 0xed, 0xed, AFTER_ED);
    add_steps(START, 0xf0, 0xf0, AFTER_F0);
    add_steps(START, 0xf1, 0xf3, THREE_MORE);
    add_steps(START, 0xf4, 0xf4, AFTER_F4);
    add_steps(ONE_MORE, 0x80, 0xbf, START);
    add_steps(TWO_MORE, 0x80, 0xbf, ONE_MORE);
    add_steps(THREE_MORE, 0x80, 0xbf, TWO_MORE);
    add_steps(AFTER_E0, 0xa0, 0xbf, ONE_MORE);
    add_steps(AFTER_ED, 0x80, 0x9f, ONE_MORE);
    add_steps(AFTER_F0, 0x90, 0xbf, TWO_MORE);
    add_steps(AFTER_F4, 0x80, 0x8f, TWO_MORE);
}

static bool characters_valid(const char *text, size_t len) {
    uint64_t state = START;
    for (size_t i = 0; i < len; i++) state = steps[(unsigned char)text[i]] >> (state & 63);
    return (state & 63) == START;
}

/* Most texts are ASCII: look at those word by word, the last one overlapping the one before. */
bool text_valid(tgs_str text) {
    if (text.len < sizeof(uint64_t)) return characters_valid(text.ptr, text.len);
    size_t last = text.len - sizeof(uint64_t);
    bool plain = plain_word(text.ptr + last);
    for (size_t i = 0; i < last; i += sizeof(uint64_t)) plain &= plain_word(text.ptr + i);
    return plain || characters_valid(text.ptr, text.len);
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
