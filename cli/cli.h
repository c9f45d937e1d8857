/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TGSTORE_CLI_H
#define TGSTORE_CLI_H

/* The tgstore command: what its files share.  It uses the public header only. */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "tgstore.h"

/* Exit statuses */
enum { DONE = 0, FAILED = 1, WRONG_USAGE = 2, MISSING = 3 };

enum option_id {
    OPTION_SESSION,
    OPTION_TO,
    OPTION_REPLACE_ACCOUNT,
    OPTION_FORMAT,
    OPTION_SET,
    OPTION_OUT,
    OPTION_FORCE,
    OPTION_KIND,
    OPTION_FIND,
    OPTION_PEER_AGE,
    OPTION_YES,
    OPTION_JSON,
    OPTION_TIMEOUT,
    OPTION_LOAD,
    OPTION_HELP,
    OPTION_VERSION,
    OPTION_COUNT
};
#define BIT(option) (1u << (option))
#define COMMON_OPTIONS (BIT(OPTION_TIMEOUT) | BIT(OPTION_LOAD) | BIT(OPTION_HELP) | BIT(OPTION_VERSION))

struct cli;

struct command {
    const char *name;
    const char *synopsis;
    const char *summary; /* one line, for the list of commands */
    const char *help;    /* what it does, for --help */
    const char *examples;
    size_t n_arguments;
    uint32_t options; /* BIT() of those it takes besides the common ones */
    uint32_t needed;  /* BIT() of those it can't do without */
    int (*run)(struct cli *cli);
};

/* One run of the command. */
struct cli {
    const struct command *command;
    char **arguments; /* after the command's name */
    size_t n_arguments;
    const char *values[OPTION_COUNT]; /* NULL: not given; "" for options without a value */
    char **modules;                   /* --load */
    size_t n_modules;
    tgs_option *sets; /* --set */
    size_t n_sets;
    tgs_call call; /* for every [io] call of ordinary length */
};

/* --- help.c --- */

const struct command *find_command(const char *name);
void print_help(const struct command *command); /* NULL: the overview */

/* --- options.c --- */

/* Fill in `cli`.  DONE, or WRONG_USAGE after the complaint.  Free with options_free. */
int options_parse(struct cli *cli, int argc, char **argv);
void options_free(struct cli *cli);
void print_option_help(uint32_t options);
bool given(const struct cli *cli, enum option_id option);
/* Value of a number option in its smallest unit; `otherwise` if it is not given.  Checked on parsing. */
int64_t option_milliseconds(const struct cli *cli, enum option_id option, int64_t otherwise);

/* --- report.c: complaints and results --- */

/* "tgstore: ..." on standard error. */
__attribute__((format(printf, 1, 2))) void complain(const char *format, ...);
__attribute__((format(printf, 1, 2))) void hint(const char *format, ...);
/* Complain about wrong usage and return WRONG_USAGE. */
__attribute__((format(printf, 2, 3))) int misused(const struct cli *cli, const char *format, ...);
/* Complain about a failed call and return the exit status.  `missing` is the message for NOT_FOUND. */
int failed(const tgs_error *err, const char *missing);
int out_of_memory(void);
const char *plural(uint64_t n); /* "s" or "" */

/* --- store.c: opening what the arguments name --- */

enum access { READ, CHANGE, CREATE };
int open_store(struct cli *cli, const char *url, enum access access, tgs_store **store);
/* Open the store of the first argument (and the session of --session, or else its only one), do the work,
 * close. */
int with_store(struct cli *cli, enum access access, int (*work)(struct cli *, tgs_store *));
int with_session(struct cli *cli, int (*work)(struct cli *, tgs_store *, tgs_session *));
/* The rows of a session, and the sessions of a store, page by page. */
typedef int page_visitor(void *context, const tgs_rows *rows);
int each_page(struct cli *cli, tgs_session *session, int32_t record, const tgs_filter *filter,
              page_visitor *visit, void *context);
