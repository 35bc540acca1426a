/* SPDX-License-Identifier: BSD-3-Clause
 * dut_data.c - read, write, shutdown, close
 */
#include "tests/dut/dut.h"
#include <fcntl.h>
#include <sys/socket.h>

static bool
is_waiting_allowed(const struct sock *k)
{
	return !(k->soft_flags & O_NONBLOCK);
}

/* ---- read */

static size_t
take_left(struct sock *k, uint8_t *out, size_t want, bool peek)
{
	size_t n = MIN(want, k->left_len - k->left_at);

	if (n > 0)
		memcpy(out, k->left + k->left_at, n);
	if (!peek)
		k->left_at += n;
	return n;
}

static size_t
take(struct sock *k, uint8_t *out, size_t want, bool peek)
{
	struct tcp_conn *c = k->conn;
	struct span s;
	size_t n = 0;

	if (!c)
		return take_left(k, out, want, peek);
	while (n < want && tcp_peek_at(c, peek ? n : 0, &s)) {
		size_t part = MIN(s.len, want - n);

		memcpy(out + n, s.p, part);
		n += part;
		if (!peek)
			tcp_consume(c, part);
	}
	return n;
}

int
dut_call_read(struct dut *d, struct client *c, struct sock *k)
{
	const struct dut_request *r = &c->request;
	size_t n;

	(void)d;
	if (r->a < 0)
		return -EINVAL;
	if (r->b & ~(MSG_PEEK | MSG_DONTWAIT))
		return -EOPNOTSUPP;
	if (k->state == SOCK_LISTENING)
		return -ENOTCONN;
	n = take(k, c->response.data, MIN((size_t)r->a, sizeof(c->response.data)), r->b & MSG_PEEK);
	if (n > 0 || r->a == 0) {
		c->response.len = (int32_t)n;
		return (int)n;
	}
	if (k->error)
		return dut_sock_error(k);
	if (dut_sock_is_eof(k))
		return 0;
	if (k->state == SOCK_FRESH)
		return -ENOTCONN;
	return is_waiting_allowed(k) && !(r->b & MSG_DONTWAIT) ? DUT_PARK : -EAGAIN;
}

/* ---- write */

/* Into chunks, as the relay holds bodies: what is queued is not copied again. */
static uint32_t
push(struct sock *k, const uint8_t *p, size_t len)
{
	uint32_t done = 0;

	while (done < len) {
		uint32_t off, n;

		if (!k->tail || k->tail->len == k->tail->cap) {
			if (k->tail)
				chunk_put(k->tail);
			k->tail = chunk_new(&k->dut->chunks);
			if (!k->tail)
				break;
		}
		off = k->tail->len;
		n = (uint32_t)MIN(len - done, (size_t)(k->tail->cap - off));
		memcpy(k->tail->data + off, p + done, n);
		k->tail->len = off + n;
		if (!tcp_send_chunk(k->conn, k->tail, off, n)) {
			k->tail->len = off;
			break;
		}
		done += n;
	}
	return done;
}

int
dut_call_write(struct dut *d, struct client *c, struct sock *k)
{
	uint32_t len = (uint32_t)c->request.len;

	(void)d;
	if (c->done && (k->error || k->wr_shut || !k->conn))
		return (int)c->done;
	if (k->error)
		return dut_sock_error(k);
	if (k->wr_shut || k->state == SOCK_FRESH || k->state == SOCK_LISTENING || !k->conn)
		return -EPIPE;
	if (k->state == SOCK_OPEN)
		c->done += push(k, c->request.data + c->done,
		                MIN(len - c->done, (uint32_t)dut_sock_room(k)));
	if (c->done == len)
		return (int)len;
	if (is_waiting_allowed(k))
		return DUT_PARK;
	return c->done ? (int)c->done : -EAGAIN;
}

/* ---- the end */

int
dut_call_shutdown(struct dut *d, struct client *c, struct sock *k)
{
	int how = c->request.a;

	(void)d;
	if (how < SHUT_RD || how > SHUT_RDWR)
		return -EINVAL;
	if (k->state == SOCK_FRESH)
		return -ENOTCONN;
	if (k->state == SOCK_LISTENING) {
		if (how != SHUT_WR)
			dut_sock_unlisten(k);
		return 0;
	}
	if (k->state == SOCK_CONNECTING) {
		dut_sock_reset(k);
		k->state = SOCK_FRESH;
		k->error = ECONNRESET;
		return 0;
	}
	k->rd_shut |= how != SHUT_WR;
	k->wr_shut |= how != SHUT_RD;
	if (!k->conn)
		return -ENOTCONN;
	if (k->wr_shut)
		tcp_close(k->conn);
	return 0;
}

int
dut_call_close_again(struct dut *d, struct client *c)
{
	struct sock *k = c->closing;
	struct tcp_info i;

	if (k->conn)
		tcp_get_info(k->conn, &i);
	if (k->conn && i.state != TCP_FIN_WAIT_2 && d->now_us < c->until_us)
		return DUT_PARK;
	c->closing = NULL;
	dut_sock_free(k);
	return 0;
}

int
dut_call_close(struct dut *d, struct client *c, struct sock *k)
{
	dut_sock_uninstall(k);
	dut_sock_unlisten(k);
	if (k->linger_s == 0)
		dut_sock_reset(k);
	if (!k->conn || k->linger_s < 0 || tcp_unread(k->conn) > 0 || !is_waiting_allowed(k)) {
		dut_sock_free(k);
		return 0;
	}
	tcp_close(k->conn);
	c->closing = k;
	c->until_us = d->now_us + (uint64_t)k->linger_s * 1000000;
	return dut_call_close_again(d, c);
}
