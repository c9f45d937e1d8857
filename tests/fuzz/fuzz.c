/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

#include <dirent.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "text.h"

static tgs_error last; /* what was seen last, for whoever looks into a failure */

void broken(const char *rule, const char *file, int line) {
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, rule);
    fprintf(stderr, "the last status was %d, %.208s\n", last.code, last.message);
    abort();
}

void *must_alloc(size_t size) {
    void *memory = calloc(1, size);
    REQUIRE(memory || !size);
    return memory;
}

void *must_copy(const void *bytes, size_t size) {
    void *copy = malloc(size);
    REQUIRE(copy || !size);
    if (size) memcpy(copy, bytes, size);
    return copy;
}

char *must_string(tgs_str text) {
    char *copy = must_alloc(text.len + 1);
    if (text.len) memcpy(copy, text.ptr, text.len);
    return copy;
}

/* --- rules ------------------------------------------------------------------------------------ */

static bool terminated(const char *text, size_t size) { return memchr(text, 0, size) != NULL; }

static bool one_line(const char *text) {
    for (; *text; text++)
        if ((unsigned char)*text < ' ') return false;
    return true;
}

void require_status(tgs_status status, const tgs_error *err) {
    last = *err;
    REQUIRE(status <= TGS_NOT_FOUND && status >= TGS_E_BACKEND);
    REQUIRE(err->code == status);
    REQUIRE(terminated(err->message, sizeof err->message));
    REQUIRE(terminated(err->backend, sizeof err->backend) && terminated(err->native, sizeof err->native));
    REQUIRE((err->message[0] != 0) == (status < 0));
    REQUIRE(one_line(err->message) && text_valid((tgs_str){err->message, strlen(err->message)}));
    REQUIRE(!err->reserved[0] && !err->reserved[1] && err->retryable <= 1);
    REQUIRE(err->outcome <= TGS_OUTCOME_NOT_DURABLE && err->index >= -1);
}

static void require_text(tgs_str text) {
    REQUIRE(text.ptr || !text.len);
    REQUIRE(!text.ptr || (text_valid(text) && text.ptr[text.len] == '\0'));
}

static tgs_str text_at(const char *member) {
    tgs_str text;
    memcpy(&text, member, sizeof text);
    return text;
}

static int64_t number_at(const tgs_field *field, const char *member) {
    int32_t small;
    int64_t large;
    memcpy(&small, member, sizeof small);
    if (field->type == TGS_TYPE_I32) return small;
    memcpy(&large, member, sizeof large);
    return large;
}

static size_t count_at(const char *member) {
    size_t n;
    memcpy(&n, member + sizeof(void *), sizeof n);
    return n;
}

static const tgs_str *texts_at(const char *member) {
    const tgs_str *texts;
    memcpy(&texts, member, sizeof texts);
    return texts;
}

static void require_number(const tgs_field *field, int64_t number) {
    if (field->flags & TGS_FIELD_BOOLEAN) REQUIRE(number == 0 || number == 1);
    if (!field->choices) return;
    REQUIRE(number >= 0);
    for (int64_t i = 0; i <= number; i++) REQUIRE(field->choices[i]);
}

static void require_member(const tgs_field *field, const char *member) {
    if (field->type == TGS_TYPE_TEXTS) {
        REQUIRE(texts_at(member) || !count_at(member));
        for (size_t i = 0; i < count_at(member); i++) require_text(texts_at(member)[i]);
    } else if (field->type == TGS_TYPE_TEXT) {
        require_text(text_at(member));
    } else if (field->type == TGS_TYPE_BYTES) {
        tgs_str bytes = text_at(member);
        REQUIRE(bytes.ptr || !bytes.len);
        free(must_copy(bytes.ptr, bytes.len)); /* all of it is there */
    } else {
        require_number(field, number_at(field, member));
    }
}

/* The beginning that all rows share. */
struct head {
    uint64_t fields, nulls;
    uint32_t flags;
};

static struct head head_of(const char *row) {
    struct head head;
    memcpy(&head.fields, row, sizeof head.fields);
    memcpy(&head.nulls, row + offsetof(tgs_kv, nulls), sizeof head.nulls);
    memcpy(&head.flags, row + offsetof(tgs_kv, flags), sizeof head.flags);
    return head;
}

