/* SPDX-License-Identifier: Apache-2.0 */
/* Dedup keys that many want at the same time: each is won by one, who stores a row with it. */
#include "stress.h"

#define SESSION "keys"
#define KEY_US 10000 /* the keys of so many microseconds are wanted at once */

void add_key(struct worker *w) {
    tgs_error err;
    tgs_batch *batch;
    struct event event = event_new(w, ADDED);
    event.of.add.key = now_us() / KEY_US + random_below(w, 3);
    struct name key = name_of((uint64_t)event.of.add.key), won = name_of(event.call);
    tgs_dedup dedup = {.flags = TGS_ROW_REQUIRE, .key = str(key.text)};
    tgs_kv row = kv_row("won", &won, &event.of.add.key);
    tgs_session *session = open_session(w->store, SESSION);
    if (tgs_batch_new(session, &batch, &err) != TGS_OK ||
        tgs_batch_put(batch, TGS_RECORD_DEDUP, &dedup, 1, sizeof dedup, &err) != TGS_OK ||
        tgs_batch_put(batch, TGS_RECORD_KV, &row, 1, sizeof row, &err) != TGS_OK)
        violated("batch: %s", err.message);
    event_begin(w, &event);
    tgs_status status = tgs_batch_commit(batch, NULL, 0, limits(w), &err);
    event_end(w, &event, status);
    expect(w, "add_key", status, &err, MAY(TGS_E_CONFLICT));
    tgs_batch_free(batch);
    tgs_session_free(session);
}

static void take_key(const void *row, void *keys) {
    effects_add(keys, number_in(((const tgs_dedup *)row)->key), 0);
}

void keys_check(struct check *check) {
    struct effects won = effects_read(check->store, SESSION, "won"), keys = {0};
    each_row(check->store, SESSION, TGS_RECORD_DEDUP, NULL, take_key, &keys);
    check_effects(check, ADDED, NULL, 0, &won);
    effects_sort(&won, effects_by_value);
    for (size_t i = 1; i < won.n; i++)
        if (won.all[i].value == won.all[i - 1].value)
            fault(check, "key %" PRId64 " was won twice", won.all[i].value);
    if (keys.n != won.n) fault(check, "%zu keys, but %zu were won", keys.n, won.n);
    for (size_t i = 0; i < check->events.n; i++) {
        const struct event *event = &check->events.all[i];
        if (event->kind == ADDED && event->end_us && event->status == TGS_E_CONFLICT &&
            !effects_find(&keys, (uint64_t)event->of.add.key))
            fault(check, "key %" PRId64 " was refused, and nobody has it", event->of.add.key);
    }
    free(won.all);
    free(keys.all);
}
