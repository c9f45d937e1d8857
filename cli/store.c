/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define INPUT_LIMIT 65536 /* bytes of a session string on standard input; the longest have a few hundred */

tgs_str to_str(const char *text) { return (tgs_str){text, strlen(text)}; }

tgs_call call_for(const struct cli *cli, uint64_t rows) {
    tgs_call call = cli->call;
    /* Unless told otherwise: 10 seconds, and one more for each 1,000 rows. */
    if (call.timeout_ms == 0) call.timeout_ms = 10000 + (int64_t)rows;
    return call;
}

/* --- stores ----------------------------------------------------------------------------- */

/* Looking at a store must not create it when its name is mistyped.  Only some back ends have
 * a mode, and env:NAME and @FILE do not show which it is: those that refuse it get none. */
int open_store(struct cli *cli, const char *url, enum access access, tgs_store **store) {
    tgs_option mode = {TGS_STR("mode"), access == READ ? TGS_STR("ro") : TGS_STR("rw")};
    bool with_mode = access != CREATE && !strstr(url, "mode=");
    tgs_error err;
    tgs_status status = tgs_store_open(to_str(url), &mode, with_mode, store, &cli->call, &err);
    if (status == TGS_E_INVALID && with_mode)
        status = tgs_store_open(to_str(url), NULL, 0, store, &cli->call, &err);
    if (status == TGS_OK) return DONE;
    int exit_status = failed(&err, "there is no such store");
    if (status == TGS_E_UNAVAILABLE && access != CREATE)
        hint("check the URL; only import and copy make a store that is not there");
    return exit_status;
}

int finish_store(struct cli *cli, tgs_store *store, int status) {
    tgs_error err;
    if (status == DONE && tgs_sync(store, &cli->call, &err) != TGS_OK) status = failed(&err, "");
    tgs_store_close(store);
    return status;
}

static int new_session(tgs_store *store, tgs_str name, tgs_session **session) {
    tgs_error err;
    return tgs_session_new(store, name, session, &err) == TGS_OK ? DONE : failed(&err, "");
}

static int open_only_session(const struct cli *cli, tgs_store *store, const tgs_rows *infos,
                             tgs_session **session) {
    size_t n = tgs_rows_count(infos);
    if (n == 0) return no_session(NULL);
    if (n > 1) return misused(cli, "the store has several sessions: say which with --session");
    tgs_session_info info;
    tgs_rows_row(infos, 0, &info, sizeof info);
    return new_session(store, info.name, session);
}

static int open_session(struct cli *cli, tgs_store *store, tgs_session **session) {
    if (given(cli, OPTION_SESSION)) return new_session(store, to_str(cli->values[OPTION_SESSION]), session);
    tgs_rows *infos;
    tgs_error err;
    if (tgs_sessions_list(store, (tgs_str){NULL, 0}, 2, &infos, &cli->call, &err) != TGS_OK)
        return failed(&err, "");
    int status = open_only_session(cli, store, infos, session);
    tgs_rows_free(infos);
    return status;
}

int with_store(struct cli *cli, enum access access, int (*work)(struct cli *, tgs_store *)) {
    tgs_store *store;
    int status = open_store(cli, cli->arguments[0], access, &store);
    if (status != DONE) return status;
    status = work(cli, store);
    if (access != READ) return finish_store(cli, store, status);
    tgs_store_close(store);
    return status;
}

int with_session(struct cli *cli, int (*work)(struct cli *, tgs_store *, tgs_session *)) {
    tgs_store *store;
    tgs_session *session = NULL;
    int status = open_store(cli, cli->arguments[0], READ, &store);
    if (status != DONE) return status;
    status = open_session(cli, store, &session);
    if (status == DONE) {
        status = work(cli, store, session);
        tgs_session_free(session);
    }
    tgs_store_close(store);
    return status;
}

/* --- pages ---------------------------------------------------------------------------------- */

#define PAGE_ROWS 1000

int each_page(struct cli *cli, tgs_session *session, int32_t record, const tgs_filter *filter,
              page_visitor *visit, void *context) {
    tgs_rows *page = NULL;
    const char *last = NULL;
    size_t stride = 0;
    int status = DONE;
    for (bool more = true; more && status == DONE;) {
        tgs_rows *next;
        tgs_error err;
        if (tgs_list(session, record, last, stride, filter, PAGE_ROWS, &next, &cli->call, &err) != TGS_OK) {
            status = failed(&err, "");
            break;
        }
        tgs_rows_free(page); /* kept until now for the last row in it */
        page = next;
        status = visit(context, page);
        more = tgs_rows_more(page);
        const char *data = tgs_rows_data(page, &stride);
        if (more) last = data + (tgs_rows_count(page) - 1) * stride;
    }
    tgs_rows_free(page);
    return status;
}

