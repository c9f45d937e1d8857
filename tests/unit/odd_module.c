/* SPDX-License-Identifier: Apache-2.0 */
/* Loadable back ends, each wrong in the way that ODD says; modules_test.c loads them. */
#include <tgstore/backend.h>

static tgs_status open_nothing(const tgs_backend_open *open, const tgs_backend_call *call, void **self,
                               uint64_t *capabilities, tgs_error *err) {
    (void)open, (void)call, (void)err;
    static int nothing;
    *self = &nothing;
    *capabilities = 0;
    return TGS_OK;
}

static void close_nothing(void *self, int32_t forked) { (void)self, (void)forked; }

/* Fails without a word of why. */
static tgs_status write_nothing(void *self, const tgs_write *write, const tgs_backend_call *call,
                                tgs_sink *sink, tgs_error *err) {
    (void)self, (void)write, (void)call, (void)sink, (void)err;
    return TGS_E_BACKEND;
}

static const tgs_host *host;

/* Gives a row that nobody asked for. */
static tgs_status read_too_much(void *self, const tgs_query *query, const tgs_backend_call *call,
                                tgs_sink *sink, tgs_error *err) {
    (void)self, (void)query, (void)call;
    tgs_status status = host->row(sink, 1000, &(tgs_kv){.scope = {"s", 1}, .key = {"k", 1}});
    return status < 0 ? host->fail(err, status, NULL, NULL) : TGS_OK;
}

#define NO_ENTRY 1
#define OTHER_ABI 2
#define LACKS_WRITE 3
#define TAKEN 4
#define OTHER_SCHEME 5
#define MUTE 6

static const char *const schemes[] = {ODD == TAKEN ? "memory" : ODD == MUTE ? "mute" : "else", NULL};
static const tgs_backend backend = {.size = sizeof(tgs_backend),
                                    .name = "odd",
                                    .schemes = schemes,
                                    .open = open_nothing,
                                    .close = close_nothing,
                                    .write = ODD == LACKS_WRITE ? NULL : write_nothing,
                                    .read = read_too_much};

#if ODD == NO_ENTRY
#define tgs_backend_entry entry_of_another_name
TGS_API const tgs_backend *entry_of_another_name(uint32_t abi, const tgs_host *the_host);
#endif

const tgs_backend *tgs_backend_entry(uint32_t abi, const tgs_host *the_host) {
    (void)abi;
    host = the_host;
    return ODD == OTHER_ABI ? NULL : &backend;
}
