/* SPDX-License-Identifier: Apache-2.0 */
#include "marks.h"

#include "tgstore.h"

#define CHANNEL_MARK INT64_C(1000000000000)
#define MAX_CHANNEL (3 * CHANNEL_MARK) /* ids end there, so that marks and text marks can be told apart */

/* The number after a leading "100", or -1. */
static int64_t after_100(int64_t n) {
    int64_t power = 1;
    while (n / power > 999) power *= 10;
    return n / power == 100 ? n % power : -1;
}

int64_t unmark_channel(int64_t marked) {
    if (marked >= 0) return marked;
    if (marked == INT64_MIN)
        return INT64_MAX - CHANNEL_MARK; /* no sane file has it; -marked would overflow */
    int64_t n = -marked;
    if (n <= CHANNEL_MARK || n > CHANNEL_MARK + MAX_CHANNEL) {
        int64_t id = after_100(n);
        if (id >= 0) return id;
    }
    return n > CHANNEL_MARK ? n - CHANNEL_MARK : n;
}

int32_t unmark_peer(int64_t marked, bool has_access_hash, int64_t *id) {
    *id = marked;
    if (marked >= 0) return TGS_PEER_USER;
    if (!has_access_hash && marked >= -CHANNEL_MARK) {
        *id = -marked;
        return TGS_PEER_CHAT;
    }
    *id = unmark_channel(marked);
    return TGS_PEER_CHANNEL;
}

bool mark_peer(int32_t kind, int64_t id, int64_t *marked) {
    if (id < 0 || (kind == TGS_PEER_CHAT && (id == 0 || id > CHANNEL_MARK)) ||
        (kind == TGS_PEER_CHANNEL && id > MAX_CHANNEL))
        return false;
    *marked = kind == TGS_PEER_USER ? id : kind == TGS_PEER_CHAT ? -id : -CHANNEL_MARK - id;
    return true;
}
