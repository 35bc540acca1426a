/* SPDX-License-Identifier: BSD-3-Clause
 * log_format.c - an event as a line of JSON, whatever bytes its texts hold
 */
#include "ctrl/log.h"
#include "base/msgid.h"
#include <time.h>

struct line {
	char *p;
	size_t n, cap;
};

static void
put(struct line *l, const char *s, size_t n)
{
	n = MIN(n, l->cap - l->n);
	memcpy(l->p + l->n, s, n);
	l->n += n;
}

static void
put_z(struct line *l, const char *s)
{
	put(l, s, strlen(s));
}

static void
put_number(struct line *l, uint64_t v)
{
	char t[24];
	size_t n = (size_t)snprintf(t, sizeof(t), "%llu", (unsigned long long)v);

	put(l, t, n);
}

/* Bytes of the UTF-8 sequence at s, 0 when it is none (RFC 3629: no overlong forms, no surrogates). */
static size_t
utf8_len(const unsigned char *s, size_t n)
{
	if (n >= 2 && s[0] >= 0xc2 && s[0] <= 0xdf && (s[1] & 0xc0) == 0x80)
		return 2;
	if (n >= 3 && (s[0] & 0xf0) == 0xe0 && (s[1] & 0xc0) == 0x80 && (s[2] & 0xc0) == 0x80)
		return (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ? 0 : 3;
	if (n >= 4 && s[0] >= 0xf0 && s[0] <= 0xf4 && (s[1] & 0xc0) == 0x80 &&
	    (s[2] & 0xc0) == 0x80 && (s[3] & 0xc0) == 0x80)
		return (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f) ? 0 : 4;
	return 0;
}

/* A byte that is no UTF-8 shows as the character of its number (U+0080 to U+00FF). */
static void
put_text(struct line *l, struct span s)
{
	const unsigned char *p = (const unsigned char *)s.p;

	put(l, "\"", 1);
	for (size_t i = 0; i < s.len;) {
		size_t n = p[i] >= 0x80 ? utf8_len(p + i, s.len - i) : 0;
		char esc[8];

		if (n == 2 && p[i] == 0xc2 &&
		    p[i + 1] < 0xa0) { /* C1 controls move terminals too */
			snprintf(esc, sizeof(esc), "\\u%04x", p[i + 1]);
			put_z(l, esc);
			i += 2;
		} else if (n > 0) {
			put(l, s.p + i, n);
			i += n;
		} else if (p[i] >= 0x20 && p[i] < 0x7f && p[i] != '"' && p[i] != '\\') {
			put(l, s.p + i++, 1);
		} else {
			snprintf(esc, sizeof(esc), "\\u%04x", p[i++]);
			put_z(l, esc);
		}
	}
	put(l, "\"", 1);
}

static void
put_time(struct line *l, uint64_t wall_us)
{
	time_t s = (time_t)(wall_us / 1000000);
	struct tm tm;
	char t[40];

	gmtime_r(&s, &tm);
	snprintf(t, sizeof(t), "%04d-%02d-%02dT%02d:%02d:%02d.%06uZ", (tm.tm_year + 1900) % 10000,
	         tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
	         (unsigned)(wall_us % 1000000));
	put_z(l, t);
}

static void
put_key(struct line *l, const char *key)
{
	put_z(l, ",\"");
	put_z(l, key);
	put_z(l, "\":");
}

static void
put_head(struct line *l, const struct event *e, const struct event_desc *d)
{
	static const struct addr none;

	put_z(l, "{\"time\":\"");
	put_time(l, e->wall_us);
	put_z(l, "\",\"event\":\"");
	put_z(l, d->log_name);
	put_z(l, "\",\"worker\":");
	put_number(l, e->worker);
	if (e->id) {
		char id[MSGID_CHARS + 1];

		msgid_format(e->id, id);
		put_key(l, "id");
		put_text(l, span_z(id));
	}
	if (!addr_eq(&e->client, &none)) {
		char a[ADDR_TEXT_MAX];

		put_key(l, "client");
		put_text(l, span(a, addr_format(&e->client, a)));
	}
}

/* The worst line (every text byte escaped to six) is under LOG_LINE_MAX, so nothing is cut there. */
static_assert(EVENT_TEXT_BYTES * 6 + 1024 < LOG_LINE_MAX, "a line holds any event");

size_t
log_format(const struct event *e, char *out, size_t cap)
{
	const struct event_desc *d = &event_descs[e->kind];
	struct line l = { out, 0, cap - 1 };

	BUG_ON(e->kind >= EVENT_KINDS);
	put_head(&l, e, d);
	for (unsigned i = 0; i < EVENT_NUMS && d->num_names[i] && *d->num_names[i]; i++) {
		put_key(&l, d->num_names[i]);
		put_number(&l, e->num[i]);
	}
	for (unsigned i = 0; i < EVENT_TEXTS && d->text_names[i] && *d->text_names[i]; i++) {
		put_key(&l, d->text_names[i]);
		put_text(&l, event_text_of(e, i));
	}
	put_z(&l, "}\n");
	out[l.n] = 0;
	return l.n;
}
