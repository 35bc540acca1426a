/* SPDX-License-Identifier: BSD-3-Clause
 * peer_server.c - a customer's server that keeps or breaks the dialogue at one chosen stage
 *
 * Over 500 lines: every fault is a few lines in the same dialogue.
 */
#include "tests/sim/peer.h"
#include "dataplane/smtp/proxy_v2.h"
#include "tests/sim/sim_report.h"
#include <ctype.h>

#define SEC        1000000ull
#define UNASKED_US (5 * SEC) /* by then the relay has seen an answer too many */

const char *const sim_stage_names[SIM_STAGES] = { "banner", "ehlo", "xclient", "mail", "rcpt",
	                                          "data",   "body", "final",   "rset", "quit" };
const char *const sim_fault_names[SIM_FAULTS] = {
	"none",        "4xx",         "5xx",       "policy",   "order",   "421",
	"silent",      "reset",       "close",     "late",     "garbage", "twice",
	"reset-after", "close-after", "multiline", "bytewise", "early",
};

uint64_t sim_struck[SIM_STAGES][SIM_FAULTS];

bool
sim_fault_is_there(enum sim_stage stage, enum sim_fault fault)
{
	if (fault == FAULT_NONE)
		return false;
	if (stage == AT_BODY)
		return fault <= FAULT_CLOSE || fault == FAULT_EARLY;
	if (stage == AT_EHLO && fault == FAULT_MULTILINE) /* that has many lines anyway */
		return false;
	return fault != FAULT_EARLY;
}

static void
put(struct peer_server *s, const char *z)
{
	struct span all = span_z(z);

	if (s->cfg.fault != FAULT_BYTEWISE || !s->fired) {
		s->ops->send(s->ctx, all);
		return;
	}
	for (size_t i = 0; i < all.len; i++)
		s->ops->send(s->ctx, span(all.p + i, 1));
}

/* "CODE ENHANCED words said CODE for sN." */
static void
say(struct peer_server *s, unsigned code, const char *words)
{
	char z[200];

	snprintf(z, sizeof(z), "%u %s said %u for s%d.\r\n", code, words, code, s->sender);
	put(s, z);
}

/* The fault of this connection strikes once; true when it strikes now. */
static bool
strikes(struct peer_server *s, enum sim_stage stage)
{
	if (s->cfg.stage != stage || s->cfg.fault == FAULT_NONE || s->fired)
		return false;
	if (++s->reached < s->cfg.nth)
		return false;
	s->fired = true;
	sim_struck[stage][s->cfg.fault]++;
	return true;
}

static void
die(struct peer_server *s, bool reset)
{
	s->mode = PS_DEAD;
	if (reset)
		s->ops->abort(s->ctx);
	else
		s->ops->close(s->ctx);
}

/* The sender at hand may hear what was meant for another. */
static void
mark_lied(struct peer_server *s)
{
	if (s->sender >= 0 && s->sender < (int)s->ledger->cnt)
		s->ledger->mails[s->ledger->latest[s->sender]].lied = true;
}

static void
lie(struct peer_server *s)
{
	put(s, "250 2.0.0 nobody asked\r\n");
	s->lied = true;
	s->unasked_us = s->ledger->now_us;
	mark_lied(s);
}

/* The right answer, `z` with its line end, in one of the strange ways. */
static void
say_strangely(struct peer_server *s, const char *z)
{
	char first[220];

	switch (s->cfg.fault) {
	case FAULT_LATE:
		snprintf(s->late, sizeof(s->late), "%s", z);
		s->late_at_us = s->ledger->now_us + 5 * SEC + rng_below(s->rng, 35 * SEC);
		s->ops->wake(s->ctx, s->late_at_us);
		return;
	case FAULT_MULTILINE:
		snprintf(first, sizeof(first), "%.3s-first of two\r\n", z);
		put(s, first);
		break;
	default:
		break;
	}
	put(s, z);
	if (s->cfg.fault == FAULT_TWICE)
		lie(s);
	else if (s->cfg.fault == FAULT_RESET_AFTER || s->cfg.fault == FAULT_CLOSE_AFTER)
		die(s, s->cfg.fault == FAULT_RESET_AFTER);
}

