/* SPDX-License-Identifier: BSD-3-Clause
 * upstream_talk.c - the dialogue on a granted connection, as messages see it
 */
#include "dataplane/upstream/upstream_internal.h"

void
upstream_begin(struct upstream *u, struct upstream_req *req, const struct smtp_client_mail *m,
               bool chunking)
{
	struct upstream_conn *c = req->conn;

	c->ccfg.chunking = chunking;
	u->out.len = 0;
	smtp_client_begin(&c->client, m, &u->out);
	conn_flush(c);
	conn_run(c);
}

void
upstream_more(struct upstream *u, struct upstream_req *req)
{
	struct upstream_conn *c = req->conn;

	u->out.len = 0;
	smtp_client_more(&c->client, &u->out);
	conn_flush(c);
	conn_run(c);
}

unsigned
upstream_caps(const struct upstream_req *req)
{
	return req->conn->client.caps;
}

size_t
upstream_room(const struct upstream_req *req)
{
	return req->conn->tcp_gone ? 0 : tcp_room(req->conn->tcp);
}

bool
upstream_send(struct upstream_req *req, struct chunk *ch, uint32_t off, uint32_t len)
{
	return !req->conn->tcp_gone && tcp_send_chunk(req->conn->tcp, ch, off, len);
}

bool
upstream_end(struct upstream *u, struct upstream_req *req, struct span tail)
{
	bool ok;

	u->out.len = 0;
	ok = smtp_client_end(&req->conn->client, tail, &u->out);
	conn_flush(req->conn);
	return ok;
}

bool
upstream_chunk(struct upstream *u, struct upstream_req *req, uint64_t bytes, bool last)
{
	bool ok;

	u->out.len = 0;
	ok = smtp_client_chunk(&req->conn->client, bytes, last, &u->out);
	conn_flush(req->conn);
	return ok;
}

void
upstream_sent(struct upstream_req *req, uint64_t bytes)
{
	smtp_client_sent(&req->conn->client, bytes);
}

void
upstream_take_reply(const struct upstream_req *req, const struct smtp_reply *r,
                    struct upstream_reply *out)
{
	const struct upstream_conn *c = req->conn;
	struct addr addrs[ROUTE_SERVERS_MAX];
	struct smtp_private hide = { addrs,
		                     c->route->cfg.server_cnt,
		                     { smtp_client_banner_name(&c->client),
		                       smtp_client_ehlo_name(&c->client) } };
	char buf[SMTP_REPLY_TEXT_MAX];
	struct smtp_answer a;

	for (unsigned i = 0; i < c->route->cfg.server_cnt; i++)
		addrs[i] = c->route->cfg.servers[i].addr;
	a = smtp_answer_pass(r, &hide, buf, sizeof(buf));
	out->code = r->code;
	out->enhanced_len = (uint8_t)MIN(strlen(r->enhanced), sizeof(out->enhanced));
	memcpy(out->enhanced, r->enhanced, out->enhanced_len);
	out->text_len = (uint16_t)MIN(a.text.len, sizeof(out->text));
	memcpy(out->text, a.text.p, out->text_len);
}
