/* SPDX-License-Identifier: BSD-3-Clause
 * dut_sock.c - life of a socket: its number, its connection, a listener's queue, what is left after the connection
 */
#include "tests/dut/dut.h"
#include <fcntl.h>
#include <netinet/in.h>

/* ---- numbers */

struct sock *
dut_sock(struct dut *d, int fd)
{
	int i = fd - DUT_FD_FIRST;

	return i >= 0 && i < DUT_SOCKS_MAX ? d->socks[i] : NULL;
}

int
dut_sock_install(struct sock *k)
{
	struct dut *d = k->dut;

	for (int i = 0; i < DUT_SOCKS_MAX; i++)
		if (!d->socks[i]) {
			d->socks[i] = k;
			return i + DUT_FD_FIRST;
		}
	return -EMFILE;
}

void
dut_sock_uninstall(struct sock *k)
{
	for (int i = 0; i < DUT_SOCKS_MAX; i++)
		if (k->dut->socks[i] == k)
			k->dut->socks[i] = NULL;
}

/* ---- birth and end */

struct sock *
dut_sock_new(struct dut *d, int domain)
{
	static uint32_t generation;
	struct sock *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	k->dut = d;
	k->domain = domain;
	k->state = SOCK_FRESH;
	k->generation = ++generation;
	k->snd_buf = d->cfg.snd_buf_bytes;
	k->linger_s = -1;
	return k;
}

static void
drop_tail(struct sock *k)
{
	if (k->tail)
		chunk_put(k->tail);
	k->tail = NULL;
}

void
dut_sock_reset(struct sock *k)
{
	if (k->conn)
		tcp_abort(k->conn);
	k->conn = NULL;
}

void
dut_sock_free(struct sock *k)
{
	dut_sock_uninstall(k);
	dut_sock_unlisten(k);
	if (k->conn && tcp_unread(k->conn) > 0) /* RFC 2525 2.17: data is lost, say so */
		dut_sock_reset(k);
	if (k->conn)
		tcp_detach(k->conn);
	drop_tail(k);
	free(k->left);
	free(k);
}

void
dut_sock_apply(struct sock *k)
{
	if (!k->conn)
		return;
	tcp_set_keepalive(k->conn, k->is_keepalive);
	tcp_set_times(k->conn, &k->times);
	if (k->rcv_buf)
		tcp_set_rcv_buf(k->conn, k->rcv_buf / 2); /* half is bookkeeping, as Linux counts */
}

/* ---- listening */

/* The addresses that a socket bound to any address of one family means. */
static unsigned
own_addresses(const struct sock *k, struct addr *out)
{
	struct packet_address_state all[PACKET_ADDRS_MAX + 1];
	unsigned n = packet_port_addresses(packet_eal_port(k->dut->port), all, ARRAY_LEN(all)),
	         cnt = 0;

	if (!dut_addr_is_any(&k->local)) {
		out[0] = k->local;
		return 1;
	}
	if (k->domain == AF_INET6 && !k->is_v6_only) {
		memset(out, 0, sizeof(*out)); /* both families */
		return 1;
	}
	for (unsigned i = 0; i < n; i++)
		if (addr_is_v4(&all[i].addr) == (k->domain == AF_INET))
			out[cnt++] = all[i].addr;
	return cnt;
}

int
dut_sock_listen(struct sock *k)
{
	struct addr a[PACKET_ADDRS_MAX + 1];
	unsigned n = own_addresses(k, a);
	int ret = 0;

	for (unsigned i = 0; i < n && ret == 0; i++) {
		ret = tcp_listen(k->dut->tcp, &a[i], k->lport, &dut_listen_ops, k);
		for (unsigned j = 0; ret && j < i; j++)
			tcp_unlisten(k->dut->tcp, &a[j], k->lport);
	}
	if (ret == 0)
		k->state = SOCK_LISTENING;
	return ret == -ENOSPC ? -ENOBUFS : ret;
}

