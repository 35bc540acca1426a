/* SPDX-License-Identifier: BSD-3-Clause
 * far.c - peers on TCP connections
 */
#include "tests/sim/far.h"
#include "tests/sim/sim_report.h"

#define PIECE 32768

/* A sender that hears nothing for longer than any reply may take goes (RFC 5321 4.5.3.2); the first ACK and every SYN-ACK's
 * answer may have been lost, then only the sender has a connection. */
#define PATIENCE_US (1200ull * 1000000)

struct far_conn {
	struct far *far;
	struct tcp_conn *tcp; /* NULL: gone */
	bool is_server, closing;
	union {
		struct peer_server server;
		struct peer_sender sender;
	};
	char *queue; /* what tcp_send() did not take; heap */
	size_t queue_len, queue_at;
	uint64_t wake_us, heard_us;
};

static void
flush(struct far_conn *c)
{
	while (c->tcp && c->queue_at < c->queue_len) {
		size_t n = MIN(c->queue_len - c->queue_at, (size_t)PIECE);

		if (tcp_room(c->tcp) == 0 || !tcp_send(c->tcp, span(c->queue + c->queue_at, n)))
			return;
		c->queue_at += n;
	}
	if (c->tcp && c->closing)
		tcp_close(c->tcp);
}

static void
op_send(void *ctx, struct span bytes)
{
	struct far_conn *c = ctx;

	if (!c->tcp || bytes.len == 0)
		return;
	if (c->queue_at == c->queue_len)
		c->queue_at = c->queue_len = 0;
	c->queue = realloc(c->queue, c->queue_len + bytes.len);
	BUG_ON(!c->queue);
	memcpy(c->queue + c->queue_len, bytes.p, bytes.len);
	c->queue_len += bytes.len;
	flush(c);
}

static void
op_close(void *ctx)
{
	struct far_conn *c = ctx;

	c->closing = true;
	flush(c);
}

static void
op_abort(void *ctx)
{
	struct far_conn *c = ctx;

	if (c->tcp)
		tcp_abort(c->tcp);
	c->tcp = NULL;
}

static void
op_wake(void *ctx, uint64_t at_us)
{
	((struct far_conn *)ctx)->wake_us = at_us;
}

static const struct peer_ops peer_ops = { op_send, op_close, op_abort, op_wake };

static struct far_conn *
conn_new(struct far *f, bool is_server)
{
	for (unsigned i = 0; i < FAR_CONNS_MAX; i++)
		if (!f->conns[i]) {
			struct far_conn *c = calloc(1, sizeof(*c));

			BUG_ON(!c);
			c->far = f;
			c->is_server = is_server;
			f->conns[i] = c;
			f->conn_cnt++;
			f->sender_cnt += !is_server;
			return c;
		}
	return NULL;
}

static void
conn_free(struct far *f, unsigned i)
{
	struct far_conn *c = f->conns[i];

	if (c->tcp)
		tcp_abort(c->tcp);
	if (c->is_server) {
		peer_server_fini(&c->server);
	} else {
		peer_sender_closed(&c->sender);
		f->sender_cnt--;
	}
	free(c->queue);
	free(c);
	f->conns[i] = NULL;
	f->conn_cnt--;
}

static void
on_bytes(struct tcp_conn *tcp, void *user)
{
	struct far_conn *c = user;
	struct span in;

	c->heard_us = c->far->now_us;
	while (c->tcp && tcp_peek(tcp, &in)) {
		size_t n = in.len;

		if (c->is_server)
			peer_server_feed(&c->server, in);
		else
			peer_sender_feed(&c->sender, in);
		if (c->tcp)
			tcp_consume(tcp, n);
	}
	if (c->tcp && tcp_at_eof(tcp)) { /* the other side is done: so are we, once all is sent */
		if (!c->is_server)
			peer_sender_closed(&c->sender);
		c->closing = true;
		flush(c);
	}
}

static void
on_room(struct tcp_conn *tcp, void *user)
{
	(void)tcp;
	flush(user);
}

static void
on_close(struct tcp_conn *tcp, void *user, int err)
{
	struct far_conn *c = user;

	(void)tcp;
	if (err != 0 && c->tcp)
		on_bytes(tcp, user); /* an answer may have come just before the end */
	c->tcp = NULL;
}

static void
on_sender_open(struct tcp_conn *tcp, void *user)
{
	peer_sender_opened(&((struct far_conn *)user)->sender, tcp_local_port(tcp),
	                   !addr_is_v4(tcp_local_addr(tcp)));
}

