/* SPDX-License-Identifier: Apache-2.0 */
/* inspect, import, export and convert: session strings and files. */
#include "cli.h"

#include <inttypes.h>
#include <string.h>

static void print_notes(FILE *out, const tgs_snapshot *snapshot) {
    for (size_t i = 0; i < tgs_snapshot_note_count(snapshot); i++) {
        fputs("note: ", out);
        print_text(out, to_str(tgs_snapshot_note(snapshot, i)), WHOLE_TEXT);
        fputc('\n', out);
    }
}

/* --- inspect ---------------------------------------------------------------------------------- */

static void count_kinds(const tgs_rows *peers, uint64_t counts[3]) {
    for (size_t i = 0; i < tgs_rows_count(peers); i++) {
        tgs_peer peer;
        tgs_rows_row(peers, i, &peer, sizeof peer);
        if (peer.kind >= TGS_PEER_USER && peer.kind <= TGS_PEER_CHANNEL) counts[peer.kind]++;
    }
}

static bool add_notes(struct json_object *object, const tgs_snapshot *snapshot) {
    struct json_object *notes = json_array();
    bool complete = true;
    for (size_t i = 0; i < tgs_snapshot_note_count(snapshot); i++)
        complete &= json_append(notes, json_text(to_str(tgs_snapshot_note(snapshot, i))));
    return json_set(object, "notes", notes) && complete;
}

static bool add_count(struct json_object *object, const tgs_snapshot *snapshot, const char *key,
                      int32_t record) {
    return json_set(object, key, json_number(tgs_rows_count(tgs_snapshot_rows(snapshot, record))));
}

static int inspect_json(const tgs_snapshot *snapshot) {
    const tgs_rows *account = tgs_snapshot_rows(snapshot, TGS_RECORD_SESSION);
    struct json_object *object = json_new();
    tgs_session_data data = {0};
    if (tgs_rows_count(account)) tgs_rows_row(account, 0, &data, sizeof data);
    bool complete =
        json_set(object, "format", json_text(to_str(tgs_snapshot_format(snapshot)))) &&
        json_set(object, "description", json_text(to_str(tgs_snapshot_description(snapshot)))) &&
        json_set(object, "session", json_row(TGS_RECORD_SESSION, &data)) &&
        json_set(object, "dc_auths", json_rows(tgs_snapshot_rows(snapshot, TGS_RECORD_DC_AUTH))) &&
        add_count(object, snapshot, "peers", TGS_RECORD_PEER) &&
        add_count(object, snapshot, "update_states", TGS_RECORD_UPDATE_STATE) &&
        add_count(object, snapshot, "kvs", TGS_RECORD_KV) && add_notes(object, snapshot);
    return json_print(object, complete);
}

static int inspect_text(const tgs_snapshot *snapshot) {
    uint64_t kinds[3] = {0};
    printf("%s (%s)\n", tgs_snapshot_description(snapshot), tgs_snapshot_format(snapshot));
    const tgs_rows *account = tgs_snapshot_rows(snapshot, TGS_RECORD_SESSION);
    tgs_session_data data;
    if (tgs_rows_count(account) && tgs_rows_row(account, 0, &data, sizeof data) == TGS_OK)
        print_record(TGS_RECORD_SESSION, &data);
    int status = print_dc_auths(tgs_snapshot_rows(snapshot, TGS_RECORD_DC_AUTH));
    count_kinds(tgs_snapshot_rows(snapshot, TGS_RECORD_PEER), kinds);
    printf("%" PRIu64 " users, %" PRIu64 " chats, %" PRIu64
           " channels; %zu update states; %zu other values\n",
           kinds[TGS_PEER_USER], kinds[TGS_PEER_CHAT], kinds[TGS_PEER_CHANNEL],
           tgs_rows_count(tgs_snapshot_rows(snapshot, TGS_RECORD_UPDATE_STATE)),
           tgs_rows_count(tgs_snapshot_rows(snapshot, TGS_RECORD_KV)));
    print_notes(stdout, snapshot);
    return status;
}

int command_inspect(struct cli *cli) {
    tgs_snapshot *snapshot;
    int status = read_snapshot(cli, cli->arguments[0], &snapshot);
    if (status == DONE) status = given(cli, OPTION_JSON) ? inspect_json(snapshot) : inspect_text(snapshot);
    tgs_snapshot_free(snapshot);
    return status;
}

/* --- import ----------------------------------------------------------------------------------- */

static uint64_t snapshot_size(const tgs_snapshot *snapshot) {
    uint64_t n = 0;
    for (int32_t record = TGS_RECORD_SESSION; record <= TGS_RECORD_KV; record++)
        n += tgs_rows_count(tgs_snapshot_rows(snapshot, record));
    return n;
}

static int report_import(const struct cli *cli, const tgs_snapshot *snapshot, tgs_str name, uint64_t done) {
    if (given(cli, OPTION_JSON)) {
        struct json_object *object = json_new();
        bool complete = json_set(object, "format", json_text(to_str(tgs_snapshot_format(snapshot)))) &&
                        json_set(object, "session", json_text(name)) &&
                        json_set(object, "rows", json_number(done)) && add_notes(object, snapshot);
        return json_print(object, complete);
    }
    printf("%s: %" PRIu64 " rows are now in session ", tgs_snapshot_description(snapshot), done);
    print_quoted(stdout, name);
    putchar('\n');
    print_notes(stdout, snapshot);
    return DONE;
}

