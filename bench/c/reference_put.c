/* SPDX-License-Identifier: Apache-2.0 */
/* Writes, one transaction each. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "measure.h"
#include "reference_db.h"

#define LOAD_ROWS TGS_MAX_ROWS
#define DEDUP_TTL_MS 604800000

static int64_t now_ms(void) {
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static void begin(struct reference *reference) {
    reference_run(reference, reference_statement(reference, BEGIN));
    sqlite3_stmt *check = reference_statement(reference, CHECK_SESSION);
    sqlite3_bind_int64(check, 1, reference->session);
    if (!reference_step(reference, check)) die("reference: the session was purged");
    sqlite3_reset(check);
}

static void commit(struct reference *reference) {
    reference_run(reference, reference_statement(reference, COMMIT));
}

/* --- names --------------------------------------------------------------------------------------- */

/* The statements on one of the two kinds of name. */
struct kind_of_name {
    enum query add, find, set, drop;
};
static const struct kind_of_name a_username = {ADD_USERNAME, FIND_USERNAME, SET_USERNAME, DROP_USERNAME};
static const struct kind_of_name a_phone = {ADD_PHONE, FIND_PHONE, SET_PHONE, DROP_PHONE};

/* Cut the first line off a list. */
static tgs_str next_line(tgs_str *list) {
    const char *stop = list->len ? memchr(list->ptr, '\n', list->len) : NULL;
    tgs_str line = {list->ptr, stop ? (size_t)(stop - list->ptr) : list->len};
    size_t gone = stop ? line.len + 1 : line.len;
    *list = (tgs_str){list->ptr + gone, list->len - gone};
    return line;
}

static bool same_name(tgs_str a, tgs_str b) {
    char folded_a[LONGEST_NAME], folded_b[LONGEST_NAME];
    return a.len == b.len && memcmp(fold_name(a, folded_a).ptr, fold_name(b, folded_b).ptr, a.len) == 0;
}

static bool has_line(tgs_str list, tgs_str name) {
    while (list.len)
        if (same_name(next_line(&list), name)) return true;
    return false;
}

static sqlite3_stmt *bind_name(struct reference *reference, enum query query, const tgs_peer *owner,
                               tgs_str name) {
    sqlite3_stmt *statement = reference_statement(reference, query);
    reference_bind_key(reference, statement, owner->kind, owner->id);
    reference_bind_text(statement, 4, name);
    return statement;
}

static void run_on_name(struct reference *reference, enum query query, const tgs_peer *owner, tgs_str name) {
    reference_run(reference, bind_name(reference, query, owner, name));
}

/* Copy the lines of a list but for one. */
static tgs_str without_line(struct buffer *buffer, tgs_str list, tgs_str name) {
    char *copy = buffer_reserve(buffer, list.len + 1), *end = copy;
    while (list.len) {
        tgs_str line = next_line(&list);
        if (same_name(line, name)) continue;
        if (end != copy) *end++ = '\n';
        memcpy(end, line.ptr, line.len);
        end += line.len;
    }
    return (tgs_str){end == copy ? NULL : copy, (size_t)(end - copy)};
}

static void take_username_from(struct reference *reference, const tgs_peer *owner, tgs_str name) {
    struct buffer rest = {0};
    sqlite3_stmt *find = bind_name(reference, FIND_USERNAMES_OF_PEER, owner, (tgs_str){NULL, 0});
    if (!reference_step(reference, find)) return;
    tgs_str left = without_line(&rest, reference_text(find, 0), name);
    sqlite3_reset(find);
    run_on_name(reference, SET_USERNAMES_OF_PEER, owner, left);
    free(rest.memory);
}

/* A name that the peer did not have goes to it, whoever had it. */
static void give_name(struct reference *reference, const struct kind_of_name *kind, const tgs_peer *peer,
                      tgs_str name) {
    run_on_name(reference, kind->add, peer, name);
    if (sqlite3_changes(reference->db)) return;
    sqlite3_stmt *find = bind_name(reference, kind->find, peer, name);
    if (!reference_step(reference, find)) die("reference: a name has no owner");
    tgs_peer owner = {.kind = sqlite3_column_int(find, 0), .id = sqlite3_column_int64(find, 1)};
    sqlite3_reset(find);
    if (owner.kind == peer->kind && owner.id == peer->id) return;
    if (kind == &a_username)
        take_username_from(reference, &owner, name);
    else
        run_on_name(reference, CLEAR_PHONE_OF_PEER, &owner, (tgs_str){NULL, 0});
    run_on_name(reference, kind->set, peer, name);
}

