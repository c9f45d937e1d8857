/* SPDX-License-Identifier: Apache-2.0 */
/* The memory back end: the reference that the others are held against.
 *
 * Each database is a registry of sessions, each session a table for every record (see
 * memory_table.h).  Rows never change: a write links new versions and marks the old ones as
 * gone, one struct change each, and ends by unlinking either the old or the new ones. */
#include "memory_table.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "builtin.h"

static const tgs_host *host;

/* A session's tables: one a record, under its TGS_RECORD_* number, and those that only we know. */
#define TABLE_REGISTRY 0
#define TABLE_LEASE TGS_RECORD_SESSION_INFO /* a lease is kept in the struct that shows it */
#define TABLE_USERNAME 10
#define TABLE_PHONE 11
#define TABLE_COUNT 12

/* A table's orders */
#define ORDER_KEY 0     /* the one that lists go by */
#define ORDER_EXPIRES 1 /* rows that expire */
#define ORDER_LANE 2    /* queue: unfinished items of lanes, by (lane, sequence) */
#define ORDER_LEASED 3  /* queue: leased items, by when they run out */
#define ORDER_READY 4   /* queue: what a claim may take: see offer_lane */

struct session {
    struct table tables[TABLE_COUNT];
};

struct registration {
    tgs_str name;
    int64_t created;
    struct session *session;
    int32_t purging;
};

/* Who has a username or a phone: the one place that says so. */
struct name {
    tgs_str name;
    int64_t id;
    int64_t seen_at;
    int32_t kind;
};

struct change {
    struct table *table;
    struct row *old, *new; /* either may be NULL */
};

struct memory {
    pthread_rwlock_t lock;
    struct table registry;
    int64_t number; /* the last sequence, token or version given out: they never repeat */
    struct change *changes; /* of the running write */
    size_t n_changes, capacity;
};

/* The running write. */
struct step {
    struct memory *memory;
    const tgs_write *write;
    tgs_sink *sink;
    tgs_error *err;
    int64_t now;
    struct row *registered;
    struct session *session;
    bool fresh;       /* this write made the session */
    bool ended;       /* this write removes the session */
    uint8_t *skipped; /* of each operation whether its condition failed; NULL: none */
};

/* --- layouts: what the tables have to know of each record ------------------------------------- */

static struct layout layouts[TABLE_COUNT];

static const tgs_field registration_fields[] = {
    {"name", TGS_TYPE_TEXT, TGS_FIELD_KEY, 0, offsetof(struct registration, name), NULL, {0}},
};
static const tgs_field name_fields[] = {
    {"name", TGS_TYPE_TEXT, TGS_FIELD_KEY, 0, offsetof(struct name, name), NULL, {0}},
};

static const tgs_field *field_named(const struct layout *layout, const char *name) {
    for (size_t i = 0; i < layout->n_fields; i++)
        if (strcmp(layout->fields[i].name, name) == 0) return &layout->fields[i];
    return NULL;
}

static void order_add(struct order_by *by, const tgs_field *field) {
    if (field && by->n < TABLE_ORDER_FIELDS) by->fields[by->n++] = field;
}

static int64_t expires_of(const struct layout *layout, const void *data) {
    const struct order_by *by = &layout->orders[ORDER_EXPIRES];
    return by->n ? *(const int64_t *)field_at(data, by->fields[0]) : 0;
}

static bool is_expired(const struct layout *layout, const void *data, int64_t now) {
    int64_t expires = expires_of(layout, data);
    return expires > 0 && expires <= now;
}

static uint32_t member_of_none(const struct layout *layout, const void *data) {
    (void)layout, (void)data;
    return 0;
}

static uint32_t member_of_record(const struct layout *layout, const void *data) {
    return 1u << ORDER_KEY | (expires_of(layout, data) > 0 ? 1u << ORDER_EXPIRES : 0);
}

static uint32_t member_of_queue(const struct layout *layout, const void *data) {
    const tgs_queue_item *item = data;
    uint32_t member = member_of_record(layout, data);
    if (item->state == TGS_QUEUE_LEASED) member |= 1u << ORDER_LEASED;
    if (item->lane.len == 0 && item->state == TGS_QUEUE_READY) member |= 1u << ORDER_READY;
    if (item->lane.len > 0 && item->state <= TGS_QUEUE_LEASED) member |= 1u << ORDER_LANE;
    return member;
}

static bool is_owned(const tgs_field *field, bool list) {
    if (list) return field->type == TGS_TYPE_TEXTS;
    return field->type == TGS_TYPE_TEXT || field->type == TGS_TYPE_BYTES;
}

static void describe(struct layout *layout, const tgs_field *fields, size_t n, size_t row_size) {
    *layout = (struct layout){.fields = fields, .n_fields = n, .row_size = row_size, .member_of = member_of_record};
    for (int list = 1; list >= 0; list--)
        for (size_t i = 0; i < n; i++)
            if (is_owned(&fields[i], list) && layout->n_owned < TABLE_OWNED_FIELDS)
                layout->owned[layout->n_owned++] = &fields[i];
    for (size_t i = 0; i < n; i++) {
        layout->bits |= fields[i].bit;
        if (fields[i].flags & TGS_FIELD_KEY) order_add(&layout->key, &fields[i]);
    }
    layout->orders[ORDER_KEY] = layout->key;
    const tgs_field *expires = field_named(layout, "expires");
    if (!expires) return;
    struct order_by *by = &layout->orders[ORDER_EXPIRES];
    order_add(by, expires);
    for (size_t i = 0; i < layout->key.n; i++) order_add(by, layout->key.fields[i]);
}

static void order_by_two(struct layout *layout, size_t order, const char *first, const char *second) {
    layout->orders[order] = (struct order_by){0};
    order_add(&layout->orders[order], field_named(layout, first));
    order_add(&layout->orders[order], field_named(layout, second));
}

static bool describe_all(void) {
    for (int32_t record = TGS_RECORD_SESSION; record <= TABLE_LEASE; record++) {
        size_t n, row_size;
        const tgs_field *fields = host->fields(record, &n, &row_size);
        if (!fields || row_size > TABLE_ROW_SIZE) return false;
        describe(&layouts[record], fields, n, row_size);
    }
    struct layout *queue = &layouts[TGS_RECORD_QUEUE_ITEM];
    queue->member_of = member_of_queue;
    order_by_two(queue, ORDER_KEY, "due", "sequence");
    order_by_two(queue, ORDER_READY, "due", "sequence");
    order_by_two(queue, ORDER_LANE, "lane", "sequence");
    order_by_two(queue, ORDER_LEASED, "lease_expires", "sequence");
    struct layout *lease = &layouts[TABLE_LEASE];
    lease->key = (struct order_by){1, {field_named(lease, "lease_token")}};
    lease->orders[ORDER_KEY] = lease->key;
    describe(&layouts[TABLE_REGISTRY], registration_fields, 1, sizeof(struct registration));
    for (int table = TABLE_USERNAME; table <= TABLE_PHONE; table++) {
        describe(&layouts[table], name_fields, 1, sizeof(struct name));
        layouts[table].member_of = member_of_none;
    }
    return true;
}

/* --- changes -------------------------------------------------------------------------------- */

static tgs_status no_memory(struct step *step) { return host->fail(step->err, TGS_E_NOMEM, NULL, NULL); }

static bool reserve_change(struct memory *memory) {
    if (memory->n_changes < memory->capacity) return true;
    size_t capacity = memory->capacity ? memory->capacity * 2 : 64;
    struct change *changes = host->resize(memory->changes, capacity * sizeof *changes);
    if (!changes) return false;
    memory->changes = changes;
    memory->capacity = capacity;
    return true;
}

