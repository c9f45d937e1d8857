/* SPDX-License-Identifier: Apache-2.0 */
/* The secrets of one run, in memory that both processes share: who uses them has no copy of them. */
#ifndef TESTS_SECRETS_SECRETS_H
#define TESTS_SECRETS_SECRETS_H

#include <stddef.h>
#include <stdint.h>

#define SECRETS_FILE "tgs-secrets" /* name of the mapping */
#define SECRETS_FD 3               /* where the process that uses them finds it */
#define KEYS 24
#define HASHES 4
#define STRINGS 128
#define URLS 6

struct shared_text {
    size_t len; /* 0: no more */
    char ptr[960];
};

struct secrets {
    char step[64]; /* what was done last, for messages */
    uint8_t keys[KEYS][256];
    uint8_t value[256]; /* of kv */
    char api_hashes[HASHES][32];
    char bad_hash[33]; /* no UTF-8 */
    char password[24];
    struct shared_text strings[STRINGS]; /* session strings */
    struct shared_text urls[URLS];       /* with the password in them */
};

#endif
