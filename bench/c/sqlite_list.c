/* SPDX-License-Identifier: Apache-2.0 */
/* All peers of a session listed from SQLite, page by page, and the memory that the pages take. */
#include <malloc.h>
#include <stdio.h>

#include "cases.h"
#include "measure.h"
#include "pair.h"

/* --- time -------------------------------------------------------------------------------------- */

/* Where a list has come to. */
struct listing {
    void *self;
    tgs_peer last;
    bool begun;
};

static const tgs_peer *after(struct listing *listing, size_t part) {
    listing->begun = part > 0;
    return listing->begun ? &listing->last : NULL;
}

static const tgs_peer *last_row(const tgs_rows *rows) {
    size_t stride;
    const char *data = tgs_rows_data(rows, &stride);
    return (const tgs_peer *)(const void *)(data + (tgs_rows_count(rows) - 1) * stride);
}

static void list_from_ours(void *self, size_t part) {
    struct listing *listing = self;
    tgs_rows *rows = ours_list(listing->self, after(listing, part), TGS_MAX_ROWS);
    listing->last = *last_row(rows);
    tgs_rows_free(rows);
}

static void list_from_reference(void *self, size_t part) {
    struct listing *listing = self;
    struct page *page = reference_list(listing->self, after(listing, part), TGS_MAX_ROWS);
    listing->last = page->rows[page->count - 1];
    page_free(page);
}

static size_t n_pages(size_t count) { return (count + TGS_MAX_ROWS - 1) / TGS_MAX_ROWS; }

static void race_lists(const struct bench *bench, const struct pair *pair) {
    struct race race;
    struct listing from_ours = {.self = pair->ours}, from_reference = {.self = pair->reference};
    const struct contender contenders[] = {{list_from_ours, &from_ours},
                                           {list_from_reference, &from_reference}};
    race_begin(&race, 2, n_pages(pair->count));
    for (int round = 0; round < (bench->tiny ? 2 : bench->quick ? 5 : 15); round++)
        race_round(&race, contenders);
    struct row row = {.name = "list all peers in pages of 4096",
                      .backend = "sqlite",
                      .ours = race_sum(&race, 0) / 1000 / (double)pair->count,
                      .reference = race_sum(&race, 1) / 1000 / (double)pair->count,
                      .unit = "us/row",
                      .target = 1.3,
                      .against = AGAINST_REFERENCE};
    report(bench, &row);
    race_end(&race);
}

/* --- memory ----------------------------------------------------------------------------------------- */

static size_t allocated(void) {
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

/* What rows must take: the structs, the texts and the arrays of usernames. */
static size_t size_of_rows(const tgs_rows *rows) {
    size_t stride, size = 0;
    const char *data = tgs_rows_data(rows, &stride);
    for (size_t i = 0; i < tgs_rows_count(rows); i++) {
        const tgs_peer *peer = (const tgs_peer *)(const void *)(data + i * stride);
        size += sizeof *peer + peer->n_usernames * sizeof *peer->usernames + peer->phone.len +
                peer->first_name.len + peer->last_name.len + peer->language.len;
        for (size_t name = 0; name < peer->n_usernames; name++) size += peer->usernames[name].len;
    }
    return size;
}

static void measure_memory(const struct bench *bench, const struct pair *pair) {
    enum { MOST_PAGES = 32 };
    tgs_rows *pages[MOST_PAGES];
    size_t before = allocated(), size = 0, pages_count = n_pages(pair->count);
    if (pages_count > MOST_PAGES) die("too many pages");
    for (size_t i = 0; i < pages_count; i++)
        pages[i] = ours_list(pair->ours, i ? last_row(pages[i - 1]) : NULL, TGS_MAX_ROWS);
    size_t after_all = allocated();
    for (size_t i = 0; i < pages_count; i++) {
        size += size_of_rows(pages[i]);
        tgs_rows_free(pages[i]);
    }
    struct row row = {.name = "memory of all listed peers",
                      .backend = "sqlite",
                      .ours = (double)(after_all - before) / (double)pair->count,
                      .reference = (double)size / (double)pair->count,
                      .unit = "bytes/row",
                      .target = 1.5,
                      .against = "the bytes of the rows"};
    report(bench, &row);
}

void sqlite_list_cases(const struct bench *bench) {
    if (!wanted(bench, "list all peers in pages of 4096") && !wanted(bench, "memory of all listed peers"))
        return;
    const struct pair *pair = pair_shared(bench);
    progress("listing %zu peers", pair->count);
    race_lists(bench, pair);
    measure_memory(bench, pair); /* SQLite's cache is full by now */
}
