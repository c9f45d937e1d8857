/* SPDX-License-Identifier: Apache-2.0 */
/* The Python objects of a list of peers, made by hand: what no binding can go far below.  The rows are in
 * memory before, and nothing goes by the table of members. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <structmember.h>

#include "binding_peers.h"

#define MEMBERS 13
#define SUBTYPES 9

static struct peers peers;
static PyTypeObject *type;
static PyObject *unset, *no_flags, *kinds[3], *subtypes[SUBTYPES];

static const char *const kind_names[] = {"user", "chat", "channel"};
static const char *const subtype_names[SUBTYPES] = {"none",      "bot",   "group",  "broadcast", "supergroup",
                                                    "gigagroup", "forum", "direct", "community"};
static const char *const member_names[MEMBERS] = {
    "kind",      "id",    "access_hash", "min_access_hash", "photo_id", "seen_at", "subtype",
    "usernames", "phone", "first_name",  "last_name",       "language", "flags"};
static Py_ssize_t offsets[MEMBERS]; /* of the slots, in the order above */

/* --- the objects -------------------------------------------------------------------- */

static PyObject *text(const tgs_str *value) {
    return PyUnicode_DecodeUTF8(value->ptr, (Py_ssize_t)value->len, NULL);
}

static PyObject *texts(const tgs_str *values, size_t count) {
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (size_t i = 0; list && i < count; i++) {
        PyObject *value = text(&values[i]);
        if (!value)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, (Py_ssize_t)i, value);
    }
    return list;
}

#define IF_THERE(bit, value) (row->fields & (bit) ? (value) : Py_NewRef(unset))

static PyObject *make_peer(const tgs_peer *row) {
    PyObject *peer = type->tp_alloc(type, 0);
    if (!peer) return NULL;
    PyObject *values[MEMBERS] = {
        Py_NewRef(kinds[row->kind]),
        PyLong_FromLongLong(row->id),
        IF_THERE(TGS_PEER_ACCESS_HASH, PyLong_FromLongLong(row->access_hash)),
        IF_THERE(TGS_PEER_MIN_ACCESS_HASH, PyLong_FromLongLong(row->min_access_hash)),
        IF_THERE(TGS_PEER_PHOTO_ID, PyLong_FromLongLong(row->photo_id)),
        IF_THERE(TGS_PEER_SEEN_AT, PyLong_FromLongLong(row->seen_at)),
        IF_THERE(TGS_PEER_SUBTYPE, Py_NewRef(subtypes[row->subtype])),
        IF_THERE(TGS_PEER_USERNAMES, texts(row->usernames, row->n_usernames)),
        IF_THERE(TGS_PEER_PHONE, text(&row->phone)),
        IF_THERE(TGS_PEER_FIRST_NAME, text(&row->first_name)),
        IF_THERE(TGS_PEER_LAST_NAME, text(&row->last_name)),
        IF_THERE(TGS_PEER_LANGUAGE, text(&row->language)),
        Py_NewRef(no_flags),
    };
    bool whole = true;
    for (size_t i = 0; i < MEMBERS; i++) {
        *(PyObject **)(void *)((char *)peer + offsets[i]) = values[i];
        whole = whole && values[i];
    }
    if (!whole) Py_CLEAR(peer);
    return peer;
}

static PyObject *make(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    PyObject *list = PyList_New((Py_ssize_t)peers.count);
    for (size_t i = 0; list && i < peers.count; i++) {
        PyObject *peer = make_peer(&peers.rows[i]);
        if (!peer)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, (Py_ssize_t)i, peer);
    }
    return list;
}

/* --- what they are made of ------------------------------------------------------------ */

static bool find_slots(void) {
    for (size_t i = 0; i < MEMBERS; i++) {
        PyObject *descriptor = PyObject_GetAttrString((PyObject *)type, member_names[i]);
        if (!descriptor) return false;
        offsets[i] = ((PyMemberDescrObject *)descriptor)->d_member->offset;
        Py_DECREF(descriptor);
    }
    return true;
}

static bool intern(const char *const *names, size_t count, PyObject **out) {
    for (size_t i = 0; i < count; i++)
        if (!(out[i] = PyUnicode_InternFromString(names[i]))) return false;
    return true;
}

static bool read_store(const char *url, size_t length) {
    tgs_error err;
    tgs_store *store;
    tgs_session *session = NULL;
    tgs_status status = tgs_store_open((tgs_str){url, length}, NULL, 0, &store, NULL, &err);
    if (status == TGS_OK) status = tgs_session_new(store, TGS_STR("main"), &session, &err);
    if (status == TGS_OK) status = peers_read(session, &peers, &err);
    tgs_session_free(session);
    tgs_store_close(store);
    if (status != TGS_OK) PyErr_Format(PyExc_RuntimeError, "%s: %s", url, err.message);
    return status == TGS_OK;
}

/* read(url, Peer, UNSET): keep the peers of a store in memory, as C has them. */
static PyObject *read_peers(PyObject *module, PyObject *args) {
    (void)module;
    const char *url;
    Py_ssize_t length;
    if (!PyArg_ParseTuple(args, "s#O!O", &url, &length, &PyType_Type, &type, &unset)) return NULL;
    Py_INCREF(type);
    Py_INCREF(unset);
    if (!find_slots() || !read_store(url, (size_t)length)) return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"read", read_peers, METH_VARARGS, NULL}, {"make", make, METH_NOARGS, NULL}, {0}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "binding_objects", .m_size = -1,
                                        .m_methods = functions};

PyMODINIT_FUNC PyInit_binding_objects(void);
PyMODINIT_FUNC PyInit_binding_objects(void) {
    if (!intern(kind_names, 3, kinds) || !intern(subtype_names, SUBTYPES, subtypes) ||
        !(no_flags = PyLong_FromLong(0)))
        return NULL;
    return PyModule_Create(&definition);
}
