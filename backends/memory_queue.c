/* SPDX-License-Identifier: Apache-2.0 */
/* The durable queue.
 *
 * ORDER_READY is where a claim looks.  It holds the ready items without a lane, the first
 * unfinished item of each lane if it is ready, and leased items once a claim has seen that
 * their lease ran out.  So items that wait in a lane cost a claim nothing.  An item that lost
 * its place at the head of a lane (to a revived one) may still be in there: the claim that
 * comes across it takes it out. */
#include "memory.h"

static struct table *queue_of(const struct step *step) {
    return &step->session->tables[TGS_RECORD_QUEUE_ITEM];
}

static const tgs_queue_item *item_of(const struct row *row) { return row_data(row); }

/* The first unfinished item of a lane. */
static struct row *lane_head(const struct table *queue, tgs_str lane) {
    tgs_queue_item before_all = {.lane = lane, .sequence = INT64_MIN};
    struct cursor cursor = cursor_seek(queue, ORDER_LANE, &before_all, true);
    struct row *row = cursor_next(&cursor);
    return row && same_text(item_of(row)->lane, lane) ? row : NULL;
}

tgs_status memory_offer_lane(struct step *step, tgs_str lane) {
    struct table *queue = queue_of(step);
    struct row *head = lane.len ? lane_head(queue, lane) : NULL;
    if (!head || item_of(head)->state != TGS_QUEUE_READY) return TGS_OK;
    return table_order_insert(queue, ORDER_READY, head) ? TGS_OK : memory_exhausted(step);
}

static tgs_status change_item(struct step *step, struct row *old, tgs_queue_item *item) {
    tgs_status status = memory_replace(step, queue_of(step), old, item);
    return status == TGS_OK ? memory_offer_lane(step, item->lane) : status;
}

/* --- states ------------------------------------------------------------------------------- */

static void end_lease(tgs_queue_item *item) {
    item->token = item->lease_expires = 0;
    item->lease_owner = (tgs_str){0};
    item->fields &=
        ~(uint64_t)(TGS_QUEUE_ITEM_TOKEN | TGS_QUEUE_ITEM_LEASE_EXPIRES | TGS_QUEUE_ITEM_LEASE_OWNER);
}

static void make_ready(tgs_queue_item *item) {
    item->state = TGS_QUEUE_READY;
    end_lease(item);
}

/* Done and dead items go after a while; 0: never. */
static void finish(const struct step *step, const tgs_op *op, tgs_queue_item *item, int32_t state) {
    int64_t ttl_ms = state == TGS_QUEUE_DONE ? op->done_ttl_ms : op->dead_ttl_ms;
    end_lease(item);
    item->state = state;
    item->expires = ttl_ms ? memory_later(step->now, ttl_ms) : 0;
    item->fields |= TGS_QUEUE_ITEM_EXPIRES;
}

tgs_status memory_enqueue(struct step *step, const tgs_op *op, struct row *old, tgs_queue_item *item) {
    item->sequence = memory_next_number(step);
    item->fields |= TGS_QUEUE_ITEM_SEQUENCE;
    if (item->state >= TGS_QUEUE_DONE) finish(step, op, item, item->state);
    if (old) return change_item(step, old, item);
    tgs_status status = memory_insert(step, queue_of(step), item, step->hash);
    return status == TGS_OK ? memory_offer_lane(step, item->lane) : status;
}

static tgs_queue_item touched_copy(const struct step *step, const struct row *row) {
    tgs_queue_item item = *item_of(row);
    item.updated = step->now;
    item.fields |= TGS_QUEUE_ITEM_UPDATED;
    return item;
}

/* --- claim ----------------------------------------------------------------------------------- */

static tgs_status bury(struct step *step, const tgs_op *op, struct row *row) {
    tgs_queue_item item = touched_copy(step, row);
    finish(step, op, &item, TGS_QUEUE_DEAD);
    if (!item.last_error.ptr) item.last_error = TGS_STR("the lease ran out");
    item.fields |= TGS_QUEUE_ITEM_LAST_ERROR;
    return change_item(step, row, &item);
}

/* Items whose lease ran out: offer them again, or bury those that had their last attempt. */
static tgs_status collect_lost(struct step *step, const tgs_op *op) {
    struct table *queue = queue_of(step);
    struct cursor cursor = cursor_first(queue, ORDER_LEASED);
    for (struct row *row; (row = cursor_next(&cursor)) && item_of(row)->lease_expires <= step->now;) {
        if (item_of(row)->attempts >= item_of(row)->max_attempts) {
            tgs_status status = bury(step, op, row);
            if (status != TGS_OK) return status;
        } else {
            if (!table_order_insert(queue, ORDER_READY, row)) return memory_exhausted(step);
            table_order_remove(queue, ORDER_LEASED, row);
            cursor = cursor_seek(queue, ORDER_LEASED, row_data(row), false);
        }
    }
    return TGS_OK;
}

static bool is_claimable(const struct step *step, const tgs_queue_item *item) {
    if (item->state == TGS_QUEUE_LEASED) return item->lease_expires <= step->now;
    return item->state == TGS_QUEUE_READY && item->due <= step->now;
}

