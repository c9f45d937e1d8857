/* SPDX-License-Identifier: Apache-2.0 */
/* The C side of binding.py, with which it takes turns: reads a command a line, does what the Python side
 * does, and answers with the seconds that it took.
 *
 *     open URL            open a store, in place of the one before
 *     read                keep all its peers; the commands below work with these
 *     get CALLS FIRST     look up one peer by id, CALLS times, from the peer FIRST on in long steps
 *     put CALLS           put 100 peers, CALLS times
 *     load                put all peers
 *     list                read all peers of the store, page by page
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "binding_peers.h"

#define PUT_SIZE 100
#define STEP 7919 /* as in binding.py */

static struct peers peers;
static tgs_store *store;
static tgs_session *session;
static tgs_error err;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void fail(const char *why) {
    fprintf(stderr, "tgstore-binding-timer: %s\n", why);
    exit(1);
}

static void check(tgs_status status) {
    if (status != TGS_OK) fail(err.message);
}

static void open_store(const char *url) {
    tgs_session_free(session);
    tgs_store_close(store);
    session = NULL;
    check(tgs_store_open((tgs_str){url, strlen(url)}, NULL, 0, &store, NULL, &err));
    check(tgs_session_new(store, TGS_STR("main"), &session, &err));
}

static void read_peers(void) {
    check(peers_read(session, &peers, &err));
    /* As a client has them: when they were seen is for the store to say. */
    for (size_t i = 0; i < peers.count; i++) peers.rows[i].fields &= ~(uint64_t)TGS_PEER_SEEN_AT;
}

static void get(size_t calls, size_t first) {
    for (size_t i = 0; i < calls; i++) {
        const tgs_peer *wanted = &peers.rows[(first + i * STEP) % peers.count];
        tgs_peer key = {.kind = wanted->kind, .id = wanted->id}, found;
        tgs_rows *rows;
        check(tgs_get(session, TGS_RECORD_PEER, &key, 1, sizeof key, &rows, NULL, &err));
        check(tgs_rows_row(rows, 0, &found, sizeof found));
        if (found.access_hash != wanted->access_hash) fail("a peer is not what it was");
        tgs_rows_free(rows);
    }
}

static void put(size_t calls) {
    tgs_result results[PUT_SIZE];
    for (size_t i = 0; i < calls; i++) {
        const tgs_peer *rows = &peers.rows[i * PUT_SIZE % (peers.count - PUT_SIZE + 1)];
        check(tgs_put(session, TGS_RECORD_PEER, rows, PUT_SIZE, sizeof *rows, results, NULL, &err));
    }
}

static void load(void) {
    check(tgs_load(session, TGS_RECORD_PEER, peers.rows, peers.count, sizeof *peers.rows, NULL, NULL, &err));
}

static void list(void) {
    size_t count = 0;
    tgs_peer last;
    for (int32_t more = 1; more;) {
        tgs_rows *page;
        check(peers_page(session, count ? &last : NULL, &page, &err));
        more = tgs_rows_more(page);
        count += tgs_rows_count(page);
        if (more) check(tgs_rows_row(page, tgs_rows_count(page) - 1, &last, sizeof last));
        tgs_rows_free(page);
    }
    if (count != peers.count) fail("peers are missing");
}

static void run(char *line) {
    char url[1024];
    size_t calls, first;
    if (sscanf(line, "open %1023s", url) == 1)
        open_store(url);
    /* NOLINTNEXTLINE(cert-err34-c): binding.py gives numbers */
    else if (sscanf(line, "get %zu %zu", &calls, &first) == 2)
        get(calls, first);
    /* NOLINTNEXTLINE(cert-err34-c): binding.py gives numbers */
    else if (sscanf(line, "put %zu", &calls) == 1)
        put(calls);
    else if (strcmp(line, "read\n") == 0)
        read_peers();
    else if (strcmp(line, "load\n") == 0)
        load();
    else if (strcmp(line, "list\n") == 0)
        list();
    else
        fail("unknown command");
}

int main(void) {
    char line[1100];
    while (fgets(line, sizeof line, stdin)) {
        double start = now();
        run(line);
        printf("%.9f\n", now() - start);
        fflush(stdout);
    }
    tgs_session_free(session);
    tgs_store_close(store);
    peers_free(&peers);
    return 0;
}
