/* SPDX-License-Identifier: Apache-2.0 */
#include "jsonfile.h"

#include <inttypes.h>
#include <stdio.h>

void report(struct run *run, const tgs_op *op, bool applied, uint32_t notes, int64_t version) {
    host->result(run->sink, op->index, applied, notes, version);
}

tgs_status refuse(struct run *run, const tgs_op *op, const char *message) {
    run->err->index = (int64_t)op->index;
    return host->fail(run->err, TGS_E_CONFLICT, NULL, message);
}

static json_object *table_of(struct run *run, int32_t record) {
    return make_object(run, run->session, record_names[record]);
}

/* The row with this key, expired or not. */
static json_object *find(struct run *run, int32_t record, const void *key) {
    return get_object(table_of(run, record), key_text(run, record, key));
}

static json_object *find_live(struct run *run, int32_t record, const void *key) {
    json_object *row = find(run, record, key);
    return row && !is_expired(run, row) ? row : NULL;
}

/* --- usernames and phones ------------------------------------------------------------------------
 *
 * The tables "username" and "phone" tell who has a name; the lists of peers never hold a name
 * of another's. */

static bool same_owner(const json_object *a, const json_object *b) {
    return get_number(a, "kind") == get_number(b, "kind") && get_number(a, "id") == get_number(b, "id");
}

/* A name as it compares; terminated. */
static const char *fold(struct run *run, tgs_str name) {
    char *text = (char *)run_text(run, name);
    for (char *c = text; *c; c++)
        if (*c >= 'A' && *c <= 'Z') *c = (char)(*c - 'A' + 'a');
    return text;
}

static void drop_name(struct run *run, const char *table, const json_object *peer, tgs_str name) {
    json_object *names = make_object(run, run->session, table);
    const char *folded = fold(run, name);
    const json_object *owner = get_object(names, folded);
    if (owner && same_owner(owner, peer)) drop_member(run, names, folded);
}

/* Forget that the peer has its usernames, or its phone. */
static void drop_names(struct run *run, const json_object *peer, uint64_t bit) {
    json_object *list;
    if (bit == TGS_PEER_PHONE) {
        if (has_member(peer, "phone")) drop_name(run, "phone", peer, get_text(peer, "phone"));
    } else if (json_object_object_get_ex(peer, "usernames", &list)) {
        for (size_t i = 0; i < json_object_array_length(list); i++) {
            json_object *name = json_object_array_get_idx(list, i);
            drop_name(run, "username", peer,
                      (tgs_str){json_object_get_string(name), (size_t)json_object_get_string_len(name)});
        }
    }
}

/* Strike a name from the list of the peer that shows it. */
static void strike(struct run *run, json_object *peer, const char *table, const char *folded) {
    json_object *list;
    if (strcmp(table, "phone") == 0) {
        drop_member(run, peer, "phone");
    } else if (json_object_object_get_ex(peer, "usernames", &list)) {
        for (size_t i = json_object_array_length(list); i-- > 0;) {
            json_object *name = json_object_array_get_idx(list, i);
            tgs_str shown = {json_object_get_string(name), (size_t)json_object_get_string_len(name)};
            if (strcmp(fold(run, shown), folded) == 0) json_object_array_del_idx(list, i, 1);
        }
        if (!json_object_array_length(list)) drop_member(run, peer, "usernames");
    }
}

static void take_name(struct run *run, const char *table, const tgs_peer *peer, tgs_str folded,
                      int64_t seen_at) {
    json_object *names = make_object(run, run->session, table);
    const char *name = run_text(run, folded);
    const json_object *owner = get_object(names, name);
    if (owner && (get_number(owner, "kind") != peer->kind || get_number(owner, "id") != peer->id)) {
        tgs_peer key = {.kind = (int32_t)get_number(owner, "kind"), .id = get_number(owner, "id")};
        json_object *other = find(run, TGS_RECORD_PEER, &key);
        if (other) strike(run, other, table, name);
    }
    json_object *entry = key_members(run, TGS_RECORD_PEER, peer);
    if (!entry) return;
    set_number(run, entry, "seen_at", seen_at);
    set_member(run, names, name, entry);
}

