/* SPDX-License-Identifier: Apache-2.0 */
/* Writes: one transaction each.  A put reads the stored row, merges the operation into it in C, and stores
 * the whole row, so that one statement a record serves every mask. */
#include <stdlib.h>

#include "sqlite.h"

#define CONDITIONS (TGS_OP_IF_PRESENT | TGS_OP_IF_ABSENT | TGS_OP_IF_VERSION | TGS_OP_SAME_ACCOUNT)
#define KNOWN_FLAGS (CONDITIONS | TGS_OP_REQUIRE | TGS_OP_REPLACE_ACCOUNT)

const struct record_queries sqlite_record_queries[RECORDS] = {
    [TGS_RECORD_SESSION] = {QUERY_GET_SESSION_DATA, QUERY_NONE, QUERY_PUT_SESSION_DATA,
                            QUERY_DELETE_SESSION_DATA, QUERY_NONE, QUERY_DELETE_SESSION_DATA},
    [TGS_RECORD_DC_AUTH] = {QUERY_GET_DC_AUTH, QUERY_LIST_DC_AUTH, QUERY_PUT_DC_AUTH, QUERY_DELETE_DC_AUTH,
                            QUERY_PRUNE_DC_AUTH, QUERY_DELETE_DC_AUTHS},
    [TGS_RECORD_PEER] = {QUERY_GET_PEER, QUERY_LIST_PEER, QUERY_PUT_PEER, QUERY_DELETE_PEER, QUERY_NONE,
                         QUERY_DELETE_PEERS},
    [TGS_RECORD_UPDATE_STATE] = {QUERY_GET_UPDATE_STATE, QUERY_LIST_UPDATE_STATE, QUERY_PUT_UPDATE_STATE,
                                 QUERY_DELETE_UPDATE_STATE, QUERY_NONE, QUERY_DELETE_UPDATE_STATES},
    [TGS_RECORD_DEDUP] = {QUERY_GET_DEDUP, QUERY_LIST_DEDUP, QUERY_PUT_DEDUP, QUERY_DELETE_DEDUP,
                          QUERY_PRUNE_DEDUP, QUERY_DELETE_DEDUPS},
    [TGS_RECORD_QUEUE_ITEM] = {QUERY_GET_QUEUE_ITEM, QUERY_LIST_QUEUE_ITEM, QUERY_PUT_QUEUE_ITEM,
                               QUERY_DELETE_QUEUE_ITEM, QUERY_PRUNE_QUEUE_ITEM, QUERY_DELETE_QUEUE_ITEMS},
    [TGS_RECORD_CONVERSATION] = {QUERY_GET_CONVERSATION, QUERY_LIST_CONVERSATION, QUERY_PUT_CONVERSATION,
                                 QUERY_DELETE_CONVERSATION, QUERY_PRUNE_CONVERSATION,
                                 QUERY_DELETE_CONVERSATIONS},
    [TGS_RECORD_KV] = {QUERY_GET_KV, QUERY_LIST_KV, QUERY_PUT_KV, QUERY_DELETE_KV, QUERY_PRUNE_KV,
                       QUERY_DELETE_KVS},
};

/* --- transactions ------------------------------------------------------------------------------- */

tgs_status task_next_number(struct task *task, int64_t *number) {
    if (!task->counter_read) {
        struct statement *statement;
        bool row = false;
        tgs_status status = task_bind(task, QUERY_GET_COUNTER, 0, NULL, 0, &statement);
        if (status == TGS_OK) status = task_step(task, statement, &row);
        if (status != TGS_OK) return status;
        if (!row) return task_fail(task, SQLITE_CORRUPT);
        task->counter = sqlite3_column_int64(statement->handle, 0);
        task->counter_read = true;
        statement_reset(statement);
    }
    *number = ++task->counter;
    return TGS_OK;
}

static tgs_status store_counter(struct task *task) {
    if (!task->counter_read) return TGS_OK;
    struct statement *statement;
    tgs_status status = task_bind(task, QUERY_SET_COUNTER, 0, NULL, 0, &statement);
    if (status == TGS_OK) status = task_bind_number(task, statement, ":value", task->counter);
    return status == TGS_OK ? task_finish(task, statement) : status;
}