/* A peer that was not found carries the key that was asked for, of whatever kind. */
static bool has_value(const struct head *head, const tgs_field *field) {
    return field->bit ? (head->fields & field->bit) != 0 : (head->flags & TGS_ROW_FOUND) != 0;
}

static void require_row(const tgs_rows *rows, size_t i, const char *row, int32_t record) {
    size_t n, size;
    uint64_t known = 0;
    const tgs_field *fields = tgs_record_fields(record, &n, &size);
    const struct head head = head_of(row);
    void *copy = must_alloc(size);
    REQUIRE(tgs_rows_row(rows, i, copy, size) == TGS_OK && memcmp(copy, row, size) == 0);
    free(copy);
    for (size_t f = 0; f < n; f++) {
        known |= fields[f].bit;
        if (!(fields[f].flags & TGS_FIELD_WRITE_ONLY) && has_value(&head, &fields[f]))
            require_member(&fields[f], row + fields[f].offset);
        if (fields[f].flags & TGS_FIELD_WRITE_ONLY) REQUIRE(!(head.fields & fields[f].bit));
    }
    REQUIRE(!(head.fields & ~known) && !head.nulls);
    REQUIRE(!(head.flags & ~TGS_ROW_FOUND));
    REQUIRE((head.flags & TGS_ROW_FOUND) || !head.fields);
}

void require_rows(const tgs_rows *rows, int32_t record) {
    size_t size, stride = 0;
    tgs_record_fields(record, NULL, &size);
    const char *row = tgs_rows_data(rows, &stride);
    REQUIRE(rows && tgs_rows_record(rows) == record);
    REQUIRE(!tgs_rows_count(rows) || (row && stride == size));
    for (size_t i = 0; i < tgs_rows_count(rows); i++) require_row(rows, i, row + i * stride, record);
    char beyond;
    REQUIRE(tgs_rows_row(rows, tgs_rows_count(rows), &beyond, sizeof beyond) == TGS_E_INVALID);
}

void require_snapshot(const tgs_snapshot *snapshot) {
    static const int32_t kept[] = {TGS_RECORD_SESSION, TGS_RECORD_DC_AUTH, TGS_RECORD_PEER,
                                   TGS_RECORD_UPDATE_STATE, TGS_RECORD_KV};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        require_rows(tgs_snapshot_rows(snapshot, kept[i]), kept[i]);
    REQUIRE(tgs_rows_count(tgs_snapshot_rows(snapshot, TGS_RECORD_SESSION)) == 1);
    REQUIRE(!tgs_snapshot_rows(snapshot, TGS_RECORD_DEDUP) && !tgs_snapshot_rows(snapshot, -1));
    REQUIRE(tgs_snapshot_format(snapshot)[0] && one_line(tgs_snapshot_description(snapshot)));
    for (size_t i = 0; i < tgs_snapshot_note_count(snapshot); i++) {
        const char *note = tgs_snapshot_note(snapshot, i);
        REQUIRE(note[0] && one_line(note) && text_valid((tgs_str){note, strlen(note)}));
    }
    REQUIRE(!tgs_snapshot_note(snapshot, tgs_snapshot_note_count(snapshot)));
}

/* --- showing, to compare ------------------------------------------------------------------------ */

static void show_bytes(FILE *out, tgs_str bytes) {
    if (!bytes.ptr) {
        fputs("null", out);
        return;
    }
    fprintf(out, "%zu:", bytes.len);
    fwrite(bytes.ptr, 1, bytes.len, out);
}

static void show_member(FILE *out, const tgs_field *field, const char *member) {
    fprintf(out, " %s=", field->name);
    if (field->type == TGS_TYPE_TEXTS)
        for (size_t i = 0; texts_at(member) && i < count_at(member); i++)
            show_bytes(out, texts_at(member)[i]);
    else if (field->type == TGS_TYPE_TEXT || field->type == TGS_TYPE_BYTES)
        show_bytes(out, text_at(member));
    else
        fprintf(out, "%" PRId64, number_at(field, member));
}

void show_row(FILE *out, int32_t record, const void *row, uint64_t but) {
    size_t n;
    const tgs_field *fields = tgs_record_fields(record, &n, NULL);
    const struct head head = head_of(row);
    fprintf(out, "%s%s", tgs_record_name(record), head.flags & TGS_ROW_FOUND ? "" : "?");
    for (size_t f = 0; f < n; f++)
        if ((!fields[f].bit || head.fields & fields[f].bit) && !(fields[f].bit & but))
            show_member(out, &fields[f], (const char *)row + fields[f].offset);
    fputc('\n', out);
}

