/* SPDX-License-Identifier: Apache-2.0 */
/* A file a process, appended to without a buffer: what a killed process was told is there. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stress.h"

int journal_open(const char *folder, int process) {
    char path[200];
    snprintf(path, sizeof path, "%s/journal-%d", folder, process);
    int journal = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (journal < 0) violated("no journal: %s", path);
    return journal;
}

static void write_down(struct worker *w, const struct event *event) {
    if (write(w->journal, event, sizeof *event) != sizeof *event) violated("the journal can't be written");
}

struct event event_new(struct worker *w, enum kind kind) {
    uint64_t number =
        (uint64_t)w->process << 56 | (uint64_t)w->thread << 48 | (uint64_t)w->incarnation << 32 | ++w->calls;
    return (struct event){.call = number, .kind = (int32_t)kind};
}

void event_begin(struct worker *w, struct event *event) {
    event->begin_us = now_us();
    write_down(w, event);
}

void event_end(struct worker *w, struct event *event, tgs_status status) {
    event->end_us = now_us();
    event->status = status;
    write_down(w, event);
}

/* --- reading ------------------------------------------------------------------------------------- */

static int by_call(const void *a, const void *b) {
    const struct event *first = a, *second = b;
    if (first->call != second->call) return first->call < second->call ? -1 : 1;
    return order_of(first->end_us, second->end_us);
}

static void read_one(const char *path, struct events *events) {
    struct stat info;
    int journal = open(path, O_RDONLY | O_CLOEXEC);
    if (journal < 0 || fstat(journal, &info) != 0) violated("%s can't be read", path);
    size_t size = (size_t)info.st_size;
    if (size % sizeof *events->all) violated("%s is torn", path);
    events->all = realloc(events->all, (events->n + 1) * sizeof *events->all + size);
    if (!events->all || read(journal, events->all + events->n, size) != (ssize_t)size)
        violated("%s can't be read", path);
    events->n += size / sizeof *events->all;
    close(journal);
}

/* A call that has returned is written down twice: keep the second. */
static void join(struct events *events) {
    size_t n = 0;
    for (size_t i = 0; i < events->n; i++) {
        if (n && events->all[n - 1].call == events->all[i].call) n--;
        events->all[n++] = events->all[i];
    }
    events->n = n;
}

struct events journal_read(const char *folder) {
    struct events events = {0};
    DIR *files = opendir(folder);
    if (!files) violated("%s can't be read", folder);
    for (struct dirent *entry; (entry = readdir(files));) {
        char path[500];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (strncmp(entry->d_name, "journal-", 8) == 0) read_one(path, &events);
    }
    closedir(files);
    if (events.n) qsort(events.all, events.n, sizeof *events.all, by_call);
    join(&events);
    return events;
}
