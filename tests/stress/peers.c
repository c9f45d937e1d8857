/* SPDX-License-Identifier: Apache-2.0 */
/* Peers whose names wander between them, new peers, and loads of many rows. */
#include "stress.h"

#define WANDERERS 40
#define NAMES 12
#define LOAD_ROWS 4500 /* more than one step's */

static const char *const names[NAMES] = {"ann", "bob", "cid", "dan", "eve", "fay",
                                         "gus", "hal", "ida", "jim", "kim", "leo"};

/* Which of the names is that?  Names compare without case. */
static size_t which(tgs_str name) {
    size_t i = 0;
    while (i < NAMES && !(name.len == 3 && memcmp(name.ptr, names[i], 3) == 0)) i++;
    return i;
}

/* --- wandering -------------------------------------------------------------------------------------- */

/* In one page, that is in one state, a name is with one peer. */
static void check_page(const tgs_rows *page) {
    unsigned seen = 0;
    tgs_peer peer;
    for (size_t i = 0; tgs_rows_row(page, i, &peer, sizeof peer) == TGS_OK; i++)
        for (size_t n = 0; n < peer.n_usernames; n++) {
            unsigned bit = 1u << which(peer.usernames[n]);
            if (seen & bit) violated("the name %s is with two peers", peer.usernames[n].ptr);
            seen |= bit;
        }
}

/* Who is found by a name has it. */
static void check_found(const tgs_rows *found) {
    tgs_peer peer;
    for (size_t i = 0; tgs_rows_row(found, i, &peer, sizeof peer) == TGS_OK; i++) {
        bool has = !(peer.flags & TGS_ROW_FOUND);
        for (size_t n = 0; n < peer.n_usernames; n++) has |= which(peer.usernames[n]) == i;
        if (!has) violated("peer %" PRId64 " was found by %s, and has not that name", peer.id, names[i]);
    }
}

static void look(struct worker *w, tgs_session *session) {
    tgs_error err;
    tgs_rows *rows = NULL;
    tgs_str keys[NAMES];
    for (size_t i = 0; i < NAMES; i++) keys[i] = str(names[i]);
    tgs_status status = tgs_list(session, TGS_RECORD_PEER, NULL, 0, NULL, WANDERERS, &rows, limits(w), &err);
    expect(w, "list peers", status, &err, 0);
    if (status == TGS_OK) check_page(rows);
    tgs_rows_free(rows);
    status = tgs_peers_by_username(session, keys, NAMES, 0, &rows, limits(w), &err);
    expect(w, "by username", status, &err, 0);
    if (status == TGS_OK) check_found(rows);
    tgs_rows_free(rows);
}

void wander(struct worker *w) {
    tgs_error err;
    size_t first = (size_t)random_below(w, NAMES);
    tgs_str some[2] = {str(names[first]), str(names[(first + 1) % NAMES])};
    tgs_peer peer = {.fields = TGS_PEER_USERNAMES,
                     .kind = TGS_PEER_USER,
                     .id = random_below(w, WANDERERS),
                     .usernames = some,
                     .n_usernames = (size_t)random_below(w, 3)};
    tgs_session *session = open_session(w->store, "wanderers");
    tgs_status status = tgs_put(session, TGS_RECORD_PEER, &peer, 1, sizeof peer, NULL, limits(w), &err);
    expect(w, "wander", status, &err, 0);
    if (random_below(w, 3) == 0) look(w, session);
    tgs_session_free(session);
}

/* --- new ones ------------------------------------------------------------------------------------------ */

/* Each has a name of its own, its number, and takes one that many want. */
void meet(struct worker *w) {
    tgs_error err;
    struct event event = event_new(w, MET);
    event.of.peer.name = random_below(w, NAMES);
    struct name own = name_of(event.call);
    tgs_str both[2] = {str(own.text), str(names[event.of.peer.name])};
    tgs_peer peer = {.fields = TGS_PEER_ACCESS_HASH | TGS_PEER_USERNAMES,
                     .kind = TGS_PEER_USER,
                     .id = (int64_t)event.call,
                     .access_hash = (int64_t)event.call,
                     .usernames = both,
                     .n_usernames = 2};
    tgs_session *session = open_session(w->store, "peers");
    event_begin(w, &event);
    tgs_status status = tgs_put(session, TGS_RECORD_PEER, &peer, 1, sizeof peer, NULL, limits(w), &err);
    event_end(w, &event, status);
    expect(w, "meet", status, &err, 0);
    tgs_session_free(session);
}

