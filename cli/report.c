/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <stdarg.h>

static void begin_line(const char *prefix) {
    progress_stop();
    fflush(stdout);
    fputs(prefix, stderr);
}

static void print_line(const char *prefix, const char *format, va_list arguments) {
    begin_line(prefix);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

void complain(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    print_line("tgstore: ", format, arguments);
    va_end(arguments);
}

void hint(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    print_line("         ", format, arguments);
    va_end(arguments);
}

int misused(const struct cli *cli, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    print_line("tgstore: ", format, arguments);
    va_end(arguments);
    if (cli->command)
        hint("'tgstore %s --help' explains it", cli->command->name);
    else
        hint("'tgstore --help' lists the commands");
    return WRONG_USAGE;
}

/* Why a call was given up is no news of the database. */
static bool of_database(const tgs_error *err) {
    return err->native[0] && err->code != TGS_E_TIMEOUT && err->code != TGS_E_CANCELLED;
}

static void hint_for(const tgs_error *err) {
    if (err->code == TGS_E_BUSY || err->code == TGS_E_TIMEOUT) hint("--timeout SECONDS gives it more time");
    if (err->outcome == TGS_OUTCOME_UNKNOWN) hint("it is not known whether the last step was stored");
    if (err->outcome == TGS_OUTCOME_NOT_DURABLE) hint("it was stored, but a power cut now may lose it");
}

int failed(const tgs_error *err, const char *missing) {
    if (err->code >= TGS_OK) { /* not found is an outcome, not an error */
        complain("%s", missing);
        return MISSING;
    }
    begin_line("tgstore: ");
    print_text(stderr, to_str(err->message), WHOLE_TEXT); /* names in it may have been chosen to confuse */
    fprintf(stderr, of_database(err) ? " (%s)\n" : "\n", err->native);
    hint_for(err);
    return FAILED;
}

const char *plural(uint64_t n) { return n == 1 ? "" : "s"; }

int out_of_memory(void) {
    complain("out of memory");
    return FAILED;
}
