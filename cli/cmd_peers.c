/* SPDX-License-Identifier: Apache-2.0 */
/* peers: the users, chats and channels that a session knows. */
#include "cli.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

struct search {
    struct cli *cli;
    tgs_session *session;
    struct listing listing;
    tgs_filter filter;
    wchar_t *wanted; /* --find, folded; NULL: everybody */
    size_t n_shown;  /* found by key, to name nobody twice */
    tgs_peer shown[8];
};

/* --- by key ------------------------------------------------------------------------------------- */

static bool is_shown(const struct search *search, const tgs_peer *peer) {
    for (size_t i = 0; i < search->n_shown; i++)
        if (search->shown[i].kind == peer->kind && search->shown[i].id == peer->id) return true;
    return false;
}

static bool is_asked_kind(const struct search *search, const tgs_peer *peer) {
    return search->filter.kind == TGS_PEER_ANY || search->filter.kind == peer->kind;
}

/* Show those of a look-up that were found, and free it. */
static int show_found(struct search *search, tgs_rows *rows) {
    int status = DONE;
    for (size_t i = 0; i < tgs_rows_count(rows) && status == DONE; i++) {
        tgs_peer peer;
        tgs_rows_row(rows, i, &peer, sizeof peer);
        if (!(peer.flags & TGS_ROW_FOUND) || !is_asked_kind(search, &peer) || is_shown(search, &peer))
            continue;
        if (search->n_shown < sizeof search->shown / sizeof *search->shown)
            search->shown[search->n_shown++] = peer;
        status = listing_row(&search->listing, &peer);
    }
    tgs_rows_free(rows);
    return status;
}

/* The peers with this id: bare, or marked as most client libraries do (-100... for channels). */
static size_t keys_of_id(int64_t id, tgs_peer keys[5]) {
    size_t n = 0;
    for (int32_t kind = TGS_PEER_USER; kind <= TGS_PEER_CHANNEL; kind++)
        keys[n++] = (tgs_peer){.kind = kind, .id = id};
    if (id < 0 && id != INT64_MIN) keys[n++] = (tgs_peer){.kind = TGS_PEER_CHAT, .id = -id};
    if (id < -1000000000000) keys[n++] = (tgs_peer){.kind = TGS_PEER_CHANNEL, .id = -1000000000000 - id};
    return n;
}

static int find_id(struct search *search, const char *what) {
    char *end;
    errno = 0;
    int64_t id = strtoll(what, &end, 10);
    if (*end || errno) return DONE;
    tgs_peer keys[5];
    size_t n = keys_of_id(id, keys);
    tgs_rows *rows;
    tgs_error err;
    tgs_status status =
        tgs_get(search->session, TGS_RECORD_PEER, keys, n, sizeof *keys, &rows, &search->cli->call, &err);
    return status == TGS_OK ? show_found(search, rows) : failed(&err, "");
}

typedef tgs_status lookup(tgs_session *session, const tgs_str *texts, size_t n_texts, int64_t max_age_ms,
                          tgs_rows **out, const tgs_call *call, tgs_error *err);

static int find_text(struct search *search, lookup *look_up, const char *what) {
    tgs_str text = to_str(what);
    tgs_rows *rows;
    tgs_error err;
    tgs_status status = look_up(search->session, &text, 1, 0, &rows, &search->cli->call, &err);
    return status == TGS_OK ? show_found(search, rows) : failed(&err, "");
}

static bool consists_of(const char *text, const char *others, int (*is_common)(int)) {
    size_t n_common = 0;
    for (; *text; text++) {
        if (is_common((unsigned char)*text))
            n_common++;
        else if (!strchr(others, *text))
            return false;
    }
    return n_common > 0;
}

static int find_by_key(struct search *search, const char *what) {
    int status = *what ? find_id(search, what) : DONE;
    if (status == DONE && consists_of(what, "@_", isalnum))
        status = find_text(search, tgs_peers_by_username, what);
    if (status == DONE && consists_of(what, "+-(). ", isdigit))
        status = find_text(search, tgs_peers_by_phone, what);
    if (!search->listing.json) table_print(&search->listing.table);
    return status;
}