/* Put `new` in the place of `old`; takes over `new`. */
static tgs_status change(struct step *step, struct table *table, struct row *old, struct row *new) {
    struct memory *memory = step->memory;
    if (!reserve_change(memory) || (new && !table_link(table, new))) {
        row_free(new);
        return no_memory(step);
    }
    if (old) old->gone = 1;
    memory->changes[memory->n_changes++] = (struct change){table, old, new};
    return TGS_OK;
}

/* The same with a copy of `data`. */
static tgs_status store(struct step *step, struct table *table, struct row *old, const void *data) {
    struct row *new = row_new(table->layout, data);
    return new ? change(step, table, old, new) : no_memory(step);
}

static void drop(struct table *table, struct row *row) {
    if (!row) return;
    table_unlink(table, row);
    row_free(row);
}

static void commit(struct memory *memory) {
    for (size_t i = 0; i < memory->n_changes; i++) drop(memory->changes[i].table, memory->changes[i].old);
    memory->n_changes = 0;
}

static void roll_back(struct memory *memory) {
    while (memory->n_changes > 0) {
        struct change *last = &memory->changes[--memory->n_changes];
        drop(last->table, last->new);
        if (last->old) last->old->gone = 0;
    }
}

/* --- sessions --------------------------------------------------------------------------------- */

static struct registration *registration_of(const struct row *row) { return row_data(row); }

static struct session *session_new(void) {
    struct session *session = host->alloc(sizeof *session);
    if (!session) return NULL;
    memset(session, 0, sizeof *session);
    for (int i = 0; i < TABLE_COUNT; i++) session->tables[i].layout = &layouts[i];
    return session;
}

static void session_free(struct session *session) {
    for (int i = 0; i < TABLE_COUNT; i++) table_clear(&session->tables[i]);
    host->release(session);
}

static struct row *find_session(const struct memory *memory, tgs_str name) {
    return table_find(&memory->registry, &(struct registration){.name = name});
}

static tgs_status register_session(struct step *step) {
    step->session = session_new();
    if (!step->session) return no_memory(step);
    step->fresh = true;
    struct registration registration = {step->write->session, step->now, step->session, 0};
    tgs_status status = store(step, &step->memory->registry, NULL, &registration);
    if (status == TGS_OK) step->registered = find_session(step->memory, registration.name);
    return status;
}

static tgs_status enter_session(struct step *step) {
    step->registered = find_session(step->memory, step->write->session);
    if (!step->registered) return register_session(step);
    const struct registration *registration = registration_of(step->registered);
    step->session = registration->session;
    int32_t tag = step->write->ops[0].tag;
    if (!registration->purging || tag == TGS_OP_PURGE || tag == TGS_OP_LEASE_RELEASE) return TGS_OK;
    return host->fail(step->err, TGS_E_CONFLICT, NULL, "the session is being purged; purge it again to end that");
}

/* The row with this key, expired or not. */
static struct row *find_any(const struct session *session, int32_t record, const void *key) {
    return table_find(&session->tables[record], key);
}

static struct row *find_live(const struct session *session, int32_t record, const void *key, int64_t now) {
    struct row *row = find_any(session, record, key);
    return row && !is_expired(&layouts[record], row_data(row), now) ? row : NULL;
}

static int64_t next_number(struct step *step) { return ++step->memory->number; }

static int64_t later(int64_t now, int64_t ms) { return ms > INT64_MAX - now ? INT64_MAX : now + ms; }

/* --- leases ----------------------------------------------------------------------------------- */

/* The newest live lease of at least this mode. */
static struct row *newest_lease(const struct session *session, int32_t mode, int64_t now) {
    struct row *newest = NULL;
    struct cursor cursor = cursor_first(&session->tables[TABLE_LEASE], ORDER_KEY);
    for (struct row *row; (row = cursor_next(&cursor));) {
        const tgs_session_info *lease = row_data(row);
        if (lease->lease_expires > now && lease->lease_mode >= mode) newest = row;
    }
    return newest;
}

static struct row *find_lease(const struct session *session, int64_t token, int64_t now) {
    struct row *row = find_any(session, TABLE_LEASE, &(tgs_session_info){.lease_token = token});
    return row && ((tgs_session_info *)row_data(row))->lease_expires > now ? row : NULL;
}

static tgs_holder holder_of(const struct step *step, const struct row *row) {
    tgs_holder holder = {.size = sizeof holder, .token = step->write->token};
    if (!row) return holder;
    const tgs_session_info *lease = row_data(row);
    holder.owner = lease->lease_owner;
    holder.host_name = lease->lease_host;
    holder.pid = lease->lease_pid;
    holder.since = lease->lease_since;
    return holder;
}

static tgs_status check_fence(struct step *step) {
    int32_t tag = step->write->ops[0].tag;
    if (tag == TGS_OP_LEASE_ACQUIRE || tag == TGS_OP_LEASE_RELEASE) return TGS_OK;
    const struct row *exclusive = newest_lease(step->session, TGS_LEASE_EXCLUSIVE, step->now);
    if (!exclusive && !step->write->token) return TGS_OK;
    if (step->write->token && find_lease(step->session, step->write->token, step->now)) return TGS_OK;
    tgs_holder holder = holder_of(step, newest_lease(step->session, TGS_LEASE_SHARED, step->now));
    return host->fenced(step->err, &holder);
}

static tgs_status drop_lost_leases(struct step *step) {
    struct table *leases = &step->session->tables[TABLE_LEASE];
    struct cursor cursor = cursor_first(leases, ORDER_KEY);
    for (struct row *row; (row = cursor_next(&cursor));) {
        if (((tgs_session_info *)row_data(row))->lease_expires > step->now) continue;
        tgs_status status = change(step, leases, row, NULL);
        if (status != TGS_OK) return status;
    }
    return TGS_OK;
}

static tgs_status acquire_lease(struct step *step, const tgs_op *op) {
    int32_t in_the_way = op->action == TGS_LEASE_EXCLUSIVE ? TGS_LEASE_SHARED : TGS_LEASE_EXCLUSIVE;
    const struct row *other = newest_lease(step->session, in_the_way, step->now);
    if (other) {
        tgs_holder holder = holder_of(step, other);
        return host->held(step->err, &holder);
    }
    tgs_status status = drop_lost_leases(step);
    if (status != TGS_OK) return status;
    tgs_session_info lease = {
        .fields = TGS_SESSION_INFO_LEASE_OWNER | TGS_SESSION_INFO_LEASE_HOST | TGS_SESSION_INFO_LEASE_PID |
                  TGS_SESSION_INFO_LEASE_SINCE | TGS_SESSION_INFO_LEASE_EXPIRES | TGS_SESSION_INFO_LEASE_TOKEN,
        .lease_mode = op->action,
        .lease_owner = op->owner,
        .lease_host = op->host_name,
        .lease_pid = op->pid,
        .lease_since = step->now,
        .lease_expires = later(step->now, op->ttl_ms),
        .lease_token = next_number(step),
    };
    status = store(step, &step->session->tables[TABLE_LEASE], NULL, &lease);
    if (status == TGS_OK) host->result(step->sink, op->index, 1, 0, lease.lease_token);
    return status;
}

