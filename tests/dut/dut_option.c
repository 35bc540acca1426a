/* SPDX-License-Identifier: BSD-3-Clause
 * dut_option.c - getsockopt and setsockopt: one table
 */
#include "tests/dut/dut.h"
#include "tests/dut/dut_linux.h"

#define SND_BUF_MIN 4608 /* Linux's least, as it reports them */
#define RCV_BUF_MIN 2304
#define MSS_MIN     88
#define BUF_MAX     (4 << 20)

/* A value is an int unless said otherwise. get: bytes written to out (room bytes), or -errno. */
struct option {
	int level, name;
	int (*get)(struct sock *k, void *out, size_t room);
	int (*set)(struct sock *k, const void *in, size_t len);
};

static int
give(int v, void *out, size_t room)
{
	size_t n = MIN(room, sizeof(v));

	memcpy(out, &v, n);
	return (int)n;
}

static int
take(const void *in, size_t len, int *v)
{
	if (len < sizeof(*v))
		return -EINVAL;
	memcpy(v, in, sizeof(*v));
	return 0;
}

static int
take_range(const void *in, size_t len, int min, int max, int *v)
{
	int ret = take(in, len, v);

	return ret == 0 && (*v < min || *v > max) ? -EINVAL : ret;
}

static int
take_bool(const void *in, size_t len, bool *b)
{
	int v = 0, ret = take(in, len, &v);

	if (ret == 0)
		*b = v != 0;
	return ret;
}

/* ---- SOL_SOCKET */

static int
get_error(struct sock *k, void *out, size_t room)
{
	return give(-dut_sock_error(k), out, room);
}

static int
get_type(struct sock *k, void *out, size_t room)
{
	(void)k;
	return give(SOCK_STREAM, out, room);
}

static int
get_domain(struct sock *k, void *out, size_t room)
{
	return give(k->domain, out, room);
}

static int
get_listening(struct sock *k, void *out, size_t room)
{
	return give(k->state == SOCK_LISTENING, out, room);
}

static int
get_reuse(struct sock *k, void *out, size_t room)
{
	return give(k->is_reuse, out, room);
}

static int
set_reuse(struct sock *k, const void *in, size_t len)
{
	return take_bool(in, len, &k->is_reuse);
}

static int
get_linger(struct sock *k, void *out, size_t room)
{
	struct linger l = { k->linger_s >= 0, MAX(k->linger_s, 0) };
	size_t n = MIN(room, sizeof(l));

	memcpy(out, &l, n);
	return (int)n;
}

static int
set_linger(struct sock *k, const void *in, size_t len)
{
	struct linger l;

	if (len < sizeof(l))
		return -EINVAL;
	memcpy(&l, in, sizeof(l));
	k->linger_s = l.l_onoff ? MAX(l.l_linger, 0) : -1;
	return 0;
}

/* Linux doubles what is asked for and reports that. */
static int
get_snd_buf(struct sock *k, void *out, size_t room)
{
	return give((int)k->snd_buf, out, room);
}

static int
set_snd_buf(struct sock *k, const void *in, size_t len)
{
	int v, ret = take(in, len, &v);

	if (ret == 0)
		k->snd_buf = (uint32_t)MAX(MIN(MAX(v, 0), BUF_MAX / 2) * 2, SND_BUF_MIN);
	return ret;
}

static int
get_rcv_buf(struct sock *k, void *out, size_t room)
{
	return give((int)(k->rcv_buf ? k->rcv_buf : k->dut->cfg.rcv_buf_bytes), out, room);
}

static int
set_rcv_buf(struct sock *k, const void *in, size_t len)
{
	int v, ret = take(in, len, &v);

	if (ret == 0)
		k->rcv_buf = (uint32_t)MAX(MIN(MAX(v, 0), BUF_MAX / 2) * 2, RCV_BUF_MIN);
	dut_sock_apply(k);
	return ret;
}

