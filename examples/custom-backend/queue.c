/* SPDX-License-Identifier: Apache-2.0 */
#include "jsonfile.h"

/* --- states ------------------------------------------------------------------------------- */

static void end_lease(struct run *run, json_object *item) {
    drop_member(run, item, "token");
    drop_member(run, item, "lease_owner");
    drop_member(run, item, "lease_expires");
}

static void make_ready(struct run *run, json_object *item) {
    end_lease(run, item);
    set_number(run, item, "state", TGS_QUEUE_READY);
}

/* Done and dead items go after a while; 0: never. */
static void finish(struct run *run, const tgs_op *op, json_object *item, int64_t state) {
    int64_t ttl_ms = state == TGS_QUEUE_DONE ? op->done_ttl_ms : op->dead_ttl_ms;
    end_lease(run, item);
    set_number(run, item, "state", state);
    set_number(run, item, "expires", ttl_ms ? later(run->now, ttl_ms) : 0);
}

void enqueue(struct run *run, const tgs_op *op, json_object *item) {
    set_number(run, item, "sequence", next_number(run));
    int64_t state = get_number(item, "state");
    if (state >= TGS_QUEUE_DONE) finish(run, op, item, state);
}

/* --- claim ---------------------------------------------------------------------------------- */

static bool is_unfinished(const json_object *item) { return get_number(item, "state") <= TGS_QUEUE_LEASED; }

static bool is_lost(const struct run *run, const json_object *item) {
    return get_number(item, "state") == TGS_QUEUE_LEASED && get_number(item, "lease_expires") <= run->now;
}

static bool is_exhausted(const json_object *item) {
    return get_number(item, "attempts") >= get_number(item, "max_attempts");
}

static void bury(struct run *run, const tgs_op *op, json_object *item) {
    finish(run, op, item, TGS_QUEUE_DEAD);
    set_number(run, item, "updated", run->now);
    if (!has_member(item, "last_error")) set_text(run, item, "last_error", TGS_STR("the lease ran out"));
}

/* The smallest sequence among the unfinished items of each lane. */
static json_object *lane_heads(struct run *run, json_object *const *items, size_t n) {
    json_object *heads = json_object_new_object();
    bool changed = run->changed;
    for (size_t i = 0; heads && i < n; i++) {
        tgs_str lane = get_text(items[i], "lane");
        if (!lane.len || !is_unfinished(items[i])) continue;
        int64_t sequence = get_number(items[i], "sequence");
        if (!has_member(heads, lane.ptr) || sequence < get_number(heads, lane.ptr))
            set_number(run, heads, lane.ptr, sequence);
    }
    run->changed = changed;
    return heads;
}

static bool is_claimable(const struct run *run, const tgs_op *op, const json_object *heads,
                         const json_object *item) {
    tgs_str lane = get_text(item, "lane");
    if (op->lane.ptr &&
        (lane.len != op->lane.len || (lane.len && memcmp(lane.ptr, op->lane.ptr, lane.len) != 0)))
        return false;
    if (lane.len && get_number(heads, lane.ptr) != get_number(item, "sequence")) return false;
    bool ready = get_number(item, "state") == TGS_QUEUE_READY && get_number(item, "due") <= run->now;
    return ready || is_lost(run, item);
}

static tgs_status claim_item(struct run *run, const tgs_op *op, json_object *item, size_t slot) {
    set_number(run, item, "state", TGS_QUEUE_LEASED);
    set_number(run, item, "attempts", get_number(item, "attempts") + 1);
    set_number(run, item, "token", next_number(run));
    set_text(run, item, "lease_owner", op->owner);
    set_number(run, item, "lease_expires", later(run->now, op->ttl_ms));
    set_number(run, item, "updated", run->now);
    return give_row(run, TGS_RECORD_QUEUE_ITEM, slot, item);
}

tgs_status claim(struct run *run, const tgs_op *op) {
    struct order order = order_of(TGS_RECORD_QUEUE_ITEM, TGS_ORDER_KEY);
    size_t n, slot = 0;
    json_object **items = sorted_rows(run, get_object(run->session, "queue_item"), &order, &n);
    for (size_t i = 0; i < n; i++)
        if (is_lost(run, items[i]) && is_exhausted(items[i])) bury(run, op, items[i]);
    json_object *heads = lane_heads(run, items, n);
    if (!heads) return no_memory(run);
    tgs_status status = TGS_OK;
    for (size_t i = 0; status == TGS_OK && i < n && slot < op->limit; i++)
        if (is_claimable(run, op, heads, items[i])) status = claim_item(run, op, items[i], slot++);
    json_object_put(heads);
    return status == TGS_SINK_FULL ? TGS_OK : status;
}

/* --- settle ----------------------------------------------------------------------------------- */

/* 1 s, 2 s, 4 s, ... up to 1 h. */
static int64_t back_off(int64_t attempts) {
    const int64_t longest = 3600000;
    if (attempts > 12) return longest;
    int64_t ms = (int64_t)1000 << (attempts > 1 ? attempts - 1 : 0);
    return ms < longest ? ms : longest;
}

static void fail_item(struct run *run, const tgs_op *op, json_object *item) {
    const tgs_queue_item *given = op->row;
    if (is_exhausted(item)) {
        finish(run, op, item, TGS_QUEUE_DEAD);
        return;
    }
    make_ready(run, item);
    bool delayed = op->set & TGS_QUEUE_ITEM_DELAY;
    set_number(run, item, "due",
               later(run->now, delayed ? given->delay_ms : back_off(get_number(item, "attempts"))));
}

static void revive(struct run *run, json_object *item) {
    make_ready(run, item);
    set_number(run, item, "attempts", 0);
    set_number(run, item, "due", run->now);
    drop_member(run, item, "expires");
}

static void settle_item(struct run *run, const tgs_op *op, json_object *item) {
    const tgs_queue_item *given = op->row;
    set_number(run, item, "updated", run->now);
    if (op->set & TGS_QUEUE_ITEM_LAST_ERROR) set_text(run, item, "last_error", given->last_error);
    switch (op->action) {
    case TGS_SETTLE_ACK:
        finish(run, op, item, TGS_QUEUE_DONE);
        break;
    case TGS_SETTLE_KILL:
        finish(run, op, item, TGS_QUEUE_DEAD);
        break;
    case TGS_SETTLE_FAIL:
        fail_item(run, op, item);
        break;
    case TGS_SETTLE_RELEASE:
        make_ready(run, item);
        set_number(run, item, "attempts", get_number(item, "attempts") - 1);
        break;
    case TGS_SETTLE_EXTEND:
        set_number(run, item, "lease_expires", later(run->now, given->delay_ms));
        break;
    default:
        revive(run, item);
    }
}

tgs_status settle(struct run *run, const tgs_op *op) {
    const tgs_queue_item *given = op->row;
    json_object *item =
        get_object(get_object(run->session, "queue_item"), key_text(run, TGS_RECORD_QUEUE_ITEM, given));
    int64_t state = item && !is_expired(run, item) ? get_number(item, "state") : -1;
    if (op->action == TGS_SETTLE_REVIVE) {
        if (state != TGS_QUEUE_DEAD)
            return refuse(run, op, TGS_MESSAGE_NOT_DEAD);
    } else if (state != TGS_QUEUE_LEASED || get_number(item, "token") != given->token) {
        return refuse(run, op, TGS_MESSAGE_STALE_CLAIM);
    }
    settle_item(run, op, item);
    report(run, op, true, 0, 0);
    return TGS_OK;
}
