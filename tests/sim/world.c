/* SPDX-License-Identifier: BSD-3-Clause
 * world.c - the worker's surroundings for scripted cases: a server that answers by a table, senders that say what they are told
 *
 * Over 500 lines: both ends, and the one set of customers that all cases share.
 */
#include "tests/sim/world.h"
#include "dataplane/packet/packet_eal.h"
#include "engine/snapshot.h"
#include "tests/malloc_count.h"
#include "tests/sim/sim_eal.h"

#define START_US (1000 * SEC)
#define WALL_US  (1790000000ull * SEC)

static struct rte_mempool *node_pool, *far_pool;
static struct engine_worker *engine;
static struct snapshot *snapshots[WORLD_GENERATIONS], *published;

struct world x;
uint32_t world_upstream_conns = 32;

const struct answers polite = {
	.banner = "220 sink ESMTP",
	.ehlo = "250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SIZE 100000000\r\n250 CHUNKING",
	.mail = "250 2.1.0 ok",
	.rcpt = "250 2.1.5 ok",
	.data = "354 go",
	.final = "250 2.0.0 taken",
	.rset = "250 2.0.0 ok",
};

void
say_bytes(struct end *e, struct span bytes)
{
	if (e->tcp)
		BUG_ON(!tcp_send(e->tcp, bytes));
}

void
say(struct end *e, const char *z)
{
	say_bytes(e, span_z(z));
}

static void
answer(struct end *e, const char *z, uint64_t after_us)
{
	if (!*z)
		return;
	if (*z == '!') {
		if (e->tcp)
			tcp_abort(e->tcp);
		e->tcp = NULL;
		return;
	}
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
		if (strcmp(l, ".")) {
			e->body_bytes += strlen(l) + 2;
			e->subject_cnt += !strncmp(l, "Subject", 7);
			return;
		}
		e->in_data = false;
		e->body_cnt++;
		answer(e, a->final, a->final_after_us);
	} else if (!strncmp(l, "EHLO", 4))
		answer(e, a->ehlo, 0);
	else if (!strncmp(l, "XCLIENT", 7))
		answer(e, "220 sink again", 0);
	else if (!strncmp(l, "MAIL", 4))
		answer(e, a->mail, 0);
	else if (!strncmp(l, "RCPT", 4))
		answer(e, a->bad_part && strstr(l, a->bad_part) ? a->bad_rcpt : a->rcpt,
		       a->rcpt_after_us);
	else if (!strncmp(l, "DATA", 4)) {
		answer(e, a->data, 0);
		e->in_data = a->data[0] == '3';
		e->body_bytes = 0;
		e->body[0] = 0;
	} else if (!strncmp(l, "BDAT ", 5)) {
		e->chunk_left = strtoull(l + 5, NULL, 10);
		if (a->chunk)
			answer(e, a->chunk, 0);
	} else if (!strncmp(l, "RSET", 4))
		answer(e, a->rset, 0);
	else if (!strncmp(l, "QUIT", 4)) {
		say(e, "221 bye\r\n");
		if (e->tcp && !a->stays)
			tcp_close(e->tcp);
	}
}

static void
take_byte(struct end *e, char c, bool is_server)
{
	if (e->first_len < sizeof(e->first))
		e->first[e->first_len++] = c;
	if (e->proxy_left > 0) {
		e->proxy_left--;
		return;
	}
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
	else if (strlen(e->body) + e->part_len + 3 < sizeof(e->body))
		sprintf(e->body + strlen(e->body), "%s\r\n", e->part);
	e->part_len = 0;
	if (is_server)
		server_line(e, e->part);
}

static bool
is_server(const struct end *e)
{
	return e >= x.server && e < x.server + WORLD_CONNS;
}

