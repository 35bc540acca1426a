/* SPDX-License-Identifier: BSD-3-Clause
 * schema.h - the numbered SQL files of ctrl/schema, embedded at build
 */
#pragma once
#include <stddef.h>

extern const char *const schema_sql[]; /* schema_sql[i] leads from version i to i + 1 */
extern const size_t schema_cnt;
