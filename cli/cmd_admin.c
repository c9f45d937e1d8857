/* SPDX-License-Identifier: Apache-2.0 */
/* prune, purge and backup: looking after a store. */
#include "cli.h"

#include <inttypes.h>
#include <unistd.h>

static int report_removed(const struct cli *cli, uint64_t removed) {
    if (given(cli, OPTION_JSON)) {
        struct json_object *object = json_new();
        return json_print(object, json_set(object, "removed", json_number(removed)));
    }
    printf("%" PRIu64 " row%s removed\n", removed, plural(removed));
    return DONE;
}

/* Prune and purge work in steps and may be called again: a deadline counts only if nothing moves. */
static int remove_rows(struct cli *cli, const char *label,
                       tgs_status (*step)(struct cli *, void *, uint64_t *, tgs_error *), void *context,
                       uint64_t *removed) {
    tgs_error err;
    tgs_status result;
    uint64_t now;
    progress_start(label, 0);
    do {
        now = 0;
        result = step(cli, context, &now, &err);
        *removed += now;
    } while (result == TGS_E_TIMEOUT && now > 0);
    progress_stop();
    if (result == TGS_OK) return DONE;
    int status = failed(&err, "");
    hint("removed so far: %" PRIu64 "; the same command again goes on from there", *removed);
    return status;
}

/* --- prune -------------------------------------------------------------------------------------- */

static tgs_status prune_step(struct cli *cli, void *store, uint64_t *removed, tgs_error *err) {
    return tgs_prune(store, option_milliseconds(cli, OPTION_PEER_AGE, 0), removed, &cli->call, err);
}

static int prune_store(struct cli *cli, tgs_store *store) {
    uint64_t removed = 0;
    int status = remove_rows(cli, "Removing what has expired", prune_step, store, &removed);
    return status == DONE ? report_removed(cli, removed) : status;
}

int command_prune(struct cli *cli) { return with_store(cli, CHANGE, prune_store); }

/* --- purge -------------------------------------------------------------------------------------- */

static tgs_status purge_step(struct cli *cli, void *session, uint64_t *removed, tgs_error *err) {
    return tgs_purge(session, removed, &cli->call, err);
}

static int confirm(const struct cli *cli) {
    if (given(cli, OPTION_YES)) return DONE;
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return misused(cli, "purge asks before it deletes, and there is no terminal to ask on: add --yes");
    fputs("Delete session ", stderr);
    print_quoted(stderr, to_str(cli->values[OPTION_SESSION]));
    fputs(" for good, with its auth keys, peers and all the rest? [y/N] ", stderr);
    int answer = wait_for_input(cli) ? getchar() : EOF;
    if (answer == 'y' || answer == 'Y') return DONE;
    complain("nothing was deleted");
    return FAILED;
}

static int purge_session(struct cli *cli, tgs_store *store) {
    tgs_session *session;
    tgs_error err;
    if (tgs_session_new(store, to_str(cli->values[OPTION_SESSION]), &session, &err) != TGS_OK)
        return failed(&err, "");
    uint64_t removed = 0;
    int status = remove_rows(cli, "Deleting", purge_step, session, &removed);
    tgs_session_free(session);
    if (status != DONE) return status;
    return removed ? report_removed(cli, removed) : no_session(cli->values[OPTION_SESSION]);
}

int command_purge(struct cli *cli) {
    int status = confirm(cli);
    return status == DONE ? with_store(cli, CHANGE, purge_session) : status;
}

/* --- backup ------------------------------------------------------------------------------------- */

/* What a backup costs goes with the database's size: a thousand rows' time a megabyte. */
static int find_size(struct cli *cli, tgs_store *store, uint64_t *rows) {
    tgs_rows *result;
    tgs_error err;
    if (tgs_stats_get(store, (tgs_str){NULL, 0}, &result, &cli->call, &err) != TGS_OK)
        return failed(&err, "");
    tgs_stats stats;
    tgs_rows_row(result, 0, &stats, sizeof stats);
    tgs_rows_free(result);
    *rows = stats.fields & TGS_STATS_BYTES ? (uint64_t)stats.bytes / 1000 : 0;
    return DONE;
}

static int report_backup(const struct cli *cli, const char *file) {
    if (given(cli, OPTION_JSON)) {
        struct json_object *object = json_new();
        return json_print(object, json_set(object, "file", json_text(to_str(file))));
    }
    printf("backup written to %s\n", file);
    return DONE;
}

static int back_up(struct cli *cli, tgs_store *store) {
    const char *file = cli->arguments[1];
    uint64_t rows = 0;
    int status = find_size(cli, store, &rows);
    if (status != DONE) return status;
    tgs_call call = call_for(cli, rows);
    tgs_error err;
    progress_start("Backing up", 0);
    tgs_status result = tgs_backup(store, to_str(file), &call, &err);
    progress_stop();
    return result == TGS_OK ? report_backup(cli, file) : failed(&err, "");
}

int command_backup(struct cli *cli) { return with_store(cli, READ, back_up); }
