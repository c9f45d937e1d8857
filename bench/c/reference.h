/* SPDX-License-Identifier: Apache-2.0 */
/* The rival: a store for a Telegram client written by hand on sqlite3, for nothing but speed.
 *
 * It does what tgstore.h demands of a store: many sessions in a file, a put merges member by member, a zero
 * access hash never replaces one, names compare without case and have one owner in a session, the time of
 * each put and how old each name is are known, positions only rise, all of a batch is one step, results are
 * the caller's.  It serves one thread, does not check its input, and ends the program when something
 * fails. */
#ifndef BENCH_REFERENCE_H
#define BENCH_REFERENCE_H

#include <stdbool.h>
#include <tgstore.h>

struct reference;

/* All that one update from Telegram changes. */
struct update {
    const tgs_peer *peers;
    size_t n_peers;
    const tgs_update_state *states;
    size_t n_states;
    const tgs_dedup *keys;
    size_t n_keys;
    tgs_queue_item item;
};

/* Make a new database.  synchronous=NORMAL, or FULL. */
struct reference *reference_create(const char *path, bool full);
/* Open one that is there. */
struct reference *reference_open(const char *path, bool full);
void reference_close(struct reference *reference);

void reference_put_peers(struct reference *reference, const tgs_peer *peers, size_t count);
/* Many, in transactions of as many rows as tgs_load takes. */
void reference_load_peers(struct reference *reference, const tgs_peer *peers, size_t count);
void reference_put_state(struct reference *reference, const tgs_update_state *state);
void reference_put_update(struct reference *reference, const struct update *update);

/* The number that a statement gives, for checks. */
int64_t reference_number(struct reference *reference, const char *sql);

/* One peer with its texts in one piece of memory, or NULL; free() it. */
tgs_peer *reference_get(struct reference *reference, int32_t kind, int64_t id);
tgs_peer *reference_get_by_username(struct reference *reference, tgs_str username);
tgs_peer *reference_get_by_phone(struct reference *reference, tgs_str phone);

/* A page of peers in the order of their keys. */
struct page {
    tgs_peer *rows;
    size_t count;
    struct texts *texts;
};
struct page *reference_list(struct reference *reference, const tgs_peer *after, size_t limit);
void page_free(struct page *page);

#endif
