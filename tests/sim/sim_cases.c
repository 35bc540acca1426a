/* SPDX-License-Identifier: BSD-3-Clause
 * sim_cases.c - one worker on a virtual clock, and dialogues of which every line is chosen
 *
 * Why     sim_node finds what nobody thought of; what was decided about time (decisions 2, 4, 11) and about odd answers is
 *         checked here one by one, exactly at its bound: an hour takes a second.
 * Form    A case is a function: the sender says lines and expects answers; the server answers by a table of verbs.
 */
#include "base/clock.h"
#include "bench/host.h"
#include "dataplane/packet/packet_eal.h"
#include "dataplane/worker.h"
#include "engine/snapshot.h"
#include "tests/sim/net.h"
#include "tests/sim/sim_eal.h"

#define SEC        1000000ull
#define START_US   (1000 * SEC)
#define WALL_US    (1790000000ull * SEC)
#define HOLD_BYTES (64 << 10)
#define CONNS      64

static struct rte_mempool *node_pool, *far_pool;
static struct engine_worker *engine;
static struct snapshot *snapshot;
static unsigned failed_cnt, passed_cnt;
static bool case_failed;

/* ---- the world: net, far host, worker ---- */

struct line {
	uint64_t at_us; /* since START_US */
	char text[600];
};

struct end {
	struct tcp_conn *tcp; /* NULL: gone */
	bool closed;          /* the other side sent FIN, or RST */
	char part[1200];
	size_t part_len;
	struct line *lines; /* of a server: commands; of the sender: replies */
	unsigned line_cnt, read_cnt;
	bool in_data;
	uint64_t chunk_left;
	char later[200]; /* what it says at later_us */
	uint64_t later_us;
};

/* What a server says to a verb; "" nothing; NULL the polite answer. */
struct answers {
	const char *banner, *ehlo, *mail, *rcpt, *data, *final, *rset;
	uint64_t banner_after_us, rcpt_after_us, final_after_us;
};

static struct {
	uint64_t now_us;
	struct net net;
	struct host host;
	struct packet_port *port;
	struct packet_dev dev;
	struct upstream_health_table *health;
	struct event_ring events;
	struct worker *worker;
	struct end sender;
	struct end server[CONNS];
	unsigned server_cnt;
	struct answers answers;
} x;

static const struct answers polite = {
	.banner = "220 sink ESMTP",
	.ehlo = "250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SIZE 100000000\r\n250 CHUNKING",
	.mail = "250 2.1.0 ok",
	.rcpt = "250 2.1.5 ok",
	.data = "354 go",
	.final = "250 2.0.0 taken",
	.rset = "250 2.0.0 ok",
};

static void
say(struct end *e, const char *z)
{
	if (e->tcp)
		BUG_ON(!tcp_send(e->tcp, span_z(z)));
}

static void
answer(struct end *e, const char *z, uint64_t after_us)
{
	if (!*z)
		return;
	if (after_us == 0) {
		say(e, z);
		say(e, "\r\n");
		return;
	}
	snprintf(e->later, sizeof(e->later), "%s", z);
	e->later_us = x.now_us + after_us;
}

static void
keep_line(struct end *e)
{
	struct line *l;

	e->lines = realloc(e->lines, (e->line_cnt + 1) * sizeof(*l));
	BUG_ON(!e->lines);
	l = &e->lines[e->line_cnt++];
	l->at_us = x.now_us - START_US;
	snprintf(l->text, sizeof(l->text), "%.*s", (int)MIN(e->part_len, sizeof(l->text) - 1),
	         e->part);
}

