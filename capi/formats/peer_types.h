/* SPDX-License-Identifier: Apache-2.0 */
/* The words in the column `type` of Pyrogram's peers. */
#ifndef FORMATS_PEER_TYPES_H
#define FORMATS_PEER_TYPES_H

#include "tgstore.h"

struct peer_type {
    const char *name;
    int32_t kind, subtype;
};

/* NULL if there is no such type. */
const struct peer_type *peer_type_named(tgs_str name);

/* What a peer of this kind and subtype (nullable) is called; the closest that all forks know if
 * `portable`. */
const char *peer_type_name(int32_t kind, int32_t subtype, int portable);

#endif