int each_session_page(struct cli *cli, tgs_store *store, page_visitor *visit, void *context);
/* How many rows a session, or with ptr NULL the store, has. */
int count_rows(const struct cli *cli, tgs_store *store, tgs_str name, uint64_t *total);
/* Complain that there is no session of that name, or with NULL none at all, and return MISSING. */
int no_session(const char *name);
/* DONE if the session has rows: a listing that shows nothing must not hide a mistyped name. */
int expect_session(const struct cli *cli, tgs_store *store, tgs_str name);
/* Sync and close: what a writing command ends with. */
int finish_store(struct cli *cli, tgs_store *store, int status);
/* Wait until standard input can be read.  False after Ctrl-C. */
bool wait_for_input(const struct cli *cli);
int read_snapshot(struct cli *cli, const char *file, tgs_snapshot **snapshot);
/* A call that may take as long as `rows` rows of work. */
tgs_call call_for(const struct cli *cli, uint64_t rows);
tgs_str to_str(const char *text);

/* --- output.c: secrets on their way out --- */

/* Write the text and a line end to --out or standard output. */
int write_secret(const struct cli *cli, tgs_str text);
/* Write a session file of `rows` rows in the format of --format to --out. */
int write_session_file(const struct cli *cli, const tgs_snapshot *snapshot, uint64_t rows);

/* --- format.c: values for people --- */

#define WHOLE_TEXT SIZE_MAX
const tgs_field *find_field(int32_t record, const char *name);
bool field_present(const tgs_field *field, const void *row);
const void *field_at(const tgs_field *field, const void *row);
void print_text(FILE *out, tgs_str text, size_t columns); /* control characters escaped; cut to columns */
void print_quoted(FILE *out, tgs_str text);
void print_field(FILE *out, const tgs_field *field, const void *row);
size_t text_columns(const char *text, size_t len);

/* --- table.c --- */

#define TABLE_COLUMNS 12
struct table {
    int32_t record;
    size_t n_columns;
    const tgs_field *columns[TABLE_COLUMNS];
    size_t widths[TABLE_COLUMNS];
    FILE *cells; /* text of all cells of the page, one after the other */
    char *text;
    size_t text_len;
    size_t *ends; /* where in the text each cell ends */
    size_t n_cells, n_room;
    bool begun, failed;
};
/* `columns`: field names, ended by NULL. */
void table_open(struct table *table, int32_t record, const char *const *columns);
void table_row(struct table *table, const void *row);
void table_print(struct table *table); /* the rows since the last time */
int table_close(struct table *table);
int print_dc_auths(const tgs_rows *rows);
/* The fields of a row, one a line. */
void print_record(int32_t record, const void *row);

/* --- json.c --- */

struct json_object;
struct json_object *json_row(int32_t record, const void *row); /* NULL: out of memory */
struct json_object *json_rows(const tgs_rows *rows);
struct json_object *json_text(tgs_str text);
struct json_object *json_number(uint64_t number);
/* Add `value` and own it.  False if either is NULL or memory is out. */
bool json_set(struct json_object *object, const char *key, struct json_object *value);
bool json_append(struct json_object *array, struct json_object *value); /* the same */
struct json_object *json_new(void);
struct json_object *json_array(void);
/* Write the object, unless it is not complete for want of memory, and free it. */
int json_write(struct json_object *object, bool complete);
int json_print(struct json_object *object, bool complete); /* the same on a line of its own */

/* --- listing.c: rows as a table or as JSON, as they come --- */

struct listing {
    bool json;
    uint64_t count;
    struct table table;
};
void listing_open(struct listing *listing, const struct cli *cli, int32_t record, const char *const *columns);
int listing_row(struct listing *listing, const void *row);
int listing_rows(struct listing *listing, const tgs_rows *rows);
int listing_close(struct listing *listing, int status);

/* --- progress.c: a bar on the terminal --- */

void progress_start(const char *label, uint64_t total); /* total 0: not known */
void progress_add(uint64_t n);
void progress_stop(void); /* may be called when there is none */

/* --- cmd_*.c --- */

/* Complain about a session that can't be written in a format, and return the exit status. */
int not_exported(tgs_status result, const tgs_error *err);

int command_inspect(struct cli *cli);
int command_import(struct cli *cli);
int command_export(struct cli *cli);
int command_convert(struct cli *cli);
int command_sessions(struct cli *cli);
int command_show(struct cli *cli);
int command_peers(struct cli *cli);
int command_stats(struct cli *cli);
int command_copy(struct cli *cli);
int command_prune(struct cli *cli);
int command_purge(struct cli *cli);
int command_backup(struct cli *cli);

#endif
