/* SPDX-License-Identifier: Apache-2.0 */
/* All that a store says of itself through the public interface, as one number. */
#ifndef TESTS_IO_STATE_H
#define TESTS_IO_STATE_H

#include "tgstore.h"

/* Two stores that differ in any row of any session have different numbers.  Times are compared as they are
 * stored; how many bytes the database has is not. */
tgs_status state_of(tgs_store *store, uint64_t *state, tgs_error *err);

/* What SQLite itself says of the database: "ok", or what is wrong with it. */
const char *integrity_of(const char *database);

#endif
