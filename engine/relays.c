/* SPDX-License-Identifier: BSD-3-Clause
 * relays.c - one Received field: what stands where depends on who wrote it
 */
#include "engine/relays.h"
#include "base/addr.h"

static bool
ieq_at(struct span s, size_t at, const char *z)
{
	size_t n = strlen(z);

	return at <= s.len && s.len - at >= n && span_ieq_z(span(s.p + at, n), z);
}

/* Where z begins, any case; s.len: nowhere. */
static size_t
ifind(struct span s, const char *z)
{
	for (size_t i = 0; i < s.len; i++)
		if (ieq_at(s, i, z))
			return i;
	return s.len;
}

/* Bytes up to one of ends. */
static struct span
until(struct span s, const char *ends)
{
	size_t n = 0;

	while (n < s.len && !(s.p[n] && strchr(ends, s.p[n])))
		n++;
	return span(s.p, n);
}

static struct span
after(struct span s, const char *mark, const char *ends)
{
	size_t at = ifind(s, mark);

	return at == s.len ? span("", 0) : until(span_skip(s, at + strlen(mark)), ends);
}

/* The address in "[1.2.3.4]", "[IPv6:…]", or bare. */
static bool
take_ip(struct span s, struct span *out)
{
	struct addr a;

	if (s.len > 5 && ieq_at(s, 0, "ipv6:"))
		s = span_skip(s, 5);
	if (!addr_parse(s, &a))
		return false;
	*out = s;
	return true;
}

/* The first address in brackets. */
static bool
find_ip(struct span s, struct span *out)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] == '[' && take_ip(until(span_skip(s, i + 1), "]"), out))
			return true;
	return false;
}

/* "(…)" at the front: its inside; s moves behind it. */
static bool
take_comment(struct span *s, struct span *inside)
{
	size_t depth = 0;

	while (s->len > 0 && s->p[0] == ' ')
		*s = span_skip(*s, 1);
	if (s->len == 0 || s->p[0] != '(')
		return false;
	for (size_t i = 0; i < s->len; i++) {
		depth += s->p[i] == '(';
		if (s->p[i] == ')' && --depth == 0) {
			*inside = span(s->p + 1, i - 1);
			*s = span_skip(*s, i + 1);
			return true;
		}
	}
	return false;
}

static bool
is_host(struct span s)
{
	return s.len > 0 && memchr(s.p, '.', s.len) && !memchr(s.p, '[', s.len) &&
	       !memchr(s.p, '@', s.len);
}

/* What DNS said, behind "user@", which its ident server said. */
static struct span
host_in(struct span inside, struct relay *r)
{
	struct span host = until(inside, " [");
	const char *at = host.len ? memrchr(host.p, '@', host.len) : NULL;

	if (!at)
		return host;
	r->ident = span(host.p, (size_t)(at - host.p));
	return span_skip(host, r->ident.len + 1);
}

/* "from FIRST (INSIDE) …": by what is inside, FIRST is what the sender said or what DNS did. */
static void
read_names(struct span from, struct relay *r)
{
	struct span first = until(from, " ("), rest = span_skip(from, first.len), inside, more;
	struct span helo;

	r->helo = first;
	if (!take_comment(&rest, &inside)) {
		find_ip(first, &r->ip);
		return;
	}
	helo = after(inside, "helo=", " )");
	if (helo.len == 0)
		helo = after(inside, "helo ", " )");
	if (helo.len == 0)
		helo = after(inside, "ehlo ", " )");
	if (!find_ip(inside, &r->ip) && !take_ip(inside, &r->ip) && take_comment(&rest, &more)) {
		const char *at = more.len ? memrchr(more.p, '@', more.len) : NULL;

		take_ip(at ? span_skip(more, (size_t)(at - more.p) + 1) : more, &r->ip);
	}
	if (helo.len > 0) { /* Exim, qmail: FIRST is DNS's */
		r->helo = helo;
		r->rdns = is_host(first) ? first : span("", 0);
	} else if (take_ip(inside, &more)) { /* Exchange looks up what it was told */
		r->rdns = is_host(first) ? first : span("", 0);
	} else if (is_host(host_in(inside, r))) {
		r->rdns = host_in(inside, r);
	} else if (ieq_at(inside, 0, "[") && ifind(from, "exim") < from.len) {
		r->rdns = first;
		r->helo = span("", 0);
	}
	if (r->ip.len == 0)
		find_ip(from, &r->ip);
}