static tgs_status renew_lease(struct step *step, const tgs_op *op) {
    struct row *row = find_lease(step->session, step->write->token, step->now);
    if (!row) {
        tgs_holder holder = holder_of(step, newest_lease(step->session, TGS_LEASE_SHARED, step->now));
        return host->fenced(step->err, &holder);
    }
    tgs_session_info lease = *(tgs_session_info *)row_data(row);
    lease.lease_expires = later(step->now, op->ttl_ms);
    tgs_status status = store(step, &step->session->tables[TABLE_LEASE], row, &lease);
    if (status == TGS_OK) host->result(step->sink, op->index, 1, 0, lease.lease_token);
    return status;
}

static tgs_status release_lease(struct step *step, const tgs_op *op) {
    struct row *row = find_any(step->session, TABLE_LEASE, &(tgs_session_info){.lease_token = step->write->token});
    tgs_status status = row ? change(step, &step->session->tables[TABLE_LEASE], row, NULL) : TGS_OK;
    if (status == TGS_OK) host->result(step->sink, op->index, row != NULL, 0, 0);
    return status;
}

/* --- usernames and phones ----------------------------------------------------------------------- */

struct names {
    const tgs_str *texts;
    size_t n;
};

static struct names names_of(const tgs_peer *peer, int table) {
    if (table == TABLE_USERNAME) return (struct names){peer->usernames, peer->n_usernames};
    return (struct names){&peer->phone, peer->phone.ptr ? 1 : 0};
}

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
    return table_find(table, &(struct name){.name = {folded, shown.len}});
}

/* Forget the names of a peer, but those in `kept`. */
static tgs_status forget_names(struct step *step, int table, const tgs_peer *peer, struct names kept) {
    struct names names = names_of(peer, table);
    for (size_t i = 0; i < names.n; i++) {
        size_t k = 0;
        while (k < kept.n && !folds_to(names.texts[i], kept.texts[k])) k++;
        struct row *row = k < kept.n ? NULL : find_shown(&step->session->tables[table], names.texts[i]);
        tgs_status status = row ? change(step, &step->session->tables[table], row, NULL) : TGS_OK;
        if (status != TGS_OK) return status;
    }
    return TGS_OK;
}

/* Take a name out of the list its owner shows. */
static tgs_status take_from(struct step *step, int table, const struct name *name) {
    struct table *peers = &step->session->tables[TGS_RECORD_PEER];
    struct row *row = table_find(peers, &(tgs_peer){.kind = name->kind, .id = name->id});
    if (!row) return TGS_OK;
    struct row *new = row_new(peers->layout, row_data(row));
    if (!new) return no_memory(step);
    tgs_peer *peer = row_data(new);
    if (table == TABLE_PHONE) {
        peer->phone = (tgs_str){0};
        peer->fields &= ~(uint64_t)TGS_PEER_PHONE;
        return change(step, peers, row, new);
    }
    tgs_str *list = (tgs_str *)peer->usernames; /* our copy */
    size_t n = 0;
    for (size_t i = 0; i < peer->n_usernames; i++)
        if (!folds_to(list[i], name->name)) list[n++] = list[i];
    peer->n_usernames = n;
    if (n == 0) {
        peer->usernames = NULL;
        peer->fields &= ~(uint64_t)TGS_PEER_USERNAMES;
    }
    return change(step, peers, row, new);
}

static tgs_status take_name(struct step *step, int table, const tgs_peer *peer, tgs_str folded, int64_t seen_at) {
    struct table *owners = &step->session->tables[table];
    struct name name = {folded, peer->id, seen_at, peer->kind};
    struct row *row = table_find(owners, &name);
    const struct name *owner = row ? row_data(row) : &name;
    tgs_status status = TGS_OK;
    if (owner->id != peer->id || owner->kind != peer->kind) status = take_from(step, table, owner);
    return status == TGS_OK ? store(step, owners, row, &name) : status;
}

/* After a put of a peer: bring the owners of its names or phone up to date. */
static tgs_status own_names(struct step *step, const tgs_op *op, int table, uint64_t bit, const tgs_peer *old) {
    const tgs_peer *peer = op->row;
    struct names given = {0};
    if (op->set & bit) given = names_of(peer, table);
    if (given.n && table == TABLE_USERNAME) given.texts = op->folded;
    bool replaced = ((op->set | op->clear) & bit) != 0;
    tgs_status status = old && replaced ? forget_names(step, table, old, given) : TGS_OK;
    int64_t seen_at = op->set & TGS_PEER_SEEN_AT ? peer->seen_at : step->now;
    for (size_t i = 0; status == TGS_OK && i < given.n; i++)
        status = take_name(step, table, peer, given.texts[i], seen_at);
    return status;
}

/* --- the queue's lanes ---------------------------------------------------------------------------- */

/* The first unfinished item of a lane. */
static struct row *lane_head(const struct table *queue, tgs_str lane) {
    tgs_queue_item before_all = {.lane = lane, .sequence = INT64_MIN};
    struct cursor cursor = cursor_seek(queue, ORDER_LANE, &before_all, true);
    struct row *row = cursor_next(&cursor);
    return row && same_text(((tgs_queue_item *)row_data(row))->lane, lane) ? row : NULL;
}

/* ORDER_READY holds the ready items without a lane, the first item of each lane if it is ready,
 * and leased ones once a claim has seen that their lease ran out.  So items that wait in
 * a lane cost a claim nothing.  What else is in there (a revived item may push in before the
 * first of its lane) a claim takes out as it comes across it. */
static tgs_status offer_lane(struct step *step, tgs_str lane) {
    struct table *queue = &step->session->tables[TGS_RECORD_QUEUE_ITEM];
    struct row *head = lane.len ? lane_head(queue, lane) : NULL;
    if (!head || ((tgs_queue_item *)row_data(head))->state != TGS_QUEUE_READY) return TGS_OK;
    return table_order_insert(queue, ORDER_READY, head) ? TGS_OK : no_memory(step);
}

static tgs_status store_item(struct step *step, struct row *old, const tgs_queue_item *item) {
    tgs_status status = store(step, &step->session->tables[TGS_RECORD_QUEUE_ITEM], old, item);
    return status == TGS_OK ? offer_lane(step, item->lane) : status;
}

/* --- put and delete --------------------------------------------------------------------------------- */

static tgs_status remove_row(struct step *step, int32_t record, struct row *row) {
    tgs_status status = change(step, &step->session->tables[record], row, NULL);
    if (status == TGS_OK && record == TGS_RECORD_PEER) {
        status = forget_names(step, TABLE_USERNAME, row_data(row), (struct names){0});
        if (status == TGS_OK) status = forget_names(step, TABLE_PHONE, row_data(row), (struct names){0});
    }
    if (status == TGS_OK && record == TGS_RECORD_QUEUE_ITEM)
        status = offer_lane(step, ((tgs_queue_item *)row_data(row))->lane);
    return status;
}

/* Remove up to `limit` rows of a record, counted in `count`. */
static tgs_status remove_rows(struct step *step, int32_t record, size_t limit, size_t *count) {
    struct cursor cursor = cursor_first(&step->session->tables[record], ORDER_KEY);
    struct row *row;
    tgs_status status = TGS_OK;
    while (status == TGS_OK && *count < limit && (row = cursor_next(&cursor))) {
        status = remove_row(step, record, row);
        ++*count;
    }
    return status;
}

static bool keeps_account(const struct row *old, const tgs_op *op) {
    const tgs_session_data *stored = old ? row_data(old) : NULL, *given = op->row;
    return !stored || !(stored->fields & TGS_SESSION_USER_ID) || stored->user_id == given->user_id;
}