void load(struct worker *w) {
    tgs_error err;
    uint64_t done;
    struct event event = event_new(w, LOADED);
    tgs_update_state *rows = calloc(LOAD_ROWS, sizeof *rows);
    if (!rows) violated("out of memory");
    for (int64_t i = 0; i < LOAD_ROWS; i++) {
        rows[i].fields = TGS_UPDATE_STATE_PTS;
        rows[i].channel_id = i + 1;
        rows[i].pts = 1;
    }
    event.of.load.n = LOAD_ROWS;
    struct name name = name_of(event.call);
    tgs_session *session = open_session(w->store, name.text);
    event_begin(w, &event);
    tgs_status status =
        tgs_load(session, TGS_RECORD_UPDATE_STATE, rows, LOAD_ROWS, sizeof *rows, &done, limits(w), &err);
    event.of.load.done = (int64_t)done;
    event_end(w, &event, status);
    expect(w, "load", status, &err, 0);
    tgs_session_free(session);
    free(rows);
}

/* --- checks ------------------------------------------------------------------------------------------------
 */

struct seen {
    struct effects peers;
    size_t names[NAMES + 1]; /* the last: names of their own */
    size_t wrong;
};

static void take_peer(const void *row, void *context) {
    const tgs_peer *peer = row;
    struct seen *seen = context;
    effects_add(&seen->peers, (uint64_t)peer->id, 0);
    seen->wrong += peer->access_hash != peer->id;
    for (size_t i = 0; i < peer->n_usernames; i++) seen->names[which(peer->usernames[i])]++;
}

static void check_met(struct check *check) {
    struct seen seen = {0};
    each_row(check->store, "peers", TGS_RECORD_PEER, NULL, take_peer, &seen);
    check_effects(check, MET, NULL, 0, &seen.peers);
    if (seen.wrong) fault(check, "%zu peers have the access hash of another", seen.wrong);
    if (seen.names[NAMES] != seen.peers.n) fault(check, "not every peer has its own name");
    for (size_t i = 0; i < NAMES; i++)
        if (seen.names[i] > 1) fault(check, "the name %s is with %zu peers", names[i], seen.names[i]);
    free(seen.peers.all);
}

static void count_row(const void *row, void *n) {
    (void)row;
    ++*(int64_t *)n;
}

/* Rows that were said to be stored are there, and of one that failed no more than a step after them. */
static void check_loads(struct check *check) {
    for (size_t i = 0; i < check->events.n; i++) {
        const struct event *event = &check->events.all[i];
        if (event->kind != LOADED) continue;
        int64_t n = 0, done = event->of.load.done;
        struct name name = name_of(event->call);
        each_row(check->store, name.text, TGS_RECORD_UPDATE_STATE, NULL, count_row, &n);
        bool whole = event->end_us && event->status == TGS_OK;
        if ((event->end_us && n != done) || (whole && n != event->of.load.n))
            fault(check, "load %" PRIx64 " (%s): %" PRId64 " rows of %" PRId64 " that were stored",
                  event->call, tgs_status_name(event->status), n, done);
    }
}

static void check_wanderers(struct check *check) {
    struct seen seen = {0};
    each_row(check->store, "wanderers", TGS_RECORD_PEER, NULL, take_peer, &seen);
    for (size_t i = 0; i < NAMES; i++)
        if (seen.names[i] > 1) fault(check, "the name %s is with %zu wanderers", names[i], seen.names[i]);
    free(seen.peers.all);
}

void peers_check(struct check *check) {
    check_met(check);
    check_wanderers(check);
    check_loads(check);
}
