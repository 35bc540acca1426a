/* SPDX-License-Identifier: BSD-3-Clause
 * uri_forms.c - see uri_forms.h
 */
#include "engine/uri_forms.h"

struct forms {
	uri_form_fn *fn;
	void *ctx;
	unsigned depth;
};

static bool
is_white(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct span
trim(struct span s)
{
	while (s.len > 0 && is_white(s.p[0]))
		s = span_skip(s, 1);
	while (s.len > 0 && is_white(s.p[s.len - 1]))
		s.len--;
	return s;
}

static bool
starts(struct span s, const char *z)
{
	size_t n = strlen(z);

	return s.len >= n && span_ieq_z(span(s.p, n), z);
}

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "%41" at the front: its byte; else -1. */
static int
percent(struct span s)
{
	if (s.len < 3 || s.p[0] != '%' || hex(s.p[1]) < 0 || hex(s.p[2]) < 0)
		return -1;
	return hex(s.p[1]) * 16 + hex(s.p[2]);
}

static bool
has_percent(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (percent(span_skip(s, i)) >= 0)
			return true;
	return false;
}

/* Codes of printable ASCII are undone, '/' and ':' too; what needs one gets it. */
static struct span
recode(struct span in, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < in.len && n + 3 <= URI_FORM_MAX; i++) {
		int c = percent(span_skip(in, i));

		if (c > 0x20 && c < 0x7f) {
			out[n++] = (char)c;
			i += 2;
			continue;
		}
		if (c >= 0) {
			memcpy(out + n, in.p + i, 3);
			n += 3;
			i += 2;
			continue;
		}
		c = (unsigned char)in.p[i];
		if (c <= 0x20 || c >= 0x7f || c == '<' || c == '>' || c == '"' || c == '%')
			n += (size_t)sprintf(out + n, "%%%02x", (unsigned)c);
		else
			out[n++] = (char)c;
	}
	return span(out, n);
}

static bool
has_scheme(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = ascii_lower(s.p[i]);

		if (c == ':')
			return i > 0;
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_')
			return false;
	}
	return false;
}

/* Of "mailto:a@b?subject=…" what mail programs make of it. */
static void
mail_forms(struct forms *f, struct span uri)
{
	static const char ends[] = "?&";
	const char *at = memchr(uri.p, '@', uri.len), *open, *close;

	for (size_t i = 0; at && i < sizeof(ends) - 1; i++) {
		const char *end = memchr(at, ends[i], (size_t)(uri.p + uri.len - at));

		if (end && end > at + 1)
			f->fn(f->ctx, span(uri.p, (size_t)(end - uri.p)));
	}
	/* mailto:"A%20B"%20<a@b.test> */
	open = memchr(uri.p, '<', uri.len);
	close = at ? memchr(at, '>', (size_t)(uri.p + uri.len - at)) : NULL;
	if (open && close && open + 1 < at && close > at + 1) {
		char out[URI_FORM_MAX + 8];
		size_t n = (size_t)(close - open) - 1;

		memcpy(out, "mailto:", 7);
		memcpy(out + 7, open + 1, n);
		f->fn(f->ctx, span(out, n + 7));
	}
}

static bool
is_mail(struct span s)
{
	const char *at = memchr(s.p, '@', s.len), *colon = memchr(s.p, ':', s.len);

	return starts(s, "mailto:") || (at && (!colon || at < colon));
}

/* Slashes put right, codes undone, a scheme and a '/' behind the host where there is none. */
static struct span
normal_form(struct span uri, char *out, char *tmp)
{
	size_t proto = starts(uri, "https:") ? 6 : starts(uri, "http:") ? 5 : 0, n = 0, host, end;
	struct span s = uri;

	if (proto > 0) {
		memcpy(tmp, uri.p, proto);
		memcpy(tmp + proto, "//", 2);
		n = proto + 2;
		for (unsigned i = 0;
		     i < 2 && proto < s.len && (s.p[proto] == '/' || s.p[proto] == '\\'); i++)
			s = span_skip(s, 1);
		s = span_skip(s, proto);
	}
	for (size_t i = 0; i < s.len && n < URI_FORM_MAX; i++)
		tmp[n++] = s.p[i] == '\\' ? '/' : s.p[i];
	s = span(tmp, n);
	if (has_percent(s))
		s = recode(s, out);
	else
		memcpy(out, s.p, s.len);
	n = s.len;
	if (!has_scheme(span(out, n)) && n + 7 <= URI_FORM_MAX) {
		const char *scheme = n >= 4 && !memcmp(out, "ftp.", 4) ? "ftp://" : "http://";
		size_t len = strlen(scheme);

		memmove(out + len, out, n);
		memcpy(out, scheme, len);
		n += len;
	}
	proto = starts(span(out, n), "https://") ? 8 : starts(span(out, n), "http://") ? 7 : 0;
	for (host = end = proto; proto > 0 && end < n && !strchr("/?#", out[end]); end++)
		;
	if (end > host && end < n && out[end] != '/' && n < URI_FORM_MAX) {
		memmove(out + end + 1, out + end, n - end);
		out[end] = '/';
		n++;
	}
	return span(out, n);
}

