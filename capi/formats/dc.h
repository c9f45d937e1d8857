/* SPDX-License-Identifier: Apache-2.0 */
/* Telegram's data centers: which there are, and where they are found. */
#ifndef FORMATS_DC_H
#define FORMATS_DC_H

#include <stdbool.h>

#include "tgstore.h"

#define DC_PORT 443

/* Is it one of Telegram's?  A wrong one is the surest sign of a damaged string. */
bool dc_known(int64_t dc);

/* The well-known IPv4 or IPv6 address, or NULL. */
const char *dc_address(int32_t dc, bool test_mode, bool ipv6);

/* Is this one of the test servers' addresses?  -1: it is a name, which may be either. */
int dc_is_test_address(tgs_str address);

/* Can a data center be at this address?  Not if it is 0.0.0.0, multicast, or what
 * Telethon makes of a string that was not its own. */
bool dc_address_sane(tgs_str address);

/* Is the text a numeric IPv4 (4) or IPv6 (6) address?  Its bytes go to `out`; 0: neither. */
int dc_parse_address(tgs_str address, uint8_t out[16]);

#endif