static int
get_keepalive(struct sock *k, void *out, size_t room)
{
	return give(k->is_keepalive, out, room);
}

static int
set_keepalive(struct sock *k, const void *in, size_t len)
{
	int ret = take_bool(in, len, &k->is_keepalive);

	dut_sock_apply(k);
	return ret;
}

/* ---- IPPROTO_TCP */

static int
get_max_seg(struct sock *k, void *out, size_t room)
{
	struct tcp_info i = { .snd_mss =
		                      k->mss ? k->mss : 536 }; /* Linux's, without a connection */

	if (k->conn)
		tcp_get_info(k->conn, &i);
	return give((int)i.snd_mss, out, room);
}

/* It is for the SYN, so only before one; a listener announces the link's. */
static int
set_max_seg(struct sock *k, const void *in, size_t len)
{
	int v, ret = take_range(in, len, MSS_MIN, INT16_MAX, &v);

	if (ret == 0 && k->state != SOCK_FRESH)
		ret = -EINVAL;
	if (ret == 0)
		k->mss = (uint16_t)v;
	return ret;
}

/* Nagle's algorithm is not in the stack: it is as if this were always on (docs/rfc-map.md). */
static int
get_no_delay(struct sock *k, void *out, size_t room)
{
	(void)k;
	return give(1, out, room);
}

static int
set_no_delay(struct sock *k, const void *in, size_t len)
{
	int v;

	(void)k;
	return take(in, len, &v);
}

static int
get_info(struct sock *k, void *out, size_t room)
{
	return (int)dut_info(k, out, room);
}

static int
get_congestion(struct sock *k, void *out, size_t room)
{
	static const char names[2][16] = { "cubic", "reno" }; /* as many bytes as Linux gives */
	size_t n = MIN(room, sizeof(names[0]));

	memcpy(out, names[k->dut->cfg.newreno], n);
	return (int)n;
}

/* The stack has one for all its connections. */
static int
set_congestion(struct sock *k, const void *in, size_t len)
{
	const char *name = k->dut->cfg.newreno ? "reno" : "cubic";
	struct span s = { in, strnlen(in, len) };

	return span_is(s, name) ? 0 : -ENOENT;
}

/* A changed time goes to the connection, or back. */
static int
set_times(struct sock *k, const struct tcp_times *t)
{
	if (k->conn && !tcp_set_times(k->conn, t))
		return -ENOBUFS;
	k->times = *t;
	return 0;
}

static int
get_user_timeout(struct sock *k, void *out, size_t room)
{
	return give((int)k->times.user_timeout_ms, out, room);
}

static int
set_user_timeout(struct sock *k, const void *in, size_t len)
{
	struct tcp_times t = k->times;
	int v, ret = take_range(in, len, 0, (int)TCP_TIME_MAX_MS, &v);

	t.user_timeout_ms = (uint32_t)v;
	return ret ? ret : set_times(k, &t);
}

static int
get_keep_idle(struct sock *k, void *out, size_t room)
{
	uint32_t ms = k->times.keep_idle_ms ? k->times.keep_idle_ms : k->dut->cfg.keep_idle_ms;

	return give((int)(ms / 1000), out, room);
}

static int
set_keep_idle(struct sock *k, const void *in, size_t len)
{
	struct tcp_times t = k->times;
	int v, ret = take_range(in, len, 1, (int)(TCP_TIME_MAX_MS / 1000), &v);

	t.keep_idle_ms = (uint32_t)v * 1000;
	return ret ? ret : set_times(k, &t);
}

static int
get_keep_interval(struct sock *k, void *out, size_t room)
{
	uint32_t ms = k->times.keep_interval_ms ? k->times.keep_interval_ms
	                                        : k->dut->cfg.keep_interval_ms;

	return give((int)(ms / 1000), out, room);
}