static tgs_status replace_account(struct step *step) {
    size_t removed = 0;
    tgs_status status = remove_rows(step, TGS_RECORD_PEER, SIZE_MAX, &removed);
    return status == TGS_OK ? remove_rows(step, TGS_RECORD_UPDATE_STATE, SIZE_MAX, &removed) : status;
}

/* "ttl_ms" and "delay_ms" are given as durations, and stored as `expires` and `due`. */
static void set_deadline(const struct layout *layout, const tgs_field *duration, void *data, const tgs_op *op,
                         int64_t now) {
    bool expires = strcmp(duration->name, "ttl_ms") == 0;
    const tgs_field *deadline = field_named(layout, expires ? "expires" : "due");
    int64_t ms = *(const int64_t *)field_at(op->row, duration);
    *(int64_t *)field_at(data, deadline) = expires && ms == 0 ? 0 : later(now, ms);
    row_beginning(data)->fields |= deadline->bit;
}

static bool is_larger(const tgs_field *field, const void *a, const void *b) {
    return order_compare(&(struct order_by){1, {field}}, a, b) > 0;
}

/* What becomes of one field, by the masks of the operation. */
static void merge_field(const struct layout *layout, const tgs_field *field, void *data, const tgs_op *op,
                        const struct step *step, uint32_t *notes) {
    bool stored = has_field(data, field->bit);
    if (op->clear & field->bit) {
        static const char nothing[TABLE_ROW_SIZE];
        field_copy(field, data, nothing);
        row_beginning(data)->fields &= ~field->bit;
    } else if (field->flags & TGS_FIELD_WRITE_ONLY) {
        set_deadline(layout, field, data, op, step->now);
    } else if ((op->stamp & field->bit) || ((op->stamp_new & field->bit) && (*notes & TGS_NOTE_NEW))) {
        *(int64_t *)field_at(data, field) = step->now;
        row_beginning(data)->fields |= field->bit;
    } else if ((op->raise & field->bit) && stored && is_larger(field, data, op->row)) {
        *notes |= TGS_NOTE_LOWER;
    } else if (((op->set | op->raise) & field->bit) || ((op->fill & field->bit) && !stored)) {
        field_copy(field, data, op->row);
        row_beginning(data)->fields |= field->bit;
    }
}

/* Write to `data` what the row becomes.  Its texts are borrowed from `old` and the operation. */
static void merge(const struct step *step, const struct layout *layout, const tgs_op *op, const struct row *old,
                  void *data, uint32_t *notes) {
    *notes = old ? 0 : TGS_NOTE_NEW;
    if (old) memcpy(data, row_data(old), layout->row_size);
    else memset(data, 0, layout->row_size);
    uint64_t touched = op->set | op->clear | op->raise | op->fill | op->stamp | op->stamp_new;
    for (size_t i = 0; i < layout->n_fields; i++) {
        const tgs_field *field = &layout->fields[i];
        if (field->bit & touched) merge_field(layout, field, data, op, step, notes);
        else if (!old && (field->flags & TGS_FIELD_KEY)) field_copy(field, data, op->row);
    }
}

/* Done and dead items go after a while; 0: never. */
static void finish_item(tgs_queue_item *item, int32_t state, int64_t now, int64_t ttl_ms) {
    item->state = state;
    item->expires = ttl_ms ? later(now, ttl_ms) : 0;
    item->fields |= TGS_QUEUE_ITEM_EXPIRES;
}

static void complete_item(struct step *step, const tgs_op *op, tgs_queue_item *item) {
    item->sequence = next_number(step);
    item->fields |= TGS_QUEUE_ITEM_SEQUENCE;
    if (item->state == TGS_QUEUE_DONE) finish_item(item, TGS_QUEUE_DONE, step->now, op->done_ttl_ms);
    if (item->state == TGS_QUEUE_DEAD) finish_item(item, TGS_QUEUE_DEAD, step->now, op->dead_ttl_ms);
}

static bool is_insert_only(int32_t record) {
    return record == TGS_RECORD_DEDUP || record == TGS_RECORD_QUEUE_ITEM;
}

static tgs_status put(struct step *step, const tgs_op *op) {
    struct table *table = &step->session->tables[op->record];
    struct row *old = table_find(table, op->row);
    struct row *live = old && !is_expired(table->layout, row_data(old), step->now) ? old : NULL;
    if (live && is_insert_only(op->record)) { /* added by an earlier operation of this write */
        host->result(step->sink, op->index, 0, 0, 0);
        return TGS_OK;
    }
    tgs_status status = TGS_OK;
    if ((op->flags & TGS_OP_REPLACE_ACCOUNT) && !keeps_account(live, op)) status = replace_account(step);
    if (status != TGS_OK) return status;
    _Alignas(max_align_t) char data[TABLE_ROW_SIZE];
    uint32_t notes;
    merge(step, table->layout, op, live, data, &notes);
    int64_t version = 0;
    if (op->record == TGS_RECORD_QUEUE_ITEM) {
        complete_item(step, op, (tgs_queue_item *)(void *)data);
        status = store_item(step, old, (tgs_queue_item *)(void *)data);
    } else {
        if (op->record == TGS_RECORD_CONVERSATION) {
            tgs_conversation *conversation = (tgs_conversation *)(void *)data;
            conversation->version = version = next_number(step);
            conversation->fields |= TGS_CONVERSATION_VERSION;
        }
        status = store(step, table, old, data);
    }
    if (op->record == TGS_RECORD_PEER) {
        const tgs_peer *before = old ? row_data(old) : NULL;
        if (status == TGS_OK) status = own_names(step, op, TABLE_USERNAME, TGS_PEER_USERNAMES, before);
        if (status == TGS_OK) status = own_names(step, op, TABLE_PHONE, TGS_PEER_PHONE, before);
    }
    if (status == TGS_OK) host->result(step->sink, op->index, 1, notes, version);
    return status;
}

static tgs_status delete(struct step *step, const tgs_op *op) {
    struct row *row = find_any(step->session, op->record, op->row);
    bool live = row && !is_expired(&layouts[op->record], row_data(row), step->now);
    tgs_status status = row ? remove_row(step, op->record, row) : TGS_OK;
    size_t removed = 0;
    if (status == TGS_OK && op->record == TGS_RECORD_SESSION)
        status = remove_rows(step, TGS_RECORD_DC_AUTH, SIZE_MAX, &removed);
    if (status == TGS_OK) host->result(step->sink, op->index, live, 0, 0);
    return status;
}

/* --- queue: claim and settle --------------------------------------------------------------------------- */

static void end_lease(tgs_queue_item *item) {
    item->token = item->lease_expires = 0;
    item->lease_owner = (tgs_str){0};
    item->fields &= ~(uint64_t)(TGS_QUEUE_ITEM_TOKEN | TGS_QUEUE_ITEM_LEASE_EXPIRES | TGS_QUEUE_ITEM_LEASE_OWNER);
}

static tgs_queue_item touched_item(const struct step *step, const struct row *row) {
    tgs_queue_item item = *(const tgs_queue_item *)row_data(row);
    item.updated = step->now;
    item.fields |= TGS_QUEUE_ITEM_UPDATED;
    return item;
}

static tgs_status bury(struct step *step, const tgs_op *op, struct row *row) {
    tgs_queue_item item = touched_item(step, row);
    end_lease(&item);
    finish_item(&item, TGS_QUEUE_DEAD, step->now, op->dead_ttl_ms);
    if (!item.last_error.ptr) item.last_error = TGS_STR("the lease ran out");
    item.fields |= TGS_QUEUE_ITEM_LAST_ERROR;
    return store_item(step, row, &item);
}

