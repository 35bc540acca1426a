/* SPDX-License-Identifier: BSD-3-Clause
 * rules.h - the engine that a command wants: --rules (else the shipped ones), --model, --customers, --geo
 *
 * Owner   scan_free() by the caller.
 * Thread  One.
 */
#pragma once
#include "ctrl/cli/cli.h"

struct scanner;

/* NULL after errors, which are on stderr. */
struct scanner *cli_scanner(struct cli *c, bool want_text);
