/* SPDX-License-Identifier: BSD-3-Clause
 * dut_open.c - socket, bind, listen, accept, connect
 */
#include "tests/dut/dut.h"
#include <fcntl.h>
#include <netinet/in.h>

#define PORT_TRIES 1024

int
dut_call_socket(struct dut *d, struct client *c, struct sock *none)
{
	const struct dut_request *r = &c->request;
	int type = r->b & ~(SOCK_NONBLOCK | SOCK_CLOEXEC), fd;
	struct sock *k;

	(void)none;
	if (r->a != AF_INET && r->a != AF_INET6)
		return -EAFNOSUPPORT;
	if (type != SOCK_STREAM)
		return -ESOCKTNOSUPPORT;
	if (r->c != 0 && r->c != IPPROTO_TCP)
		return -EPROTONOSUPPORT;
	k = dut_sock_new(d, r->a);
	if (!k)
		return -ENOMEM;
	k->soft_flags = r->b & SOCK_NONBLOCK ? O_NONBLOCK : 0;
	if (r->a == AF_INET)
		k->local = addr_v4(0);
	fd = dut_sock_install(k);
	if (fd < 0)
		dut_sock_free(k);
	return fd;
}

/* ---- bind */

static bool
overlap(const struct sock *a, const struct sock *b)
{
	bool any_a = dut_addr_is_any(&a->local), any_b = dut_addr_is_any(&b->local);

	if (any_a && any_b)
		return a->domain == b->domain || !(a->is_v6_only || b->is_v6_only);
	if (any_a || any_b) {
		const struct sock *any = any_a ? a : b, *one = any_a ? b : a;

		return any->domain == (addr_is_v4(&one->local) ? AF_INET : AF_INET6) ||
		       (any->domain == AF_INET6 && !any->is_v6_only);
	}
	return addr_eq(&a->local, &b->local);
}

/* Linux's rule: two sockets share a port when both say SO_REUSEADDR and neither listens. */
static bool
is_taken(const struct sock *k)
{
	for (size_t i = 0; i < DUT_SOCKS_MAX; i++) {
		const struct sock *o = k->dut->socks[i];

		if (!o || o == k || !o->is_bound || o->lport != k->lport || !overlap(k, o))
			continue;
		if (!o->is_reuse || !k->is_reuse || o->state == SOCK_LISTENING)
			return true;
	}
	return false;
}

static int
take_port(struct sock *k)
{
	const struct tcp_config *t = &k->dut->cfg;

	for (unsigned i = 0; i < PORT_TRIES; i++) {
		k->lport = (uint16_t)(t->port_first +
		                      rng_below(&k->dut->rng,
		                                (uint64_t)t->port_last - t->port_first + 1));
		if (!is_taken(k)) {
			k->is_bound = true;
			return 0;
		}
	}
	k->lport = 0;
	return -EADDRINUSE;
}

int
dut_call_bind(struct dut *d, struct client *c, struct sock *k)
{
	struct sock as = *k;
	int ret = dut_addr_take(k->domain, c->request.data, (size_t)c->request.len, &as.local,
	                        &as.lport);

	if (ret)
		return ret;
	if (k->is_bound || k->state != SOCK_FRESH)
		return -EINVAL;
	if (!dut_addr_is_any(&as.local) && !packet_is_local(d->packet, &as.local))
		return -EADDRNOTAVAIL;
	k->local = as.local;
	if (as.lport == 0)
		return take_port(k);
	k->lport = as.lport;
	if (is_taken(k)) {
		k->lport = 0;
		return -EADDRINUSE;
	}
	k->is_bound = true;
	return 0;
}

/* ---- listen, accept */

int
dut_call_listen(struct dut *d, struct client *c, struct sock *k)
{
	int ret = 0;

	(void)d;
	if (k->state != SOCK_FRESH && k->state != SOCK_LISTENING)
		return -EINVAL;
	k->backlog = (unsigned)MIN(MAX(c->request.a, 0), DUT_BACKLOG_MAX - 1);
	if (k->state == SOCK_LISTENING)
		return 0;
	if (!k->is_bound)
		ret = take_port(k);
	return ret ? ret : dut_sock_listen(k);
}

int
dut_call_accept(struct dut *d, struct client *c, struct sock *k)
{
	struct sock *n;
	int fd;

	(void)d;
	if (k->state != SOCK_LISTENING)
		return -EINVAL;
	if (k->queue_cnt == 0)
		return k->soft_flags & O_NONBLOCK ? -EAGAIN : DUT_PARK;
	n = k->queue[0];
	fd = dut_sock_install(n);
	if (fd < 0)
		return fd;
	k->queue_cnt--;
	memmove(k->queue, k->queue + 1, k->queue_cnt * sizeof(k->queue[0]));
	c->response.len = (int32_t)dut_addr_give(k->domain, &n->peer, n->pport, c->response.data);
	return fd;
}

/* ---- connect */

static int
start(struct dut *d, struct sock *k)
{
	struct addr src = k->local;

	if (dut_addr_is_any(&k->peer) || packet_is_local(d->packet, &k->peer))
		return -ENETUNREACH;
	if (dut_addr_is_any(&src) && !packet_source_for(d->packet, &k->peer, &src))
		return -ENETUNREACH;
	k->error = 0;
	k->peer_ends = k->rd_shut = k->wr_shut = k->told = false;
	k->conn = tcp_connect_from(d->tcp, &src, k->is_bound ? k->lport : 0, &k->peer, k->pport,
	                           &dut_sock_ops, k, d->now_us);
	if (!k->conn)
		return -EADDRNOTAVAIL;
	k->state = SOCK_CONNECTING;
	dut_sock_apply(k);
	if (k->mss)
		tcp_set_mss(k->conn, k->mss);
	if (!k->is_bound)
		k->lport = tcp_local_port(k->conn);
	return k->soft_flags & O_NONBLOCK ? -EINPROGRESS : DUT_PARK;
}

/* The first call that finds it up is told so, the next ones EISCONN. */
static int
opened(struct sock *k)
{
	if (k->told)
		return -EISCONN;
	k->told = true;
	return 0;
}

int
dut_call_connect(struct dut *d, struct client *c, struct sock *k)
{
	int ret;

	switch (k->state) {
	case SOCK_OPEN:
		return opened(k);
	case SOCK_LISTENING:
		return -EISCONN;
	case SOCK_CONNECTING:
		if (c->is_parked)
			return DUT_PARK;
		return k->soft_flags & O_NONBLOCK ? -EALREADY : DUT_PARK;
	default:
		break;
	}
	if (c->is_parked || k->error) { /* that attempt failed */
		ret = dut_sock_error(k);
		return ret ? ret : -ECONNABORTED;
	}
	ret = dut_addr_take(k->domain, c->request.data, (size_t)c->request.len, &k->peer,
	                    &k->pport);
	return ret ? ret : start(d, k);
}
