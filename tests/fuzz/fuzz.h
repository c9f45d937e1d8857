/* SPDX-License-Identifier: Apache-2.0 */
/* What fuzz targets share: rules that hold for all that the library gives out, and a scratch folder. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <tgstore.h>

/* What a target defines; libFuzzer calls it, or replay.c. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Stop as a crash, which libFuzzer keeps the input of. */
#define REQUIRE(condition) ((condition) ? (void)0 : broken(#condition, __FILE__, __LINE__))
_Noreturn void broken(const char *rule, const char *file, int line);

/* Memory of exactly this size, so that ASan sees each byte read beyond it. */
void *must_alloc(size_t size);
void *must_copy(const void *bytes, size_t size);
/* With a terminator. */
char *must_string(tgs_str text);

/* --- rules ------------------------------------------------------------------------------------ */

/* The status is one of those that the header names, and the error goes with it. */
void require_status(tgs_status status, const tgs_error *err);
/* Rows of that record, each text a text, each mask one of known bits. */
void require_rows(const tgs_rows *rows, int32_t record);
void require_snapshot(const tgs_snapshot *snapshot);

/* --- showing, to compare ------------------------------------------------------------------------ */

/* A line: the members that the row carries, without those in `but`. */
void show_row(FILE *out, int32_t record, const void *row, uint64_t but);
void show_rows(FILE *out, const tgs_rows *rows, uint64_t but);
/* The records of a snapshot; notes and description are left to the reader. */
void show_snapshot(FILE *out, const tgs_snapshot *snapshot);

/* --- files ------------------------------------------------------------------------------------ */

/* A path in this process's own folder in TMPDIR, which goes when the process ends.  Static memory, one for
 * each name. */
const char *scratch(const char *name);
const char *scratch_folder(void);
void write_file(const char *path, const uint8_t *bytes, size_t size);
/* NULL: no such file.  Free with free. */
uint8_t *read_file(const char *path, size_t *size);

/* --- taking an input apart ---------------------------------------------------------------------- */

struct reader {
    const uint8_t *bytes;
    size_t size;
};

/* Beyond its end an input is zeros. */
uint8_t take_byte(struct reader *in);
uint64_t take_number(struct reader *in, size_t bytes); /* little-endian, up to 8 */
/* What is before the next `mark`, or all of it. */
tgs_str take_until(struct reader *in, char mark);
/* The rest of it as "key=value" with NULs between; one without "=" has no value. */
#define MAX_OPTIONS 16
size_t take_options(struct reader *in, tgs_option options[MAX_OPTIONS]);

#endif
