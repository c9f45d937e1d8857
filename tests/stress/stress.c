/* SPDX-License-Identifier: Apache-2.0 */
/* Many threads, in one process and in several, do everything at once on one store; then what the store holds
 * is compared with what each of them was told.
 *
 *      stress FORM [--seconds N] [--seed N]
 *
 *      processes  8 processes of 2 threads on one SQLite file
 *      kills      the same, killed at random and started again, and stopped for a while
 *      threads    16 threads of one process on one SQLite file
 *      memory     16 threads on memory:
 *
 * It runs in rounds of at most 10 seconds, each with a new store and the next seed.  A round that fails
 * leaves its folder, and its seed, to be looked at. */
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stress.h"

#define ROUND_SECONDS 10
#define HANG_SECONDS 180 /* beyond the round's end */
#define MAX_PROCESSES 8

static const struct form {
    const char *name;
    int processes, threads;
    bool has_files, kills;
} forms[] = {
    {"processes", 8, 2, true, false},
    {"kills", 8, 2, true, true},
    {"threads", 1, 16, true, false},
    {"memory", 1, 16, false, false},
};

static const char *const kind_names[KINDS] = {
    "counted", "moved",    "keys added",     "enqueued", "claimed", "settled", "leases acquired",
    "renewed", "released", "written leased", "met",      "loaded",  "opened"};

struct totals {
    size_t calls, failed, open, kills, stops;
    size_t kinds[KINDS];
};

/* --- what is left of a round ---------------------------------------------------------------------------- */

static void report(const struct events *events, const struct totals *before) {
    struct totals totals = *before;
    for (size_t i = 0; i < events->n; i++) {
        totals.calls++;
        totals.open += !events->all[i].end_us;
        totals.failed += events->all[i].end_us && events->all[i].status != TGS_OK;
        totals.kinds[events->all[i].kind]++;
    }
    printf("  %zu noted calls, %zu refused or given up, %zu unknown; %zu kills, %zu stops\n ", totals.calls,
           totals.failed, totals.open, totals.kills, totals.stops);
    for (size_t i = 0; i < KINDS; i++)
        printf(" %s %zu%s", kind_names[i], totals.kinds[i], i + 1 < KINDS ? "," : "\n");
    fflush(stdout);
}

static void check_all(const struct plan *plan, tgs_store *store, const struct totals *totals) {
    struct check check = {.plan = plan, .store = store, .events = journal_read(plan->folder)};
    report(&check.events, totals);
    for (size_t i = 0; i < check.events.n; i++)
        if (!check.events.all[i].end_us && !totals->kills) fault(&check, "a call has not returned");
    counters_check(&check);
    keys_check(&check);
    queue_check(&check);
    leases_check(&check);
    peers_check(&check);
    lists_check(&check);
    stores_check(&check);
    free(check.events.all);
    if (check.faults) violated("%u faults", check.faults);
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *walk) {
    (void)info, (void)type, (void)walk;
    return remove(path);
}

/* --- processes --------------------------------------------------------------------------------------------
 */

/* What a child does; the parent never opens a store, so that each child is a fresh process to the library. */
struct job {
    const struct plan *plan;
    const struct totals *totals;
    int process, incarnation, gate; /* begins when the gate is shut; -1: at once */
};

static void work_in_process(const struct job *job) {
    char byte;
    if (job->gate >= 0 && read(job->gate, &byte, 1) != 0) violated("the gate");
    tgs_store *store = open_store(job->plan->url);
    work(job->plan, job->process, job->incarnation, store);
    tgs_store_close(store);
}

static void check_files(const struct job *job) {
    tgs_store *store = open_store(job->plan->url);
    check_all(job->plan, store, job->totals);
    tgs_store_close(store);
}

/* What is in memory is gone with its process. */
static void work_and_check(const struct job *job) {
    tgs_store *store = open_store(job->plan->url);
    work(job->plan, 0, 0, store);
    check_all(job->plan, store, job->totals);
    tgs_store_close(store);
}

static pid_t start(const struct job *job, void (*run)(const struct job *job), int other_end) {
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0) violated("no process");
    if (pid) return pid;
    if (other_end >= 0) close(other_end);
    alarm(
        (unsigned)((job->plan->end_us - now_us()) / 1000000 + HANG_SECONDS)); /* one that hangs dies of it */
    run(job);
    exit(0); /* so that sanitizers look for leaks */
}

static bool ended_well(pid_t pid) {
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) violated("waiting for %d", (int)pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
    if (WIFSIGNALED(status))
        fprintf(stderr, "stress: process %d died of signal %d%s\n", (int)pid, WTERMSIG(status),
                WTERMSIG(status) == SIGALRM ? ": it hung" : "");
    return false;
}

