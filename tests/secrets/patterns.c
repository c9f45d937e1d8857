/* SPDX-License-Identifier: Apache-2.0 */
#include "patterns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS ((size_t)1 << 20)
#define FILTER_BITS ((size_t)1 << 22)
#define LONGEST ((size_t)1024)
#define MANY 4 /* different bytes of a window, so that zeros and the like are no secret */

/* Eight bytes of a secret.  Of texts two in a row must be found. */
struct slot {
    uint64_t window; /* 0: empty */
    const char *name;
    enum form form;
};

struct patterns {
    struct slot *slots;
    uint8_t *filter; /* a bit for each hash that any window has */
    size_t count;
};

struct patterns *patterns_new(void) {
    struct patterns *patterns = malloc(sizeof *patterns);
    if (!patterns) abort();
    *patterns = (struct patterns){calloc(SLOTS, sizeof(struct slot)), calloc(FILTER_BITS / 8, 1), 0};
    if (!patterns->slots || !patterns->filter) abort();
    return patterns;
}

void patterns_free(struct patterns *patterns) {
    if (!patterns) return;
    free(patterns->slots);
    free(patterns->filter);
    free(patterns);
}

static uint64_t load(const uint8_t *bytes) {
    uint64_t window;
    memcpy(&window, bytes, sizeof window);
    return window;
}

static uint64_t hash(uint64_t window) {
    window *= 0x9e3779b97f4a7c15u;
    return window ^ window >> 29;
}

static const struct slot *look_up(const struct patterns *patterns, uint64_t window) {
    uint64_t h = hash(window);
    size_t bit = h % FILTER_BITS;
    if (!(patterns->filter[bit / 8] >> bit % 8 & 1)) return NULL;
    size_t i = (h >> 24) % SLOTS;
    while (patterns->slots[i].window && patterns->slots[i].window != window) i = (i + 1) % SLOTS;
    return patterns->slots[i].window ? &patterns->slots[i] : NULL;
}

static bool tells(const uint8_t *bytes) {
    size_t different = 0;
    for (size_t i = 0; i < WINDOW; i++) different += !memchr(bytes, bytes[i], i);
    return different >= MANY;
}

static void add_window(struct patterns *patterns, const char *name, enum form form, const uint8_t *bytes) {
    uint64_t window = load(bytes), h = hash(window);
    if (!tells(bytes) || look_up(patterns, window)) return;
    size_t bit = h % FILTER_BITS, i = (h >> 24) % SLOTS;
    while (patterns->slots[i].window) i = (i + 1) % SLOTS;
    patterns->slots[i] = (struct slot){window, name, form};
    patterns->filter[bit / 8] |= (uint8_t)(1 << bit % 8);
    if (++patterns->count > SLOTS * 3 / 4) abort();
}

static void add_windows(struct patterns *patterns, const char *name, enum form form, const void *bytes,
                        size_t size) {
    for (size_t i = 0; i + WINDOW <= size; i++) add_window(patterns, name, form, (const uint8_t *)bytes + i);
}

static void add_hex(struct patterns *patterns, const char *name, const uint8_t *bytes, size_t size) {
    char text[2 * LONGEST + 1];
    for (int upper = 0; upper < 2; upper++) {
        for (size_t i = 0; i < size; i++) snprintf(text + 2 * i, 3, upper ? "%02X" : "%02x", bytes[i]);
        add_windows(patterns, name, FORM_HEX, text, 2 * size);
    }
}

/* In the middle of something longer a secret begins at any of the three places of a group. */
static void add_base64(struct patterns *patterns, const char *name, const uint8_t *bytes, size_t size) {
    static const char *const last[] = {"+/", "-_"};
    char text[LONGEST * 4 / 3 + 4];
    for (size_t k = 0; k < 6; k++) {
        size_t n = 0;
        for (size_t i = k / 2; i + 3 <= size; i += 3)
            for (int shift = 18; shift >= 0; shift -= 6) {
                uint32_t group =
                    ((uint32_t)bytes[i] << 16 | (uint32_t)bytes[i + 1] << 8 | bytes[i + 2]) >> shift & 63;
                text[n++] = (char)(group < 26   ? 'A' + group
                                   : group < 52 ? 'a' + group - 26
                                   : group < 62 ? '0' + group - 52
                                                : (uint32_t)last[k % 2][group - 62]);
            }
        add_windows(patterns, name, FORM_BASE64, text, n);
    }
}

void patterns_add_bytes(struct patterns *patterns, const char *name, const uint8_t *bytes, size_t size) {
    if (size > LONGEST) abort();
    add_windows(patterns, name, FORM_RAW, bytes, size);
    add_hex(patterns, name, bytes, size);
    add_base64(patterns, name, bytes, size);
}

void patterns_add_text(struct patterns *patterns, const char *name, const char *text, size_t size) {
    add_windows(patterns, name, FORM_TEXT, text, size);
}

struct found patterns_find(const struct patterns *patterns, const uint8_t *memory, size_t size, size_t from) {
    for (size_t i = from; i + WINDOW <= size; i++) {
        const struct slot *slot = look_up(patterns, load(memory + i));
        if (!slot) continue;
        if (slot->form == FORM_RAW) return (struct found){slot->name, slot->form, i};
        if (i + TEXT_WINDOW <= size && look_up(patterns, load(memory + i + WINDOW)))
            return (struct found){slot->name, slot->form, i};
    }
    return (struct found){NULL, FORM_RAW, size};
}