/* Bring the names of one kind from what the peer had to what it has now. */
static void change_names(struct reference *reference, const struct kind_of_name *kind, const tgs_peer *peer,
                         tgs_str before, tgs_str after) {
    char folded[LONGEST_NAME];
    if (before.len == after.len && (!before.len || memcmp(before.ptr, after.ptr, after.len) == 0)) return;
    for (tgs_str left = before; left.len;) {
        tgs_str name = next_line(&left);
        if (!has_line(after, name)) run_on_name(reference, kind->drop, peer, fold_name(name, folded));
    }
    for (tgs_str left = after; left.len;) {
        tgs_str name = next_line(&left);
        if (!has_line(before, name)) give_name(reference, kind, peer, fold_name(name, folded));
    }
}

/* --- peers ------------------------------------------------------------------------------------------ */

/* A peer as it is stored. */
struct peer_row {
    tgs_peer peer;
    tgs_str usernames;
    int64_t usernames_seen_at, phone_seen_at; /* 0: as the peer */
};

static tgs_str join_usernames(struct reference *reference, const tgs_peer *peer) {
    size_t size = 1;
    for (size_t i = 0; i < peer->n_usernames; i++) size += peer->usernames[i].len + 1;
    char *list = buffer_reserve(&reference->list, size), *end = list;
    for (size_t i = 0; i < peer->n_usernames; i++) {
        tgs_str name = peer->usernames[i];
        if (name.len && name.ptr[0] == '@') name = (tgs_str){name.ptr + 1, name.len - 1};
        if (i) *end++ = '\n';
        memcpy(end, name.ptr, name.len);
        end += name.len;
    }
    return (tgs_str){list, (size_t)(end - list)};
}

static void bind_number(sqlite3_stmt *statement, int parameter, uint64_t fields, uint64_t bit,
                        int64_t number) {
    if (fields & bit)
        sqlite3_bind_int64(statement, parameter, number);
    else
        sqlite3_bind_null(statement, parameter);
}

static void bind_text(sqlite3_stmt *statement, int parameter, const tgs_peer *peer, uint64_t bit,
                      tgs_str text) {
    reference_bind_text(statement, parameter, peer->fields & bit ? text : (tgs_str){NULL, 0});
}

static void bind_age(sqlite3_stmt *statement, int parameter, int64_t seen_at) {
    if (seen_at)
        sqlite3_bind_int64(statement, parameter, seen_at);
    else
        sqlite3_bind_null(statement, parameter);
}

static void store_peer(struct reference *reference, enum query query, const struct peer_row *row) {
    sqlite3_stmt *store = reference_statement(reference, query);
    const tgs_peer *peer = &row->peer;
    reference_bind_key(reference, store, peer->kind, peer->id);
    bind_number(store, 4, peer->fields, TGS_PEER_ACCESS_HASH, peer->access_hash);
    bind_number(store, 5, peer->fields, TGS_PEER_MIN_ACCESS_HASH, peer->min_access_hash);
    bind_number(store, 6, peer->fields, TGS_PEER_PHOTO_ID, peer->photo_id);
    sqlite3_bind_int64(store, 7, peer->seen_at);
    bind_number(store, 8, peer->fields, TGS_PEER_SUBTYPE, peer->subtype);
    bind_text(store, 9, peer, TGS_PEER_USERNAMES, row->usernames);
    bind_text(store, 10, peer, TGS_PEER_PHONE, peer->phone);
    bind_text(store, 11, peer, TGS_PEER_FIRST_NAME, peer->first_name);
    bind_text(store, 12, peer, TGS_PEER_LAST_NAME, peer->last_name);
    bind_text(store, 13, peer, TGS_PEER_LANGUAGE, peer->language);
    bind_age(store, 14, row->usernames_seen_at);
    bind_age(store, 15, row->phone_seen_at);
    reference_run(reference, store);
}