static void
server_line(struct end *e, const char *l)
{
	const struct answers *a = &x.answers;

	if (e->in_data) {
		if (strcmp(l, "."))
			return;
		e->in_data = false;
		answer(e, a->final, a->final_after_us);
	} else if (!strncmp(l, "EHLO", 4))
		answer(e, a->ehlo, 0);
	else if (!strncmp(l, "MAIL", 4))
		answer(e, a->mail, 0);
	else if (!strncmp(l, "RCPT", 4))
		answer(e, a->rcpt, a->rcpt_after_us);
	else if (!strncmp(l, "DATA", 4)) {
		answer(e, a->data, 0);
		e->in_data = a->data[0] == '3';
	} else if (!strncmp(l, "BDAT ", 5))
		e->chunk_left = strtoull(l + 5, NULL, 10);
	else if (!strncmp(l, "RSET", 4))
		answer(e, a->rset, 0);
	else if (!strncmp(l, "QUIT", 4)) {
		say(e, "221 bye\r\n");
		if (e->tcp)
			tcp_close(e->tcp);
	}
}

static void
take_byte(struct end *e, char c, bool is_server)
{
	if (e->chunk_left > 0) {
		e->chunk_left--;
		return;
	}
	if (e->part_len < sizeof(e->part) - 1)
		e->part[e->part_len++] = c;
	if (c != '\n')
		return;
	while (e->part_len > 0 &&
	       (e->part[e->part_len - 1] == '\n' || e->part[e->part_len - 1] == '\r'))
		e->part_len--;
	e->part[e->part_len] = 0;
	if (!e->in_data)
		keep_line(e);
	e->part_len = 0;
	if (is_server)
		server_line(e, e->part);
}

static bool
is_server(const struct end *e)
{
	return e != &x.sender;
}

static void
on_bytes(struct tcp_conn *t, void *user)
{
	struct end *e = user;
	struct span in;

	while (e->tcp && tcp_peek(t, &in)) {
		size_t n = in.len;

		for (size_t i = 0; i < n; i++)
			take_byte(e, in.p[i], is_server(e));
		if (e->tcp)
			tcp_consume(t, n);
	}
	if (e->tcp && tcp_at_eof(t)) {
		e->closed = true;
		tcp_close(t);
	}
}

static void
on_close(struct tcp_conn *t, void *user, int err)
{
	struct end *e = user;

	if (err != 0)
		on_bytes(t, user);
	e->tcp = NULL;
	e->closed = true;
}

static const struct tcp_ops end_ops = { NULL, on_bytes, NULL, on_close };

static void
on_server_open(struct tcp_conn *t, void *user)
{
	struct end *e = &x.server[x.server_cnt++];

	(void)user;
	BUG_ON(x.server_cnt > CONNS);
	e->tcp = t;
	tcp_set_user(t, e);
	answer(e, x.answers.banner, x.answers.banner_after_us);
}

static const struct tcp_ops server_ops = { on_server_open, on_bytes, NULL, on_close };

static void
turn(void)
{
	uint64_t next;
	struct event ev;

	x.net.now_us = x.now_us;
	worker_turn(x.worker, x.now_us, WALL_US + x.now_us);
	for (unsigned i = 0; i < x.server_cnt; i++) {
		struct end *e = &x.server[i];

		if (e->later_us && x.now_us >= e->later_us) {
			e->later_us = 0;
			answer(e, e->later, 0);
		}
	}
	host_turn(&x.host, x.now_us);
	while (event_pop(&x.events, &ev))
		;
	next = MIN(worker_next_us(x.worker, x.now_us, SEC), host_next_us(&x.host, x.now_us, SEC));
	next = MIN(next, net_next_us(&x.net));
	for (unsigned i = 0; i < x.server_cnt; i++)
		if (x.server[i].later_us)
			next = MIN(next, x.server[i].later_us);
	x.now_us = MAX(next, x.now_us + 50);
}

static uint64_t
now_s(void)
{
	return (x.now_us - START_US) / SEC;
}

static void
pass_time(uint64_t us)
{
	uint64_t until = x.now_us + us;

	while (x.now_us < until)
		turn();
}

