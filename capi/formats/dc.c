/* SPDX-License-Identifier: Apache-2.0 */
#include "dc.h"

#include <arpa/inet.h>
#include <string.h>

/* Telegram Desktop's table; 203 from Kurigram's. */
static const struct {
    int32_t dc;
    bool test_mode;
    const char *ipv4, *ipv6;
} table[] = {
    {1, false, "149.154.175.50", "2001:b28:f23d:f001::a"},
    {2, false, "149.154.167.51", "2001:67c:4e8:f002::a"},
    {3, false, "149.154.175.100", "2001:b28:f23d:f003::a"},
    {4, false, "149.154.167.91", "2001:67c:4e8:f004::a"},
    {5, false, "149.154.171.5", "2001:b28:f23f:f005::a"},
    {203, false, "91.105.192.100", "2a0a:f280:203:a:5000::100"},
    {1, true, "149.154.175.10", "2001:b28:f23d:f001::e"},
    {2, true, "149.154.167.40", "2001:67c:4e8:f002::e"},
    {3, true, "149.154.175.117", "2001:b28:f23d:f003::e"},
};
#define TABLE_SIZE (sizeof table / sizeof *table)

bool dc_known(int64_t dc) {
    for (size_t i = 0; i < TABLE_SIZE; i++)
        if (table[i].dc == dc) return true;
    return false;
}

const char *dc_address(int32_t dc, bool test_mode, bool ipv6) {
    for (size_t i = 0; i < TABLE_SIZE; i++)
        if (table[i].dc == dc && table[i].test_mode == test_mode) return ipv6 ? table[i].ipv6 : table[i].ipv4;
    return NULL;
}

int dc_parse_address(tgs_str address, uint8_t out[16]) {
    char text[INET6_ADDRSTRLEN];
    if (!address.ptr || address.len >= sizeof text) return 0;
    memcpy(text, address.ptr, address.len);
    text[address.len] = '\0';
    if (inet_pton(AF_INET, text, out) == 1) return 4;
    return inet_pton(AF_INET6, text, out) == 1 ? 6 : 0;
}

int dc_is_test_address(tgs_str address) {
    uint8_t bytes[16], known[16];
    int family = dc_parse_address(address, bytes);
    if (!family) return -1;
    for (size_t i = 0; i < TABLE_SIZE; i++) {
        const char *text = family == 4 ? table[i].ipv4 : table[i].ipv6;
        dc_parse_address((tgs_str){text, strlen(text)}, known);
        if (table[i].test_mode && memcmp(bytes, known, family == 4 ? 4 : 16) == 0) return 1;
    }
    return 0;
}

static bool host_name(tgs_str name) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";
    bool letter = false;
    for (size_t i = 0; i < name.len; i++) {
        if (!name.ptr[i] || !strchr(letters, name.ptr[i])) return false;
        letter = letter || name.ptr[i] > '9';
    }
    return letter && name.len <= 253;
}

bool dc_address_sane(tgs_str address) {
    uint8_t bytes[16];
    switch (dc_parse_address(address, bytes)) {
    case 4:
        return bytes[0] != 0 && bytes[0] < 224;
    case 6: /* global unicast or unique local */
        return (bytes[0] & 0xe0) == 0x20 || (bytes[0] & 0xfe) == 0xfc;
    default:
        return host_name(address);
    }
}
