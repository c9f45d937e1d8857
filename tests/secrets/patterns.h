/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets, and finding any part of one in memory: as it is, and as hexadecimal or base64 text. */
#ifndef TESTS_SECRETS_PATTERNS_H
#define TESTS_SECRETS_PATTERNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum form { FORM_RAW, FORM_TEXT, FORM_HEX, FORM_BASE64 };
#define WINDOW 8       /* bytes of a secret that tell it from anything else */
#define TEXT_WINDOW 16 /* the same of a text, which says less with each */

struct patterns;
struct patterns *patterns_new(void);
void patterns_free(struct patterns *patterns);
/* `name` is kept; it must live as long as the patterns. */
void patterns_add_bytes(struct patterns *patterns, const char *name, const uint8_t *bytes, size_t size);
void patterns_add_text(struct patterns *patterns, const char *name, const char *text, size_t size);

struct found {
    const char *name; /* NULL: nothing */
    enum form form;
    size_t at;
};
/* The first part of a secret at or after `from`. */
struct found patterns_find(const struct patterns *patterns, const uint8_t *memory, size_t size, size_t from);

#endif
