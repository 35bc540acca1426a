/* SPDX-License-Identifier: BSD-3-Clause
 * load_sink.c - a customer's server that takes everything and checks it
 */
#include "bench/load_internal.h"

struct sink {
	struct load *load;
	struct tcp_conn *tcp;
	struct smtp_server server;
	struct mail_check check;
};

static void
took(struct sink *s)
{
	struct load *l = s->load;
	uint64_t seq;

	if (!mail_check_end(&s->check, &seq) || seq == 0 || seq >= LOAD_SEQ_MAX) {
		l->altered++;
		return;
	}
	l->at_sink++;
	if (l->seen[seq] < 255)
		l->seen[seq]++;
}

static bool
on_event(struct sink *s, enum smtp_event e, const struct smtp_server_event *ev,
         struct smtp_out *out)
{
	switch (e) {
	case SMTP_EV_MAIL:
		return smtp_server_answer_own(&s->server, SMTP_R_SENDER_OK, out);
	case SMTP_EV_RCPT:
		return smtp_server_answer_own(&s->server, SMTP_R_RECIPIENT_OK, out);
	case SMTP_EV_DATA:
		mail_check_init(&s->check);
		return smtp_server_answer_own(&s->server, SMTP_R_GO_AHEAD, out);
	case SMTP_EV_BODY:
		mail_check_feed(&s->check, ev->body);
		return true;
	case SMTP_EV_END:
		took(s);
		return smtp_server_answer_own(&s->server, SMTP_R_OK, out);
	case SMTP_EV_MORE:
	case SMTP_EV_WAIT:
		return false;
	default:
		return true;
	}
}

static void
on_bytes(struct tcp_conn *tcp, void *user)
{
	struct sink *s = user;
	struct smtp_out out = { s->load->out, 0, LOAD_OUT };
	bool bye = false;
	struct span in;

	while (!bye && tcp_peek(tcp, &in)) {
		size_t n = in.len;
		struct smtp_server_event ev;
		enum smtp_event e;

		do {
			if (LOAD_OUT - out.len < SMTP_OUT_ROOM) {
				BUG_ON(!tcp_send(tcp, span(out.p, out.len)));
				out.len = 0;
			}
			e = smtp_server_next(&s->server, &in, &out, &ev);
			bye = e == SMTP_EV_QUIT || e == SMTP_EV_CLOSE;
		} while (!bye && on_event(s, e, &ev, &out));
		tcp_consume(tcp, n - in.len);
		if (n == in.len)
			break;
	}
	if (out.len > 0)
		BUG_ON(!tcp_send(tcp, span(out.p, out.len)));
	if (bye || tcp_at_eof(tcp))
		tcp_close(tcp);
}

static void
on_close(struct tcp_conn *tcp, void *user, int err)
{
	struct sink *s = user;

	(void)tcp;
	(void)err;
	smtp_server_fini(&s->server);
	pool_put(&s->load->sinks, s);
}

static void
on_open(struct tcp_conn *tcp, void *user)
{
	struct load *l = user;
	struct sink *s = pool_get(&l->sinks);
	struct smtp_out out = { l->out, 0, LOAD_OUT };

	if (!s) {
		tcp_abort(tcp);
		return;
	}
	s->load = l;
	s->tcp = tcp;
	smtp_server_init(&s->server, &l->server_cfg, 0);
	tcp_set_user(tcp, s);
	smtp_server_banner(&s->server, &out);
	BUG_ON(!tcp_send(tcp, span(out.p, out.len)));
}

static const struct tcp_ops sink_ops = { on_open, on_bytes, NULL, on_close };

static char *
lend(void *ctx)
{
	return pool_get(ctx);
}

static void
take_back(void *ctx, char *buf)
{
	pool_put(ctx, buf);
}

int
load_sink_init(struct load *l)
{
	static const struct addr any;

	l->seen = calloc(LOAD_SEQ_MAX, 1);
	if (!l->seen || pool_init_mapped(&l->lines, "lines", SMTP_COMMAND_MAX, 4096) < 0 ||
	    pool_init_mapped(&l->sinks, "sinks", sizeof(struct sink), 4096) < 0)
		return -ENOMEM;
	l->server_cfg = (struct smtp_server_config){
		.hostname = span_z("sink.load.test"),
		.max_message = 1ull << 30,
		.max_recipients = 100,
		.lender = { lend, take_back, &l->lines },
	};
	smtp_server_config_seal(&l->server_cfg);
	return tcp_listen(l->host.tcp, &any, l->cfg.sink_port, &sink_ops, l);
}

void
load_sink_fini(struct load *l)
{
	free(l->seen);
}