static void
wrong(const char *name, unsigned line, const char *text)
{
	printf("%s: line %u: %s\n", name, line, text);
	case_failed = true;
}

/* The sender's next reply line within `us` of virtual time; "" none came. */
static const char *
next_reply(uint64_t us)
{
	struct end *e = &x.sender;
	uint64_t until = x.now_us + us;

	while (e->read_cnt == e->line_cnt && x.now_us < until && !e->closed)
		turn();
	return e->read_cnt < e->line_cnt ? e->lines[e->read_cnt++].text : "";
}

/* The last line of the next reply. */
static const char *
reply(uint64_t us)
{
	const char *l;

	do
		l = next_reply(us);
	while (strlen(l) > 3 && l[3] == '-');
	return l;
}

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond))                                                                       \
			wrong(__func__, __LINE__, #cond);                                          \
	} while (0)

#define EXPECT(prefix, us)                                                                         \
	do {                                                                                       \
		const char *got_ = reply(us);                                                      \
		if (strncmp(got_, prefix, strlen(prefix))) {                                       \
			char text_[800];                                                           \
			snprintf(text_, sizeof(text_), "expected %s, got \"%s\" at %llu s",        \
			         prefix, got_, (unsigned long long)now_s());                       \
			wrong(__func__, __LINE__, text_);                                          \
		}                                                                                  \
	} while (0)

#define TELL(text, prefix)                                                                         \
	do {                                                                                       \
		say(&x.sender, text "\r\n");                                                       \
		EXPECT(prefix, 3600 * SEC);                                                        \
	} while (0)

/* ---- set-up ---- */

static struct snapshot *
build(void)
{
	static struct span domains[2], boxes[2];
	static const char *const servers[] = { "10.77.0.1", "10.77.0.1" };
	struct snapshot_customer c[2];
	struct snapshot_errors errors = { 0 };
	struct snapshot_input in = { .generation = 1, .customers = c, .customer_cnt = 2 };

	memset(c, 0, sizeof(c));
	domains[0] = span_z("any.test");
	domains[1] = span_z("list.test");
	boxes[0] = span_z("bob");
	boxes[1] = span_z("alice");
	for (unsigned i = 0; i < 2; i++) {
		c[i].id = span_z(i ? "list" : "any");
		c[i].domains = &domains[i];
		c[i].domain_cnt = 1;
		c[i].route.server_cnt = 1;
		c[i].route.servers[0] =
		        (struct policy_server){ .port = 2525, .weight = 1, .priority = 10 };
		BUG_ON(!addr_parse(span_z(servers[i]), &c[i].route.servers[0].addr));
		snapshot_profile_default(&c[i].profile);
	}
	c[1].mailbox_mode = SNAPSHOT_MAILBOX_LIST;
	c[1].mailbox_list = (struct snapshot_span_list){ boxes, 2 };
	return snapshot_build(&in, &errors);
}

static void
make_worker(const struct worker_tunables *t)
{
	static struct snapshot *published;
	struct packet_port_config pc = { .name = "node",
		                         .worker_cnt = 1,
		                         .no_announce = true,
		                         .mac = { 2, 0, 0, 0, 0, 2 },
		                         .address_cnt = 1,
		                         .seed = 1,
		                         .key = packet_key_from(1) };
	struct worker_config wc = { .worker_cnt = 1,
		                    .hostname = "node.sim.test",
		                    .hold_bytes = HOLD_BYTES,
		                    .seed = 7,
		                    .now_us = START_US,
		                    .listen_cnt = 1,
		                    .tunables = *t };
	struct worker_env env = { .port_cnt = 1, .engine = engine, .snapshot = &published };
	char err[PACKET_ERROR_TEXT];

	published = snapshot;
	BUG_ON(!packet_addr_parse(span_z("10.77.0.2/24"), &pc.addresses[0]));
	x.port = packet_port_new(&pc, err);
	x.health = upstream_health_new();
	BUG_ON(!x.port || !x.health || event_ring_init(&x.events, 1024) < 0);
	x.dev = net_dev(&x.net, 0);
	env.ports[0] = (struct worker_port){ x.port, &x.dev, node_pool };
	env.health = x.health;
	env.events = &x.events;
	wc.listen[0].port = 25;
	wc.sizes = (struct worker_sizes){ .conns = 64,
		                          .sessions = 32,
		                          .messages = 32,
		                          .chunks = 128,
		                          .small_chunks = 256,
		                          .lines = 32,
		                          .upstream_conns = 32,
		                          .routes = 8,
		                          .sources = 64,
		                          .rcpts = 256,
		                          .hold_bytes = 40 * HOLD_BYTES };
	x.worker = worker_new(&wc, &env, err);
	BUG_ON(!x.worker);
}

