/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target on the files given, and on those of the folders given: how inputs that once failed are
 * tested with every compiler. */
#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "fuzz.h"

static int n_inputs;

static void replay_file(const char *path) {
    size_t size;
    uint8_t *bytes = read_file(path, &size);
    REQUIRE(bytes);
    uint8_t *input = must_copy(bytes, size); /* not a byte more, as libFuzzer does */
    fprintf(stderr, "%s\n", path);
    LLVMFuzzerTestOneInput(input, size);
    n_inputs++;
    free(input);
    free(bytes);
}

static void replay(const char *path) {
    struct stat info;
    struct dirent **entries;
    REQUIRE(stat(path, &info) == 0);
    if (!S_ISDIR(info.st_mode)) {
        replay_file(path);
        return;
    }
    int n = scandir(path, &entries, NULL, alphasort);
    REQUIRE(n >= 0);
    for (int i = 0; i < n; i++) {
        char inside[PATH_MAX];
        snprintf(inside, sizeof inside, "%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.') replay_file(inside);
        free(entries[i]);
    }
    free(entries);
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) replay(argv[i]);
    REQUIRE(n_inputs > 0);
    return 0;
}
