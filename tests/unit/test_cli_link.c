/* SPDX-License-Identifier: BSD-3-Clause
 * test_cli_link.c - weirctl against a daemon that answers as a table says: exit statuses, what was asked, replies in pieces
 */
#include "tests/check.h"
#include "tests/unit/weirctl_line.h"
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char dir[] = "/tmp/weirctl-XXXXXX";
static char path[64];
static char asked[4096]; /* the last request */

struct daemon {
	int fd;
	const char *reply; /* sent a byte at a time when `is_slow`, then hung up */
	bool is_slow;
};

static void *
serve(void *arg)
{
	struct daemon *d = arg;
	size_t n = 0, len = strlen(d->reply);
	int fd = accept(d->fd, NULL, NULL);

	CHECK(fd >= 0);
	while (n + 1 < sizeof(asked)) {
		ssize_t got = recv(fd, asked + n, sizeof(asked) - 1 - n, 0);

		if (got <= 0)
			break;
		n += (size_t)got;
		if (asked[n - 1] == '\n')
			break;
	}
	asked[n] = 0;
	for (size_t i = 0; i < len; i += d->is_slow ? 1 : len)
		CHECK(send(fd, d->reply + i, d->is_slow ? 1 : len, MSG_NOSIGNAL) > 0);
	close(fd);
	return NULL;
}

static int
listen_at(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	unlink(path);
	BUG_ON(fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 4) < 0);
	return fd;
}

static void
test_answers(void)
{
	static const struct {
		const char *line, *reply;
		int status;
		const char *asks; /* a piece of the request */
	} table[] = {
		{ "status", "{\"ok\":true}\n", EXIT_OK,
		  "{\"command\":\"status\",\"verb\":\"\"}\n" },
		{ "status --json", "{\"ok\":true}\n", EXIT_OK, "\"status\"" },
		{ "status", "", EXIT_NO_DAEMON, "\"status\"" },
		{ "status", "{\"ok\":true", EXIT_NO_DAEMON, "\"status\"" },
		{ "status", "pardon?\n", EXIT_NO_DAEMON, "\"status\"" },
		{ "status", "{\"ok\":false,\"error\":\"no\"}\n", EXIT_ERROR, "\"status\"" },
		{ "status", "{}\n", EXIT_ERROR, "\"status\"" },
		{ "status", "[]\n", EXIT_ERROR, "\"status\"" },
		{ "reload", "{\"ok\":true,\"generation\":3,\"ms\":1}\n", EXIT_OK, "\"reload\"" },
		{ "reload", "{\"ok\":false,\"errors\":[\"a.rules:1:2: x\",7]}\n", EXIT_ERROR,
		  "\"reload\"" },
		{ "ban add 192.0.2.0/24 --for 1h --why rude", "{\"ok\":true}\n", EXIT_OK,
		  "\"prefix\":\"192.0.2.0/24\",\"seconds\":3600,\"why\":\"rude\"" },
		{ "ban add 192.0.2.1", "{\"ok\":true}\n", EXIT_OK, "\"seconds\":0" },
		{ "ban list", "{\"ok\":true,\"bans\":[{\"prefix\":7}]}\n", EXIT_OK, "\"list\"" },
		{ "why X", "{\"ok\":true,\"lines\":[{},7]}\n", EXIT_OK, "\"id\":\"X\"" },
		{ "why id=X", "{\"ok\":true,\"lines\":[{},7]}\n", EXIT_OK, "\"id\":\"X\"" },
		{ "errors", "{\"ok\":true,\"counters\":{\"a\":7}}\n", EXIT_OK, "\"errors\"" },
		{ "lookup mailbox b@a.test --flush", "{\"ok\":true,\"lines\":[]}\n", EXIT_OK,
		  "\"verb\":\"mailbox\",\"key\":\"b@a.test\",\"flush\":true" },
		{ "capture tcp port 25 --count 9 --seconds 1m -w /x",
		  "{\"ok\":true,\"frames\":9}\n", EXIT_OK,
		  "\"count\":9,\"seconds\":60,\"verb\":\"\",\"filter\":\"tcp port 25\","
		  "\"path\":\"/x\"" },
		{ "undrain", "{\"ok\":true}\n", EXIT_OK, "\"on\":false" },
		{ "drain", "{\"ok\":true}\n", EXIT_OK, "\"on\":true" },
	};

	for (size_t i = 0; i < ARRAY_LEN(table) * 2; i++) {
		size_t k = i / 2;
		struct daemon d = { listen_at(), table[k].reply, i % 2 == 1 };
		pthread_t t;
		int rc;

		BUG_ON(pthread_create(&t, NULL, serve, &d));
		rc = weirctl(table[k].line);
		pthread_join(t, NULL);
		CHECK(rc == table[k].status, "%s, %s: %d", table[k].line, table[k].reply, rc);
		CHECK(strstr(asked, table[k].asks), "%s: asks %s", table[k].line, asked);
		close(d.fd);
	}
}

/* Refused here: no daemon is asked. */
static void
test_refused(void)
{
	static const char *const lines[] = {
		"ban add 192.0.2.1/24",
		"ban add x",
		"ban add 192.0.2.1 --for 0",
		"ban add 192.0.2.1 --for soon",
		"ban del 192.0.2.1/33",
		"capture tcp",
		"capture -w x --count 0",
		"capture -w x --count 5m",
		"capture -w x --seconds 0",
		"capture -w x --seconds 2h",
		"drain --wait --seconds 0",
		"scan",
		"scan x --ip y",
		"scan x --rcpt y",
	};

	unlink(path);
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		CHECK(weirctl(lines[i]) == EXIT_USAGE, "%s", lines[i]);
	CHECK(weirctl("status") == EXIT_NO_DAEMON);
	CHECK(weirctl("status --socket /nonexistent/x") == EXIT_NO_DAEMON);
	CHECK(weirctl("scan x --model y") == EXIT_ERROR);
	CHECK(weirctl("check --config /nonexistent.yaml") == EXIT_ERROR);
	unsetenv("WEIR_SOCKET");
	CHECK(weirctl("status --config /nonexistent.yaml") == EXIT_ERROR);
}

int
main(void)
{
	BUG_ON(!mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/s", dir);
	setenv("WEIR_SOCKET", path, 1);
	fflush(stdout);
	CHECK(freopen("/dev/null", "w", stderr) != NULL);
	test_answers();
	test_refused();
	unlink(path);
	rmdir(dir);
	return check_failed;
}
