/* SPDX-License-Identifier: BSD-3-Clause
 * smtp_reply.c - replies written line by line within their bounds
 */
#include "dataplane/smtp/smtp_reply.h"
#include "base/msgid.h"

static const struct own {
	uint16_t code;
	uint8_t enhanced_len, text_len;
	const char *enhanced, *text;
} own[SMTP_REPLIES] = {
#define SMTP_REPLY(name, code, enhanced, text)                                                     \
	{ code, sizeof(enhanced) - 1, sizeof(text) - 1, enhanced, text },
#include "dataplane/smtp/replies.def"
#undef SMTP_REPLY
};

bool
smtp_out_put(struct smtp_out *o, struct span s)
{
	if (smtp_out_room(o) < s.len)
		return false;
	if (s.len)
		memcpy(o->p + o->len, s.p, s.len);
	o->len += s.len;
	return true;
}

struct smtp_answer
smtp_answer_own(enum smtp_reply_id id)
{
	const struct own *r = &own[id];

	BUG_ON((unsigned)id >= SMTP_REPLIES);
	return (struct smtp_answer){ r->code, span(r->enhanced, r->enhanced_len),
		                     span(r->text, r->text_len) };
}

struct smtp_answer
smtp_answer_arg(enum smtp_reply_id id, struct span arg, char *buf, size_t cap)
{
	struct smtp_answer a = smtp_answer_own(id);
	size_t n = 0;

	for (size_t i = 0; i < a.text.len; i++) {
		struct span piece = span(a.text.p + i, 1);

		if (*piece.p == '%')
			piece = arg;
		piece.len = MIN(piece.len, cap - n);
		if (piece.len)
			memcpy(buf + n, piece.p, piece.len);
		n += piece.len;
	}
	a.text = span(buf, n);
	return a;
}

/* One character of text as it goes out: printable ASCII, UTF-8 bytes and tab as they are. */
static size_t
put_escaped(char c, char *p)
{
	static const char hex[] = "0123456789abcdef";
	uint8_t u = (uint8_t)c;

	if ((u >= 32 && u != 127) || c == '\t') {
		*p = c;
		return 1;
	}
	p[0] = '\\';
	p[1] = 'x';
	p[2] = hex[u >> 4];
	p[3] = hex[u & 15];
	return 4;
}

/*
 * Where the separator of the line under way goes: only after its last byte is known whether another
 * line follows.
 */
struct line_writer {
	char *start, *p; /* the line under way */
	char head[32];   /* "550-5.1.1 " */
	size_t head_len;
};

static void
begin_line(struct line_writer *w)
{
	w->start = w->p;
	memcpy(w->p, w->head, w->head_len);
	w->p += w->head_len;
}

static void
end_line(struct line_writer *w, bool last)
{
	w->start[3] = last ? ' ' : '-';
	memcpy(w->p, "\r\n", 2);
	w->p += 2;
}

static void
make_head(struct line_writer *w, const struct smtp_answer *a)
{
	BUG_ON(a->code < 200 || a->code > 599 || a->enhanced.len > 11);
	w->head[0] = (char)('0' + a->code / 100);
	w->head[1] = (char)('0' + a->code / 10 % 10);
	w->head[2] = (char)('0' + a->code % 10);
	w->head[3] = '-';
	w->head_len = 4;
	if (a->enhanced.len) {
		memcpy(w->head + 4, a->enhanced.p, a->enhanced.len);
		w->head_len += a->enhanced.len;
		w->head[w->head_len++] = ' ';
	}
}

static void
put_id(struct line_writer *w, uint64_t id)
{
	char text[MSGID_CHARS + 1];

	msgid_format(id, text);
	memcpy(w->p, "id=", 3);
	memcpy(w->p + 3, text, MSGID_CHARS);
	w->p[3 + MSGID_CHARS] = ' ';
	w->p += 3 + MSGID_CHARS + 1;
}

/* What nearly every reply is: one line of printable text. */
static bool
write_short(struct smtp_out *out, struct line_writer *w, struct span text, uint64_t id)
{
	if (smtp_out_room(out) < w->head_len + 4 + MSGID_CHARS + text.len + 2)
		return false;
	w->p = out->p + out->len;
	begin_line(w);
	if (id)
		put_id(w, id);
	if (text.len)
		memcpy(w->p, text.p, text.len);
	w->p += text.len;
	end_line(w, true);
	out->len = (size_t)(w->p - out->p);
	return true;
}

bool
smtp_reply_write(struct smtp_out *out, const struct smtp_answer *a, uint64_t id)
{
	struct line_writer w = { 0 };
	size_t lines = 1, plain = 0, need;

	for (size_t i = 0; i < a->text.len; i++) {
		lines += a->text.p[i] == '\n';
		plain += a->text.p[i] >= 32 && a->text.p[i] < 127;
	}
	make_head(&w, a);
	if (plain == a->text.len && w.head_len + 4 + MSGID_CHARS + plain + 2 <= SMTP_REPLY_MAX)
		return write_short(out, &w, a->text, id);
	/* every piece of a cut line holds more than 400 bytes of escaped text */
	need = plain + (a->text.len - plain) * 4;
	need += (lines + need / 400) * (w.head_len + 2) + 4 + MSGID_CHARS;
	if (smtp_out_room(out) < need)
		return false;
	w.p = out->p + out->len;
	begin_line(&w);
	if (id)
		put_id(&w, id);
	for (size_t i = 0; i < a->text.len; i++) {
		bool cut = (size_t)(w.p - w.start) > SMTP_REPLY_MAX - 2 - 4;

		if (cut || a->text.p[i] == '\n') {
			end_line(&w, false);
			begin_line(&w);
		}
		if (a->text.p[i] != '\n')
			w.p += put_escaped(a->text.p[i], w.p);
	}
	end_line(&w, true);
	out->len = (size_t)(w.p - out->p);
	return true;
}

struct smtp_answer
smtp_answer_pass(const struct smtp_reply *r, const struct smtp_private *p, char *buf, size_t cap)
{
	static const char *const plain[] = { "", "", "2.0.0", "", "4.0.0", "5.0.0" };
	struct smtp_answer a = { .code = r->code };

	a.enhanced = span_z(r->enhanced[0] ? r->enhanced : plain[r->code / 100 % 6]);
	a.text = span(buf, smtp_reply_clean(span(r->text, r->text_len), p, buf, cap));
	return a;
}
