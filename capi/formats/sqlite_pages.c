/* SPDX-License-Identifier: Apache-2.0 */
#include "sqlite_pages.h"

#include <string.h>

#include "allocator.h"
#include "error.h"
#include "wipe.h"

#define MIN_PAGE 512u
#define MAX_PAGE 65536u

bool buffer_resize(struct buffer *buffer, size_t size) {
    if (size == buffer->size) return true;
    uint8_t *bytes = mem_zeroed(1, size ? size : 1); /* not realloc, which may leave a copy behind */
    if (!bytes) return false;
    if (buffer->size) memcpy(bytes, buffer->bytes, size < buffer->size ? size : buffer->size);
    buffer_free(buffer);
    *buffer = (struct buffer){bytes, size};
    return true;
}

void buffer_free(struct buffer *buffer) {
    wipe(buffer->bytes, buffer->size);
    mem_free(buffer->bytes);
    *buffer = (struct buffer){NULL, 0};
}

static uint32_t load_be(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t load_le(const uint8_t *p) {
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static bool power_of_two(uint32_t n, uint32_t least, uint32_t most) {
    return n >= least && n <= most && (n & (n - 1)) == 0;
}

bool is_sqlite(const struct buffer *image) {
    return image->size >= SQLITE_HEADER_SIZE && memcmp(image->bytes, "SQLite format 3", 16) == 0;
}

bool sqlite_has_whole_pages(const struct buffer *image) {
    uint32_t page = (uint32_t)image->bytes[16] << 8 | image->bytes[17];
    if (page == 1) page = MAX_PAGE;
    return power_of_two(page, MIN_PAGE, MAX_PAGE) && image->size % page == 0;
}

bool sqlite_uses_wal(const struct buffer *image) { return is_sqlite(image) && image->bytes[19] == 2; }

/* Make the image `count` pages, as the log says the database has. */
static tgs_status resize_to_pages(struct buffer *image, uint32_t count, uint32_t page, tgs_error *err) {
    if ((uint64_t)count * page > MAX_FILE_BYTES)
        return error_set(err, TGS_E_TOO_LARGE, "the session file has more than 1 GiB");
    return buffer_resize(image, (size_t)count * page) ? TGS_OK : error_nomem(err);
}

/* --- write-ahead log ---------------------------------------------------------------- */

#define FRAME_HEADER_SIZE 24

struct wal {
    const struct buffer *file;
    uint32_t page;
    bool big_endian;      /* how the checksums take their words */
    uint32_t checksum[2]; /* of all up to the last frame that was checked */
};

static void wal_add_checksum(struct wal *wal, const uint8_t *bytes, size_t size) {
    for (size_t i = 0; i < size; i += 8) {
        uint32_t first = wal->big_endian ? load_be(bytes + i) : load_le(bytes + i);
        uint32_t second = wal->big_endian ? load_be(bytes + i + 4) : load_le(bytes + i + 4);
        wal->checksum[0] += first + wal->checksum[1];
        wal->checksum[1] += second + wal->checksum[0];
    }
}

static bool wal_checksum_is(const struct wal *wal, const uint8_t *stored) {
    return wal->checksum[0] == load_be(stored) && wal->checksum[1] == load_be(stored + 4);
}

/* A log with another header is empty, as it is to SQLite. */
static bool wal_open(struct wal *wal, const struct buffer *file) {
    *wal = (struct wal){.file = file};
    if (file->size < WAL_HEADER_SIZE) return false;
    uint32_t magic = load_be(file->bytes);
    wal->page = load_be(file->bytes + 8);
    wal->big_endian = magic & 1;
    if ((magic & ~1u) != 0x377f0682 || !power_of_two(wal->page, MIN_PAGE, MAX_PAGE)) return false;
    wal_add_checksum(wal, file->bytes, 24);
    return wal_checksum_is(wal, file->bytes + 24);
}

static size_t frame_size(const struct wal *wal) { return FRAME_HEADER_SIZE + wal->page; }

/* The i-th frame, or NULL beyond the end of the file. */
static const uint8_t *wal_frame(const struct wal *wal, size_t i) {
    if (i >= (wal->file->size - WAL_HEADER_SIZE) / frame_size(wal)) return NULL;
    return wal->file->bytes + WAL_HEADER_SIZE + i * frame_size(wal);
}

static bool wal_frame_valid(struct wal *wal, const uint8_t *frame) {
    if (memcmp(frame + 8, wal->file->bytes + 16, 8) != 0) return false; /* salts of an earlier log */
    if (!load_be(frame)) return false;
    wal_add_checksum(wal, frame, 8);
    wal_add_checksum(wal, frame + FRAME_HEADER_SIZE, wal->page);
    return wal_checksum_is(wal, frame + 16);
}

/* How many frames are committed, and how many pages the database has after the last of them. */
static size_t wal_committed(struct wal *wal, uint32_t *pages) {
    size_t committed = 0;
    const uint8_t *frame;
    for (size_t i = 0; (frame = wal_frame(wal, i)) && wal_frame_valid(wal, frame); i++) {
        if (!load_be(frame + 4)) continue;
        *pages = load_be(frame + 4);
        committed = i + 1;
    }
    return committed;
}

tgs_status sqlite_overlay_wal(struct buffer *image, const struct buffer *file, tgs_error *err) {
    struct wal wal;
    uint32_t pages = 0;
    size_t committed = wal_open(&wal, file) ? wal_committed(&wal, &pages) : 0;
    if (!committed) return TGS_OK;
    tgs_status status = resize_to_pages(image, pages, wal.page, err);
    for (size_t i = 0; i < committed && status == TGS_OK; i++) {
        const uint8_t *frame = wal_frame(&wal, i);
        uint32_t number = load_be(frame);
        if (number <= pages)
            memcpy(image->bytes + (size_t)(number - 1) * wal.page, frame + FRAME_HEADER_SIZE, wal.page);
    }
    return status;
}

/* --- rollback journal ----------------------------------------------------------------- */

static const uint8_t journal_magic[8] = {0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7};
#define FIRST_SECTOR                                                                                         \
    512 /* SQLite's own, by which it reads the first header, with the journal's sector in it */

struct journal {
    const struct buffer *file;
    uint32_t page, sector;
    uint32_t pages; /* that the database had before */
};

/* A header takes a whole sector; a shorter rest is none, as it is to SQLite. */
static const uint8_t *journal_header(const struct buffer *file, size_t offset, size_t sector) {
    if (offset > file->size || file->size - offset < sector) return NULL;
    const uint8_t *header = file->bytes + offset;
    return memcmp(header, journal_magic, sizeof journal_magic) == 0 ? header : NULL;
}

static bool journal_open(struct journal *journal, const struct buffer *file) {
    const uint8_t *header = journal_header(file, 0, FIRST_SECTOR);
    if (!header) return false;
    *journal = (struct journal){file, load_be(header + 24), load_be(header + 20), load_be(header + 16)};
    return power_of_two(journal->page, MIN_PAGE, MAX_PAGE) && power_of_two(journal->sector, 32, MAX_PAGE);
}

static uint32_t journal_checksum(const struct journal *journal, uint32_t start, const uint8_t *page) {
    for (int64_t i = (int64_t)journal->page - 200; i > 0; i -= 200) start += page[i];
    return start;
}

/* Put one record's page back.  False: the journal ends here, as a crash left it. */
static bool journal_restore(const struct journal *journal, uint32_t start, size_t offset,
                            struct buffer *image) {
    size_t size = (size_t)journal->page + 8;
    if (offset > journal->file->size || journal->file->size - offset < size) return false;
    const uint8_t *record = journal->file->bytes + offset;
    uint32_t number = load_be(record);
    if (!number || journal_checksum(journal, start, record + 4) != load_be(record + 4 + journal->page))
        return false;
    if (number <= journal->pages)
        memcpy(image->bytes + (size_t)(number - 1) * journal->page, record + 4, journal->page);
    return true;
}

tgs_status sqlite_roll_back(struct buffer *image, const struct buffer *file, tgs_error *err) {
    struct journal journal;
    if (!journal_open(&journal, file)) return TGS_OK;
    tgs_status status = resize_to_pages(image, journal.pages, journal.page, err);
    if (status != TGS_OK) return status;
    const uint8_t *header = journal_header(file, 0, FIRST_SECTOR);
    for (size_t offset = 0; header; header = journal_header(file, offset, journal.sector)) {
        uint32_t count = load_be(header + 8), start = load_be(header + 12);
        offset += journal.sector;
        for (uint32_t i = 0; i < count; i++) { /* 0xffffffff, not counted: up to the end */
            if (!journal_restore(&journal, start, offset, image)) return TGS_OK;
            offset += (size_t)journal.page + 8;
        }
        offset = (offset + journal.sector - 1) / journal.sector * journal.sector;
    }
    return TGS_OK;
}

bool journal_super_name(const struct buffer *journal, char *name, size_t size) {
    if (journal->size < 16) return false;
    const uint8_t *tail = journal->bytes + journal->size - 16; /* length, checksum, magic */
    uint32_t len = load_be(tail), sum = load_be(tail + 4);
    if (memcmp(tail + 8, journal_magic, sizeof journal_magic) != 0) return false;
    if (!len || len >= size || len > journal->size - 16) return false;
    memcpy(name, tail - len, len);
    name[len] = '\0';
    for (uint32_t i = 0; i < len; i++) {
        uint32_t byte = (uint8_t)name[i];
        sum -= byte - (byte & 0x80) * 2; /* SQLite adds them up as signed */
    }
    return sum == 0;
}
