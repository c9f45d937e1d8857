/* SPDX-License-Identifier: Apache-2.0 */
#include "made_text.h"

#include <string.h>

#include "allocator.h"
#include "wipe.h"

struct tgs_text {
    size_t len;
    char bytes[];
};

tgs_text *made_text_new(tgs_str text) {
    tgs_text *made = mem_alloc(sizeof *made + text.len + 1);
    if (!made) return NULL;
    made->len = text.len;
    if (text.len) memcpy(made->bytes, text.ptr, text.len);
    made->bytes[text.len] = '\0';
    return made;
}

TGS_API tgs_str tgs_text_str(const tgs_text *text) {
    return text ? (tgs_str){text->bytes, text->len} : (tgs_str){NULL, 0};
}

TGS_API void tgs_text_free(tgs_text *text) {
    if (!text) return;
    wipe(text->bytes, text->len);
    mem_free(text);
}