static void
connect_sender(void)
{
	struct addr src, dst;

	BUG_ON(!addr_parse(span_z("10.77.0.1"), &src) || !addr_parse(span_z("10.77.0.2"), &dst));
	x.sender.tcp = tcp_connect(x.host.tcp, &src, &dst, 25, &end_ops, &x.sender, x.now_us);
	BUG_ON(!x.sender.tcp);
}

static void
begin(const struct worker_tunables *t, const struct answers *a)
{
	static const char *const addresses[] = { "10.77.0.1/24" };
	static const struct addr any;
	struct net_config nc = { .delay_us = 1000 };
	struct host_config hc = { .name = "far",
		                  .addresses = addresses,
		                  .address_cnt = 1,
		                  .mac = { 2, 0, 0, 0, 0, 1 },
		                  .pool = far_pool,
		                  .conn_cnt = 128,
		                  .timewait_cnt = 512,
		                  .seed = 3,
		                  .now_us = START_US };

	memset(&x, 0, sizeof(x));
	x.now_us = START_US;
	x.answers = *a;
	net_init(&x.net, &nc, 5, far_pool);
	hc.dev = net_dev(&x.net, 1);
	BUG_ON(host_init(&x.host, &hc) < 0 ||
	       tcp_listen(x.host.tcp, &any, 2525, &server_ops, NULL) < 0);
	make_worker(t);
	connect_sender();
	EXPECT("220", 10 * SEC);
	TELL("EHLO sender.test", "250");
}

static void
end(void)
{
	free(x.sender.lines);
	for (unsigned i = 0; i < x.server_cnt; i++)
		free(x.server[i].lines);
	worker_free(x.worker);
	host_fini(&x.host);
	packet_port_free(x.port);
	upstream_health_free(x.health);
	event_ring_fini(&x.events);
	net_fini(&x.net);
}

static struct worker_tunables
defaults(void)
{
	struct worker_tunables t;

	worker_tunables_default(&t);
	t.limits.enabled = false;
	return t;
}

/* ---- the cases ---- */

/* Commands of a server's connection that begin so. */
static unsigned
said(const char *verb)
{
	unsigned n = 0;

	for (unsigned i = 0; i < x.server_cnt; i++)
		for (unsigned k = 0; k < x.server[i].line_cnt; k++)
			n += !strncmp(x.server[i].lines[k].text, verb, strlen(verb));
	return n;
}

/* Decisions 2: who waits in a tarpit does not keep a customer's connection. */
static void
tarpit_frees_the_server(void)
{
	struct worker_tunables t = defaults();
	struct answers a = polite;

	a.rcpt = "550 5.1.1 no such one";
	t.tarpit_us = 20 * SEC;
	begin(&t, &a);
	TELL("MAIL FROM:<a@b.test>", "250");
	say(&x.sender, "RCPT TO:<nobody@any.test>\r\n");
	pass_time(3 * SEC);
	CHECK(said("RCPT") == 1 && said("RSET") == 1);
	CHECK(x.sender.read_cnt == x.sender.line_cnt); /* and the answer still waits */
	EXPECT("550 5.1.1", 100 * SEC);
	CHECK(now_s() >= 19 && now_s() <= 22);
	end();
}

