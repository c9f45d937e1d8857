/* SPDX-License-Identifier: Apache-2.0 */
#include "scan.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_MAPPINGS 512
#define STRIDE 64 /* after a hit outside of the heaps, where nothing says how long it is */

struct mapping {
    uint64_t begin, end;
    bool readable, writable;
    char name[200];
};

struct scan {
    pid_t pid;
    int memory;
    const struct patterns *patterns;
    on_hit *tell;
    void *context;
    struct mapping mappings[MAX_MAPPINGS];
    size_t n_mappings;
};

static void read_mappings(struct scan *scan) {
    char path[64], line[512];
    snprintf(path, sizeof path, "/proc/%d/maps", (int)scan->pid);
    FILE *maps = fopen(path, "re");
    if (!maps) abort();
    while (fgets(line, sizeof line, maps)) {
        if (scan->n_mappings == MAX_MAPPINGS) abort();
        struct mapping *mapping = &scan->mappings[scan->n_mappings++];
        char rights[5];
        *mapping = (struct mapping){0};
        if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %*s %*s %*s %199[^\n]", &mapping->begin, &mapping->end,
                   rights, mapping->name) < 3)
            abort();
        mapping->readable = rights[0] == 'r';
        mapping->writable = rights[1] == 'w';
    }
    fclose(maps);
}

static const char *mapping_at(const struct scan *scan, uint64_t address) {
    for (size_t i = 0; i < scan->n_mappings; i++)
        if (address >= scan->mappings[i].begin && address < scan->mappings[i].end)
            return scan->mappings[i].name;
    return "";
}

static bool is_kept(const struct mapping *mapping, const char *name) {
    static const char prefix[] = "/memfd:";
    return strncmp(mapping->name, prefix, strlen(prefix)) == 0 &&
           strncmp(mapping->name + strlen(prefix), name, strlen(name)) == 0;
}

static bool read_memory(const struct scan *scan, uint64_t address, void *to, uint64_t size) {
    for (uint64_t done = 0; done < size;) {
        ssize_t n = pread(scan->memory, (char *)to + done, size - done, (off_t)(address + done));
        if (n <= 0) return false;
        done += (uint64_t)n;
    }
    return true;
}

static void look_into_heap(const struct scan *scan, const struct mapping *mapping, const uint8_t *bytes,
                           uint64_t used) {
    struct kept_chunk chunk;
    for (uint64_t at = sizeof(struct kept); at < used; at += sizeof chunk + chunk.size) {
        memcpy(&chunk, bytes + at, sizeof chunk);
        const uint8_t *begin = bytes + at + sizeof chunk;
        struct found found = patterns_find(scan->patterns, begin, chunk.size, 0);
        if (!found.name) continue;
        struct hit hit = {mapping->name, mapping->begin + at + sizeof chunk + found.at,
                          found.name,    found.form,
                          chunk,         mapping_at(scan, chunk.caller)};
        scan->tell(scan->context, &hit);
    }
}

static void look_into(const struct scan *scan, const struct mapping *mapping, const uint8_t *bytes,
                      uint64_t size) {
    for (struct found found = {.at = 0};; found.at += STRIDE) {
        found = patterns_find(scan->patterns, bytes, size, found.at);
        if (!found.name) return;
        struct hit hit = {.mapping = mapping->name,
                          .address = mapping->begin + found.at,
                          .secret = found.name,
                          .form = found.form,
                          .caller = ""};
        scan->tell(scan->context, &hit);
    }
}

static void scan_mapping(const struct scan *scan, const struct mapping *mapping) {
    bool heap = is_kept(mapping, KEPT_HEAP) || is_kept(mapping, KEPT_SQLITE);
    uint64_t size = mapping->end - mapping->begin;
    struct kept kept;
    if (heap && !read_memory(scan, mapping->begin, &kept, sizeof kept)) abort();
    if (heap) size = kept.used;
    uint8_t *bytes = malloc(size);
    if (!bytes) abort();
    if (read_memory(scan, mapping->begin, bytes, size)) { /* not what only the kernel reads */
        if (heap)
            look_into_heap(scan, mapping, bytes, size);
        else
            look_into(scan, mapping, bytes, size);
    }
    free(bytes);
}

void scan_process(pid_t pid, const struct patterns *patterns, enum depth depth, const char *without,
                  on_hit *tell, void *context) {
    char path[64];
    struct scan scan = {.pid = pid, .patterns = patterns, .tell = tell, .context = context};
    snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
    scan.memory = open(path, O_RDONLY | O_CLOEXEC);
    if (scan.memory < 0) abort();
    read_mappings(&scan);
    for (size_t i = 0; i < scan.n_mappings; i++) {
        const struct mapping *mapping = &scan.mappings[i];
        if (!mapping->readable || is_kept(mapping, without)) continue;
        if (depth == ALL || (mapping->writable && !is_kept(mapping, KEPT_SQLITE)))
            scan_mapping(&scan, mapping);
    }
    close(scan.memory);
}
