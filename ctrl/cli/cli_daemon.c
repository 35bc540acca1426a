/* SPDX-License-Identifier: BSD-3-Clause
 * cli_daemon.c - one request over the control socket
 */
#include "ctrl/cli/cli.h"
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int
dial(const struct invocation *v, bool quiet)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(v->socket) >= sizeof(a.sun_path)) {
		fprintf(stderr, "weirctl: %s: longer than %zu bytes\n", v->socket,
		        sizeof(a.sun_path) - 1);
		return -1;
	}
	strcpy(a.sun_path, v->socket);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
		return fd;
	if (!quiet)
		fprintf(stderr, "weirctl: %s: %s (is weir running?)\n", v->socket, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

static bool
write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t w = send(fd, p, n, MSG_NOSIGNAL);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return false;
		p += w;
		n -= (size_t)w;
	}
	return true;
}

static json_t *
read_answer(int fd)
{
	FILE *f = fdopen(dup(fd), "r");
	char *line = NULL;
	size_t cap = 0;
	ssize_t n = f ? getline(&line, &cap, f) : -1;
	json_t *j = n > 0 ? json_loadb(line, (size_t)n, 0, NULL) : NULL;

	free(line);
	if (f)
		fclose(f);
	return j;
}

json_t *
daemon_ask(const struct invocation *v, const json_t *request, bool quiet)
{
	int fd = dial(v, quiet);
	char *text = json_dumps(request, JSON_COMPACT);
	json_t *reply = NULL;

	BUG_ON(!text);
	if (fd >= 0) {
		if (write_all(fd, text, strlen(text)) && write_all(fd, "\n", 1))
			reply = read_answer(fd);
		if (!reply && !quiet)
			fprintf(stderr, "weirctl: %s: the daemon hung up\n", v->socket);
		close(fd);
	}
	free(text);
	return reply;
}

int
run_daemon(struct invocation *v)
{
	const struct command *c = command_of(v);
	json_t *reply;

	if (!strcmp(c->name, "capture") && !json_object_get(v->request, "seconds"))
		json_object_set_new(v->request, "seconds", json_integer(10));
	if (!strcmp(c->name, "capture") && !json_object_get(v->request, "path")) {
		fprintf(stderr, "weirctl: capture wants -w FILE\n");
		return EXIT_USAGE;
	}
	reply = daemon_ask(v, v->request, false);
	return reply ? answer_print(v, c, reply) : EXIT_NO_DAEMON;
}

static int
wait_drained(const struct invocation *v)
{
	json_t *ask = json_pack("{s:s}", "command", "drained");
	int ret = -1;

	while (ret < 0) {
		json_t *reply = daemon_ask(v, ask, true);

		if (!reply || json_is_true(json_object_get(reply, "drained")))
			ret = EXIT_OK; /* gone is drained, too */
		else if (!json_is_true(json_object_get(reply, "ok")))
			ret = EXIT_ERROR;
		json_decref(reply);
		if (ret < 0)
			usleep(200000);
	}
	json_decref(ask);
	return ret;
}

int
run_drain(struct invocation *v)
{
	int ret;

	json_object_set_new(v->request, "on", json_true());
	ret = run_daemon(v);
	if (ret == EXIT_OK && json_is_true(json_object_get(v->request, "wait")))
		ret = wait_drained(v);
	return ret;
}

int
run_undrain(struct invocation *v)
{
	json_t *reply;

	json_object_set_new(v->request, "command", json_string("drain"));
	json_object_set_new(v->request, "on", json_false());
	reply = daemon_ask(v, v->request, false);
	return reply ? answer_print(v, command_of(v), reply) : EXIT_NO_DAEMON;
}