static void take_names(struct run *run, const tgs_op *op) {
    const tgs_peer *peer = op->row;
    int64_t seen_at = op->set & TGS_PEER_SEEN_AT ? peer->seen_at : run->now;
    if (op->set & TGS_PEER_PHONE) take_name(run, "phone", peer, peer->phone, seen_at);
    if (!(op->set & TGS_PEER_USERNAMES)) return;
    for (size_t i = 0; i < peer->n_usernames; i++) take_name(run, "username", peer, op->folded[i], seen_at);
}

/* --- delete ------------------------------------------------------------------------------------------- */

static void remove_row(struct run *run, int32_t record, const char *key, const json_object *row) {
    if (record == TGS_RECORD_PEER) {
        drop_names(run, row, TGS_PEER_USERNAMES);
        drop_names(run, row, TGS_PEER_PHONE);
    }
    drop_member(run, table_of(run, record), key);
}

static void drop_table(struct run *run, const char *name) { drop_member(run, run->session, name); }

static tgs_status delete_row(struct run *run, const tgs_op *op) {
    const char *key = key_text(run, op->record, op->row);
    const json_object *row = get_object(table_of(run, op->record), key);
    bool live = row && !is_expired(run, row);
    if (row) remove_row(run, op->record, key, row);
    if (op->record == TGS_RECORD_SESSION) drop_table(run, "dc_auth");
    report(run, op, live, 0, 0);
    return TGS_OK;
}

/* --- put -------------------------------------------------------------------------------------------- */

static bool is_insert_only(int32_t record) {
    return record == TGS_RECORD_DEDUP || record == TGS_RECORD_QUEUE_ITEM;
}

/* "ttl_ms" becomes "expires" (0: never), "delay_ms" becomes "due". */
static void set_deadline(struct run *run, json_object *row, const tgs_field *duration, const void *given) {
    int64_t ms = *(const int64_t *)(const void *)((const char *)given + duration->offset);
    bool ttl = strcmp(duration->name, "ttl_ms") == 0;
    set_number(run, row, ttl ? "expires" : "due", ttl && ms == 0 ? 0 : later(run->now, ms));
}

/* What becomes of one member, by the masks of the operation. */
static void merge_member(struct run *run, const tgs_op *op, const tgs_field *field, json_object *row,
                         uint32_t *notes) {
    if (op->clear & field->bit) {
        drop_member(run, row, field->name);
    } else if (field->flags & TGS_FIELD_WRITE_ONLY) {
        if (op->set & field->bit) set_deadline(run, row, field, op->row);
    } else if ((op->stamp & field->bit) || ((op->stamp_new & field->bit) && (*notes & TGS_NOTE_NEW))) {
        set_number(run, row, field->name, run->now);
    } else if ((op->set | op->raise | op->fill) & field->bit) {
        json_object *given = member_to_json(run, field, op->row);
        bool stored = has_member(row, field->name);
        bool lower =
            stored && (op->raise & field->bit) && json_object_get_int64(given) < get_number(row, field->name);
        if (lower) *notes |= TGS_NOTE_LOWER;
        if (lower || (stored && (op->fill & field->bit)))
            json_object_put(given);
        else
            set_member(run, row, field->name, given);
    }
}

static void merge(struct run *run, const tgs_op *op, json_object *row, uint32_t *notes) {
    size_t n;
    const tgs_field *fields = host->fields(op->record, &n, NULL);
    if (op->record == TGS_RECORD_PEER) {
        uint64_t touched = op->set | op->clear;
        if (touched & TGS_PEER_USERNAMES) drop_names(run, row, TGS_PEER_USERNAMES);
        if (touched & TGS_PEER_PHONE) drop_names(run, row, TGS_PEER_PHONE);
    }
    for (size_t i = 0; i < n; i++)
        if (fields[i].bit) merge_member(run, op, &fields[i], row, notes);
    if (op->record == TGS_RECORD_PEER) take_names(run, op);
}

static bool keeps_account(const json_object *stored, const tgs_op *op) {
    const tgs_session_data *given = op->row;
    return !stored || !has_member(stored, "user_id") || get_number(stored, "user_id") == given->user_id;
}