void
dut_sock_unlisten(struct sock *k)
{
	struct addr a[PACKET_ADDRS_MAX + 1];
	unsigned n = own_addresses(k, a);

	if (k->state != SOCK_LISTENING)
		return;
	for (unsigned i = 0; i < n; i++)
		tcp_unlisten(k->dut->tcp, &a[i], k->lport);
	for (unsigned i = 0; i < k->queue_cnt; i++) {
		dut_sock_reset(k->queue[i]);
		dut_sock_free(k->queue[i]);
	}
	k->queue_cnt = 0;
	k->state = SOCK_FRESH;
}

/* A connection came up. Beyond the backlog it is reset, as Linux does with tcp_abort_on_overflow. */
static void
on_accepted(struct tcp_conn *c, void *user)
{
	struct sock *l = user, *k = NULL;

	if (l->queue_cnt <= l->backlog && l->queue_cnt < DUT_BACKLOG_MAX)
		k = dut_sock_new(l->dut, l->domain);
	if (!k) {
		tcp_abort(c);
		return;
	}
	k->state = SOCK_OPEN;
	k->is_bound = k->told = true;
	k->is_reuse = l->is_reuse;
	k->linger_s = l->linger_s;
	k->snd_buf = l->snd_buf;
	k->conn = c;
	k->local = *tcp_local_addr(c);
	k->lport = tcp_local_port(c);
	k->peer = *tcp_remote_addr(c);
	k->pport = tcp_remote_port(c);
	l->queue[l->queue_cnt++] = k;
	k->rcv_buf = l->rcv_buf;
	k->is_keepalive = l->is_keepalive;
	k->times = l->times;
	tcp_set_user(c, k);
	tcp_set_ops(c, &dut_sock_ops);
	dut_sock_apply(k);
}

/* One that ended before it was up: nobody knew of it. */
static void
on_never_accepted(struct tcp_conn *c, void *user, int err)
{
	(void)c;
	(void)user;
	(void)err;
}

const struct tcp_ops dut_listen_ops = { .on_open = on_accepted, .on_close = on_never_accepted };

/* ---- a connection's events */

static void
on_open(struct tcp_conn *c, void *user)
{
	struct sock *k = user;

	(void)c;
	k->state = SOCK_OPEN;
}

/* What was received and not read stays readable after a reset. */
static void
keep_unread(struct sock *k, struct tcp_conn *c)
{
	size_t n = tcp_unread(c);
	struct span s;

	k->left = n ? malloc(n) : NULL;
	while (k->left && tcp_peek_at(c, k->left_len, &s)) {
		memcpy(k->left + k->left_len, s.p, s.len);
		k->left_len += s.len;
	}
}

static void
on_close(struct tcp_conn *c, void *user, int err)
{
	struct sock *k = user;

	/* A reset after the peer's FIN tells a writer alone (Linux, tcp_reset()). */
	k->error = err == ECONNRESET && tcp_at_eof(c) && !k->wr_shut ? EPIPE : err;
	keep_unread(k, c);
	k->conn = NULL;
	drop_tail(k);
	if (k->state == SOCK_CONNECTING)
		k->state = SOCK_FRESH;
	else
		k->peer_ends = true;
}

const struct tcp_ops dut_sock_ops = { .on_open = on_open, .on_close = on_close };

/* ---- what calls ask of it */

size_t
dut_sock_unread(const struct sock *k)
{
	return k->conn ? tcp_unread(k->conn) : k->left_len - k->left_at;
}

bool
dut_sock_is_eof(const struct sock *k)
{
	if (dut_sock_unread(k) > 0)
		return false;
	return k->rd_shut || k->peer_ends || (k->conn && tcp_at_eof(k->conn));
}

size_t
dut_sock_room(const struct sock *k)
{
	size_t queued = k->conn ? tcp_unacked(k->conn) : 0;

	return k->conn && queued < k->snd_buf ? k->snd_buf - queued : 0;
}

int
dut_sock_error(struct sock *k)
{
	int err = k->error;

	k->error = 0;
	return -err;
}
