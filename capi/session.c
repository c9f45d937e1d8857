/* SPDX-License-Identifier: Apache-2.0 */
/* Session handles and leases. */
#include <string.h>
#include <unistd.h>

#include "allocator.h"
#include "error.h"
#include "store.h"

#define LEASE_POLL_NS 20000000 /* between two tries for a lease that is held */

static tgs_session *session_make(tgs_store *store, tgs_str name, int64_t token) {
    tgs_session *session = mem_alloc(sizeof *session + name.len + 1);
    if (!session) return NULL;
    char *copy = (char *)(session + 1);
    memcpy(copy, name.ptr, name.len);
    copy[name.len] = '\0';
    *session = (tgs_session){store, {copy, name.len}, token};
    store_reference(store);
    return session;
}

TGS_API tgs_status tgs_session_new(tgs_store *store, tgs_str name, tgs_session **out, tgs_error *err) {
    error_clear(err);
    if (!out) return error_set(err, TGS_E_INVALID, "out is NULL");
    *out = NULL;
    tgs_status status = store_check(store, err);
    if (status == TGS_OK) status = check_text(name, TGS_MAX_SESSION_NAME_BYTES, "the session's name", err);
    if (status != TGS_OK) return status;
    *out = session_make(store, name, 0);
    return *out ? TGS_OK : error_nomem(err);
}

TGS_API void tgs_session_free(tgs_session *session) {
    if (!session) return;
    store_release(session->store);
    mem_free(session);
}

TGS_API tgs_str tgs_session_name(const tgs_session *session) {
    return session ? session->name : (tgs_str){NULL, 0};
}

TGS_API int64_t tgs_session_token(const tgs_session *session) { return session ? session->token : 0; }

/* --- lease ------------------------------------------------------------------------------- */

static tgs_status check_lease(tgs_str owner, int32_t mode, int64_t ttl_ms, int64_t wait_ms, tgs_error *err) {
    if (mode != TGS_LEASE_SHARED && mode != TGS_LEASE_EXCLUSIVE)
        return error_set(err, TGS_E_INVALID, "mode must be TGS_LEASE_SHARED or TGS_LEASE_EXCLUSIVE");
    if (ttl_ms <= 0) return error_set(err, TGS_E_INVALID, "ttl_ms must be positive");
    if (wait_ms < 0) return error_set(err, TGS_E_INVALID, "wait_ms must not be negative");
    return check_text(owner, TGS_MAX_KEY_BYTES, "owner", err);
}

/* Try until it works, fails for another reason than the holder, or the wait is over. */
static tgs_status acquire(struct entry *entry, const tgs_session *session, const tgs_op *op, int64_t wait_ms,
                          int64_t *token) {
    int64_t begin = monotonic_ns();
    for (;;) {
        tgs_sink sink = {0};
        tgs_status status = store_write_one(entry, session, op, &sink);
        *token = sink.last.version;
        if (status != TGS_E_BUSY || (monotonic_ns() - begin) / 1000000 >= wait_ms) return status;
        limits_pause(&entry->limits, LEASE_POLL_NS);
        status = limits_check(&entry->limits.backend);
        if (status == TGS_E_TIMEOUT) return TGS_E_BUSY; /* err tells who has it */
        error_clear(entry->err);
        if (status != TGS_OK) return error_set_native(entry->err, status, NULL, NULL);
    }
}

TGS_API tgs_status tgs_lease_acquire(tgs_session *session, tgs_str owner, int32_t mode, int64_t ttl_ms,
                                     int64_t wait_ms, tgs_session **out, const tgs_call *call,
                                     tgs_error *err) {
    if (out) *out = NULL;
    struct entry entry;
    tgs_status status = entry_begin(&entry, session ? session->store : NULL, call, err);
    if (status != TGS_OK) return status;
    status = out ? check_lease(owner, mode, ttl_ms, wait_ms, entry.err)
                 : error_set(entry.err, TGS_E_INVALID, "out is NULL");
    /* The handle first: a lease that nobody has a handle for would block the session. */
    tgs_session *leased = NULL;
    if (status == TGS_OK && !(leased = session_make(session->store, session->name, 0)))
        status = error_nomem(entry.err);
    if (status == TGS_OK) {
        char host_name[256] = "";
        if (gethostname(host_name, sizeof host_name - 1) != 0) host_name[0] = '\0';
        tgs_op op = {.tag = TGS_OP_LEASE_ACQUIRE,
                     .action = mode,
                     .ttl_ms = ttl_ms,
                     .pid = getpid(),
                     .owner = owner,
                     .host_name = {host_name, strlen(host_name)}};
        status = acquire(&entry, session, &op, wait_ms, &leased->token);
    }
    if (status == TGS_OK)
        *out = leased;
    else
        tgs_session_free(leased);
    entry_leave(&entry);
    return status;
}

/* An operation on the lease that the handle holds. */
static tgs_status on_lease(tgs_session *session, tgs_op *op, const tgs_call *call, tgs_error *err) {
    struct entry entry;
    tgs_status status = entry_begin(&entry, session ? session->store : NULL, call, err);
    if (status != TGS_OK) return status;
    tgs_sink sink = {0};
    if (!session->token)
        status = error_set(entry.err, TGS_E_INVALID,
                           "this handle has no lease; tgs_lease_acquire gives one that has");
    else if (op->tag == TGS_OP_LEASE_RENEW && op->ttl_ms <= 0)
        status = error_set(entry.err, TGS_E_INVALID, "ttl_ms must be positive");
    else
        status = store_write_one(&entry, session, op, &sink);
    entry_leave(&entry);
    return status;
}

TGS_API tgs_status tgs_lease_renew(tgs_session *session, int64_t ttl_ms, const tgs_call *call,
                                   tgs_error *err) {
    tgs_op op = {.tag = TGS_OP_LEASE_RENEW, .ttl_ms = ttl_ms};
    return on_lease(session, &op, call, err);
}

TGS_API tgs_status tgs_lease_release(tgs_session *session, const tgs_call *call, tgs_error *err) {
    tgs_op op = {.tag = TGS_OP_LEASE_RELEASE};
    return on_lease(session, &op, call, err);
}