static tgs_status begin(struct task *task, bool durable) {
    const struct store *store = task->connection->store;
    task_roll_back(task); /* what a rollback left that failed */
    enum synchronous synchronous = durable || store->full ? SYNCHRONOUS_FULL : SYNCHRONOUS_NORMAL;
    tgs_status status = connection_set_synchronous(task->connection, synchronous, task->err);
    return status == TGS_OK ? task_run(task, QUERY_BEGIN, 0, NULL, 0) : status;
}

/* A commit is not given up half-way.  Whether a commit that SQLite could not write or sync will
 * be found again after a crash, nobody knows. */
static tgs_status commit(struct task *task) {
    task->connection->call = NULL;
    struct statement *statement;
    tgs_status status = task_bind(task, QUERY_COMMIT, 0, NULL, 0, &statement);
    if (status != TGS_OK) return status;
    int code = connection_step(task->connection, statement->handle);
    statement_reset(statement);
    if (code == SQLITE_DONE) return TGS_OK;
    status = task_fail(task, code);
    if ((code & 0xff) == SQLITE_IOERR && status != TGS_E_NO_SPACE) task->err->outcome = TGS_OUTCOME_UNKNOWN;
    return status;
}

/* A number that changes with every commit by anybody.  In a transaction it is that of its snapshot. */
static unsigned data_version(const struct connection *connection) {
    unsigned version = 0;
    sqlite3_file_control(connection->db, "main", SQLITE_FCNTL_DATA_VERSION, &version);
    return version;
}

bool task_knows_session(const struct task *task) {
    const struct known_session *known = &task->connection->known;
    return known->session_id && task->session.ptr && known->name_len == task->session.len &&
           memcmp(known->name, task->session.ptr, known->name_len) == 0 &&
           known->version == data_version(task->connection);
}

/* After a commit of puts, deletes, settlements or claims, which leave the session as it is. */
static void remember_session(const struct task *task) {
    struct known_session *known = &task->connection->known;
    known->session_id = 0;
    if (!task->plain || task->session.len > sizeof known->name) return;
    known->session_id = task->session_id;
    known->version = data_version(task->connection);
    known->name_len = task->session.len;
    memcpy(known->name, task->session.ptr, known->name_len);
}

static tgs_status end(struct task *task, tgs_status status) {
    if (status == TGS_OK) status = store_counter(task);
    if (status == TGS_OK) status = commit(task);
    if (status == TGS_OK) {
        remember_session(task);
    } else {
        task_roll_back(task);
        task->connection->pruned.age_ms = 0;
    }
    return status;
}

/* --- the session ------------------------------------------------------------------------------------ */

struct registered {
    bool purging, has_leases;
};

static tgs_status find_session(struct task *task, struct registered *registered) {
    struct statement *statement;
    bool row = false;
    if (task_knows_session(task)) {
        task->session_id = task->connection->known.session_id;
        return TGS_OK;
    }
    tgs_status status = task_bind(task, QUERY_GET_SESSION, 0, NULL, 0, &statement);
    if (status == TGS_OK) status = task_step(task, statement, &row);
    if (status != TGS_OK || !row) return status;
    task->session_id = sqlite3_column_int64(statement->handle, 0);
    registered->purging = sqlite3_column_int(statement->handle, 1);
    registered->has_leases = sqlite3_column_int(statement->handle, 2);
    statement_reset(statement);
    return TGS_OK;
}

static tgs_status make_session(struct task *task) {
    if (task->session_id) return TGS_OK;
    int64_t number = 0;
    tgs_status status = task_next_number(task, &number);
    if (status != TGS_OK) return status;
    task->session_id = number;
    return task_run(task, QUERY_ADD_SESSION, 0, NULL, 0);
}

/* --- leases ------------------------------------------------------------------------------------------- */

/* Report the newest live lease of at least `mode` by `report`; TGS_OK if there is none. */
static tgs_status report_holder(struct task *task, int32_t mode,
                                tgs_status (*report)(tgs_error *err, const tgs_holder *holder)) {
    struct statement *statement;
    bool row = false;
    tgs_status status = task_bind(task, QUERY_GET_HOLDER, 0, NULL, 0, &statement);
    if (status == TGS_OK) status = task_bind_number(task, statement, ":mode", mode);
    if (status == TGS_OK) status = task_step(task, statement, &row);
    if (status != TGS_OK || !row) return status;
    tgs_str owner, host_name;
    status = task_text(task, statement, 0, &owner);
    if (status == TGS_OK) status = task_text(task, statement, 1, &host_name);
    if (status != TGS_OK) return status;
    tgs_holder holder = {.size = sizeof holder,
                         .token = task->write->token,
                         .owner = owner,
                         .host_name = host_name,
                         .pid = sqlite3_column_int64(statement->handle, 2),
                         .since = sqlite3_column_int64(statement->handle, 3)};
    status = report(task->err, &holder);
    statement_reset(statement);
    return status;
}

