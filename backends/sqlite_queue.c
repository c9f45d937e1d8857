/* SPDX-License-Identifier: Apache-2.0 */
/* The queue: what enqueueing adds to a put, claims, and what becomes of claimed items. */
#include "sqlite.h"

#define LONGEST_BACK_OFF_MS 3600000

/* --- lanes ---------------------------------------------------------------------------------------- */

static tgs_status run_on_lane(struct task *task, enum query query, tgs_str lane) {
    if (!lane.len) return TGS_OK;
    struct statement *statement;
    tgs_status status = task_bind(task, query, 0, NULL, 0, &statement);
    if (status == TGS_OK) status = task_bind_text(task, statement, ":lane", lane);
    return status == TGS_OK ? task_finish(task, statement) : status;
}

tgs_status queue_offer_lane(struct task *task, tgs_str lane) {
    return run_on_lane(task, QUERY_RAISE_LANE_HEAD, lane);
}

static tgs_str lane_of(const tgs_queue_item *item) {
    return item->fields & TGS_QUEUE_ITEM_LANE ? item->lane : (tgs_str){NULL, 0};
}

/* --- enqueueing -------------------------------------------------------------------------------------- */

static int64_t expiry_of_state(const struct task *task, const tgs_op *op, int32_t state) {
    if (state == TGS_QUEUE_DONE) return expiry_after(task->now, op->done_ttl_ms);
    if (state == TGS_QUEUE_DEAD) return expiry_after(task->now, op->dead_ttl_ms);
    return 0;
}

static void set_number(tgs_queue_item *item, uint64_t bit, int64_t *member, int64_t value) {
    *member = value;
    item->fields |= bit;
}

tgs_status queue_prepare_put(struct task *task, const tgs_op *op, tgs_queue_item *item) {
    if (op->set & TGS_QUEUE_ITEM_DELAY)
        set_number(item, TGS_QUEUE_ITEM_DUE, &item->due,
                   time_after(task->now, ((const tgs_queue_item *)op->row)->delay_ms));
    if (item->state == TGS_QUEUE_DONE || item->state == TGS_QUEUE_DEAD)
        set_number(item, TGS_QUEUE_ITEM_EXPIRES, &item->expires, expiry_of_state(task, op, item->state));
    item->fields |= TGS_QUEUE_ITEM_SEQUENCE;
    return task_next_number(task, &item->sequence);
}

/* --- claiming ------------------------------------------------------------------------------------------ */

/* Items whose last attempt ran out do not count: they are dead, and their lanes go on. */
static tgs_status bury(struct task *task, const tgs_op *op) {
    struct statement *bury;
    bool row = true;
    tgs_status status = task_bind(task, QUERY_BURY_QUEUE_ITEMS, 0, NULL, 0, &bury);
    if (status == TGS_OK)
        status = task_bind_number(task, bury, ":expires", expiry_after(task->now, op->dead_ttl_ms));
    while (status == TGS_OK && (status = task_step(task, bury, &row)) == TGS_OK && row) {
        tgs_str lane;
        status = task_text(task, bury, 0, &lane);
        if (status == TGS_OK) status = queue_offer_lane(task, lane);
    }
    if (status != TGS_OK && bury->handle) statement_reset(bury);
    return status;
}

/* Sequences of the first claimable items, in order.  Collected before any is changed, since changing them
 * moves them in the index that is being read. */
static tgs_status find_claimable(struct task *task, const tgs_op *op, int64_t *sequences, size_t *count) {
    struct statement *find;
    bool row = true;
    *count = 0;
    enum query query = op->lane.len ? QUERY_CLAIMABLE_QUEUE_ITEMS_OF_LANE : QUERY_CLAIMABLE_QUEUE_ITEMS;
    tgs_status status = task_bind(task, query, 0, NULL, 0, &find);
    if (status == TGS_OK) status = task_bind_text(task, find, ":lane", op->lane);
    if (status == TGS_OK) status = task_bind_number(task, find, ":limit", (int64_t)op->limit);
    while (status == TGS_OK && (status = task_step(task, find, &row)) == TGS_OK && row)
        sequences[(*count)++] = sqlite3_column_int64(find->handle, 0);
    return status;
}

static tgs_status claim_one(struct task *task, const tgs_op *op, int64_t sequence, size_t slot) {
    struct statement *claim;
    tgs_queue_item item = {
        .sequence = sequence, .lease_owner = op->owner, .lease_expires = time_after(task->now, op->ttl_ms)};
    bool row = false;
    tgs_status status = task_next_number(task, &item.token);
    if (status == TGS_OK)
        status = task_bind(task, QUERY_CLAIM_QUEUE_ITEM, TGS_RECORD_QUEUE_ITEM, &item, ALL_MEMBERS, &claim);
    if (status == TGS_OK) status = task_step(task, claim, &row);
    if (status != TGS_OK || !row) return status;
    status = task_decode(task, claim, &item);
    if (status == TGS_OK) status = task_give(task, slot, &item);
    statement_reset(claim);
    return status;
}

