/* SPDX-License-Identifier: BSD-3-Clause
 * weirctl.c - arguments into a request, by the table of commands
 */
#include "ctrl/cli/cli.h"
#include <limits.h>
#include <unistd.h>

static const char global_help[] =
        "Options of every command\n"
        "  --socket PATH   control socket (WEIR_SOCKET; else the one of --config; "
        "else " PROTOCOL_SOCKET ")\n"
        "  --config FILE   configuration (WEIR_CONFIG; else " PROTOCOL_CONFIG ")\n"
        "  --json          the answer as one JSON object\n"
        "  --help, --version\n"
        "\n"
        "Exit status\n"
        "  0 ok, 1 error, 2 usage, 3 no daemon answers, 10 scan of one file: a verdict other than "
        "deliver\n";

static void
command_line(const struct command *c, char *out, size_t cap)
{
	snprintf(out, cap, "%s%s%s%s%s", c->name, *c->verb ? " " : "", c->verb, *c->args ? " " : "",
	         c->args);
}

static void
print_usage(FILE *f)
{
	size_t cnt;
	const struct command *all = commands_all(&cnt);

	fprintf(f, "Usage: weirctl [OPTION...] COMMAND [ARGUMENT...]\n\nCommands\n");
	for (size_t i = 0; i < cnt; i++) {
		char line[80];

		command_line(&all[i], line, sizeof(line));
		fprintf(f, "  %-24s %s\n", line, all[i].summary);
	}
	fprintf(f, "\n%s\n`weirctl COMMAND --help` tells more.\n", global_help);
}

static void
print_command_help(const struct command *c, FILE *f)
{
	char line[80];

	command_line(c, line, sizeof(line));
	fprintf(f, "Usage: weirctl %s%s\n\n%s.\n\n", line, c->opts[0].name ? " [OPTION...]" : "",
	        c->summary);
	if (c->opts[0].name)
		fprintf(f, "Options\n");
	for (const struct opt *o = c->opts; o->name; o++) {
		char head[40];

		snprintf(head, sizeof(head), "%s%s%s", o->name, o->arg ? " " : "",
		         o->arg ? o->arg : "");
		fprintf(f, "  %-18s %s\n", head, o->help);
	}
	fprintf(f, "%s%s", c->opts[0].name ? "\n" : "", global_help);
}

static bool
parse_seconds(const char *text, int64_t *out)
{
	static const struct {
		const char *unit;
		int64_t factor;
	} units[] = { { "", 1 }, { "s", 1 }, { "m", 60 }, { "h", 3600 }, { "d", 86400 } };
	char *end;
	long long n = strtoll(text, &end, 10);

	if (end == text || n < 0 || n > 100ll * 366 * 86400)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (!strcmp(end, units[i].unit)) {
			*out = n * units[i].factor;
			return true;
		}
	return false;
}

static json_t *
absolute(const char *path)
{
	char cwd[PATH_MAX];
	char *full;
	json_t *j;

	if (*path == '/' || !getcwd(cwd, sizeof(cwd)))
		return json_string(path);
	BUG_ON(asprintf(&full, "%s/%s", cwd, path) < 0);
	j = json_string(full);
	free(full);
	return j;
}

/* The option's value as a member; NULL when it is no good. */
static json_t *
option_value(const struct opt *o, const char *text)
{
	int64_t n;
	char *end;

	switch (o->kind) {
	case OPT_FLAG:
		return json_true();
	case OPT_TEXT:
		return json_string(text);
	case OPT_PATH:
		return absolute(text);
	case OPT_NUMBER:
		n = strtoll(text, &end, 10);
		return end == text || *end || n < 0 ? NULL : json_integer(n);
	case OPT_SECONDS:
		return parse_seconds(text, &n) ? json_integer(n) : NULL;
	}
	return NULL;
}

struct parser {
	struct invocation v;
	const struct command *command;
	char **argv;
	int at, argc;
	bool wants_help;
	bool is_rest; /* after "--": no options */
};

/* "--for 1h" and "--for=1h". The value, or NULL when it is missing. */
static const char *
value_of(struct parser *p, const char *name)
{
	const char *a = p->argv[p->at];
	size_t n = strlen(name);

	if (a[n] == '=')
		return a + n + 1;
	return p->at + 1 < p->argc ? p->argv[++p->at] : NULL;
}

static bool
is_option(const char *arg, const char *name)
{
	size_t n = strlen(name);

	return !strncmp(arg, name, n) && (arg[n] == 0 || (arg[n] == '=' && name[1] == '-'));
}

/* 0 not a global one, 1 taken, -1 its value is missing. */
static int
global_option(struct parser *p)
{
	const char *a = p->argv[p->at];
	const char **into = is_option(a, "--socket")   ? &p->v.socket
	                    : is_option(a, "--config") ? &p->v.config
	                                               : NULL;

	if (into) {
		*into = value_of(p, into == &p->v.socket ? "--socket" : "--config");
		return *into ? 1 : -1;
	}
	if (!strcmp(a, "--json"))
		p->v.is_json = true;
	else if (!strcmp(a, "--help") || !strcmp(a, "-h"))
		p->wants_help = true;
	else
		return 0;
	return 1;
}

