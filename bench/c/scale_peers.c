/* SPDX-License-Identifier: Apache-2.0 */
/* Peers: many in one session, many sessions, and many calls on the same ones. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "measure.h"
#include "ours.h"
#include "peers.h"
#include "scale.h"

#define ROUNDS 10
#define CHUNK 10000   /* peers made at a time */
#define BATCH 100     /* peers of one put, and rows of one page */
#define LOOK_UPS 5000 /* of one round */
#define PAGES 200
#define SESSION_PEERS 1000
#define YEAR_MS INT64_C(31536000000)

static const tgs_call no_limit = {.size = sizeof(tgs_call), .timeout_ms = -1};

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

/* --- one round of calls ------------------------------------------------------------------------- */

typedef void (*call)(struct ours *ours, const tgs_peer *peer);

static void expect(tgs_rows *rows, size_t least) {
    tgs_peer first;
    if (tgs_rows_count(rows) < least || tgs_rows_row(rows, 0, &first, sizeof first) != TGS_OK ||
        !(first.flags & TGS_ROW_FOUND))
        die("a peer that was put is not found");
    tgs_rows_free(rows);
}

static void by_id(struct ours *ours, const tgs_peer *peer) {
    expect(ours_get(ours, peer->kind, peer->id), 1);
}
static void by_username(struct ours *ours, const tgs_peer *peer) {
    expect(ours_get_by_username(ours, peer->usernames[0]), 1);
}
static void by_phone(struct ours *ours, const tgs_peer *peer) {
    expect(ours_get_by_phone(ours, peer->phone), 1);
}
static void first_page(struct ours *ours, const tgs_peer *peer) {
    (void)peer;
    expect(ours_list(ours, NULL, BATCH), BATCH);
}
static void page_after(struct ours *ours, const tgs_peer *peer) {
    tgs_rows_free(ours_list(ours, peer, BATCH)); /* fewer rows behind one of the last */
}

static bool any(const tgs_peer *peer) { return peer != NULL; }
static bool has_username(const tgs_peer *peer) { return peer->n_usernames; }
static bool has_phone(const tgs_peer *peer) { return peer->phone.ptr; }

/* Say what one call takes, on peers picked at random: the best round. */
static void time_calls(struct ours *ours, const char *what, size_t count, size_t calls, call run,
                       bool (*fits)(const tgs_peer *peer)) {
    double best = 0;
    for (uint64_t round = 0; round < ROUNDS; round++) {
        struct peers *picked = peers_pick(count, calls, round);
        size_t done = 0;
        double begin = now_us();
        for (size_t i = 0; i < calls; i++)
            if (fits(&picked->rows[i])) {
                run(ours, &picked->rows[i]);
                done++;
            }
        double time = (now_us() - begin) / (double)(done ? done : 1);
        if (best == 0 || time < best) best = time;
        peers_free(picked);
    }
    say(what, count, best, "us/call");
}

/* --- one session ------------------------------------------------------------------------------------ */

static void load_peers(struct ours *ours, size_t from, size_t to) {
    for (; from < to; from += CHUNK) {
        struct peers *peers = peers_make_from(from, smaller(CHUNK, to - from));
        ours_load(ours, peers->rows, peers->count);
        peers_free(peers);
    }
}

/* Microseconds a peer. */
static double put_peers(struct ours *ours, size_t from, size_t to) {
    struct peers *peers = peers_make_from(from, to - from);
    double begin = now_us();
    for (size_t i = 0; i < peers->count; i += BATCH)
        ours_put(ours, peers->rows + i, smaller(BATCH, peers->count - i));
    double time = now_us() - begin;
    peers_free(peers);
    return time / (double)(to - from);
}

void scale_peers(const char *url, const size_t *counts, size_t n_counts) {
    struct ours *ours = ours_open(url, NULL);
    double memory_before = own_memory();
    size_t done = 0;
    for (size_t i = 0; i < n_counts; i++) {
        size_t count = counts[i], put = smaller(count - done, (size_t)5 * CHUNK);
        load_peers(ours, done, count - put);
        say("put", count, put_peers(ours, count - put, count), "us/row");
        done = count;
        time_calls(ours, "get by id", count, LOOK_UPS, by_id, any);
        time_calls(ours, "get by username", count, (size_t)LOOK_UPS * 2, by_username, has_username);
        time_calls(ours, "get by phone", count, (size_t)LOOK_UPS * 6, by_phone, has_phone);
        time_calls(ours, "first page", count, PAGES, first_page, any);
        time_calls(ours, "page from the middle", count, PAGES, page_after, any);
        say("memory", count, own_memory() - memory_before, "MB");
    }
    ours_close(ours);
}

/* --- many sessions ------------------------------------------------------------------------------------- */

