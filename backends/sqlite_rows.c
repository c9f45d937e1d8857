/* SPDX-License-Identifier: Apache-2.0 */
/* Rows as parameters and result columns of statements.  A parameter or column belongs to the member
 * of its name, so nothing here knows any record but the peer, whose usernames are one text. */
#include "sqlite.h"
#include "wipe.h"

struct layout sqlite_layouts[RECORDS];

static const tgs_field *find_field(const struct layout *layout, const char *name) {
    for (size_t i = 0; i < layout->n_fields; i++)
        if (strcmp(layout->fields[i].name, name) == 0) return &layout->fields[i];
    return NULL;
}

static void learn_field(struct layout *layout, const tgs_field *field) {
    layout->bits |= field->bit;
    if (field->bit) layout->by_bit[__builtin_ctzll(field->bit)] = field;
    if (field->type >= TGS_TYPE_TEXT) layout->texts[layout->n_texts++] = field;
}

void layouts_init(void) {
    for (int32_t record = TGS_RECORD_SESSION; record < RECORDS; record++) {
        struct layout *layout = &sqlite_layouts[record];
        *layout = (struct layout){0};
        layout->fields = sqlite_host->fields(record, &layout->n_fields, &layout->row_size);
        for (size_t i = 0; i < layout->n_fields; i++) learn_field(layout, &layout->fields[i]);
        layout->expires = find_field(layout, "expires");
        layout->ttl = find_field(layout, "ttl_ms");
    }
}

void *buffer_reserve(struct buffer *buffer, size_t size) {
    if (size <= buffer->size) return buffer->memory;
    buffer_release(buffer);
    void *memory = sqlite_host->alloc(size * 2);
    if (memory) *buffer = (struct buffer){memory, size * 2};
    return memory;
}

void buffer_release(struct buffer *buffer) {
    wipe(buffer->memory, buffer->size);
    sqlite_host->release(buffer->memory);
    *buffer = (struct buffer){0};
}

/* A member of type TGS_TYPE_TEXTS. */
struct texts {
    tgs_str *ptr;
    size_t count;
};

/* --- members ------------------------------------------------------------------------------- */

static bool is_text(const tgs_field *field) {
    return field->type == TGS_TYPE_TEXT || field->type == TGS_TYPE_BYTES;
}

/* A text, a blob and a list of texts take two words. */
void member_copy(void *row, const tgs_field *field, const void *from) {
    if (field->type == TGS_TYPE_I32)
        memcpy(member_of(row, field), member_in(from, field), sizeof(int32_t));
    else if (field->type == TGS_TYPE_I64)
        memcpy(member_of(row, field), member_in(from, field), sizeof(int64_t));
    else
        memcpy(member_of(row, field), member_in(from, field), sizeof(tgs_str));
}

void member_take(void *row, const tgs_field *field, const void *from) {
    if (field->bit && is_text(field) && !((const tgs_str *)member_in(from, field))->ptr) return;
    member_copy(row, field, from);
    ((struct row_start *)row)->fields |= field->bit;
}

static bool same_texts(const struct texts *a, const struct texts *b) {
    if (a->count != b->count) return false;
    for (size_t i = 0; i < a->count; i++)
        if (!text_same(a->ptr[i], b->ptr[i])) return false;
    return true;
}

bool member_same(const tgs_field *field, const void *a, const void *b) {
    const void *left = member_in(a, field), *right = member_in(b, field);
    switch (field->type) {
    case TGS_TYPE_I32:
        return *(const int32_t *)left == *(const int32_t *)right;
    case TGS_TYPE_I64:
        return *(const int64_t *)left == *(const int64_t *)right;
    case TGS_TYPE_TEXTS:
        return same_texts(left, right);
    default:
        return text_same(*(const tgs_str *)left, *(const tgs_str *)right); /* a blob has the same shape */
    }
}

void member_set_time(void *row, const tgs_field *field, int64_t time) {
    *(int64_t *)member_of(row, field) = time;
    ((struct row_start *)row)->fields |= field->bit;
}