/* What is said instead of the right answer; 0: nothing. */
static unsigned
say_wrong(struct peer_server *s)
{
	switch (s->cfg.fault) {
	case FAULT_4XX:
		say(s, 451, "4.3.0 not now");
		return 451;
	case FAULT_5XX:
		say(s, 550, "5.1.1 no such one");
		return 550;
	case FAULT_POLICY:
		say(s, 550, "5.7.1 not from you");
		return 550;
	case FAULT_ORDER:
		say(s, 503, "5.5.1 order");
		return 503;
	case FAULT_421:
		put(s, "421 4.3.2 going down\r\n");
		die(s, false);
		return 421;
	case FAULT_SILENT:
		s->mode = PS_DEAD;
		return 0;
	case FAULT_GARBAGE:
		put(s, "HTTP/1.1 400 Bad Request\r\n\r\n");
		return 0;
	default:
		die(s, s->cfg.fault == FAULT_RESET);
		return 0;
	}
}

static bool
is_strange(enum sim_fault f)
{
	return f >= FAULT_LATE && f != FAULT_GARBAGE;
}

/* Answer at a stage: `code words`, or what the fault makes of it. Returns the code that was given; 0: none. */
static unsigned
answer(struct peer_server *s, enum sim_stage stage, unsigned code, const char *z)
{
	if (!strikes(s, stage)) {
		put(s, z);
		return code;
	}
	if (!is_strange(s->cfg.fault))
		return say_wrong(s);
	say_strangely(s, z);
	return code;
}

static unsigned
answer_said(struct peer_server *s, enum sim_stage stage, unsigned code, const char *words)
{
	char z[200];

	snprintf(z, sizeof(z), "%u %s said %u for s%d.\r\n", code, words, code, s->sender);
	return answer(s, stage, code, z);
}

static void
greet(struct peer_server *s)
{
	answer(s, AT_BANNER, 220, "220 sink ESMTP\r\n");
}

void
peer_server_start(struct peer_server *s, const struct peer_ops *ops, void *ctx, struct ledger *l,
                  struct rng *rng, const struct peer_server_config *cfg)
{
	memset(s, 0, sizeof(*s));
	s->ops = ops;
	s->ctx = ctx;
	s->ledger = l;
	s->rng = rng;
	s->cfg = *cfg;
	s->mail = s->sender = -1;
	s->mode = PS_COMMANDS;
	if (cust_port_is(cfg->port, ROUTE_PROXY))
		s->mode = PS_PROXY; /* the header first */
	else
		greet(s);
}

void
peer_server_fini(struct peer_server *s)
{
	free(s->held);
	s->held = NULL;
}

/* ---- who is the sender? ---- */

static void
proxy_byte(struct peer_server *s, char c)
{
	struct proxy_v2 p;
	size_t len;

	if (s->line_len == sizeof(s->line))
		return;
	s->line[s->line_len++] = c;
	if (proxy_v2_decode(span(s->line, s->line_len), &p, &len) != PROXY_V2_OK)
		return;
	s->line_len = 0;
	s->mode = PS_COMMANDS;
	s->client = (struct peer_client){ p.src, p.src_port, !p.local };
	greet(s);
}

static void
take_attributes(struct peer_client *c, const char *l)
{
	const char *a = strstr(l, " ADDR="), *p = strstr(l, " PORT=");
	struct span text;

	if (!a || !p) {
		sim_fail("no ADDR or PORT in: %s\n", l);
		return;
	}
	a += 6;
	if (!strncmp(a, "IPV6:", 5))
		a += 5;
	text = span(a, strcspn(a, " "));
	c->is_set = addr_parse(text, &c->addr);
	c->port = (uint16_t)atoi(p + 6);
}