static tgs_session *open_session(struct ours *ours, size_t number) {
    char name[32];
    tgs_error err;
    tgs_session *session;
    int len = snprintf(name, sizeof name, "account %zu", number);
    ours_check(tgs_session_new(ours->store, (tgs_str){name, (size_t)len}, &session, &err), &err);
    return session;
}

/* Microseconds a session.  The peers of a session are known to others, too. */
static double load_sessions(struct ours *ours, size_t from, size_t to) {
    double time = 0;
    tgs_session *own = ours->session;
    for (size_t i = from; i < to; i++) {
        struct peers *peers = peers_make_from(i * 100, SESSION_PEERS);
        ours->session = open_session(ours, i);
        double begin = now_us();
        ours_load(ours, peers->rows, peers->count);
        time += now_us() - begin;
        tgs_session_free(ours->session);
        peers_free(peers);
    }
    ours->session = own;
    return time / (double)(to - from);
}

static void time_sessions(struct ours *ours, size_t sessions) {
    double best = 0;
    tgs_session *own = ours->session;
    for (uint64_t round = 0; round < ROUNDS; round++) {
        double time = 0;
        for (size_t i = 0; i < LOOK_UPS; i++) {
            size_t number = random_number(round, 2 * i) % sessions;
            struct peers *peer =
                peers_make_from(number * 100 + random_number(round, 2 * i + 1) % SESSION_PEERS, 1);
            ours->session = open_session(ours, number);
            double begin = now_us();
            by_id(ours, peer->rows);
            time += now_us() - begin;
            tgs_session_free(ours->session);
            peers_free(peer);
        }
        if (best == 0 || time < best) best = time;
    }
    ours->session = own;
    say("get by id", sessions, best / LOOK_UPS, "us/call");
}

static double file_size(const char *path) {
    struct stat file;
    if (stat(path, &file) != 0) die("%s is not there", path);
    return (double)file.st_size;
}

/* Closed and opened at each size: SQLite's file is complete only then. */
void scale_sessions(const char *url, const size_t *counts, size_t n_counts) {
    size_t done = 0;
    for (size_t i = 0; i < n_counts; i++) {
        size_t count = counts[i], timed = (count - done) / 10 ? (count - done) / 10 : 1;
        struct ours *ours = ours_open(url, NULL);
        load_sessions(ours, done, count - timed);
        say("load", count, load_sessions(ours, count - timed, count) / SESSION_PEERS, "us/row");
        time_sessions(ours, count);
        ours_close(ours);
        double begin = now_us();
        ours_close(ours_open(url, NULL));
        say("open and close", count, now_us() - begin, "us/call");
        say("file", count, file_size(strchr(url, ':') + 1) / (double)(count * SESSION_PEERS), "bytes/row");
        done = count;
    }
}

/* --- maintenance, and the same calls again and again ------------------------------------------------ */

/* Of the peers up to `count`, every other one was seen long ago; all are gone afterwards. */
static void prune_half(struct ours *ours, size_t count) {
    tgs_error err;
    for (size_t i = 0; i < count; i += CHUNK) {
        struct peers *peers = peers_make_from(i, smaller(CHUNK, count - i));
        for (size_t n = 0; n < peers->count; n += 2) {
            peers->rows[n].fields |= TGS_PEER_SEEN_AT;
            peers->rows[n].seen_at = 1;
        }
        ours_load(ours, peers->rows, peers->count);
        peers_free(peers);
    }
    uint64_t removed;
    double begin = now_us();
    ours_check(tgs_prune(ours->store, YEAR_MS, &removed, &no_limit, &err), &err);
    say("prune", count, (now_us() - begin) / (double)removed, "us/row");
    ours_check(tgs_purge(ours->session, NULL, &no_limit, &err), &err);
}

void scale_prune(const char *url, const size_t *counts, size_t n_counts) {
    struct ours *ours = ours_open(url, NULL);
    for (size_t i = 0; i < n_counts; i++) prune_half(ours, counts[i]);
    ours_close(ours);
}

/* A put that changes nothing would not write. */
static void change_photos(tgs_peer *batch, size_t number) {
    for (size_t i = 0; i < BATCH; i++) {
        batch[i].fields |= TGS_PEER_PHOTO_ID;
        batch[i].photo_id = (int64_t)number;
    }
}

void scale_steady(const char *url, const size_t *counts, size_t n_counts) {
    struct ours *ours = ours_open(url, NULL);
    struct peers *peers = peers_make_from(0, CHUNK);
    ours_load(ours, peers->rows, peers->count);
    for (size_t i = 0, done = 0; i < n_counts; i++) {
        for (; done < counts[i]; done += BATCH) {
            tgs_peer *batch = peers->rows + done % CHUNK;
            change_photos(batch, done);
            ours_put(ours, batch, BATCH);
            for (size_t one = 0; one < BATCH; one++) by_id(ours, batch + one);
        }
        say("memory", counts[i], own_memory(), "MB");
    }
    peers_free(peers);
    ours_close(ours);
}
