/* SPDX-License-Identifier: BSD-3-Clause
 * help.c - help and did-you-mean, from the tables
 */
#include "ctrl/cli/cli.h"

static void
print_option(FILE *f, const struct cli_option_row *o)
{
	char left[64], letter[8] = "";

	if (o->letter)
		snprintf(letter, sizeof(letter), "-%c, ", o->letter);
	snprintf(left, sizeof(left), "%s%s%s%s", letter, o->name, *o->value ? " " : "", o->value);
	fprintf(f, "  %-22s %s\n", left, o->help);
}

static void
print_command(FILE *f, const struct cli_command *k)
{
	fprintf(f, "weirctl %s%s%s%s\n  %s\n", k->name, *k->args ? " " : "", k->args,
	        k->options ? " [OPTIONS]" : "", k->help);
	for (int i = GLOBAL_OPTIONS; i < OPTIONS; i++)
		if (k->options >> i & 1)
			print_option(f, &cli_options[i]);
	fprintf(f, "  example: weirctl %s\n", k->example);
}

static void
print_globals(FILE *f)
{
	fputs("with every command:\n", f);
	for (int i = 0; i < GLOBAL_OPTIONS; i++)
		print_option(f, &cli_options[i]);
}

void
cli_help(FILE *f)
{
	fputs("weirctl - looks at and steers weir\n\n", f);
	for (size_t i = 0; i < cli_command_cnt; i++) {
		char left[64];

		snprintf(left, sizeof(left), "%s %s", cli_commands[i].name, cli_commands[i].args);
		fprintf(f, "  %-22s %s\n", left, cli_commands[i].help);
	}
	fputc('\n', f);
	print_globals(f);
	fputs("exit status: 0 good, 1 an error, 2 usage, 3 the daemon cannot be reached, 10 scan "
	      "of "
	      "one file: not delivered\n",
	      f);
}

static bool
begins_with(const char *name, const char *word)
{
	size_t n = strlen(word);

	return !strncmp(name, word, n) && (name[n] == 0 || name[n] == ' ');
}

void
cli_help_matching(FILE *f, const char *word)
{
	bool any = false;

	for (size_t i = 0; i < cli_command_cnt; i++) {
		if (!begins_with(cli_commands[i].name, word))
			continue;
		print_command(f, &cli_commands[i]);
		any = true;
	}
	if (any)
		print_globals(f);
}

#define WORD_MAX 40

/* Damerau and Levenshtein, restricted: a pair is swapped once. Longer than WORD_MAX is far from everything. */
unsigned
cli_distance(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);
	unsigned d[WORD_MAX + 1][WORD_MAX + 1];

	if (n > WORD_MAX || m > WORD_MAX)
		return WORD_MAX;
	for (size_t i = 0; i <= n; i++)
		for (size_t k = 0; k <= m; k++) {
			unsigned best;

			if (i == 0 || k == 0) {
				d[i][k] = (unsigned)(i + k);
				continue;
			}
			best = d[i - 1][k - 1] + (a[i - 1] != b[k - 1]);
			best = MIN(best, MIN(d[i - 1][k], d[i][k - 1]) + 1);
			if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
				best = MIN(best, d[i - 2][k - 2] + 1);
			d[i][k] = best;
		}
	return d[n][m];
}

const char *
cli_nearest(const char *word)
{
	unsigned least = strlen(word) < 5 ? 2 : 3; /* distances below it count */
	const char *best = NULL;

	for (size_t i = 0; i < cli_command_cnt; i++) {
		const char *name = cli_commands[i].name;
		unsigned d = begins_with(name, word) ? 0 : cli_distance(word, name);

		if (d < least) {
			least = d;
			best = name;
		}
	}
	return best;
}