/* Decisions 4: RCPT is answered within 90 s, tarpit included. */
static void
tarpit_keeps_the_deadline(void)
{
	struct worker_tunables t = defaults();

	t.tarpit_us = 300 * SEC;
	begin(&t, &polite);
	TELL("MAIL FROM:<a@b.test>", "250");
	TELL("RCPT TO:<nobody@list.test>", "550 5.1.1");
	CHECK(now_s() <= 91);
	end();
}

/* RCPT: banner, then answer, each at the last second. */
static void
rcpt_deadline(void)
{
	struct worker_tunables t = defaults();
	struct answers a = polite;

	a.banner_after_us = 19 * SEC;
	a.rcpt_after_us = 69 * SEC;
	begin(&t, &a);
	TELL("MAIL FROM:<a@b.test>", "250");
	TELL("RCPT TO:<one@any.test>", "250");
	CHECK(now_s() == 88);
	x.answers.rcpt_after_us = 91 * SEC;
	TELL("RCPT TO:<two@any.test>", "451 4.4.1");
	CHECK(now_s() >= 88 + 89 && now_s() <= 88 + 91);
	end();
}

/* The final reply: 9 minutes from the last byte, and what the server says later is not waited for. */
static void
final_deadline(void)
{
	struct worker_tunables t = defaults();
	struct answers a = polite;
	uint64_t began;

	a.final_after_us = 539 * SEC;
	begin(&t, &a);
	TELL("MAIL FROM:<a@b.test>", "250");
	TELL("RCPT TO:<one@any.test>", "250");
	TELL("DATA", "354");
	TELL("Subject: x\r\n\r\ntext\r\n.", "250 2.0.0");
	x.answers.final_after_us = 560 * SEC;
	TELL("MAIL FROM:<a@b.test>", "250");
	TELL("RCPT TO:<one@any.test>", "250");
	TELL("DATA", "354");
	began = now_s();
	TELL("Subject: x\r\n\r\ntext\r\n.", "451 4.4.2");
	CHECK(now_s() - began >= 539 && now_s() - began <= 541);
	end();
}

/* Half a command buys no time: five minutes for a whole one. */
static void
slow_command(void)
{
	struct worker_tunables t = defaults();

	begin(&t, &polite);
	for (unsigned i = 0; i < 10 && !x.sender.closed; i++) {
		say(&x.sender, "N");
		pass_time(100 * SEC);
	}
	EXPECT("421 4.4.2", SEC);
	CHECK(x.sender.closed && x.sender.lines[x.sender.line_cnt - 1].at_us <= 302 * SEC);
	end();
}

/* Between two chunks the mail's rules hold as well: a minimum rate, and 60 s once it is streamed. */
static void
slow_chunks(void)
{
	struct worker_tunables t = defaults();

	begin(&t, &polite);
	TELL("MAIL FROM:<a@b.test>", "250");
	TELL("RCPT TO:<one@any.test>", "250");
	for (unsigned i = 0; i < 10 && !x.sender.closed; i++) {
		say(&x.sender, "BDAT 1\r\nx");
		pass_time(100 * SEC);
	}
	CHECK(x.sender.closed && x.sender.lines[x.sender.line_cnt - 1].at_us <= 302 * SEC);
	end();
}

