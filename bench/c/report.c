/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool wanted(const struct bench *bench, const char *name, ...) {
    char text[128];
    va_list arguments;
    va_start(arguments, name);
    vsnprintf(text, sizeof text, name, arguments);
    va_end(arguments);
    return !bench->only || strstr(text, bench->only);
}

void report(const struct bench *bench, const struct row *row) {
    if (!wanted(bench, "%s", row->name)) return;
    printf("{\"case\": \"%s\", \"backend\": \"%s\", \"ours\": %.6g, \"reference\": %.6g, \"ratio\": %.6g, "
           "\"unit\": \"%s\", \"target\": ",
           row->name, row->backend, row->ours, row->reference, row->ours / row->reference, row->unit);
    if (row->target > 0)
        printf("%g", row->target);
    else
        printf("null");
    printf(", \"against\": \"%s\"}\n", row->against);
    fflush(stdout);
}

void progress(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

const char *with_commas(size_t number) {
    static char texts[8][32];
    static unsigned next;
    char digits[24], *text = texts[next++ % 8], *end = text;
    int len = snprintf(digits, sizeof digits, "%zu", number);
    for (int i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0) *end++ = ',';
        *end++ = digits[i];
    }
    *end = '\0';
    return text;
}
