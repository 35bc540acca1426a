/* SPDX-License-Identifier: BSD-3-Clause
 * smtp_client_caps.c - what a server offers, and who the sender is, as the server wants to hear it
 */
#include "dataplane/smtp/smtp_client_reply.h"

#define ATTR_TEXT_MAX 128 /* of a value, encoded; Postfix bounds the command to 512 */

/* clang-format off */
static const struct { const char *word; enum smtp_cap cap; } caps[] = {
	{ "PIPELINING",          SMTP_CAP_PIPELINING },
	{ "SIZE",                SMTP_CAP_SIZE },
	{ "8BITMIME",            SMTP_CAP_8BITMIME },
	{ "SMTPUTF8",            SMTP_CAP_SMTPUTF8 },
	{ "CHUNKING",            SMTP_CAP_CHUNKING },
	{ "ENHANCEDSTATUSCODES", SMTP_CAP_ENHANCED },
	{ "XCLIENT",             SMTP_CAP_XCLIENT },
	{ "XFORWARD",            SMTP_CAP_XFORWARD },
	{ "STARTTLS",            SMTP_CAP_STARTTLS },
};

static const struct { const char *word; enum smtp_attr attr; } attrs[] = {
	{ "NAME",         SMTP_ATTR_NAME },
	{ "ADDR",         SMTP_ATTR_ADDR },
	{ "PORT",         SMTP_ATTR_PORT },
	{ "PROTO",        SMTP_ATTR_PROTO },
	{ "HELO",         SMTP_ATTR_HELO },
	{ "IDENT",        SMTP_ATTR_IDENT },
	{ "SOURCE",       SMTP_ATTR_SOURCE },
	{ "REVERSE_NAME", SMTP_ATTR_REVERSE_NAME },
	{ "DESTADDR",     SMTP_ATTR_DESTADDR },
	{ "DESTPORT",     SMTP_ATTR_DESTPORT },
};
/* clang-format on */

static struct span
take_word(struct span *s)
{
	size_t n = 0;
	struct span w;

	while (s->len && *s->p == ' ')
		span_shift(s);
	while (n < s->len && s->p[n] != ' ')
		n++;
	w = span(s->p, n);
	*s = span_skip(*s, n);
	return w;
}

static unsigned
take_attrs(struct span s)
{
	unsigned found = 0;

	for (struct span w = take_word(&s); w.len; w = take_word(&s))
		for (size_t i = 0; i < ARRAY_LEN(attrs); i++)
			if (span_ieq_z(w, attrs[i].word))
				found |= attrs[i].attr;
	return found;
}

static uint64_t
take_size(struct span w) /* 0: none, not a number, or more than 19 digits: no bound then */
{
	uint64_t v = 0;

	if (w.len > 19)
		return 0;
	for (; w.len && *w.p >= '0' && *w.p <= '9'; span_shift(&w))
		v = v * 10 + (uint64_t)(*w.p - '0');
	return w.len ? 0 : v;
}

void
smtp_client_take_name(char name[SMTP_DOMAIN_MAX + 1], struct span line)
{
	struct span w = take_word(&line);

	if (w.len > SMTP_DOMAIN_MAX)
		w.len = 0;
	if (w.len)
		memcpy(name, w.p, w.len);
	name[w.len] = '\0';
}

void
smtp_client_capability(struct smtp_client *c, unsigned no, struct span line)
{
	struct span w;

	if (no == 0) {
		smtp_client_take_name(c->ehlo_name, line);
		return;
	}
	w = take_word(&line);
	for (size_t i = 0; i < ARRAY_LEN(caps); i++) {
		if (!span_ieq_z(w, caps[i].word))
			continue;
		c->caps = (uint16_t)(c->caps | caps[i].cap);
		if (caps[i].cap == SMTP_CAP_SIZE)
			c->size_max = take_size(take_word(&line));
		if (caps[i].cap == SMTP_CAP_XCLIENT)
			c->xclient_attrs = (uint16_t)take_attrs(line);
		if (caps[i].cap == SMTP_CAP_XFORWARD)
			c->xforward_attrs = (uint16_t)take_attrs(line);
	}
}

/* xtext (RFC 3461 4), as both READMEs ask; what is empty or too long is not available. */
static struct span
xtext(struct span s, char buf[ATTR_TEXT_MAX])
{
	static const char hex[] = "0123456789ABCDEF";
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++) {
		uint8_t u = (uint8_t)s.p[i];
		bool plain = u > 32 && u < 127 && u != '+' && u != '=';

		if (n + 3 > ATTR_TEXT_MAX)
			return span_z("[UNAVAILABLE]");
		if (!plain) {
			buf[n++] = '+';
			buf[n++] = hex[u >> 4];
			u = (uint8_t)hex[u & 15];
		}
		buf[n++] = (char)u;
	}
	return n ? span(buf, n) : span_z("[UNAVAILABLE]");
}

static struct span
addr_text(const struct addr *a, char buf[ATTR_TEXT_MAX])
{
	static const struct addr none;
	size_t n = addr_is_v4(a) ? 0 : 5;

	if (addr_eq(a, &none))
		return span_z("[UNAVAILABLE]");
	memcpy(buf, "IPV6:", n);
	return span(buf, n + addr_format(a, buf + n));
}

static struct span
port_text(unsigned port, char buf[ATTR_TEXT_MAX])
{
	return span(buf, (size_t)snprintf(buf, ATTR_TEXT_MAX, "%u", port));
}

static struct span
value_of(enum smtp_attr a, const struct smtp_origin *o, char buf[ATTR_TEXT_MAX])
{
	switch (a) {
	case SMTP_ATTR_NAME:
	case SMTP_ATTR_REVERSE_NAME:
		return xtext(o->name, buf);
	case SMTP_ATTR_ADDR:
		return addr_text(&o->addr, buf);
	case SMTP_ATTR_PORT:
		return port_text(o->port, buf);
	case SMTP_ATTR_PROTO:
		return span_z(o->esmtp ? "ESMTP" : "SMTP");
	case SMTP_ATTR_HELO:
		return xtext(o->helo, buf);
	case SMTP_ATTR_IDENT:
		return xtext(o->ident, buf);
	case SMTP_ATTR_SOURCE:
		return span_z("REMOTE");
	case SMTP_ATTR_DESTADDR:
		return addr_text(&o->dest, buf);
	case SMTP_ATTR_DESTPORT:
		return port_text(o->dest_port, buf);
	}
	return span_z("[UNAVAILABLE]");
}

bool
smtp_client_put_attrs(struct smtp_out *out, const struct smtp_origin *o, unsigned wanted,
                      bool xforward)
{
	const unsigned only_xforward = SMTP_ATTR_IDENT | SMTP_ATTR_SOURCE;
	bool ok = true;

	if (!xforward)
		wanted &= ~only_xforward;
	for (size_t i = 0; i < ARRAY_LEN(attrs); i++) {
		char buf[ATTR_TEXT_MAX];

		if (!(wanted & attrs[i].attr))
			continue;
		ok &= smtp_out_put(out, span(" ", 1)) && smtp_out_put(out, span_z(attrs[i].word)) &&
		      smtp_out_put(out, span("=", 1)) &&
		      smtp_out_put(out, value_of(attrs[i].attr, o, buf));
	}
	return ok;
}
