/* SPDX-License-Identifier: BSD-3-Clause
 * cli.h - weirctl's parts among themselves: a command is a row; its arguments become a request
 *
 * Why     Options, request, help text and exit status come from one table (commands.def), so a new command is a row, a print
 *         function and, where it is local, a run function.
 * Thread  One.
 * Errors  Exit statuses of ctrl/protocol.h; texts on stderr.
 */
#pragma once
#include "ctrl/protocol.h"

enum opt_kind {
	OPT_FLAG,
	OPT_TEXT,
	OPT_NUMBER,
	OPT_SECONDS, /* "90", "30s", "5m", "1h", "7d" */
	OPT_PATH,    /* made absolute: the daemon has another working directory */
};

struct opt {
	const char *name; /* "--for"; NULL ends the list */
	const char *key;  /* member of the request */
	enum opt_kind kind;
	const char *arg, *help;
};

struct invocation {
	const char *socket, *config;
	bool is_json;
	json_t *request;
	char **args; /* positional ones, NULL at the end */
	int arg_cnt;
};

struct command {
	const char *name, *verb; /* verb "": none */
	const char *args;        /* "PREFIX", "FILE..." */
	const char *keys
	        [2]; /* members for the positional arguments; NULL: the run function reads them */
	int arg_min, arg_max;
	const struct opt *opts;
	int (*run)(struct invocation *v);              /* returns the exit status */
	void (*print)(const json_t *reply, FILE *out); /* for people; NULL: nothing to say */
	const char *summary;
};

const struct command *commands_all(size_t *cnt);

/* ---- cli_daemon.c ---- */

/* One request, one answer; NULL when no daemon answers (said on stderr unless quiet). */
json_t *daemon_ask(const struct invocation *v, const json_t *request, bool quiet);
int run_daemon(struct invocation *v);
int run_drain(struct invocation *v);
int run_undrain(struct invocation *v);

/* ---- cli_offline.c ---- */

int run_offline(struct invocation *v);
int run_import(struct invocation *v);
int run_export(struct invocation *v);

/* ---- cli_scan.c ---- */

int run_scan(struct invocation *v);

/* ---- cli_print.c ---- */

/* Prints the answer as asked and turns it into an exit status. Takes reply. */
int answer_print(const struct invocation *v, const struct command *c, json_t *reply);
const struct command *command_of(const struct invocation *v);
void print_status(const json_t *j, FILE *out);
void print_errors(const json_t *j, FILE *out);
void print_reload(const json_t *j, FILE *out);
void print_bans(const json_t *j, FILE *out);
void print_why(const json_t *j, FILE *out);
void print_capture(const json_t *j, FILE *out);
void print_lookup(const json_t *j, FILE *out);
void print_text(const json_t *j, FILE *out);
void print_import(const json_t *j, FILE *out);
void print_customers(const json_t *j, FILE *out);
void print_customer(const json_t *j, FILE *out);
