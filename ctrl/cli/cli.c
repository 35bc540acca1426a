/* SPDX-License-Identifier: BSD-3-Clause
 * cli.c - the command line: options may stand anywhere, `--` ends them
 */
#include "ctrl/cli/cli.h"

const struct cli_option_row cli_options[OPTIONS] = {
#define OPTION(name, text, letter, value, help) { text, letter, value, help },
#include "ctrl/cli/options.def"
#undef OPTION
};

const struct cli_command cli_commands[] = {
#define CLI(fn, name, args, least, most, options, help, example)                                   \
	{ fn, name, args, least, most, options, help, example },
#include "ctrl/cli/commands.def"
#undef CLI
};
const size_t cli_command_cnt = ARRAY_LEN(cli_commands);

bool
cli_has(const struct cli *c, enum cli_option o)
{
	return cli_value(c, o) != NULL;
}

const char *
cli_value(const struct cli *c, enum cli_option o)
{
	for (size_t i = c->given_cnt; i-- > 0;)
		if (c->given[i].option == o)
			return c->given[i].value;
	return NULL;
}

const char *
cli_config_path(const struct cli *c)
{
	const char *given = cli_value(c, OPT_CONFIG);

	if (!given)
		given = getenv("WEIR_CONFIG");
	return given && *given ? given : NULL;
}

const char *
cli_verb(const struct cli *c)
{
	const char *space = strchr(c->command->name, ' ');

	return space ? space + 1 : "";
}

/* "--name", "--name=value", "-w"; -1: none of ours. *value: behind '=', or NULL. */
static int
find_option(const char *arg, const char **value)
{
	const char *eq = strchr(arg, '=');
	size_t n = eq ? (size_t)(eq - arg) : strlen(arg);

	*value = eq ? eq + 1 : NULL;
	for (int i = 0; i < OPTIONS; i++) {
		const struct cli_option_row *o = &cli_options[i];

		if (strlen(o->name) == n && !memcmp(o->name, arg, n))
			return i;
		if (o->letter && arg[1] == o->letter && !arg[2])
			return i;
	}
	return -1;
}

static bool
unknown_option(const char *arg)
{
	const char *best = NULL;
	unsigned least = 3;

	for (int i = 0; i < OPTIONS; i++)
		if (cli_distance(arg, cli_options[i].name) < least) {
			least = cli_distance(arg, cli_options[i].name);
			best = cli_options[i].name;
		}
	fprintf(stderr, "weirctl: no option %s", arg);
	if (best)
		fprintf(stderr, "; did you mean %s?", best);
	fputc('\n', stderr);
	return false;
}

/* Sorts argv into options and words. */
static bool
split(struct cli *c, int argc, char **argv)
{
	bool is_ended = false;

	for (int i = 1; i < argc; i++) {
		const char *value;
		int o;

		if (is_ended || argv[i][0] != '-' || !argv[i][1]) {
			c->words[c->word_cnt++] = argv[i];
			continue;
		}
		if (!strcmp(argv[i], "--")) {
			is_ended = true;
			continue;
		}
		o = find_option(argv[i], &value);
		if (o < 0)
			return unknown_option(argv[i]);
		if (!*cli_options[o].value && value) {
			fprintf(stderr, "weirctl: %s takes no value\n", cli_options[o].name);
			return false;
		}
		if (*cli_options[o].value && !value) {
			if (i + 1 == argc) {
				fprintf(stderr, "weirctl: %s wants %s\n", cli_options[o].name,
				        cli_options[o].value);
				return false;
			}
			value = argv[++i];
		}
		c->given[c->given_cnt++] =
		        (struct cli_given){ (enum cli_option)o, value ? value : "" };
	}
	return true;
}

/* Words of the command's name that the line begins with, 0: it is another command. */
static size_t
match(const struct cli_command *k, const struct cli *c)
{
	const char *space = strchr(k->name, ' ');
	size_t n = space ? (size_t)(space - k->name) : strlen(k->name);

	if (c->word_cnt == 0 || strlen(c->words[0]) != n || memcmp(c->words[0], k->name, n) != 0)
		return 0;
	if (!space)
		return 1;
	return c->word_cnt > 1 && !strcmp(c->words[1], space + 1) ? 2 : 0;
}

static bool
find_command(struct cli *c)
{
	for (size_t i = 0; i < cli_command_cnt; i++) {
		size_t n = match(&cli_commands[i], c);

		if (n == 0)
			continue;
		c->command = &cli_commands[i];
		memmove(c->words, c->words + n, (c->word_cnt - n) * sizeof(c->words[0]));
		c->word_cnt -= n;
		return true;
	}
	return false;
}

