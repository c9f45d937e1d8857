/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

const tgs_field *find_field(int32_t record, const char *name) {
    size_t n;
    const tgs_field *fields = tgs_record_fields(record, &n, NULL);
    for (size_t i = 0; i < n; i++)
        if (strcmp(fields[i].name, name) == 0) return &fields[i];
    return NULL;
}

bool field_present(const tgs_field *field, const void *row) {
    uint64_t fields;
    memcpy(&fields, row, sizeof fields); /* every row begins with it */
    return (field->flags & TGS_FIELD_KEY) || (fields & field->bit);
}

const void *field_at(const tgs_field *field, const void *row) { return (const char *)row + field->offset; }

/* --- text ------------------------------------------------------------------------------- */

/* The next character, its bytes and columns; -1 columns if it must be escaped. */
struct character {
    wchar_t code;
    size_t len;
    int columns;
};

/* Marks that turn the direction of what follows could make a line show something else. */
static bool turns_direction(wchar_t code) {
    return code == 0x61c || code == 0x200e || code == 0x200f || (code >= 0x202a && code <= 0x202e) ||
           (code >= 0x2066 && code <= 0x2069);
}

static struct character next_character(const char *text, size_t len) {
    mbstate_t state = {0};
    struct character c = {0};
    c.len = mbrtowc(&c.code, text, len, &state);
    if (c.len == 0 || c.len > len)
        c = (struct character){(unsigned char)*text, 1, -1}; /* NUL or not UTF-8 */
    else
        c.columns = turns_direction(c.code) ? -1 : wcwidth(c.code);
    return c;
}

size_t text_columns(const char *text, size_t len) {
    size_t columns = 0;
    for (size_t i = 0; i < len;) {
        struct character c = next_character(text + i, len - i);
        columns += c.columns > 0 ? (size_t)c.columns : 0;
        i += c.len;
    }
    return columns;
}

/* Print a character or its escape if that fits.  The columns it took, or more than there are. */
static size_t print_character(FILE *out, const char *text, struct character c, size_t columns) {
    char escape[16] = "";
    size_t width = (size_t)c.columns;
    if (c.columns < 0)
        width =
            (size_t)snprintf(escape, sizeof escape, c.code < 0x100 ? "\\x%02x" : "\\u%04x", (unsigned)c.code);
    if (width <= columns) fwrite(c.columns < 0 ? escape : text, 1, c.columns < 0 ? width : c.len, out);
    return width;
}

static void print_cut(FILE *out, tgs_str text, size_t columns) {
    for (size_t i = 0; i < text.len;) {
        struct character c = next_character(text.ptr + i, text.len - i);
        size_t width = print_character(out, text.ptr + i, c, columns);
        if (width > columns) break;
        columns -= width;
        i += c.len;
    }
}

void print_text(FILE *out, tgs_str text, size_t columns) {
    bool whole = columns == WHOLE_TEXT || text_columns(text.ptr, text.len) <= columns;
    print_cut(out, text, whole ? columns : columns - 1);
    if (!whole) fputs("\xe2\x80\xa6", out); /* an ellipsis */
}

void print_quoted(FILE *out, tgs_str text) {
    fputc('"', out);
    print_text(out, text, WHOLE_TEXT);
    fputc('"', out);
}

/* --- fields ------------------------------------------------------------------------------ */

#define CELL_COLUMNS 40 /* texts are cut to this; --json has them whole */

static void print_time(FILE *out, int64_t milliseconds) {
    time_t seconds = (time_t)(milliseconds / 1000);
    struct tm parts;
    char text[64];
    if (milliseconds == 0)
        fputs("never", out);
    else if (gmtime_r(&seconds, &parts) && strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts))
        fputs(text, out);
    else
        fprintf(out, "%" PRId64, milliseconds);
}

static void print_integer(FILE *out, const tgs_field *field, int64_t value) {
    int64_t n_choices = 0;
    while (field->choices && field->choices[n_choices]) n_choices++;
    if (value >= 0 && value < n_choices)
        fputs(field->choices[value], out);
    else if (field->flags & TGS_FIELD_BOOLEAN)
        fputs(value ? "yes" : "no", out);
    else if (field->flags & TGS_FIELD_TIME)
        print_time(out, value);
    else
        fprintf(out, "%" PRId64, value);
}

static void print_texts(FILE *out, const void *member) {
    const tgs_str *texts;
    size_t n;
    memcpy(&texts, member, sizeof texts);
    memcpy(&n, (const char *)member + sizeof texts, sizeof n);
    for (size_t i = 0; i < n; i++) {
        if (i) fputc(',', out);
        print_text(out, texts[i], CELL_COLUMNS);
    }
}

static size_t length_at(const void *member) {
    tgs_bytes bytes; /* a tgs_str is laid out alike */
    memcpy(&bytes, member, sizeof bytes);
    return bytes.len;
}

static void print_value(FILE *out, const tgs_field *field, const void *member) {
    int32_t number;
    int64_t large;
    tgs_str text;
    switch (field->type) {
    case TGS_TYPE_I32:
        memcpy(&number, member, sizeof number);
        print_integer(out, field, number);
        break;
    case TGS_TYPE_I64:
        memcpy(&large, member, sizeof large);
        print_integer(out, field, large);
        break;
    case TGS_TYPE_TEXT:
        memcpy(&text, member, sizeof text);
        if (text.len)
            print_text(out, text, CELL_COLUMNS);
        else
            fputs("\"\"", out);
        break;
    case TGS_TYPE_TEXTS:
        print_texts(out, member);
        break;
    default:
        fprintf(out, "%zu bytes", length_at(member));
    }
}

void print_field(FILE *out, const tgs_field *field, const void *row) {
    const void *member = field_at(field, row);
    if (!field_present(field, row))
        fputc('-', out);
    else if (field->flags & TGS_FIELD_SECRET)
        fprintf(out, length_at(member) ? "%zu bytes, not shown" : "%zu bytes", length_at(member));
    else
        print_value(out, field, member);
}
