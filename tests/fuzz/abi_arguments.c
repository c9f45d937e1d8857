/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments out of bytes: mostly small values that meet each other, sometimes any.  A change here makes other
 * calls of the inputs in regressions/abi: what they found needs a case in the conformance suite, too. */
#include <stdlib.h>
#include <string.h>

#include "abi.h"

struct block {
    struct block *next;
    size_t size;
    char *bytes;
};

void *argument_memory(struct arguments *arguments, size_t size) {
    struct block *block = must_alloc(sizeof *block);
    *block = (struct block){arguments->memory, size, must_alloc(size)};
    arguments->memory = block;
    return block->bytes;
}

void free_arguments(struct arguments *arguments) {
    while (arguments->memory) {
        struct block *block = arguments->memory;
        arguments->memory = block->next;
        if (block->size) memset(block->bytes, 0xa5, block->size); /* whoever kept a pointer is found out */
        free(block->bytes);
        free(block);
    }
}

/* --- values ------------------------------------------------------------------------------------ */

static const char long_text[513] = {[0 ... 512] = '.'}; /* longer than a key may be */

/* Most texts are good ones. */
static const tgs_str good[] = {
    TGS_STR("a"),  TGS_STR("b"),  TGS_STR("alice"),  TGS_STR("ALICE"),    TGS_STR("@bob"), TGS_STR("bob"),
    TGS_STR("42"), TGS_STR("43"), TGS_STR("+4 (2)"), TGS_STR("\xc3\xa9"), TGS_STR(""),     {NULL, 0},
};
static const tgs_str odd[] = {
    TGS_STR("\xff"),         TGS_STR("a\0b"),  TGS_STR("@"),        TGS_STR("tgstore.x"),
    TGS_STR("1.2.3.4"),      TGS_STR("\n"),    {long_text, 128},    {long_text, 129},
    {long_text, 512},        {long_text, 513}, TGS_STR("pyrogram"), TGS_STR("telethon"),
    TGS_STR("\xed\xa0\x80"), TGS_STR("mtgo"),
};
static const int64_t good_numbers[] = {
    1, 2, 5, 0, 10, 1000, 60000, 3600000, START_MS + 1000, INT64_C(4102444800000)};
static const int64_t odd_numbers[] = {
    -1,       -7,        203,          255,          256,       65535,   65536,
    777000,   INT32_MAX, INT32_MIN,    INT64_MAX,    INT64_MIN, 1800000, 41400000,
    86400000, START_MS,  START_MS - 1, START_MS + 1, 3,         4,
};

#define AT(list, i) ((list)[(i) % (sizeof(list) / sizeof *(list))])

static int64_t take_value(struct reader *in) {
    uint8_t selector = take_byte(in);
    if (selector == 0xff) return (int64_t)take_number(in, 8);
    return selector < 0xb0 ? AT(good_numbers, selector) : AT(odd_numbers, selector);
}

static tgs_str take_value_text(struct reader *in, struct arguments *a) {
    uint8_t selector = take_byte(in);
    tgs_str from = selector < 0xd0 ? AT(good, selector) : AT(odd, selector);
    if (selector >= 0xf0) {
        size_t len = take_byte(in) % 32;
        from = (tgs_str){(const char *)in->bytes, len < in->size ? len : in->size};
        in->bytes += from.len;
        in->size -= from.len;
    }
    if (!from.ptr) return from;
    char *copy = argument_memory(a, from.len);
    if (from.len) memcpy(copy, from.ptr, from.len);
    return (tgs_str){copy, from.len};
}

/* Auth keys have 256 bytes. */
static tgs_str take_blob(struct reader *in, struct arguments *a) {
    static const size_t sizes[] = {256, 256, 256, 255, 257, 0, 4, 5000};
    uint8_t selector = take_byte(in);
    if (selector & 0x80) return take_value_text(in, a);
    size_t size = sizes[selector % 8];
    char *bytes = argument_memory(a, size);
    if (size) memset(bytes, selector >> 3, size);
    return (tgs_str){bytes, size};
}

static tgs_str *take_texts(struct reader *in, struct arguments *a, size_t *n) {
    uint8_t count = take_byte(in);
    *n = count == 0xff ? TGS_MAX_ROWS + 1 : count % 5;
    tgs_str *texts = argument_memory(a, *n * sizeof *texts);
    for (size_t i = 0; i < *n; i++) texts[i] = take_value_text(in, a);
    if ((count & 0xf0) == 0xe0) return NULL;
    return texts;
}