static void replace_account(struct run *run) {
    static const char *const tables[] = {"peer", "username", "phone", "update_state"};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) drop_table(run, tables[i]);
}

static tgs_status put(struct run *run, const tgs_op *op) {
    const char *key = key_text(run, op->record, op->row);
    json_object *row = get_object(table_of(run, op->record), key);
    if (row && is_expired(run, row)) {
        remove_row(run, op->record, key, row);
        row = NULL;
    }
    if (row && is_insert_only(op->record)) { /* never changed */
        report(run, op, false, 0, 0);
        return TGS_OK;
    }
    if ((op->flags & TGS_OP_REPLACE_ACCOUNT) && !keeps_account(row, op)) replace_account(run);
    uint32_t notes = row ? 0 : TGS_NOTE_NEW;
    int64_t version = 0;
    if (!row) {
        row = key_members(run, op->record, op->row);
        set_member(run, table_of(run, op->record), key, row);
    }
    if (run->no_memory) return no_memory(run);
    merge(run, op, row, &notes);
    if (op->record == TGS_RECORD_QUEUE_ITEM) enqueue(run, op, row);
    if (op->record == TGS_RECORD_CONVERSATION) set_number(run, row, "version", version = next_number(run));
    report(run, op, true, notes, version);
    return TGS_OK;
}

/* --- leases --------------------------------------------------------------------------------------------- */

static const char *token_text(struct run *run, int64_t token) {
    char text[24];
    int len = snprintf(text, sizeof text, "%" PRId64, token);
    return run_text(run, (tgs_str){text, (size_t)len});
}

static json_object *leases_of(struct run *run) { return make_object(run, run->session, "leases"); }

/* The lease that the write holds, if it is live. */
static json_object *held_lease(struct run *run) {
    json_object *lease = get_object(leases_of(run), token_text(run, run->write->token));
    return lease && get_number(lease, "expires") > run->now ? lease : NULL;
}

static tgs_holder holder_of(const struct run *run, const json_object *lease) {
    tgs_holder holder = {.size = sizeof holder, .token = run->write->token};
    if (!lease) return holder;
    holder.owner = get_text(lease, "owner");
    holder.host_name = get_text(lease, "host");
    holder.pid = get_number(lease, "pid");
    holder.since = get_number(lease, "since");
    return holder;
}

static tgs_status fenced(struct run *run) {
    tgs_holder holder = holder_of(run, newest_lease(run->session, TGS_LEASE_SHARED, run->now));
    return host->fenced(run->err, &holder);
}

static tgs_status check_fence(struct run *run) {
    int32_t tag = run->write->ops[0].tag;
    if (tag == TGS_OP_LEASE_ACQUIRE || tag == TGS_OP_LEASE_RELEASE) return TGS_OK;
    if (run->write->token) return held_lease(run) ? TGS_OK : fenced(run);
    return newest_lease(run->session, TGS_LEASE_EXCLUSIVE, run->now) ? fenced(run) : TGS_OK;
}

static void drop_lost_leases(struct run *run) {
    json_object *leases = leases_of(run);
    json_object_object_foreach(leases, token, lease) {
        if (get_number(lease, "expires") <= run->now) drop_member(run, leases, token);
    }
}

static tgs_status acquire_lease(struct run *run, const tgs_op *op) {
    int32_t in_the_way = op->action == TGS_LEASE_EXCLUSIVE ? TGS_LEASE_SHARED : TGS_LEASE_EXCLUSIVE;
    const json_object *other = newest_lease(run->session, in_the_way, run->now);
    if (other) {
        tgs_holder holder = holder_of(run, other);
        return host->held(run->err, &holder);
    }
    drop_lost_leases(run);
    int64_t token = next_number(run);
    json_object *lease = make_object(run, leases_of(run), token_text(run, token));
    if (!lease) return no_memory(run);
    set_number(run, lease, "token", token);
    set_number(run, lease, "mode", op->action);
    set_text(run, lease, "owner", op->owner);
    set_text(run, lease, "host", op->host_name);
    set_number(run, lease, "pid", op->pid);
    set_number(run, lease, "since", run->now);
    set_number(run, lease, "expires", later(run->now, op->ttl_ms));
    report(run, op, true, 0, token);
    return TGS_OK;
}

