/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static bool is_number(const tgs_field *field) {
    bool shown_as_text = field->choices || (field->flags & (TGS_FIELD_BOOLEAN | TGS_FIELD_TIME));
    return (field->type == TGS_TYPE_I32 || field->type == TGS_TYPE_I64) && !shown_as_text;
}

/* "access_hash" as "ACCESS HASH" or "access hash" */
static void print_label(const char *name, int (*letter)(int)) {
    for (; *name; name++) putchar(*name == '_' ? ' ' : letter((unsigned char)*name));
}

void table_open(struct table *table, int32_t record, const char *const *columns) {
    *table = (struct table){.record = record};
    for (; columns[table->n_columns]; table->n_columns++) {
        const tgs_field *field = find_field(record, columns[table->n_columns]);
        table->columns[table->n_columns] = field;
        table->widths[table->n_columns] = strlen(field->name);
    }
    table->cells = open_memstream(&table->text, &table->text_len);
    table->failed = !table->cells;
}

static bool make_room(struct table *table) {
    if (table->n_room - table->n_cells >= table->n_columns) return true;
    size_t room = table->n_room ? table->n_room * 2 : 1024;
    size_t *ends = realloc(table->ends, room * sizeof *ends);
    if (!ends) return false;
    table->ends = ends;
    table->n_room = room;
    return true;
}

void table_row(struct table *table, const void *row) {
    if (table->failed || !make_room(table)) {
        table->failed = true;
        return;
    }
    for (size_t i = 0; i < table->n_columns; i++) {
        print_field(table->cells, table->columns[i], row);
        long end = ftell(table->cells);
        if (end < 0) table->failed = true;
        table->ends[table->n_cells++] = (size_t)end;
    }
}

static void pad(size_t columns) { printf("%*s", (int)columns, ""); }

static void print_cell(const struct table *table, size_t column, const char *text, size_t len) {
    size_t columns = text_columns(text, len);
    size_t padding = table->widths[column] > columns ? table->widths[column] - columns : 0;
    bool right = is_number(table->columns[column]), last = column + 1 == table->n_columns;
    if (right) pad(padding);
    fwrite(text, 1, len, stdout);
    if (!right && !last) pad(padding);
    fputs(last ? "\n" : "  ", stdout);
}

static void print_heading(const struct table *table) {
    for (size_t i = 0; i < table->n_columns; i++) {
        const char *name = table->columns[i]->name;
        size_t padding = table->widths[i] - strlen(name);
        bool right = is_number(table->columns[i]), last = i + 1 == table->n_columns;
        if (right) pad(padding);
        print_label(name, toupper);
        if (!right && !last) pad(padding);
        fputs(last ? "\n" : "  ", stdout);
    }
}

static void measure(struct table *table) {
    for (size_t i = 0, begin = 0; i < table->n_cells; begin = table->ends[i++]) {
        size_t columns = text_columns(table->text + begin, table->ends[i] - begin);
        size_t *width = &table->widths[i % table->n_columns];
        if (columns > *width) *width = columns;
    }
}

void table_print(struct table *table) {
    if (table->failed || fflush(table->cells) != 0 || ferror(table->cells)) {
        table->failed = true;
        return;
    }
    measure(table);
    if (!table->begun && table->n_cells) print_heading(table);
    for (size_t i = 0, begin = 0; i < table->n_cells; begin = table->ends[i++])
        print_cell(table, i % table->n_columns, table->text + begin, table->ends[i] - begin);
    table->begun |= table->n_cells > 0;
    table->n_cells = 0;
    rewind(table->cells);
}

int table_close(struct table *table) {
    bool failed = table->failed;
    if (table->cells) fclose(table->cells);
    free(table->text);
    free(table->ends);
    return failed ? out_of_memory() : DONE;
}

void print_record(int32_t record, const void *row) {
    size_t n;
    const tgs_field *fields = tgs_record_fields(record, &n, NULL);
    for (size_t i = 0; i < n; i++) {
        if (!field_present(&fields[i], row)) continue;
        fputs("  ", stdout);
        print_label(fields[i].name, tolower);
        pad(18 - strlen(fields[i].name));
        print_field(stdout, &fields[i], row);
        putchar('\n');
    }
}

static int print_rows(const tgs_rows *rows, const char *const *columns) {
    struct table table;
    size_t stride;
    const char *data = tgs_rows_data(rows, &stride);
    table_open(&table, tgs_rows_record(rows), columns);
    for (size_t i = 0; i < tgs_rows_count(rows); i++) table_row(&table, data + i * stride);
    table_print(&table);
    return table_close(&table);
}

int print_dc_auths(const tgs_rows *rows) {
    static const char *const columns[] = {"dc", "slot", "auth_key", "address", "port", "expires", NULL};
    if (tgs_rows_count(rows) == 0) return DONE;
    puts("auth keys of data centers");
    return print_rows(rows, columns);
}
