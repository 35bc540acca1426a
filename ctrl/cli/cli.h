/* SPDX-License-Identifier: BSD-3-Clause
 * cli.h - weirctl: words and options to a row of commands.def
 *
 * Why     A command is a row and a function; options, help and bounds come from the tables.
 * Owner   struct cli points into argv.
 * Thread  One.
 * Errors  A usage error is a text on stderr and EXIT_USAGE.
 */
#pragma once
#include "base/base.h"
#include "ctrl/protocol.h"

enum cli_option {
#define OPTION(name, text, letter, value, help) OPT_##name,
#include "ctrl/cli/options.def"
#undef OPTION
	OPTIONS
};

#define GLOBAL_OPTIONS 5 /* the first rows of options.def */
#define BIT(name)      (1u << OPT_##name)
#define ANY            UINT32_MAX
static_assert(OPTIONS <= 32, "a bit each");

struct cli;

struct cli_command {
	int (*run)(struct cli *c); /* exit status */
	const char *name;          /* "ban add" */
	const char *args;
	uint32_t least, most, options;
	const char *help, *example;
};

struct cli_option_row {
	const char *name;
	char letter;
	const char *value, *help;
};

struct cli_given {
	enum cli_option option;
	const char *value;
};

struct cli {
	const struct cli_command *command;
	const char **words; /* arguments, without the command's own words */
	size_t word_cnt;
	struct cli_given *given; /* in the order of the command line */
	size_t given_cnt;
};

extern const struct cli_command cli_commands[];
extern const size_t cli_command_cnt;
extern const struct cli_option_row cli_options[OPTIONS];

/* The whole program. */
int cli_main(int argc, char **argv);

/* Fills c; false after a usage error, said on stderr. Without any command: c->command is NULL. cli_fini() either way. */
bool cli_parse(struct cli *c, int argc, char **argv);
void cli_fini(struct cli *c);
bool cli_has(const struct cli *c, enum cli_option o);
/* The last one given, NULL without. */
const char *cli_value(const struct cli *c, enum cli_option o);
/* --config, WEIR_CONFIG; NULL when neither names one. */
const char *cli_config_path(const struct cli *c);
/* Second word of the command: "add"; "" without. */
const char *cli_verb(const struct cli *c);

/* help.c */
void cli_help(FILE *f);                              /* all commands */
void cli_help_matching(FILE *f, const char *word);   /* those that begin with this word */
const char *cli_nearest(const char *word);           /* the command meant, or NULL */
unsigned cli_distance(const char *a, const char *b); /* letters to change, add, drop or swap */

/* The functions of commands.def. */
#define CLI(fn, ...) int fn(struct cli *c);
#include "ctrl/cli/commands.def"
#undef CLI
