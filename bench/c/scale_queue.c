/* SPDX-License-Identifier: Apache-2.0 */
/* A queue of many items in many lanes, emptied by many workers, which check that each item comes once and
 * each lane in order. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "measure.h"
#include "ours.h"
#include "peers.h"
#include "scale.h"

#define CHUNK 10000 /* items made at a time */
#define CLAIM 10    /* items at a time */
#define LANE_CLAIMS 100
#define LEASE_MS 600000
#define PAYLOAD_BYTES 200
#define MAX_WORKERS 64

struct work {
    struct ours *ours;
    size_t items, lanes;
    atomic_size_t done;
    atomic_bool *handled;  /* by item */
    atomic_size_t *newest; /* by lane: the item handled last, counted from 1 */
};

static size_t lane_of(const struct work *work, size_t item) {
    return (size_t)(random_number(0, item) % work->lanes);
}

/* With one lane all wait for the first. */
static void enqueue(struct work *work, size_t from, size_t to) {
    static tgs_queue_item rows[CHUNK];
    static char texts[CHUNK][2][24];
    static const uint8_t payload[PAYLOAD_BYTES] = "an update, as it came from the server";
    size_t count = 0;
    for (size_t i = from; i < to; i++, count++) {
        int id = snprintf(texts[count][0], sizeof texts[count][0], "%zu", i);
        int lane = snprintf(texts[count][1], sizeof texts[count][1], "chat %zu", lane_of(work, i));
        rows[count] = (tgs_queue_item){.fields = TGS_QUEUE_ITEM_LANE | TGS_QUEUE_ITEM_PAYLOAD,
                                       .id = {texts[count][0], (size_t)id},
                                       .lane = {texts[count][1], (size_t)lane},
                                       .payload = {payload, sizeof payload}};
    }
    tgs_error err;
    ours_check(
        tgs_load(work->ours->session, TGS_RECORD_QUEUE_ITEM, rows, count, sizeof *rows, NULL, NULL, &err),
        &err);
}

static void handle(struct work *work, const tgs_queue_item *item) {
    size_t i = strtoull(item->id.ptr, NULL, 10);
    if (i >= work->items || atomic_exchange(&work->handled[i], true)) die("item %zu was handed out twice", i);
    size_t before = atomic_exchange(&work->newest[lane_of(work, i)], i + 1);
    if (before > i) die("item %zu came after item %zu of its lane", i, before - 1);
}

/* Of a lane, or if its ptr is NULL of any.  False: there is none to claim now. */
static bool claim_and_ack(struct work *work, tgs_str lane) {
    tgs_error err;
    tgs_rows *rows;
    ours_check(
        tgs_queue_claim(work->ours->session, TGS_STR("worker"), lane, LEASE_MS, CLAIM, &rows, NULL, &err),
        &err);
    size_t stride, count = tgs_rows_count(rows);
    const tgs_queue_item *items = tgs_rows_data(rows, &stride);
    for (size_t i = 0; i < count; i++)
        handle(work, (const tgs_queue_item *)(const void *)((const char *)items + i * stride));
    if (count)
        ours_check(tgs_queue_settle(work->ours->session, TGS_SETTLE_ACK, items, count, stride, NULL, &err),
                   &err);
    tgs_rows_free(rows);
    atomic_fetch_add(&work->done, count);
    return count;
}

static void *worker(void *self) {
    struct work *work = self;
    static const struct timespec pause = {0, 1000000};
    while (atomic_load(&work->done) < work->items)
        if (!claim_and_ack(work, (tgs_str){NULL, 0})) nanosleep(&pause, NULL);
    return NULL;
}

static void run_workers(struct work *work, size_t count) {
    pthread_t threads[MAX_WORKERS];
    if (count > MAX_WORKERS) die("%zu workers are too many", count);
    for (size_t i = 0; i < count; i++)
        if (pthread_create(&threads[i], NULL, worker, work) != 0) die("can't start a thread");
    for (size_t i = 0; i < count; i++) pthread_join(threads[i], NULL);
}

static struct work work_begin(const char *url, size_t items, size_t lanes) {
    struct work work = {.ours = ours_open(url, NULL), .items = items, .lanes = lanes};
    work.handled = calloc(items, sizeof *work.handled);
    work.newest = calloc(lanes, sizeof *work.newest);
    if (!work.handled || !work.newest) die("out of memory");
    return work;
}

static void work_end(struct work *work) {
    free(work->handled);
    free(work->newest);
    ours_close(work->ours);
}

static void enqueue_all(struct work *work, size_t from, size_t to) {
    for (; from < to; from += CHUNK) enqueue(work, from, from + CHUNK < to ? from + CHUNK : to);
}

void scale_queue(const char *url, size_t items, size_t lanes, size_t workers) {
    struct work work = work_begin(url, items, lanes);
    double begin = now_us();
    enqueue_all(&work, 0, items);
    say("enqueue", items, (now_us() - begin) / (double)items, "us/item");
    begin = now_us();
    run_workers(&work, workers);
    say("claim and ack", items, (now_us() - begin) / (double)items, "us/item");
    work_end(&work);
}

void scale_lane(const char *url, const size_t *counts, size_t n_counts) {
    struct work work = work_begin(url, counts[n_counts - 1], 1);
    for (size_t i = 0; i < n_counts; i++) {
        enqueue_all(&work, i ? counts[i - 1] : 0, counts[i]);
        double begin = now_us();
        for (size_t n = 0; n < LANE_CLAIMS; n++)
            if (!claim_and_ack(&work, TGS_STR("chat 0"))) die("the first of the lane can't be claimed");
        say("claim and ack", counts[i], (now_us() - begin) / LANE_CLAIMS, "us/item");
    }
    work_end(&work);
}