static void
check_told(const struct peer_client *c, const struct ledger_mail *m, const char *how)
{
	struct addr right;

	BUG_ON(!addr_parse(span_z(m->v6 ? "fd77::1" : "10.77.0.1"), &right));
	if (!c->is_set)
		sim_fail("sender %d: its server was not told the address by %s\n", m->sender, how);
	else if (!addr_eq(&right, &c->addr) || m->port != c->port)
		sim_fail("sender %d: its server was told another address or port %u by %s\n",
		         m->sender, c->port, how);
}

/* The server must have been told whose mail it is, on routes that say so. */
static void
check_client(struct peer_server *s)
{
	const struct ledger_mail *m;

	if (s->sender < 0 || s->sender >= (int)s->ledger->cnt || s->cfg.poor || s->lied)
		return;
	m = &s->ledger->mails[s->ledger->latest[s->sender]];
	if (cust_port_is(s->cfg.port, ROUTE_PROXY))
		check_told(&s->client, m, "PROXY");
	if (!cust_port_is(s->cfg.port, ROUTE_OTHER))
		return;
	check_told(&s->client, m, "XCLIENT");
	check_told(&s->forward, m, "XFORWARD");
}

static void
on_xclient(struct peer_server *s)
{
	take_attributes(&s->client, s->line);
	if (answer(s, AT_XCLIENT, 220, "220 sink again\r\n") / 100 != 2)
		return;
	s->envelope = false;
}

/* ---- commands ---- */

static void
on_ehlo(struct peer_server *s)
{
	const char *all = "250-sink\r\n250-PIPELINING\r\n250-SIZE 100000000\r\n250-8BITMIME\r\n"
	                  "250-ENHANCEDSTATUSCODES\r\n250-SMTPUTF8\r\n250 CHUNKING\r\n";

	if (cust_port_is(s->cfg.port, ROUTE_OTHER))
		all = "250-sink\r\n250-PIPELINING\r\n250-SIZE 100000000\r\n250-8BITMIME\r\n"
		      "250-XCLIENT ADDR PORT HELO PROTO\r\n250-XFORWARD ADDR PORT HELO\r\n"
		      "250-ENHANCEDSTATUSCODES\r\n250 SMTPUTF8\r\n";
	s->cfg.poor = s->cfg.poor || !strncasecmp(s->line, "HELO", 4);
	answer(s, AT_EHLO, 250, s->cfg.poor ? "250 sink\r\n" : all);
}

static void
on_mail(struct peer_server *s)
{
	const char *size = strstr(s->line, " SIZE=");
	unsigned given;

	s->sender = -1;
	sscanf(s->line, "MAIL FROM:<s%d@", &s->sender);
	s->size = size ? strtoull(size + 6, NULL, 10) : 0;
	if (s->lied)
		mark_lied(s);
	check_client(s);
	given = answer_said(s, AT_MAIL, 250, "2.1.0 ok");
	if (given >= 400 && given != 421 && s->sender >= 0 && s->sender < (int)s->ledger->cnt)
		s->ledger->mail_no_us[s->sender] = s->ledger->now_us;
	if (given / 100 != 2)
		return;
	s->envelope = true;
	s->rcpts = 0;
	s->rcpt_mask = 0;
}

/* The truth of the mailbox, before any fault. */
static unsigned
truth(struct peer_server *s, int r, const char **words)
{
	enum cust_truth t = r >= 0 ? cust_rcpts[r].truth : TRUTH_NO;
	uint64_t mood = rng_below(s->rng, 3);

	*words = "5.1.1 no such one";
	if (t == TRUTH_NO)
		return 550;
	*words = "5.7.1 not from you";
	if (t == TRUTH_MOODY && mood == 0)
		return 550;
	*words = "4.2.1 not now";
	if (t == TRUTH_MOODY && mood == 1)
		return 451;
	*words = "2.1.5 ok";
	return 250;
}

