/* SPDX-License-Identifier: Apache-2.0 */
/* Text that is given to the caller to own. */
#ifndef CAPI_MADE_TEXT_H
#define CAPI_MADE_TEXT_H

#include "tgstore.h"

/* A copy of `text`, overwritten when it is freed.  NULL: out of memory. */
tgs_text *made_text_new(tgs_str text);

#endif
