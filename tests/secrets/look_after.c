/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a command with the memory of keeper.c, and tells which secrets are still there when it has come to its
 * end.
 *
 *   look_after KEEPER SECRETS FINDINGS COMMAND [ARGUMENT...]
 *
 * SECRETS is a file of lines "NAME HEX".  Each finding is a line of the file FINDINGS: the mapping, what
 * became of the piece, the file whose code allocated it, and the secret, with tabs between.  Exits as the
 * command did. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scan.h"

#define LONGEST 512

static void add_secret(struct patterns *patterns, const char *name, const char *hex) {
    uint8_t bytes[LONGEST];
    size_t size = 0;
    unsigned byte;
    for (; size < LONGEST && sscanf(hex + 2 * size, "%2x", &byte) == 1; size++) bytes[size] = (uint8_t)byte;
    patterns_add_bytes(patterns, name, bytes, size);
    patterns_add_text(patterns, name, (const char *)bytes, size);
}

static struct patterns *read_secrets(const char *path) {
    struct patterns *patterns = patterns_new();
    char *name, hex[2 * LONGEST + 1];
    FILE *file = fopen(path, "re");
    if (!file) abort();
    while (fscanf(file, "%ms %1024s", &name, hex) == 2) add_secret(patterns, name, hex); /* names are kept */
    fclose(file);
    return patterns;
}

static void tell(void *context, const struct hit *hit) {
    fprintf(context, "%s\t%s\t%s\t%s\n", hit->mapping, hit->chunk.freed ? "freed" : "in use", hit->caller,
            hit->secret);
}

int main(int argc, char **argv) {
    int status, stops = 0;
    if (argc < 5) return 125;
    struct patterns *patterns = read_secrets(argv[2]);
    FILE *findings = fopen(argv[3], "we");
    if (!findings) return 125;
    pid_t pid = fork();
    if (pid == 0) {
        if (setenv("LD_PRELOAD", argv[1], 1) == 0) execvp(argv[4], argv + 4);
        _exit(126);
    }
    for (;;) {
        if (waitpid(pid, &status, WUNTRACED) != pid) return 124;
        if (!WIFSTOPPED(status)) break;
        stops++;
        scan_process(pid, patterns, ALL, "none", tell, findings);
        kill(pid, SIGCONT);
    }
    patterns_free(patterns);
    fclose(findings);
    if (stops != 1) return 123; /* it was not looked at, or stopped for other reasons */
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
