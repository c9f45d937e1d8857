/* SPDX-License-Identifier: Apache-2.0 */
/* Back ends by URL scheme: the built-in ones and loaded modules. */
#ifndef CAPI_MODULES_H
#define CAPI_MODULES_H

#include "tgstore/backend.h"

/* The back end that serves `scheme`, looked for in the module folders if nobody has it
 * yet.  Lives for ever. */
tgs_status module_find(tgs_str scheme, const tgs_backend **backend, tgs_error *err);

#endif