/* The first claimable row behind `after`, in any lane or, if `laneless`, in none. */
static struct row *next_claimable(const struct step *step, const tgs_queue_item *after, bool laneless) {
    struct table *queue = queue_of(step);
    struct cursor cursor = cursor_seek(queue, ORDER_READY, after, false);
    for (struct row *row; (row = cursor_next(&cursor)) && item_of(row)->due <= step->now;) {
        const tgs_queue_item *item = item_of(row);
        if (!item->lane.len || lane_head(queue, item->lane) == row) {
            if (is_claimable(step, item) && !(laneless && item->lane.len)) return row;
        } else if (item->state == TGS_QUEUE_READY) {
            table_order_remove(queue, ORDER_READY, row);
            cursor = cursor_seek(queue, ORDER_READY, item, false);
        }
    }
    return NULL;
}

static tgs_status claim_item(struct step *step, const tgs_op *op, struct row *row, size_t slot) {
    tgs_queue_item item = touched_copy(step, row);
    item.state = TGS_QUEUE_LEASED;
    item.attempts++;
    item.token = memory_next_number(step);
    item.lease_owner = op->owner;
    item.lease_expires = memory_later(step->now, op->ttl_ms);
    item.fields |= TGS_QUEUE_ITEM_TOKEN | TGS_QUEUE_ITEM_LEASE_OWNER | TGS_QUEUE_ITEM_LEASE_EXPIRES;
    tgs_status status = memory_replace(step, queue_of(step), row, &item);
    if (status != TGS_OK) return status;
    status = memory_host->row(step->sink, slot, &item);
    return status < 0 ? memory_host->fail(step->err, status, NULL, NULL) : status;
}

static tgs_status claim_all(struct step *step, const tgs_op *op) {
    tgs_status status = collect_lost(step, op);
    if (status == TGS_OK && op->lane.len) { /* a lane has one claimable item at most */
        struct row *head = lane_head(queue_of(step), op->lane);
        return head && is_claimable(step, row_data(head)) ? claim_item(step, op, head, 0) : TGS_OK;
    }
    tgs_queue_item after = {.due = INT64_MIN};
    for (size_t slot = 0; status == TGS_OK && slot < op->limit; slot++) {
        struct row *row = next_claimable(step, &after, op->lane.ptr != NULL);
        if (!row) break;
        after = *item_of(row);
        status = claim_item(step, op, row, slot);
    }
    return status;
}

tgs_status memory_claim(struct step *step, const tgs_op *op) {
    tgs_status status = claim_all(step, op);
    return status == TGS_SINK_FULL ? TGS_OK : status;
}

/* --- settle ------------------------------------------------------------------------------------ */

/* 1 s, 2 s, 4 s, ... up to 1 h. */
static int64_t back_off(int64_t attempts) {
    const int64_t longest = 3600000;
    if (attempts > 12) return longest;
    int64_t ms = (int64_t)1000 << (attempts > 1 ? attempts - 1 : 0);
    return ms < longest ? ms : longest;
}

static void retry(const struct step *step, const tgs_op *op, tgs_queue_item *item) {
    const tgs_queue_item *given = op->row;
    make_ready(item);
    item->due =
        memory_later(step->now, op->set & TGS_QUEUE_ITEM_DELAY ? given->delay_ms : back_off(item->attempts));
}

static void revive(const struct step *step, tgs_queue_item *item) {
    make_ready(item);
    item->attempts = 0;
    item->due = step->now;
    item->expires = 0;
    item->fields &= ~(uint64_t)TGS_QUEUE_ITEM_EXPIRES;
}

static void settle_item(const struct step *step, const tgs_op *op, tgs_queue_item *item) {
    const tgs_queue_item *given = op->row;
    if (op->set & TGS_QUEUE_ITEM_LAST_ERROR) {
        item->last_error = given->last_error;
        item->fields |= TGS_QUEUE_ITEM_LAST_ERROR;
    }
    switch (op->action) {
    case TGS_SETTLE_ACK:
        finish(step, op, item, TGS_QUEUE_DONE);
        break;
    case TGS_SETTLE_KILL:
        finish(step, op, item, TGS_QUEUE_DEAD);
        break;
    case TGS_SETTLE_FAIL:
        if (item->attempts >= item->max_attempts)
            finish(step, op, item, TGS_QUEUE_DEAD);
        else
            retry(step, op, item);
        break;
    case TGS_SETTLE_RELEASE:
        make_ready(item);
        item->attempts--;
        break;
    case TGS_SETTLE_EXTEND:
        item->lease_expires = memory_later(step->now, given->delay_ms);
        break;
    default:
        revive(step, item);
    }
}

tgs_status memory_settle(struct step *step, const tgs_op *op) {
    const tgs_queue_item *given = op->row;
    struct row *row = memory_find_live(step->session, TGS_RECORD_QUEUE_ITEM, given, step->now);
    const tgs_queue_item *stored = row ? row_data(row) : NULL;
    if (op->action == TGS_SETTLE_REVIVE) {
        if (!stored || stored->state != TGS_QUEUE_DEAD) return memory_refuse(step, op, TGS_MESSAGE_NOT_DEAD);
    } else if (!stored || stored->state != TGS_QUEUE_LEASED || stored->token != given->token) {
        return memory_refuse(step, op, TGS_MESSAGE_STALE_CLAIM);
    }
    tgs_queue_item item = touched_copy(step, row);
    settle_item(step, op, &item);
    tgs_status status = change_item(step, row, &item);
    if (status == TGS_OK) memory_host->result(step->sink, op->index, 1, 0, 0);
    return status;
}