/* --- statements ------------------------------------------------------------------------------ */

static int8_t meaning(const struct layout *layout, const char *name) {
    static const struct {
        const char *name;
        int8_t meaning;
    } of_the_task[] = {{"session_id", PARAMETER_SESSION_ID},
                       {"session", PARAMETER_SESSION},
                       {"now", PARAMETER_NOW},
                       {"usernames_seen_at", PARAMETER_USERNAMES_SEEN_AT},
                       {"phone_seen_at", PARAMETER_PHONE_SEEN_AT}};
    for (size_t i = 0; i < sizeof of_the_task / sizeof *of_the_task; i++)
        if (strcmp(name, of_the_task[i].name) == 0) return of_the_task[i].meaning;
    const tgs_field *field = layout ? find_field(layout, name) : NULL;
    if (field) return (int8_t)(field - layout->fields);
    return strcmp(name, "name") == 0 ? PARAMETER_NAME : PARAMETER_OTHER; /* not where a record has a `name` */
}

static void learn(struct statement *statement, int32_t record) {
    statement->layout = record ? &sqlite_layouts[record] : NULL;
    statement->n_parameters = sqlite3_bind_parameter_count(statement->handle);
    for (int i = 0; i < statement->n_parameters; i++)
        statement->parameters[i] =
            meaning(statement->layout, sqlite3_bind_parameter_name(statement->handle, i + 1) + 1);
    statement->n_columns = sqlite3_column_count(statement->handle);
    for (int i = 0; i < statement->n_columns; i++)
        statement->columns[i] = meaning(statement->layout, sqlite3_column_name(statement->handle, i));
}

tgs_status connection_statement(struct connection *connection, enum query query, int32_t record,
                                struct statement **out, tgs_error *err) {
    struct statement *statement = &connection->statements[query];
    *out = statement;
    if (statement->handle) return TGS_OK;
    int code = sqlite3_prepare_v3(connection->db, sqlite_queries[query], -1, SQLITE_PREPARE_PERSISTENT,
                                  &statement->handle, NULL);
    for (unsigned attempt = 0; code != SQLITE_OK && connection_wait(connection, code, attempt); attempt++)
        code = sqlite3_prepare_v3(connection->db, sqlite_queries[query], -1, SQLITE_PREPARE_PERSISTENT,
                                  &statement->handle, NULL);
    if (code != SQLITE_OK) return connection_fail(connection, code, err);
    learn(statement, record);
    return TGS_OK;
}

void statement_reset(struct statement *statement) { sqlite3_reset(statement->handle); }

/* --- binding ------------------------------------------------------------------------------------ */

/* Texts are borrowed until the statement is reset: nothing is copied. */
static int bind_text(sqlite3_stmt *handle, int i, const char *text, size_t len) {
    return sqlite3_bind_text64(handle, i, text, len, SQLITE_STATIC, SQLITE_UTF8);
}

static int bind_blob(sqlite3_stmt *handle, int i, const void *blob, size_t len) {
    return sqlite3_bind_blob64(handle, i, blob, len, SQLITE_STATIC);
}

/* The names, one a line.  They have no control characters. */
static int bind_texts(struct connection *connection, sqlite3_stmt *handle, int i, const void *member) {
    const tgs_str *texts = *(const tgs_str *const *)member;
    size_t count = *(const size_t *)((const char *)member + sizeof(tgs_str *)), len = 0;
    if (!count) return sqlite3_bind_null(handle, i);
    if (count == 1) return bind_text(handle, i, texts[0].ptr, texts[0].len);
    for (size_t n = 0; n < count; n++) len += texts[n].len + 1;
    char *joined = buffer_reserve(&connection->joined, len);
    if (!joined) return SQLITE_NOMEM;
    char *end = joined;
    for (size_t n = 0; n < count; n++) {
        memcpy(end, texts[n].ptr, texts[n].len);
        end += texts[n].len;
        *end++ = '\n';
    }
    return bind_text(handle, i, joined, len - 1);
}

