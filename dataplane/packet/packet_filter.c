/* SPDX-License-Identifier: BSD-3-Clause
 * packet_filter.c - "tcp and port 25 and not host 192.0.2.1"
 */
#include "dataplane/packet/packet_capture.h"
#include "dataplane/packet/packet_priv.h"

/* ---- text into terms */

struct text {
	struct span left;
	struct span word;
};

static bool
next_word(struct text *t)
{
	while (t->left.len > 0 && (*t->left.p == ' ' || *t->left.p == '\t'))
		span_shift(&t->left);
	t->word = span(t->left.p, 0);
	while (t->left.len > 0 && *t->left.p != ' ' && *t->left.p != '\t') {
		span_shift(&t->left);
		t->word.len++;
	}
	return t->word.len > 0;
}

static const struct {
	const char *word;
	uint8_t kind;
	uint16_t value, value2;
} words[] = {
	{ "tcp", FILTER_PROTO, 6, 6 },
	{ "udp", FILTER_PROTO, 17, 17 },
	{ "icmp", FILTER_PROTO, PROTO_ICMP, PROTO_ICMP6 },
	{ "arp", FILTER_ETHERTYPE, ETH_TYPE_ARP, 0 },
	{ "ip", FILTER_ETHERTYPE, ETH_TYPE_IP4, 0 },
	{ "ip6", FILTER_ETHERTYPE, ETH_TYPE_IP6, 0 },
};

static bool
number(struct span w, uint16_t *out)
{
	unsigned v = 0;

	if (w.len == 0 || w.len > 5)
		return false;
	while (w.len > 0) {
		char c = span_shift(&w);

		if (c < '0' || c > '9')
			return false;
		v = v * 10 + (unsigned)(c - '0');
	}
	*out = (uint16_t)v;
	return v <= 65535;
}

/* t->word is the term's first word; on success its last. */
static bool
term(struct text *t, struct filter_term *f)
{
	if (span_is(t->word, "not")) {
		f->is_not = true;
		if (!next_word(t))
			return false;
	}
	for (unsigned i = 0; i < ARRAY_LEN(words); i++)
		if (span_is(t->word, words[i].word)) {
			f->kind = words[i].kind;
			f->value = words[i].value;
			f->value2 = words[i].value2;
			return true;
		}
	if (span_is(t->word, "src") || span_is(t->word, "dst")) {
		f->side = span_is(t->word, "src") ? FILTER_SRC : FILTER_DST;
		if (!next_word(t))
			return false;
	}
	if (span_is(t->word, "port")) {
		f->kind = FILTER_PORT;
		return next_word(t) && number(t->word, &f->value);
	}
	f->kind = FILTER_HOST;
	if (!span_is(t->word, "host") && !span_is(t->word, "net"))
		return false;
	return next_word(t) && addr_parse_prefix(t->word, true, &f->prefix);
}

/* Words that may follow a protocol without `and`. */
static bool
begins_narrower(struct span w)
{
	return span_is(w, "src") || span_is(w, "dst") || span_is(w, "host") || span_is(w, "net") ||
	       span_is(w, "port");
}

int
packet_filter_parse(const char *text, struct packet_filter *out, char *err)
{
	struct text t = { .left = span_z(text) };
	struct packet_filter f = { 0 };
	bool is_or = false, more = next_word(&t);

	while (more) {
		size_t at = (size_t)(t.word.p - text);

		if (f.cnt == FILTER_TERMS_MAX || !term(&t, &f.terms[f.cnt])) {
			snprintf(err, PACKET_ERROR_TEXT,
			         f.cnt == FILTER_TERMS_MAX
			                 ? "filter: more than 16 terms"
			                 : "filter: column %zu: expected host, net, port, tcp, "
			                   "udp, icmp, arp, ip or ip6",
			         at + 1);
			return -EINVAL;
		}
		f.terms[f.cnt++].begins_or = is_or;
		more = next_word(&t);
		if (!more)
			break;
		is_or = span_is(t.word, "or");
		at = (size_t)(t.word.p - text);
		/* "tcp port 25", as people write it: and */
		if (!is_or && f.terms[f.cnt - 1].kind >= FILTER_PROTO && begins_narrower(t.word))
			continue;
		if ((!is_or && !span_is(t.word, "and")) || !next_word(&t)) {
			snprintf(err, PACKET_ERROR_TEXT,
			         "filter: column %zu: expected and, or, then a term", at + 1);
			return -EINVAL;
		}
	}
	*out = f;
	return 0;
}

