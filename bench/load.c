/* SPDX-License-Identifier: BSD-3-Clause
 * load.c - the senders; the sink is load_sink.c
 */
#include "bench/load_internal.h"

static void start_mail(struct load_sender *s);

static void
send_out(struct load_sender *s, struct smtp_out *out)
{
	if (s->tcp && out->len > 0)
		BUG_ON(!tcp_send(s->tcp, span(out->p, out->len)));
	out->len = 0;
}

static void
fate(struct load_sender *s, enum load_fate f)
{
	struct load *l = s->load;

	if (s->seq == 0)
		return;
	l->fates[s->seq] = (uint8_t)f;
	l->res.in_flight--;
	switch (f) {
	case LOAD_DELIVERED:
		l->res.delivered++;
		l->res.wrong_verdict += s->hit != MAIL_CLEAN;
		break;
	case LOAD_REFUSED:
		l->res.refused++;
		l->res.wrong_verdict += s->hit == MAIL_CLEAN;
		break;
	case LOAD_DEFERRED:
		l->res.deferred++;
		break;
	default:
		l->res.given_up++;
	}
	s->seq = 0;
}

static void
judge(struct load_sender *s, uint16_t code)
{
	fate(s, code / 100 == 2 ? LOAD_DELIVERED : code / 100 == 5 ? LOAD_REFUSED : LOAD_DEFERRED);
	hist_add(&s->load->res.latency_us, s->load->now_us - s->began_us);
}

static void
send_body(struct load_sender *s, struct smtp_out *out)
{
	static const struct span tail = { ".\r\n", 3 };
	struct chunk *c = chunk_new(&s->load->bodies);

	BUG_ON(!c);
	c->len = (uint32_t)mail_text_make(&s->load->text, (char *)c->data, s->seq,
	                                  s->load->cfg.bytes, s->hit);
	send_out(s, out);
	BUG_ON(!tcp_send_chunk(s->tcp, c, 0, c->len));
	chunk_put(c);
	BUG_ON(!smtp_client_end(&s->client, tail, out));
}

/* What one event of the dialogue means; false: nothing more to read now. */
static bool
on_event(struct load_sender *s, enum smtp_client_event_kind k, const struct smtp_client_event *ev,
         struct smtp_out *out)
{
	switch (k) {
	case SMTP_CE_MORE:
	case SMTP_CE_ROOM:
		return k == SMTP_CE_ROOM;
	case SMTP_CE_MAIL:
	case SMTP_CE_RCPT:
	case SMTP_CE_DATA:
		if (!ev->ok)
			judge(s, ev->reply->code);
		break;
	case SMTP_CE_DATA_GO:
		send_body(s, out);
		break;
	case SMTP_CE_FINAL:
		judge(s, ev->reply->code);
		break;
	case SMTP_CE_GREETED:
	case SMTP_CE_ENDED:
		start_mail(s);
		break;
	case SMTP_CE_CLOSED:
		tcp_close(s->tcp);
		break;
	case SMTP_CE_BROKEN:
		fate(s, LOAD_GIVEN_UP);
		s->load->res.connect_errors++;
		tcp_abort(s->tcp);
		s->tcp = NULL;
		return false;
	default:
		break;
	}
	return s->tcp != NULL;
}

static void
pump(struct load_sender *s, struct span in)
{
	struct load *l = s->load;
	struct smtp_client_event ev;
	enum smtp_client_event_kind k;

	do {
		struct smtp_out out = { l->out, 0, sizeof(l->out) };

		l->sender_out = &out;
		k = smtp_client_next(&s->client, &in, &out, &ev);
		if (!on_event(s, k, &ev, &out)) {
			send_out(s, &out);
			return;
		}
		send_out(s, &out);
	} while (s->tcp);
}

static void
start_mail(struct load_sender *s)
{
	struct load *l = s->load;

	if (s->mails_left == 0 || l->stopping) {
		smtp_client_quit(&s->client, l->sender_out);
		return;
	}
	s->mails_left--;
	s->seq = ++l->last_seq;
	BUG_ON(s->seq >= LOAD_SEQ_MAX);
	l->fates[s->seq] = LOAD_SENT;
	l->res.sent++;
	l->res.in_flight++;
	s->hit = rng_odds(&l->rng, l->cfg.hit_permille, 1000)
	                 ? (enum mail_hit)(1 + rng_below(&l->rng, MAIL_HITS - 1))
	                 : MAIL_CLEAN;
	s->began_us = l->now_us;
	s->mail = (struct smtp_client_mail){ .sender = span_z("source@load.test"),
		                             .rcpts = &l->rcpt,
		                             .rcpt_cnt = 1,
		                             .data = true,
		                             .size = l->cfg.bytes };
	smtp_client_begin(&s->client, &s->mail, l->sender_out);
}

