/* SPDX-License-Identifier: Apache-2.0 */
/* One call's limits: deadline and cancelling. */
#ifndef CAPI_CALL_H
#define CAPI_CALL_H

#include <stdatomic.h>
#include <stdbool.h>

#include "tgstore/backend.h"

struct tgs_canceller {
    atomic_int cancelled;
};

/* A tgs_call, checked and resolved.  `backend.cancel` points to this struct. */
struct limits {
    tgs_backend_call backend;
    const tgs_canceller *canceller; /* of the caller, nullable */
    const atomic_bool *closing;     /* of the store: set when it stops waiting for its calls; nullable */
};

int64_t monotonic_ns(void);
int64_t wall_clock_ms(void);
/* On the monotonic clock; INT64_MAX, never, for negative and for absurd timeouts. */
int64_t deadline_after(int64_t timeout_ms);

/* Resolve `call` (nullable) with the store's default (-1: none) into `limits`. */
tgs_status limits_resolve(struct limits *limits, const tgs_call *call, int64_t default_timeout_ms,
                          const atomic_bool *closing, tgs_error *err);

/* TGS_OK, TGS_E_TIMEOUT or TGS_E_CANCELLED, as tgs_host.check. */
tgs_status limits_check(const tgs_backend_call *call);

/* Sleep for a short while, or less if the deadline comes before. */
void limits_pause(const struct limits *limits, int64_t ns);

#endif
