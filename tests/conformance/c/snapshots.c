/* SPDX-License-Identifier: Apache-2.0 */
/* Operations for session strings and files. */
#include "driver.h"

#include <string.h>

tgs_status snapshot_from_text(struct request *r) {
    tgs_snapshot *snapshot = POISON;
    tgs_status status = tgs_snapshot_from_text(text(r, "text"), argument(r, "out", &snapshot), error(r));
    return owned(r, status, SNAPSHOT, snapshot);
}

tgs_status snapshot_from_file(struct request *r) {
    tgs_snapshot *snapshot = POISON;
    tgs_status status =
        tgs_snapshot_from_file(text(r, "path"), argument(r, "out", &snapshot), call(r), error(r));
    return owned(r, status, SNAPSHOT, snapshot);
}

tgs_status snapshot_from_session(struct request *r) {
    tgs_snapshot *snapshot = POISON;
    tgs_status status =
        tgs_snapshot_from_session(handle(r, "session", SESSION), (int32_t)request_int(r, "peers", 1),
                                  argument(r, "out", &snapshot), call(r), error(r));
    return owned(r, status, SNAPSHOT, snapshot);
}

tgs_status snapshot_info(struct request *r) {
    const tgs_snapshot *snapshot = handle(r, "snapshot", SNAPSHOT);
    json_object *notes = json_object_new_array(), *records = json_object_new_object();
    for (size_t i = 0; i < tgs_snapshot_note_count(snapshot); i++)
        json_object_array_add(notes, json_object_new_string(tgs_snapshot_note(snapshot, i)));
    for (int32_t record = TGS_RECORD_SESSION; record <= TGS_RECORD_KV; record++) {
        const tgs_rows *rows = tgs_snapshot_rows(snapshot, record);
        if (rows) json_object_object_add(records, tgs_record_name(record), rows_to_json(rows, false));
    }
    json_object_object_add(r->out, "notes", notes);
    json_object_object_add(r->out, "records", records);
    if (!snapshot) return TGS_OK;
    json_object_object_add(r->out, "format", json_object_new_string(tgs_snapshot_format(snapshot)));
    json_object_object_add(r->out, "description", json_object_new_string(tgs_snapshot_description(snapshot)));
    return TGS_OK;
}

tgs_status snapshot_to_text(struct request *r) {
    size_t n;
    tgs_option *options = options_from_json(r, &n);
    tgs_text *made = POISON;
    tgs_status status =
        tgs_snapshot_to_text(handle(r, "snapshot", SNAPSHOT), text(r, "format"),
                             argument(r, "options", options), n, argument(r, "out", &made), error(r));
    if (status != TGS_OK) return owned(r, status, NOTHING, made);
    json_object_object_add(r->out, "text", text_to_json(tgs_text_str(made)));
    tgs_text_free(made);
    return status;
}

tgs_status snapshot_to_session(struct request *r) {
    uint64_t done = 0;
    bool replace = json_object_get_boolean(member(r, "replace_account"));
    uint32_t flags = (uint32_t)request_int(r, "flags", replace ? TGS_ROW_REPLACE_ACCOUNT : 0);
    tgs_status status =
        tgs_snapshot_to_session(handle(r, "snapshot", SNAPSHOT), handle(r, "session", SESSION), flags,
                                argument(r, "done", &done), call(r), error(r));
    return with_count(r, status, done);
}
