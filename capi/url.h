/* SPDX-License-Identifier: Apache-2.0 */
/* Store URLs: "scheme:target?key=value&key=value". */
#ifndef CAPI_URL_H
#define CAPI_URL_H

#include "arena.h"

struct url {
    tgs_str scheme;
    tgs_str target;      /* as given */
    tgs_str path;        /* %XX decoded, terminated */
    tgs_option *options; /* decoded; those of the URL first, then the caller's */
    size_t n_options;
    struct arena arena; /* holds all of it; secret */
};

/* Take `text` apart, after resolving "env:NAME" and "@FILE". */
tgs_status url_parse(struct url *url, tgs_str text, const tgs_option *options, size_t n_options,
                     tgs_error *err);
void url_free(struct url *url);

/* Take the last option `key` out of the list: true if it was there. */
bool url_take_option(struct url *url, const char *key, tgs_str *value);

#endif
