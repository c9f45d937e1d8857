/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 (RFC 4648): reads both alphabets, writes the URL-safe one. */
#ifndef FORMATS_BASE64_H
#define FORMATS_BASE64_H

#include <stdbool.h>

#include "tgstore.h"

/* Most bytes that `len` characters can hold. */
static inline size_t base64_decoded_max(size_t len) { return len / 4 * 3 + 3; }
/* Room for the characters of `len` bytes and a terminator. */
static inline size_t base64_encoded_max(size_t len) { return (len + 2) / 3 * 4 + 1; }

/* Decode into `out` of base64_decoded_max bytes.  Padding may be missing or too much.
 * False if there is another character, or the length is none that base64 has. */
bool base64_decode(tgs_str text, uint8_t *out, size_t *len);

/* Encode into `out` of base64_encoded_max characters, terminated.  Returns the length. */
size_t base64_encode(tgs_bytes bytes, bool padded, char *out);

#endif