void show_rows(FILE *out, const tgs_rows *rows, uint64_t but) {
    size_t stride = 0;
    const char *row = tgs_rows_data(rows, &stride);
    for (size_t i = 0; i < tgs_rows_count(rows); i++, row += stride)
        show_row(out, tgs_rows_record(rows), row, but);
    fprintf(out, "more %d\n", tgs_rows_more(rows));
}

void show_snapshot(FILE *out, const tgs_snapshot *snapshot) {
    for (int32_t record = TGS_RECORD_SESSION; record <= TGS_RECORD_KV; record++) {
        const tgs_rows *rows = tgs_snapshot_rows(snapshot, record);
        if (rows) show_rows(out, rows, 0);
    }
}

/* --- files ------------------------------------------------------------------------------------ */

static char folder[PATH_MAX];

static void remove_folder(void) {
    DIR *open = opendir(folder);
    struct dirent *entry;
    while (open && (entry = readdir(open)))
        if (entry->d_name[0] != '.') unlinkat(dirfd(open), entry->d_name, 0);
    if (open) closedir(open);
    rmdir(folder);
}

const char *scratch_folder(void) {
    const char *parent = getenv("TMPDIR");
    if (folder[0]) return folder;
    snprintf(folder, sizeof folder, "%.4000s/tgstore-fuzz-XXXXXX", parent ? parent : "/tmp");
    REQUIRE(mkdtemp(folder));
    atexit(remove_folder);
    return folder;
}

const char *scratch(const char *name) {
    static struct { char name[64], path[PATH_MAX + 64]; } paths[16];
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        if (!paths[i].name[0]) {
            snprintf(paths[i].name, sizeof paths[i].name, "%s", name);
            snprintf(paths[i].path, sizeof paths[i].path, "%s/%s", scratch_folder(), name);
        }
        if (strcmp(paths[i].name, name) == 0) return paths[i].path;
    }
    broken("there is room for another scratch path", __FILE__, __LINE__);
}

void write_file(const char *path, const uint8_t *bytes, size_t size) {
    FILE *file = fopen(path, "wb");
    REQUIRE(file);
    REQUIRE(fwrite(bytes, 1, size, file) == size);
    REQUIRE(fclose(file) == 0);
}

uint8_t *read_file(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    *size = 0;
    if (!file) return NULL;
    REQUIRE(fseek(file, 0, SEEK_END) == 0);
    long end = ftell(file);
    REQUIRE(end >= 0);
    rewind(file);
    *size = (size_t)end;
    uint8_t *bytes = must_alloc(*size ? *size : 1);
    REQUIRE(fread(bytes, 1, *size, file) == *size);
    fclose(file);
    return bytes;
}

/* --- taking an input apart ---------------------------------------------------------------------- */

uint8_t take_byte(struct reader *in) {
    if (!in->size) return 0;
    in->size--;
    return *in->bytes++;
}

uint64_t take_number(struct reader *in, size_t bytes) {
    uint64_t number = 0;
    for (size_t i = 0; i < bytes; i++) number |= (uint64_t)take_byte(in) << (8 * i);
    return number;
}

tgs_str take_until(struct reader *in, char mark) {
    const uint8_t *end = in->size ? memchr(in->bytes, mark, in->size) : NULL;
    tgs_str text = {(const char *)in->bytes, end ? (size_t)(end - in->bytes) : in->size};
    size_t taken = text.len + (end != NULL);
    in->bytes += taken;
    in->size -= taken;
    return text;
}

size_t take_options(struct reader *in, tgs_option options[MAX_OPTIONS]) {
    size_t n = 0;
    for (; in->size && n < MAX_OPTIONS; n++) {
        tgs_str part = take_until(in, '\0');
        const char *mark = part.len ? memchr(part.ptr, '=', part.len) : NULL;
        size_t key = mark ? (size_t)(mark - part.ptr) : part.len;
        options[n] = (tgs_option){{part.ptr, key}, {mark ? mark + 1 : NULL, mark ? part.len - key - 1 : 0}};
    }
    return n;
}
