/* SPDX-License-Identifier: BSD-3-Clause
 * weirctl_line.h - weirctl in the test's own process, from a line of words
 */
#pragma once
#include "ctrl/cli/cli.h"

#define LINE_WORDS_MAX 32

static int
weirctl(const char *line)
{
	char copy[1024], *argv[LINE_WORDS_MAX] = { "weirctl" }, *save;
	int argc = 1;

	snprintf(copy, sizeof(copy), "%s", line);
	for (char *w = strtok_r(copy, " ", &save); w && argc < LINE_WORDS_MAX;
	     w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	return cli_main(argc, argv);
}
