/* SPDX-License-Identifier: Apache-2.0 */
/* That both sides did the same.  The program ends if they did not. */
#ifndef BENCH_CHECK_H
#define BENCH_CHECK_H

#include "ours.h"
#include "reference.h"

/* Are the rows the same, but for when they were seen? */
void check_same_peer(const tgs_peer *a, const tgs_peer *b);
/* All peers of both, and a sample of look-ups by the names of `peers`, which may have other owners now. */
void check_same_peers(struct ours *ours, struct reference *reference, const tgs_peer *peers, size_t count);

#endif
