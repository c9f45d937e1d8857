/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define FRAME_NS 100000000 /* ten pictures a second */

/* A thread draws, since most work is one long call. */
static struct {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t stopped;
    bool running, stop;
    const char *label;
    uint64_t total;
    atomic_uint_fast64_t done;
    struct timespec begin;
    bool colour;
} bar = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static unsigned terminal_columns(void) {
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    return 80;
}

/* --- the picture ---------------------------------------------------------------------------- */

static int64_t elapsed_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - bar.begin.tv_sec) * 1000 + (now.tv_nsec - bar.begin.tv_nsec) / 1000000;
}

/* How far it is, in text: "1200/3000  0:04", or "0:04" as long as nothing can be counted. */
static int describe(char *text, size_t size, uint64_t done, int64_t ms) {
    int64_t seconds = ms / 1000;
    int len = 0;
    if (bar.total) len = snprintf(text, size, "%" PRIu64 "/%" PRIu64 "  ", done, bar.total);
    return len +
           snprintf(text + len, size - (size_t)len, "%" PRId64 ":%02" PRId64, seconds / 60, seconds % 60);
}

/* Which part of `width` cells is filled: from the left, or to and fro if the total is not known. */
static void find_filled(unsigned width, uint64_t done, int64_t ms, unsigned *begin, unsigned *end) {
    if (bar.total) {
        *begin = 0;
        *end = done >= bar.total ? width : (unsigned)((double)done / (double)bar.total * width);
        return;
    }
    unsigned block = width / 5 + 1, range = width - block, at = (unsigned)(ms / 100) % (2 * range + 1);
    *begin = at <= range ? at : 2 * range - at;
    *end = *begin + block;
}

static void draw_bar(unsigned width, uint64_t done, int64_t ms) {
    unsigned begin, end;
    find_filled(width, done, ms, &begin, &end);
    fputc('[', stderr);
    if (bar.colour) fputs("\033[32m", stderr);
    for (unsigned i = 0; i < width; i++) fputc(i >= begin && i < end ? '#' : '-', stderr);
    if (bar.colour) fputs("\033[0m", stderr);
    fputs("]  ", stderr);
}

static void draw(void) {
    char counts[80];
    int64_t ms = elapsed_ms();
    uint64_t done = atomic_load(&bar.done);
    size_t text = strlen(bar.label) + (size_t)describe(counts, sizeof counts, done, ms) + 8;
    unsigned columns = terminal_columns();
    if (columns < text) {
        fprintf(stderr, "\r%.*s\033[K", (int)columns - 1, counts);
        return;
    }
    fprintf(stderr, "\r%s  ", bar.label);
    if (columns >= text + 10) draw_bar(columns - text > 40 ? 40 : (unsigned)(columns - text), done, ms);
    fprintf(stderr, "%s\033[K", counts);
}

/* --- the thread ------------------------------------------------------------------------------ */

static void *keep_drawing(void *unused) {
    pthread_mutex_lock(&bar.mutex);
    while (!bar.stop) {
        draw();
        struct timespec next;
        clock_gettime(CLOCK_MONOTONIC, &next);
        next.tv_nsec += FRAME_NS;
        if (next.tv_nsec >= 1000000000) {
            next.tv_sec++;
            next.tv_nsec -= 1000000000;
        }
        pthread_cond_timedwait(&bar.stopped, &bar.mutex, &next);
    }
    pthread_mutex_unlock(&bar.mutex);
    return unused;
}

static bool wanted(void) {
    const char *terminal = getenv("TERM");
    return isatty(STDERR_FILENO) && terminal && strcmp(terminal, "dumb") != 0;
}

static bool start_thread(void) {
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0) return false;
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    bool started = pthread_cond_init(&bar.stopped, &attributes) == 0;
    pthread_condattr_destroy(&attributes);
    return started && pthread_create(&bar.thread, NULL, keep_drawing, NULL) == 0;
}

void progress_start(const char *label, uint64_t total) {
    if (bar.running || !wanted()) return;
    const char *no_colour = getenv("NO_COLOR");
    bar.label = label;
    bar.total = total;
    bar.stop = false;
    bar.colour = !no_colour || !no_colour[0];
    atomic_store(&bar.done, 0);
    clock_gettime(CLOCK_MONOTONIC, &bar.begin);
    /* Signals are for the thread that works. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    bar.running = start_thread();
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!bar.running) return;
    pthread_mutex_lock(&bar.mutex);
    draw(); /* at once, however short the work is */
    pthread_mutex_unlock(&bar.mutex);
}

void progress_add(uint64_t n) { atomic_fetch_add(&bar.done, n); }

void progress_stop(void) {
    if (!bar.running) return;
    pthread_mutex_lock(&bar.mutex);
    bar.stop = true;
    pthread_cond_signal(&bar.stopped);
    pthread_mutex_unlock(&bar.mutex);
    pthread_join(bar.thread, NULL);
    pthread_cond_destroy(&bar.stopped);
    bar.running = false;
    fputs("\r\033[K", stderr);
}
