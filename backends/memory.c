/* SPDX-License-Identifier: Apache-2.0 */
/* The memory back end: the reference that the others are held against.  Begin with memory.h. */
#include "memory.h"

#include <stdio.h>

#include "builtin.h"

const tgs_host *memory_host;

/* --- layouts: what the tables have to know of each record -------------------------------------------- */

struct layout memory_layouts[TABLE_COUNT];

static const tgs_field registration_fields[] = {
    {"name", TGS_TYPE_TEXT, TGS_FIELD_KEY, 0, offsetof(struct registration, name), NULL, {0}},
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

bool memory_is_expired(const struct layout *layout, const void *data, int64_t now) {
    int64_t expires = expires_of(layout, data);
    return expires > 0 && expires <= now;
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

static void describe(struct layout *layout, const tgs_field *fields, size_t n, size_t row_size) {
    *layout = (struct layout){.fields = fields,
                              .n_fields = n,
                              .given_size = row_size,
                              .row_size = row_size,
                              .member_of = member_of_record};
    for (size_t i = 0; i < n; i++) {
        bool text = fields[i].type == TGS_TYPE_TEXT || fields[i].type == TGS_TYPE_BYTES;
        if (text && layout->n_texts < TABLE_TEXT_FIELDS) layout->texts[layout->n_texts++] = &fields[i];
        if (fields[i].type == TGS_TYPE_TEXTS) layout->list = &fields[i];
        if (fields[i].flags & TGS_FIELD_WRITE_ONLY) layout->durations |= fields[i].bit;
        layout->bits |= fields[i].bit;
        if (fields[i].bit) layout->by_bit[__builtin_ctzll(fields[i].bit)] = &fields[i];
        if (fields[i].flags & TGS_FIELD_KEY) order_add(&layout->key, &fields[i]);
    }
    layout->orders[ORDER_KEY] = layout->key;
    const tgs_field *expires = field_named(layout, "expires");
    layout->deadline = expires;
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
        const tgs_field *fields = memory_host->fields(record, &n, &row_size);
        if (!fields || row_size > TABLE_ROW_SIZE) return false;
        describe(&memory_layouts[record], fields, n, row_size);
    }
    struct layout *peers = &memory_layouts[TGS_RECORD_PEER];
    peers->row_size = sizeof(struct peer);
    peers->names[NAME_USERNAME] = field_named(peers, "usernames");
    peers->names[NAME_PHONE] = field_named(peers, "phone");
    struct layout *queue = &memory_layouts[TGS_RECORD_QUEUE_ITEM];
    queue->member_of = member_of_queue;
    queue->deadline = field_named(queue, "due");
    order_by_two(queue, ORDER_KEY, "due", "sequence");
    order_by_two(queue, ORDER_READY, "due", "sequence");
    order_by_two(queue, ORDER_LANE, "lane", "sequence");
    order_by_two(queue, ORDER_LEASED, "lease_expires", "sequence");
    for (int32_t record = TGS_RECORD_PEER; record <= TGS_RECORD_KV; record++)
        memory_layouts[record].lazy = record != TGS_RECORD_QUEUE_ITEM;
    struct layout *lease = &memory_layouts[TABLE_LEASE];
    lease->key = (struct order_by){1, {field_named(lease, "lease_token")}};
    lease->orders[ORDER_KEY] = lease->key;
    describe(&memory_layouts[TABLE_REGISTRY], registration_fields, 1, sizeof(struct registration));
    return true;
}

/* --- changes ----------------------------------------------------------------------------------------- */

static bool reserve_change(struct memory *memory) {
    if (memory->n_changes < memory->changes_capacity) return true;
    size_t capacity = memory->changes_capacity ? memory->changes_capacity * 2 : 64;
    struct change *changes = memory_host->resize(memory->changes, capacity * sizeof *changes);
    if (!changes) return false;
    memory->changes = changes;
    memory->changes_capacity = capacity;
    return true;
}

static bool reserve_before(struct memory *memory, size_t size) {
    size_t needed = memory->before_size + size;
    if (needed <= memory->before_capacity) return true;
    size_t capacity = needed * 2;
    char *before = memory_host->resize(memory->before, capacity);
    if (!before) return false;
    memory->before = before;
    memory->before_capacity = capacity;
    return true;
}

static struct row_before *before_of(const struct memory *memory, const struct change *change) {
    return (struct row_before *)(void *)(memory->before + change->before);
}

static void note(struct memory *memory, struct change change) {
    memory->changes[memory->n_changes++] = change;
}

tgs_status memory_change(struct step *step, struct table *table, struct row *old, struct row *new) {
    if (!reserve_change(step->memory) || (new && !table_link(table, new))) {
        row_free(new);
        return memory_exhausted(step);
    }
    if (old) old->gone = 1;
    note(step->memory, (struct change){table, old, new, 0});
    return TGS_OK;
}

static tgs_status overwrite(struct step *step, struct table *table, struct row *row, void *data) {
    struct memory *memory = step->memory;
    size_t size = row_before_size(table->layout);
    struct change change = {table, row, row, memory->before_size};
    if (!reserve_change(memory) || !reserve_before(memory, size) ||
        !row_overwrite(table->layout, row, data, before_of(memory, &change)))
        return memory_exhausted(step);
    memory->before_size += size;
    note(memory, change);
    return TGS_OK;
}

/* Queue items stand in ORDER_READY on other grounds than their own (memory_offer_lane). */
static bool stays(const struct table *table, const struct row *row, const void *data) {
    return table->layout != &memory_layouts[TGS_RECORD_QUEUE_ITEM] && table_keeps_place(table, row, data);
}

tgs_status memory_insert(struct step *step, struct table *table, void *data, uint32_t hash) {
    struct row *new = row_new(table->layout, data, hash);
    return new ? memory_change(step, table, NULL, new) : memory_exhausted(step);
}

tgs_status memory_replace(struct step *step, struct table *table, struct row *old, void *data) {
    if (stays(table, old, data)) return overwrite(step, table, old, data);
    struct row *new = row_new(table->layout, data, old->hash);
    return new ? memory_change(step, table, old, new) : memory_exhausted(step);
}

static bool is_overwritten(const struct change *change) { return change->old && change->old == change->new; }

static void commit_change(const struct memory *memory, const struct change *done) {
    if (is_overwritten(done)) {
        row_settle(done->old, before_of(memory, done));
        return;
    }
    if (done->old) table_unlink(done->table, done->old);
    row_free(done->old);
}

static void undo_change(const struct memory *memory, const struct change *done) {
    if (is_overwritten(done)) {
        row_restore(done->table->layout, done->old, before_of(memory, done));
        return;
    }
    if (done->new) table_unlink(done->table, done->new);
    if (done->old) done->old->gone = 0;
    row_free(done->new);
}

static void commit(const struct memory *memory) {
    for (size_t i = 0; i < memory->n_changes; i++) commit_change(memory, &memory->changes[i]);
}

static void roll_back(const struct memory *memory) {
    for (size_t i = memory->n_changes; i > 0; i--) undo_change(memory, &memory->changes[i - 1]);
}

static void forget_changes(struct memory *memory) {
    memory->n_changes = 0;
    memory->before_size = 0;
}

/* --- sessions ---------------------------------------------------------------------------------------- */

static struct session *session_new(void) {
    struct session *session = memory_host->alloc(sizeof *session);
    if (!session) return NULL;
    memset(session, 0, sizeof *session);
    for (int i = 0; i < TABLE_COUNT; i++) session->tables[i].layout = &memory_layouts[i];
    return session;
}

static void session_free(struct session *session) {
    for (int i = 0; i < TABLE_COUNT; i++) table_clear(&session->tables[i]);
    memory_host->release(session);
}

struct row *memory_find_session(const struct memory *memory, tgs_str name) {
    return memory_find(&memory->registry, &(struct registration){.name = name});
}

static tgs_status register_session(struct step *step) {
    step->session = session_new();
    if (!step->session) return memory_exhausted(step);
    step->fresh = true;
    struct registration registration = {step->write->session, step->now, step->session, 0};
    struct table *registry = &step->memory->registry;
    tgs_status status =
        memory_insert(step, registry, &registration, hash_key(registry->layout, &registration));
    if (status == TGS_OK) step->registered = memory_find_session(step->memory, registration.name);
    return status;
}

static tgs_status enter_session(struct step *step) {
    step->registered = memory_find_session(step->memory, step->write->session);
    if (!step->registered) return register_session(step);
    const struct registration *registration = memory_registration(step->registered);
    step->session = registration->session;
    int32_t tag = step->write->ops[0].tag;
    if (!registration->purging || tag == TGS_OP_PURGE || tag == TGS_OP_LEASE_RELEASE) return TGS_OK;
    return memory_host->fail(step->err, TGS_E_CONFLICT, NULL, TGS_MESSAGE_PURGING);
}

struct row *memory_find_live(const struct session *session, int32_t record, const void *key, int64_t now) {
    struct row *row = memory_find_any(session, record, key);
    return row && !memory_is_expired(&memory_layouts[record], row_data(row), now) ? row : NULL;
}

/* --- the write --------------------------------------------------------------------------------------- */

#define LOOK_AHEAD 32 /* operations */

#define KNOWN_OP_FLAGS                                                                                       \
    (TGS_OP_IF_PRESENT | TGS_OP_IF_ABSENT | TGS_OP_IF_VERSION | TGS_OP_REQUIRE | TGS_OP_SAME_ACCOUNT |       \
     TGS_OP_REPLACE_ACCOUNT)

static const tgs_op *op_at(const tgs_write *write, size_t i) {
    return (const tgs_op *)(const void *)((const char *)write->ops + i * write->stride);
}

static bool has_key(const tgs_op *op) { return op->tag == TGS_OP_PUT || op->tag == TGS_OP_DELETE; }

static bool is_known(const tgs_op *op) {
    if (op->tag < TGS_OP_PUT || op->tag > TGS_OP_PRUNE || (op->flags & ~KNOWN_OP_FLAGS)) return false;
    if (op->tag == TGS_OP_SETTLE) return op->action >= TGS_SETTLE_ACK && op->action <= TGS_SETTLE_KILL;
    if (op->tag > TGS_OP_DELETE) return true;
    if (op->record < TGS_RECORD_SESSION || op->record > TGS_RECORD_KV) return false;
    uint64_t touched = op->set | op->clear | op->raise | op->fill | op->stamp | op->stamp_new;
    return (touched & ~memory_layouts[op->record].bits) == 0;
}

static bool holds(const struct step *step, const tgs_op *op) {
    uint32_t flags = op->flags;
    if (!(flags & (TGS_OP_IF_PRESENT | TGS_OP_IF_ABSENT | TGS_OP_IF_VERSION))) return true;
    const struct row *row = memory_find_live(step->session, op->record, op->row, step->now);
    if ((flags & TGS_OP_IF_PRESENT) && !row) return false;
    if ((flags & TGS_OP_IF_ABSENT) && row) return false;
    if (!(flags & TGS_OP_IF_VERSION)) return true;
    const tgs_conversation *stored = row ? row_data(row) : NULL, *given = op->row;
    return stored && stored->version == given->version;
}

tgs_status memory_refuse(struct step *step, const tgs_op *op, const char *message) {
    step->err->index = (int64_t)op->index;
    return memory_host->fail(step->err, TGS_E_CONFLICT, NULL, message);
}

static tgs_status skip(struct step *step, size_t i) {
    if (!step->skipped) {
        step->skipped = memory_host->alloc(step->write->n_ops);
        if (!step->skipped) return memory_exhausted(step);
        memset(step->skipped, 0, step->write->n_ops);
    }
    step->skipped[i] = 1;
    return TGS_OK;
}

static tgs_status check_known(const struct step *step) {
    for (size_t i = 0; i < step->write->n_ops; i++)
        if (!is_known(op_at(step->write, i)))
            return memory_host->fail(step->err, TGS_E_UNSUPPORTED, NULL, NULL);
    return TGS_OK;
}

static tgs_status check_conditions(struct step *step) {
    tgs_status status = TGS_OK;
    for (size_t i = 0; status == TGS_OK && i < step->write->n_ops; i++) {
        const tgs_op *op = op_at(step->write, i);
        if (!has_key(op)) continue;
        if (!holds(step, op))
            status = op->flags & TGS_OP_REQUIRE ? memory_refuse(step, op, NULL) : skip(step, i);
        else if ((op->flags & TGS_OP_SAME_ACCOUNT) &&
                 !memory_keeps_account(memory_find_any(step->session, TGS_RECORD_SESSION, op->row), op))
            status = memory_refuse(step, op, TGS_MESSAGE_OTHER_ACCOUNT);
    }
    return status;
}

static tgs_status apply(struct step *step, const tgs_op *op) {
    switch (op->tag) {
    case TGS_OP_PUT:
        return memory_put(step, op);
    case TGS_OP_DELETE:
        return memory_delete(step, op);
    case TGS_OP_CLAIM:
        return memory_claim(step, op);
    case TGS_OP_SETTLE:
        return memory_settle(step, op);
    case TGS_OP_LEASE_ACQUIRE:
        return memory_acquire_lease(step, op);
    case TGS_OP_LEASE_RENEW:
        return memory_renew_lease(step, op);
    case TGS_OP_LEASE_RELEASE:
        return memory_release_lease(step, op);
    case TGS_OP_PURGE:
        return memory_purge(step, op);
    default:
        return memory_host->fail(step->err, TGS_E_UNSUPPORTED, NULL, NULL);
    }
}

/* Hash the keys of some operations, and ask for all that will be looked at before waiting for the first:
 * rows are scattered over memory.  (A function that only prefetched would be left out by gcc.) */
static void look_ahead(const struct step *step, size_t first, size_t end, uint32_t *hashes) {
    const struct table *tables = step->session->tables;
    for (size_t i = first; i < end; i++) {
        const tgs_op *op = op_at(step->write, i);
        if (!has_key(op)) continue;
        const struct table *table = &tables[op->record];
        hashes[i - first] = hash_key(table->layout, op->row);
        __builtin_prefetch(index_slot(&table->by_key, hashes[i - first]));
        const tgs_peer *peer = op->row;
        if (op->record == TGS_RECORD_PEER && (op->set & TGS_PEER_USERNAMES))
            __builtin_prefetch(index_slot(&table->by_name[NAME_USERNAME], hash_name(op->folded[0])));
        if (op->record == TGS_RECORD_PEER && (op->set & TGS_PEER_PHONE))
            __builtin_prefetch(index_slot(&table->by_name[NAME_PHONE], hash_name(peer->phone)));
    }
    for (size_t i = first; i < end; i++) {
        const tgs_op *op = op_at(step->write, i);
        if (has_key(op)) table_prefetch(&tables[op->record], hashes[i - first]);
    }
}

static tgs_status apply_some(struct step *step, size_t first, size_t end) {
    uint32_t hashes[LOOK_AHEAD] = {0};
    look_ahead(step, first, end, hashes);
    tgs_status status = TGS_OK;
    for (size_t i = first; status == TGS_OK && i < end; i++) {
        const tgs_op *op = op_at(step->write, i);
        step->hash = hashes[i - first];
        if (step->skipped && step->skipped[i])
            memory_host->result(step->sink, op->index, 0, 0, 0);
        else
            status = apply(step, op);
    }
    return status;
}

static tgs_status run(struct step *step) {
    tgs_status status = check_known(step);
    if (status != TGS_OK) return status;
    if (step->write->ops[0].tag == TGS_OP_PRUNE) return memory_prune(step, step->write->ops);
    status = enter_session(step);
    if (status == TGS_OK) status = memory_check_fence(step);
    if (status == TGS_OK) status = check_conditions(step);
    size_t n = step->write->n_ops;
    for (size_t i = 0; status == TGS_OK && i < n; i += LOOK_AHEAD)
        status = apply_some(step, i, n - i < LOOK_AHEAD ? n : i + LOOK_AHEAD);
    memory_host->release(step->skipped);
    return status;
}

static tgs_status memory_write(void *self, const tgs_write *write, const tgs_backend_call *call,
                               tgs_sink *sink, tgs_error *err) {
    struct memory *memory = self;
    tgs_status status = TGS_OK;
    if (pthread_rwlock_trywrlock(&memory->lock) != 0) {
        pthread_rwlock_wrlock(&memory->lock); /* never held for long */
        status = memory_host->check(call);
    }
    struct step step = {
        .memory = memory, .write = write, .sink = sink, .err = err, .now = memory_host->now_ms()};
    status = status == TGS_OK ? run(&step) : memory_host->fail(err, status, NULL, NULL);
    bool only_registered = step.fresh && memory->n_changes == 1;
    bool keep = status == TGS_OK && !only_registered;
    if (keep)
        commit(memory);
    else
        roll_back(memory);
    forget_changes(memory);
    if (keep ? step.ended : step.fresh) session_free(step.session);
    pthread_rwlock_unlock(&memory->lock);
    return status;
}

/* --- open and close ---------------------------------------------------------------------------------- */

static tgs_status refuse_open(const tgs_backend_open *open, tgs_error *err) {
    char message[160];
    if (open->path.len) {
        snprintf(message, sizeof message, "a memory store has no path; open it as \"memory:\"");
    } else {
        tgs_str key = open->options[0].key;
        snprintf(message, sizeof message, "the memory back end has no option \"%.*s\"; leave it out",
                 (int)(key.len < 64 ? key.len : 64), key.ptr);
    }
    return memory_host->fail(err, TGS_E_INVALID, NULL, message);
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

static tgs_status read_locked(struct memory *memory, const tgs_query *query, const tgs_backend_call *call,
                              tgs_sink *sink, tgs_error *err) {
    tgs_status status = memory_host->check(call);
    if (status != TGS_OK) return memory_host->fail(err, status, NULL, NULL);
    return memory_answer(memory, query, sink, err);
}

/* A list after puts has to sort the rows that wait for that, so it goes in as a writer does. */
static tgs_status settle_and_read(struct memory *memory, const tgs_query *query, const tgs_backend_call *call,
                                  tgs_sink *sink, tgs_error *err) {
    pthread_rwlock_wrlock(&memory->lock); /* never held for long */
    struct table *table = memory_unsettled(memory, query);
    tgs_status status = table && !table_settle(table) ? memory_host->fail(err, TGS_E_NOMEM, NULL, NULL)
                                                      : read_locked(memory, query, call, sink, err);
    pthread_rwlock_unlock(&memory->lock);
    return status;
}

static tgs_status memory_read(void *self, const tgs_query *query, const tgs_backend_call *call,
                              tgs_sink *sink, tgs_error *err) {
    struct memory *memory = self;
    bool waited = pthread_rwlock_tryrdlock(&memory->lock) != 0;
    if (waited) pthread_rwlock_rdlock(&memory->lock); /* never held for long */
    bool settled = !memory_unsettled(memory, query);
    tgs_status status = TGS_OK;
    if (settled)
        status =
            waited ? read_locked(memory, query, call, sink, err) : memory_answer(memory, query, sink, err);
    pthread_rwlock_unlock(&memory->lock);
    return settled ? status : settle_and_read(memory, query, call, sink, err);
}

static tgs_status memory_open(const tgs_backend_open *open, const tgs_backend_call *call, void **self,
                              uint64_t *capabilities, tgs_error *err) {
    (void)call; /* there is nothing to wait for */
    if (open->path.len || open->n_options) return refuse_open(open, err);
    struct memory *memory = memory_host->alloc(sizeof *memory);
    if (!memory) return memory_host->fail(err, TGS_E_NOMEM, NULL, NULL);
    *memory = (struct memory){.registry.layout = &memory_layouts[TABLE_REGISTRY]};
    if (!lock_setup(&memory->lock)) {
        memory_host->release(memory);
        return memory_host->fail(err, TGS_E_NOMEM, NULL, NULL);
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
    for (struct row *row; (row = cursor_next(&cursor));) session_free(memory_registration(row)->session);
    table_clear(&memory->registry);
    memory_host->release(memory->changes);
    memory_host->release(memory->before);
    pthread_rwlock_destroy(&memory->lock);
    memory_host->release(memory);
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
    .repeats = 1,
};

const tgs_backend *memory_backend_entry(uint32_t abi, const tgs_host *host) {
    memory_host = host;
    if (abi != TGS_BACKEND_ABI || !describe_all()) return NULL;
    table_setup(host);
    return &memory_backend;
}