static void
on_bytes(struct tcp_conn *t, void *user)
{
	struct end *e = user;
	struct span in;

	if (e->is_deaf)
		return;
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

void
hear(struct end *e)
{
	e->is_deaf = false;
	if (e->tcp)
		on_bytes(e->tcp, e);
}

static void
on_close(struct tcp_conn *t, void *user, int err)
{
	struct end *e = user;

	if (err != 0)
		on_bytes(t, user);
	e->tcp = NULL;
	e->closed = true;
	e->was_reset = err == ECONNRESET;
}

static const struct tcp_ops end_ops = { NULL, on_bytes, NULL, on_close };

static void
on_server_open(struct tcp_conn *t, void *user)
{
	struct end *e = &x.server[x.server_cnt++];

	(void)user;
	BUG_ON(x.server_cnt > WORLD_CONNS);
	e->port = tcp_local_port(t);
	e->tcp = t;
	tcp_set_user(t, e);
	e->proxy_left = x.answers.proxy_bytes;
	answer(e, x.answers.banner, x.answers.banner_after_us);
}

static const struct tcp_ops server_ops = { on_server_open, on_bytes, NULL, on_close };

void
turn(void)
{
	uint64_t next;
	struct event ev;

	x.net.now_us = x.now_us;
	malloc_count_on();
	worker_turn(x.worker, x.now_us, WALL_US + x.now_us);
	if (malloc_count_off())
		wrong(__func__, __LINE__, "the worker allocated");
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

uint64_t
now_s(void)
{
	return (x.now_us - START_US) / SEC;
}

void
pass_time(uint64_t us)
{
	uint64_t until = x.now_us + us;

	while (x.now_us < until)
		turn();
}

void
wrong(const char *name, unsigned line, const char *text)
{
	printf("%s: line %u: %s\n", name, line, text);
	x.failed = true;
}

/* e's next reply line within `us` of virtual time; "" none came. */
static const char *
next_reply(struct end *e, uint64_t us)
{
	uint64_t until = x.now_us + us;

	while (e->read_cnt == e->line_cnt && x.now_us < until && !e->closed)
		turn();
	return e->read_cnt < e->line_cnt ? e->lines[e->read_cnt++].text : "";
}

const char *
reply_of(struct end *e, uint64_t us)
{
	const char *l;

	do
		l = next_reply(e, us);
	while (strlen(l) > 3 && l[3] == '-');
	return l;
}

unsigned
said_at(uint16_t port, const char *verb)
{
	unsigned n = 0;

	for (unsigned i = 0; i < x.server_cnt; i++)
		for (unsigned k = 0;
		     k < x.server[i].line_cnt && (!port || x.server[i].port == port); k++)
			n += !strncmp(x.server[i].lines[k].text, verb, strlen(verb));
	return n;
}

unsigned
said(const char *verb)
{
	return said_at(0, verb);
}

uint64_t
node_counter(const char *metric, const char *labels)
{
	struct counter_set sets[24];
	size_t n = worker_counter_sets(x.worker, sets, ARRAY_LEN(sets));

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < sets[i].cnt; k++)
			if (!strcmp(sets[i].desc[k].metric, metric) &&
			    !strcmp(sets[i].desc[k].labels, labels))
				return counter_read(&sets[i].values[k]);
	BUG_ON(true);
	return 0;
}

/* ---- set-up ---- */

/* Generation 2 differs in one thing: any.test lets known patterns pass. Over 60 lines: it is one table of customers. */
static struct snapshot *
build(uint64_t generation, const struct snapshot *prev)
{
	/* One server each but two.test, with 2525 before 2526. */
	static const char *const names[] = { "any.test",   "list.test",    "two.test",
		                             "proxy.test", "xclient.test", "tag.test",
		                             "six.test",   "egress.test",  "nowhere.test" };
	static struct span domains[ARRAY_LEN(names)], boxes[2];
	static struct snapshot_mailbox soft;
	static struct snapshot_custom_rule mark;
	static const char *const dirs[] = { "contrib/rules" };
	struct snapshot_customer c[ARRAY_LEN(names)];
	struct snapshot_errors errors = { 0 };
	struct snapshot_input in = { .generation = generation,
		                     .prev = prev,
		                     .customers = c,
		                     .customer_cnt = ARRAY_LEN(names),
		                     .rule_dirs = dirs,
		                     .rule_dir_cnt = 1 };
	struct snapshot *s;

	memset(c, 0, sizeof(c));
	boxes[0] = span_z("bob");
	boxes[1] = span_z("alice");
	for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
		struct policy_route *r = &c[i].route;

		domains[i] = c[i].id = span_z(names[i]);
		c[i].domains = &domains[i];
		c[i].domain_cnt = 1;
		r->server_cnt = i == 2 ? 2 : 1;
		for (unsigned k = 0; k < r->server_cnt; k++) {
			r->servers[k] =
			        (struct policy_server){ .port = (uint16_t)(2525 + k),
				                        .weight = 1,
				                        .priority = (uint8_t)(10 * (k + 1)) };
			BUG_ON(!addr_parse(span_z("10.77.0.1"), &r->servers[k].addr));
		}
		snapshot_profile_default(&c[i].profile);
	}
	soft = (struct snapshot_mailbox){ .local = span_z("soft"), .filtering_off = true };
	c[0].mailboxes = &soft; /* soft@any.test gets everything */
	c[0].mailbox_cnt = 1;
	if (generation == 2)
		c[0].profile.actions[FILTER_PATTERN] = ACTION_CONTINUE;
	c[1].mailbox_mode = SNAPSHOT_MAILBOX_LIST;
	c[1].mailbox_list = (struct snapshot_span_list){ boxes, 2 };
	c[3].route.proxy_v2 = true;
	c[4].route.xclient = true;
	c[5].profile.actions[FILTER_PATTERN] = ACTION_TAG;
	mark = (struct snapshot_custom_rule){ 10, SNAPSHOT_FIELD_HEADER, SNAPSHOT_OP_CONTAINS,
		                              span_z("tagmewell"), ACTION_TAG };
	c[5].rules = &mark;
	c[5].rule_cnt = 1;
	c[6].route.server_cnt = 2; /* the first by IPv6, which the node does not have */
	c[6].route.servers[1] = c[2].route.servers[1];
	BUG_ON(!addr_parse(span_z("fd77::1"), &c[6].route.servers[0].addr));
	c[7].route.egress_cnt = 3; /* of other nodes, of another family, ours */
	BUG_ON(!addr_parse(span_z("10.77.0.99"), &c[7].route.egress[0]) ||
	       !addr_parse(span_z("fd77::2"), &c[7].route.egress[1]) ||
	       !addr_parse(span_z("10.77.0.2"), &c[7].route.egress[2]));
	c[8].route.egress_cnt = 1;
	c[8].route.egress[0] = c[7].route.egress[0];
	s = snapshot_build(&in, &errors);
	snapshot_errors_fini(&errors);
	return s;
}

