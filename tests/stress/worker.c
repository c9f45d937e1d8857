/* SPDX-License-Identifier: Apache-2.0 */
/* One process with its threads, and what they do next. */
#include <pthread.h>
#include <stdarg.h>
#include <time.h>
#include <unistd.h>

#include "stress.h"

#define MAX_THREADS 64

/* --- small things ---------------------------------------------------------------------------------- */

int64_t now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now); /* the clock of the store, whose leases are compared with it */
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* splitmix64 */
uint64_t random_number(struct worker *w) {
    uint64_t z = w->random += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

int64_t random_below(struct worker *w, int64_t end) { return (int64_t)(random_number(w) % (uint64_t)end); }

void pause_ms(int64_t ms) {
    struct timespec pause = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
    nanosleep(&pause, NULL);
}

void violated(const char *rule, ...) {
    char message[500];
    va_list arguments;
    va_start(arguments, rule);
    vsnprintf(message, sizeof message, rule, arguments);
    va_end(arguments);
    fprintf(stderr, "stress: %s\n", message);
    _exit(1);
}

struct name name_of(uint64_t number) {
    struct name name;
    snprintf(name.text, sizeof name.text, "%016" PRIx64, number);
    return name;
}

uint64_t number_in(tgs_str text) { return strtoull(text.ptr, NULL, 16); }

tgs_kv kv_row(const char *scope, const struct name *key, const int64_t *value) {
    return (tgs_kv){.fields = TGS_KV_VALUE,
                    .scope = str(scope),
                    .key = str(key->text),
                    .value = {(const uint8_t *)value, sizeof *value}};
}

int64_t kv_value(const tgs_kv *row) {
    int64_t value;
    if (row->value.len != sizeof value) violated("a kv row of %zu bytes", row->value.len);
    memcpy(&value, row->value.ptr, sizeof value);
    return value;
}

tgs_store *open_store(const char *url) {
    tgs_error err;
    tgs_store *store;
    if (tgs_store_open(str(url), NULL, 0, &store, NULL, &err) != TGS_OK)
        violated("opening %s: %s: %s", url, tgs_status_name(err.code), err.message);
    return store;
}

tgs_session *open_session(tgs_store *store, const char *name) {
    tgs_error err;
    tgs_session *session;
    if (tgs_session_new(store, str(name), &session, &err) != TGS_OK)
        violated("session %s: %s", name, err.message);
    return session;
}

/* --- a call's limits ----------------------------------------------------------------------------------- */

const tgs_call *limits(struct worker *w) {
    w->call = (tgs_call){.size = sizeof w->call};
    int64_t choice = random_below(w, 10);
    w->limited = choice <= 1;
    if (choice == 0) w->call.timeout_ms = 1 + random_below(w, 20);
    if (choice == 1) w->call.cancel = w->canceller;
    if (choice == 1) tgs_canceller_reset(w->canceller);
    return w->limited ? &w->call : NULL;
}

/* Whoever it is, and whatever they do just now. */
static void cancel_another(struct worker *w) {
    tgs_canceller_cancel(w->crew[random_below(w, w->plan->threads)].canceller);
}

void expect(struct worker *w, const char *what, tgs_status status, const tgs_error *err, unsigned others) {
    if (status >= 0) return;
    if (w->limited) others |= MAY(TGS_E_BUSY) | MAY(TGS_E_TIMEOUT) | MAY(TGS_E_CANCELLED);
    if (!(MAY(status) & others) || err->code != status || err->outcome != TGS_OUTCOME_NOT_APPLIED ||
        !err->message[0])
        violated("%s: %s, outcome %d, %s: %s", what, tgs_status_name(status), err->outcome, err->native,
                 err->message);
}

/* --- the threads ------------------------------------------------------------------------------------------
 */

static const struct {
    void (*run)(struct worker *w);
    int weight;
    bool needs_files;
} things[] = {
    {count, 20, false},
    {move, 5, false},
    {add_key, 12, false},
    {enqueue, 16, false},
    {claim, 20, false},
    {hold_lease, 4, false},
    {write_without_lease, 5, false},
    {meet, 8, false},
    {wander, 8, false},
    {list_pages, 4, false},
    {put_and_delete, 12, false},
    {write_together, 6, false},
    {cancel_another, 20, false},
    {prune, 2, false},
    {purge, 2, false},
    {put_durably, 1, false},
    {open_and_close, 3, true},
    {open_new_file, 2, true},
};

/* These take long: once in so many things. */
static const struct {
    void (*run)(struct worker *w);
    int once_in;
    bool needs_files;
} long_things[] = {
    {load, 800, false},
    {back_up, 500, true},
};

static void do_something(struct worker *w) {
    int64_t total = 0;
    for (size_t i = 0; i < COUNT(long_things); i++)
        if (random_below(w, long_things[i].once_in) == 0 &&
            (w->plan->has_files || !long_things[i].needs_files))
            long_things[i].run(w);
    for (size_t i = 0; i < COUNT(things); i++) total += things[i].weight;
    int64_t choice = random_below(w, total);
    size_t i = 0;
    while ((choice -= things[i].weight) >= 0) i++;
    if (w->plan->has_files || !things[i].needs_files) things[i].run(w);
}

static void *run_thread(void *self) {
    struct worker *w = self;
    lists_prepare(w);
    while (now_us() < w->plan->end_us) do_something(w);
    return NULL;
}

static void prepare(struct worker *w) {
    tgs_error err;
    if (tgs_canceller_new(&w->canceller, &err) != TGS_OK) violated("%s", err.message);
    w->random = w->plan->seed ^
                ((uint64_t)w->process << 48 | (uint64_t)w->incarnation << 24 | (uint64_t)w->thread << 16);
    random_number(w);
}

void work(const struct plan *plan, int process, int incarnation, tgs_store *store) {
    struct worker crew[MAX_THREADS];
    pthread_t threads[MAX_THREADS];
    int journal = journal_open(plan->folder, process);
    for (int i = 0; i < plan->threads; i++) {
        crew[i] = (struct worker){.plan = plan,
                                  .process = process,
                                  .incarnation = incarnation,
                                  .thread = i,
                                  .store = store,
                                  .crew = crew,
                                  .journal = journal};
        prepare(&crew[i]);
    }
    for (int i = 0; i < plan->threads; i++)
        if (pthread_create(&threads[i], NULL, run_thread, &crew[i])) violated("no thread");
    for (int i = 0; i < plan->threads; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < plan->threads; i++) tgs_canceller_free(crew[i].canceller);
    close(journal);
}
