/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

void listing_open(struct listing *listing, const struct cli *cli, int32_t record,
                  const char *const *columns) {
    *listing = (struct listing){.json = given(cli, OPTION_JSON)};
    table_open(&listing->table, record, columns);
}

int listing_row(struct listing *listing, const void *row) {
    uint64_t before = listing->count++;
    if (!listing->json) {
        table_row(&listing->table, row);
        return DONE;
    }
    struct json_object *object = json_row(listing->table.record, row);
    fputs(before ? ",\n " : "[", stdout);
    return json_write(object, true);
}

int listing_rows(struct listing *listing, const tgs_rows *rows) {
    size_t stride;
    const char *data = tgs_rows_data(rows, &stride);
    int status = DONE;
    for (size_t i = 0; i < tgs_rows_count(rows) && status == DONE; i++)
        status = listing_row(listing, data + i * stride);
    if (!listing->json) table_print(&listing->table);
    return status;
}

/* JSON that broke off stays open, so that nobody takes it for the whole list. */
int listing_close(struct listing *listing, int status) {
    if (listing->json && status != FAILED) puts(listing->count ? "]" : "[]");
    if (!listing->json) table_print(&listing->table);
    int closed = table_close(&listing->table);
    return status == DONE ? closed : status;
}