static void
on_rcpt(struct peer_server *s)
{
	const char *at = strchr(s->line, '<'), *words;
	int r = at ? cust_find(span(at + 1, strcspn(at + 1, ">"))) : -1;
	unsigned code = s->envelope ? truth(s, r, &words) : 503, given;
	bool fired = s->fired, keep;

	if (r >= 0 && !cust_port_is(s->cfg.port, cust_rcpts[r].route))
		sim_fail("%s came to port %u\n", cust_rcpts[r].address, s->cfg.port);
	if (code == 503)
		words = "5.5.1 MAIL first";
	given = answer_said(s, AT_RCPT, code, words);
	keep = fired == s->fired || is_strange(s->cfg.fault) ? strstr(words, "no such") != NULL
	                                                     : s->cfg.fault == FAULT_5XX;
	if (given != 0 && given != 421 && code != 503)
		ledger_server_word(s->ledger, s->sender, r, given, keep, s->lied);
	if (given / 100 != 2)
		return;
	s->rcpts++;
	if (r >= 0)
		s->rcpt_mask |= (uint16_t)(1u << r);
}

static void
on_data(struct peer_server *s)
{
	if (s->rcpts == 0) {
		say(s, 503, "5.5.1 RCPT first");
		return;
	}
	if (answer(s, AT_DATA, 354, "354 go\r\n") != 354 || s->mode == PS_DEAD)
		return;
	peer_body_begin(s);
	s->mode = PS_DATA;
}

/* All of a mail is here. */
static void
finish(struct peer_server *s)
{
	uint16_t mask = s->rcpt_mask;
	struct ledger_mail *m;
	unsigned given;

	s->body_open = false;
	s->mode = PS_COMMANDS;
	s->envelope = false;
	s->rcpts = 0;
	s->line_len = 0;
	if (s->mute)
		return;
	m = peer_body_check(s);
	given = s->early_us ? 250 : answer_said(s, AT_FINAL, 250, "2.0.0 taken");
	s->early_us = 0;
	if (!m || given / 100 != 2)
		return;
	m->taken++;
	m->taken_mask = mask;
	m->told = s->cfg.fault == FAULT_NONE;
}

/* The fault of the body strikes: from here on the mail has its answer. */
static void
look_at_body(struct peer_server *s)
{
	if (!s->mute && s->bytes >= 200 && s->cfg.fault != FAULT_EARLY && strikes(s, AT_BODY))
		s->mute = say_wrong(s) != 0;
}

/* A yes to what did not come yet. Bytes that are here by now were acknowledged with it: then the mail is taken after all. */
static void
answer_early(struct peer_server *s)
{
	if (s->mute || s->bytes < 200 || s->cfg.fault != FAULT_EARLY || !strikes(s, AT_BODY))
		return;
	s->early_us = s->ledger->now_us;
	say(s, 250, "2.0.0 taken");
}

static void
bdat_done(struct peer_server *s)
{
	bool was_mute = s->mute;

	s->mode = PS_COMMANDS;
	look_at_body(s);
	if (s->mode == PS_DEAD)
		return;
	if (was_mute) /* each chunk has an answer */
		say(s, 451, "4.3.0 not now");
	else if (!s->mute && !s->bdat_last)
		say(s, 250, "2.0.0 chunk");
	if (s->bdat_last)
		finish(s);
}

static void
on_bdat(struct peer_server *s, const char *arg)
{
	char *end;

	s->bdat_left = strtoull(arg, &end, 10);
	while (*end == ' ')
		end++;
	s->bdat_last = !strncasecmp(end, "LAST", 4);
	if (!s->body_open)
		peer_body_begin(s);
	s->mode = PS_BDAT;
	if (s->bdat_left == 0)
		bdat_done(s);
}

