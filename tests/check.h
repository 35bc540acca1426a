/* SPDX-License-Identifier: BSD-3-Clause
 * check.h - the assertion of unit tests: goes on after a failure, main() returns check_failed
 */
#pragma once
#include "base/base.h"

static int check_failed __attribute__((unused));

#define CHECK(c, ...)                                                                              \
	do {                                                                                       \
		if (!(c)) {                                                                        \
			printf("%s:%d: FAIL %s: ", __FILE__, __LINE__, #c);                        \
			printf(" " __VA_ARGS__);                                                   \
			printf("\n");                                                              \
			check_failed = 1;                                                          \
		}                                                                                  \
	} while (0)