/* The stored row, with its texts copied, since a statement that still reads makes writing slower. */
static bool find_peer(struct reference *reference, const tgs_peer *key, struct peer_row *row) {
    sqlite3_stmt *find = reference_statement(reference, FIND_PEER);
    reference_bind_key(reference, find, key->kind, key->id);
    if (!reference_step(reference, find)) return false;
    tgs_peer *peer = &row->peer;
    reference_take_row(find, peer, &row->usernames);
    row->usernames_seen_at = sqlite3_column_int64(find, PEER_COLUMN_COUNT);
    row->phone_seen_at = sqlite3_column_int64(find, PEER_COLUMN_COUNT + 1);
    char *to =
        buffer_reserve(&reference->stored, row->usernames.len + peer->phone.len + peer->first_name.len +
                                               peer->last_name.len + peer->language.len + 5);
    to = copy_text(to, &row->usernames);
    to = copy_text(to, &peer->phone);
    to = copy_text(to, &peer->first_name);
    to = copy_text(to, &peer->last_name);
    copy_text(to, &peer->language);
    sqlite3_reset(find);
    return true;
}

/* Names that are not given stay as old as they were. */
static int64_t age_after(const struct peer_row *stored, const tgs_peer *given, uint64_t bit, int64_t age) {
    if ((given->fields & bit) || !(stored->peer.fields & bit)) return 0;
    return age ? age : stored->peer.seen_at;
}

/* What is given over what was stored. */
static void merge(struct peer_row *row, const tgs_peer *given, tgs_str usernames, int64_t now) {
    tgs_peer *peer = &row->peer;
    uint64_t clear = given->fields & given->nulls;
    if (!given->n_usernames) clear |= given->fields & TGS_PEER_USERNAMES;
    uint64_t set = given->fields & ~clear;
    if (!given->access_hash && (peer->fields & TGS_PEER_ACCESS_HASH)) set &= ~(uint64_t)TGS_PEER_ACCESS_HASH;
    row->usernames_seen_at = age_after(row, given, TGS_PEER_USERNAMES, row->usernames_seen_at);
    row->phone_seen_at = age_after(row, given, TGS_PEER_PHONE, row->phone_seen_at);
    if (set & TGS_PEER_SUBTYPE) peer->subtype = given->subtype;
    if (set & TGS_PEER_ACCESS_HASH) peer->access_hash = given->access_hash;
    if (set & TGS_PEER_MIN_ACCESS_HASH) peer->min_access_hash = given->min_access_hash;
    if (set & TGS_PEER_USERNAMES) row->usernames = usernames;
    if (set & TGS_PEER_PHONE) peer->phone = given->phone;
    if (set & TGS_PEER_FIRST_NAME) peer->first_name = given->first_name;
    if (set & TGS_PEER_LAST_NAME) peer->last_name = given->last_name;
    if (set & TGS_PEER_PHOTO_ID) peer->photo_id = given->photo_id;
    if (set & TGS_PEER_LANGUAGE) peer->language = given->language;
    peer->seen_at = set & TGS_PEER_SEEN_AT ? given->seen_at : now;
    peer->fields = ((peer->fields | set) & ~clear) | TGS_PEER_SEEN_AT;
}

static tgs_str usernames_of(const struct peer_row *row) {
    return row->peer.fields & TGS_PEER_USERNAMES ? row->usernames : (tgs_str){NULL, 0};
}

static tgs_str phone_of(const struct peer_row *row) {
    return row->peer.fields & TGS_PEER_PHONE ? row->peer.phone : (tgs_str){NULL, 0};
}

