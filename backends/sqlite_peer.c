/* SPDX-License-Identifier: Apache-2.0 */
/* Usernames and phones: who has which is said twice, in the peer's row and in a table by name, and both
 * are changed together. */
#include "sqlite.h"

#define MAX_NAME TGS_MAX_KEY_BYTES

/* One of the two kinds of name. */
struct kind_of_name {
    enum query add, get, set, delete;
};
static const struct kind_of_name usernames = {QUERY_ADD_USERNAME, QUERY_GET_USERNAME, QUERY_SET_USERNAME,
                                              QUERY_DELETE_USERNAME};
static const struct kind_of_name phones = {QUERY_ADD_PHONE, QUERY_GET_PHONE, QUERY_SET_PHONE,
                                           QUERY_DELETE_PHONE};

static char fold(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

static bool same_name(tgs_str a, tgs_str b) {
    if (a.len != b.len) return false;
    for (size_t i = 0; i < a.len; i++)
        if (fold(a.ptr[i]) != fold(b.ptr[i])) return false;
    return true;
}

static bool listed(const tgs_str *names, size_t count, tgs_str name) {
    for (size_t i = 0; i < count; i++)
        if (same_name(names[i], name)) return true;
    return false;
}

/* --- one name ---------------------------------------------------------------------------------- */

/* Run one of the name statements. */
static tgs_status run_on_name(struct task *task, enum query query, tgs_str name, const tgs_peer *owner) {
    task->name = name;
    return task_run(task, query, TGS_RECORD_PEER, owner, 0);
}

static tgs_status find_owner(struct task *task, const struct kind_of_name *kind, tgs_str name,
                             tgs_peer *owner, bool *found) {
    struct statement *statement;
    task->name = name;
    tgs_status status = task_bind(task, kind->get, TGS_RECORD_PEER, NULL, 0, &statement);
    if (status == TGS_OK) status = task_step(task, statement, found);
    if (status != TGS_OK || !*found) return status;
    status = task_decode(task, statement, owner);
    statement_reset(statement);
    return status;
}

/* Copy the lines of `list` but those that are `name`.  Returns the length. */
static size_t without_name(char *copy, tgs_str list, tgs_str name) {
    size_t len = 0;
    for (const char *line = list.ptr, *end = list.ptr + list.len; line < end;) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        if (!stop) stop = end;
        if (!same_name((tgs_str){line, (size_t)(stop - line)}, name)) {
            if (len) copy[len++] = '\n';
            memcpy(copy + len, line, (size_t)(stop - line));
            len += (size_t)(stop - line);
        }
        line = stop + 1;
    }
    return len;
}

/* Take a name out of the list in its owner's row. */
static tgs_status take_from_list(struct task *task, tgs_str name, const tgs_peer *owner) {
    struct statement *get, *set;
    bool found = false;
    tgs_status status = task_bind(task, QUERY_GET_PEER_USERNAMES, TGS_RECORD_PEER, owner, 0, &get);
    if (status == TGS_OK) status = task_step(task, get, &found);
    if (status != TGS_OK || !found) return status;
    tgs_str list, rest = {NULL, 0};
    status = task_text(task, get, 0, &list);
    if (status != TGS_OK) return status;
    char *copy = buffer_reserve(&task->connection->joined, list.len + 1);
    if (!copy) {
        statement_reset(get);
        return task_fail(task, SQLITE_NOMEM);
    }
    rest.len = without_name(copy, list, name);
    if (rest.len) rest.ptr = copy; /* the last name gone: no list */
    statement_reset(get);
    status = task_bind(task, QUERY_SET_PEER_USERNAMES, TGS_RECORD_PEER, owner, 0, &set);
    if (status == TGS_OK) status = task_bind_text(task, set, ":names", rest);
    return status == TGS_OK ? task_finish(task, set) : status;
}

/* Make `peer` the owner of a name that it did not have. */
static tgs_status give_name(struct task *task, const struct kind_of_name *kind, tgs_str name,
                            const tgs_peer *peer) {
    tgs_status status = run_on_name(task, kind->add, name, peer);
    if (status != TGS_OK || task_changes(task)) return status;
    tgs_peer owner;
    bool found = false;
    status = find_owner(task, kind, name, &owner, &found);
    if (status == TGS_OK && found && (owner.kind != peer->kind || owner.id != peer->id))
        status = kind == &usernames ? take_from_list(task, name, &owner)
                                    : task_run(task, QUERY_CLEAR_PEER_PHONE, TGS_RECORD_PEER, &owner, 0);
    return status == TGS_OK ? run_on_name(task, kind->set, name, peer) : status;
}

/* Names are stored by how they compare. */
static tgs_status free_name(struct task *task, const struct kind_of_name *kind, tgs_str name,
                            const tgs_peer *peer) {
    char folded[MAX_NAME];
    if (name.len > sizeof folded) return task_fail(task, SQLITE_CORRUPT);
    for (size_t i = 0; i < name.len; i++) folded[i] = fold(name.ptr[i]);
    return run_on_name(task, kind->delete, (tgs_str){folded, name.len}, peer);
}

