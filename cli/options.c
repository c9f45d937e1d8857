/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <ctype.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *name;
    const char *argument; /* NULL: none */
    double unit_ms;       /* of a number option, else 0 */
    char letter;          /* 0: none */
    const char *help;
} options[OPTION_COUNT] = {
    [OPTION_SESSION] = {"session", "NAME", 0, 's', "the session's name in the store"},
    [OPTION_TO] = {"to", "URL", 0, 't', "the store to write to"},
    [OPTION_REPLACE_ACCOUNT] = {"replace-account", NULL, 0, 0,
                                "let another account take the session over; the peers\n"
                                "and update states of the old one are deleted"},
    [OPTION_FORMAT] = {"format", "FORMAT", 0, 'f',
                       "of a string: telethon, pyrogram, pyrogram-old-64,\n"
                       "pyrogram-old-32, kurigram, mtgo or mtgo-2; of a session\n"
                       "file: telethon-sqlite, pyrogram-sqlite, kurigram-sqlite"},
    [OPTION_SET] = {"set", "KEY=VALUE", 0, 0,
                    "a value that the format needs and the session lacks:\n"
                    "api_id, user_id, is_bot, test_mode, dc, address, port;\n"
                    "may be repeated"},
    [OPTION_OUT] = {"out", "FILE", 0, 'o',
                    "write to a new file, readable by you only, instead of\n"
                    "standard output; session files need it"},
    [OPTION_FORCE] = {"force", NULL, 0, 0, "with --out: replace the file if it exists"},
    [OPTION_KIND] = {"kind", "KIND", 0, 'k', "only of this kind: user, chat or channel"},
    [OPTION_FIND] = {"find", "WHAT", 0, 0,
                     "only those with this username, phone number or id; if\n"
                     "there are none, those with this in their names"},
    [OPTION_PEER_AGE] = {"peer-age", "DAYS", 86400000, 0, "also remove peers not seen for so long"},
    [OPTION_YES] = {"yes", NULL, 0, 'y', "do not ask"},
    [OPTION_JSON] = {"json", NULL, 0, 'j', "print JSON"},
    [OPTION_TIMEOUT] = {"timeout", "SECONDS", 1000, 0,
                        "how long one step may take (default 10, more for much work)"},
    [OPTION_LOAD] = {"load", "MODULE", 0, 0, "load a back end from this shared object first"},
    [OPTION_HELP] = {"help", NULL, 0, 'h', "show this help"},
    [OPTION_VERSION] = {"version", NULL, 0, 'V', "show the version"},
};

bool given(const struct cli *cli, enum option_id option) { return cli->values[option] != NULL; }

static void print_help_lines(const char *text, int indent) {
    for (const char *line = text; line;) {
        const char *end = strchr(line, '\n');
        int len = end ? (int)(end - line) : (int)strlen(line);
        printf("%*s%.*s\n", line == text ? 0 : indent, "", len, line);
        line = end ? end + 1 : NULL;
    }
}

void print_option_help(uint32_t shown) {
    for (int i = 0; i < OPTION_COUNT; i++) {
        if (!(shown & BIT(i))) continue;
        char left[40];
        snprintf(left, sizeof left, "--%s%s%s", options[i].name, options[i].argument ? " " : "",
                 options[i].argument ? options[i].argument : "");
        if (options[i].letter)
            printf("  -%c, %-20s ", options[i].letter, left);
        else
            printf("      %-20s ", left);
        print_help_lines(options[i].help, 27);
    }
}

/* --- values ------------------------------------------------------------------------- */

/* Larger numbers than any sensible duration are refused, so that nothing overflows. */
static bool read_number(const char *text, double unit, int64_t *value) {
    char *end;
    double number = strtod(text, &end);
    if (end == text || *end || !isfinite(number) || number <= 0 || number > 1e6) return false;
    *value = (int64_t)ceil(number * unit);
    return true;
}

int64_t option_milliseconds(const struct cli *cli, enum option_id option, int64_t otherwise) {
    int64_t value;
    if (!given(cli, option) || !read_number(cli->values[option], options[option].unit_ms, &value))
        return otherwise;
    return value;
}

/* Session strings do not belong on a command line, where everybody can see them. */
static bool looks_like_session_string(const char *argument) {
    size_t len = strlen(argument);
    if (len < 200) return false; /* the shortest have more than 300 characters */
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)argument[i]) && !strchr("-_=+/", argument[i])) return false;
    return access(argument, F_OK) != 0;
}

static int refuse_session_strings(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        const char *equals = argv[i][0] == '-' ? strchr(argv[i], '=') : NULL;
        if (!looks_like_session_string(argv[i]) && !(equals && looks_like_session_string(equals + 1)))
            continue;
        complain("argument %d looks like a session string, and other users can see arguments", i);
        hint("keep it in a file, or give '-' and type or pipe it in: tgstore inspect - < FILE");
        return WRONG_USAGE;
    }
    return DONE;
}