static bool same_text(tgs_str a, tgs_str b) {
    return a.len == b.len && (!a.len || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static bool same_but_for_times(const struct peer_row *before, const struct peer_row *after) {
    const tgs_peer *a = &before->peer, *b = &after->peer;
    return a->fields == b->fields && a->access_hash == b->access_hash &&
           a->min_access_hash == b->min_access_hash && a->photo_id == b->photo_id &&
           a->subtype == b->subtype && same_text(before->usernames, after->usernames) &&
           same_text(a->phone, b->phone) && same_text(a->first_name, b->first_name) &&
           same_text(a->last_name, b->last_name) && same_text(a->language, b->language);
}

static bool is_recent(int64_t time, int64_t now) { return time <= now && time > now - TGS_SEEN_AT_MS; }

/* As tgstore does: times that are less than a minute old are good enough. */
static bool is_fresh(const struct peer_row *before, const struct peer_row *after, const tgs_peer *given,
                     int64_t now) {
    int64_t seen_at = before->peer.seen_at;
    if ((given->fields & TGS_PEER_SEEN_AT) || !is_recent(seen_at, now)) return false;
    if ((given->fields & TGS_PEER_USERNAMES) && before->usernames_seen_at &&
        !is_recent(before->usernames_seen_at, now))
        return false;
    if ((given->fields & TGS_PEER_PHONE) && before->phone_seen_at && !is_recent(before->phone_seen_at, now))
        return false;
    return same_but_for_times(before, after);
}

static void change_all_names(struct reference *reference, const struct peer_row *before,
                             const struct peer_row *after) {
    change_names(reference, &a_username, &after->peer, usernames_of(before), usernames_of(after));
    change_names(reference, &a_phone, &after->peer, phone_of(before), phone_of(after));
}

static bool add_peer(struct reference *reference, const tgs_peer *given, tgs_str usernames, int64_t now) {
    static const struct peer_row nothing;
    struct peer_row row = {.peer = {.kind = given->kind, .id = given->id}};
    merge(&row, given, usernames, now);
    store_peer(reference, ADD_PEER, &row);
    if (!sqlite3_changes(reference->db)) return false;
    change_all_names(reference, &nothing, &row);
    return true;
}

static void put_peer(struct reference *reference, const tgs_peer *given, int64_t now) {
    tgs_str usernames = join_usernames(reference, given);
    if (reference->expect_new && add_peer(reference, given, usernames, now)) return;
    struct peer_row before;
    reference->expect_new = !find_peer(reference, given, &before);
    if (reference->expect_new) {
        add_peer(reference, given, usernames, now);
        return;
    }
    struct peer_row after = before;
    merge(&after, given, usernames, now);
    if (is_fresh(&before, &after, given, now)) return;
    store_peer(reference, SET_PEER, &after);
    change_all_names(reference, &before, &after);
}

void reference_put_peers(struct reference *reference, const tgs_peer *peers, size_t count) {
    begin(reference);
    int64_t now = now_ms();
    for (size_t i = 0; i < count; i++) put_peer(reference, &peers[i], now);
    commit(reference);
}

void reference_load_peers(struct reference *reference, const tgs_peer *peers, size_t count) {
    for (size_t i = 0; i < count; i += LOAD_ROWS)
        reference_put_peers(reference, peers + i, count - i < LOAD_ROWS ? count - i : LOAD_ROWS);
}

/* --- the other records -------------------------------------------------------------------------------- */

/* One statement, which is a transaction of its own outside of another, and looks at the session, too. */
void reference_put_state(struct reference *reference, const tgs_update_state *state) {
    sqlite3_stmt *put = reference_statement(reference, PUT_STATE);
    sqlite3_bind_int64(put, 1, reference->session);
    sqlite3_bind_int64(put, 2, state->channel_id);
    bind_number(put, 3, state->fields, TGS_UPDATE_STATE_PTS, state->pts);
    bind_number(put, 4, state->fields, TGS_UPDATE_STATE_QTS, state->qts);
    bind_number(put, 5, state->fields, TGS_UPDATE_STATE_DATE, state->date);
    bind_number(put, 6, state->fields, TGS_UPDATE_STATE_SEQ, state->seq);
    bind_number(put, 7, state->fields, TGS_UPDATE_STATE_ACCESS_HASH, state->access_hash);
    reference_run(reference, put);
    if (!sqlite3_changes(reference->db)) die("reference: the session was purged");
}

static void add_key(struct reference *reference, tgs_str key, int64_t now) {
    sqlite3_stmt *add = reference_statement(reference, ADD_KEY);
    sqlite3_bind_int64(add, 1, reference->session);
    reference_bind_text(add, 2, key);
    sqlite3_bind_int64(add, 3, now);
    sqlite3_bind_int64(add, 4, now + DEDUP_TTL_MS);
    reference_run(reference, add);
}

static void add_item(struct reference *reference, const tgs_queue_item *item, int64_t now) {
    sqlite3_stmt *add = reference_statement(reference, ADD_ITEM);
    sqlite3_bind_int64(add, 1, reference->session);
    reference_bind_text(add, 2, item->id);
    reference_bind_text(add, 3, item->lane);
    sqlite3_bind_int64(add, 4, now);
    sqlite3_bind_blob(add, 5, item->payload.ptr, (int)item->payload.len, SQLITE_STATIC);
    reference_run(reference, add);
}

void reference_put_update(struct reference *reference, const struct update *update) {
    begin(reference);
    int64_t now = now_ms();
    for (size_t i = 0; i < update->n_peers; i++) put_peer(reference, &update->peers[i], now);
    for (size_t i = 0; i < update->n_states; i++) reference_put_state(reference, &update->states[i]);
    for (size_t i = 0; i < update->n_keys; i++) add_key(reference, update->keys[i].key, now);
    add_item(reference, &update->item, now);
    commit(reference);
}