/* --- by part of a name ---------------------------------------------------------------------------- */

/* Lower case; bytes that are not UTF-8 count as themselves.  NULL: out of memory. */
static wchar_t *fold(tgs_str text) {
    wchar_t *folded = malloc((text.len + 1) * sizeof *folded);
    size_t n = 0;
    for (size_t i = 0; folded && i < text.len;) {
        mbstate_t state = {0};
        wchar_t c;
        size_t len = mbrtowc(&c, text.ptr + i, text.len - i, &state);
        bool valid = len > 0 && len <= text.len - i;
        folded[n++] = valid ? (wchar_t)towlower((wint_t)c) : (unsigned char)text.ptr[i];
        i += valid ? len : 1;
    }
    if (folded) folded[n] = L'\0';
    return folded;
}

static bool contains(tgs_str text, const wchar_t *wanted) {
    wchar_t *folded = fold(text);
    bool found = folded && wcsstr(folded, wanted);
    free(folded);
    return found;
}

static bool matches(const tgs_peer *peer, const wchar_t *wanted) {
    if (contains(peer->first_name, wanted) || contains(peer->last_name, wanted)) return true;
    for (size_t i = 0; i < peer->n_usernames; i++)
        if (contains(peer->usernames[i], wanted)) return true;
    return false;
}

static int show_matching(void *context, const tgs_rows *rows) {
    struct search *search = context;
    if (!search->wanted) return listing_rows(&search->listing, rows);
    int status = DONE;
    for (size_t i = 0; i < tgs_rows_count(rows) && status == DONE; i++) {
        tgs_peer peer;
        tgs_rows_row(rows, i, &peer, sizeof peer);
        if (matches(&peer, search->wanted)) status = listing_row(&search->listing, &peer);
    }
    if (!search->listing.json) table_print(&search->listing.table);
    return status;
}

/* --- the command ------------------------------------------------------------------------------------ */

static int read_kind(const struct cli *cli, int32_t *kind) {
    const char *const *names = find_field(TGS_RECORD_PEER, "kind")->choices;
    *kind = TGS_PEER_ANY;
    if (!given(cli, OPTION_KIND)) return DONE;
    for (int32_t i = 0; names[i]; i++)
        if (strcmp(names[i], cli->values[OPTION_KIND]) == 0) *kind = i;
    return *kind == TGS_PEER_ANY ? misused(cli, "--kind is user, chat or channel") : DONE;
}

static int search_peers(struct search *search, const char *what) {
    int status = what ? find_by_key(search, what) : DONE;
    if (status == DONE && search->n_shown == 0)
        status =
            each_page(search->cli, search->session, TGS_RECORD_PEER, &search->filter, show_matching, search);
    if (status != DONE || !what || search->listing.count) return status;
    complain("no peer has that username, phone number, id or name");
    return MISSING;
}

static int peers_of(struct cli *cli, tgs_store *store, tgs_session *session) {
    static const char *const columns[] = {"kind",       "id",        "subtype", "access_hash", "usernames",
                                          "first_name", "last_name", "phone",   "seen_at",     NULL};
    const char *what = cli->values[OPTION_FIND];
    struct search search = {
        .cli = cli, .session = session, .filter = {.size = sizeof search.filter, .state = -1}};
    int status = read_kind(cli, &search.filter.kind);
    if (status == DONE) status = expect_session(cli, store, tgs_session_name(session));
    if (status != DONE) return status;
    if (what && !(search.wanted = fold(to_str(what)))) return out_of_memory();
    listing_open(&search.listing, cli, TGS_RECORD_PEER, columns);
    status = listing_close(&search.listing, search_peers(&search, what));
    free(search.wanted);
    return status;
}

int command_peers(struct cli *cli) { return with_session(cli, peers_of); }
