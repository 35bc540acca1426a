/* SPDX-License-Identifier: BSD-3-Clause
 * cli_commands.c - every command of weirctl, a row each
 */
#include "ctrl/cli/cli.h"

/* clang-format off */
static const struct opt ban_opts[] = {
	{ "--for", "seconds", OPT_SECONDS, "TIME", "how long: 30s, 5m, 1h, 7d; without it until `ban del`" },
	{ "--why", "why",     OPT_TEXT,    "TEXT", "a note for the list" },
	{ NULL }
};
static const struct opt capture_opts[] = {
	{ "--count",   "count",   OPT_NUMBER,  "N",    "end after N frames" },
	{ "--seconds", "seconds", OPT_SECONDS, "S",    "end after this time (10 s)" },
	{ "-w",        "path",    OPT_PATH,    "FILE", "the pcapng file; written by the daemon, as its user" },
	{ NULL }
};
static const struct opt drain_opts[] = {
	{ "--wait", "wait", OPT_FLAG, NULL, "return when the last session has ended" },
	{ NULL }
};
static const struct opt mailbox_opts[] = {
	{ "--flush", "flush", OPT_FLAG, NULL, "forget what the customer's server answered for it" },
	{ NULL }
};
static const struct opt import_opts[] = {
	{ "--replace", "replace", OPT_FLAG, NULL, "customers that the file does not name go" },
	{ NULL }
};
static const struct opt export_opts[] = {
	{ "-o", "output", OPT_TEXT, "FILE", "write here instead of standard output" },
	{ NULL }
};
static const struct opt scan_opts[] = {
	{ "--ip",        "ip",        OPT_TEXT, "ADDR",  "address of the sender" },
	{ "--helo",      "helo",      OPT_TEXT, "NAME",  "its HELO" },
	{ "--from",      "from",      OPT_TEXT, "ADDR",  "envelope sender" },
	{ "--rcpt",      "rcpt",      OPT_TEXT, "ADDR",  "envelope recipient: its customer's profile decides" },
	{ "--rules",     "rules",     OPT_TEXT, "DIR",   "rules and lists (/etc/weir/rules.d, or the source tree's)" },
	{ "--model",     "model",     OPT_TEXT, "FILE",  "learned model" },
	{ "--geo",       "geo",       OPT_TEXT, "FILE",  "country database" },
	{ "--customers", "customers", OPT_TEXT, "FILE",  "customers as JSON" },
	{ "--batch",     "batch",     OPT_TEXT, "LIST",  "names of mail files, one a line (- is standard input)" },
	{ "--text",      "text",      OPT_FLAG, NULL,    "the visible text, folded, too" },
	{ "--explain",   "explain",   OPT_FLAG, NULL,    "rules, URLs and parts for people (without it one line a file)" },
	{ NULL }
};
static const struct opt none[] = { { NULL } };

static const struct command commands[] = {
	{ "status", "", "", { NULL }, 0, 0, none, run_daemon, print_status, "version, generation, sessions, mails, memory" },
	{ "errors", "", "", { NULL }, 0, 0, none, run_daemon, print_errors, "every counter of trouble that is not zero, with a hint" },
	{ "reload", "", "", { NULL }, 0, 0, none, run_daemon, print_reload, "read configuration, customers and rules again; refused whole when something is wrong" },
	{ "check", "", "", { NULL }, 0, 0, none, run_offline, NULL, "would that configuration, with its store and rules, start? (no daemon)" },
	{ "scan", "", "FILE...", { NULL }, 0, 100000, scan_opts, run_scan, NULL, "judge mail files with the relay's engine (no daemon)" },
	{ "why", "", "ID", { "id" }, 1, 1, none, run_daemon, print_why, "what happened to a mail or session" },
	{ "ban", "add", "PREFIX", { "prefix" }, 1, 1, ban_opts, run_daemon, NULL, "turn a prefix away at its SYN" },
	{ "ban", "del", "PREFIX", { "prefix" }, 1, 1, none, run_daemon, NULL, "take a ban away" },
	{ "ban", "list", "", { NULL }, 0, 0, none, run_daemon, print_bans, "all bans" },
	{ "capture", "", "FILTER", { "filter" }, 1, 1, capture_opts, run_daemon, print_capture, "frames of the ports into a pcapng file" },
	{ "customer", "import", "FILE", { "file" }, 1, 1, import_opts, run_import, print_import, "merge customers by id (works without the daemon)" },
	{ "customer", "export", "", { NULL }, 0, 0, export_opts, run_export, NULL, "all customers in the import format" },
	{ "customer", "list", "", { NULL }, 0, 0, none, run_offline, print_customers, "a line a customer" },
	{ "customer", "show", "ID", { "id" }, 1, 1, none, run_offline, print_customer, "one customer" },
	{ "customer", "del", "ID", { "id" }, 1, 1, none, run_offline, NULL, "remove a customer" },
	{ "lookup", "mailbox", "ADDRESS", { "key" }, 1, 1, mailbox_opts, run_daemon, print_lookup, "whose it is, how its mail goes" },
	{ "lookup", "ip", "ADDRESS", { "key" }, 1, 1, none, run_daemon, print_lookup, "lists and country of an address" },
	{ "lookup", "domain", "NAME", { "key" }, 1, 1, none, run_daemon, print_lookup, "lists of a domain, and whose it is" },
	{ "lookup", "url", "URL", { "key" }, 1, 1, none, run_daemon, print_lookup, "lists of a URL" },
	{ "drain", "", "", { NULL }, 0, 0, drain_opts, run_drain, NULL, "refuse new work, finish what was accepted" },
	{ "undrain", "", "", { NULL }, 0, 0, none, run_undrain, NULL, "take new work again" },
	{ "config", "explain", "KEY", { "key" }, 1, 1, none, run_offline, print_text, "one key of the configuration" },
	{ "config", "reference", "", { NULL }, 0, 0, none, run_offline, print_text, "all keys, as docs/configuration.md" },
};
/* clang-format on */

const struct command *
commands_all(size_t *cnt)
{
	*cnt = ARRAY_LEN(commands);
	return commands;
}