tgs_status queue_claim(struct task *task, const tgs_op *op) {
    size_t count;
    int64_t *sequences = buffer_reserve(&task->connection->sequences, op->limit * sizeof *sequences);
    if (!sequences) return task_fail(task, SQLITE_NOMEM);
    tgs_status status = task->session_id ? bury(task, op) : TGS_OK;
    if (status == TGS_OK) status = find_claimable(task, op, sequences, &count);
    for (size_t i = 0; status == TGS_OK && i < count; i++) status = claim_one(task, op, sequences[i], i);
    return status == TGS_SINK_FULL ? TGS_OK : status;
}

/* --- settling --------------------------------------------------------------------------------------------
 */

static int64_t back_off(int64_t attempts) {
    int64_t ms = 1000;
    while (--attempts > 0 && ms < LONGEST_BACK_OFF_MS) ms *= 2;
    return ms < LONGEST_BACK_OFF_MS ? ms : LONGEST_BACK_OFF_MS;
}

static void end_lease(tgs_queue_item *item) {
    item->fields &=
        ~(uint64_t)(TGS_QUEUE_ITEM_TOKEN | TGS_QUEUE_ITEM_LEASE_OWNER | TGS_QUEUE_ITEM_LEASE_EXPIRES);
}

/* The item's new state. */
static void apply_action(const struct task *task, const tgs_op *op, tgs_queue_item *item) {
    const tgs_queue_item *given = op->row;
    if (op->set & TGS_QUEUE_ITEM_LAST_ERROR) {
        item->last_error = given->last_error;
        item->fields |= TGS_QUEUE_ITEM_LAST_ERROR;
    }
    if (op->action == TGS_SETTLE_EXTEND) {
        item->lease_expires = time_after(task->now, given->delay_ms);
        return;
    }
    end_lease(item);
    switch (op->action) {
    case TGS_SETTLE_ACK:
        item->state = TGS_QUEUE_DONE;
        break;
    case TGS_SETTLE_KILL:
        item->state = TGS_QUEUE_DEAD;
        break;
    case TGS_SETTLE_FAIL:
        item->state = item->attempts >= item->max_attempts ? TGS_QUEUE_DEAD : TGS_QUEUE_READY;
        if (item->state == TGS_QUEUE_READY)
            item->due = time_after(task->now, op->set & TGS_QUEUE_ITEM_DELAY ? given->delay_ms
                                                                             : back_off(item->attempts));
        break;
    case TGS_SETTLE_RELEASE:
        item->state = TGS_QUEUE_READY;
        item->attempts--;
        break;
    default: /* REVIVE */
        item->state = TGS_QUEUE_READY;
        item->attempts = 0;
        item->due = task->now;
    }
    if (item->state != TGS_QUEUE_READY)
        set_number(item, TGS_QUEUE_ITEM_EXPIRES, &item->expires, expiry_of_state(task, op, item->state));
}

static bool may_settle(const tgs_op *op, const tgs_queue_item *item) {
    const tgs_queue_item *given = op->row;
    if (op->action == TGS_SETTLE_REVIVE) return item->state == TGS_QUEUE_DEAD;
    return item->state == TGS_QUEUE_LEASED && item->token == given->token;
}

static tgs_status store_settled(struct task *task, const tgs_op *op, tgs_queue_item *item) {
    int64_t due = item->due;
    apply_action(task, op, item);
    set_number(item, TGS_QUEUE_ITEM_UPDATED, &item->updated, task->now);
    tgs_status status = task_run(task, QUERY_SETTLE_QUEUE_ITEM, TGS_RECORD_QUEUE_ITEM, item, item->fields);
    /* apart, since most do not change it and it stands in an index */
    if (status == TGS_OK && item->due != due)
        status = task_run(task, QUERY_SET_QUEUE_ITEM_DUE, TGS_RECORD_QUEUE_ITEM, item, item->fields);
    /* Only a revived item can come before others of its lane.  This looks at all that wait there. */
    if (status == TGS_OK && op->action == TGS_SETTLE_REVIVE)
        status = run_on_lane(task, QUERY_LOWER_LANE_HEAD, lane_of(item));
    if (status == TGS_OK && op->action != TGS_SETTLE_EXTEND) status = queue_offer_lane(task, lane_of(item));
    if (status == TGS_OK) sqlite_host->result(task->sink, op->index, 1, 0, 0);
    return status;
}

tgs_status queue_settle(struct task *task, const tgs_op *op) {
    struct statement *find;
    tgs_queue_item item;
    bool found = false;
    tgs_status status = task_bind(task, QUERY_FIND_QUEUE_ITEM, TGS_RECORD_QUEUE_ITEM, op->row, 0, &find);
    if (status == TGS_OK) status = task_step(task, find, &found);
    if (status == TGS_OK && found) status = task_decode(task, find, &item);
    if (status == TGS_OK && found && may_settle(op, &item)) {
        status = store_settled(task, op, &item);
    } else if (status == TGS_OK) {
        task->err->index = (int64_t)op->index;
        status = sqlite_host->fail(task->err, TGS_E_CONFLICT, NULL,
                                   op->action == TGS_SETTLE_REVIVE ? TGS_MESSAGE_NOT_DEAD
                                                                   : TGS_MESSAGE_STALE_CLAIM);
    }
    if (found) statement_reset(find);
    return status;
}
