/* SPDX-License-Identifier: Apache-2.0 */
/* Each record type described once.  What treats all records alike (checking, lowering,
 * copying results, JSON, bindings) goes by this table and by nothing else. */
#ifndef CAPI_RECORDS_H
#define CAPI_RECORDS_H

#include <stdbool.h>

#include "tgstore.h"

#define RECORD_COUNT 11 /* TGS_RECORD_* are 1 to 10 */

/* Flags of tgs_field that only the library itself needs; never given out. */
#define FIELD_RAISE (1u << 16)     /* becomes the larger of stored and given */
#define FIELD_KEEP_ZERO (1u << 17) /* a zero does not replace a stored value */
#define FIELD_STAMP (1u << 18)     /* time of the put unless given */
#define FIELD_STAMP_NEW (1u << 19) /* the same, for new rows only */
#define FIELD_KEY_TEXT (1u << 20)  /* at most TGS_MAX_KEY_BYTES */
#define FIELD_AUTH_KEY (1u << 21)  /* 0 or 256 bytes */
#define FIELD_DURATION (1u << 22)  /* not negative */
#define FIELD_PHONE (1u << 23)
#define FIELD_PORT (1u << 24)
#define FIELD_NOT_NEGATIVE (1u << 25)
#define FIELDS_PUBLIC 0xffffu

#define MAX_KEYS 8
#define MAX_TEXTS 12
#define MAX_BITS 24

/* The beginning that all rows share. */
struct row_head {
    uint64_t fields;
    uint64_t nulls;
    uint32_t flags;
};

struct record {
    const char *name;
    size_t row_size;
    size_t first_size; /* row_size of the first release: no caller has less */
    const tgs_field *fields;
    size_t n_fields;
    uint64_t known_bits; /* all bits of the fields */
    uint64_t read_only_bits;
    uint32_t row_flags; /* TGS_ROW_* a write may carry */
    uint64_t ttl_bit;   /* of the ttl_ms member, or 0 */
    uint64_t expires_bit;
    size_t reserved_offset;  /* of reserved[4] */
    size_t reserved0_offset; /* of reserved0, or 0 */
    bool insert_only;        /* a put never changes an existing row */
    bool auth;               /* always durable */
    bool secret;             /* results and operations are wiped: keys, and what clients keep in kv */
    /* What follows is worked out from `fields` when the library is loaded. */
    const tgs_field *keys[MAX_KEYS];
    size_t n_keys;
    const tgs_field *texts[MAX_TEXTS]; /* texts, blobs and lists of texts, of the key too */
    size_t n_texts;
    const tgs_field *by_bit[MAX_BITS]; /* the field of bit 1 << i */
    uint64_t text_bits;                /* of texts */
    uint64_t pointer_bits;             /* of texts and blobs, which are NULL if they have no value */
    uint64_t plain_bits;               /* of those that are stored as they are given */
    uint64_t made_bits;                /* of secrets, phones and lists, which are stored in a form of ours */
    uint64_t checked_bits;             /* of other fields than texts that do not take just any value */
    uint64_t stamp_bits, stamp_new_bits, raise_bits, keep_zero_bits;
};

/* NULL if there is no such record. */
const struct record *record_get(int32_t record);
/* One that a session stores: TGS_RECORD_SESSION to _KV.  NULL otherwise. */
const struct record *record_stored(int32_t record);

static inline const void *field_in(const void *row, const tgs_field *field) {
    return (const char *)row + field->offset;
}
static inline void *field_of(void *row, const tgs_field *field) { return (char *)row + field->offset; }

/* TGS_TYPE_TEXTS is a pointer and a count. */
struct texts {
    const tgs_str *ptr;
    size_t count;
};

/* The field of the lowest bit of `bits`, which is not 0. */
static inline const tgs_field *field_first(const struct record *record, uint64_t bits) {
    return record->by_bit[__builtin_ctzll(bits)];
}

/* Bytes of the member in the row. */
size_t field_size(const tgs_field *field);

#endif
