/* SPDX-License-Identifier: Apache-2.0 */
#include "ours.h"

#include <stdlib.h>
#include <string.h>

#include "measure.h"

void ours_check(tgs_status status, const tgs_error *err) {
    if (status != TGS_OK) die("tgstore: %s: %s", tgs_status_name(status), err->message);
}

struct ours *ours_open(const char *url, const char *durability) {
    struct ours *ours = calloc(1, sizeof *ours);
    if (!ours) die("out of memory");
    tgs_error err;
    tgs_option option = {TGS_STR("durability"), {durability, durability ? strlen(durability) : 0}};
    ours_check(
        tgs_store_open((tgs_str){url, strlen(url)}, &option, durability != NULL, &ours->store, NULL, &err),
        &err);
    ours_check(tgs_session_new(ours->store, TGS_STR("main"), &ours->session, &err), &err);
    return ours;
}

void ours_close(struct ours *ours) {
    tgs_session_free(ours->session);
    tgs_store_close(ours->store);
    free(ours);
}

void ours_put(struct ours *ours, const tgs_peer *peers, size_t count) {
    tgs_error err;
    ours_check(tgs_put(ours->session, TGS_RECORD_PEER, peers, count, sizeof *peers, NULL, NULL, &err), &err);
}

void ours_load(struct ours *ours, const tgs_peer *peers, size_t count) {
    tgs_error err;
    const tgs_call call = {.size = sizeof call, .timeout_ms = -1}; /* it may be many */
    ours_check(tgs_load(ours->session, TGS_RECORD_PEER, peers, count, sizeof *peers, NULL, &call, &err),
               &err);
}

tgs_rows *ours_get(struct ours *ours, int32_t kind, int64_t id) {
    tgs_error err;
    tgs_rows *rows;
    tgs_peer key = {.kind = kind, .id = id};
    ours_check(tgs_get(ours->session, TGS_RECORD_PEER, &key, 1, sizeof key, &rows, NULL, &err), &err);
    return rows;
}

tgs_rows *ours_get_by_username(struct ours *ours, tgs_str username) {
    tgs_error err;
    tgs_rows *rows;
    ours_check(tgs_peers_by_username(ours->session, &username, 1, 0, &rows, NULL, &err), &err);
    return rows;
}

tgs_rows *ours_get_by_phone(struct ours *ours, tgs_str phone) {
    tgs_error err;
    tgs_rows *rows;
    ours_check(tgs_peers_by_phone(ours->session, &phone, 1, 0, &rows, NULL, &err), &err);
    return rows;
}

tgs_rows *ours_list(struct ours *ours, const tgs_peer *after, size_t limit) {
    tgs_error err;
    tgs_rows *rows;
    ours_check(tgs_list(ours->session, TGS_RECORD_PEER, after, after ? sizeof *after : 0, NULL, limit, &rows,
                        NULL, &err),
               &err);
    return rows;
}