static tgs_status renew_lease(struct run *run, const tgs_op *op) {
    json_object *lease = held_lease(run);
    if (!lease) return fenced(run);
    set_number(run, lease, "expires", later(run->now, op->ttl_ms));
    report(run, op, true, 0, run->write->token);
    return TGS_OK;
}

static tgs_status release_lease(struct run *run, const tgs_op *op) {
    const char *token = token_text(run, run->write->token);
    bool there = has_member(leases_of(run), token);
    drop_member(run, leases_of(run), token);
    report(run, op, there, 0, 0);
    return TGS_OK;
}

/* --- purge and prune ---------------------------------------------------------------------------------------
 */

/* Remove rows of a table that `doomed` (NULL: all), until `removed` has come to `limit`. */
static void remove_rows(struct run *run, int32_t record,
                        bool (*doomed)(const struct run *run, const json_object *row), size_t limit,
                        size_t *removed) {
    json_object *table = table_of(run, record);
    json_object_object_foreach(table, key, row) {
        if (*removed >= limit) return;
        if (doomed && !doomed(run, row)) continue;
        remove_row(run, record, key, row);
        ++*removed;
    }
}

static tgs_status purge(struct run *run, const tgs_op *op) {
    size_t removed = 0;
    if (!has_member(run->session, "purging")) set_number(run, run->session, "purging", 1);
    remove_rows(run, TGS_RECORD_SESSION, NULL, SIZE_MAX, &removed);
    remove_rows(run, TGS_RECORD_DC_AUTH, NULL, SIZE_MAX, &removed);
    for (int32_t record = TGS_RECORD_PEER; record <= TGS_RECORD_KV; record++)
        remove_rows(run, record, NULL, op->limit, &removed);
    bool ended = removed < op->limit;
    if (ended) drop_member(run, get_object(run->db->tree, "sessions"), run_text(run, run->write->session));
    report(run, op, ended, 0, (int64_t)removed);
    return TGS_OK;
}

static bool is_old_peer(const struct run *run, const json_object *peer) {
    return get_number(peer, "seen_at") < run->now - run->write->ops[0].ttl_ms;
}

static tgs_status prune(struct run *run, const tgs_op *op) {
    size_t removed = 0;
    json_object_object_foreach(get_object(run->db->tree, "sessions"), name, session) {
        (void)name;
        run->session = session;
        for (int32_t record = TGS_RECORD_SESSION; record <= TGS_RECORD_KV; record++)
            remove_rows(run, record, is_expired, op->limit, &removed);
        if (op->ttl_ms > 0) remove_rows(run, TGS_RECORD_PEER, is_old_peer, op->limit, &removed);
    }
    report(run, op, removed < op->limit, 0, (int64_t)removed);
    return TGS_OK;
}

/* --- the write ---------------------------------------------------------------------------------------------
 */

#define CONDITIONS (TGS_OP_IF_PRESENT | TGS_OP_IF_ABSENT | TGS_OP_IF_VERSION)
#define KNOWN_FLAGS (CONDITIONS | TGS_OP_REQUIRE | TGS_OP_SAME_ACCOUNT | TGS_OP_REPLACE_ACCOUNT)

static const tgs_op *op_at(const tgs_write *write, size_t i) {
    return (const tgs_op *)(const void *)((const char *)write->ops + i * write->stride);
}

static bool is_known(const tgs_op *op) {
    if (op->tag < TGS_OP_PUT || op->tag > TGS_OP_PRUNE || (op->flags & ~KNOWN_FLAGS)) return false;
    if (op->tag == TGS_OP_SETTLE) return op->action >= TGS_SETTLE_ACK && op->action <= TGS_SETTLE_KILL;
    if (op->tag > TGS_OP_DELETE) return true;
    if (op->record < TGS_RECORD_SESSION || op->record > TGS_RECORD_KV) return false;
    size_t n;
    const tgs_field *fields = host->fields(op->record, &n, NULL);
    uint64_t unknown = op->set | op->clear | op->raise | op->fill | op->stamp | op->stamp_new;
    for (size_t i = 0; i < n; i++) unknown &= ~fields[i].bit;
    return !unknown;
}

