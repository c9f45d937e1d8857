/* SPDX-License-Identifier: Apache-2.0 */
/* Leases on sessions: each write through one stores its token.  The store's own order of the writes, the
 * sequence of queue items, tells who wrote when. */
#include "stress.h"

#define SESSIONS 2
static const char *const sessions[SESSIONS] = {"leased 0", "leased 1"};

static tgs_status write_token(struct worker *w, tgs_session *session, int64_t of, int64_t mode,
                              tgs_error *err) {
    struct event event = event_new(w, WRITTEN);
    event.of.lease.session = of;
    event.of.lease.mode = mode;
    event.of.lease.token = tgs_session_token(session);
    struct name id = name_of(event.call);
    tgs_queue_item item = {.fields = TGS_QUEUE_ITEM_PAYLOAD,
                           .flags = TGS_ROW_REQUIRE,
                           .id = str(id.text),
                           .payload = {(const uint8_t *)&event.of.lease.token, sizeof event.of.lease.token}};
    event_begin(w, &event);
    tgs_status status = tgs_put(session, TGS_RECORD_QUEUE_ITEM, &item, 1, sizeof item, NULL, limits(w), err);
    event_end(w, &event, status);
    expect(w, "write with a lease", status, err, MAY(TGS_E_FENCED));
    return status;
}

void write_without_lease(struct worker *w) {
    tgs_error err;
    int64_t of = random_below(w, SESSIONS);
    tgs_session *session = open_session(w->store, sessions[of]);
    /* One after the other: what the store knows of the session from the last one may be true no longer. */
    for (int64_t writes = 1 + random_below(w, 6); writes > 0; writes--) {
        write_token(w, session, of, TGS_LEASE_NONE, &err);
        if (random_below(w, 2)) pause_ms(random_below(w, 6));
    }
    tgs_session_free(session);
}

static tgs_session *acquire(struct worker *w, struct event *event) {
    tgs_error err;
    tgs_session *session = open_session(w->store, sessions[event->of.lease.session]), *leased = NULL;
    event_begin(w, event);
    tgs_status status =
        tgs_lease_acquire(session, TGS_STR("stress"), (int32_t)event->of.lease.mode, event->of.lease.ttl_ms,
                          random_below(w, 3) ? 0 : random_below(w, 60), &leased, limits(w), &err);
    event->of.lease.token = tgs_session_token(leased);
    event_end(w, event, status);
    expect(w, "acquire", status, &err, MAY(TGS_E_BUSY));
    tgs_session_free(session);
    return leased;
}

static void renew_or_release(struct worker *w, tgs_session *leased, const struct event *acquired,
                             enum kind kind) {
    tgs_error err;
    struct event event = event_new(w, kind);
    event.of.lease = acquired->of.lease;
    event_begin(w, &event);
    tgs_status status = kind == RENEWED ? tgs_lease_renew(leased, event.of.lease.ttl_ms, limits(w), &err)
                                        : tgs_lease_release(leased, limits(w), &err);
    event_end(w, &event, status);
    expect(w, "renew or release", status, &err, kind == RENEWED ? MAY(TGS_E_FENCED) : 0);
}

void hold_lease(struct worker *w) {
    tgs_error err;
    struct event event = event_new(w, ACQUIRED);
    event.of.lease.session = random_below(w, SESSIONS);
    event.of.lease.mode = random_below(w, 4) ? TGS_LEASE_EXCLUSIVE : TGS_LEASE_SHARED;
    event.of.lease.ttl_ms = 10 + random_below(w, 150);
    tgs_session *leased = acquire(w, &event);
    if (!leased) return;
    for (int64_t writes = 1 + random_below(w, 8); writes > 0; writes--) {
        int64_t choice = random_below(w, 10);
        if (choice == 0) renew_or_release(w, leased, &event, RENEWED);
        if (choice == 1) pause_ms(random_below(w, 2 * event.of.lease.ttl_ms));
        write_token(w, leased, event.of.lease.session, event.of.lease.mode, &err);
    }
    if (random_below(w, 5)) renew_or_release(w, leased, &event, RELEASED);
    tgs_session_free(leased);
}

/* --- checks ------------------------------------------------------------------------------------------ */

/* One that held a lease, and until when that is certain. */
struct holder {
    const struct event *acquired;
    int64_t from_us, least_us; /* it surely had it: from the answer until it may have ended */
    int64_t most_us;           /* it surely had it no longer */
};

static int by_token(const void *a, const void *b) {
    return order_of(((const struct event *)a)->of.lease.token, ((const struct event *)b)->of.lease.token);
}

/* Times of the store are milliseconds, rounded down. */
static int64_t expiry_from(int64_t us, int64_t ttl_ms) { return (us / 1000 + ttl_ms) * 1000; }

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

static void apply_renewals(struct holder *holder, const struct events *renewed) {
    for (size_t i = 0; i < renewed->n; i++) {
        const struct event *renew = &renewed->all[i];
        if (renew->of.lease.token != holder->acquired->of.lease.token) continue;
        int64_t ttl_ms = renew->of.lease.ttl_ms;
        /* One that never returned was the last, and may have taken any time. */
        holder->most_us =
            renew->end_us ? larger(holder->most_us, expiry_from(renew->end_us, ttl_ms)) : INT64_MAX;
        if (renew->end_us) holder->least_us = larger(holder->least_us, expiry_from(renew->begin_us, ttl_ms));
    }
}

static void apply_releases(struct holder *holder, const struct events *released) {
    for (size_t i = 0; i < released->n; i++) {
        const struct event *release = &released->all[i];
        if (release->of.lease.token != holder->acquired->of.lease.token) continue;
        holder->least_us = smaller(holder->least_us, release->begin_us);
        if (release->end_us) holder->most_us = smaller(holder->most_us, release->end_us);
    }
}

