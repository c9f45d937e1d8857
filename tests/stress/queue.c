/* SPDX-License-Identifier: Apache-2.0 */
/* Items in lanes and in none: enqueued, claimed, and settled in every way.  An acknowledgement stores the
 * item's effect and counts it in its lane's counter, in one batch. */
#include "stress.h"

#define SESSION "queue"
#define LANES 16 /* 0 is none */

static tgs_str lane_name(int64_t lane) {
    static const char *const names[LANES] = {NULL, "1", "2", "3", "4", "5", "6", "7",
                                             "8",  "9", ":", ";", "<", "=", ">", "?"};
    return lane ? str(names[lane]) : (tgs_str){NULL, 0};
}

static int64_t lane_in(const tgs_queue_item *item) { return item->lane.len ? item->lane.ptr[0] - '0' : 0; }

void enqueue(struct worker *w) {
    tgs_error err;
    struct event event = event_new(w, ENQUEUED);
    struct name id = name_of(event.call);
    event.of.enqueue.lane = random_below(w, LANES);
    tgs_queue_item item = {.fields = TGS_QUEUE_ITEM_LANE,
                           .flags = TGS_ROW_REQUIRE,
                           .id = str(id.text),
                           .lane = lane_name(event.of.enqueue.lane)};
    if (!event.of.enqueue.lane) item.fields = 0;
    tgs_session *session = open_session(w->store, SESSION);
    event_begin(w, &event);
    tgs_status status = tgs_put(session, TGS_RECORD_QUEUE_ITEM, &item, 1, sizeof item, NULL, limits(w), &err);
    event_end(w, &event, status);
    expect(w, "enqueue", status, &err, 0);
    tgs_session_free(session);
}

/* --- settling --------------------------------------------------------------------------------------- */

static struct event settle_event(struct worker *w, int64_t action, const tgs_queue_item *item) {
    struct event event = event_new(w, SETTLED);
    event.of.settle.action = action;
    event.of.settle.item = (int64_t)number_in(item->id);
    event.of.settle.token = item->token;
    event.of.settle.lane = lane_in(item);
    event.of.settle.sequence = item->sequence;
    return event;
}

/* Item, effect and counter.  TGS_E_CONFLICT with index 2: somebody else counted. */
static tgs_status try_ack(struct worker *w, tgs_session *session, const tgs_queue_item *item,
                          tgs_error *err) {
    int64_t version;
    struct event event = settle_event(w, TGS_SETTLE_ACK, item);
    int64_t lane = event.of.settle.lane, count = 1 + conversation_step(w->store, SESSION, lane, &version);
    event.of.settle.count = count;
    struct name id = name_of(event.call);
    tgs_kv effect = kv_row("done", &id, &event.of.settle.item);
    tgs_conversation counter = {.fields = TGS_CONVERSATION_STEP_NUMBER,
                                .flags = version ? TGS_ROW_IF_VERSION | TGS_ROW_REQUIRE : ONLY_NEW,
                                .chat_id = lane,
                                .step_number = count,
                                .version = version};
    tgs_batch *batch;
    if (tgs_batch_new(session, &batch, err) != TGS_OK ||
        tgs_batch_settle(batch, TGS_SETTLE_ACK, item, 1, sizeof *item, err) != TGS_OK ||
        tgs_batch_put(batch, TGS_RECORD_KV, &effect, 1, sizeof effect, err) != TGS_OK ||
        tgs_batch_put(batch, TGS_RECORD_CONVERSATION, &counter, 1, sizeof counter, err) != TGS_OK)
        violated("batch: %s", err->message);
    event_begin(w, &event);
    tgs_status status = tgs_batch_commit(batch, NULL, 0, limits(w), err);
    event_end(w, &event, status);
    expect(w, "ack", status, err, MAY(TGS_E_CONFLICT));
    tgs_batch_free(batch);
    return status;
}

static void ack(struct worker *w, tgs_session *session, const tgs_queue_item *item) {
    tgs_error err;
    for (int tries = 0; tries < 20; tries++)
        if (try_ack(w, session, item, &err) != TGS_E_CONFLICT || err.index != 2) return;
}

static void settle(struct worker *w, tgs_session *session, const tgs_queue_item *item, int32_t action,
                   int64_t delay_ms) {
    tgs_error err;
    struct event event = settle_event(w, action, item);
    event.of.settle.delay_ms = delay_ms;
    tgs_queue_item row = *item;
    row.fields = delay_ms ? TGS_QUEUE_ITEM_DELAY : 0;
    row.delay_ms = delay_ms;
    event_begin(w, &event);
    tgs_status status = tgs_queue_settle(session, action, &row, 1, sizeof row, limits(w), &err);
    event_end(w, &event, status);
    expect(w, "settle", status, &err, MAY(TGS_E_CONFLICT));
}

