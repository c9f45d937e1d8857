/* SPDX-License-Identifier: Apache-2.0 */
/* Usernames and phones.  Who owns a name is told by one row of TABLE_USERNAME or TABLE_PHONE; the
 * lists that peers show never hold a name of another's. */
#include "memory.h"

struct names {
    const tgs_str *texts;
    size_t n;
};

static struct names names_of(const tgs_peer *peer, int table) {
    if (table == TABLE_USERNAME) return (struct names){peer->usernames, peer->n_usernames};
    return (struct names){&peer->phone, peer->phone.ptr ? 1 : 0};
}

static uint64_t bit_of(int table) { return table == TABLE_USERNAME ? TGS_PEER_USERNAMES : TGS_PEER_PHONE; }

static char fold(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

static bool folds_to(tgs_str shown, tgs_str folded) {
    if (shown.len != folded.len) return false;
    for (size_t i = 0; i < shown.len; i++)
        if (fold(shown.ptr[i]) != folded.ptr[i]) return false;
    return true;
}

static struct row *find_shown(const struct table *table, tgs_str shown) {
    char folded[TGS_MAX_KEY_BYTES];
    if (shown.len > sizeof folded) return NULL;
    for (size_t i = 0; i < shown.len; i++) folded[i] = fold(shown.ptr[i]);
    return memory_find(table, &(struct name){.name = {folded, shown.len}});
}

/* Forget the names of a peer, but those in `kept`. */
static tgs_status forget(struct step *step, int table, const tgs_peer *peer, struct names kept) {
    struct table *owners = &step->session->tables[table];
    struct names names = names_of(peer, table);
    tgs_status status = TGS_OK;
    for (size_t i = 0; status == TGS_OK && i < names.n; i++) {
        size_t k = 0;
        while (k < kept.n && !folds_to(names.texts[i], kept.texts[k])) k++;
        struct row *row = k < kept.n ? NULL : find_shown(owners, names.texts[i]);
        if (row) status = memory_change(step, owners, row, NULL);
    }
    return status;
}

tgs_status memory_forget_names(struct step *step, int table, const tgs_peer *peer) {
    return forget(step, table, peer, (struct names){0});
}

static tgs_status strike_phone(struct step *step, struct row *row) {
    tgs_peer peer = *(const tgs_peer *)row_data(row);
    peer.phone = (tgs_str){0};
    peer.fields &= ~(uint64_t)TGS_PEER_PHONE;
    return memory_store(step, &step->session->tables[TGS_RECORD_PEER], row, &peer);
}

static tgs_status strike_username(struct step *step, struct row *row, tgs_str folded) {
    tgs_peer peer = *(const tgs_peer *)row_data(row);
    tgs_str *left = memory_host->alloc((peer.n_usernames + 1) * sizeof *left);
    if (!left) return memory_exhausted(step);
    size_t n = 0;
    for (size_t i = 0; i < peer.n_usernames; i++)
        if (!folds_to(peer.usernames[i], folded)) left[n++] = peer.usernames[i];
    peer.usernames = n ? left : NULL;
    peer.n_usernames = n;
    if (!n) peer.fields &= ~(uint64_t)TGS_PEER_USERNAMES;
    tgs_status status = memory_store(step, &step->session->tables[TGS_RECORD_PEER], row, &peer);
    memory_host->release(left);
    return status;
}

/* Strike a name from the list of its owner. */
static tgs_status take_from(struct step *step, int table, const struct name *name, tgs_str folded) {
    struct row *row =
        memory_find_any(step->session, TGS_RECORD_PEER, &(tgs_peer){.kind = name->kind, .id = name->id});
    if (!row) return TGS_OK;
    return table == TABLE_PHONE ? strike_phone(step, row) : strike_username(step, row, folded);
}

static tgs_status take_name(struct step *step, int table, const tgs_peer *peer, tgs_str folded,
                            int64_t seen_at) {
    struct table *owners = &step->session->tables[table];
    struct name name = {folded, peer->id, seen_at, peer->kind};
    struct row *row = memory_find(owners, &name);
    const struct name *owner = row ? row_data(row) : &name;
    tgs_status status = TGS_OK;
    if (owner->id != peer->id || owner->kind != peer->kind) status = take_from(step, table, owner, folded);
    return status == TGS_OK ? memory_store(step, owners, row, &name) : status;
}

tgs_status memory_own_names(struct step *step, const tgs_op *op, int table, const tgs_peer *old) {
    const tgs_peer *peer = op->row;
    if (!((op->set | op->clear) & bit_of(table))) return TGS_OK;
    struct names given = {0};
    if (op->set & bit_of(table)) given = names_of(peer, table);
    if (given.n && table == TABLE_USERNAME) given.texts = op->folded;
    tgs_status status = old ? forget(step, table, old, given) : TGS_OK;
    int64_t seen_at = op->set & TGS_PEER_SEEN_AT ? peer->seen_at : step->now;
    for (size_t i = 0; status == TGS_OK && i < given.n; i++)
        status = take_name(step, table, peer, given.texts[i], seen_at);
    return status;
}
