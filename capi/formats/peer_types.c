/* SPDX-License-Identifier: Apache-2.0 */
#include "peer_types.h"

#include "text.h"

/* The first of a kind is what stands for subtypes without a word, or unknown ones. */
static const struct {
    struct peer_type type;
    int portable; /* all of Pyrogram's forks know it */
} types[] = {
    {{"user", TGS_PEER_USER, TGS_PEER_SUBTYPE_NONE}, 1},
    {{"bot", TGS_PEER_USER, TGS_PEER_SUBTYPE_BOT}, 1},
    {{"group", TGS_PEER_CHAT, TGS_PEER_SUBTYPE_GROUP}, 1},
    {{"channel", TGS_PEER_CHANNEL, TGS_PEER_SUBTYPE_BROADCAST}, 1},
    {{"supergroup", TGS_PEER_CHANNEL, TGS_PEER_SUBTYPE_SUPERGROUP}, 1},
    {{"forum", TGS_PEER_CHANNEL, TGS_PEER_SUBTYPE_FORUM}, 0},
    {{"direct", TGS_PEER_CHANNEL, TGS_PEER_SUBTYPE_DIRECT}, 0},
    {{"community", TGS_PEER_CHANNEL, TGS_PEER_SUBTYPE_COMMUNITY}, 0},
};
#define TYPE_COUNT (sizeof types / sizeof *types)

const struct peer_type *peer_type_named(tgs_str name) {
    for (size_t i = 0; i < TYPE_COUNT; i++)
        if (text_equal(name, types[i].type.name)) return &types[i].type;
    return NULL;
}

const char *peer_type_name(int32_t kind, int32_t subtype, int portable) {
    const char *name = NULL;
    int supergroup = subtype == TGS_PEER_SUBTYPE_GIGAGROUP || subtype == TGS_PEER_SUBTYPE_FORUM ||
                     subtype == TGS_PEER_SUBTYPE_DIRECT || subtype == TGS_PEER_SUBTYPE_COMMUNITY;
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        if (types[i].type.kind != kind) continue;
        if (!name || (supergroup && types[i].type.subtype == TGS_PEER_SUBTYPE_SUPERGROUP))
            name = types[i].type.name;
        if (types[i].type.subtype == subtype && (types[i].portable || !portable)) return types[i].type.name;
    }
    return name;
}