static bool
is_banned(void *ctx, const struct addr *a)
{
	return addr_eq(a, &((struct world *)ctx)->banned);
}

static void
make_worker(const struct worker_tunables *t)
{
	static const struct siphash_key limits_key = { 1, 2 };
	struct packet_port_config pc = { .name = "node",
		                         .worker_cnt = 1,
		                         .no_announce = true,
		                         .mac = { 2, 0, 0, 0, 0, 2 },
		                         .address_cnt = 1,
		                         .seed = 1,
		                         .key = packet_key_from(1) };
	struct worker_config wc = { .worker_cnt = 1,
		                    .hostname = "node.sim.test",
		                    .hold_bytes = WORLD_HOLD_BYTES,
		                    .seed = 7,
		                    .now_us = START_US,
		                    .listen_cnt = 1,
		                    .tunables = *t };
	struct worker_env env = { .port_cnt = 1,
		                  .engine = engine,
		                  .snapshot = &published,
		                  .is_banned = is_banned,
		                  .ban_ctx = &x };
	char err[PACKET_ERROR_TEXT];

	for (unsigned g = 0; g < WORLD_GENERATIONS;
	     g++) { /* afresh: the case before may have evicted it */
		engine_worker_detach(engine, snapshots[g]);
		BUG_ON(engine_worker_attach(engine, snapshots[g]) < 0);
	}
	published = snapshots[0];
	BUG_ON(!packet_addr_parse(span_z("10.77.0.2/24"), &pc.addresses[0]));
	x.port = packet_port_new(&pc, err);
	x.health = upstream_health_new();
	x.limits = limits_table_new(64, &limits_key);
	BUG_ON(!x.port || !x.health || !x.limits || event_ring_init(&x.events, 1024) < 0);
	x.dev = net_dev(&x.net, 0);
	env.ports[0] = (struct worker_port){ x.port, &x.dev, node_pool };
	env.health = x.health;
	env.limits = x.limits;
	env.events = &x.events;
	wc.listen[0].port = 25;
	wc.sizes = (struct worker_sizes){ .conns = 64,
		                          .sessions = 32,
		                          .messages = 32,
		                          .chunks = 128,
		                          .small_chunks = 256,
		                          .lines = 32,
		                          .upstream_conns = world_upstream_conns,
		                          .routes = 8,
		                          .sources = 64,
		                          .rcpts = 256,
		                          .hold_bytes = WORLD_BUDGET_MAILS * WORLD_HOLD_BYTES };
	x.worker = worker_new(&wc, &env, err);
	BUG_ON(!x.worker);
}

