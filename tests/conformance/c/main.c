/* SPDX-License-Identifier: Apache-2.0 */
#include "driver.h"

int main(void) { return serve_all(stdin, stdout); }