static int bind_member(struct connection *connection, sqlite3_stmt *handle, int i, const tgs_field *field,
                       const void *member) {
    const tgs_str *text = member;
    switch (field->type) {
    case TGS_TYPE_I32:
        return sqlite3_bind_int(handle, i, *(const int32_t *)member);
    case TGS_TYPE_I64:
        return sqlite3_bind_int64(handle, i, *(const int64_t *)member);
    case TGS_TYPE_TEXTS:
        return bind_texts(connection, handle, i, member);
    case TGS_TYPE_TEXT:
        if (!(field->flags & TGS_FIELD_SECRET))
            return bind_text(handle, i, text->ptr ? text->ptr : "", text->len);
        return bind_blob(handle, i, text->ptr, text->len);
    default:
        return bind_blob(handle, i, text->ptr, text->len);
    }
}

static int bind_age(sqlite3_stmt *handle, int i, int64_t age) {
    return age == AGE_OF_PEER ? sqlite3_bind_null(handle, i) : sqlite3_bind_int64(handle, i, age);
}

static int bind_parameter(struct task *task, struct statement *statement, int i, const void *row,
                          uint64_t present) {
    /* NOLINTNEXTLINE(bugprone-signed-char-misuse): it is a number, not a character */
    int meaning = statement->parameters[i - 1];
    switch (meaning) {
    case PARAMETER_OTHER:
        return SQLITE_OK;
    case PARAMETER_SESSION_ID:
        if (!task->session_id) return sqlite3_bind_null(statement->handle, i);
        return sqlite3_bind_int64(statement->handle, i, task->session_id);
    case PARAMETER_SESSION:
        return bind_text(statement->handle, i, task->session.ptr, task->session.len);
    case PARAMETER_NOW:
        return sqlite3_bind_int64(statement->handle, i, task->now);
    case PARAMETER_NAME:
        return bind_text(statement->handle, i, task->name.ptr, task->name.len);
    case PARAMETER_USERNAMES_SEEN_AT:
        return bind_age(statement->handle, i, task->age.usernames);
    case PARAMETER_PHONE_SEEN_AT:
        return bind_age(statement->handle, i, task->age.phone);
    }
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a parameter is a member of a record */
    const tgs_field *field = &statement->layout->fields[meaning];
    uint32_t parameter = 1u << (i - 1);
    if (field->bit && !(field->bit & present)) {
        if (!(statement->bound & parameter)) return SQLITE_OK; /* it is NULL from the time before */
        statement->bound &= ~parameter;
        return sqlite3_bind_null(statement->handle, i);
    }
    statement->bound |= parameter;
    return bind_member(task->connection, statement->handle, i, field, member_in(row, field));
}

tgs_status task_bind(struct task *task, enum query query, int32_t record, const void *row, uint64_t present,
                     struct statement **out) {
    tgs_status status = connection_statement(task->connection, query, record, out, task->err);
    if (status != TGS_OK) return status;
    for (int i = 1; i <= (*out)->n_parameters; i++) {
        int code = bind_parameter(task, *out, i, row, present);
        if (code != SQLITE_OK) return task_fail(task, code);
    }
    return TGS_OK;
}

tgs_status task_bind_number(struct task *task, struct statement *statement, const char *name, int64_t value) {
    int i = sqlite3_bind_parameter_index(statement->handle, name);
    int code = sqlite3_bind_int64(statement->handle, i, value);
    return code == SQLITE_OK ? TGS_OK : task_fail(task, code);
}

tgs_status task_bind_text(struct task *task, struct statement *statement, const char *name, tgs_str text) {
    int i = sqlite3_bind_parameter_index(statement->handle, name);
    int code = bind_text(statement->handle, i, text.ptr, text.len);
    return code == SQLITE_OK ? TGS_OK : task_fail(task, code);
}

/* --- running --------------------------------------------------------------------------------------- */