static tgs_status token_is_live(struct task *task, bool *live) {
    struct statement *statement;
    tgs_status status = task_bind(task, QUERY_GET_LEASE, 0, NULL, 0, &statement);
    if (status == TGS_OK) status = task_bind_number(task, statement, ":token", task->write->token);
    if (status == TGS_OK) status = task_step(task, statement, live);
    if (status == TGS_OK) statement_reset(statement);
    return status;
}

static tgs_status check_token(struct task *task, const struct registered *registered) {
    bool live = false;
    tgs_status status = task->write->token && registered->has_leases ? token_is_live(task, &live) : TGS_OK;
    if (status != TGS_OK || live) return status;
    if (registered->has_leases) status = report_holder(task, TGS_LEASE_EXCLUSIVE, sqlite_host->fenced);
    if (status != TGS_OK || !task->write->token) return status;
    tgs_holder nobody = {.size = sizeof nobody, .token = task->write->token};
    return sqlite_host->fenced(task->err, &nobody);
}

static tgs_status lease_acquire(struct task *task, const tgs_op *op) {
    int32_t in_the_way = op->action == TGS_LEASE_EXCLUSIVE ? TGS_LEASE_SHARED : TGS_LEASE_EXCLUSIVE;
    tgs_status status = report_holder(task, in_the_way, sqlite_host->held);
    int64_t token = 0;
    if (status == TGS_OK) status = task_next_number(task, &token);
    if (status == TGS_OK) status = task_run(task, QUERY_DELETE_LEASES, 0, NULL, 0); /* those that ran out */
    struct statement *add;
    if (status == TGS_OK) status = task_bind(task, QUERY_ADD_LEASE, 0, NULL, 0, &add);
    if (status == TGS_OK) status = task_bind_number(task, add, ":token", token);
    if (status == TGS_OK) status = task_bind_number(task, add, ":mode", op->action);
    if (status == TGS_OK) status = task_bind_number(task, add, ":pid", op->pid);
    if (status == TGS_OK) status = task_bind_number(task, add, ":expires", time_after(task->now, op->ttl_ms));
    if (status == TGS_OK) status = task_bind_text(task, add, ":owner", op->owner);
    if (status == TGS_OK) status = task_bind_text(task, add, ":host_name", op->host_name);
    if (status == TGS_OK) status = task_finish(task, add);
    if (status == TGS_OK) sqlite_host->result(task->sink, op->index, 1, 0, token);
    return status;
}

/* That the lease is live was checked with the token. */
static tgs_status lease_renew(struct task *task, const tgs_op *op) {
    struct statement *renew;
    tgs_status status = task_bind(task, QUERY_RENEW_LEASE, 0, NULL, 0, &renew);
    if (status == TGS_OK) status = task_bind_number(task, renew, ":token", task->write->token);
    if (status == TGS_OK)
        status = task_bind_number(task, renew, ":expires", time_after(task->now, op->ttl_ms));
    if (status == TGS_OK) status = task_finish(task, renew);
    if (status == TGS_OK) sqlite_host->result(task->sink, op->index, 1, 0, task->write->token);
    return status;
}

static tgs_status lease_release(struct task *task, const tgs_op *op) {
    struct statement *release;
    tgs_status status = task_bind(task, QUERY_DELETE_LEASE, 0, NULL, 0, &release);
    if (status == TGS_OK) status = task_bind_number(task, release, ":token", task->write->token);
    if (status == TGS_OK) status = task_finish(task, release);
    if (status == TGS_OK) sqlite_host->result(task->sink, op->index, task_changes(task) > 0, 0, 0);
    return status;
}

/* --- one row ----------------------------------------------------------------------------------------------
 */

/* A row as it is stored.  Its texts live until the next one is loaded: a statement that still reads would
 * make writing slower. */
