/* SPDX-License-Identifier: Apache-2.0 */
/* Who speaks for a session. */
#include "memory.h"

static bool is_live(const tgs_session_info *lease, int64_t now) { return lease->lease_expires > now; }

const tgs_session_info *memory_newest_lease(const struct session *session, int32_t mode, int64_t now) {
    const tgs_session_info *newest = NULL;
    struct cursor cursor = cursor_first(&session->tables[TABLE_LEASE], ORDER_KEY);
    for (struct row *row; (row = cursor_next(&cursor));) {
        const tgs_session_info *lease = row_data(row);
        if (is_live(lease, now) && lease->lease_mode >= mode) newest = lease;
    }
    return newest;
}

static struct row *find_lease(const struct session *session, int64_t token) {
    return memory_find_any(session, TABLE_LEASE, &(tgs_session_info){.lease_token = token});
}

static struct row *find_live_lease(const struct step *step) {
    struct row *row = find_lease(step->session, step->write->token);
    return row && is_live(row_data(row), step->now) ? row : NULL;
}

static tgs_holder holder_of(const struct step *step, const tgs_session_info *lease) {
    tgs_holder holder = {.size = sizeof holder, .token = step->write->token};
    if (!lease) return holder;
    holder.owner = lease->lease_owner;
    holder.host_name = lease->lease_host;
    holder.pid = lease->lease_pid;
    holder.since = lease->lease_since;
    return holder;
}

static tgs_status fenced(const struct step *step) {
    tgs_holder holder = holder_of(step, memory_newest_lease(step->session, TGS_LEASE_SHARED, step->now));
    return memory_host->fenced(step->err, &holder);
}

tgs_status memory_check_fence(struct step *step) {
    int32_t tag = step->write->ops[0].tag;
    if (tag == TGS_OP_LEASE_ACQUIRE || tag == TGS_OP_LEASE_RELEASE) return TGS_OK;
    if (step->write->token) return find_live_lease(step) ? TGS_OK : fenced(step);
    return memory_newest_lease(step->session, TGS_LEASE_EXCLUSIVE, step->now) ? fenced(step) : TGS_OK;
}

static tgs_status drop_lost_leases(struct step *step) {
    struct table *leases = &step->session->tables[TABLE_LEASE];
    struct cursor cursor = cursor_first(leases, ORDER_KEY);
    tgs_status status = TGS_OK;
    for (struct row *row; status == TGS_OK && (row = cursor_next(&cursor));)
        if (!is_live(row_data(row), step->now)) status = memory_change(step, leases, row, NULL);
    return status;
}

tgs_status memory_acquire_lease(struct step *step, const tgs_op *op) {
    int32_t in_the_way = op->action == TGS_LEASE_EXCLUSIVE ? TGS_LEASE_SHARED : TGS_LEASE_EXCLUSIVE;
    const tgs_session_info *other = memory_newest_lease(step->session, in_the_way, step->now);
    if (other) {
        tgs_holder holder = holder_of(step, other);
        return memory_host->held(step->err, &holder);
    }
    tgs_status status = drop_lost_leases(step);
    if (status != TGS_OK) return status;
    tgs_session_info lease = {
        .fields = TGS_SESSION_INFO_LEASE_OWNER | TGS_SESSION_INFO_LEASE_HOST | TGS_SESSION_INFO_LEASE_PID |
                  TGS_SESSION_INFO_LEASE_SINCE | TGS_SESSION_INFO_LEASE_EXPIRES |
                  TGS_SESSION_INFO_LEASE_TOKEN,
        .lease_mode = op->action,
        .lease_owner = op->owner,
        .lease_host = op->host_name,
        .lease_pid = op->pid,
        .lease_since = step->now,
        .lease_expires = memory_later(step->now, op->ttl_ms),
        .lease_token = memory_next_number(step),
    };
    struct table *leases = &step->session->tables[TABLE_LEASE];
    status = memory_insert(step, leases, &lease, hash_key(leases->layout, &lease));
    if (status == TGS_OK) memory_host->result(step->sink, op->index, 1, 0, lease.lease_token);
    return status;
}

tgs_status memory_renew_lease(struct step *step, const tgs_op *op) {
    struct row *row = find_live_lease(step);
    if (!row) return fenced(step);
    tgs_session_info lease = *(const tgs_session_info *)row_data(row);
    lease.lease_expires = memory_later(step->now, op->ttl_ms);
    tgs_status status = memory_replace(step, &step->session->tables[TABLE_LEASE], row, &lease);
    if (status == TGS_OK) memory_host->result(step->sink, op->index, 1, 0, lease.lease_token);
    return status;
}

tgs_status memory_release_lease(struct step *step, const tgs_op *op) {
    struct row *row = find_lease(step->session, step->write->token);
    tgs_status status = row ? memory_change(step, &step->session->tables[TABLE_LEASE], row, NULL) : TGS_OK;
    if (status == TGS_OK) memory_host->result(step->sink, op->index, row != NULL, 0, 0);
    return status;
}