/* --- a peer's names -------------------------------------------------------------------------------- */

static tgs_status put_usernames(struct task *task, const tgs_op *op, const tgs_peer *stored,
                                const tgs_peer *peer) {
    const tgs_peer *given = op->row;
    size_t n_given = op->set & TGS_PEER_USERNAMES ? given->n_usernames : 0;
    size_t n_stored = stored && (stored->fields & TGS_PEER_USERNAMES) ? stored->n_usernames : 0;
    tgs_status status = TGS_OK;
    for (size_t i = 0; status == TGS_OK && i < n_stored; i++)
        if (!listed(op->folded, n_given, stored->usernames[i]))
            status = free_name(task, &usernames, stored->usernames[i], peer);
    for (size_t i = 0; status == TGS_OK && i < n_given; i++)
        if (!listed(n_stored ? stored->usernames : NULL, n_stored, op->folded[i]))
            status = give_name(task, &usernames, op->folded[i], peer);
    return status;
}

static tgs_status put_phone(struct task *task, const tgs_op *op, const tgs_peer *stored,
                            const tgs_peer *peer) {
    const tgs_peer *given = op->row;
    bool gives = (op->set & TGS_PEER_PHONE) && given->phone.ptr;
    bool had = stored && (stored->fields & TGS_PEER_PHONE);
    bool same = gives && had && same_name(given->phone, stored->phone);
    tgs_status status = had && !same ? free_name(task, &phones, stored->phone, peer) : TGS_OK;
    return status == TGS_OK && gives && !same ? give_name(task, &phones, given->phone, peer) : status;
}

tgs_status peer_put_names(struct task *task, const tgs_op *op, const tgs_peer *stored) {
    uint64_t named = (op->set | op->clear) & (TGS_PEER_USERNAMES | TGS_PEER_PHONE);
    tgs_status status = named & TGS_PEER_USERNAMES ? put_usernames(task, op, stored, op->row) : TGS_OK;
    return status == TGS_OK && (named & TGS_PEER_PHONE) ? put_phone(task, op, stored, op->row) : status;
}

static int64_t age_or(int64_t age, const tgs_peer *stored) {
    return age == AGE_OF_PEER ? stored->seen_at : age;
}

/* Names that are put are as old as the put says; others stay as old as they were. */
static int64_t age_of(const tgs_op *op, uint64_t bit, const tgs_peer *stored, int64_t before, int64_t put,
                      const tgs_peer *row) {
    int64_t age = put;
    if (!(op->set & bit)) {
        if (!stored || !(stored->fields & bit)) return AGE_OF_PEER;
        age = age_or(before, stored);
    }
    return (row->fields & TGS_PEER_SEEN_AT) && row->seen_at == age ? AGE_OF_PEER : age;
}

void peer_set_age(struct task *task, const tgs_op *op, const tgs_peer *stored, const struct names_age *before,
                  const tgs_peer *row) {
    int64_t put = op->set & TGS_PEER_SEEN_AT ? ((const tgs_peer *)op->row)->seen_at : task->now;
    struct names_age age = before ? *before : (struct names_age){AGE_OF_PEER, AGE_OF_PEER};
    task->age.usernames = age_of(op, TGS_PEER_USERNAMES, stored, age.usernames, put, row);
    task->age.phone = age_of(op, TGS_PEER_PHONE, stored, age.phone, put, row);
}

tgs_status peer_drop_names(struct task *task, const tgs_peer *stored) {
    tgs_status status = TGS_OK;
    if (stored->fields & TGS_PEER_USERNAMES)
        for (size_t i = 0; status == TGS_OK && i < stored->n_usernames; i++)
            status = free_name(task, &usernames, stored->usernames[i], stored);
    if (status == TGS_OK && (stored->fields & TGS_PEER_PHONE))
        status = free_name(task, &phones, stored->phone, stored);
    return status;
}

/* --- seen again ------------------------------------------------------------------------------------ */

static bool changes_nothing_else(const tgs_op *op, const tgs_peer *stored, const tgs_peer *row) {
    const struct layout *layout = &sqlite_layouts[TGS_RECORD_PEER];
    if (stored->fields != row->fields) return false;
    for (uint64_t bits = op->set & row->fields; bits; bits &= bits - 1)
        if (!member_same(field_first(layout, bits), stored, row)) return false;
    return true;
}

static bool is_recent(const struct task *task, const tgs_op *op, int64_t time) {
    return time <= task->now && time > task->now - op->fresh_ms;
}

bool peer_is_fresh(const struct task *task, const tgs_op *op, const tgs_peer *stored,
                   const struct names_age *age, const tgs_peer *row) {
    if (!op->fresh_ms || !changes_nothing_else(op, stored, row)) return false;
    if ((op->set & TGS_PEER_USERNAMES) && !is_recent(task, op, age_or(age->usernames, stored))) return false;
    if ((op->set & TGS_PEER_PHONE) && !is_recent(task, op, age_or(age->phone, stored))) return false;
    return !(op->stamp & TGS_PEER_SEEN_AT) || is_recent(task, op, stored->seen_at);
}