struct stored {
    union any_row row;
    struct names_age age; /* of a peer */
    bool found;
};

static int64_t age_in(const struct statement *statement, int column) {
    bool of_peer = sqlite3_column_type(statement->handle, column) == SQLITE_NULL;
    return of_peer ? AGE_OF_PEER : sqlite3_column_int64(statement->handle, column);
}

static tgs_status take_row(struct task *task, const struct statement *statement, const tgs_op *op,
                           struct stored *stored) {
    uint64_t unused = op->tag == TGS_OP_PUT ? op->set | op->clear : ALL_MEMBERS;
    tgs_status status = task_decode(task, statement, &stored->row);
    if (status == TGS_OK) status = task_keep(task, statement->layout, &stored->row, unused);
    if (op->record == TGS_RECORD_PEER) /* the last two columns of GetPeer */
        stored->age = (struct names_age){age_in(statement, statement->n_columns - 2),
                                         age_in(statement, statement->n_columns - 1)};
    return status;
}

static tgs_status load(struct task *task, const tgs_op *op, struct stored *stored) {
    struct statement *statement;
    stored->found = false;
    tgs_status status =
        task_bind(task, sqlite_record_queries[op->record].get, op->record, op->row, 0, &statement);
    if (status == TGS_OK) status = task_step(task, statement, &stored->found);
    if (status != TGS_OK || !stored->found) return status;
    status = take_row(task, statement, op, stored);
    statement_reset(statement);
    return status;
}

static bool condition_holds(const tgs_op *op, const struct stored *stored) {
    if ((op->flags & TGS_OP_IF_PRESENT) && !stored->found) return false;
    if ((op->flags & TGS_OP_IF_ABSENT) && stored->found) return false;
    if (!(op->flags & TGS_OP_IF_VERSION)) return true;
    const tgs_conversation *wanted = op->row;
    return stored->found && stored->row.conversation.version == wanted->version;
}

static bool is_same_account(const tgs_op *op, const struct stored *stored) {
    if (!(op->flags & TGS_OP_SAME_ACCOUNT) || !stored->found ||
        !(stored->row.start.fields & TGS_SESSION_USER_ID))
        return true;
    const tgs_session_data *given = op->row;
    return stored->row.session.user_id == given->user_id;
}

/* A row that is skipped changes no account, so its own condition comes first. */
static tgs_status check_condition(struct task *task, const tgs_op *op, bool *holds) {
    struct stored stored;
    *holds = true;
    if (!(op->flags & CONDITIONS)) return TGS_OK;
    tgs_status status = load(task, op, &stored);
    if (status != TGS_OK) return status;
    *holds = condition_holds(op, &stored);
    bool same_account = is_same_account(op, &stored);
    task->err->index = (int64_t)op->index;
    if (!*holds && (op->flags & TGS_OP_REQUIRE))
        return sqlite_host->fail(task->err, TGS_E_CONFLICT, NULL, NULL);
    if (*holds && !same_account)
        return sqlite_host->fail(task->err, TGS_E_CONFLICT, NULL, TGS_MESSAGE_OTHER_ACCOUNT);
    task->err->index = -1;
    return TGS_OK;
}

static void merge_clear(const struct layout *layout, uint64_t bits, union any_row *row) {
    static const union any_row nothing;
    for (uint64_t left = bits; left; left &= left - 1) member_copy(row, field_first(layout, left), &nothing);
    row->start.fields &= ~bits;
}

/* True if a larger value is stored. */
static bool merge_raise(const struct layout *layout, uint64_t bits, const tgs_op *op, union any_row *row) {
    bool lower = false;
    for (; bits; bits &= bits - 1) {
        const tgs_field *field = field_first(layout, bits);
        bool larger = (row->start.fields & field->bit) &&
                      *(const int64_t *)member_in(row, field) > *(const int64_t *)member_in(op->row, field);
        if (!larger) member_take(row, field, op->row);
        lower |= larger;
    }
    return lower;
}