tgs_status task_fail(const struct task *task, int code) {
    return connection_fail(task->connection, code, task->err);
}

tgs_status task_step(struct task *task, struct statement *statement, bool *row) {
    int code = connection_step(task->connection, statement->handle);
    *row = code == SQLITE_ROW;
    if (*row) return TGS_OK;
    tgs_status status = code == SQLITE_DONE ? TGS_OK : task_fail(task, code);
    statement_reset(statement);
    return status;
}

tgs_status task_finish(struct task *task, struct statement *statement) {
    tgs_status status = TGS_OK;
    for (bool row = true; row && status == TGS_OK;) status = task_step(task, statement, &row);
    return status;
}

tgs_status task_run(struct task *task, enum query query, int32_t record, const void *row, uint64_t present) {
    struct statement *statement;
    tgs_status status = task_bind(task, query, record, row, present, &statement);
    return status == TGS_OK ? task_finish(task, statement) : status;
}

void task_roll_back(struct task *task) {
    if (sqlite3_get_autocommit(task->connection->db)) return; /* nothing to do, or SQLite has done it */
    const tgs_backend_call *call = task->connection->call;
    tgs_error unused = {0};
    struct task silent = *task;
    silent.err = &unused; /* the first error counts */
    task->connection->call = NULL;
    task_run(&silent, QUERY_ROLLBACK, 0, NULL, 0);
    task->connection->call = call;
}

int64_t task_changes(const struct task *task) { return sqlite3_changes64(task->connection->db); }

/* --- decoding ---------------------------------------------------------------------------------------- */

tgs_status task_text(struct task *task, struct statement *statement, int column, tgs_str *text) {
    bool stored = sqlite3_column_type(statement->handle, column) != SQLITE_NULL;
    text->ptr = (const char *)sqlite3_column_text(statement->handle, column);
    text->len = text->ptr ? (size_t)sqlite3_column_bytes(statement->handle, column) : 0;
    if (text->ptr || !stored) return TGS_OK;
    statement_reset(statement);
    return task_fail(task, SQLITE_NOMEM); /* for the terminator of a text that is there */
}

static size_t count_lines(tgs_str text) {
    size_t count = 1;
    for (const char *p = text.ptr, *end = p + text.len; (p = memchr(p, '\n', (size_t)(end - p))); p++)
        count++;
    return count;
}

static bool split_lines(struct connection *connection, tgs_str text, void *member) {
    if (!text.ptr) return false;
    size_t count = count_lines(text);
    tgs_str *lines = buffer_reserve(&connection->names, count * sizeof *lines);
    if (!lines) return false;
    const char *begin = text.ptr, *end = text.ptr + text.len;
    for (size_t i = 0; i < count; i++) {
        const char *stop = memchr(begin, '\n', (size_t)(end - begin));
        if (!stop) stop = end;
        lines[i] = (tgs_str){begin, (size_t)(stop - begin)};
        begin = stop + 1;
    }
    *(const tgs_str **)member = lines;
    *(size_t *)((char *)member + sizeof(tgs_str *)) = count;
    return true;
}

static tgs_status fail_type(struct task *task, const tgs_field *field) {
    char message[160];
    snprintf(message, sizeof message,
             "%s: a stored %s has the wrong type; restore the database from a backup",
             store_name(task->connection->store), field->name);
    return sqlite_host->fail(task->err, TGS_E_CORRUPT, "SQLITE_MISMATCH", message);
}

/* The type a field is stored as. */
static int stored_type(const tgs_field *field) {
    if (field->type == TGS_TYPE_I32 || field->type == TGS_TYPE_I64) return SQLITE_INTEGER;
    if (field->type == TGS_TYPE_BYTES || (field->flags & TGS_FIELD_SECRET)) return SQLITE_BLOB;
    return SQLITE_TEXT;
}

static tgs_str value_text(sqlite3_value *value) {
    const char *text = (const char *)sqlite3_value_text(value);
    return (tgs_str){text, text ? (size_t)sqlite3_value_bytes(value) : 0};
}