int each_session_page(struct cli *cli, tgs_store *store, page_visitor *visit, void *context) {
    tgs_rows *page = NULL;
    tgs_session_info last = {0};
    int status = DONE;
    for (bool more = true; more && status == DONE;) {
        tgs_rows *next;
        tgs_error err;
        if (tgs_sessions_list(store, last.name, PAGE_ROWS, &next, &cli->call, &err) != TGS_OK) {
            status = failed(&err, "");
            break;
        }
        tgs_rows_free(page);
        page = next;
        status = visit(context, page);
        more = tgs_rows_more(page);
        if (more) tgs_rows_row(page, tgs_rows_count(page) - 1, &last, sizeof last);
    }
    tgs_rows_free(page);
    return status;
}

/* Rows that a copy would carry over. */
static uint64_t total_of(const tgs_stats *stats) {
    return (uint64_t)(stats->session_data + stats->dc_auths + stats->peers + stats->update_states +
                      stats->dedup_keys + stats->queue_ready + stats->queue_leased + stats->queue_done +
                      stats->queue_dead + stats->conversations + stats->kvs);
}

int count_rows(const struct cli *cli, tgs_store *store, tgs_str name, uint64_t *total) {
    tgs_rows *rows;
    tgs_error err;
    if (tgs_stats_get(store, name, &rows, &cli->call, &err) != TGS_OK) return failed(&err, "");
    tgs_stats stats;
    tgs_rows_row(rows, 0, &stats, sizeof stats);
    tgs_rows_free(rows);
    *total = total_of(&stats);
    return DONE;
}

int no_session(const char *name) {
    complain(name ? "there is no such session" : "there are no sessions in the store");
    if (name) hint("'tgstore sessions URL' lists them");
    return MISSING;
}

int expect_session(const struct cli *cli, tgs_store *store, tgs_str name) {
    uint64_t total = 0;
    int status = count_rows(cli, store, name, &total);
    return status == DONE && total == 0 ? no_session(name.ptr) : status;
}

/* --- session strings and files ---------------------------------------------------------- */

bool wait_for_input(const struct cli *cli) {
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before); /* a signal between the look and the wait must end the wait */
    struct pollfd input = {STDIN_FILENO, POLLIN, 0};
    bool there = !tgs_canceller_cancelled(cli->call.cancel) && ppoll(&input, 1, NULL, &before) >= 0;
    sigprocmask(SIG_SETMASK, &before, NULL);
    return there;
}

static ssize_t not_read(const struct cli *cli, int error) {
    if (tgs_canceller_cancelled(cli->call.cancel))
        complain("cancelled");
    else
        complain("can't read standard input: %s", strerror(error));
    return -1;
}

/* Standard input up to `limit` bytes, from a terminal one line.  The length, or -1. */
static ssize_t read_input(const struct cli *cli, char *text, size_t limit, bool one_line) {
    size_t len = 0;
    while (len < limit) {
        ssize_t n = wait_for_input(cli) ? read(STDIN_FILENO, text + len, limit - len) : -1;
        if (n < 0) return not_read(cli, errno);
        len += (size_t)n;
        if (n == 0 || (one_line && text[len - 1] == '\n')) return (ssize_t)len;
    }
    complain("standard input is too long for a session string");
    return -1;
}

/* What is typed or pasted on a terminal is not shown there. */
static ssize_t read_terminal(const struct cli *cli, char *text, size_t limit) {
    struct termios shown, hidden;
    if (tcgetattr(STDIN_FILENO, &shown) != 0) return read_input(cli, text, limit, false); /* not a terminal */
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    fputs("Session string (not shown): ", stderr);
    ssize_t len = read_input(cli, text, limit, true);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
    fputc('\n', stderr);
    return len;
}

static int read_string(struct cli *cli, char *text, tgs_snapshot **snapshot) {
    ssize_t len = read_terminal(cli, text, INPUT_LIMIT);
    if (len < 0) return FAILED;
    if (len >= 6 && memcmp(text, "SQLite", 6) == 0) {
        complain("standard input holds a session file, not a session string");
        hint("give the file's name instead, so that what belongs to it is found too");
        return FAILED;
    }
    tgs_error err;
    tgs_status status = tgs_snapshot_from_text((tgs_str){text, (size_t)len}, snapshot, &err);
    return status == TGS_OK ? DONE : failed(&err, "standard input is empty");
}

static int read_standard_input(struct cli *cli, tgs_snapshot **snapshot) {
    char *text = malloc(INPUT_LIMIT);
    if (!text) return out_of_memory();
    int status = read_string(cli, text, snapshot);
    explicit_bzero(text, INPUT_LIMIT);
    free(text);
    return status;
}

int read_snapshot(struct cli *cli, const char *file, tgs_snapshot **snapshot) {
    *snapshot = NULL;
    if (strcmp(file, "-") == 0) return read_standard_input(cli, snapshot);
    tgs_error err;
    tgs_status status = tgs_snapshot_from_file(to_str(file), snapshot, &cli->call, &err);
    return status == TGS_OK ? DONE : failed(&err, "there is no such file");
}
