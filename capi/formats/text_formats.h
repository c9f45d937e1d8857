/* SPDX-License-Identifier: Apache-2.0 */
/* Session strings: one table of their layouts, read and written by the same code. */
#ifndef FORMATS_TEXT_FORMATS_H
#define FORMATS_TEXT_FORMATS_H

#include "snapshot.h"

/* Read a string without white space around it.  Errors: INVALID, UNSUPPORTED. */
tgs_status text_formats_read(tgs_str text, tgs_snapshot **out, tgs_error *err);

/* Name of the client whose strings look like this, if it is one that can't be read; else NULL. */
const char *foreign_text(tgs_str text, tgs_bytes decoded);

#define TEXT_FORMATS_READABLE "Telethon, Pyrogram, Kurigram, mtgo and GramJS"

#endif
