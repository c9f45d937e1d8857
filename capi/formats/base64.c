/* SPDX-License-Identifier: Apache-2.0 */
#include "base64.h"

static int digit(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '-' || c == '+') return 62;
    if (c == '_' || c == '/') return 63;
    return -1;
}

bool base64_decode(tgs_str text, uint8_t *out, size_t *len) {
    size_t end = text.len;
    while (end && text.ptr[end - 1] == '=') end--;
    if (end % 4 == 1) return false;
    uint32_t bits = 0;
    size_t n = 0;
    for (size_t i = 0; i < end; i++) {
        int value = digit(text.ptr[i]);
        if (value < 0) return false;
        bits = bits << 6 | (uint32_t)value;
        if (i % 4) out[n++] = (uint8_t)(bits >> (6 - i % 4 * 2));
    }
    *len = n;
    return true;
}

size_t base64_encode(tgs_bytes bytes, bool padded, char *out) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t n = 0;
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i < 3 ? bytes.len - i : 3;
        uint32_t bits = (uint32_t)bytes.ptr[i] << 16;
        if (left > 1) bits |= (uint32_t)bytes.ptr[i + 1] << 8;
        if (left > 2) bits |= bytes.ptr[i + 2];
        for (size_t k = 0; k <= left; k++) out[n++] = digits[bits >> (18 - 6 * k) & 63];
        for (size_t k = left; padded && k < 3; k++) out[n++] = '=';
    }
    out[n] = '\0';
    return n;
}
