/* SPDX-License-Identifier: Apache-2.0 */
/* Look-ups and lists.  Rows are copied out of the statement with their texts. */
#include <stdlib.h>
#include <string.h>

#include "measure.h"
#include "reference_db.h"

/* Columns of a peer's row. */
enum {
    KIND,
    ID,
    ACCESS_HASH,
    MIN_ACCESS_HASH,
    PHOTO_ID,
    SEEN_AT,
    SUBTYPE,
    USERNAMES,
    PHONE,
    FIRST_NAME,
    LAST_NAME,
    LANGUAGE
};

/* --- one row ----------------------------------------------------------------------------------- */

static void take_number(sqlite3_stmt *row, int column, uint64_t bit, tgs_peer *peer, int64_t *number) {
    if (sqlite3_column_type(row, column) == SQLITE_NULL) return;
    *number = sqlite3_column_int64(row, column);
    peer->fields |= bit;
}

static void take_text(sqlite3_stmt *row, int column, uint64_t bit, tgs_peer *peer, tgs_str *text) {
    const char *ptr = (const char *)sqlite3_column_text(row, column);
    if (!ptr) return;
    *text = (tgs_str){ptr, (size_t)sqlite3_column_bytes(row, column)};
    peer->fields |= bit;
}

/* The row as it is in the statement; the usernames are still one text. */
void reference_take_row(sqlite3_stmt *row, tgs_peer *peer, tgs_str *usernames) {
    int64_t subtype = 0;
    memset(peer, 0, sizeof *peer);
    *usernames = (tgs_str){NULL, 0};
    peer->flags = TGS_ROW_FOUND;
    peer->kind = sqlite3_column_int(row, KIND);
    peer->id = sqlite3_column_int64(row, ID);
    take_number(row, ACCESS_HASH, TGS_PEER_ACCESS_HASH, peer, &peer->access_hash);
    take_number(row, MIN_ACCESS_HASH, TGS_PEER_MIN_ACCESS_HASH, peer, &peer->min_access_hash);
    take_number(row, PHOTO_ID, TGS_PEER_PHOTO_ID, peer, &peer->photo_id);
    take_number(row, SEEN_AT, TGS_PEER_SEEN_AT, peer, &peer->seen_at);
    take_number(row, SUBTYPE, TGS_PEER_SUBTYPE, peer, &subtype);
    peer->subtype = (int32_t)subtype;
    take_text(row, USERNAMES, TGS_PEER_USERNAMES, peer, usernames);
    take_text(row, PHONE, TGS_PEER_PHONE, peer, &peer->phone);
    take_text(row, FIRST_NAME, TGS_PEER_FIRST_NAME, peer, &peer->first_name);
    take_text(row, LAST_NAME, TGS_PEER_LAST_NAME, peer, &peer->last_name);
    take_text(row, LANGUAGE, TGS_PEER_LANGUAGE, peer, &peer->language);
}

static size_t count_lines(tgs_str list) {
    if (!list.len) return 0;
    size_t count = 1;
    for (const char *at = list.ptr, *end = at + list.len; (at = memchr(at, '\n', (size_t)(end - at))); at++)
        count++;
    return count;
}

/* What the texts take, each with a terminator, and the array of usernames before them. */
static size_t size_of_texts(const tgs_peer *peer, tgs_str usernames) {
    return peer->n_usernames * sizeof(tgs_str) + usernames.len + peer->phone.len + peer->first_name.len +
           peer->last_name.len + peer->language.len + 5;
}

char *copy_text(char *to, tgs_str *text) {
    if (!text->ptr) return to;
    memcpy(to, text->ptr, text->len);
    to[text->len] = '\0';
    text->ptr = to;
    return to + text->len + 1;
}

static char *copy_usernames(char *to, tgs_peer *peer, tgs_str list) {
    if (!peer->n_usernames) return to;
    tgs_str *names = (tgs_str *)(void *)to;
    peer->usernames = names;
    to = copy_text(to + peer->n_usernames * sizeof *names, &list);
    const char *line = list.ptr, *end = list.ptr + list.len;
    for (size_t i = 0; i < peer->n_usernames; i++) {
        char *stop = memchr(line, '\n', (size_t)(end - line));
        names[i] = (tgs_str){line, (size_t)((stop ? stop : end) - line)};
        if (!stop) break;
        *stop = '\0';
        line = stop + 1;
    }
    return to;
}

