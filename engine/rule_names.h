/* SPDX-License-Identifier: BSD-3-Clause
 * rule_names.h - names of rules by number, append-only, for the life of the process
 *
 * Why     A log record or a verdict may outlive the generation that made it (decisions.md 1): the number still has its name.
 * Owner   The process.
 * Thread  rule_name_intern(): builders, under a lock. engine_rule_name(): any; the count is published with release after the
 *         entry is written, and read with acquire.
 * Limit   RULE_NAMES_MAX; past it the number is 0, whose name is "".
 */
#pragma once
#include "base/base.h"

#define RULE_NAMES_MAX (1u << 20)

uint32_t rule_name_intern(struct span name);