static void on_server_open(struct tcp_conn *tcp, void *user);

static const struct tcp_ops sender_ops = { on_sender_open, on_bytes, on_room, on_close };
static const struct tcp_ops server_ops = { on_server_open, on_bytes, on_room, on_close };

/* What goes wrong on a connection to `port`. */
static struct peer_server_config
server_config(struct far *f, uint16_t port)
{
	struct peer_server_config c = { .port = port };
	static const enum sim_fault warm[] = { FAULT_RESET, FAULT_CLOSE, FAULT_421 };
	static const enum sim_stage seldom[] = { AT_DATA, AT_FINAL, AT_RSET };

	c.poor = rng_odds(&f->rng, 1, 10);
	if (f->cfg.mood == FAR_WARM && cust_port_is(port, ROUTE_ANY)) {
		c.stage = AT_MAIL;
		c.fault = warm[rng_below(&f->rng, ARRAY_LEN(warm))];
		c.nth = 2 + (unsigned)rng_below(&f->rng, 2);
	}
	if (f->cfg.mood != FAR_WILD || !rng_odds(&f->rng, f->cfg.fault_permille, 1000))
		return c;
	do {
		c.stage = (enum sim_stage)rng_below(&f->rng, SIM_STAGES);
		c.fault = (enum sim_fault)rng_below(&f->rng, SIM_FAULTS);
		if (cust_port_is(port, ROUTE_OTHER) && rng_odds(&f->rng, 1, 3))
			c.stage = AT_XCLIENT;
		else if (f->ledger.big &&
		         rng_odds(&f->rng, 1, 3)) /* half of a mail is sent by then */
			c.stage = AT_BODY;
		else if (rng_odds(&f->rng, 1, 3)) /* seldom reached */
			c.stage = seldom[rng_below(&f->rng, ARRAY_LEN(seldom))];
		if (c.stage == AT_BODY && rng_odds(&f->rng, 1, 3)) /* few mails are that long */
			c.fault = FAULT_EARLY;
	} while (!sim_fault_is_there(c.stage, c.fault) ||
	         (c.stage == AT_XCLIENT && !cust_port_is(port, ROUTE_OTHER)));
	c.nth = 1;
	if (c.stage == AT_MAIL || c.stage == AT_RCPT || c.stage == AT_BODY)
		c.nth += (unsigned)rng_below(&f->rng, 3);
	return c;
}

static void
on_server_open(struct tcp_conn *tcp, void *user)
{
	struct far *f = user;
	struct far_conn *c = conn_new(f, true);
	struct peer_server_config sc;
	struct addr egress;

	if (!c) {
		tcp_abort(tcp);
		return;
	}
	c->tcp = tcp;
	tcp_set_user(tcp, c);
	sc = server_config(f, tcp_local_port(tcp));
	BUG_ON(!addr_parse(span_z(CUST_EGRESS), &egress));
	if (cust_port_is(sc.port, ROUTE_OTHER) && !addr_eq(&egress, tcp_remote_addr(tcp)))
		sim_fail("port %u: a connection from an address that is not the route's\n",
		         sc.port);
	peer_server_start(&c->server, &peer_ops, c, &f->ledger, &f->rng, &sc);
}

static void
set_listening(struct far *f, bool on)
{
	static const struct addr any;

	if (on == f->listening)
		return;
	for (size_t i = 0; i < cust_port_cnt; i++)
		if (f->dead_ports & 1u << i)
			continue;
		else if (on)
			BUG_ON(tcp_listen(f->host.tcp, &any, cust_ports[i], &server_ops, f) < 0);
		else
			tcp_unlisten(f->host.tcp, &any, cust_ports[i]);
	f->listening = on;
}

int
far_init(struct far *f, const struct far_config *c)
{
	static const char *const addresses[] = { "10.77.0.1/24", "fd77::1/64" };
	struct host_config hc = {
		.name = "far",
		.addresses = addresses,
		.address_cnt = ARRAY_LEN(addresses),
		.mac = { 2, 0, 0, 0, 0, 1 },
		.dev = c->dev,
		.pool = c->pool,
		.conn_cnt = 256,
		.timewait_cnt = 1024,
		.seed = c->seed,
		.now_us = c->now_us,
	};
	int ret;

	memset(f, 0, sizeof(*f));
	f->cfg = *c;
	f->now_us = c->now_us;
	rng_seed(&f->rng, c->seed ^ 0x5eed);
	ret = host_init(&f->host, &hc);
	if (ret < 0)
		return ret;
	ledger_init(&f->ledger);
	if (c->mood == FAR_DEAD) { /* of 2525, 2527, 2528 at most two */
		static const unsigned dead[] = { 1u << 0, 1u << 2, 1u << 0 | 1u << 2, 1u << 3 };

		f->dead_ports = dead[rng_below(&f->rng, ARRAY_LEN(dead))];
	}
	set_listening(f, true);
	return 0;
}