/* ---- a frame against terms */

struct view {
	uint16_t type, sport, dport;
	uint8_t proto;
	bool has_ip, has_ports;
	struct addr src, dst;
};

static void
look_ip(const uint8_t *d, size_t len, size_t at, struct view *v)
{
	struct ip_view ip = { 0 };

	if (v->type == ETH_TYPE_IP4 && len >= at + IP4_LEN) {
		v->src = addr_v4(load_be32(d + at + 12));
		v->dst = addr_v4(load_be32(d + at + 16));
		ip.proto = d[at + 9];
		ip.l4_off = (uint16_t)(at + (d[at] & 15) * 4u);
		ip.is_fragment = load_be16(d + at + 6) & 0x1fff;
	} else if (v->type == ETH_TYPE_IP6 && len >= at + IP6_LEN) {
		memcpy(v->src.b, d + at + 8, 16);
		memcpy(v->dst.b, d + at + 24, 16);
		if (ip6_extensions(d, at, len, &ip) != PASS)
			ip.l4_off = UINT16_MAX;
		ip.is_fragment = ip.frag_off > 0;
	} else {
		return;
	}
	v->has_ip = true;
	v->proto = ip.proto;
	v->has_ports = (ip.proto == 6 || ip.proto == 17) && !ip.is_fragment &&
	               len >= (size_t)ip.l4_off + 4;
	if (v->has_ports) {
		v->sport = load_be16(d + ip.l4_off);
		v->dport = load_be16(d + ip.l4_off + 2);
	}
}

static struct view
look(const uint8_t *d, size_t len)
{
	struct view v = { 0 };
	size_t at = ETH_LEN;

	if (len < ETH_LEN)
		return v;
	v.type = load_be16(d + 12);
	if (v.type == ETH_TYPE_VLAN && len >= ETH_LEN + VLAN_LEN) {
		v.type = load_be16(d + 16);
		at += VLAN_LEN;
	}
	if (v.type == ETH_TYPE_ARP && len >= at + 28) { /* `host` finds ARP about it */
		v.src = addr_v4(load_be32(d + at + 14));
		v.dst = addr_v4(load_be32(d + at + 24));
		v.has_ip = true;
	}
	look_ip(d, len, at, &v);
	return v;
}

static bool
holds(const struct filter_term *t, const struct view *v)
{
	bool src = t->side != FILTER_DST, dst = t->side != FILTER_SRC;

	switch (t->kind) {
	case FILTER_HOST:
		return v->has_ip && ((src && addr_in_prefix(&v->src, &t->prefix)) ||
		                     (dst && addr_in_prefix(&v->dst, &t->prefix)));
	case FILTER_PORT:
		return v->has_ports &&
		       ((src && v->sport == t->value) || (dst && v->dport == t->value));
	case FILTER_PROTO:
		return v->has_ip && v->type != ETH_TYPE_ARP &&
		       (v->proto == t->value || v->proto == t->value2);
	default:
		return v->type == t->value;
	}
}

bool
packet_filter_match(const struct packet_filter *f, const uint8_t *frame, size_t len)
{
	struct view v = look(frame, len);
	bool all = true;

	for (unsigned i = 0; i < f->cnt; i++) {
		if (f->terms[i].begins_or) {
			if (all)
				return true;
			all = true;
		}
		all = all && holds(&f->terms[i], &v) != f->terms[i].is_not;
	}
	return all;
}