static void
on_bytes(struct tcp_conn *tcp, void *user)
{
	struct load_sender *s = user;
	struct span in;

	while (s->tcp && tcp_peek(tcp, &in)) {
		size_t n = in.len;

		pump(s, in);
		if (s->tcp)
			tcp_consume(tcp, n);
	}
	if (s->tcp && tcp_at_eof(tcp))
		tcp_close(tcp);
}

static void
on_close(struct tcp_conn *tcp, void *user, int err)
{
	struct load_sender *s = user;

	(void)tcp;
	s->tcp = NULL;
	fate(s, LOAD_GIVEN_UP);
	s->load->res.connect_errors += err != 0;
}

static const struct tcp_ops sender_ops = { NULL, on_bytes, NULL, on_close };

static void
connect_sender(struct load_sender *s)
{
	struct load *l = s->load;

	smtp_client_init(&s->client, &l->client_cfg);
	s->mails_left = l->cfg.reuse;
	s->seq = 0;
	s->tcp = tcp_connect(l->host.tcp, &l->cfg.sources[l->next_source++ % l->cfg.source_cnt],
	                     &l->cfg.relay, l->cfg.relay_port, &sender_ops, s, l->now_us);
	if (s->tcp)
		l->res.connects++;
}

struct load *
load_new(const struct load_config *c, uint64_t now_us)
{
	struct load *l = calloc(1, sizeof(*l));

	BUG_ON(!l);
	l->cfg = *c;
	l->now_us = now_us;
	rng_seed(&l->rng, c->host.seed + 7);
	mail_text_init(&l->text, c->host.seed);
	l->fates = calloc(LOAD_SEQ_MAX, 1);
	l->senders = calloc(c->sessions, sizeof(*l->senders));
	BUG_ON(!l->fates || !l->senders);
	l->rcpt = span_z(c->rcpt);
	l->client_cfg = (struct smtp_client_config){ .helo = span_z("source.load.test") };
	BUG_ON(pool_init_mapped(&l->bodies, "bodies",
	                        sizeof(struct chunk) + 64 + MAIL_TEXT_ROOM(c->bytes),
	                        c->sessions * 2 + 64) < 0);
	if (host_init(&l->host, &c->host) < 0 || load_sink_init(l) < 0) {
		free(l);
		return NULL;
	}
	for (unsigned i = 0; i < c->sessions; i++)
		l->senders[i].load = l;
	return l;
}

void
load_stop(struct load *l)
{
	l->stopping = true;
}

bool
load_is_idle(const struct load *l)
{
	for (unsigned i = 0; i < l->cfg.sessions; i++)
		if (l->senders[i].tcp)
			return false;
	return true;
}

void
load_turn(struct load *l, uint64_t now_us)
{
	unsigned started = 0;

	l->now_us = now_us;
	/* A few new connections a turn, in turn, so that they do not all march in step. */
	for (unsigned i = 0; !l->stopping && i < l->cfg.sessions && started < 16; i++) {
		struct load_sender *s = &l->senders[l->next_sender];

		l->next_sender = (l->next_sender + 1) % l->cfg.sessions;
		if (!s->tcp && l->cfg.connects_per_s) {
			if (now_us < l->pace_us)
				break;
			l->pace_us =
			        MAX(l->pace_us, now_us - 1000) + 1000000 / l->cfg.connects_per_s;
		}
		if (!s->tcp) {
			connect_sender(s);
			started++;
		}
	}
	host_turn(&l->host, now_us);
}

void
load_mark(struct load *l)
{
	uint64_t in_flight = l->res.in_flight;

	memset(&l->res, 0, sizeof(l->res));
	l->res.in_flight = in_flight;
	l->res.sent = in_flight; /* those under way end after the mark and count */
}

void
load_result(const struct load *l, struct load_result *out)
{
	*out = l->res;
	out->altered = l->altered;
	out->at_sink = l->at_sink;
	out->lost = out->duplicated = 0;
	for (uint64_t i = 1; i <= l->last_seq; i++) {
		out->lost += l->fates[i] == LOAD_DELIVERED && l->seen[i] == 0;
		out->duplicated += l->seen[i] > 1;
	}
}

void
load_free(struct load *l)
{
	if (!l)
		return;
	host_fini(&l->host);
	load_sink_fini(l);
	mail_text_fini(&l->text);
	free(l->fates);
	free(l->senders);
	free(l);
}