void
connect_from(struct end *e, const char *address)
{
	struct addr src, dst;

	BUG_ON(!addr_parse(span_z(address), &src) || !addr_parse(span_z("10.77.0.2"), &dst));
	e->tcp = tcp_connect(x.host.tcp, &src, &dst, 25, &end_ops, e, x.now_us);
	BUG_ON(!e->tcp);
}

void
world_begin(const struct worker_tunables *t, const struct answers *a, bool quiet)
{
	static const char *const addresses[] = { "10.77.0.1/24", "10.77.0.3/24" };
	static const struct addr any;
	struct net_config nc = { .delay_us = 1000 };
	struct host_config hc = { .name = "far",
		                  .addresses = addresses,
		                  .address_cnt = ARRAY_LEN(addresses),
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
	       tcp_listen(x.host.tcp, &any, 2525, &server_ops, NULL) < 0 ||
	       tcp_listen(x.host.tcp, &any, 2526, &server_ops, NULL) < 0);
	make_worker(t);
	connect_from(&x.sender, "10.77.0.1");
	if (quiet)
		return;
	EXPECT("220", 10 * SEC);
	TELL("EHLO sender.test", "250");
}

void
world_publish(unsigned generation)
{
	published = snapshots[generation - 1];
}

void
world_evict(unsigned generation)
{
	engine_worker_evict(engine, snapshots[generation - 1]);
}

bool
world_is_pinned(unsigned generation)
{
	return engine_worker_is_pinned(engine, snapshots[generation - 1]);
}

void
world_end(void)
{
	free(x.sender.lines);
	for (unsigned i = 0; i < WORLD_SENDERS; i++)
		free(x.more[i].lines);
	for (unsigned i = 0; i < x.server_cnt; i++)
		free(x.server[i].lines);
	worker_free(x.worker);
	for (unsigned g = 1; g <= WORLD_GENERATIONS; g++)
		if (world_is_pinned(g))
			wrong(__func__, __LINE__, "a pin is left");
	host_fini(&x.host);
	packet_port_free(x.port);
	upstream_health_free(x.health);
	limits_table_free(x.limits);
	event_ring_fini(&x.events);
	net_fini(&x.net);
}

struct worker_tunables
world_defaults(void)
{
	struct worker_tunables t;

	worker_tunables_default(&t);
	t.limits.enabled = false;
	return t;
}

bool
world_set_up(void)
{
	struct engine_config ec = { .scan_bytes = WORLD_HOLD_BYTES };

	sim_eal_init();
	node_pool = sim_eal_pool("node", 8191);
	far_pool = sim_eal_pool("far", 8191);
	engine = engine_worker_new(&ec);
	for (unsigned g = 0; g < WORLD_GENERATIONS; g++) {
		snapshots[g] = build(g + 1, g ? snapshots[g - 1] : NULL);
		if (!snapshots[g])
			return false;
	}
	return engine != NULL;
}

int
world_play(const struct world_case *cases, size_t cnt, const char *only)
{
	unsigned failed_cnt = 0, passed_cnt = 0;

	BUG_ON(!world_set_up());
	for (size_t i = 0; i < cnt; i++) {
		if (only && strcmp(only, cases[i].name))
			continue;
		cases[i].run();
		printf("%s %s\n", x.failed ? "FAILED" : "ok    ", cases[i].name);
		failed_cnt += x.failed;
		passed_cnt += !x.failed;
	}
	printf("%u passed, %u failed\n", passed_cnt, failed_cnt);
	return failed_cnt != 0;
}
