/* SPDX-License-Identifier: Apache-2.0 */
/* tgstore-bench: what tgstore's calls cost, against programs written by hand. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "files.h"
#include "pair.h"

static const char help[] =
    "usage: tgstore-bench [--quick] [--tiny] [--only TEXT] [--folder DIR]\n"
    "\n"
    "Prints a JSON object a line: case, backend, ours, reference, ratio, unit, target, against.\n"
    "\n"
    "  --quick        fewer rounds\n"
    "  --tiny         little data and one round: only tells whether the program works\n"
    "  --only TEXT    the cases whose name has TEXT in it\n"
    "  --folder DIR   make databases in a new folder there (default: build); it goes at the end\n";

static _Noreturn void usage(void) {
    fputs(help, stderr);
    exit(2);
}

int main(int argc, char **argv) {
    struct bench bench = {0};
    const char *folder = "build";
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (!strcmp(argv[i], "--help")) return fputs(help, stdout) < 0;
        if (!strcmp(argv[i], "--quick"))
            bench.quick = true;
        else if (!strcmp(argv[i], "--tiny"))
            bench.tiny = true;
        else if (!strcmp(argv[i], "--only") && value)
            bench.only = argv[++i];
        else if (!strcmp(argv[i], "--folder") && value)
            folder = argv[++i];
        else
            usage();
    }
    bench.folder = files_make_folder(folder);
    sqlite_put_cases(&bench);
    sqlite_get_cases(&bench);
    sqlite_list_cases(&bench);
    sqlite_open_cases(&bench);
    sqlite_small_cases(&bench); /* the last with the shared stores, since it changes them */
    pair_remove_shared();
    memory_cases(&bench);
    return 0;
}