/* Apply the masks.  `stored`: the row before, or NULL.  True if a raise found a larger stored value. */
static bool merge(const struct task *task, const tgs_op *op, const union any_row *stored,
                  union any_row *row) {
    const struct layout *layout = &sqlite_layouts[op->record];
    uint64_t set = op->set, stamp = op->stamp | (stored ? 0 : op->stamp_new);
    if (layout->ttl) set &= ~layout->ttl->bit;
    if (stored)
        memcpy(row, stored, layout->row_size);
    else
        memset(row, 0, layout->row_size);
    set |= op->fill & ~row->start.fields;
    for (size_t i = 0; !stored && i < layout->n_fields; i++)
        if (!layout->fields[i].bit) member_take(row, &layout->fields[i], op->row);
    if (op->clear) merge_clear(layout, op->clear, row);
    for (; set; set &= set - 1) member_take(row, field_first(layout, set), op->row);
    for (; stamp; stamp &= stamp - 1) member_set_time(row, field_first(layout, stamp), task->now);
    if (layout->ttl && (op->set & layout->ttl->bit))
        member_set_time(row, layout->expires,
                        expiry_after(task->now, *(const int64_t *)member_in(op->row, layout->ttl)));
    return merge_raise(layout, op->raise, op, row);
}

static tgs_status drop_account(struct task *task) {
    static const enum query queries[] = {QUERY_DELETE_PEERS, QUERY_DELETE_USERNAMES, QUERY_DELETE_PHONES,
                                         QUERY_DELETE_UPDATE_STATES};
    tgs_status status = TGS_OK;
    for (size_t i = 0; status == TGS_OK && i < sizeof queries / sizeof *queries; i++) {
        struct statement *statement;
        status = task_bind(task, queries[i], 0, NULL, 0, &statement);
        if (status == TGS_OK) status = task_bind_number(task, statement, ":limit", -1); /* none */
        if (status == TGS_OK) status = task_finish(task, statement);
    }
    return status;
}

/* What a record needs beyond its row, before that is stored. */
static tgs_status prepare_put(struct task *task, const tgs_op *op, const union any_row *stored,
                              union any_row *row) {
    switch (op->record) {
    case TGS_RECORD_SESSION:
        if (!(op->flags & TGS_OP_REPLACE_ACCOUNT) || !stored ||
            !(stored->start.fields & TGS_SESSION_USER_ID) || !(op->set & TGS_SESSION_USER_ID) ||
            stored->session.user_id == row->session.user_id)
            return TGS_OK;
        return drop_account(task);
    case TGS_RECORD_PEER:
        return peer_put_names(task, op, stored ? &stored->peer : NULL);
    case TGS_RECORD_QUEUE_ITEM:
        return queue_prepare_put(task, op, &row->queue_item);
    case TGS_RECORD_CONVERSATION:
        row->start.fields |= TGS_CONVERSATION_VERSION;
        return task_next_number(task, &row->conversation.version);
    default:
        return TGS_OK;
    }
}

/* Merge and store.  `stored`: the row before, or NULL. */
static tgs_status store_row(struct task *task, const tgs_op *op, const struct stored *stored) {
    union any_row row;
    const union any_row *before = stored ? &stored->row : NULL;
    uint32_t notes = merge(task, op, before, &row) ? TGS_NOTE_LOWER : 0;
    if (!stored) notes |= TGS_NOTE_NEW;
    if (stored && op->record == TGS_RECORD_PEER &&
        peer_is_fresh(task, op, &before->peer, &stored->age, &row.peer)) {
        sqlite_host->result(task->sink, op->index, 1, notes, 0);
        return TGS_OK;
    }
    tgs_status status = prepare_put(task, op, before, &row);
    if (op->record == TGS_RECORD_PEER)
        peer_set_age(task, op, before ? &before->peer : NULL, stored ? &stored->age : NULL, &row.peer);
    if (status == TGS_OK)
        status = task_run(task, sqlite_record_queries[op->record].put, op->record, &row, row.start.fields);
    if (status == TGS_OK)
        sqlite_host->result(task->sink, op->index, 1, notes,
                            op->record == TGS_RECORD_CONVERSATION ? row.conversation.version : 0);
    return status;
}

/* Peers come in bulk, and a bulk of new ones needs no look at what is stored: try the insert first as
 * long as the last peer was new. */
