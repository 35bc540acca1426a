/* SPDX-License-Identifier: BSD-3-Clause
 * link.c - the control socket from weirctl's side
 */
#include "ctrl/cli/link.h"
#include "ctrl/cli/show.h"
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define REPLY_MAX (64u << 20)

/* --socket, WEIR_SOCKET, the configuration's, the default. False: --config was named and cannot be read. */
static bool
socket_path(const struct cli *c, char out[108])
{
	const char *given = cli_value(c, OPT_SOCKET), *config = cli_config_path(c);

	if (!given)
		given = getenv("WEIR_SOCKET");
	if (given && *given) {
		snprintf(out, 108, "%s", given);
		return strlen(given) < 108;
	}
	if (config)
		return offline_socket_path(config, out);
	if (access(PROTOCOL_CONFIG, R_OK) != 0 || !offline_socket_path(PROTOCOL_CONFIG, out))
		snprintf(out, 108, "%s", PROTOCOL_SOCKET);
	return true;
}

/* The connection, or -errno. */
static int
dial(const char *path, unsigned timeout_s)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct timeval t = { .tv_sec = (time_t)timeout_s };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), ret;

	if (fd < 0)
		return -errno;
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

static int
write_request(int fd, const json_t *request)
{
	char *text = json_dumps(request, JSON_COMPACT);
	size_t n = text ? strlen(text) : 0, at = 0;

	if (!text)
		return -EILSEQ;
	text[n++] = '\n'; /* the NUL's place */
	while (at < n) {
		ssize_t w = send(fd, text + at, n - at, MSG_NOSIGNAL);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			break;
		at += (size_t)w;
	}
	free(text);
	return at == n ? 0 : -errno;
}

/* The reply's line parsed; NULL with *why. */
static json_t *
read_reply(int fd, int *why)
{
	size_t n = 0, cap = 65536;
	char *buf = malloc(cap);
	json_t *j = NULL;

	BUG_ON(!buf);
	*why = 0;
	while (n == 0 || buf[n - 1] != '\n') {
		ssize_t got;

		if (n == cap) {
			char *more = realloc(buf, cap *= 2);

			BUG_ON(!more);
			buf = more;
		}
		got = recv(fd, buf + n, cap - n, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0 || n > REPLY_MAX) {
			*why = got < 0 ? errno : ECONNRESET;
			break;
		}
		n += (size_t)got;
	}
	if (*why == 0)
		j = json_loadb(buf, n, 0, NULL);
	if (*why == 0 && !j)
		*why = EPROTO;
	free(buf);
	return j;
}

static int
no_daemon(const char *path, int error)
{
	const char *what = error == EAGAIN ? "no answer in time" : strerror(error);

	fprintf(stderr, "weirctl: the daemon cannot be reached at %s: %s\n", path, what);
	return EXIT_NO_DAEMON;
}

int
link_ask(const struct cli *c, json_t *request, unsigned timeout_s, json_t **reply)
{
	char path[108];
	int fd, ret, why;

	if (!socket_path(c, path)) {
		json_decref(request);
		fprintf(stderr, "weirctl: no socket's path there (weirctl check says more): %s\n",
		        cli_config_path(c) ? cli_config_path(c) : "too long");
		return EXIT_ERROR;
	}
	fd = dial(path, timeout_s);
	if (fd < 0) {
		json_decref(request);
		return no_daemon(path, -fd);
	}
	ret = write_request(fd, request);
	json_decref(request);
	*reply = ret == 0 ? read_reply(fd, &why) : NULL;
	close(fd);
	if (ret == -EILSEQ) {
		fputs("weirctl: an argument is no UTF-8\n", stderr);
		return EXIT_USAGE;
	}
	return *reply ? EXIT_OK : no_daemon(path, ret < 0 ? -ret : why);
}

void
link_print_json(const json_t *j)
{
	json_dumpf(j, stdout, JSON_COMPACT);
	putchar('\n');
}

/* What a reply says beside its result. EXIT_OK when it is ok. */
static int
judge(const struct cli *c, const json_t *reply)
{
	bool ok = json_is_true(json_object_get(reply, "ok"));
	const char *error = json_string_value(json_object_get(reply, "error"));

	if (cli_has(c, OPT_JSON))
		link_print_json(reply);
	if (!ok && error) {
		fputs("weirctl: ", stderr);
		show_text(stderr, error);
		fputc('\n', stderr);
	}
	show_lines(stderr, json_object_get(reply, "errors"));
	if (!ok && !error && json_array_size(json_object_get(reply, "errors")) == 0)
		fputs("weirctl: refused without a word why\n", stderr);
	return ok ? EXIT_OK : EXIT_ERROR;
}

int
link_ask_ok(const struct cli *c, json_t *request, unsigned timeout_s, json_t **reply)
{
	int rc = link_ask(c, request, timeout_s, reply);

	if (rc != EXIT_OK)
		return rc;
	rc = judge(c, *reply);
	if (rc != EXIT_OK)
		json_decref(*reply);
	return rc;
}

json_t *
link_ask_quiet(const struct cli *c, json_t *request, unsigned timeout_s)
{
	char path[108];
	int fd = socket_path(c, path) ? dial(path, timeout_s) : -1, why;
	json_t *reply = NULL;

	if (fd >= 0 && write_request(fd, request) == 0)
		reply = read_reply(fd, &why);
	if (fd >= 0)
		close(fd);
	json_decref(request);
	return reply;
}

bool
link_nudge(const struct cli *c)
{
	json_t *reply = link_ask_quiet(c, json_pack("{s:s}", "command", "nudge"), 5);
	bool is_heard = json_is_true(json_object_get(reply, "ok"));

	json_decref(reply);
	return is_heard;
}

int
link_offline_quiet(const struct cli *c, json_t *request, json_t **reply)
{
	const char *config = cli_config_path(c);
	int rc = EXIT_OK;

	*reply = offline_run(config ? config : PROTOCOL_CONFIG, request);
	json_decref(request);
	if (!json_is_true(json_object_get(*reply, "ok"))) {
		rc = judge(c, *reply);
		json_decref(*reply);
	}
	return rc;
}

int
link_offline(const struct cli *c, json_t *request, json_t **reply)
{
	int rc = link_offline_quiet(c, request, reply);

	if (rc == EXIT_OK && cli_has(c, OPT_JSON))
		link_print_json(*reply);
	return rc;
}
