/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "session_text.h"

struct tgs_text {
    size_t len;
    char bytes[];
};

tgs_status text_new(tgs_str from, tgs_text **out, tgs_error *err) {
    tgs_text *text = malloc(sizeof *text + from.len + 1);
    if (!text) return error_nomem(err);
    text->len = from.len;
    memcpy(text->bytes, from.ptr, from.len);
    text->bytes[from.len] = '\0';
    *out = text;
    return TGS_OK;
}

TGS_API tgs_str tgs_text_str(const tgs_text *text) {
    return text ? (tgs_str){text->bytes, text->len} : (tgs_str){NULL, 0};
}

TGS_API void tgs_text_free(tgs_text *text) {
    if (!text) return;
    explicit_bzero(text->bytes, text->len);
    free(text);
}