static void handle(struct worker *w, tgs_session *session, const tgs_queue_item *item) {
    int64_t choice = random_below(w, 20);
    if (choice == 0) return; /* forgotten: another gets it when the lease has run out */
    if (choice <= 2) settle(w, session, item, TGS_SETTLE_EXTEND, 1 + random_below(w, 100));
    if (choice == 3) pause_ms(random_below(w, 60));
    if (choice == 4)
        settle(w, session, item, TGS_SETTLE_FAIL, 1 + random_below(w, 20));
    else if (choice == 5)
        settle(w, session, item, TGS_SETTLE_RELEASE, 0);
    else
        ack(w, session, item);
}

/* Each claimed item is noted as a call of its own. */
static void note_claim(struct worker *w, const struct event *call, const tgs_queue_item *item,
                       int64_t lease_ms) {
    struct event event = event_new(w, CLAIMED);
    event.begin_us = call->begin_us;
    event.of.claim.item = (int64_t)number_in(item->id);
    event.of.claim.token = item->token;
    event.of.claim.lane = lane_in(item);
    event.of.claim.sequence = item->sequence;
    event.of.claim.expires_ms = item->lease_expires;
    event.of.claim.claimed_ms = item->lease_expires - lease_ms;
    event_end(w, &event, TGS_OK);
}

void claim(struct worker *w) {
    tgs_error err;
    tgs_rows *rows;
    tgs_queue_item item;
    tgs_session *session = open_session(w->store, SESSION);
    int64_t lease_ms = random_below(w, 8) ? 20 + random_below(w, 200) : 1000;
    tgs_str lane = lane_name(random_below(w, 4) ? 0 : random_below(w, LANES));
    struct event call = {.begin_us = now_us()};
    tgs_status status = tgs_queue_claim(session, TGS_STR("stress"), lane, lease_ms,
                                        (size_t)(1 + random_below(w, 8)), &rows, limits(w), &err);
    expect(w, "claim", status, &err, 0);
    for (size_t i = 0; status == TGS_OK && tgs_rows_row(rows, i, &item, sizeof item) == TGS_OK; i++)
        note_claim(w, &call, &item, lease_ms);
    for (size_t i = 0; status == TGS_OK && i < tgs_rows_count(rows); i++) {
        tgs_rows_row(rows, i, &item, sizeof item);
        handle(w, session, &item);
    }
    if (status == TGS_OK) tgs_rows_free(rows);
    tgs_session_free(session);
}

/* --- checks: nothing is lost or done twice ---------------------------------------------------------------
 */

void queue_compare(tgs_store *store) {
    struct effects done = effects_read(store, SESSION, "done");
    int64_t counted = 0;
    for (int64_t lane = 0; lane < LANES; lane++) counted += conversation_step(store, SESSION, lane, NULL);
    if (counted != (int64_t)done.n)
        violated("%" PRId64 " items were counted, %zu were done", counted, done.n);
    free(done.all);
}

static void take_item(const void *row, void *items) {
    const tgs_queue_item *item = row;
    effects_add(items, number_in(item->id), item->state);
}

static bool is_ack(const struct event *event, int64_t unused) {
    (void)unused;
    return event->of.settle.action == TGS_SETTLE_ACK;
}

static void check_items(struct check *check, struct effects *done) {
    struct effects items = {0};
    each_row(check->store, SESSION, TGS_RECORD_QUEUE_ITEM, NULL, take_item, &items);
    effects_sort(&items, effects_by_call);
    check_effects(check, ENQUEUED, NULL, 0, &items);
    size_t n_done = 0;
    for (size_t i = 0; i < items.n; i++) n_done += items.all[i].value == TGS_QUEUE_DONE;
    if (n_done != done->n) fault(check, "%zu items are done, %zu have an effect", n_done, done->n);
    check_effects(check, SETTLED, is_ack, 0, done);
    effects_sort(done, effects_by_value);
    for (size_t i = 1; i < done->n; i++)
        if (done->all[i].value == done->all[i - 1].value)
            fault(check, "item %" PRIx64 " was done twice", (uint64_t)done->all[i].value);
    effects_sort(done, effects_by_call);
    free(items.all);
}

/* --- checks: a lane goes by sequence, one item at a time -------------------------------------------------
 */