/* Items whose lease ran out: offer them again, or bury those that had their last attempt. */
static tgs_status collect_lost(struct step *step, const tgs_op *op) {
    struct table *queue = &step->session->tables[TGS_RECORD_QUEUE_ITEM];
    struct cursor cursor = cursor_first(queue, ORDER_LEASED);
    for (struct row *row; (row = cursor_next(&cursor));) {
        const tgs_queue_item *item = row_data(row);
        if (item->lease_expires > step->now) break;
        if (item->attempts >= item->max_attempts) {
            tgs_status status = bury(step, op, row);
            if (status != TGS_OK) return status;
            continue;
        }
        if (!table_order_insert(queue, ORDER_READY, row)) return no_memory(step);
        table_order_remove(queue, ORDER_LEASED, row);
        cursor = cursor_seek(queue, ORDER_LEASED, item, false);
    }
    return TGS_OK;
}

static bool is_claimable(const struct step *step, const tgs_queue_item *item) {
    if (item->state == TGS_QUEUE_LEASED) return item->lease_expires <= step->now;
    return item->state == TGS_QUEUE_READY && item->due <= step->now;
}

/* The first claimable row behind `after`. */
static struct row *next_claimable(struct step *step, const tgs_op *op, const tgs_queue_item *after) {
    struct table *queue = &step->session->tables[TGS_RECORD_QUEUE_ITEM];
    if (op->lane.len) { /* a lane has one item to claim at most */
        struct row *head = after->fields ? NULL : lane_head(queue, op->lane);
        return head && is_claimable(step, row_data(head)) ? head : NULL;
    }
    struct cursor cursor = cursor_seek(queue, ORDER_READY, after, false);
    for (struct row *row; (row = cursor_next(&cursor));) {
        const tgs_queue_item *item = row_data(row);
        if (item->due > step->now) break;
        if (item->lane.len && lane_head(queue, item->lane) != row) {
            if (item->state != TGS_QUEUE_READY) continue;
            table_order_remove(queue, ORDER_READY, row);
            cursor = cursor_seek(queue, ORDER_READY, item, false);
        } else if (is_claimable(step, item) && !(op->lane.ptr && item->lane.len)) {
            return row;
        }
    }
    return NULL;
}

static tgs_status claim_item(struct step *step, const tgs_op *op, struct row *row, size_t slot) {
    tgs_queue_item item = touched_item(step, row);
    item.state = TGS_QUEUE_LEASED;
    item.attempts++;
    item.token = next_number(step);
    item.lease_owner = op->owner;
    item.lease_expires = later(step->now, op->ttl_ms);
    item.fields |= TGS_QUEUE_ITEM_TOKEN | TGS_QUEUE_ITEM_LEASE_OWNER | TGS_QUEUE_ITEM_LEASE_EXPIRES;
    tgs_status status = store(step, &step->session->tables[TGS_RECORD_QUEUE_ITEM], row, &item);
    if (status != TGS_OK) return status;
    status = host->row(step->sink, slot, &item);
    return status < 0 ? host->fail(step->err, status, NULL, NULL) : status;
}

static tgs_status claim(struct step *step, const tgs_op *op) {
    tgs_status status = collect_lost(step, op);
    tgs_queue_item after = {.due = INT64_MIN};
    for (size_t slot = 0; status == TGS_OK && slot < op->limit; slot++) {
        struct row *row = next_claimable(step, op, &after);
        if (!row) break;
        after = *(tgs_queue_item *)row_data(row);
        status = claim_item(step, op, row, slot);
    }
    return status == TGS_SINK_FULL ? TGS_OK : status;
}

/* 1 s, 2 s, 4 s, ... up to 1 h. */
static int64_t back_off(int64_t attempts) {
    const int64_t longest = 3600000;
    if (attempts < 1) return 1000;
    return attempts > 12 || 1000LL << (attempts - 1) > longest ? longest : 1000LL << (attempts - 1);
}

static void make_ready(tgs_queue_item *item) {
    item->state = TGS_QUEUE_READY;
    end_lease(item);
}

static void fail_item(const struct step *step, const tgs_op *op, const tgs_queue_item *given, tgs_queue_item *item) {
    end_lease(item);
    if (item->attempts >= item->max_attempts) {
        finish_item(item, TGS_QUEUE_DEAD, step->now, op->dead_ttl_ms);
        return;
    }
    make_ready(item);
    item->due = later(step->now, op->set & TGS_QUEUE_ITEM_DELAY ? given->delay_ms : back_off(item->attempts));
}

static void settle_item(const struct step *step, const tgs_op *op, const tgs_queue_item *given, tgs_queue_item *item) {
    if (op->set & TGS_QUEUE_ITEM_LAST_ERROR) {
        item->last_error = given->last_error;
        item->fields |= TGS_QUEUE_ITEM_LAST_ERROR;
    }
    switch (op->action) {
    case TGS_SETTLE_ACK:
        end_lease(item);
        finish_item(item, TGS_QUEUE_DONE, step->now, op->done_ttl_ms);
        break;
    case TGS_SETTLE_FAIL: fail_item(step, op, given, item); break;
    case TGS_SETTLE_RELEASE:
        make_ready(item);
        item->attempts--;
        break;
    case TGS_SETTLE_EXTEND: item->lease_expires = later(step->now, given->delay_ms); break;
    case TGS_SETTLE_KILL:
        end_lease(item);
        finish_item(item, TGS_QUEUE_DEAD, step->now, op->dead_ttl_ms);
        break;
    default: /* REVIVE */
        make_ready(item);
        item->attempts = 0;
        item->due = step->now;
        item->expires = 0;
        item->fields &= ~(uint64_t)TGS_QUEUE_ITEM_EXPIRES;
    }
}

static tgs_status settle(struct step *step, const tgs_op *op) {
    const tgs_queue_item *given = op->row;
    struct row *row = find_live(step->session, TGS_RECORD_QUEUE_ITEM, given, step->now);
    const tgs_queue_item *stored = row ? row_data(row) : NULL;
    bool revive = op->action == TGS_SETTLE_REVIVE;
    bool held = stored && stored->state == TGS_QUEUE_LEASED && stored->token == given->token;
    bool dead = stored && stored->state == TGS_QUEUE_DEAD;
    if (revive ? !dead : !held) {
        step->err->index = (int64_t)op->index;
        return host->fail(step->err, TGS_E_CONFLICT, NULL,
                          revive ? "the queue item is not dead, so there is nothing to revive"
                                 : "the claim of the queue item is stale; claim it again");
    }
    tgs_queue_item item = touched_item(step, row);
    settle_item(step, op, given, &item);
    tgs_status status = store_item(step, row, &item);
    if (status == TGS_OK) host->result(step->sink, op->index, 1, 0, 0);
    return status;
}

/* --- purge and prune ------------------------------------------------------------------------------------- */

static tgs_status mark_purging(struct step *step) {
    struct registration registration = *registration_of(step->registered);
    if (registration.purging) return TGS_OK;
    registration.purging = 1;
    struct row *old = step->registered;
    tgs_status status = store(step, &step->memory->registry, old, &registration);
    if (status == TGS_OK) step->registered = find_session(step->memory, step->write->session);
    return status;
}

