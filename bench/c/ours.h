/* SPDX-License-Identifier: Apache-2.0 */
/* tgstore, as a program uses it. */
#ifndef BENCH_OURS_H
#define BENCH_OURS_H

#include <tgstore.h>

struct ours {
    tgs_store *store;
    tgs_session *session;
};

/* End the program unless a call went well. */
void ours_check(tgs_status status, const tgs_error *err);

/* durability: "normal" or "full"; NULL for `memory:`, which has none. */
struct ours *ours_open(const char *url, const char *durability);
void ours_close(struct ours *ours);
void ours_put(struct ours *ours, const tgs_peer *peers, size_t count);
void ours_load(struct ours *ours, const tgs_peer *peers, size_t count);
tgs_rows *ours_get(struct ours *ours, int32_t kind, int64_t id);
tgs_rows *ours_get_by_username(struct ours *ours, tgs_str username);
tgs_rows *ours_get_by_phone(struct ours *ours, tgs_str phone);
tgs_rows *ours_list(struct ours *ours, const tgs_peer *after, size_t limit);

#endif
