/* SPDX-License-Identifier: Apache-2.0 */
/* The names below must be found before libc's by all libraries of the program. */
#pragma GCC visibility push(default)

#include "interpose.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

/* What glibc calls its own; the plain names are ours here. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *memory, size_t size);
void __libc_free(void *memory);

static atomic_int armed = -1;
static atomic_long countdown;
static atomic_bool repeat, fired;
static atomic_long live;

void fault_arm(enum fault fault, long n, bool onward) {
    countdown = n;
    repeat = onward;
    fired = false;
    armed = (int)fault;
}

void fault_disarm(void) { armed = -1; }

bool fault_fired(void) { return fired; }

long live_allocations(void) { return live; }

static bool fails(enum fault fault) {
    if (armed != (int)fault) return false;
    long left = --countdown;
    if (left > 0 || (left < 0 && !repeat)) return false;
    fired = true;
    return true;
}

static bool allocation_fails(void) {
    if (!fails(FAULT_ALLOCATION)) return false;
    errno = ENOMEM;
    return true;
}

static void *counted(void *memory) {
    if (memory) live++;
    return memory;
}

void *malloc(size_t size) { return allocation_fails() ? NULL : counted(__libc_malloc(size)); }

void *calloc(size_t n, size_t size) { return allocation_fails() ? NULL : counted(__libc_calloc(n, size)); }

void *realloc(void *memory, size_t size) {
    if (allocation_fails()) return NULL;
    if (!memory) return counted(__libc_malloc(size));
    void *moved = __libc_realloc(memory, size);
    if (!moved && size == 0) live--;
    return moved;
}

void free(void *memory) {
    if (memory) live--;
    __libc_free(memory);
}

/* The disk is full.  Meson makes off_t 64 bits wide, so pwrite and ftruncate here are the pwrite64 and
 * ftruncate64 that SQLite calls. */
static bool write_fails(void) {
    if (!fails(FAULT_FILE_WRITE)) return false;
    errno = ENOSPC;
    return true;
}

ssize_t pwrite(int fd, const void *from, size_t n, off_t at) {
    static ssize_t (*next)(int, const void *, size_t, off_t);
    if (!next) next = (ssize_t(*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite64");
    return write_fails() ? -1 : next(fd, from, n, at);
}

int ftruncate(int fd, off_t size) {
    static int (*next)(int, off_t);
    if (!next) next = (int (*)(int, off_t))dlsym(RTLD_NEXT, "ftruncate64");
    return write_fails() ? -1 : next(fd, size);
}

/* Nothing here cuts the power, so waiting for the disk would only cost time. */
int fsync(int fd) {
    (void)fd;
    return write_fails() ? -1 : 0;
}

int fdatasync(int fd) { return fsync(fd); }