static tgs_status purge(struct step *step, const tgs_op *op) {
    size_t removed = 0;
    tgs_status status = mark_purging(step);
    if (status == TGS_OK) status = remove_rows(step, TGS_RECORD_SESSION, SIZE_MAX, &removed);
    if (status == TGS_OK) status = remove_rows(step, TGS_RECORD_DC_AUTH, SIZE_MAX, &removed);
    for (int32_t record = TGS_RECORD_PEER; status == TGS_OK && record <= TGS_RECORD_KV; record++)
        status = remove_rows(step, record, op->limit, &removed);
    if (status != TGS_OK) return status;
    step->ended = removed < op->limit;
    if (step->ended) status = change(step, &step->memory->registry, step->registered, NULL);
    if (status == TGS_OK) host->result(step->sink, op->index, step->ended, 0, (int64_t)removed);
    return status;
}

static tgs_status prune_expired(struct step *step, int32_t record, size_t limit, size_t *removed) {
    struct cursor cursor = cursor_first(&step->session->tables[record], ORDER_EXPIRES);
    struct row *row;
    tgs_status status = TGS_OK;
    while (status == TGS_OK && *removed < limit && (row = cursor_next(&cursor)) &&
           is_expired(&layouts[record], row_data(row), step->now)) {
        status = remove_row(step, record, row);
        ++*removed;
    }
    return status;
}

static tgs_status prune_peers(struct step *step, int64_t age_ms, size_t limit, size_t *removed) {
    struct cursor cursor = cursor_first(&step->session->tables[TGS_RECORD_PEER], ORDER_KEY);
    struct row *row;
    tgs_status status = TGS_OK;
    while (status == TGS_OK && *removed < limit && (row = cursor_next(&cursor))) {
        if (((tgs_peer *)row_data(row))->seen_at >= step->now - age_ms) continue;
        status = remove_row(step, TGS_RECORD_PEER, row);
        ++*removed;
    }
    return status;
}

static tgs_status prune(struct step *step, const tgs_op *op) {
    size_t removed = 0;
    tgs_status status = TGS_OK;
    struct cursor cursor = cursor_first(&step->memory->registry, ORDER_KEY);
    for (struct row *row; status == TGS_OK && (row = cursor_next(&cursor));) {
        step->session = registration_of(row)->session;
        for (int32_t record = TGS_RECORD_SESSION; status == TGS_OK && record <= TGS_RECORD_KV; record++)
            status = prune_expired(step, record, op->limit, &removed);
        if (status == TGS_OK && op->ttl_ms > 0) status = prune_peers(step, op->ttl_ms, op->limit, &removed);
    }
    if (status == TGS_OK) host->result(step->sink, op->index, removed < op->limit, 0, (int64_t)removed);
    return status;
}

/* --- the write ------------------------------------------------------------------------------------------- */

#define KNOWN_OP_FLAGS                                                                                            \
    (TGS_OP_IF_PRESENT | TGS_OP_IF_ABSENT | TGS_OP_IF_VERSION | TGS_OP_REQUIRE | TGS_OP_SAME_ACCOUNT |           \
     TGS_OP_REPLACE_ACCOUNT)

static const tgs_op *op_at(const tgs_write *write, size_t i) {
    return (const tgs_op *)(const void *)((const char *)write->ops + i * write->stride);
}

static bool is_known(const tgs_op *op) {
    if (op->tag < TGS_OP_PUT || op->tag > TGS_OP_PRUNE || (op->flags & ~KNOWN_OP_FLAGS)) return false;
    if (op->tag == TGS_OP_SETTLE) return op->action >= TGS_SETTLE_ACK && op->action <= TGS_SETTLE_KILL;
    if (op->tag > TGS_OP_DELETE) return true;
    if (op->record < TGS_RECORD_SESSION || op->record > TGS_RECORD_KV) return false;
    uint64_t touched = op->set | op->clear | op->raise | op->fill | op->stamp | op->stamp_new;
    return (touched & ~layouts[op->record].bits) == 0;
}

static bool holds(const struct step *step, const tgs_op *op) {
    uint32_t flags = op->flags;
    if (op->tag == TGS_OP_PUT && is_insert_only(op->record)) flags |= TGS_OP_IF_ABSENT;
    if (!(flags & (TGS_OP_IF_PRESENT | TGS_OP_IF_ABSENT | TGS_OP_IF_VERSION))) return true;
    const struct row *row = find_live(step->session, op->record, op->row, step->now);
    if ((flags & TGS_OP_IF_PRESENT) && !row) return false;
    if ((flags & TGS_OP_IF_ABSENT) && row) return false;
    if (!(flags & TGS_OP_IF_VERSION)) return true;
    const tgs_conversation *stored = row ? row_data(row) : NULL, *given = op->row;
    return stored && stored->version == given->version;
}

static tgs_status refuse(struct step *step, const tgs_op *op, const char *message) {
    step->err->index = (int64_t)op->index;
    return host->fail(step->err, TGS_E_CONFLICT, NULL, message);
}

static tgs_status skip(struct step *step, size_t i) {
    if (!step->skipped) {
        step->skipped = host->alloc(step->write->n_ops);
        if (!step->skipped) return no_memory(step);
        memset(step->skipped, 0, step->write->n_ops);
    }
    step->skipped[i] = 1;
    return TGS_OK;
}

static tgs_status check_conditions(struct step *step) {
    tgs_status status = TGS_OK;
    for (size_t i = 0; status == TGS_OK && i < step->write->n_ops; i++) {
        const tgs_op *op = op_at(step->write, i);
        if (!is_known(op)) return host->fail(step->err, TGS_E_UNSUPPORTED, NULL, NULL);
        if (op->tag != TGS_OP_PUT && op->tag != TGS_OP_DELETE) continue;
        if ((op->flags & TGS_OP_SAME_ACCOUNT) &&
            !keeps_account(find_any(step->session, TGS_RECORD_SESSION, op->row), op))
            return refuse(step, op, "the session belongs to another user_id; take another session, or replace the account");
        if (holds(step, op)) continue;
        status = op->flags & TGS_OP_REQUIRE ? refuse(step, op, NULL) : skip(step, i);
    }
    return status;
}

static tgs_status apply(struct step *step, const tgs_op *op) {
    switch (op->tag) {
    case TGS_OP_PUT: return put(step, op);
    case TGS_OP_DELETE: return delete(step, op);
    case TGS_OP_CLAIM: return claim(step, op);
    case TGS_OP_SETTLE: return settle(step, op);
    case TGS_OP_LEASE_ACQUIRE: return acquire_lease(step, op);
    case TGS_OP_LEASE_RENEW: return renew_lease(step, op);
    case TGS_OP_LEASE_RELEASE: return release_lease(step, op);
    case TGS_OP_PURGE: return purge(step, op);
    default: return host->fail(step->err, TGS_E_UNSUPPORTED, NULL, NULL);
    }
}

static tgs_status run(struct step *step) {
    if (step->write->ops[0].tag == TGS_OP_PRUNE) return prune(step, step->write->ops);
    tgs_status status = enter_session(step);
    if (status == TGS_OK) status = check_fence(step);
    if (status == TGS_OK) status = check_conditions(step);
    for (size_t i = 0; status == TGS_OK && i < step->write->n_ops; i++) {
        const tgs_op *op = op_at(step->write, i);
        if (step->skipped && step->skipped[i]) host->result(step->sink, op->index, 0, 0, 0);
        else status = apply(step, op);
    }
    host->release(step->skipped);
    return status;
}

static tgs_status memory_write(void *self, const tgs_write *write, const tgs_backend_call *call, tgs_sink *sink,
                               tgs_error *err) {
    struct memory *memory = self;
    pthread_rwlock_wrlock(&memory->lock);
    struct step step = {.memory = memory, .write = write, .sink = sink, .err = err, .now = host->now_ms()};
    tgs_status status = host->check(call);
    status = status == TGS_OK ? run(&step) : host->fail(err, status, NULL, NULL);
    bool only_registered = step.fresh && memory->n_changes == 1;
    bool keep = status == TGS_OK && !only_registered;
    if (keep) commit(memory);
    else roll_back(memory);
    if (keep ? step.ended : step.fresh) session_free(step.session);
    pthread_rwlock_unlock(&memory->lock);
    return status;
}

