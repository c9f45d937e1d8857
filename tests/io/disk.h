/* SPDX-License-Identifier: Apache-2.0 */
/* What may be on the disk after a power cut.
 *
 * While a store is used through the VFS, each change of its files is recorded.  Then, for any moment of that
 * time, the files are laid down as a power cut could have left them: what was synced is there, and of what
 * was not, any part: sectors of a write may be old or new each for itself, a file that has grown may hold
 * rubbish, one that was made or deleted may be absent or there again.  What is mapped (-shm) is gone.  A
 * sync makes a file's bytes durable, but its entry in the folder only a sync of the folder does. */
#ifndef TESTS_IO_DISK_H
#define TESTS_IO_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct disk;

/* Record from now on; what is in the folder is on the disk. */
struct disk *disk_record(const char *folder);
void disk_stop(void);
void disk_free(struct disk *disk);
/* Changes recorded so far. */
size_t disk_changes(const struct disk *disk);
/* Was the file of that name synced among the changes from `from` on? */
bool disk_synced_since(const struct disk *disk, size_t from, const char *name);

/* Begin anew with the state before the first change. */
void disk_rewind(struct disk *disk);
/* Do one change more. */
void disk_advance(struct disk *disk);

enum power_cut {
    CUT_NOTHING_LOST, /* only the process was killed */
    CUT_ALL_LOST,     /* nothing that was not synced */
    CUT_TORN,         /* changes up to one, of which some sectors */
    CUT_CHANGES,      /* any changes, each whole */
    CUT_SECTORS,      /* any sectors of any changes */
    CUTS
};
/* Lay the files down in that folder, in place of those that are there. */
void disk_lay_down(const struct disk *disk, const char *folder, enum power_cut cut, uint64_t *random);

uint64_t random_next(uint64_t *random); /* of a seed that is not 0 */

#endif
