/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <stdarg.h>

static void print_line(const char *prefix, const char *format, va_list arguments) {
    progress_stop();
    fflush(stdout);
    fputs(prefix, stderr);
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

static void hint_for(const tgs_error *err) {
    if (err->code == TGS_E_BUSY || err->code == TGS_E_TIMEOUT) hint("--timeout SECONDS gives it more time");
    if (err->outcome == TGS_OUTCOME_UNKNOWN) hint("it is not known whether the last step was stored");
    if (err->outcome == TGS_OUTCOME_NOT_DURABLE) hint("it was stored, but a power cut now may lose it");
}

int failed(const tgs_error *err, const char *missing) {
    if (err->code == TGS_NOT_FOUND) {
        complain("%s", missing);
        return MISSING;
    }
    if (err->native[0])
        complain("%s (%s)", err->message, err->native);
    else
        complain("%s", err->message);
    hint_for(err);
    return FAILED;
}

int out_of_memory(void) {
    complain("out of memory");
    return FAILED;
}