bool
far_send_mails(struct far *f, enum sender_habit habit, unsigned mails, uint64_t now_us)
{
	bool v6 = rng_odds(&f->rng, 1, 3);
	struct far_conn *c = conn_new(f, false);
	struct addr src, dst;

	if (!c)
		return false;
	BUG_ON(!addr_parse(span_z(v6 ? "fd77::1" : "10.77.0.1"), &src));
	BUG_ON(!addr_parse(span_z(v6 ? "fd77::2" : "10.77.0.2"), &dst));
	peer_sender_start(&c->sender, &peer_ops, c, &f->ledger, &f->rng, habit, mails);
	c->heard_us = now_us;
	c->tcp = tcp_connect(f->host.tcp, &src, &dst, 25, &sender_ops, c, now_us);
	return c->tcp != NULL;
}

void
far_turn(struct far *f, uint64_t now_us)
{
	f->now_us = f->ledger.now_us = now_us;
	if (f->listening && now_us >= f->listen_at_us + 1000000) {
		f->listen_at_us = now_us;
		if (rng_odds(&f->rng, f->cfg.gone_permille, 1000)) {
			set_listening(f, false);
			f->listen_at_us = now_us + rng_below(&f->rng, 20000000);
		}
	} else if (!f->listening && now_us >= f->listen_at_us) {
		set_listening(f, true);
	}
	for (unsigned i = 0; i < FAR_CONNS_MAX; i++) {
		struct far_conn *c = f->conns[i];

		if (!c)
			continue;
		if (c->wake_us != 0 && now_us >= c->wake_us) {
			c->wake_us = 0;
			if (c->is_server)
				peer_server_tick(&c->server);
			else
				peer_sender_tick(&c->sender);
		}
		if (!c->is_server && c->tcp && now_us > c->heard_us + PATIENCE_US) {
			if (f->ledger.lossless)
				sim_fail("a sender of habit %s heard nothing for 20 min\n",
				         sender_habit_names[c->sender.habit]);
			op_abort(c);
		}
		if (!c->tcp)
			conn_free(f, i);
	}
	host_turn(&f->host, now_us);
}

uint64_t
far_next_us(const struct far *f, uint64_t now_us, uint64_t max_us)
{
	uint64_t t = host_next_us(&f->host, now_us, max_us);

	for (unsigned i = 0; i < FAR_CONNS_MAX; i++)
		if (f->conns[i] && f->conns[i]->wake_us != 0)
			t = MIN(t, f->conns[i]->wake_us);
	return t;
}

unsigned
far_mails_due(const struct far *f)
{
	unsigned n = 0;

	for (unsigned i = 0; i < FAR_CONNS_MAX; i++)
		if (f->conns[i] && !f->conns[i]->is_server)
			n += f->conns[i]->sender.mails_left;
	return n;
}

bool
far_is_quiet(const struct far *f)
{
	return f->sender_cnt == 0;
}

void
far_print_senders(const struct far *f)
{
	for (unsigned i = 0; i < FAR_CONNS_MAX; i++) {
		const struct far_conn *c = f->conns[i];
		struct tcp_info info = { 0 };

		if (!c || c->is_server)
			continue;
		if (c->tcp)
			tcp_get_info(c->tcp, &info);
		printf("  a sender of habit %s is in its state %u at mail %d, TCP %s, %u unacked, "
		       "%u unread, port %u\n",
		       sender_habit_names[c->sender.habit], c->sender.state, c->sender.mail,
		       c->tcp ? tcp_state_name(info.state) : "gone", info.unacked_bytes,
		       info.unread_bytes, c->tcp ? tcp_local_port(c->tcp) : 0);
	}
}

void
far_fini(struct far *f)
{
	for (unsigned i = 0; i < FAR_CONNS_MAX; i++)
		if (f->conns[i])
			conn_free(f, i);
	host_fini(&f->host);
}
