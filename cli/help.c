/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <string.h>

static const struct command commands[] = {
    {
        .name = "inspect",
        .synopsis = "inspect FILE|- [--json]",
        .summary = "what is this session string or file?",
        .help = "Says which client wrote a session file or string, which account it is, and what\n"
                "is in it. Nothing is changed, not even next to the file; secrets are not shown.\n"
                "A string is read from a file or, with '-', from standard input: arguments of\n"
                "programs are visible to other users.",
        .examples = "  tgstore inspect my.session\n"
                    "  tgstore inspect - < string.txt\n"
                    "  tgstore inspect my.session --json | jq .session.user_id",
        .n_arguments = 1,
        .options = BIT(OPTION_JSON),
        .run = command_inspect,
    },
    {
        .name = "import",
        .synopsis = "import FILE|- --to URL [--session NAME] [--replace-account] [--json]",
        .summary = "read a session string or file into a store",
        .help = "Merges everything a session file or string holds (auth keys, the account, peers\n"
                "with their access hashes, update states) into a session of a store, which is made\n"
                "if it is not there. What the session has already and the file lacks is kept. The\n"
                "session is the unnamed one unless --session names it. A session that belongs to\n"
                "another account is left alone unless --replace-account is given. May be repeated.",
        .examples = "  tgstore import my.session --to sqlite:bot.db --session main\n"
                    "  tgstore import - --to env:STORE_URL --session main < string.txt",
        .n_arguments = 1,
        .options = BIT(OPTION_TO) | BIT(OPTION_SESSION) | BIT(OPTION_REPLACE_ACCOUNT) | BIT(OPTION_JSON),
        .needed = BIT(OPTION_TO),
        .run = command_import,
    },
    {
        .name = "export",
        .synopsis = "export URL [--session NAME] --format FORMAT [--set KEY=VALUE] [--out FILE] [--force]",
        .summary = "write a session as a session string or file",
        .help = "Writes the session string or file with which another client logs in as the account.\n"
                "This is the key to the account: keep it like a password. With --out it goes to a\n"
                "new file that only you can read. A string has room for the account and its key\n"
                "only; a session file takes the update states too, and the peers whose access hash\n"
                "is known. --session may be left out if there is one session.",
        .examples = "  tgstore export sqlite:bot.db --format telethon --out string.txt\n"
                    "  tgstore export sqlite:bot.db -f telethon-sqlite --out my.session\n"
                    "  tgstore export sqlite:bot.db -s main -f kurigram --set api_id=12345",
        .n_arguments = 1,
        .options =
            BIT(OPTION_SESSION) | BIT(OPTION_FORMAT) | BIT(OPTION_SET) | BIT(OPTION_OUT) | BIT(OPTION_FORCE),
        .needed = BIT(OPTION_FORMAT),
        .run = command_export,
    },
    {
        .name = "convert",
        .synopsis = "convert FILE|- --format FORMAT [--set KEY=VALUE] [--out FILE] [--force]",
        .summary = "turn a session string or file into one of another client",
        .help = "The same as import and export, without a store in between. Only the account and\n"
                "its auth key fit into a string; from a session file to another the peers and\n"
                "update states go along.",
        .examples = "  tgstore convert telethon.session --format pyrogram --set api_id=12345 --set is_bot=0\n"
                    "  tgstore convert pyrogram.session -f telethon-sqlite -o telethon.session\n"
                    "  tgstore convert - --format telethon --out new.txt < old.txt",
        .n_arguments = 1,
        .options = BIT(OPTION_FORMAT) | BIT(OPTION_SET) | BIT(OPTION_OUT) | BIT(OPTION_FORCE),
        .needed = BIT(OPTION_FORMAT),
        .run = command_convert,
    },
    {
        .name = "sessions",
        .synopsis = "sessions URL [--json]",
        .summary = "list the sessions of a store",
        .help = "Lists the sessions of a store by name, and for each who holds its lease: the\n"
                "program that speaks for the account right now.",
        .examples = "  tgstore sessions sqlite:bot.db\n"
                    "  tgstore sessions env:STORE_URL --json | jq -r '.[].name'",
        .n_arguments = 1,
        .options = BIT(OPTION_JSON),
        .run = command_sessions,
    },
    {
        .name = "show",
        .synopsis = "show URL [--session NAME] [--json]",
        .summary = "show one session",
        .help = "Shows the account, the data centers it has auth keys for, where it stands in the\n"
                "update stream, and how much of everything the session holds. Secrets are not\n"
                "shown. --session may be left out if there is one session.",
        .examples = "  tgstore show sqlite:bot.db\n"
                    "  tgstore show sqlite:bot.db --session main --json | jq .stats.peers",
        .n_arguments = 1,
        .options = BIT(OPTION_SESSION) | BIT(OPTION_JSON),
        .run = command_show,
    },
    {
        .name = "peers",
        .synopsis = "peers URL [--session NAME] [--kind KIND] [--find WHAT] [--json]",
        .summary = "list or find users, chats and channels",
        .help = "Lists the peers that a session knows, by kind and id. --find looks for a username\n"
                "(with or without @), a phone number and an id, bare or marked (-100...); if no\n"
                "peer has it, for a part of a name or username. Finding none is exit status 3.",
        .examples = "  tgstore peers sqlite:bot.db --kind channel\n"
                    "  tgstore peers sqlite:bot.db --find @telegram\n"
                    "  tgstore peers sqlite:bot.db --find -1001234567890 --json",
        .n_arguments = 1,
        .options = BIT(OPTION_SESSION) | BIT(OPTION_KIND) | BIT(OPTION_FIND) | BIT(OPTION_JSON),
        .run = command_peers,
    },
    {
        .name = "copy",
        .synopsis = "copy URL URL [--session NAME] [--replace-account] [--json]",
        .summary = "copy sessions from one store to another",
        .help = "Copies one session, or all of them, with every record they hold (auth keys, peers,\n"
                "update states, dedup keys, queue, conversations, values) from the first store into\n"
                "the second, of any kind. It merges: running it again after it was interrupted\n"
                "completes it, and rows that are only in the second store stay. Queue items that a\n"
                "worker holds are copied as ready, so stop the programs that use the session first.",
        .examples = "  tgstore copy sqlite:bot.db sqlite:/mnt/new/bot.db\n"
                    "  tgstore copy sqlite:old.db sqlite:new.db --session main",
        .n_arguments = 2,
        .options = BIT(OPTION_SESSION) | BIT(OPTION_REPLACE_ACCOUNT) | BIT(OPTION_JSON),
        .run = command_copy,
    },
    {
        .name = "stats",
        .synopsis = "stats URL [--session NAME] [--json]",
        .summary = "count what is in a store",
        .help = "Counts the rows of each record in the store or in one session. 'expired' are rows\n"
                "that 'tgstore prune' would remove; 'bytes' is the size of the database.",
        .examples = "  tgstore stats sqlite:bot.db\n"
                    "  tgstore stats sqlite:bot.db --session main --json",
        .n_arguments = 1,
        .options = BIT(OPTION_SESSION) | BIT(OPTION_JSON),
        .run = command_stats,
    },
    {
        .name = "prune",
        .synopsis = "prune URL [--peer-age DAYS] [--json]",
        .summary = "remove what has expired",
        .help = "Removes expired dedup keys, queue items, conversations and values of all sessions,\n"
                "in small steps that let running programs go on. With --peer-age also peers that\n"
                "were not seen for so many days: their access hashes are lost.",
        .examples = "  tgstore prune sqlite:bot.db\n"
                    "  tgstore prune sqlite:bot.db --peer-age 365",
        .n_arguments = 1,
        .options = BIT(OPTION_PEER_AGE) | BIT(OPTION_JSON),
        .run = command_prune,
    },
    {
        .name = "purge",
        .synopsis = "purge URL --session NAME [--yes] [--json]",
        .summary = "delete a session with all it holds",
        .help = "Deletes a session for good, its auth keys first. It asks before, unless --yes is\n"
                "given; where there is no terminal to ask on, --yes is needed. A purge that was\n"
                "interrupted is completed by running it again. This does not log the account out:\n"
                "do that in the client before, or in Telegram's settings.",
        .examples = "  tgstore purge sqlite:bot.db --session old\n"
                    "  tgstore purge sqlite:bot.db --session old --yes",
        .n_arguments = 1,
        .options = BIT(OPTION_SESSION) | BIT(OPTION_YES) | BIT(OPTION_JSON),
        .needed = BIT(OPTION_SESSION),
        .run = command_purge,
    },
    {
        .name = "backup",
        .synopsis = "backup URL FILE [--json]",
        .summary = "copy a whole database to a file while it is in use",
        .help = "Writes a consistent copy of the whole database to a new file that only you can\n"
                "read, while programs go on using the store. Never copy the files of a database\n"
                "that is in use by other means. Back ends that can't do this say so; there, use\n"
                "'tgstore copy' or the database's own tools.",
        .examples = "  tgstore backup sqlite:bot.db bot-backup.db",
        .n_arguments = 2,
        .options = BIT(OPTION_JSON),
        .run = command_backup,
    },
};
#define N_COMMANDS (sizeof commands / sizeof *commands)