static int by_lane_and_count(const void *a, const void *b) {
    const struct event *first = a, *second = b;
    int order = order_of(first->of.settle.lane, second->of.settle.lane);
    return order ? order : order_of(first->of.settle.count, second->of.settle.count);
}

static void check_order_of_acks(struct check *check, const struct effects *done) {
    struct events acks = events_of(check, SETTLED, by_lane_and_count);
    const struct event *last = NULL;
    for (size_t i = 0; i < acks.n; i++) {
        const struct event *next = &acks.all[i];
        if (!is_ack(next, 0) || !was_applied(next, done)) continue;
        bool same = last && next->of.settle.lane && last->of.settle.lane == next->of.settle.lane;
        if (same && next->of.settle.sequence <= last->of.settle.sequence)
            fault(check, "lane %" PRId64 ": sequence %" PRId64 " was done after %" PRId64,
                  next->of.settle.lane, next->of.settle.sequence, last->of.settle.sequence);
        last = next;
    }
    free(acks.all);
}

/* Claims that exclude each other, by token, that is in the order of the store. */
static int by_lane_and_token(const void *a, const void *b) {
    const struct event *first = a, *second = b;
    int order = order_of(first->of.claim.lane, second->of.claim.lane);
    if (!order && !first->of.claim.lane) order = order_of(first->of.claim.item, second->of.claim.item);
    return order ? order : order_of(first->of.claim.token, second->of.claim.token);
}

static int by_settled_token(const void *a, const void *b) {
    return order_of(((const struct event *)a)->of.settle.token, ((const struct event *)b)->of.settle.token);
}

/* May the lease of `claim` have ended before the next claim: by its time, or since it was settled?  A settle
 * of it that was good after the next claim is a fault of its own. */
static bool may_have_ended(struct check *check, const struct events *settled, const struct event *claim,
                           const struct event *next) {
    int64_t expires_ms = claim->of.claim.expires_ms;
    bool ended = false;
    size_t i = 0, end = settled->n;
    while (i < end) { /* the first one of that token */
        size_t middle = i + (end - i) / 2;
        if (settled->all[middle].of.settle.token < claim->of.claim.token)
            i = middle + 1;
        else
            end = middle;
    }
    for (; i < settled->n && settled->all[i].of.settle.token == claim->of.claim.token; i++) {
        const struct event *settle = &settled->all[i];
        bool known = settle->end_us != 0;
        if (known && settle->begin_us > next->end_us)
            fault(check, "token %" PRId64 " was good after token %" PRId64 " had been given for the same",
                  claim->of.claim.token, next->of.claim.token);
        if (settle->of.settle.action != TGS_SETTLE_EXTEND) {
            ended |= settle->begin_us <= next->end_us;
        } else { /* it may have made the lease shorter, too */
            int64_t extended_ms = settle->begin_us / 1000 + settle->of.settle.delay_ms;
            if (known || extended_ms < expires_ms) expires_ms = extended_ms;
        }
    }
    return ended || next->of.claim.claimed_ms >= expires_ms;
}

static void check_claims(struct check *check) {
    struct events claims = events_of(check, CLAIMED, by_lane_and_token);
    struct events settled = events_of(check, SETTLED, by_settled_token);
    for (size_t i = 1; i < claims.n; i++) {
        const struct event *last = &claims.all[i - 1], *next = &claims.all[i];
        bool exclusive = last->of.claim.lane == next->of.claim.lane &&
                         (next->of.claim.lane || last->of.claim.item == next->of.claim.item);
        if (!exclusive) continue;
        if (last->of.claim.token == next->of.claim.token)
            fault(check, "token %" PRId64 " was given twice", next->of.claim.token);
        if (!may_have_ended(check, &settled, last, next))
            fault(check,
                  "lane %" PRId64 ": token %" PRId64 " was given at %" PRId64 " while %" PRId64
                  " was good until %" PRId64,
                  next->of.claim.lane, next->of.claim.token, next->of.claim.claimed_ms, last->of.claim.token,
                  last->of.claim.expires_ms);
        if (next->of.claim.lane && next->of.claim.sequence < last->of.claim.sequence)
            fault(check, "lane %" PRId64 ": sequence %" PRId64 " was claimed after %" PRId64,
                  next->of.claim.lane, next->of.claim.sequence, last->of.claim.sequence);
    }
    free(claims.all);
    free(settled.all);
}

void queue_check(struct check *check) {
    struct effects done = effects_read(check->store, SESSION, "done");
    queue_compare(check->store);
    check_items(check, &done);
    check_order_of_acks(check, &done);
    check_claims(check);
    free(done.all);
}