static tgs_status add_new_peer(struct task *task, const tgs_op *op, bool *added) {
    union any_row row;
    merge(task, op, NULL, &row);
    peer_set_age(task, op, NULL, NULL, &row.peer);
    tgs_status status = task_run(task, QUERY_ADD_PEER, TGS_RECORD_PEER, &row, row.start.fields);
    *added = status == TGS_OK && task_changes(task) > 0;
    if (!*added) return status;
    sqlite_host->result(task->sink, op->index, 1, TGS_NOTE_NEW, 0);
    return peer_put_names(task, op, NULL);
}

static tgs_status put(struct task *task, const tgs_op *op) {
    struct stored stored;
    bool done = false;
    tgs_status status = make_session(task);
    bool *expect_new = &task->connection->expect_new_peers;
    if (status == TGS_OK && op->record == TGS_RECORD_PEER && *expect_new)
        status = add_new_peer(task, op, &done);
    if (status == TGS_OK && !done) status = load(task, op, &stored);
    if (status != TGS_OK || done) return status;
    if (op->record == TGS_RECORD_PEER) *expect_new = !stored.found;
    if (!stored.found || (op->record != TGS_RECORD_DEDUP && op->record != TGS_RECORD_QUEUE_ITEM))
        return store_row(task, op, stored.found ? &stored : NULL);
    sqlite_host->result(task->sink, op->index, 0, 0, 0); /* never changed */
    return TGS_OK;
}

/* Without what goes with it. */
static tgs_status delete_alone(struct task *task, const tgs_op *op) {
    tgs_status status = task_run(task, sqlite_record_queries[op->record].delete, op->record, op->row, 0);
    if (status == TGS_OK && op->record == TGS_RECORD_SESSION)
        status = task_run(task, QUERY_DELETE_DC_AUTHS, 0, NULL, 0);
    return status;
}

static tgs_status delete_row(struct task *task, const tgs_op *op, bool *was_there) {
    struct stored stored;
    *was_there = false;
    if (!task->session_id) return TGS_OK;
    tgs_status status = load(task, op, &stored);
    if (status == TGS_OK) status = delete_alone(task, op);
    if (status != TGS_OK || !stored.found) return status;
    *was_there = true;
    if (op->record == TGS_RECORD_PEER) return peer_drop_names(task, &stored.row.peer);
    if (op->record == TGS_RECORD_QUEUE_ITEM) return queue_offer_lane(task, stored.row.queue_item.lane);
    return TGS_OK;
}

/* --- purge and prune --------------------------------------------------------------------------- */

/* Run one of the statements that delete at most `left` rows.  True: it found no more than that. */
static tgs_status delete_some(struct task *task, enum query query, int64_t *left, int64_t *removed) {
    if (query == QUERY_NONE || *left <= 0) return TGS_OK;
    struct statement *statement;
    tgs_status status = task_bind(task, query, 0, NULL, 0, &statement);
    if (status == TGS_OK && sqlite3_bind_parameter_index(statement->handle, ":limit"))
        status = task_bind_number(task, statement, ":limit", *left);
    if (status == TGS_OK) status = task_finish(task, statement);
    if (status != TGS_OK) return status;
    *left -= task_changes(task);
    *removed += task_changes(task);
    return TGS_OK;
}

static tgs_status purge(struct task *task, const tgs_op *op) {
    int64_t left = (int64_t)op->limit, removed = 0, names = 0;
    tgs_status status = task_run(task, QUERY_MARK_PURGING, 0, NULL, 0);
    for (int32_t record = TGS_RECORD_SESSION; status == TGS_OK && record <= TGS_RECORD_KV; record++)
        status = delete_some(task, sqlite_record_queries[record].purge, &left, &removed);
    if (status == TGS_OK) status = delete_some(task, QUERY_DELETE_USERNAMES, &left, &names);
    if (status == TGS_OK) status = delete_some(task, QUERY_DELETE_PHONES, &left, &names);
    bool ended = left > 0; /* nothing was left out */
    if (status == TGS_OK && ended) status = task_run(task, QUERY_DELETE_LEASES_OF_SESSION, 0, NULL, 0);
    if (status == TGS_OK && ended) status = task_run(task, QUERY_DELETE_SESSION, 0, NULL, 0);
    if (status == TGS_OK) sqlite_host->result(task->sink, op->index, ended, 0, removed);
    task->purged = ended;
    return status;
}

/* After a purge: the -wal still has the keys of before.  If anybody is reading at this moment, they stay
 * until it is begun anew. */