static tgs_bytes value_blob(sqlite3_value *value) {
    const uint8_t *blob = sqlite3_value_blob(value);
    size_t len = (size_t)sqlite3_value_bytes(value);
    return (tgs_bytes){blob ? blob : (const uint8_t *)"", len}; /* SQLite has no address for an empty one */
}

static tgs_status decode_member(struct task *task, sqlite3_value *value, const tgs_field *field,
                                void *member) {
    int64_t number;
    if (stored_type(field) == SQLITE_BLOB) {
        *(tgs_bytes *)member = value_blob(value);
        return TGS_OK;
    }
    switch (field->type) {
    case TGS_TYPE_I32:
        number = sqlite3_value_int64(value);
        if (number < INT32_MIN || number > INT32_MAX) return fail_type(task, field);
        *(int32_t *)member = (int32_t)number;
        return TGS_OK;
    case TGS_TYPE_I64:
        *(int64_t *)member = sqlite3_value_int64(value);
        return TGS_OK;
    case TGS_TYPE_TEXT:
        *(tgs_str *)member = value_text(value);
        return ((tgs_str *)member)->ptr ? TGS_OK : task_fail(task, SQLITE_NOMEM);
    default:
        return split_lines(task->connection, value_text(value), member) ? TGS_OK
                                                                        : task_fail(task, SQLITE_NOMEM);
    }
}

tgs_status task_decode(struct task *task, const struct statement *statement, void *row) {
    memset(row, 0, statement->layout->row_size);
    struct row_start *start = row;
    for (int column = 0; column < statement->n_columns; column++) {
        if (statement->columns[column] < 0) continue;
        /* One look at the column instead of three; that its value is not protected against other threads
         * does no harm, since no other has the connection. */
        sqlite3_value *value = sqlite3_column_value(statement->handle, column);
        int type = sqlite3_value_type(value);
        if (type == SQLITE_NULL) continue;
        const tgs_field *field = &statement->layout->fields[statement->columns[column]];
        if (type != stored_type(field)) return fail_type(task, field);
        tgs_status status = decode_member(task, value, field, member_of(row, field));
        if (status != TGS_OK) return status;
        start->fields |= field->bit;
    }
    return TGS_OK;
}

/* --- keeping ------------------------------------------------------------------------------------------ */

static size_t kept_size(const tgs_field *field, const void *row) {
    if (field->type != TGS_TYPE_TEXTS) return ((const tgs_str *)member_in(row, field))->len;
    const struct texts *texts = member_in(row, field);
    size_t size = 0;
    for (size_t i = 0; i < texts->count; i++) size += texts->ptr[i].len;
    return size;
}

static void keep_text(tgs_str *text, char **to) {
    if (!text->len) return;
    memcpy(*to, text->ptr, text->len);
    text->ptr = *to;
    *to += text->len;
}

static void keep_member(const tgs_field *field, void *row, char **to) {
    if (field->type != TGS_TYPE_TEXTS) {
        keep_text(member_of(row, field), to);
        return;
    }
    struct texts *texts = member_of(row, field); /* the list itself is connection->names */
    for (size_t i = 0; i < texts->count; i++) keep_text(&texts->ptr[i], to);
}

tgs_status task_keep(struct task *task, const struct layout *layout, void *row, uint64_t without) {
    size_t size = 0;
    for (size_t i = 0; i < layout->n_texts; i++) {
        const tgs_field *field = layout->texts[i];
        if (field->type == TGS_TYPE_BYTES && (field->bit & without))
            *(tgs_str *)member_of(row, field) = (tgs_str){"", 0};
        size += kept_size(field, row);
    }
    if (!size) return TGS_OK;
    char *to = buffer_reserve(&task->connection->stored, size);
    if (!to) return task_fail(task, SQLITE_NOMEM);
    for (size_t i = 0; i < layout->n_texts; i++) keep_member(layout->texts[i], row, &to);
    return TGS_OK;
}
