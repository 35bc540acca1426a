/* SPDX-License-Identifier: BSD-3-Clause
 * smtp_clean.c - take private host names and addresses out of a server's reply text
 *
 * The text is read as words of the characters that host names and addresses are made of; each word
 * is looked at once.
 */
#include "dataplane/smtp/smtp_reply.h"

static const char hidden[] = "[hidden]";

static bool
is_word(char c)
{
	return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') ||
	       c == '.' || c == '-' || c == '_' || c == ':' || (c & 0x80);
}

static bool
is_private_addr(const struct addr *a, const struct smtp_private *p)
{
	static const struct {
		uint8_t b[16], bits;
	} nets[] = {
		{ { [10] = 255, 255, 10 }, 104 },       /* RFC 1918 */
		{ { [10] = 255, 255, 172, 16 }, 108 },  /* RFC 1918 */
		{ { [10] = 255, 255, 192, 168 }, 112 }, /* RFC 1918 */
		{ { [10] = 255, 255, 100, 64 }, 106 },  /* RFC 6598 */
		{ { [10] = 255, 255, 127 }, 104 },      /* loopback */
		{ { [10] = 255, 255, 169, 254 }, 112 }, /* link-local */
		{ { 0xfc }, 7 },                        /* ULA, RFC 4193 */
		{ { 0xfe, 0x80 }, 10 },                 /* link-local */
		{ { [15] = 1 }, 128 },                  /* ::1 */
	};

	for (unsigned i = 0; i < p->addr_cnt; i++)
		if (addr_eq(a, &p->addrs[i]))
			return true;
	for (size_t i = 0; i < ARRAY_LEN(nets); i++) {
		struct addr_prefix net = { .bits = nets[i].bits };

		memcpy(net.addr.b, nets[i].b, 16);
		if (addr_in_prefix(a, &net))
			return true;
	}
	return false;
}

/*
 * Top domains that no public name has: RFC 6762, 8375, 6761, ICANN's internal, and what Windows
 * networks use.
 */
static bool
has_private_top(struct span w)
{
	static const char *const tops[] = { "local",     "localdomain", "localhost", "lan",
		                            "internal",  "intranet",    "corp",      "private",
		                            "home.arpa", "home" };

	for (size_t i = 0; i < ARRAY_LEN(tops); i++) {
		size_t n = strlen(tops[i]);

		if (w.len > n + 1 && w.p[w.len - n - 1] == '.' &&
		    span_ieq_z(span_skip(w, w.len - n), tops[i]))
			return true;
	}
	return span_ieq_z(w, "localhost");
}

static bool
is_private_word(struct span w, bool after_at, const struct smtp_private *p)
{
	struct addr a;
	struct span v = w;

	if (v.len > 5 && span_ieq_z(span(v.p, 5), "IPv6:"))
		v = span_skip(v, 5);
	if (addr_parse(v, &a))
		return is_private_addr(&a, p);
	if (has_private_top(w))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(p->names) && !after_at; i++)
		if (p->names[i].len && span_ieq(w, p->names[i]))
			return true;
	return false;
}

static size_t
put(char *out, size_t n, size_t cap, struct span s)
{
	s.len = MIN(s.len, cap - n);
	if (s.len)
		memcpy(out + n, s.p, s.len);
	return n + s.len;
}

/*
 * The core of a word that runs into punctuation: "10.0.0.1:25", "mx.example.net." and "host:" are
 * looked at without it.
 */
static bool
is_private_core(struct span w, bool after_at, const struct smtp_private *p, size_t *core)
{
	const char *colon;
	struct span head;

	while (w.len && (w.p[w.len - 1] == '.' || w.p[w.len - 1] == ':' || w.p[w.len - 1] == '-'))
		w.len--;
	*core = w.len;
	if (is_private_word(w, after_at, p))
		return true;
	colon = w.len ? memchr(w.p, ':', w.len) : NULL;
	if (!colon)
		return false;
	head = span(w.p, (size_t)(colon - w.p));
	*core = head.len;
	return is_private_word(head, after_at, p);
}

size_t
smtp_reply_clean(struct span text, const struct smtp_private *p, char *out, size_t cap)
{
	size_t n = 0, i = 0;

	while (i < text.len && n < cap) {
		size_t from = i, core;
		struct span w;

		while (i < text.len && is_word(text.p[i]))
			i++;
		if (i == from) {
			n = put(out, n, cap, span(text.p + i++, 1));
			continue;
		}
		w = span(text.p + from, i - from);
		if (is_private_core(w, from && text.p[from - 1] == '@', p, &core)) {
			n = put(out, n, cap, span(hidden, sizeof(hidden) - 1));
			w = span_skip(w, core);
		}
		n = put(out, n, cap, w);
	}
	return n;
}