/* --- rows ---------------------------------------------------------------------------------------- */

/* Phones meet each other as digits. */
static tgs_str take_phone(struct reader *in, struct arguments *a) {
    static const tgs_str phones[] = {TGS_STR("42"), TGS_STR("43"), TGS_STR("+4 (2)"), TGS_STR(""), {NULL, 0}};
    if (!in->size || *in->bytes >= 0xd0) return take_value_text(in, a);
    tgs_str phone = AT(phones, take_byte(in));
    char *copy = phone.ptr ? argument_memory(a, phone.len) : NULL;
    if (phone.len) memcpy(copy, phone.ptr, phone.len);
    return (tgs_str){copy, phone.len};
}

/* Mostly one of the values that have a name. */
static int32_t take_choice(struct reader *in, const tgs_field *field) {
    uint8_t selector = take_byte(in), n = 2;
    if (selector >= 0xe0) return selector % 16 - 1;
    if (field->choices)
        for (n = 0; field->choices[n];) n++;
    return selector % n;
}

static void take_member(struct reader *in, struct arguments *a, const tgs_field *field, char *member) {
    if (field->type == TGS_TYPE_I32) {
        bool named = field->choices || field->flags & TGS_FIELD_BOOLEAN;
        int32_t number = named ? take_choice(in, field) : (int32_t)take_value(in);
        memcpy(member, &number, sizeof number);
    } else if (field->type == TGS_TYPE_I64) {
        int64_t number = take_value(in);
        memcpy(member, &number, sizeof number);
    } else if (field->type == TGS_TYPE_TEXTS) {
        size_t n;
        tgs_str *texts = take_texts(in, a, &n);
        memcpy(member, &texts, sizeof texts);
        memcpy(member + sizeof texts, &n, sizeof n);
    } else {
        tgs_str bytes = field->type == TGS_TYPE_BYTES       ? take_blob(in, a)
                        : strcmp(field->name, "phone") == 0 ? take_phone(in, a)
                                                            : take_value_text(in, a);
        memcpy(member, &bytes, sizeof bytes);
    }
}

static void take_head(struct reader *in, char *row) {
    uint8_t kind = take_byte(in);
    uint64_t fields = take_number(in, 2), nulls = 0;
    uint32_t flags = 0;
    if (kind < 0xc0) fields &= take_number(in, 2); /* a row with everything is seldom a good one */
    if (kind % 8 == 1) nulls = fields & take_number(in, 2);
    if (kind % 4 == 2) flags = take_byte(in) & 0x7e;
    if (kind == 0xff) {
        fields = take_number(in, 8);
        nulls = take_number(in, 8);
        flags = (uint32_t)take_number(in, 4);
    }
    memcpy(row, &fields, sizeof fields);
    memcpy(row + offsetof(tgs_kv, nulls), &nulls, sizeof nulls);
    memcpy(row + offsetof(tgs_kv, flags), &flags, sizeof flags);
}

static bool is_named(const char *row, const tgs_field *field) {
    uint64_t fields;
    memcpy(&fields, row, sizeof fields);
    return !field->bit || fields & field->bit;
}

static void take_row(struct reader *in, struct arguments *a, char *row) {
    size_t n;
    const tgs_field *fields = tgs_record_fields(a->record, &n, NULL);
    take_head(in, row);
    for (size_t i = 0; i < n; i++)
        if (is_named(row, &fields[i])) take_member(in, a, &fields[i], row + fields[i].offset);
}

/* Rows of callers that were compiled with another header: longer, shorter, or not rows at all. */
static size_t take_stride(struct reader *in, size_t size) {
    uint8_t selector = take_byte(in);
    if (selector < 0xe0) return size;
    if (selector < 0xf0) return size + 8u * (selector & 3);
    size_t less = selector == 0xff ? size : (selector & 15) * 8u;
    return less < size ? size - less : 0;
}

static void take_rows(struct reader *in, struct arguments *a) {
    size_t size = 0;
    uint8_t count = take_byte(in);
    tgs_record_fields(a->record, NULL, &size);
    a->n = count % (MAX_ARGUMENT_ROWS + 1);
    a->stride = take_stride(in, size);
    a->rows = argument_memory(a, a->n * a->stride);
    for (size_t i = 0; i < a->n && size; i++) {
        char *row = must_alloc(size);
        take_row(in, a, row);
        a->recalled[i] = count & 0x80 ? take_byte(in) : 0;
        if (a->stride) memcpy(a->rows + i * a->stride, row, a->stride < size ? a->stride : size);
        if (a->stride > size) a->rows[(i + 1) * a->stride - 1] = (char)(take_byte(in) == 0xff);
        free(row);
    }
    if (count == 0x7f) a->rows = NULL;
}

