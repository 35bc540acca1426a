/* SPDX-License-Identifier: BSD-3-Clause
 * dut_poll.c - poll, fcntl, ioctl
 */
#include "tests/dut/dut.h"
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>

/* tcp_poll() of Linux. */
static int
events_of(const struct sock *k)
{
	bool over = k->state == SOCK_OPEN && !k->conn;
	bool rd_end = k->rd_shut || k->peer_ends || (k->conn && tcp_at_eof(k->conn));
	bool wr_end = k->wr_shut || over;
	int e = 0;

	if (k->state == SOCK_LISTENING)
		return k->queue_cnt ? POLLIN | POLLRDNORM : 0;
	if ((rd_end && wr_end) || k->state == SOCK_FRESH || over)
		e |= POLLHUP;
	if (rd_end)
		e |= POLLIN | POLLRDNORM | POLLRDHUP;
	if (dut_sock_unread(k) > 0)
		e |= POLLIN | POLLRDNORM;
	/* Writable once a third is free, so that a writer is not woken for every segment. */
	if (k->state == SOCK_FRESH || wr_end ||
	    (k->state == SOCK_OPEN && dut_sock_room(k) >= k->snd_buf / 3))
		e |= POLLOUT | POLLWRNORM;
	if (k->error)
		e |= POLLERR;
	return e;
}

int
dut_call_poll(struct dut *d, struct client *c, struct sock *none)
{
	const struct dut_request *r = &c->request;
	size_t cnt = (size_t)r->a;
	int ready = 0;

	(void)none;
	if (r->a < 0 || cnt * sizeof(struct pollfd) > (size_t)r->len)
		return -EINVAL;
	if (!c->is_parked)
		c->until_us = r->b < 0 ? UINT64_MAX : d->now_us + (uint64_t)r->b * 1000;
	for (size_t i = 0; i < cnt; i++) {
		struct pollfd p;
		const struct sock *k;

		memcpy(&p, r->data + i * sizeof(p), sizeof(p));
		k = dut_sock(d, p.fd);
		p.revents = 0;
		if (p.fd >= 0 && !k)
			p.revents = POLLNVAL;
		else if (p.fd >= 0)
			p.revents = (short)(events_of(k) & (p.events | POLLERR | POLLHUP));
		ready += p.revents != 0;
		memcpy(c->response.data + i * sizeof(p), &p, sizeof(p));
	}
	if (ready == 0 && d->now_us < c->until_us)
		return DUT_PARK;
	c->response.len = (int32_t)(cnt * sizeof(struct pollfd));
	return ready;
}

int
dut_call_fcntl(struct dut *d, struct client *c, struct sock *k)
{
	(void)d;
	switch (c->request.a) {
	case F_GETFL:
		return O_RDWR | k->soft_flags;
	case F_SETFL:
		k->soft_flags = c->request.b & O_NONBLOCK;
		return 0;
	default:
		return -EINVAL;
	}
}

static int
give_int(struct client *c, size_t v)
{
	int n = (int)v;

	memcpy(c->response.data, &n, sizeof(n));
	c->response.len = sizeof(n);
	return 0;
}

int
dut_call_ioctl(struct dut *d, struct client *c, struct sock *k)
{
	int on;

	(void)d;
	switch (c->request.a) {
	case SIOCINQ:
		return k->state == SOCK_LISTENING ? -EINVAL : give_int(c, dut_sock_unread(k));
	case SIOCOUTQ:
		if (k->state == SOCK_LISTENING)
			return -EINVAL;
		return give_int(c, k->conn ? tcp_unacked(k->conn) : 0);
	case FIONBIO:
		if (c->request.len < (int32_t)sizeof(on))
			return -EFAULT;
		memcpy(&on, c->request.data, sizeof(on));
		k->soft_flags = on ? O_NONBLOCK : 0;
		return 0;
	default:
		return -ENOTTY;
	}
}
