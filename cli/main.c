/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <string.h>

static tgs_canceller *canceller; /* for the signal handler */

static void on_signal(int number) {
    (void)number;
    tgs_canceller_cancel(canceller);
}

/* The first Ctrl-C ends the work in an orderly way, the second one at once. */
static int catch_signals(void) {
    tgs_error err;
    if (tgs_canceller_new(&canceller, &err) != TGS_OK) return failed(&err, "");
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        struct sigaction inherited;
        sigaction(signals[i], NULL, &inherited);
        if (inherited.sa_handler != SIG_IGN) sigaction(signals[i], &action, NULL);
    }
    return DONE;
}

static int load_modules(struct cli *cli) {
    for (size_t i = 0; i < cli->n_modules; i++) {
        tgs_error err;
        tgs_status status = tgs_backend_load(to_str(cli->modules[i]), &cli->call, &err);
        if (status != TGS_OK) return failed(&err, "no such module");
    }
    return DONE;
}

static int run(struct cli *cli) {
    int status = catch_signals();
    if (status != DONE) return status;
    cli->call = (tgs_call){
        .size = sizeof cli->call,
        .timeout_ms = option_milliseconds(cli, OPTION_TIMEOUT, 0),
        .cancel = canceller,
    };
    status = load_modules(cli);
    return status == DONE ? cli->command->run(cli) : status;
}

static void print_version(void) {
    int32_t version = tgs_version();
    printf("tgstore %d.%d.%d\n", version / 1000000, version / 1000 % 1000, version % 1000);
}

static int dispatch(struct cli *cli) {
    if (given(cli, OPTION_VERSION))
        print_version();
    else if (given(cli, OPTION_HELP))
        print_help(cli->command);
    else
        return run(cli);
    return DONE;
}

/* A full disk behind standard output must not look like success. */
static int flush_output(int status) {
    if (fflush(stdout) == 0 && !ferror(stdout)) return status;
    complain("can't write to standard output: %s", strerror(errno));
    return status == DONE ? FAILED : status;
}

int main(int argc, char **argv) {
    /* Names are UTF-8 whatever the terminal's locale; numbers stay as in C. */
    setlocale(LC_CTYPE, "C.UTF-8");
    struct cli cli = {0};
    int status = options_parse(&cli, argc, argv);
    if (status == DONE) status = dispatch(&cli);
    progress_stop();
    status = flush_output(status);
    options_free(&cli);
    tgs_canceller_free(canceller);
    return status;
}
