/* SPDX-License-Identifier: Apache-2.0 */
/* Usernames and phones.  The table of peers finds each by its names; no two peers show the same one. */
#include "memory.h"

static tgs_status strike_phone(struct step *step, struct row *row) {
    struct peer left = *(const struct peer *)row_data(row);
    left.peer.phone = (tgs_str){0};
    left.peer.fields &= ~(uint64_t)TGS_PEER_PHONE;
    return memory_replace(step, &step->session->tables[TGS_RECORD_PEER], row, &left);
}

static tgs_status strike_username(struct step *step, struct row *row, tgs_str folded) {
    struct peer left = *(const struct peer *)row_data(row);
    tgs_peer *peer = &left.peer;
    tgs_str *usernames = memory_host->alloc(peer->n_usernames * sizeof *usernames);
    if (!usernames) return memory_exhausted(step);
    size_t n = 0;
    for (size_t i = 0; i < peer->n_usernames; i++)
        if (!folds_to(peer->usernames[i], folded)) usernames[n++] = peer->usernames[i];
    peer->usernames = n ? usernames : NULL;
    peer->n_usernames = n;
    if (!n) peer->fields &= ~(uint64_t)TGS_PEER_USERNAMES;
    tgs_status status = memory_replace(step, &step->session->tables[TGS_RECORD_PEER], row, &left);
    memory_host->release(usernames);
    return status;
}

/* Strike a name from the list of its owner, unless that is the row `but`. */
static tgs_status strike(struct step *step, size_t which, tgs_str folded, const struct row *but) {
    struct row *owner = table_find_named(&step->session->tables[TGS_RECORD_PEER], which, folded);
    if (!owner || owner == but) return TGS_OK;
    return which == NAME_PHONE ? strike_phone(step, owner) : strike_username(step, owner, folded);
}

tgs_status memory_take_names(struct step *step, const tgs_op *op, const struct row *old, struct peer *peer) {
    const tgs_peer *given = op->row;
    int64_t seen_at = op->set & TGS_PEER_SEEN_AT ? given->seen_at : step->now;
    tgs_status status = TGS_OK;
    if (op->set & TGS_PEER_USERNAMES) {
        peer->names_seen_at[NAME_USERNAME] = seen_at;
        for (size_t i = 0; status == TGS_OK && i < given->n_usernames; i++)
            status = strike(step, NAME_USERNAME, op->folded[i], old);
    }
    if (status == TGS_OK && (op->set & TGS_PEER_PHONE)) {
        peer->names_seen_at[NAME_PHONE] = seen_at;
        status = strike(step, NAME_PHONE, given->phone, old);
    }
    return status;
}
