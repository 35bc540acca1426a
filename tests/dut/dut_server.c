/* SPDX-License-Identifier: BSD-3-Clause
 * dut_server.c - clients on an AF_UNIX socket: a request in, its call, a response out
 *
 * Why     Edge-triggered: a client whose call is parked is not looked at again until it was answered, and its later requests
 *         wait in the kernel.
 */
#include "tests/dut/dut.h"
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SEND_BYTES    (1 << 20)
#define CALLS_A_TURN  16 /* of one client, before packets are looked at again */
#define EVENTS_A_TURN 16

static const struct {
	int (*call)(struct dut *d, struct client *c, struct sock *k);
	bool has_no_fd;
} calls[] = {
	[DUT_SOCKET] = { dut_call_socket, true },   [DUT_BIND] = { dut_call_bind },
	[DUT_LISTEN] = { dut_call_listen },         [DUT_ACCEPT] = { dut_call_accept },
	[DUT_CONNECT] = { dut_call_connect },       [DUT_READ] = { dut_call_read },
	[DUT_WRITE] = { dut_call_write },           [DUT_CLOSE] = { dut_call_close },
	[DUT_SHUTDOWN] = { dut_call_shutdown },     [DUT_GETSOCKOPT] = { dut_call_getsockopt },
	[DUT_SETSOCKOPT] = { dut_call_setsockopt }, [DUT_FCNTL] = { dut_call_fcntl },
	[DUT_IOCTL] = { dut_call_ioctl },           [DUT_POLL] = { dut_call_poll, true },
};

/* ---- clients */

static int
watch(struct dut *d, int fd, void *who)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLET, .data.ptr = who };

	return epoll_ctl(d->epoll_fd, EPOLL_CTL_ADD, fd, &e) ? -errno : 0;
}

static void
welcome(struct dut *d)
{
	int fd;

	while ((fd = accept4(d->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		const int bytes = SEND_BYTES;
		struct client *c = NULL;
		size_t i = 0;

		while (i < DUT_CLIENTS_MAX && d->clients[i])
			i++;
		if (i < DUT_CLIENTS_MAX)
			c = malloc(sizeof(*c));
		if (!c) {
			close(fd);
			continue;
		}
		memset(c, 0, offsetof(struct client, request));
		c->fd = fd;
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
		d->clients[i] = c;
		if (watch(d, fd, c))
			c->is_gone = true;
	}
}

static void
drop(struct client *c)
{
	if (c->closing)
		dut_sock_free(c->closing);
	close(c->fd);
	free(c);
}

/* ---- a call */

static int
call(struct dut *d, struct client *c)
{
	const struct dut_request *r = &c->request;
	struct sock *k;

	if (c->closing)
		return dut_call_close_again(d, c);
	if (r->op < DUT_SOCKET || r->op > DUT_POLL)
		return -ENOSYS;
	if (calls[r->op].has_no_fd)
		return calls[r->op].call(d, c, NULL);
	k = dut_sock(d, r->fd);
	if (!k || (c->is_parked && k->generation != c->sock_generation))
		return -EBADF; /* closed by another client meanwhile */
	c->sock_generation = k->generation;
	return calls[r->op].call(d, c, k);
}

static void
answer(struct client *c)
{
	struct dut_response *r = &c->response;
	size_t len = DUT_RESPONSE_HEAD + (size_t)r->len;

	c->has_answer = send(c->fd, r, len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

/* Carries out what c asked for; false: it waits. */
static bool
carry_out(struct dut *d, struct client *c)
{
	int ret;

	c->response.len = 0;
	ret = call(d, c);
	c->is_parked = ret == DUT_PARK;
	if (c->is_parked)
		return false;
	c->response.ret = ret < 0 ? -1 : ret;
	c->response.err = ret < 0 ? -ret : 0;
	if (ret < 0)
		c->response.len = 0;
	answer(c);
	return true;
}

/* A datagram of another shape ends its client. */
static bool
next_request(struct client *c)
{
	ssize_t n = recv(c->fd, &c->request, sizeof(c->request), MSG_DONTWAIT | MSG_TRUNC);

	if (n < 0 && errno == EAGAIN) {
		c->is_readable = false;
		return false;
	}
	if (n < DUT_REQUEST_HEAD || c->request.len != n - DUT_REQUEST_HEAD ||
	    n > (ssize_t)sizeof(c->request)) {
		c->is_gone = true;
		return false;
	}
	c->done = 0;
	return true;
}

static bool
serve(struct dut *d, struct client *c)
{
	bool any = false;

	if (c->has_answer)
		answer(c);
	if (c->is_parked)
		any = carry_out(d, c);
	for (unsigned i = 0; i < CALLS_A_TURN && !c->is_parked && !c->has_answer; i++) {
		if (!c->is_readable || c->is_gone || !next_request(c))
			break;
		any = true;
		carry_out(d, c);
	}
	return any;
}

static bool
is_late(const struct client *c)
{
	return c->is_readable && !c->is_parked && !c->has_answer;
}

bool
dut_server_turn(struct dut *d, uint32_t wait_us)
{
	struct timespec wait = { 0, (long)wait_us * 1000 };
	struct epoll_event e[EVENTS_A_TURN];
	bool any = false;
	int n;

	for (size_t i = 0; i < DUT_CLIENTS_MAX; i++)
		if (d->clients[i] && is_late(d->clients[i]))
			wait.tv_nsec = 0;
	n = epoll_pwait2(d->epoll_fd, e, EVENTS_A_TURN, &wait, NULL);
	for (int i = 0; i < n; i++) {
		struct client *c = e[i].data.ptr;

		if (!c) {
			welcome(d);
			continue;
		}
		c->is_readable = true;
		c->is_gone |= (e[i].events & (EPOLLHUP | EPOLLERR)) && c->is_parked;
	}
	if (wait_us) /* time has passed: parked calls look at the clock next turn */
		return n > 0;
	for (size_t i = 0; i < DUT_CLIENTS_MAX; i++) {
		struct client *c = d->clients[i];

		if (!c)
			continue;
		any = serve(d, c) || any;
		if (!c->is_gone)
			continue;
		d->clients[i] = NULL;
		drop(c);
	}
	return any;
}

/* ---- start and end */

int
dut_server_open(struct dut *d, char *err)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	const char *path = d->opt.socket_path;

	if (strlen(path) >= sizeof(a.sun_path)) {
		snprintf(err, PACKET_ERROR_TEXT, "socket: the path is too long");
		return -ENAMETOOLONG;
	}
	strcpy(a.sun_path, path);
	unlink(path);
	d->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	d->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (d->epoll_fd < 0 || d->listen_fd < 0 ||
	    bind(d->listen_fd, (struct sockaddr *)&a, sizeof(a)) ||
	    listen(d->listen_fd, DUT_CLIENTS_MAX) || watch(d, d->listen_fd, NULL)) {
		int ret = -errno;

		snprintf(err, PACKET_ERROR_TEXT, "socket %s: %s", path, strerror(-ret));
		return ret;
	}
	return 0;
}

void
dut_server_close(struct dut *d)
{
	for (size_t i = 0; i < DUT_CLIENTS_MAX; i++)
		if (d->clients[i])
			drop(d->clients[i]);
	close(d->listen_fd);
	close(d->epoll_fd);
	unlink(d->opt.socket_path);
}