static tgs_status enter_session(struct run *run) {
    const char *name = run_text(run, run->write->session);
    run->session = make_object(run, get_object(run->db->tree, "sessions"), name);
    if (!run->session) return no_memory(run);
    bool changed = run->changed;
    if (!has_member(run->session, "created")) set_number(run, run->session, "created", run->now);
    run->changed = changed; /* a session that nothing is put into need not be saved */
    int32_t tag = run->write->ops[0].tag;
    if (!has_member(run->session, "purging") || tag == TGS_OP_PURGE || tag == TGS_OP_LEASE_RELEASE)
        return TGS_OK;
    return host->fail(run->err, TGS_E_CONFLICT, NULL, TGS_MESSAGE_PURGING);
}

static bool holds(struct run *run, const tgs_op *op) {
    uint32_t flags = op->flags;
    if (!(flags & CONDITIONS)) return true;
    const json_object *row = find_live(run, op->record, op->row);
    if ((flags & TGS_OP_IF_PRESENT) && !row) return false;
    if ((flags & TGS_OP_IF_ABSENT) && row) return false;
    if (!(flags & TGS_OP_IF_VERSION)) return true;
    return row && get_number(row, "version") == ((const tgs_conversation *)op->row)->version;
}

/* Check all conditions before anything is applied; note in `skipped` which operations fall out. */
static tgs_status check_conditions(struct run *run, bool *skipped) {
    for (size_t i = 0; i < run->write->n_ops; i++) {
        const tgs_op *op = op_at(run->write, i);
        if (op->tag != TGS_OP_PUT && op->tag != TGS_OP_DELETE) continue;
        skipped[i] = !holds(run, op);
        if (skipped[i] && (op->flags & TGS_OP_REQUIRE)) return refuse(run, op, NULL);
        if (skipped[i] || !(op->flags & TGS_OP_SAME_ACCOUNT)) continue;
        if (!keeps_account(find(run, TGS_RECORD_SESSION, op->row), op))
            return refuse(run, op, TGS_MESSAGE_OTHER_ACCOUNT);
    }
    return TGS_OK;
}

static tgs_status apply(struct run *run, const tgs_op *op) {
    switch (op->tag) {
    case TGS_OP_PUT:
        return put(run, op);
    case TGS_OP_DELETE:
        return delete_row(run, op);
    case TGS_OP_CLAIM:
        return claim(run, op);
    case TGS_OP_SETTLE:
        return settle(run, op);
    case TGS_OP_LEASE_ACQUIRE:
        return acquire_lease(run, op);
    case TGS_OP_LEASE_RENEW:
        return renew_lease(run, op);
    case TGS_OP_LEASE_RELEASE:
        return release_lease(run, op);
    case TGS_OP_PURGE:
        return purge(run, op);
    default:
        return host->fail(run->err, TGS_E_UNSUPPORTED, NULL, NULL);
    }
}

tgs_status apply_write(struct run *run) {
    const tgs_write *write = run->write;
    for (size_t i = 0; i < write->n_ops; i++)
        if (!is_known(op_at(write, i))) return host->fail(run->err, TGS_E_UNSUPPORTED, NULL, NULL);
    if (write->ops[0].tag == TGS_OP_PRUNE) return prune(run, write->ops);
    tgs_status status = enter_session(run);
    if (status == TGS_OK) status = check_fence(run);
    bool *skipped = run_alloc(run, write->n_ops * sizeof *skipped);
    if (!skipped) return no_memory(run);
    if (status == TGS_OK) status = check_conditions(run, skipped);
    for (size_t i = 0; status == TGS_OK && i < write->n_ops; i++) {
        const tgs_op *op = op_at(write, i);
        if (skipped[i])
            report(run, op, false, 0, 0);
        else
            status = apply(run, op);
        if (run->no_memory) status = no_memory(run);
    }
    return status;
}