static void
on_rset(struct peer_server *s)
{
	s->envelope = s->body_open = false;
	s->rcpts = 0;
	answer(s, AT_RSET, 250, "250 2.0.0 reset\r\n");
}

static void
check_unasked(struct peer_server *s)
{
	if (s->unasked_us && s->ledger->lossless && strncasecmp(s->line, "QUIT", 4) != 0 &&
	    s->ledger->now_us > s->unasked_us + UNASKED_US)
		sim_fail("port %u: used again long after it spoke out of turn: %s\n", s->cfg.port,
		         s->line);
}

static void
command(struct peer_server *s)
{
	const char *l = s->line;

	check_unasked(s);
	if (!strncasecmp(l, "EHLO", 4) || !strncasecmp(l, "HELO", 4))
		on_ehlo(s);
	else if (!strncasecmp(l, "XCLIENT", 7))
		on_xclient(s);
	else if (!strncasecmp(l, "XFORWARD", 8)) {
		take_attributes(&s->forward, l);
		put(s, "250 2.0.0 ok\r\n");
	} else if (!strncasecmp(l, "MAIL", 4))
		on_mail(s);
	else if (!strncasecmp(l, "RCPT", 4))
		on_rcpt(s);
	else if (!strncasecmp(l, "DATA", 4))
		on_data(s);
	else if (!strncasecmp(l, "BDAT ", 5))
		on_bdat(s, l + 5);
	else if (!strncasecmp(l, "RSET", 4))
		on_rset(s);
	else if (!strncasecmp(l, "QUIT", 4)) {
		answer(s, AT_QUIT, 221, "221 2.0.0 bye\r\n");
		if (s->mode != PS_DEAD)
			die(s, false);
	} else
		say(s, 500, "5.5.2 what");
}

static void
command_byte(struct peer_server *s, char c)
{
	if (s->line_len < sizeof(s->line) - 1)
		s->line[s->line_len++] = c;
	if (c != '\n')
		return;
	while (s->line_len > 0 && isspace((unsigned char)s->line[s->line_len - 1]))
		s->line_len--;
	s->line[s->line_len] = 0;
	s->line_len = 0;
	command(s);
}

static void
hold(struct peer_server *s, struct span in)
{
	s->held = realloc(s->held, s->held_len + in.len + 1);
	BUG_ON(!s->held);
	memcpy(s->held + s->held_len, in.p, in.len);
	s->held_len += in.len;
}

static void
byte(struct peer_server *s, char c)
{
	if (s->mode == PS_PROXY) {
		proxy_byte(s, c);
	} else if (s->mode == PS_COMMANDS) {
		command_byte(s, c);
	} else if (s->mode == PS_DATA) {
		if (peer_body_data_byte(s, c))
			finish(s);
		else
			look_at_body(s);
	} else {
		peer_body_byte(s, c);
		if (--s->bdat_left == 0)
			bdat_done(s);
		else if (s->bdat_last)
			answer_early(s);
	}
}

void
peer_server_feed(struct peer_server *s, struct span in)
{
	if (s->early_us && s->mode == PS_BDAT && s->ledger->now_us > s->early_us)
		die(s, true); /* what came later is lost, whatever was said */
	while (in.len > 0 && s->mode != PS_DEAD) {
		if (s->late_at_us) {
			hold(s, in);
			return;
		}
		byte(s, span_shift(&in));
	}
}

void
peer_server_tick(struct peer_server *s)
{
	char *held = s->held;
	size_t len = s->held_len;

	if (s->late_at_us == 0 || s->ledger->now_us < s->late_at_us || s->mode == PS_DEAD)
		return;
	s->late_at_us = 0;
	put(s, s->late);
	s->held = NULL;
	s->held_len = 0;
	if (held)
		peer_server_feed(s, span(held, len));
	free(held);
}