static void
streamed_chunks_stall(void)
{
	struct worker_tunables t = defaults();
	char line[101];
	uint64_t began;

	begin(&t, &polite);
	TELL("MAIL FROM:<a@b.test>", "250");
	TELL("RCPT TO:<one@any.test>", "250");
	say(&x.sender, "BDAT 100012\r\nSubject: x\r\n");
	memset(line, 'x', sizeof(line));
	line[98] = '\r';
	line[99] = '\n';
	line[100] = 0;
	for (unsigned i = 0; i < 1000; i++) {
		say(&x.sender, line);
		pass_time(1000);
	}
	EXPECT("250 2.0.0", 10 * SEC);
	began = now_s();
	EXPECT("451 4.4.2", 100 * SEC);
	CHECK(now_s() - began >= 59 && now_s() - began <= 62);
	CHECK(x.sender.closed || (pass_time(SEC), x.sender.closed));
	end();
}

/* A refusal of DATA is the answer, whatever becomes of our RSET. */
static void
data_refused_and_silence(void)
{
	struct worker_tunables t = defaults();
	struct answers a = polite;

	a.data = "554 5.7.1 not this one";
	begin(&t, &a);
	TELL("MAIL FROM:<a@b.test>", "250");
	TELL("RCPT TO:<one@any.test>", "250");
	pass_time(5 * SEC);
	x.answers.rset = "";
	TELL("DATA", "354");
	TELL("Subject: x\r\n\r\ntext\r\n.", "554 5.7.1");
	CHECK(now_s() < 10);
	end();
}

/* Refused recipients take no room, however many there are in one transaction. */
static void
many_refused(void)
{
	struct worker_tunables t = defaults();
	struct answers a = polite;
	struct worker_leaks l;

	a.rcpt = "450 4.2.0 later";
	begin(&t, &a);
	TELL("MAIL FROM:<a@b.test>", "250");
	for (unsigned i = 0; i < 2000; i++) {
		char text[400];

		snprintf(text, sizeof(text), "RCPT TO:<%060u@any.test>\r\n", i);
		say(&x.sender, text);
		EXPECT("450", 10 * SEC);
	}
	worker_get_leaks(x.worker, &l);
	CHECK(l.chunks <= 1);
	end();
}

/* Replies wait for the sender's acknowledgements, and go on with them. */
static void
many_pipelined(void)
{
	struct worker_tunables t = defaults();
	unsigned got = 0;

	t.max_errors = 100000;
	begin(&t, &polite);
	for (unsigned i = 0; i < 100; i++) {
		char text[1000];
		size_t n = 0;

		for (unsigned k = 0; k < 120; k++)
			n += (size_t)sprintf(text + n, "HELP\r\n");
		say(&x.sender, text);
	}
	while (got < 12000 && !strncmp(reply(20 * SEC), "214", 3))
		got++;
	CHECK(got == 12000);
	end();
}

/* clang-format off */
static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	{ "tarpit frees the server",   tarpit_frees_the_server },
	{ "tarpit keeps the deadline", tarpit_keeps_the_deadline },
	{ "RCPT deadline",             rcpt_deadline },
	{ "final deadline",            final_deadline },
	{ "slow command",              slow_command },
	{ "slow chunks",               slow_chunks },
	{ "streamed chunks stall",     streamed_chunks_stall },
	{ "DATA refused, then silence", data_refused_and_silence },
	{ "many refused recipients",   many_refused },
	{ "many pipelined commands",   many_pipelined },
};
/* clang-format on */

int
main(int argc, char **argv)
{
	struct engine_config ec = { .scan_bytes = HOLD_BYTES };

	sim_eal_init();
	node_pool = sim_eal_pool("node", 8191);
	far_pool = sim_eal_pool("far", 8191);
	engine = engine_worker_new(&ec);
	snapshot = build();
	BUG_ON(!engine || !snapshot || engine_worker_attach(engine, snapshot) < 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (argc > 1 && strcmp(argv[1], cases[i].name))
			continue;
		case_failed = false;
		cases[i].run();
		printf("%s %s\n", case_failed ? "FAILED" : "ok    ", cases[i].name);
		failed_cnt += case_failed;
		passed_cnt += !case_failed;
	}
	printf("%u passed, %u failed\n", passed_cnt, failed_cnt);
	return failed_cnt != 0;
}