static void
read_auth(struct span v, struct relay *r)
{
	static const char *const with[] = { "ESMTPA", "ESMTPSA", "LMTPA", "LMTPSA", "UTF8SMTPA",
		                            "ASMTP",  "HTTP",    "HTTPS", "HTTPU" };
	struct span proto = after(v, " with ", " ;");

	for (size_t i = 0; i < ARRAY_LEN(with); i++)
		if (span_ieq_z(proto, with[i]))
			r->auth = proto;
	if (r->auth.len == 0 && ifind(v, "(authenticated sender: ") < v.len)
		r->auth = span_z("Postfix");
	else if (r->auth.len == 0 && ifind(v, "authenticated") < ifind(v, " by "))
		r->auth = span_z("Sendmail");
}

bool
relay_parse(struct span value, struct relay *r)
{
	struct span v = span(value.p, MIN(value.len, (size_t)RELAY_FIELD_MAX)), from;
	size_t by;

	*r = (struct relay){ 0 };
	if (ieq_at(v, 0, "(from "))
		v = span_skip(v, 1);
	if (!ieq_at(v, 0, "from "))
		return false;
	by = ifind(v, " by ");
	from = span_skip(span(v.p, by), 5);
	r->by = after(v, " by ", " ;)");
	r->id = after(v, " id <", " <>;");
	if (r->id.len == 0)
		r->id = after(v, " id ", " <>;");
	r->envfrom = after(v, "envelope-from ", " )");
	if (r->envfrom.len == 0)
		r->envfrom = after(v, "envelope-sender ", " )");
	while (r->envfrom.len > 0 && r->envfrom.p[0] == '<')
		r->envfrom = span_skip(r->envfrom, 1);
	while (r->envfrom.len > 0 && r->envfrom.p[r->envfrom.len - 1] == '>')
		r->envfrom.len--;
	read_names(from, r);
	read_auth(v, r);
	if (span_ieq_z(r->rdns, "unknown"))
		r->rdns.len = 0;
	return r->ip.len > 0 && r->by.len > 0;
}

static size_t
put(char *out, size_t n, size_t cap, const char *key, struct span value)
{
	static const char bad[] = " \t\r\n#[]()<>|";
	size_t k = strlen(key);

	if (k > cap - n)
		return n;
	memcpy(out + n, key, k);
	n += k;
	for (size_t i = 0; i < value.len && n < cap; i++)
		out[n++] = value.p[i] && !strchr(bad, value.p[i]) ? value.p[i] : '!';
	return n;
}

size_t
relay_format(const struct relay *r, char *out, size_t cap)
{
	struct span none = span("", 0);
	size_t n = 0;

	n = put(out, n, cap, "[ ip=", r->ip);
	n = put(out, n, cap, " rdns=", r->rdns);
	n = put(out, n, cap, " helo=", r->helo);
	n = put(out, n, cap, " by=", r->by);
	n = put(out, n, cap, " ident=", r->ident);
	n = put(out, n, cap, " envfrom=", r->envfrom);
	n = put(out, n, cap, " intl=0 id=", r->id);
	n = put(out, n, cap, " auth=", r->auth);
	return put(out, n, cap, " msa=0 ]", none);
}

bool
relay_is_private(const struct relay *r)
{
	static const char *const nets[] = { "10.0.0.0/8",  "172.16.0.0/12",  "192.168.0.0/16",
		                            "127.0.0.0/8", "169.254.0.0/16", "100.64.0.0/10",
		                            "fe80::/10",   "fc00::/7",       "::1/128" };
	struct addr a;

	if (!addr_parse(r->ip, &a))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(nets); i++) {
		struct addr_prefix net;

		BUG_ON(!addr_parse_prefix(span_z(nets[i]), false, &net));
		if (addr_in_prefix(&a, &net))
			return true;
	}
	return false;
}