/* "http://user@host:80/path" in its parts. */
struct http {
	struct span proto, host, rest; /* rest: port and path */
	bool has_auth;
};

static bool
http_parts(struct span s, struct http *h)
{
	size_t proto = starts(s, "https://") ? 8 : starts(s, "http://") ? 7 : 0, n = proto;

	if (proto == 0)
		return false;
	h->proto = span(s.p, proto);
	while (n < s.len && !strchr("@/?#", s.p[n]))
		n++;
	h->has_auth = n < s.len && s.p[n] == '@';
	s = span_skip(s, h->has_auth ? n + 1 : proto);
	for (n = 0; n < s.len && !strchr("/?#:", s.p[n]); n++)
		;
	h->host = span(s.p, n);
	h->rest = span_skip(s, n);
	return n > 0;
}

static void
put_form(struct forms *f, const struct http *h, struct span host, struct span rest)
{
	char out[URI_FORM_MAX * 2];
	size_t n = h->proto.len;

	if (n + host.len + rest.len > sizeof(out))
		return;
	memcpy(out, h->proto.p, n);
	memcpy(out + n, host.p, host.len);
	memcpy(out + n + host.len, rest.p, rest.len);
	f->fn(f->ctx, span(out, n + host.len + rest.len));
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Digits behind the ':' of rest; the scheme's own port says nothing. */
static struct span
port_forms(struct forms *f, const struct http *h)
{
	struct span own = h->proto.len == 8 ? span("443", 3) : span("80", 2);
	struct span port =
	        h->rest.len > 0 && h->rest.p[0] == ':' ? span_skip(h->rest, 1) : span("", 0);
	size_t n = 0;
	char next;

	while (n < port.len && is_digit(port.p[n]))
		n++;
	next = n < port.len ? ascii_lower(port.p[n]) : '/';
	port.len = n;
	if (port.len == 0)
		return own;
	if (span_eq(port, own) && !(next >= 'a' && next <= 'z') && next != '_')
		put_form(f, h, h->host, span_skip(h->rest, n + 1));
	return port;
}

static bool
is_hex_number(struct span s)
{
	return s.len > 2 && s.p[0] == '0' && (s.p[1] | 32) == 'x';
}

/* Digits, or "0x" and hexadecimal ones. */
static bool
is_number(struct span s)
{
	bool is_hex = is_hex_number(s);

	for (size_t i = is_hex ? 2 : 0; i < s.len; i++)
		if (is_hex ? hex(s.p[i]) < 0 : !is_digit(s.p[i]))
			return false;
	return s.len > 0;
}

/* Modulo 2^32: of a longer number a browser takes the last four octets. */
static uint32_t
number(struct span s, unsigned base)
{
	uint32_t v = 0;

	for (size_t i = 0; i < s.len; i++)
		v = v * base + (uint32_t)hex(s.p[i]);
	return v;
}

/* Decimal digits of an octet written in any base; none of a 0, as there. */
static size_t
octet(struct span s, char out[12])
{
	unsigned base = is_hex_number(s) ? 16 : 10;
	bool has_zero;
	uint32_t v;

	s = base == 16 ? span_skip(s, 2) : s;
	has_zero = s.p[0] == '0';
	while (s.len > 0 && s.p[0] == '0')
		s = span_skip(s, 1);
	if (base == 10 && has_zero && s.len <= 3) {
		base = 8;
		for (size_t i = 0; i < s.len; i++)
			base = s.p[i] > '7' ? 10 : base;
	}
	v = number(s, base);
	return v ? (size_t)snprintf(out, 12, "%u", v) : 0;
}

/* "0x7f.0.0.1", "2130706433": addresses in disguise. False: it is none. */
static bool
address_forms(struct forms *f, const struct http *h)
{
	char out[4 * 12 + 4];
	struct span s = h->host, part[5];
	size_t cnt = 0, n = 0;

	for (const char *dot = s.p; dot && cnt < ARRAY_LEN(part); cnt++) {
		dot = memchr(s.p, '.', s.len);
		part[cnt] = span(s.p, dot ? (size_t)(dot - s.p) : s.len);
		if (!is_number(part[cnt]))
			return false;
		s = span_skip(s, part[cnt].len + (dot ? 1 : 0));
	}
	if (cnt == 1) {
		uint32_t v = is_hex_number(h->host) ? number(span_skip(h->host, 2), 16)
		                                    : number(h->host, 10);

		n = (size_t)snprintf(out, sizeof(out), "%u.%u.%u.%u", v >> 24, v >> 16 & 255,
		                     v >> 8 & 255, v & 255);
	}
	for (size_t i = 0; cnt == 4 && i < cnt; i++) {
		n += octet(part[i], out + n);
		if (i < 3)
			out[n++] = '.';
	}
	if (n > 0)
		put_form(f, h, span(out, n), h->rest);
	return n > 0;
}

/* "http://name" as a browser completes it. */
static void
name_form(struct forms *f, const struct http *h, struct span port)
{
	struct span name = starts(h->host, "www.") ? span_skip(h->host, 4) : h->host;
	char out[URI_FORM_MAX];
	int n;

	if (h->proto.len != 7 || h->has_auth || !span_is(port, "80") || name.len == 0 ||
	    memchr(name.p, '.', name.len) || span_ieq_z(h->host, "localhost"))
		return;
	n = snprintf(out, sizeof(out), "www.%.*s.com", (int)name.len, name.p);
	if (n > 0 && (size_t)n < sizeof(out))
		put_form(f, h, span(out, (size_t)n), h->rest);
}

static void all_forms(struct forms *f, struct span uri);

/* A URI inside another one's path or query. */
static void
targets(struct forms *f, struct span rest)
{
	for (size_t i = 0; i + 6 < rest.len; i++) {
		struct span t = span_skip(rest, i);
		size_t n = 0;

		if (!starts(t, "http:") && !starts(t, "https:"))
			continue;
		while (n < t.len && t.p[n] != '&' && t.p[n] != '#')
			n++;
		t.len = n;
		if (memchr(t.p, '.', t.len))
			all_forms(f, t);
		return;
	}
}

/* A browser leaves out blanks and control characters in a host. */
static struct span
without_blanks(struct forms *f, const struct http *h, char host[URI_FORM_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < h->host.len && n < URI_FORM_MAX; i++)
		if ((unsigned char)h->host.p[i] > ' ')
			host[n++] = h->host.p[i];
	if (n == h->host.len)
		return h->host;
	put_form(f, h, span(host, n), h->rest);
	return span(host, n);
}

/* A host that is not ASCII, in lower case as far as it is. */
static void
lower_form(struct forms *f, const struct http *h)
{
	char host[URI_FORM_MAX];
	bool is_other = false, is_changed = false;

	for (size_t i = 0; i < h->host.len; i++) {
		host[i] = ascii_lower(h->host.p[i]);
		is_other |= (unsigned char)host[i] >= 0x80;
		is_changed |= host[i] != h->host.p[i];
	}
	if (is_other && is_changed)
		put_form(f, h, span(host, h->host.len), h->rest);
}

static void
http_forms(struct forms *f, struct span s)
{
	char host[URI_FORM_MAX];
	struct http h;
	struct span port;
	size_t n;

	if (!http_parts(s, &h))
		return;
	port = port_forms(f, &h);
	lower_form(f, &h);
	h.host = without_blanks(f, &h, host);
	if (++f->depth < URI_FORMS_DEPTH)
		targets(f, h.rest);
	f->depth--;
	/* In a sentence: "http://a.example." */
	for (n = h.host.len; n > 0 && !is_digit(h.host.p[n - 1]); n--) {
		char c = ascii_lower(h.host.p[n - 1]);

		if (c >= 'a' && c <= 'z')
			break;
	}
	if (n < h.host.len) {
		h.host.len = n;
		put_form(f, &h, h.host, h.rest);
	}
	if (!address_forms(f, &h))
		name_form(f, &h, port);
}

static void
all_forms(struct forms *f, struct span uri)
{
	char out[URI_FORM_MAX + 16], tmp[URI_FORM_MAX + 16];
	struct span s;

	uri = trim(uri);
	uri.len = MIN(uri.len, (size_t)URI_FORM_MAX);
	if (uri.len > 0)
		f->fn(f->ctx, uri);
	if (uri.len <= 1 || strchr("#?&", uri.p[0]) || (uri.p[0] == '/' && uri.p[1] != '/'))
		return;
	if (is_mail(uri)) {
		mail_forms(f, uri);
		return;
	}
	s = normal_form(uri, out, tmp);
	if (!span_eq(s, uri))
		f->fn(f->ctx, s);
	http_forms(f, s);
}

void
uri_forms(struct span uri, uri_form_fn *fn, void *ctx)
{
	struct forms f = { fn, ctx, 0 };

	all_forms(&f, uri);
}
