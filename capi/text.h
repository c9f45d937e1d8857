/* SPDX-License-Identifier: Apache-2.0 */
/* Text: UTF-8, usernames, phones. */
#ifndef CAPI_TEXT_H
#define CAPI_TEXT_H

#include <stdbool.h>

#include "tgstore.h"

/* Is it UTF-8 (RFC 3629) without NUL? */
bool text_valid(tgs_str text);

/* Length of the longest valid beginning, for importers that replace what is not. */
size_t text_valid_prefix(tgs_str text);

bool text_equal(tgs_str text, const char *literal);

/* A username as it is shown: without a leading "@" (borrowed from the input). */
tgs_str username_shown(tgs_str username);
/* The same as it compares: ASCII case folded, into `out` of username.len bytes. */
void username_fold(tgs_str shown, char *out);
/* No control characters, not empty. */
bool username_valid(tgs_str shown);

/* The digits of a phone number into `out` of phone.len bytes; their number in *len.
 * False if anything but digits and "+ -().", or no digit, is in it. */
bool phone_digits(tgs_str phone, char *out, size_t *len);

#endif
