/* SPDX-License-Identifier: Apache-2.0 */
#include "call.h"

#include <time.h>

#include "allocator.h"
#include "error.h"

#define NS_PER_MS 1000000

int64_t monotonic_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t wall_clock_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / NS_PER_MS;
}

TGS_API tgs_status tgs_canceller_new(tgs_canceller **out, tgs_error *err) {
    error_clear(err);
    if (!out) return error_set(err, TGS_E_INVALID, "out is NULL");
    *out = mem_zeroed(1, sizeof **out);
    return *out ? TGS_OK : error_nomem(err);
}

TGS_API void tgs_canceller_cancel(tgs_canceller *canceller) {
    if (canceller) atomic_store(&canceller->cancelled, 1);
}

TGS_API void tgs_canceller_reset(tgs_canceller *canceller) {
    if (canceller) atomic_store(&canceller->cancelled, 0);
}

TGS_API int32_t tgs_canceller_cancelled(const tgs_canceller *canceller) {
    return canceller ? atomic_load(&canceller->cancelled) : 0;
}

TGS_API void tgs_canceller_free(tgs_canceller *canceller) { mem_free(canceller); }

int64_t deadline_after(int64_t timeout_ms) {
    int64_t now = monotonic_ns();
    if (timeout_ms < 0 || timeout_ms > (INT64_MAX - now) / NS_PER_MS) return INT64_MAX;
    return now + timeout_ms * NS_PER_MS;
}

static tgs_status check_call(const tgs_call *call, tgs_error *err) {
    static const tgs_call zero;
    if (call->size < sizeof zero)
        return error_set(err, TGS_E_INVALID, "call->size is %zu; set it to sizeof(tgs_call)", call->size);
    for (size_t i = 0; i < sizeof call->reserved / sizeof *call->reserved; i++)
        if (call->reserved[i]) return error_set(err, TGS_E_UNSUPPORTED, "call->reserved must be zero");
    for (size_t i = sizeof zero; i < call->size; i++)
        if (((const char *)call)[i])
            return error_set(err, TGS_E_UNSUPPORTED,
                             "call has members that this version of tgstore does not know");
    return TGS_OK;
}

tgs_status limits_resolve(struct limits *limits, const tgs_call *call, int64_t default_timeout_ms,
                          const atomic_bool *closing, tgs_error *err) {
    tgs_status status = call ? check_call(call, err) : TGS_OK;
    if (status != TGS_OK) return status;
    int64_t timeout_ms = call && call->timeout_ms ? call->timeout_ms : default_timeout_ms;
    limits->backend.size = sizeof limits->backend;
    limits->backend.deadline_ns = deadline_after(timeout_ms);
    limits->backend.cancel = limits;
    limits->canceller = call ? call->cancel : NULL;
    limits->closing = closing;
    return TGS_OK;
}

tgs_status limits_check(const tgs_backend_call *call) {
    const struct limits *limits = call->cancel;
    if (tgs_canceller_cancelled(limits->canceller)) return TGS_E_CANCELLED;
    if (limits->closing && atomic_load(limits->closing)) return TGS_E_CANCELLED;
    if (call->deadline_ns != INT64_MAX && monotonic_ns() >= call->deadline_ns) return TGS_E_TIMEOUT;
    return TGS_OK;
}

void limits_pause(const struct limits *limits, int64_t ns) {
    int64_t left =
        limits->backend.deadline_ns == INT64_MAX ? ns : limits->backend.deadline_ns - monotonic_ns();
    if (left < ns) ns = left;
    if (ns <= 0) return;
    struct timespec pause = {(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
    nanosleep(&pause, NULL);
}
