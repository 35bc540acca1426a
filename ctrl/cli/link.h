/* SPDX-License-Identifier: BSD-3-Clause
 * link.h - one question to the daemon and its answer; the same for commands that need none
 *
 * Errors  Everything that went wrong is on stderr when a call returns; the status says what weirctl ends with.
 */
#pragma once
#include "ctrl/cli/cli.h"

/* Takes request. EXIT_OK: *reply is the caller's, whatever its "ok" says. timeout_s: 0 waits for ever. */
int link_ask(const struct cli *c, json_t *request, unsigned timeout_s, json_t **reply);

/* Says nothing; NULL when no daemon answers. Takes request. */
json_t *link_ask_quiet(const struct cli *c, json_t *request, unsigned timeout_s);

/* As link_ask(), and a reply that is not ok: errors printed, EXIT_ERROR. With --json the reply is printed, whatever it says. */
int link_ask_ok(const struct cli *c, json_t *request, unsigned timeout_s, json_t **reply);

/* Tells a daemon, if one runs, that the store changed. True when one does. Says nothing. */
bool link_nudge(const struct cli *c);

/* Offline, with the configuration of --config. Takes request. */
int link_offline(const struct cli *c, json_t *request, json_t **reply);

/* The same, and a good reply is not printed even with --json. */
int link_offline_quiet(const struct cli *c, json_t *request, json_t **reply);

/* One line. */
void link_print_json(const json_t *j);