const struct command *find_command(const char *name) {
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0) return &commands[i];
    return NULL;
}

static void print_overview(void) {
    puts("usage: tgstore COMMAND ...\n\nKeep and look after the sessions of Telegram clients.\n\nCommands:");
    for (size_t i = 0; i < N_COMMANDS; i++) printf("  %-9s %s\n", commands[i].name, commands[i].summary);
    puts("\nOptions of all commands:");
    print_option_help(COMMON_OPTIONS);
    puts("\nA store is given by its URL, such as sqlite:bot.db.\n"
         "A URL with a password is better kept out of sight: env:NAME takes it from an\n"
         "environment variable, @FILE from a file.\n\n"
         "Exit status: 0 done, 1 failed, 2 wrong usage, 3 not found.\n\n"
         "Begin with:\n"
         "  tgstore inspect my.session\n"
         "  tgstore import my.session --to sqlite:bot.db --session main\n"
         "  tgstore show sqlite:bot.db\n"
         "'tgstore COMMAND --help' explains each; 'man tgstore' explains all.");
}

void print_help(const struct command *command) {
    if (!command) {
        print_overview();
        return;
    }
    printf("usage: tgstore %s\n\n%s\n\nOptions:\n", command->synopsis, command->help);
    print_option_help(command->options | COMMON_OPTIONS);
    printf("\nExamples:\n%s\n", command->examples);
}