/* --- reads ------------------------------------------------------------------------------------------------ */

/* The running read. */
struct reading {
    const struct memory *memory;
    const tgs_query *query;
    const struct session *session; /* NULL: unknown, or being purged */
    tgs_sink *sink;
    tgs_error *err;
    int64_t now;
};

static tgs_status give(const struct reading *reading, size_t slot, const void *data) {
    tgs_status status = host->row(reading->sink, slot, data);
    return status < 0 ? host->fail(reading->err, status, NULL, NULL) : status;
}

static bool is_better(const tgs_peer *peer, const tgs_peer *than) {
    if (!than) return true;
    if ((peer->access_hash != 0) != (than->access_hash != 0)) return peer->access_hash != 0;
    return peer->seen_at > than->seen_at;
}

static struct row *find_peer_of_any_kind(const struct session *session, int64_t id) {
    struct row *best = NULL;
    for (int32_t kind = TGS_PEER_USER; kind <= TGS_PEER_CHANNEL; kind++) {
        struct row *row = find_any(session, TGS_RECORD_PEER, &(tgs_peer){.kind = kind, .id = id});
        if (row && is_better(row_data(row), best ? row_data(best) : NULL)) best = row;
    }
    return best;
}

static tgs_status get(const struct reading *reading) {
    const tgs_query *query = reading->query;
    tgs_status status = TGS_OK;
    for (size_t i = 0; status == TGS_OK && i < query->n_keys; i++) {
        const void *key = (const char *)query->keys + i * query->stride;
        const tgs_peer *peer = query->record == TGS_RECORD_PEER ? key : NULL;
        const struct row *row = peer && peer->kind == TGS_PEER_ANY
                                    ? find_peer_of_any_kind(reading->session, peer->id)
                                    : find_live(reading->session, query->record, key, reading->now);
        if (row) status = give(reading, i, row_data(row));
    }
    return status;
}

static tgs_status get_by_name(const struct reading *reading, int table) {
    const tgs_query *query = reading->query;
    tgs_status status = TGS_OK;
    for (size_t i = 0; status == TGS_OK && i < query->n_texts; i++) {
        const struct row *row = find_any(reading->session, table, &(struct name){.name = query->texts[i]});
        if (!row) continue;
        const struct name *name = row_data(row);
        if (query->max_age_ms > 0 && name->seen_at < reading->now - query->max_age_ms) continue;
        row = find_any(reading->session, TGS_RECORD_PEER, &(tgs_peer){.kind = name->kind, .id = name->id});
        if (row) status = give(reading, i, row_data(row));
    }
    return status;
}

/* Where a list with this filter begins. */
static struct cursor list_start(const struct table *table, const tgs_query *query, size_t order) {
    const tgs_filter *filter = query->filter;
    if (query->after) return cursor_seek(table, order, query->after, false);
    if (query->record == TGS_RECORD_PEER && filter->kind != TGS_PEER_ANY)
        return cursor_seek(table, order, &(tgs_peer){.kind = filter->kind, .id = INT64_MIN}, true);
    if (query->record == TGS_RECORD_KV && filter->scope.ptr)
        return cursor_seek(table, order, &(tgs_kv){.scope = filter->scope}, true);
    return cursor_first(table, order);
}

/* Whether the filter lets the row through, and whether it may let through a later one. */
static bool passes(const tgs_query *query, const void *data, bool *past_end) {
    const tgs_filter *filter = query->filter;
    if (query->record == TGS_RECORD_PEER && filter->kind != TGS_PEER_ANY) {
        const tgs_peer *peer = data;
        *past_end = peer->kind > filter->kind;
        return peer->kind == filter->kind;
    }
    if (query->record == TGS_RECORD_KV && filter->scope.ptr) {
        const tgs_kv *kv = data;
        *past_end = order_compare(&(struct order_by){1, {layouts[TGS_RECORD_KV].key.fields[0]}}, kv,
                                  &(tgs_kv){.scope = filter->scope}) > 0;
        return same_text(kv->scope, filter->scope);
    }
    if (query->record != TGS_RECORD_QUEUE_ITEM) return true;
    const tgs_queue_item *item = data;
    return (filter->state < 0 || item->state == filter->state) &&
           (!filter->scope.ptr || same_text(item->lane, filter->scope));
}

static tgs_status list(const struct reading *reading) {
    const tgs_query *query = reading->query;
    size_t order = query->filter->order == TGS_ORDER_EXPIRES ? ORDER_EXPIRES : ORDER_KEY;
    struct cursor cursor = list_start(&reading->session->tables[query->record], query, order);
    const struct row *row;
    tgs_status status = TGS_OK;
    bool past_end = false;
    for (size_t slot = 0; status == TGS_OK && slot < query->limit && !past_end && (row = cursor_next(&cursor));) {
        if (is_expired(&layouts[query->record], row_data(row), reading->now)) continue;
        if (passes(query, row_data(row), &past_end)) status = give(reading, slot++, row_data(row));
    }
    return status;
}

static size_t count_expired(const struct table *table, int64_t now) {
    size_t count = 0;
    struct cursor cursor = cursor_first(table, ORDER_EXPIRES);
    for (struct row *row; (row = cursor_next(&cursor)) && is_expired(table->layout, row_data(row), now);) count++;
    return count;
}

static int64_t count_live(const struct session *session, int32_t record, int64_t now) {
    const struct table *table = &session->tables[record];
    return (int64_t)(table->n_rows - count_expired(table, now));
}

/* A session exists while it has a record, a live lease or the purge mark. */
static bool exists(const struct registration *registration, int64_t now) {
    if (registration->purging || newest_lease(registration->session, TGS_LEASE_SHARED, now)) return true;
    for (int32_t record = TGS_RECORD_SESSION; record <= TGS_RECORD_KV; record++)
        if (count_live(registration->session, record, now) > 0) return true;
    return false;
}

static tgs_session_info session_info(const struct registration *registration, int64_t now) {
    const struct row *newest = newest_lease(registration->session, TGS_LEASE_SHARED, now);
    tgs_session_info info = {0};
    if (newest) info = *(const tgs_session_info *)row_data(newest);
    info.name = registration->name;
    info.created = registration->created;
    info.purging = registration->purging;
    info.fields |= TGS_SESSION_INFO_CREATED | TGS_SESSION_INFO_PURGING | TGS_SESSION_INFO_LEASE_MODE |
                   TGS_SESSION_INFO_LEASE_HOLDERS;
    struct cursor cursor = cursor_first(&registration->session->tables[TABLE_LEASE], ORDER_KEY);
    for (struct row *row; (row = cursor_next(&cursor));)
        if (((tgs_session_info *)row_data(row))->lease_expires > now) info.lease_holders++;
    return info;
}

static tgs_status list_sessions(const struct reading *reading) {
    const tgs_query *query = reading->query;
    struct cursor cursor = cursor_first(&reading->memory->registry, ORDER_KEY);
    if (query->n_texts)
        cursor = cursor_seek(&reading->memory->registry, ORDER_KEY, &(struct registration){.name = query->texts[0]},
                             false);
    const struct row *row;
    tgs_status status = TGS_OK;
    for (size_t slot = 0; status == TGS_OK && slot < query->limit && (row = cursor_next(&cursor));) {
        if (!exists(registration_of(row), reading->now)) continue;
        tgs_session_info info = session_info(registration_of(row), reading->now);
        status = give(reading, slot++, &info);
    }
    return status;
}