static int
command_option(struct parser *p)
{
	for (const struct opt *o = p->command ? p->command->opts : NULL; o && o->name; o++) {
		const char *text = NULL;
		json_t *value;

		if (!is_option(p->argv[p->at], o->name))
			continue;
		if (o->kind != OPT_FLAG && !(text = value_of(p, o->name)))
			return -1;
		value = option_value(o, text);
		if (!value) {
			fprintf(stderr, "weirctl: %s: \"%s\" is no good\n", o->name,
			        text ? text : "");
			return -2;
		}
		json_object_set_new(p->v.request, o->key, value);
		return 1;
	}
	return 0;
}

static bool
has_verbs(const char *name)
{
	size_t cnt;
	const struct command *all = commands_all(&cnt);

	for (size_t i = 0; i < cnt; i++)
		if (!strcmp(all[i].name, name) && *all[i].verb)
			return true;
	return false;
}

/* The first words name the command. */
static bool
find_command(struct parser *p)
{
	const char *name = p->v.args[0], *verb = p->v.arg_cnt > 1 ? p->v.args[1] : "";
	size_t cnt;
	const struct command *all = commands_all(&cnt);

	for (size_t i = 0; i < cnt && !p->command; i++)
		if (!strcmp(all[i].name, name) && (!*all[i].verb || !strcmp(all[i].verb, verb)))
			p->command = &all[i];
	if (!p->command)
		return false;
	json_object_set_new(p->v.request, "command", json_string(p->command->name));
	if (*p->command->verb)
		json_object_set_new(p->v.request, "verb", json_string(p->command->verb));
	return true;
}

static int
bad_usage(const char *fmt, const char *what)
{
	fprintf(stderr, "weirctl: ");
	fprintf(stderr, fmt, what);
	fprintf(stderr, "; `weirctl --help` lists the commands\n");
	return EXIT_USAGE;
}

/* One argument; an exit status, or -1 to go on. */
static int
take_argument(struct parser *p)
{
	const char *a = p->argv[p->at];
	int ret = 0;

	if (!p->is_rest && !strcmp(a, "--")) {
		p->is_rest = true;
		return -1;
	}
	if (!p->is_rest && a[0] == '-' && a[1]) {
		ret = global_option(p);
		if (ret == 0)
			ret = command_option(p);
		if (ret == 0)
			return bad_usage("unknown option %s", a);
		if (ret == -1)
			return bad_usage("%s wants a value", a);
		return ret == -2 ? EXIT_USAGE : -1;
	}
	p->v.args[p->v.arg_cnt++] = p->argv[p->at];
	if (!p->command && !find_command(p) && !(p->v.arg_cnt == 1 && has_verbs(a)))
		return bad_usage("no such command: %s", a);
	return -1;
}

/* Arguments behind the words of the command. */
static int
take_positional(struct parser *p)
{
	int words = *p->command->verb ? 2 : 1;
	int cnt = p->v.arg_cnt - words;

	p->v.args += words;
	p->v.arg_cnt = cnt;
	if (cnt < p->command->arg_min)
		return bad_usage("wants %s", p->command->args);
	if (cnt > p->command->arg_max)
		return bad_usage("too many arguments: %s", p->v.args[p->command->arg_max]);
	for (int i = 0; i < cnt && i < 2 && p->command->keys[i]; i++) {
		json_t *s = json_string(p->v.args[i]);

		if (!s)
			return bad_usage("an argument is no UTF-8%s", "");
		json_object_set_new(p->v.request, p->command->keys[i], s);
	}
	return -1;
}

static const char *
or_environment(const char *given, const char *name)
{
	return given ? given : getenv(name);
}

static int
run(struct parser *p)
{
	static char socket_path[108];
	int ret = -1;

	for (p->at = 1; p->at < p->argc && ret < 0; p->at++) {
		if (!strcmp(p->argv[p->at], "--version")) {
			printf("weirctl %s\n", PROTOCOL_VERSION);
			return EXIT_OK;
		}
		ret = take_argument(p);
	}
	if (ret >= 0)
		return ret;
	if (p->wants_help) {
		if (p->command)
			print_command_help(p->command, stdout);
		else
			print_usage(stdout);
		return EXIT_OK;
	}
	if (!p->command) {
		if (p->v.arg_cnt > 0)
			return bad_usage("%s wants a verb", p->v.args[0]);
		print_usage(stderr);
		return EXIT_USAGE;
	}
	ret = take_positional(p);
	if (ret >= 0)
		return ret;
	p->v.socket = or_environment(p->v.socket, "WEIR_SOCKET");
	p->v.config = or_environment(p->v.config, "WEIR_CONFIG");
	if (!p->v.socket && p->v.config && offline_socket_path(p->v.config, socket_path))
		p->v.socket = socket_path;
	if (!p->v.socket)
		p->v.socket = PROTOCOL_SOCKET;
	if (!p->v.config)
		p->v.config = PROTOCOL_CONFIG;
	return p->command->run(&p->v);
}

int
main(int argc, char **argv)
{
	struct parser p = { .argv = argv, .argc = argc };
	char **args = calloc((size_t)argc + 1, sizeof(*args));
	int ret;

	BUG_ON(!args);
	p.v.args = args;
	p.v.request = json_object();
	ret = run(&p);
	json_decref(p.v.request);
	free(args);
	if (fflush(stdout) != 0 && ret == EXIT_OK)
		ret = EXIT_ERROR;
	return ret;
}
