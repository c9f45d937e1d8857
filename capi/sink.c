/* SPDX-License-Identifier: Apache-2.0 */
#include "sink.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "allocator.h"
#include "call.h"
#include "error.h"
#include "records.h"

/* A row may be longer than a row struct of ours is alone; none is longer than this. */
union any_row {
    tgs_session_data session;
    tgs_dc_auth dc_auth;
    tgs_queue_item item;
    tgs_peer peer;
};

/* Take the envelope byte off the secrets of a shallow copy. */
static tgs_status open_envelopes(const struct record *record, void *row) {
    uint64_t fields = ((struct row_head *)row)->fields;
    for (size_t i = 0; i < record->n_texts; i++) {
        const tgs_field *field = record->texts[i];
        if (!(field->flags & TGS_FIELD_SECRET) || !(fields & field->bit)) continue;
        tgs_bytes *secret = field_of(row, field);
        if (!secret->ptr || !secret->len) return TGS_E_CORRUPT;
        if (secret->ptr[0] != ENVELOPE_PLAIN) return TGS_E_UNSUPPORTED;
        secret->ptr++;
        secret->len--;
    }
    return TGS_OK;
}

static size_t row_payload(const struct record *record, const void *row) {
    uint64_t fields = ((const struct row_head *)row)->fields;
    size_t payload = 0;
    for (size_t i = 0; i < record->n_texts; i++) {
        const tgs_field *field = record->texts[i];
        if (field->type == TGS_TYPE_TEXTS) continue;
        if (!field->bit || (fields & field->bit)) payload += ((const tgs_str *)field_in(row, field))->len;
    }
    return payload;
}

/* Is the page complete without this row? */
static bool page_full(const tgs_sink *sink, const struct record *record, const void *row) {
    size_t count = tgs_rows_count(sink->rows);
    if (!sink->limit || !count) return false;
    return count >= sink->limit || rows_payload(sink->rows) + row_payload(record, row) > TGS_MAX_BATCH_BYTES;
}

tgs_status sink_row(tgs_sink *sink, size_t slot, const void *row) {
    if (!sink->rows) return TGS_E_INVALID;
    const struct record *record = record_get(tgs_rows_record(sink->rows));
    if (page_full(sink, record, row)) {
        rows_set_more(sink->rows, true);
        return TGS_SINK_FULL;
    }
    union any_row copy;
    if (record->auth) {
        memcpy(&copy, row, record->row_size);
        tgs_status status = open_envelopes(record, &copy);
        if (status != TGS_OK) return status;
        row = &copy;
    }
    if (!sink->slots) {
        tgs_status status = rows_append(sink->rows, row, NULL);
        bool spent = sink->budget && rows_payload(sink->rows) >= sink->budget;
        return status == TGS_OK && spent ? TGS_SINK_FULL : status;
    }
    if (slot >= tgs_rows_count(sink->rows)) return TGS_E_INVALID;
    return rows_replace(sink->rows, slot, row, NULL);
}

void sink_result(tgs_sink *sink, size_t index, int32_t applied, uint32_t notes, int64_t version) {
    sink->last = (tgs_result){.applied = applied, .notes = notes, .version = version};
    if (index < sink->n_results) sink->results[index] = sink->last;
}

static tgs_status host_fail(tgs_error *err, tgs_status code, const char *native, const char *message) {
    return error_set_native(err, code, native, message);
}

/* "worker-3 on host7, pid 4711, since 2026-11-22 18:00:00 UTC" */
static void describe(const tgs_holder *holder, char *text, size_t size) {
    time_t since = (time_t)(holder->since / 1000);
    struct tm parts;
    char when[32] = "?";
    if (gmtime_r(&since, &parts)) strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S UTC", &parts);
    snprintf(text, size, "%.*s on %.*s, pid %" PRId64 ", since %s",
             (int)(holder->owner.len > 48 ? 48 : holder->owner.len),
             holder->owner.ptr ? holder->owner.ptr : "",
             (int)(holder->host_name.len > 32 ? 32 : holder->host_name.len),
             holder->host_name.ptr ? holder->host_name.ptr : "", holder->pid, when);
}

static tgs_status host_fenced(tgs_error *err, const tgs_holder *holder) {
    if (holder->token && !holder->owner.ptr)
        return error_set(err, TGS_E_FENCED,
                         "the session's lease ran out or was taken over; acquire it again");
    char who[160];
    describe(holder, who, sizeof who);
    return error_set(err, TGS_E_FENCED, "the session is leased to %s; stop it, or wait", who);
}

static tgs_status host_held(tgs_error *err, const tgs_holder *holder) {
    char who[160];
    describe(holder, who, sizeof who);
    return error_set(err, TGS_E_BUSY, "the lease is held by %s; stop it, or wait", who);
}

const tgs_host host = {
    .size = sizeof(tgs_host),
    .alloc = mem_alloc,
    .resize = mem_resize,
    .release = mem_free,
    .check = limits_check,
    .fail = host_fail,
    .fenced = host_fenced,
    .held = host_held,
    .row = sink_row,
    .result = sink_result,
    .now_ms = wall_clock_ms,
    .monotonic_ns = monotonic_ns,
    .fields = tgs_record_fields,
};