static int keep_set(struct cli *cli, const char *text) {
    const char *equals = strchr(text, '=');
    if (!equals || equals == text) return misused(cli, "--set wants KEY=VALUE, such as --set api_id=12345");
    cli->sets[cli->n_sets++] = (tgs_option){{text, (size_t)(equals - text)}, to_str(equals + 1)};
    return DONE;
}

static int keep_option(struct cli *cli, enum option_id option, char *value) {
    int64_t number;
    if (options[option].unit_ms > 0 && !read_number(value, options[option].unit_ms, &number))
        return misused(cli, "--%s wants a number of %s greater than 0", options[option].name,
                       option == OPTION_TIMEOUT ? "seconds" : "days");
    if (option == OPTION_LOAD) cli->modules[cli->n_modules++] = value;
    if (option == OPTION_SET && keep_set(cli, value) != DONE) return WRONG_USAGE;
    cli->values[option] = value ? value : "";
    return DONE;
}

/* --- getopt --------------------------------------------------------------------------- */

struct getopt_tables {
    char letters[2 * OPTION_COUNT + 2];
    struct option names[OPTION_COUNT + 1];
};

/* Long options are reported by their number behind all letters. */
#define FIRST_LONG 256

static struct getopt_tables make_tables(void) {
    struct getopt_tables tables = {0};
    char *letter = tables.letters;
    *letter++ = ':'; /* report missing values apart from unknown options */
    for (int i = 0; i < OPTION_COUNT; i++) {
        bool valued = options[i].argument != NULL;
        tables.names[i] =
            (struct option){options[i].name, valued ? required_argument : no_argument, NULL, FIRST_LONG + i};
        if (options[i].letter) *letter++ = options[i].letter;
        if (options[i].letter && valued) *letter++ = ':';
    }
    return tables;
}

static enum option_id option_of(int code) {
    if (code >= FIRST_LONG) return (enum option_id)(code - FIRST_LONG);
    int i = 0;
    while (options[i].letter != code) i++; /* getopt returns no letters but ours */
    return (enum option_id)i;
}

static int bad_option(const struct cli *cli, int code, const char *text) {
    int name_len = (int)strcspn(text, "=");
    if (code == ':') return misused(cli, "%.*s wants a value", name_len, text);
    if (optopt >= FIRST_LONG) return misused(cli, "%.*s takes no value", name_len, text);
    return misused(cli, "there is no option %.*s", name_len, text);
}

static int read_options(struct cli *cli, int argc, char **argv) {
    struct getopt_tables tables = make_tables();
    opterr = 0;
    for (int code; (code = getopt_long(argc, argv, tables.letters, tables.names, NULL)) != -1;) {
        if (code == '?' || code == ':') return bad_option(cli, code, argv[optind - 1]);
        if (keep_option(cli, option_of(code), optarg) != DONE) return WRONG_USAGE;
    }
    return DONE;
}

static int check_options(const struct cli *cli) {
    const struct command *command = cli->command;
    for (enum option_id i = 0; i < OPTION_COUNT; i++) {
        if (given(cli, i) && !((command->options | COMMON_OPTIONS) & BIT(i)))
            return misused(cli, "%s takes no --%s", command->name, options[i].name);
        if (!given(cli, i) && (command->needed & BIT(i)))
            return misused(cli, "%s needs --%s %s", command->name, options[i].name, options[i].argument);
    }
    return DONE;
}

static int check_command(const struct cli *cli) {
    if (given(cli, OPTION_HELP) || given(cli, OPTION_VERSION)) return DONE;
    if (!cli->command) return misused(cli, "say what to do");
    if (cli->n_arguments != cli->command->n_arguments)
        return misused(cli, "usage: tgstore %s", cli->command->synopsis);
    return check_options(cli);
}

static int find_arguments(struct cli *cli, int argc, char **argv) {
    cli->command = NULL;
    if (optind == argc) return DONE;
    cli->command = find_command(argv[optind]);
    if (!cli->command) return misused(cli, "there is no command '%.40s'", argv[optind]);
    cli->arguments = argv + optind + 1;
    cli->n_arguments = (size_t)(argc - optind - 1);
    return DONE;
}

int options_parse(struct cli *cli, int argc, char **argv) {
    int status = refuse_session_strings(argc, argv);
    if (status != DONE) return status;
    cli->modules = calloc((size_t)argc + 1, sizeof *cli->modules);
    cli->sets = calloc((size_t)argc + 1, sizeof *cli->sets);
    if (!cli->modules || !cli->sets) return out_of_memory();
    if (argc > 1) cli->command = find_command(argv[1]); /* for the hints about options */
    status = read_options(cli, argc, argv);
    if (status == DONE) status = find_arguments(cli, argc, argv);
    return status == DONE ? check_command(cli) : status;
}

void options_free(struct cli *cli) {
    free(cli->modules);
    free(cli->sets);
}