static int
set_keep_interval(struct sock *k, const void *in, size_t len)
{
	struct tcp_times t = k->times;
	int v, ret = take_range(in, len, 1, (int)(TCP_TIME_MAX_MS / 1000), &v);

	t.keep_interval_ms = (uint32_t)v * 1000;
	return ret ? ret : set_times(k, &t);
}

static int
get_keep_cnt(struct sock *k, void *out, size_t room)
{
	return give(k->times.keep_cnt ? k->times.keep_cnt : k->dut->cfg.keep_cnt, out, room);
}

static int
set_keep_cnt(struct sock *k, const void *in, size_t len)
{
	struct tcp_times t = k->times;
	int v, ret = take_range(in, len, 1, TCP_KEEP_CNT_MAX, &v);

	t.keep_cnt = (uint8_t)v;
	return ret ? ret : set_times(k, &t);
}

/* ---- IPPROTO_IPV6 */

static int
get_v6_only(struct sock *k, void *out, size_t room)
{
	return give(k->is_v6_only, out, room);
}

static int
set_v6_only(struct sock *k, const void *in, size_t len)
{
	if (k->domain != AF_INET6 || k->is_bound || k->state != SOCK_FRESH)
		return -EINVAL;
	return take_bool(in, len, &k->is_v6_only);
}

static const struct option options[] = {
	{ SOL_SOCKET, SO_ERROR, get_error, NULL },
	{ SOL_SOCKET, SO_TYPE, get_type, NULL },
	{ SOL_SOCKET, SO_DOMAIN, get_domain, NULL },
	{ SOL_SOCKET, SO_ACCEPTCONN, get_listening, NULL },
	{ SOL_SOCKET, SO_REUSEADDR, get_reuse, set_reuse },
	{ SOL_SOCKET, SO_LINGER, get_linger, set_linger },
	{ SOL_SOCKET, SO_SNDBUF, get_snd_buf, set_snd_buf },
	{ SOL_SOCKET, SO_RCVBUF, get_rcv_buf, set_rcv_buf },
	{ SOL_SOCKET, SO_KEEPALIVE, get_keepalive, set_keepalive },
	{ IPPROTO_TCP, TCP_MAXSEG, get_max_seg, set_max_seg },
	{ IPPROTO_TCP, TCP_NODELAY, get_no_delay, set_no_delay },
	{ IPPROTO_TCP, TCP_INFO, get_info, NULL },
	{ IPPROTO_TCP, TCP_CONGESTION, get_congestion, set_congestion },
	{ IPPROTO_TCP, TCP_USER_TIMEOUT, get_user_timeout, set_user_timeout },
	{ IPPROTO_TCP, TCP_KEEPIDLE, get_keep_idle, set_keep_idle },
	{ IPPROTO_TCP, TCP_KEEPINTVL, get_keep_interval, set_keep_interval },
	{ IPPROTO_TCP, TCP_KEEPCNT, get_keep_cnt, set_keep_cnt },
	{ IPPROTO_IPV6, IPV6_V6ONLY, get_v6_only, set_v6_only },
};

static const struct option *
find(const struct dut_request *r)
{
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		if (options[i].level == r->a && options[i].name == r->b)
			return &options[i];
	return NULL;
}

int
dut_call_getsockopt(struct dut *d, struct client *c, struct sock *k)
{
	const struct option *o = find(&c->request);
	int n;

	(void)d;
	if (!o)
		return -ENOPROTOOPT;
	if (c->request.c < 0)
		return -EINVAL;
	n = o->get(k, c->response.data, MIN((size_t)c->request.c, sizeof(c->response.data)));
	if (n < 0)
		return n;
	c->response.len = n;
	return 0;
}

int
dut_call_setsockopt(struct dut *d, struct client *c, struct sock *k)
{
	const struct option *o = find(&c->request);

	(void)d;
	if (!o || !o->set)
		return -ENOPROTOOPT;
	return o->set(k, c->request.data, (size_t)c->request.len);
}
