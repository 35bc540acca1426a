/* SPDX-License-Identifier: BSD-3-Clause
 * socket.c - the control socket: a thread a connection, so that a slow command keeps nobody else waiting
 */
#include "ctrl/ctrl_internal.h"
#include "ctrl/files.h"
#include "ctrl/protocol.h"
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

struct conn {
	struct ctrl *c;
	int fd;
	int slot;
};

static_assert(ARRAY_LEN(((struct ctrl *)0)->conn_fds) == PROTOCOL_CONNS, "a slot each");

int
socket_open(struct ctrl *c)
{
	const char *path = c->settings->node_control_socket;
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd, ret;

	if ((size_t)snprintf(a.sun_path, sizeof(a.sun_path), "%s", path) >= sizeof(a.sun_path)) {
		fprintf(stderr, "weir: node.control_socket: longer than %zu bytes\n",
		        sizeof(a.sun_path) - 1);
		return -ENAMETOOLONG;
	}
	dir_make_for(path);
	unlink(path); /* of one that was killed: main holds the claim (claim.h) */
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || chmod(path, 0660) < 0 ||
	    listen(fd, PROTOCOL_CONNS) < 0) {
		ret = -errno;
		fprintf(stderr, "weir: node.control_socket: %s: %s\n", path, strerror(errno));
		close(fd);
		return ret;
	}
	c->listen_fd = fd;
	return 0;
}

static bool
send_json(int fd, json_t *j)
{
	char *text = json_dumps(j, JSON_COMPACT);
	size_t n, at = 0;

	json_decref(j);
	if (!text)
		return false;
	n = strlen(text);
	text[n++] = '\n'; /* the NUL's place */
	while (at < n) {
		ssize_t w = send(fd, text + at, n - at, MSG_NOSIGNAL);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			break;
		at += (size_t)w;
	}
	free(text);
	return at == n;
}

static json_t *
answer(struct ctrl *c, const char *line, size_t len)
{
	json_error_t e;
	json_t *request = json_loadb(line, len, JSON_REJECT_DUPLICATES, &e), *reply;

	if (!json_is_object(request)) {
		json_decref(request);
		return json_pack("{s:b,s:s}", "ok", 0, "error",
		                 "a request is a JSON object on a line");
	}
	reply = command_run(c, request);
	json_decref(request);
	return reply;
}

/* Bytes of the first line with its newline; 0 when there is none yet. */
static size_t
line_len(const char *buf, size_t n)
{
	const char *nl = memchr(buf, '\n', n);

	return nl ? (size_t)(nl - buf) + 1 : 0;
}

static void
serve(struct conn *k, char *buf)
{
	size_t n = 0, len;

	for (;;) {
		ssize_t got;

		while ((len = line_len(buf, n)) > 0) {
			if (!send_json(k->fd, answer(k->c, buf, len)))
				return;
			memmove(buf, buf + len, n - len);
			n -= len;
		}
		if (n == PROTOCOL_LINE_MAX) {
			send_json(k->fd, json_pack("{s:b,s:s}", "ok", 0, "error",
			                           "the request is too long"));
			return;
		}
		got = recv(k->fd, buf + n, PROTOCOL_LINE_MAX - n, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return;
		n += (size_t)got;
	}
}

static struct conn *
enter(struct ctrl *c, int fd)
{
	struct conn *k = NULL;

	pthread_mutex_lock(&c->conn_lock);
	for (int i = 0; i < PROTOCOL_CONNS && !k; i++) {
		if (c->conn_fds[i] >= 0)
			continue;
		k = malloc(sizeof(*k));
		BUG_ON(!k);
		*k = (struct conn){ c, fd, i };
		c->conn_fds[i] = fd;
		c->conn_cnt++;
	}
	pthread_mutex_unlock(&c->conn_lock);
	return k;
}

/* The last thing that a connection's thread does with c. */
static void
leave(struct conn *k)
{
	struct ctrl *c = k->c;

	pthread_mutex_lock(&c->conn_lock);
	close(k->fd); /* under the lock: socket_close() never shuts down a stranger's number */
	c->conn_fds[k->slot] = -1;
	c->conn_cnt--;
	pthread_mutex_unlock(&c->conn_lock);
	free(k);
}

static void *
run(void *arg)
{
	struct conn *k = arg;
	char *buf = malloc(PROTOCOL_LINE_MAX);

	if (buf)
		serve(k, buf);
	free(buf);
	leave(k);
	return NULL;
}

void
socket_accept(struct ctrl *c)
{
	struct timeval idle = { .tv_sec = PROTOCOL_IDLE_S }, slow = { .tv_sec = 10 };
	int fd = accept4(c->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	pthread_attr_t attr;
	pthread_t t;
	struct conn *k;

	if (fd < 0)
		return;
	k = enter(c, fd);
	if (!k) {
		send_json(fd, json_pack("{s:b,s:s}", "ok", 0, "error", "too many connections"));
		close(fd);
		return;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &idle, sizeof(idle));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &slow, sizeof(slow));
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&t, &attr, run, k) != 0)
		leave(k);
	pthread_attr_destroy(&attr);
}

bool
socket_close(struct ctrl *c)
{
	uint32_t left = 1;

	if (c->listen_fd >= 0) {
		close(c->listen_fd);
		c->listen_fd = -1;
		unlink(c->settings->node_control_socket);
	}
	for (int i = 0; i < 1000 && left > 0; i++) {
		pthread_mutex_lock(&c->conn_lock);
		for (int k = 0; k < PROTOCOL_CONNS; k++)
			if (c->conn_fds[k] >= 0)
				shutdown(c->conn_fds[k],
				         SHUT_RD); /* answers under way still go out */
		left = c->conn_cnt;
		pthread_mutex_unlock(&c->conn_lock);
		if (left > 0)
			usleep(10000);
	}
	return left == 0;
}