/* Who surely had it at the same time as another, though one of them wanted it alone? */
static void check_holders(struct check *check, const struct holder *holders, size_t n) {
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++) {
            const struct event *a = holders[i].acquired, *b = holders[j].acquired;
            bool exclusive =
                a->of.lease.mode == TGS_LEASE_EXCLUSIVE || b->of.lease.mode == TGS_LEASE_EXCLUSIVE;
            bool at_once =
                holders[i].from_us < holders[j].least_us && holders[j].from_us < holders[i].least_us;
            if (a->of.lease.session == b->of.lease.session && exclusive && at_once)
                fault(check, "tokens %" PRId64 " and %" PRId64 " at once", b->of.lease.token,
                      a->of.lease.token);
            if (b->end_us && a->end_us < b->begin_us)
                fault(check, "token %" PRId64 " is larger than the later %" PRId64, a->of.lease.token,
                      b->of.lease.token);
        }
}

static void check_write(struct check *check, const struct event *write, const struct holder *holders,
                        size_t n) {
    for (size_t i = 0; i < n; i++) {
        const struct event *lease = holders[i].acquired;
        if (lease->of.lease.session != write->of.lease.session) continue;
        if (lease->of.lease.token == write->of.lease.token) {
            if (write->begin_us >= holders[i].most_us)
                fault(check, "token %" PRId64 " wrote after its lease", write->of.lease.token);
        } else if (lease->of.lease.mode == TGS_LEASE_EXCLUSIVE && write->begin_us > holders[i].from_us &&
                   write->end_us < holders[i].least_us) {
            fault(check, "token %" PRId64 " wrote while %" PRId64 " had it alone", write->of.lease.token,
                  lease->of.lease.token);
        }
    }
}

/* What was written, by sequence. */
struct written {
    int64_t sequence, token;
    uint64_t call;
};
struct log {
    struct written *all;
    size_t n, capacity;
};

static void take_written(const void *row, void *context) {
    const tgs_queue_item *item = row;
    struct log *log = context;
    if (log->n == log->capacity) {
        log->capacity = log->capacity ? log->capacity * 2 : 1024;
        log->all = realloc(log->all, log->capacity * sizeof *log->all);
        if (!log->all) violated("out of memory");
    }
    struct written *written = &log->all[log->n++];
    written->sequence = item->sequence;
    written->call = number_in(item->id);
    memcpy(&written->token, item->payload.ptr, sizeof written->token);
}

static int by_sequence(const void *a, const void *b) {
    return order_of(((const struct written *)a)->sequence, ((const struct written *)b)->sequence);
}

static bool is_exclusive(const struct events *writes, uint64_t call) {
    for (size_t low = 0, high = writes->n; low < high;) {
        size_t middle = low + (high - low) / 2;
        if (writes->all[middle].call == call) return writes->all[middle].of.lease.mode == TGS_LEASE_EXCLUSIVE;
        if (writes->all[middle].call < call)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* Nobody writes with a lease after one who had it alone and later. */
static void check_fencing(struct check *check, const struct log *log) {
    struct events writes = events_of(check, WRITTEN, events_by_call);
    int64_t newest = 0, newest_exclusive = 0;
    for (size_t i = 0; i < log->n; i++) {
        int64_t token = log->all[i].token;
        bool exclusive = is_exclusive(&writes, log->all[i].call);
        if (token && (token < newest_exclusive || (exclusive && token < newest)))
            fault(check, "token %" PRId64 " wrote after token %" PRId64, token, newest);
        newest = larger(newest, token);
        if (exclusive) newest_exclusive = larger(newest_exclusive, token);
    }
    free(writes.all);
}

static bool is_of_session(const struct event *event, int64_t session) {
    return event->of.lease.session == session;
}

static void check_log(struct check *check, int64_t session) {
    struct log log = {0};
    struct effects effects = {0};
    each_row(check->store, sessions[session], TGS_RECORD_QUEUE_ITEM, NULL, take_written, &log);
    if (log.n) qsort(log.all, log.n, sizeof *log.all, by_sequence);
    check_fencing(check, &log);
    for (size_t i = 0; i < log.n; i++) effects_add(&effects, log.all[i].call, 0);
    effects_sort(&effects, effects_by_call);
    check_effects(check, WRITTEN, is_of_session, session, &effects);
    free(effects.all);
    free(log.all);
}

void leases_check(struct check *check) {
    struct events acquired = events_of(check, ACQUIRED, by_token),
                  renewed = events_of(check, RENEWED, by_token),
                  released = events_of(check, RELEASED, by_token),
                  writes = events_of(check, WRITTEN, events_by_call);
    struct holder *holders = calloc(acquired.n + 1, sizeof *holders);
    size_t n = 0;
    if (!holders) violated("out of memory");
    for (size_t i = 0; i < acquired.n; i++) {
        const struct event *lease = &acquired.all[i];
        if (!lease->end_us) continue;
        holders[n] =
            (struct holder){lease, lease->end_us, expiry_from(lease->begin_us, lease->of.lease.ttl_ms),
                            expiry_from(lease->end_us, lease->of.lease.ttl_ms)};
        apply_renewals(&holders[n], &renewed);
        apply_releases(&holders[n++], &released);
    }
    check_holders(check, holders, n);
    for (size_t i = 0; i < writes.n; i++)
        if (writes.all[i].end_us) check_write(check, &writes.all[i], holders, n);
    for (int64_t session = 0; session < SESSIONS; session++) check_log(check, session);
    free(holders);
    free(acquired.all);
    free(renewed.all);
    free(released.all);
    free(writes.all);
}