/* --- killing
 * ------------------------------------------------------------------------------------------------ */

static bool kill_one(struct worker *dice, pid_t *pid, struct job *job, struct totals *totals) {
    int status;
    totals->kills++;
    kill(*pid, SIGKILL);
    if (waitpid(*pid, &status, 0) != *pid) violated("waiting for %d", (int)*pid);
    bool well = WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 0;
    job->incarnation++;
    job->gate = -1;
    if (random_below(dice, 2)) pause_ms(random_below(dice, 50));
    *pid = start(job, work_in_process, -1);
    return well;
}

/* A stopped process keeps the locks it has. */
static void stop_one(struct worker *dice, pid_t pid, struct totals *totals) {
    totals->stops++;
    kill(pid, SIGSTOP);
    pause_ms(random_below(dice, 300));
    kill(pid, SIGCONT);
}

static bool kill_some(const struct plan *plan, pid_t *pids, struct job *jobs, struct totals *totals) {
    struct worker dice = {.random = plan->seed};
    bool well = true;
    while (well && now_us() < plan->end_us) {
        int victim = (int)random_below(&dice, plan->processes);
        pause_ms(random_below(&dice, 150));
        if (random_below(&dice, 3) == 0) stop_one(&dice, pids[victim], totals);
        if (random_below(&dice, 4)) well = kill_one(&dice, &pids[victim], &jobs[victim], totals);
    }
    return well;
}

/* --- rounds
 * --------------------------------------------------------------------------------------------------- */

static bool run_processes(const struct form *form, const struct plan *plan) {
    struct totals totals = {0};
    struct job jobs[MAX_PROCESSES];
    pid_t pids[MAX_PROCESSES];
    int gate[2];
    bool well = true;
    if (pipe(gate) != 0) violated("no pipe");
    for (int i = 0; i < plan->processes; i++) {
        jobs[i] = (struct job){plan, &totals, i, 0, gate[0]};
        pids[i] = start(&jobs[i], work_in_process, gate[1]);
    }
    close(gate[0]);
    close(gate[1]); /* now all open the store, and make it, at the same moment */
    if (form->kills) well = kill_some(plan, pids, jobs, &totals);
    for (int i = 0; i < plan->processes; i++) well &= ended_well(pids[i]);
    struct job last = {plan, &totals, 0, 0, -1};
    return well && ended_well(start(&last, check_files, -1));
}

static bool run_threads(const struct plan *plan) {
    struct totals totals = {0};
    struct job job = {plan, &totals, 0, 0, -1};
    return ended_well(start(&job, work_and_check, -1));
}

static bool run_round(const struct form *form, uint64_t seed, int64_t seconds) {
    char folder[100];
    const char *above = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/tgstore-stress-XXXXXX", above ? above : "/tmp");
    if (!mkdtemp(folder)) violated("no folder %s", folder);
    struct plan plan = {.folder = folder,
                        .has_files = form->has_files,
                        .processes = form->processes,
                        .threads = form->threads,
                        .seed = seed,
                        .end_us = now_us() + seconds * 1000000};
    if (form->has_files)
        snprintf(plan.url, sizeof plan.url, "sqlite:%s/store.db?timeout_ms=60000", folder);
    else
        snprintf(plan.url, sizeof plan.url, "memory:?timeout_ms=60000");
    printf("%s, seed %" PRIu64 ", %" PRId64 " s\n", form->name, seed, seconds);
    bool well = form->processes > 1 ? run_processes(form, &plan) : run_threads(&plan);
    if (well) return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0;
    fprintf(stderr, "stress: %s failed with --seed %" PRIu64 "; its files are in %s\n", form->name, seed,
            folder);
    return false;
}

static int usage(void) {
    fputs("usage: stress processes|kills|threads|memory [--seconds N] [--seed N]\n", stderr);
    return 2;
}

int main(int argc, char **argv) {
    const struct form *form = NULL;
    int64_t seconds = 5, seed = 1;
    for (size_t i = 0; argc > 1 && i < COUNT(forms); i++)
        if (strcmp(argv[1], forms[i].name) == 0) form = &forms[i];
    for (int i = 2; i < argc; i += 2) {
        int64_t *option = strcmp(argv[i], "--seconds") == 0 ? &seconds
                          : strcmp(argv[i], "--seed") == 0  ? &seed
                                                            : NULL;
        if (!option || i + 1 == argc) return usage();
        *option = strtoll(argv[i + 1], NULL, 10);
    }
    if (!form || seconds <= 0) return usage();
    for (; seconds > 0; seconds -= ROUND_SECONDS, seed++)
        if (!run_round(form, (uint64_t)seed, seconds < ROUND_SECONDS ? seconds : ROUND_SECONDS)) return 1;
    return 0;
}
