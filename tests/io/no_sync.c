/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing in this program cuts the power, so waiting for the disk would only cost time.  SQLite's own calls
 * of the C library's functions come here. */
#include <unistd.h>

__attribute__((visibility("default"))) int fsync(int descriptor) { return descriptor < 0 ? -1 : 0; }

__attribute__((visibility("default"))) int fdatasync(int descriptor) { return fsync(descriptor); }
