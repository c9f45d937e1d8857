/* SPDX-License-Identifier: Apache-2.0 */
/* What mutators share. */
#ifndef FUZZ_MUTATOR_H
#define FUZZ_MUTATOR_H

#include <stddef.h>
#include <stdint.h>

/* libFuzzer's own mutations, for a mutator of ours to fall back on. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed);

struct random {
    uint64_t state;
};

/* Same seed, same numbers (splitmix64). */
static inline uint64_t random_next(struct random *random) {
    uint64_t z = (random->state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* 0 to n - 1; 0 if n is. */
static inline size_t random_below(struct random *random, size_t n) { return n ? random_next(random) % n : 0; }

/* Change up to `n` of the bytes, to values that are likely to matter. */
static inline void change_bytes(struct random *random, uint8_t *bytes, size_t size, size_t n) {
    static const uint8_t special[] = {0, 1, 2, 3, 4, 0x7f, 0x80, 0x81, 0xff, 0xfe, 16, 32};
    for (size_t i = 1 + random_below(random, n); i && size; i--) {
        uint8_t *byte = bytes + random_below(random, size);
        *byte = random_below(random, 2) ? special[random_below(random, sizeof special)]
                                        : (uint8_t)random_next(random);
    }
}

#endif