static int32_t take_record(struct reader *in) {
    uint8_t selector = take_byte(in);
    if (selector >= 0xf8) return (int32_t)take_number(in, 4);
    return selector >= 0xf0 ? selector - 0xf0 : 1 + selector % 8;
}

static void take_after(struct reader *in, struct arguments *a) {
    size_t size = 0;
    tgs_record_fields(a->record, NULL, &size);
    uint8_t selector = take_byte(in);
    if (selector < 0xa0 || !size) {
        a->after_stride = selector == 1 ? size : 0;
        return;
    }
    char *row = must_alloc(size);
    take_row(in, a, row);
    a->after_stride = take_stride(in, size);
    a->after = argument_memory(a, a->after_stride);
    if (a->after_stride) memcpy(a->after, row, a->after_stride < size ? a->after_stride : size);
    free(row);
}

/* --- the rest ------------------------------------------------------------------------------------- */

static void take_filter(struct reader *in, struct arguments *a) {
    uint8_t selector = take_byte(in);
    if (selector < 0x60) return;
    a->filter = argument_memory(a, sizeof *a->filter);
    *a->filter =
        (tgs_filter){.size = sizeof *a->filter, .order = selector & 1, .kind = TGS_PEER_ANY, .state = -1};
    if (selector & 2) a->filter->kind = take_byte(in) % 5 - 1;
    if (selector & 4) a->filter->state = take_byte(in) % 6 - 1;
    if (selector & 8) a->filter->scope = take_value_text(in, a);
    if (selector == 0xff) a->filter->order = (int32_t)take_value(in);
    if (selector == 0xfe) a->filter->reserved[2] = 1;
    if (selector == 0xfd) a->filter->size = 4;
}

static void take_call(struct reader *in, struct arguments *a) {
    static const int64_t timeouts[] = {0, -1, 60000, INT64_MAX, INT64_MIN};
    uint8_t selector = take_byte(in);
    if (selector < 0xc0) return;
    tgs_call *call = argument_memory(a, sizeof *call);
    *call = (tgs_call){.size = sizeof *call, .timeout_ms = timeouts[selector % 5]};
    a->cancellable = selector & 8;
    if (selector == 0xff) call->size = (size_t)take_value(in) % (sizeof *call + 1);
    if (selector == 0xfe) call->reserved[0] = 1;
    a->call = call;
}

static size_t take_limit(struct reader *in) {
    static const size_t limits[] = {1, 2, 3, 100, TGS_MAX_ROWS, TGS_MAX_ROWS + 1, 0, SIZE_MAX};
    uint8_t selector = take_byte(in);
    return limits[selector < 0xf0 ? selector % 5 : selector % 8];
}

void take_arguments(struct reader *in, uint32_t needs, struct arguments *a) {
    *a = (struct arguments){0};
    uint8_t who = take_byte(in), bent = take_byte(in);
    a->session = who % N_SESSIONS;
    a->batch = who / 16 % N_BATCHES;
    a->no_session = bent == 0xff;
    a->no_out = bent == 0xfe;
    a->no_err = bent == 0xfd;
    a->no_results = bent == 0xfc;
    if (needs & (ROWS | AFTER)) a->record = take_record(in);
    if (needs & ITEMS) a->record = TGS_RECORD_QUEUE_ITEM;
    if (needs & (ROWS | ITEMS)) take_rows(in, a);
    if (needs & AFTER) take_after(in, a);
    if (needs & FILTER) take_filter(in, a);
    if (needs & TEXT) a->text = take_value_text(in, a);
    if (needs & TEXT2) a->text2 = take_value_text(in, a);
    if (needs & TEXTS) a->texts = take_texts(in, a, &a->n_texts);
    if (needs & NUMBER) a->number = take_value(in);
    if (needs & NUMBER2) a->number2 = take_value(in);
    if (needs & CHOICE) a->choice = take_byte(in) % 9 - 1;
    if (needs & FLAGS) a->flags = take_byte(in);
    if (needs & LIMIT) a->limit = take_limit(in);
    if (needs & CALL) take_call(in, a);
}