static void copy_texts(char *to, tgs_peer *peer, tgs_str usernames) {
    to = copy_usernames(to, peer, usernames);
    to = copy_text(to, &peer->phone);
    to = copy_text(to, &peer->first_name);
    to = copy_text(to, &peer->last_name);
    copy_text(to, &peer->language);
}

/* --- get ------------------------------------------------------------------------------------------ */

static tgs_peer *get_one(struct reference *reference, sqlite3_stmt *get) {
    tgs_peer row, *peer = NULL;
    tgs_str usernames;
    if (!reference_step(reference, get)) return NULL;
    reference_take_row(get, &row, &usernames);
    row.n_usernames = count_lines(usernames);
    peer = malloc(sizeof *peer + size_of_texts(&row, usernames));
    if (!peer) die("out of memory");
    *peer = row;
    copy_texts((char *)(peer + 1), peer, usernames);
    sqlite3_reset(get);
    return peer;
}

tgs_peer *reference_get(struct reference *reference, int32_t kind, int64_t id) {
    sqlite3_stmt *get = reference_statement(reference, GET_PEER);
    reference_bind_key(reference, get, kind, id);
    return get_one(reference, get);
}

static tgs_peer *get_by_name(struct reference *reference, enum query query, tgs_str name) {
    sqlite3_stmt *get = reference_statement(reference, query);
    sqlite3_bind_int64(get, 1, reference->session);
    reference_bind_text(get, 2, name);
    sqlite3_bind_int64(get, 3, INT64_MIN); /* of any age */
    return get_one(reference, get);
}

tgs_peer *reference_get_by_username(struct reference *reference, tgs_str username) {
    char folded[LONGEST_NAME];
    return get_by_name(reference, GET_PEER_BY_USERNAME, fold_name(username, folded));
}

tgs_peer *reference_get_by_phone(struct reference *reference, tgs_str phone) {
    return get_by_name(reference, GET_PEER_BY_PHONE, phone);
}

/* --- list ------------------------------------------------------------------------------------------ */

/* Pieces of memory with the texts of a page. */
struct texts {
    struct texts *next;
    size_t used, size;
    _Alignas(tgs_str) char memory[];
};
#define TEXTS_SIZE 65000

static char *texts_take(struct page *page, size_t size) {
    size = (size + sizeof(void *) - 1) / sizeof(void *) * sizeof(void *);
    struct texts *texts = page->texts;
    if (!texts || texts->size - texts->used < size) {
        size_t capacity = size > TEXTS_SIZE ? size : TEXTS_SIZE;
        texts = malloc(sizeof *texts + capacity);
        if (!texts) die("out of memory");
        *texts = (struct texts){.next = page->texts, .size = capacity};
        page->texts = texts;
    }
    texts->used += size;
    return texts->memory + texts->used - size;
}

static void list_rows(struct reference *reference, enum query query, const tgs_peer *after, size_t limit,
                      struct page *page) {
    if (page->count == limit) return;
    sqlite3_stmt *list = reference_statement(reference, query);
    reference_bind_key(reference, list, after->kind, after->id);
    if (query == LIST_PEERS_OF_LATER_KINDS) sqlite3_bind_null(list, 3);
    sqlite3_bind_int64(list, 4, (int64_t)(limit - page->count));
    while (reference_step(reference, list)) {
        tgs_peer *row = &page->rows[page->count++];
        tgs_str usernames;
        reference_take_row(list, row, &usernames);
        row->n_usernames = count_lines(usernames);
        copy_texts(texts_take(page, size_of_texts(row, usernames)), row, usernames);
    }
}

struct page *reference_list(struct reference *reference, const tgs_peer *after, size_t limit) {
    static const tgs_peer first = {.kind = -1};
    struct page *page = malloc(sizeof *page);
    if (!page) die("out of memory");
    *page = (struct page){.rows = malloc(limit * sizeof *page->rows)};
    if (!page->rows) die("out of memory");
    if (!after) after = &first;
    reference_run(reference, reference_statement(reference, BEGIN_READ));
    list_rows(reference, LIST_PEERS, after, limit, page);
    list_rows(reference, LIST_PEERS_OF_LATER_KINDS, after, limit, page);
    reference_run(reference, reference_statement(reference, COMMIT));
    return page;
}

void page_free(struct page *page) {
    while (page->texts) {
        struct texts *next = page->texts->next;
        free(page->texts);
        page->texts = next;
    }
    free(page->rows);
    free(page);
}