static void add_queue_stats(const struct session *session, int64_t now, tgs_stats *stats) {
    struct cursor cursor = cursor_first(&session->tables[TGS_RECORD_QUEUE_ITEM], ORDER_KEY);
    for (struct row *row; (row = cursor_next(&cursor));) {
        const tgs_queue_item *item = row_data(row);
        if (is_expired(&layouts[TGS_RECORD_QUEUE_ITEM], item, now)) continue;
        bool leased = item->state == TGS_QUEUE_LEASED && item->lease_expires > now;
        if (leased) stats->queue_leased++;
        else if (item->state <= TGS_QUEUE_LEASED) stats->queue_ready++;
        else if (item->state == TGS_QUEUE_DONE) stats->queue_done++;
        else stats->queue_dead++;
    }
}

static void add_stats(const struct registration *registration, int64_t now, tgs_stats *stats) {
    if (!exists(registration, now)) return;
    stats->sessions++;
    if (registration->purging) return;
    const struct session *session = registration->session;
    stats->session_data += count_live(session, TGS_RECORD_SESSION, now);
    stats->dc_auths += count_live(session, TGS_RECORD_DC_AUTH, now);
    stats->peers += count_live(session, TGS_RECORD_PEER, now);
    stats->usernames += (int64_t)session->tables[TABLE_USERNAME].n_rows;
    stats->phones += (int64_t)session->tables[TABLE_PHONE].n_rows;
    stats->update_states += count_live(session, TGS_RECORD_UPDATE_STATE, now);
    stats->dedup_keys += count_live(session, TGS_RECORD_DEDUP, now);
    stats->conversations += count_live(session, TGS_RECORD_CONVERSATION, now);
    stats->kvs += count_live(session, TGS_RECORD_KV, now);
    add_queue_stats(session, now, stats);
    for (int32_t record = TGS_RECORD_SESSION; record <= TGS_RECORD_KV; record++)
        stats->expired += (int64_t)count_expired(&session->tables[record], now);
}

static tgs_status count_rows(const struct reading *reading) {
    tgs_stats stats = {.fields = TGS_STATS_ALL_COUNTS};
    if (reading->query->session.ptr) {
        const struct row *row = find_session(reading->memory, reading->query->session);
        if (row) add_stats(registration_of(row), reading->now, &stats);
    } else {
        struct cursor cursor = cursor_first(&reading->memory->registry, ORDER_KEY);
        for (struct row *row; (row = cursor_next(&cursor));) add_stats(registration_of(row), reading->now, &stats);
    }
    return give(reading, 0, &stats);
}

static bool is_known_query(const tgs_query *query) {
    if (query->tag < TGS_QUERY_GET || query->tag > TGS_QUERY_STATS) return false;
    if (query->tag > TGS_QUERY_LIST) return true;
    if (query->record < TGS_RECORD_SESSION || query->record > TGS_RECORD_KV) return false;
    if (query->tag == TGS_QUERY_GET || query->filter->order == TGS_ORDER_KEY) return true;
    return query->filter->order == TGS_ORDER_EXPIRES && query->record == TGS_RECORD_CONVERSATION;
}

static tgs_status answer(struct reading *reading) {
    if (!is_known_query(reading->query)) return host->fail(reading->err, TGS_E_UNSUPPORTED, NULL, NULL);
    if (reading->query->tag == TGS_QUERY_SESSIONS) return list_sessions(reading);
    if (reading->query->tag == TGS_QUERY_STATS) return count_rows(reading);
    const struct row *row = find_session(reading->memory, reading->query->session);
    if (!row || registration_of(row)->purging) return TGS_OK;
    reading->session = registration_of(row)->session;
    switch (reading->query->tag) {
    case TGS_QUERY_GET: return get(reading);
    case TGS_QUERY_LIST: return list(reading);
    case TGS_QUERY_PEER_BY_USERNAME: return get_by_name(reading, TABLE_USERNAME);
    default: return get_by_name(reading, TABLE_PHONE);
    }
}

static tgs_status memory_read(void *self, const tgs_query *query, const tgs_backend_call *call, tgs_sink *sink,
                              tgs_error *err) {
    struct memory *memory = self;
    pthread_rwlock_rdlock(&memory->lock);
    struct reading reading = {memory, query, NULL, sink, err, host->now_ms()};
    tgs_status status = host->check(call);
    status = status == TGS_OK ? answer(&reading) : host->fail(err, status, NULL, NULL);
    pthread_rwlock_unlock(&memory->lock);
    return status == TGS_SINK_FULL ? TGS_OK : status;
}

/* --- open and close --------------------------------------------------------------------------------------- */

static tgs_status refuse_open(const tgs_backend_open *open, tgs_error *err) {
    char message[160];
    if (open->path.len) {
        snprintf(message, sizeof message, "a memory store has no path; open it as \"memory:\"");
    } else {
        tgs_str key = open->options[0].key;
        snprintf(message, sizeof message, "the memory back end has no option \"%.*s\"; leave it out",
                 (int)(key.len < 64 ? key.len : 64), key.ptr);
    }
    return host->fail(err, TGS_E_INVALID, NULL, message);
}

/* Writers must get their turn, however many readers there are. */
static bool lock_setup(pthread_rwlock_t *lock) {
    pthread_rwlockattr_t attributes;
    if (pthread_rwlockattr_init(&attributes) != 0) return false;
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    bool done = pthread_rwlock_init(lock, &attributes) == 0;
    pthread_rwlockattr_destroy(&attributes);
    return done;
}

static tgs_status memory_open(const tgs_backend_open *open, const tgs_backend_call *call, void **self,
                              uint64_t *capabilities, tgs_error *err) {
    (void)call; /* there is nothing to wait for */
    if (open->path.len || open->n_options) return refuse_open(open, err);
    struct memory *memory = host->alloc(sizeof *memory);
    if (!memory) return host->fail(err, TGS_E_NOMEM, NULL, NULL);
    *memory = (struct memory){.registry.layout = &layouts[TABLE_REGISTRY]};
    if (!lock_setup(&memory->lock)) {
        host->release(memory);
        return host->fail(err, TGS_E_NOMEM, NULL, NULL);
    }
    *self = memory;
    *capabilities = 0;
    return TGS_OK;
}

static void memory_close(void *self, int32_t forked) {
    /* A thread of the parent may have been in the middle of a write, so that nothing here
     * can be relied on: the child leaves it all to the end of its process. */
    if (forked) return;
    struct memory *memory = self;
    struct cursor cursor = cursor_first(&memory->registry, ORDER_KEY);
    for (struct row *row; (row = cursor_next(&cursor));) session_free(registration_of(row)->session);
    table_clear(&memory->registry);
    host->release(memory->changes);
    pthread_rwlock_destroy(&memory->lock);
    host->release(memory);
}

static const char *const schemes[] = {"memory", NULL};

static const tgs_backend memory_backend = {
    .size = sizeof(tgs_backend),
    .name = "memory",
    .schemes = schemes,
    .open = memory_open,
    .close = memory_close,
    .write = memory_write,
    .read = memory_read,
};

const tgs_backend *memory_backend_entry(uint32_t abi, const tgs_host *the_host) {
    host = the_host;
    if (abi != TGS_BACKEND_ABI || !describe_all()) return NULL;
    table_setup(host);
    return &memory_backend;
}
