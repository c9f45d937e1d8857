/* SPDX-License-Identifier: Apache-2.0 */
#include "disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vfs.h"

#define SECTOR 512
#define MAX_FILES 200 /* ever made in one recording */
#define MAX_NAME 40

enum kind { MADE, DELETED, RENAMED, WRITTEN, CUT_OFF, SYNCED, FOLDER_SYNCED };

struct change {
    enum kind kind;
    size_t file;
    size_t to;           /* renamed: what stands for the file under its new name */
    size_t offset, size; /* written: where and how much; cut off: the new size */
    unsigned char *data;
};

struct bytes {
    unsigned char *data;
    size_t size, room;
};

/* A file once made; a new one of the same name is another. */
struct file {
    char name[MAX_NAME];
    bool there;    /* while recording */
    bool at_start; /* it was there before */
    struct bytes start;
    struct bytes durable; /* as of its last sync; while replaying */
};

struct disk {
    char folder[100];
    struct change *changes;
    size_t n_changes, room;
    struct file files[MAX_FILES];
    size_t n_files;
    size_t replayed;      /* changes */
    size_t folder_synced; /* so many of them may no longer be lost by the folder */
};

static struct disk *recording;

static void stop(const char *why) {
    fprintf(stderr, "disk: %s\n", why);
    abort();
}

static void *grown(void *memory, size_t size) {
    void *out = realloc(memory, size ? size : 1);
    if (!out) stop("out of memory");
    return out;
}

uint64_t random_next(uint64_t *random) {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return *random * 0x2545f4914f6cdd1du >> 11;
}

/* --- bytes ----------------------------------------------------------------------------------------- */

static void resize(struct bytes *bytes, size_t size, unsigned char fill) {
    if (size > bytes->room) {
        bytes->room = size * 2;
        bytes->data = grown(bytes->data, bytes->room);
    }
    if (size > bytes->size) memset(bytes->data + bytes->size, fill, size - bytes->size);
    bytes->size = size;
}

static void put(struct bytes *bytes, size_t offset, const unsigned char *data, size_t size,
                unsigned char fill) {
    if (offset + size > bytes->size) resize(bytes, offset + size, fill);
    memcpy(bytes->data + offset, data, size);
}

static void copy(struct bytes *to, const struct bytes *from) {
    resize(to, from->size, 0);
    if (from->size) memcpy(to->data, from->data, from->size);
}

/* --- recording --------------------------------------------------------------------------------------- */

static void path_in(char *path, size_t size, const char *folder, const char *name) {
    snprintf(path, size, "%s/%s", folder, name);
}

static const char *name_in_folder(const struct disk *disk, const char *path) {
    size_t len = strlen(disk->folder);
    return strncmp(path, disk->folder, len) == 0 && path[len] == '/' ? path + len + 1 : NULL;
}

static struct file *file_there(struct disk *disk, const char *name) {
    for (size_t i = 0; i < disk->n_files; i++)
        if (disk->files[i].there && strcmp(disk->files[i].name, name) == 0) return &disk->files[i];
    return NULL;
}

static struct file *new_file(struct disk *disk, const char *name) {
    if (disk->n_files == MAX_FILES || strlen(name) >= MAX_NAME) stop("too many files, or too long a name");
    struct file *file = &disk->files[disk->n_files++];
    *file = (struct file){.there = true};
    strcpy(file->name, name);
    return file;
}

static struct change *note(struct disk *disk, enum kind kind, const struct file *file) {
    if (disk->n_changes == disk->room) {
        disk->room = disk->room ? disk->room * 2 : 1024;
        disk->changes = grown(disk->changes, disk->room * sizeof *disk->changes);
    }
    struct change *change = &disk->changes[disk->n_changes++];
    *change = (struct change){.kind = kind, .file = (size_t)(file - disk->files)};
    return change;
}

static void note_write(struct disk *disk, const struct file *file, const struct io_event *event) {
    struct change *change = note(disk, WRITTEN, file);
    change->offset = (size_t)event->offset;
    change->size = (size_t)event->size;
    change->data = grown(NULL, change->size);
    memcpy(change->data, event->data, change->size);
}

/* The library makes the database itself: it is first seen when SQLite opens it. */
static void watch(const struct io_event *event) {
    struct disk *disk = recording;
    const char *name = name_in_folder(disk, event->path);
    struct file *file = name ? file_there(disk, name) : NULL;
    if (!name) return;
    if (!file && event->call == IO_OPEN) note(disk, MADE, new_file(disk, name));
    if (!file) return;
    switch (event->call) {
    case IO_WRITE:
        note_write(disk, file, event);
        break;
    case IO_TRUNCATE:
        note(disk, CUT_OFF, file)->size = (size_t)event->size;
        break;
    case IO_SYNC:
        note(disk, SYNCED, file);
        break;
    case IO_DELETE:
        note(disk, DELETED, file);
        file->there = false;
        break;
    default:
        break;
    }
}