static int import_snapshot(struct cli *cli, const tgs_snapshot *snapshot, tgs_session *session) {
    uint32_t flags = given(cli, OPTION_REPLACE_ACCOUNT) ? TGS_ROW_REPLACE_ACCOUNT : 0;
    uint64_t total = snapshot_size(snapshot), done = 0;
    tgs_call call = call_for(cli, total);
    tgs_error err;
    progress_start("Importing", 0);
    tgs_status result = tgs_snapshot_to_session(snapshot, session, flags, &done, &call, &err);
    progress_stop();
    if (result == TGS_OK) return report_import(cli, snapshot, tgs_session_name(session), done);
    int status = failed(&err, "");
    hint("%" PRIu64 " of %" PRIu64 " rows were stored; importing again goes on from there", done, total);
    if (result == TGS_E_CONFLICT) hint("--replace-account lets the other account take the session over");
    return status;
}

int command_import(struct cli *cli) {
    tgs_snapshot *snapshot;
    tgs_store *store = NULL;
    tgs_session *session = NULL;
    tgs_error err;
    const char *name = given(cli, OPTION_SESSION) ? cli->values[OPTION_SESSION] : "";
    int status = read_snapshot(cli, cli->arguments[0], &snapshot);
    if (status == DONE) status = open_store(cli, cli->values[OPTION_TO], CREATE, &store);
    if (status == DONE && tgs_session_new(store, to_str(name), &session, &err) != TGS_OK)
        status = failed(&err, "");
    if (status == DONE) status = import_snapshot(cli, snapshot, session);
    tgs_session_free(session);
    tgs_snapshot_free(snapshot);
    return store ? finish_store(cli, store, status) : status;
}

/* --- export and convert ------------------------------------------------------------------------- */

static bool to_session_file(const struct cli *cli) {
    static const char suffix[] = "-sqlite";
    const char *format = cli->values[OPTION_FORMAT];
    size_t len = strlen(format), suffix_len = strlen(suffix);
    return len >= suffix_len && strcmp(format + len - suffix_len, suffix) == 0;
}

/* A session file is nothing for standard output. */
static int check_output(const struct cli *cli) {
    const char *out = cli->values[OPTION_OUT];
    if (!to_session_file(cli) || (out && strcmp(out, "-") != 0)) return DONE;
    return misused(cli, "%.40s is a file: give its name with --out FILE", cli->values[OPTION_FORMAT]);
}

int not_exported(tgs_status result, const tgs_error *err) {
    int status = failed(err, "the session has no auth key: it is logged out");
    if (result == TGS_E_INVALID) hint("--set KEY=VALUE gives what the session does not know");
    if (result == TGS_E_CONFLICT) hint("--force replaces it");
    return result == TGS_E_UNSUPPORTED ? WRONG_USAGE : status;
}

static int write_string(const struct cli *cli, const tgs_snapshot *snapshot) {
    tgs_text *text;
    tgs_error err;
    tgs_status result = tgs_snapshot_to_text(snapshot, to_str(cli->values[OPTION_FORMAT]), cli->sets,
                                             cli->n_sets, &text, &err);
    if (result != TGS_OK) return not_exported(result, &err);
    int status = write_secret(cli, tgs_text_str(text));
    tgs_text_free(text);
    return status;
}

static int write_snapshot(const struct cli *cli, const tgs_snapshot *snapshot) {
    print_notes(stderr, snapshot);
    if (!to_session_file(cli)) return write_string(cli, snapshot);
    progress_start("Writing", 0);
    int status = write_session_file(cli, snapshot, snapshot_size(snapshot));
    progress_stop();
    return status;
}

int command_convert(struct cli *cli) {
    tgs_snapshot *snapshot = NULL;
    int status = check_output(cli);
    if (status == DONE) status = read_snapshot(cli, cli->arguments[0], &snapshot);
    if (status == DONE) status = write_snapshot(cli, snapshot);
    tgs_snapshot_free(snapshot);
    return status;
}

/* Only a file has room for peers and update states. */
static int read_session(struct cli *cli, tgs_store *store, tgs_session *session, tgs_snapshot **snapshot) {
    uint64_t rows = 0;
    bool all = to_session_file(cli);
    int status = all ? count_rows(cli, store, tgs_session_name(session), &rows) : DONE;
    if (status != DONE) return status;
    tgs_call call = call_for(cli, rows);
    tgs_error err;
    if (all) progress_start("Reading", 0);
    tgs_status result = tgs_snapshot_from_session(session, all, snapshot, &call, &err);
    progress_stop();
    return result == TGS_OK ? DONE : failed(&err, "there is no such session, or it has no account");
}

static int export_session(struct cli *cli, tgs_store *store, tgs_session *session) {
    tgs_snapshot *snapshot = NULL;
    int status = read_session(cli, store, session, &snapshot);
    if (status == DONE) status = write_snapshot(cli, snapshot);
    tgs_snapshot_free(snapshot);
    return status;
}

int command_export(struct cli *cli) {
    int status = check_output(cli);
    return status == DONE ? with_session(cli, export_session) : status;
}
