/* SPDX-License-Identifier: Apache-2.0 */
/* sessions, show, peers and stats: looking at a store. */
#include "cli.h"

/* --- sessions --------------------------------------------------------------------------------- */

static int list_page(void *listing, const tgs_rows *infos) { return listing_rows(listing, infos); }

static int sessions_of(struct cli *cli, tgs_store *store) {
    static const char *const columns[] = {"name",          "created",    "lease_mode",
                                          "lease_owner",   "lease_host", "lease_pid",
                                          "lease_expires", "purging",    NULL};
    struct listing listing;
    listing_open(&listing, cli, TGS_RECORD_SESSION_INFO, columns);
    return listing_close(&listing, each_session_page(cli, store, list_page, &listing));
}

int command_sessions(struct cli *cli) { return with_store(cli, READ, sessions_of); }

/* --- stats ------------------------------------------------------------------------------------ */

static int print_stats(const struct cli *cli, const tgs_rows *rows) {
    tgs_stats stats;
    tgs_rows_row(rows, 0, &stats, sizeof stats);
    if (given(cli, OPTION_JSON)) return json_print(json_row(TGS_RECORD_STATS, &stats), true);
    print_record(TGS_RECORD_STATS, &stats);
    return DONE;
}

static int stats_of(struct cli *cli, tgs_store *store) {
    const char *name = cli->values[OPTION_SESSION];
    tgs_rows *rows;
    tgs_error err;
    int status = name ? expect_session(cli, store, to_str(name)) : DONE;
    if (status != DONE) return status;
    if (tgs_stats_get(store, name ? to_str(name) : (tgs_str){NULL, 0}, &rows, &cli->call, &err) != TGS_OK)
        return failed(&err, "");
    status = print_stats(cli, rows);
    tgs_rows_free(rows);
    return status;
}

int command_stats(struct cli *cli) { return with_store(cli, READ, stats_of); }

/* --- show ------------------------------------------------------------------------------------- */

/* What `show` prints of a session. */
struct shown {
    tgs_rows *data, *dc_auths, *state, *stats;
};

static void free_shown(struct shown *shown) {
    tgs_rows_free(shown->data);
    tgs_rows_free(shown->dc_auths);
    tgs_rows_free(shown->state);
    tgs_rows_free(shown->stats);
}

static tgs_status read_shown(struct cli *cli, tgs_store *store, tgs_session *session, struct shown *shown,
                             tgs_error *err) {
    const tgs_session_data data_key = {0};
    const tgs_update_state account_key = {0};
    const tgs_call *call = &cli->call;
    tgs_status status =
        tgs_get(session, TGS_RECORD_SESSION, &data_key, 1, sizeof data_key, &shown->data, call, err);
    if (status != TGS_OK) return status;
    status = tgs_list(session, TGS_RECORD_DC_AUTH, NULL, 0, NULL, TGS_MAX_ROWS, &shown->dc_auths, call, err);
    if (status != TGS_OK) return status;
    status = tgs_get(session, TGS_RECORD_UPDATE_STATE, &account_key, 1, sizeof account_key, &shown->state,
                     call, err);
    if (status != TGS_OK) return status;
    return tgs_stats_get(store, tgs_session_name(session), &shown->stats, call, err);
}

static bool add_state(struct json_object *object, const tgs_update_state *state) {
    if (!(state->flags & TGS_ROW_FOUND)) return true;
    return json_set(object, "update_state", json_row(TGS_RECORD_UPDATE_STATE, state));
}

static int show_json(tgs_str name, const tgs_session_data *data, const tgs_update_state *state,
                     const tgs_stats *stats, const struct shown *shown) {
    struct json_object *object = json_new();
    bool complete = json_set(object, "name", json_text(name)) &&
                    json_set(object, "session", json_row(TGS_RECORD_SESSION, data)) &&
                    json_set(object, "dc_auths", json_rows(shown->dc_auths)) && add_state(object, state) &&
                    json_set(object, "stats", json_row(TGS_RECORD_STATS, stats));
    return json_print(object, complete);
}

static int show_text(tgs_str name, const tgs_session_data *data, const tgs_update_state *state,
                     const tgs_stats *stats, const struct shown *shown) {
    fputs("session ", stdout);
    print_quoted(stdout, name);
    putchar('\n');
    print_record(TGS_RECORD_SESSION, data);
    int status = print_dc_auths(shown->dc_auths);
    if (state->flags & TGS_ROW_FOUND) {
        puts("update state");
        print_record(TGS_RECORD_UPDATE_STATE, state);
    }
    puts("contents");
    print_record(TGS_RECORD_STATS, stats);
    return status;
}

static int print_shown(const struct cli *cli, tgs_str name, const struct shown *shown) {
    tgs_session_data data;
    tgs_update_state state;
    tgs_stats stats;
    tgs_rows_row(shown->data, 0, &data, sizeof data);
    tgs_rows_row(shown->state, 0, &state, sizeof state);
    tgs_rows_row(shown->stats, 0, &stats, sizeof stats);
    return given(cli, OPTION_JSON) ? show_json(name, &data, &state, &stats, shown)
                                   : show_text(name, &data, &state, &stats, shown);
}

static int show_session(struct cli *cli, tgs_store *store, tgs_session *session) {
    struct shown shown = {0};
    tgs_str name = tgs_session_name(session);
    tgs_error err;
    int status = expect_session(cli, store, name);
    if (status != DONE) return status;
    if (read_shown(cli, store, session, &shown, &err) == TGS_OK)
        status = print_shown(cli, name, &shown);
    else
        status = failed(&err, "");
    free_shown(&shown);
    return status;
}

int command_show(struct cli *cli) { return with_session(cli, show_session); }