static void cut_wal(const struct connection *connection) {
    sqlite3_wal_checkpoint_v2(connection->db, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
}

#define PRUNE_LOOKS 20000 /* rows a step looks at, so that other writers get in between */

static tgs_status find_peers_after(struct task *task, const struct prune_place *place,
                                   struct statement **statement) {
    tgs_status status = task_bind(task, QUERY_PEERS_AFTER, TGS_RECORD_PEER, NULL, 0, statement);
    if (status == TGS_OK) status = task_bind_number(task, *statement, ":after_session_id", place->session_id);
    if (status == TGS_OK) status = task_bind_number(task, *statement, ":after_kind", place->kind);
    return status == TGS_OK ? task_bind_number(task, *statement, ":after_id", place->id) : status;
}

static tgs_status prune_peer(struct task *task, const tgs_peer *peer) {
    tgs_status status = peer_drop_names(task, peer);
    return status == TGS_OK ? task_run(task, QUERY_DELETE_PEER, TGS_RECORD_PEER, peer, 0) : status;
}

/* Peers not seen for too long, of all sessions; `ended`: all have been looked at. */
static tgs_status prune_peers(struct task *task, int64_t age_ms, int64_t *left, int64_t *removed,
                              bool *ended) {
    struct prune_place *place = &task->connection->pruned;
    struct statement *peers;
    union any_row row;
    bool found = true;
    if (place->age_ms != age_ms) *place = (struct prune_place){age_ms, INT64_MIN, 0, 0};
    tgs_status status = find_peers_after(task, place, &peers);
    for (int looks = 0; status == TGS_OK && *left > 0 && looks < PRUNE_LOOKS; looks++) {
        status = task_step(task, peers, &found);
        if (status != TGS_OK || !found) break;
        task->session_id = sqlite3_column_int64(peers->handle, 0);
        status = task_decode(task, peers, &row);
        *place = (struct prune_place){age_ms, task->session_id, row.peer.kind, row.peer.id};
        if (status != TGS_OK || row.peer.seen_at >= task->now - age_ms) continue;
        status = prune_peer(task, &row.peer);
        (*left)--;
        (*removed)++;
    }
    if (found && peers->handle) statement_reset(peers);
    if (!found) place->age_ms = 0;
    *ended = !found;
    return status;
}

static tgs_status prune(struct task *task, const tgs_op *op) {
    int64_t left = (int64_t)op->limit, removed = 0;
    bool ended = true;
    tgs_status status = TGS_OK;
    for (int32_t record = TGS_RECORD_SESSION; status == TGS_OK && record <= TGS_RECORD_KV; record++)
        status = delete_some(task, sqlite_record_queries[record].prune, &left, &removed);
    if (status == TGS_OK && op->ttl_ms > 0 && left > 0)
        status = prune_peers(task, op->ttl_ms, &left, &removed, &ended);
    if (status == TGS_OK) sqlite_host->result(task->sink, op->index, left > 0 && ended, 0, removed);
    return status;
}

/* --- carrying out ------------------------------------------------------------------------------ */

static const tgs_op *op_at(const tgs_write *write, size_t i) {
    return (const tgs_op *)(const void *)((const char *)write->ops + i * write->stride);
}

static tgs_status carry_out(struct task *task, const tgs_op *op) {
    bool was_there;
    tgs_status status;
    switch (op->tag) {
    case TGS_OP_PUT:
        return put(task, op);
    case TGS_OP_DELETE:
        status = delete_row(task, op, &was_there);
        if (status == TGS_OK) sqlite_host->result(task->sink, op->index, was_there, 0, 0);
        return status;
    case TGS_OP_CLAIM:
        return queue_claim(task, op);
    case TGS_OP_SETTLE:
        return queue_settle(task, op);
    case TGS_OP_LEASE_ACQUIRE:
        status = make_session(task);
        return status == TGS_OK ? lease_acquire(task, op) : status;
    case TGS_OP_LEASE_RENEW:
        return lease_renew(task, op);
    case TGS_OP_LEASE_RELEASE:
        return lease_release(task, op);
    case TGS_OP_PURGE:
        return purge(task, op);
    default:
        return prune(task, op);
    }
}

static bool is_known(const tgs_op *op) {
    if (op->tag < TGS_OP_PUT || op->tag > TGS_OP_PRUNE || (op->flags & ~KNOWN_FLAGS)) return false;
    if (op->tag == TGS_OP_SETTLE) return op->action >= TGS_SETTLE_ACK && op->action <= TGS_SETTLE_KILL;
    if (op->tag != TGS_OP_PUT && op->tag != TGS_OP_DELETE) return true;
    if (op->record < TGS_RECORD_SESSION || op->record > TGS_RECORD_KV) return false;
    uint64_t bits = op->set | op->clear | op->raise | op->fill | op->stamp | op->stamp_new;
    return (bits & ~sqlite_layouts[op->record].bits) == 0;
}

static tgs_status check_known(const tgs_write *write, tgs_error *err) {
    for (size_t i = 0; i < write->n_ops; i++)
        if (!is_known(op_at(write, i)))
            return sqlite_host->fail(err, TGS_E_UNSUPPORTED, NULL,
                                     "the sqlite back end does not know this operation");
    return TGS_OK;
}

static tgs_status check_session(struct task *task) {
    struct registered registered = {0};
    int32_t tag = op_at(task->write, 0)->tag;
    if (tag == TGS_OP_PRUNE) return TGS_OK;
    tgs_status status = find_session(task, &registered);
    if (status != TGS_OK) return status;
    if (registered.purging && tag != TGS_OP_PURGE && tag != TGS_OP_LEASE_RELEASE)
        return sqlite_host->fail(task->err, TGS_E_CONFLICT, NULL, TGS_MESSAGE_PURGING);
    task->plain = tag <= TGS_OP_SETTLE && !registered.has_leases;
    if (tag == TGS_OP_LEASE_ACQUIRE || tag == TGS_OP_LEASE_RELEASE) return TGS_OK;
    return check_token(task, &registered);
}

/* Conditions see the state before the write, so all are looked at before anything is changed. */
static tgs_status carry_out_all(struct task *task, bool *skip) {
    const tgs_write *write = task->write;
    tgs_status status = check_session(task);
    for (size_t i = 0; status == TGS_OK && i < write->n_ops; i++) {
        bool holds;
        status = check_condition(task, op_at(write, i), &holds);
        skip[i] = !holds;
    }
    for (size_t i = 0; status == TGS_OK && i < write->n_ops; i++) {
        const tgs_op *op = op_at(write, i);
        if (skip[i])
            sqlite_host->result(task->sink, op->index, 0, 0, 0);
        else
            status = carry_out(task, op);
    }
    return status;
}

static tgs_status write_by(struct connection *connection, const tgs_write *write, tgs_sink *sink,
                           tgs_error *err) {
    bool *skip = buffer_reserve(&connection->skips, write->n_ops * sizeof *skip);
    if (!skip) return sqlite_host->fail(err, TGS_E_NOMEM, NULL, NULL);
    struct task task = {
        .connection = connection, .err = err, .sink = sink, .session = write->session, .write = write};
    tgs_status status = begin(&task, write->durable);
    if (status != TGS_OK) return status;
    task.now = sqlite_host->now_ms();
    status = end(&task, carry_out_all(&task, skip));
    if (status == TGS_OK && task.purged) cut_wal(connection);
    return status;
}

tgs_status sqlite_write(void *self, const tgs_write *write, const tgs_backend_call *call, tgs_sink *sink,
                        tgs_error *err) {
    struct store *store = self;
    struct connection *connection;
    if (store->read_only) return sqlite_host->fail(err, TGS_E_READ_ONLY, NULL, NULL);
    tgs_status status = check_known(write, err);
    if (status == TGS_OK) status = pool_take_writer(store, call, &connection, err);
    if (status != TGS_OK) return status;
    status = write_by(connection, write, sink, err);
    pool_give_back(connection);
    return status;
}

/* The sync of the -wal that ends a commit covers all commits before it; storing the counter again makes it
 * a commit that has something to write. */
tgs_status write_barrier(struct store *store, const tgs_backend_call *call, tgs_error *err) {
    struct connection *connection;
    tgs_status status = pool_take_writer(store, call, &connection, err);
    if (status != TGS_OK) return status;
    struct task task = {.connection = connection, .err = err};
    status = begin(&task, true);
    if (status == TGS_OK) {
        int64_t number;
        status = end(&task, task_next_number(&task, &number));
    }
    pool_give_back(connection);
    return status;
}