/* Designed and not built: said by name, so that nobody looks for a typing error. */
static bool
is_planned(const char *word)
{
	static const char *const words[] = { "top",     "runtime", "trace",   "rollback", "stage",
		                             "feed",    "mx",      "session", "doctor",   "db",
		                             "mailbox", "route",   "profile", "rule" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (!strcmp(words[i], word))
			return true;
	return false;
}

static bool
unknown_command(const struct cli *c)
{
	char word[128];
	const char *near;

	snprintf(word, sizeof(word), "%s%s%s", c->words[0], c->word_cnt > 1 ? " " : "",
	         c->word_cnt > 1 ? c->words[1] : "");
	if (is_planned(c->words[0])) {
		fprintf(stderr, "weirctl: %s is not there yet\n", c->words[0]);
		return false;
	}
	near = cli_nearest(word);
	if (!near)
		near = cli_nearest(c->words[0]);
	fprintf(stderr, "weirctl: no command \"%s\"", word);
	if (near)
		fprintf(stderr, "; did you mean \"%s\"?", near);
	fputs("\n", stderr);
	cli_help_matching(stderr, c->words[0]);
	fputs("weirctl --help lists all\n", stderr);
	return false;
}

static bool
check_bounds(const struct cli *c)
{
	const struct cli_command *k = c->command;

	for (size_t i = 0; i < c->given_cnt; i++) {
		enum cli_option o = c->given[i].option;

		if (o < GLOBAL_OPTIONS || k->options >> o & 1)
			continue;
		fprintf(stderr, "weirctl %s: no option %s\n", k->name, cli_options[o].name);
		return false;
	}
	if (c->word_cnt >= k->least && c->word_cnt <= k->most)
		return true;
	if (c->word_cnt < k->least)
		fprintf(stderr, "weirctl %s: wants %s\n", k->name, k->args);
	else
		fprintf(stderr, "weirctl %s: too much: \"%s\"\n", k->name, c->words[k->most]);
	fprintf(stderr, "example: weirctl %s\n", k->example);
	return false;
}

bool
cli_parse(struct cli *c, int argc, char **argv)
{
	*c = (struct cli){ 0 };
	c->words = calloc((size_t)argc + 1, sizeof(c->words[0]));
	c->given = calloc((size_t)argc + 1, sizeof(c->given[0]));
	BUG_ON(!c->words || !c->given);
	if (!split(c, argc, argv))
		return false;
	if (c->word_cnt == 0 || !strcmp(c->words[0], "help"))
		return true;
	if (!find_command(c)) {
		/* `weirctl ban --help` lists what begins with ban */
		return cli_has(c, OPT_HELP) && cli_nearest(c->words[0]) ? true : unknown_command(c);
	}
	return cli_has(c, OPT_HELP) || cli_has(c, OPT_VERSION) || check_bounds(c);
}

void
cli_fini(struct cli *c)
{
	free(c->words);
	free(c->given);
}

static int
run(struct cli *c)
{
	if (cli_has(c, OPT_VERSION)) {
		puts(cli_has(c, OPT_JSON)
		             ? "{\"program\":\"weirctl\",\"version\":\"" PROTOCOL_VERSION "\"}"
		             : "weirctl " PROTOCOL_VERSION);
		return EXIT_OK;
	}
	if (c->command && cli_has(c, OPT_HELP)) {
		cli_help_matching(stdout, c->command->name);
		return EXIT_OK;
	}
	if (c->command)
		return c->command->run(c);
	if (c->word_cnt == 0 && !cli_has(c, OPT_HELP)) {
		cli_help(stderr);
		return EXIT_USAGE;
	}
	if (c->word_cnt > 0 && strcmp(c->words[0], "help") != 0)
		cli_help_matching(stdout, c->words[0]);
	else if (c->word_cnt > 1)
		cli_help_matching(stdout, c->words[1]);
	else
		cli_help(stdout);
	return EXIT_OK;
}

int
cli_main(int argc, char **argv)
{
	int rc = EXIT_USAGE;
	struct cli c;

	if (cli_parse(&c, argc, argv))
		rc = run(&c);
	cli_fini(&c);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, "weirctl: standard output: %s\n", strerror(errno));
		return EXIT_ERROR;
	}
	return rc;
}