/* SQLite's VFS and the library sync folders by the system's own call.  Nothing here cuts the power, so
 * waiting for a real disk would only cost time. */
__attribute__((visibility("default"))) int fsync(int descriptor) {
    struct stat info;
    if (fstat(descriptor, &info) != 0) return -1;
    if (recording && S_ISDIR(info.st_mode)) note(recording, FOLDER_SYNCED, recording->files);
    return 0;
}

__attribute__((visibility("default"))) int fdatasync(int descriptor) { return fsync(descriptor); }

static void note_renamed(struct disk *disk, const char *from, const char *to) {
    const char *name = name_in_folder(disk, from), *new_name = name_in_folder(disk, to);
    struct file *file = name ? file_there(disk, name) : NULL;
    if (!file || !new_name) stop("a file went to or came from another folder");
    struct file *renamed = new_file(disk, new_name);
    note(disk, RENAMED, file)->to = (size_t)(renamed - disk->files);
    file->there = false;
}

/* The library gives finished files their names. */
__attribute__((visibility("default"))) int renameat2(int from_folder, const char *from, int to_folder,
                                                     const char *to, unsigned flags) {
    int failed = (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
    if (!failed && recording) note_renamed(recording, from, to);
    return failed;
}

void disk_free(struct disk *disk) {
    for (size_t i = 0; i < disk->n_changes; i++) free(disk->changes[i].data);
    for (size_t i = 0; i < disk->n_files; i++) {
        free(disk->files[i].start.data);
        free(disk->files[i].durable.data);
    }
    free(disk->changes);
    free(disk);
}

static void read_file(const char *path, struct bytes *bytes) {
    FILE *file = fopen(path, "rb");
    struct stat info;
    if (!file || fstat(fileno(file), &info) != 0) stop("can't read a file");
    resize(bytes, (size_t)info.st_size, 0);
    if (fread(bytes->data, 1, bytes->size, file) != bytes->size) stop("can't read a file");
    fclose(file);
}

static bool is_volatile(const char *name) {
    size_t len = strlen(name);
    return name[0] == '.' || (len > 4 && strcmp(name + len - 4, "-shm") == 0);
}

struct disk *disk_record(const char *folder) {
    static const struct io_watcher watcher = {.after = watch};
    char path[400];
    struct disk *disk = grown(NULL, sizeof *disk);
    memset(disk, 0, sizeof *disk);
    snprintf(disk->folder, sizeof disk->folder, "%s", folder);
    DIR *entries = opendir(folder);
    if (!entries) stop("can't read the folder");
    for (struct dirent *entry; (entry = readdir(entries));) {
        if (is_volatile(entry->d_name)) continue;
        path_in(path, sizeof path, folder, entry->d_name);
        struct file *file = new_file(disk, entry->d_name);
        file->at_start = true;
        read_file(path, &file->start);
    }
    closedir(entries);
    recording = disk;
    vfs_watch(&watcher);
    return disk;
}

void disk_stop(void) {
    vfs_leave();
    recording = NULL;
}

size_t disk_changes(const struct disk *disk) { return disk->n_changes; }

bool disk_synced_since(const struct disk *disk, size_t from, const char *name) {
    for (size_t i = from; i < disk->n_changes; i++)
        if (disk->changes[i].kind == SYNCED && strcmp(disk->files[disk->changes[i].file].name, name) == 0)
            return true;
    return false;
}

/* --- replaying ----------------------------------------------------------------------------------------- */

void disk_rewind(struct disk *disk) {
    disk->replayed = disk->folder_synced = 0;
    for (size_t i = 0; i < disk->n_files; i++) copy(&disk->files[i].durable, &disk->files[i].start);
}

static bool of_file(const struct change *change, size_t file) {
    return change->file == file && (change->kind == WRITTEN || change->kind == CUT_OFF);
}

static void apply(struct bytes *bytes, const struct change *change) {
    if (change->kind == WRITTEN)
        put(bytes, change->offset, change->data, change->size, 0);
    else
        resize(bytes, change->size, 0);
}

/* The changes of a file's bytes that are not synced are those after this one. */
static size_t last_sync(const struct disk *disk, size_t file) {
    for (size_t i = disk->replayed; i > 0; i--)
        if (disk->changes[i - 1].kind == SYNCED && disk->changes[i - 1].file == file) return i;
    return 0;
}

void disk_advance(struct disk *disk) {
    const struct change *change = &disk->changes[disk->replayed];
    if (change->kind == SYNCED)
        for (size_t i = last_sync(disk, change->file); i < disk->replayed; i++)
            if (of_file(&disk->changes[i], change->file))
                apply(&disk->files[change->file].durable, &disk->changes[i]);
    disk->replayed++;
    if (change->kind == FOLDER_SYNCED) disk->folder_synced = disk->replayed;
}

/* --- what is left -----------------------------------------------------------------------------------------
 */

/* One power cut at work. */
struct loss {
    const struct disk *disk;
    enum power_cut cut;
    size_t torn;  /* CUT_TORN: the change that was under way */
    bool renamed; /* what was renamed last, and not synced by the folder, stays so */
    unsigned char rubbish;
    uint64_t *random;
};

/* Does a sector of a change survive?  Drawn for the change as a whole, unless sectors go each for itself. */
static bool survives(const struct loss *loss, size_t change) {
    switch (loss->cut) {
    case CUT_NOTHING_LOST:
        return true;
    case CUT_ALL_LOST:
        return false;
    case CUT_TORN:
        return change < loss->torn || (change == loss->torn && random_next(loss->random) % 2);
    default:
        return random_next(loss->random) % 2;
    }
}

static void write_sectors(const struct loss *loss, struct bytes *bytes, size_t i) {
    const struct change *change = &loss->disk->changes[i];
    bool whole = loss->cut == CUT_CHANGES, chosen = whole && survives(loss, i);
    for (size_t at = 0, n; at < change->size; at += n) {
        n = SECTOR - (change->offset + at) % SECTOR;
        if (n > change->size - at) n = change->size - at;
        if (whole ? chosen : survives(loss, i))
            put(bytes, change->offset + at, change->data + at, n, loss->rubbish);
    }
}

static void survivors(const struct loss *loss, size_t file, struct bytes *bytes) {
    const struct disk *disk = loss->disk;
    copy(bytes, &disk->files[file].durable);
    for (size_t i = last_sync(disk, file); i < disk->replayed; i++) {
        if (!of_file(&disk->changes[i], file)) continue;
        if (disk->changes[i].kind == WRITTEN)
            write_sectors(loss, bytes, i);
        else if (survives(loss, i))
            resize(bytes, disk->changes[i].size, loss->rubbish);
    }
}

/* Does a file made or deleted stay so? */
static bool entry_survives(const struct loss *loss, size_t change) {
    if (change < loss->disk->folder_synced) return true;
    if (loss->disk->changes[change].kind == RENAMED && loss->cut >= CUT_CHANGES) return loss->renamed;
    return loss->cut == CUT_TORN ? change < loss->torn : survives(loss, change);
}

/* Which file has that name in the end; MAX_FILES: none.  What befell one name comes in order. */
static size_t file_named(const struct loss *loss, const char *name) {
    const struct disk *disk = loss->disk;
    size_t holder = MAX_FILES;
    for (size_t i = 0; i < disk->n_files; i++)
        if (disk->files[i].at_start && strcmp(disk->files[i].name, name) == 0) holder = i;
    for (size_t i = 0; i < disk->replayed; i++) {
        const struct change *change = &disk->changes[i];
        bool entry = change->kind == MADE || change->kind == DELETED || change->kind == RENAMED;
        bool is_new = change->kind == RENAMED && strcmp(disk->files[change->to].name, name) == 0;
        if (!entry || (!is_new && strcmp(disk->files[change->file].name, name) != 0)) continue;
        if (!entry_survives(loss, i)) break;
        holder = is_new || change->kind == MADE ? change->file : MAX_FILES;
    }
    return holder;
}

static bool is_first_of_name(const struct disk *disk, size_t file) {
    for (size_t i = 0; i < file; i++)
        if (strcmp(disk->files[i].name, disk->files[file].name) == 0) return false;
    return true;
}

static void empty_folder(const char *folder) {
    char path[400];
    DIR *entries = opendir(folder);
    if (!entries) stop("can't read the folder");
    for (struct dirent *entry; (entry = readdir(entries));) {
        if (entry->d_name[0] == '.') continue;
        path_in(path, sizeof path, folder, entry->d_name);
        unlink(path);
    }
    closedir(entries);
}

static void write_file(const char *path, const struct bytes *bytes) {
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file < 0 || (bytes->size && write(file, bytes->data, bytes->size) != (ssize_t)bytes->size))
        stop("can't write a file");
    close(file);
}

void disk_lay_down(const struct disk *disk, const char *folder, enum power_cut cut, uint64_t *random) {
    static struct bytes bytes;
    char path[400];
    struct loss loss = {.disk = disk, .cut = cut, .random = random};
    loss.rubbish =
        cut == CUT_NOTHING_LOST || random_next(random) % 2 ? 0 : (unsigned char)random_next(random);
    loss.renamed = random_next(random) % 2;
    loss.torn = disk->replayed ? disk->replayed - 1 - random_next(random) % disk->replayed % 60 : 0;
    empty_folder(folder);
    for (size_t i = 0; i < disk->n_files; i++) {
        if (!is_first_of_name(disk, i)) continue;
        size_t file = file_named(&loss, disk->files[i].name);
        if (file == MAX_FILES) continue;
        survivors(&loss, file, &bytes);
        path_in(path, sizeof path, folder, disk->files[i].name);
        write_file(path, &bytes);
    }
}
