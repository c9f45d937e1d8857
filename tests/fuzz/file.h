/* SPDX-License-Identifier: Apache-2.0 */
/* How an input of the target "file" is a session file and what lies beside it: three lengths, 4 bytes each,
 * little-endian, then the main file, its -wal and its -journal. */
#ifndef FUZZ_FILE_H
#define FUZZ_FILE_H

#include <stddef.h>
#include <stdint.h>

enum { MAIN, WAL, JOURNAL, N_PARTS };
#define PARTS_HEADER ((size_t)4 * N_PARTS)

struct part {
    const uint8_t *bytes;
    size_t size;
};

/* What is beyond the end is not there. */
static inline void unpack_parts(const uint8_t *data, size_t size, struct part parts[N_PARTS]) {
    const uint8_t *at = data + (size < PARTS_HEADER ? size : PARTS_HEADER);
    for (size_t i = 0; i < N_PARTS; i++) {
        size_t left = (size_t)(data + size - at), len = 0;
        for (size_t b = 0; b < 4 && size >= PARTS_HEADER; b++) len |= (size_t)data[4 * i + b] << (8 * b);
        if (len > left) len = left;
        parts[i] = (struct part){at, len};
        at += len;
    }
}

#endif
