/* SPDX-License-Identifier: Apache-2.0 */
/* Looking for secrets in the memory of another process, which has stopped. */
#ifndef TESTS_SECRETS_SCAN_H
#define TESTS_SECRETS_SCAN_H

#include <sys/types.h>

#include "keeper.h"
#include "patterns.h"

/* A part of a secret in memory; of a piece that malloc or SQLite gave, only the first. */
struct hit {
    const char *mapping; /* its name, or "" */
    uint64_t address;
    const char *secret;
    enum form form;
    struct kept_chunk chunk; /* of the heaps; else 0 */
    const char *caller;      /* the file whose code called malloc; "" if not known */
};
typedef void on_hit(void *context, const struct hit *hit);

enum depth {
    WRITABLE, /* what is not written to can't have changed; without what SQLite took */
    ALL
};

/* Where no mapping has a name that begins with `without`. */
void scan_process(pid_t pid, const struct patterns *patterns, enum depth depth, const char *without,
                  on_hit *tell, void *context);

#endif
