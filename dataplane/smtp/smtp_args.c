/* SPDX-License-Identifier: BSD-3-Clause
 * smtp_args.c - arguments of EHLO, MAIL, RCPT and BDAT
 */
#include "dataplane/smtp/smtp_args.h"

enum smtp_reply_id
smtp_args_helo(struct span arg, struct smtp_server_event *ev)
{
	if (arg.len == 0 || arg.len > SMTP_HELO_MAX)
		return SMTP_R_SYNTAX_HELO;
	for (size_t i = 0; i < arg.len; i++) /* it goes into our Received field */
		if (arg.p[i] <= 32 || arg.p[i] > 126 || strchr("()<>\\\";,", arg.p[i]))
			return SMTP_R_SYNTAX_HELO;
	memcpy(ev->text, arg.p, arg.len);
	ev->helo = span(ev->text, arg.len);
	return SMTP_R_OK;
}

static bool
take_digits(struct span *s, uint64_t *out) /* 1 to 20 digits; more than fits is UINT64_MAX */
{
	size_t n = 0;
	uint64_t v = 0;

	for (; n < s->len && s->p[n] >= '0' && s->p[n] <= '9'; n++) {
		uint64_t d = (uint64_t)(s->p[n] - '0');

		v = v > (UINT64_MAX - d) / 10 ? UINT64_MAX : v * 10 + d;
	}
	if (n == 0 || n > 20)
		return false;
	*s = span_skip(*s, n);
	*out = v;
	return true;
}

bool
smtp_args_bdat(struct span arg, uint64_t *size, bool *last)
{
	if (!take_digits(&arg, size) || *size == UINT64_MAX)
		return false;
	*last = false;
	if (arg.len == 0)
		return true;
	if (*arg.p != ' ')
		return false;
	while (arg.len && *arg.p == ' ')
		span_shift(&arg);
	*last = span_ieq_z(arg, "LAST");
	return *last;
}

/* One esmtp-param: keyword, and its value when there was a '='. */
struct param {
	struct span key, value;
	bool has_value;
};

static bool
is_key_char(char c)
{
	return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') ||
	       c == '-';
}

static bool
take_param(struct span *s, struct param *p)
{
	size_t n = 0;

	while (n < s->len && is_key_char(s->p[n]))
		n++;
	if (n == 0 || *s->p == '-')
		return false;
	*p = (struct param){ .key = span(s->p, n) };
	*s = span_skip(*s, n);
	if (!s->len || *s->p == ' ')
		return true;
	if (span_shift(s) != '=')
		return false;
	for (n = 0; n < s->len && (uint8_t)s->p[n] > 32 && s->p[n] != 127 && s->p[n] != '=';)
		n++;
	p->value = span(s->p, n);
	p->has_value = true;
	*s = span_skip(*s, n);
	return n > 0 && (!s->len || *s->p == ' ');
}

static enum smtp_reply_id
on_size(struct span value, struct smtp_server_event *ev)
{
	return take_digits(&value, &ev->size) && !value.len ? SMTP_R_OK : SMTP_R_SYNTAX;
}

static enum smtp_reply_id
on_body(struct span value, struct smtp_server_event *ev)
{
	ev->eightbit = span_ieq_z(value, "8BITMIME");
	if (ev->eightbit || span_ieq_z(value, "7BIT"))
		return SMTP_R_OK;
	return span_ieq_z(value, "BINARYMIME") ? SMTP_R_PARAMETER : SMTP_R_SYNTAX;
}

static enum smtp_reply_id
on_smtputf8(struct span value, struct smtp_server_event *ev)
{
	(void)value;
	ev->smtputf8 = true;
	return SMTP_R_OK;
}

static enum smtp_reply_id
on_prdr(struct span value, struct smtp_server_event *ev)
{
	(void)value;
	ev->prdr = true;
	return SMTP_R_OK;
}

/* Parameters of MAIL that we offer; RCPT has none. */
/* clang-format off */
static const struct mail_param {
	const char *key;
	bool value;
	enum smtp_reply_id (*act)(struct span value, struct smtp_server_event *ev);
} mail_params[] = {
	{ "SIZE",     true,  on_size },
	{ "BODY",     true,  on_body },
	{ "SMTPUTF8", false, on_smtputf8 },
	{ "PRDR",     false, on_prdr },
};
/* clang-format on */

static enum smtp_reply_id
on_mail_param(const struct param *p, unsigned *seen, struct smtp_server_event *ev)
{
	for (unsigned i = 0; i < ARRAY_LEN(mail_params); i++) {
		if (!span_ieq_z(p->key, mail_params[i].key))
			continue;
		if (p->has_value != mail_params[i].value || *seen & 1u << i)
			return SMTP_R_SYNTAX;
		*seen |= 1u << i;
		return mail_params[i].act(p->value, ev);
	}
	return SMTP_R_PARAMETER;
}

/* All parameters are read before one is refused: a syntax error goes before one that is unknown. */
static enum smtp_reply_id
take_params(struct span s, bool mail, struct smtp_server_event *ev)
{
	enum smtp_reply_id worst = SMTP_R_OK;
	unsigned seen = 0;

	while (s.len) {
		struct param p;
		enum smtp_reply_id r;

		if (*s.p != ' ')
			return SMTP_R_SYNTAX;
		while (s.len && *s.p == ' ')
			span_shift(&s);
		if (!s.len)
			break;
		if (!take_param(&s, &p))
			return SMTP_R_SYNTAX;
		r = mail ? on_mail_param(&p, &seen, ev) : SMTP_R_PARAMETER;
		if (r == SMTP_R_SYNTAX)
			return r;
		if (worst == SMTP_R_OK)
			worst = r;
	}
	return worst;
}

/*
 * "FROM:" or "TO:", the path, parameters. Spaces behind the colon are taken: many senders have one.
 */
static enum smtp_reply_id
take_path(struct span arg, const char *word, bool mail, struct smtp_server_event *ev)
{
	static const enum smtp_reply_id of[] = {
		[SMTP_PATH_OK] = SMTP_R_OK,
		[SMTP_PATH_SYNTAX] = SMTP_R_ADDRESS_SYNTAX,
		[SMTP_PATH_TOO_LONG] = SMTP_R_ADDRESS,
	};
	size_t n = strlen(word);
	enum smtp_path_status st;

	if (arg.len < n || !span_ieq_z(span(arg.p, n), word))
		return SMTP_R_SYNTAX;
	arg = span_skip(arg, n);
	while (arg.len && *arg.p == ' ')
		span_shift(&arg);
	if (!arg.len)
		return SMTP_R_SYNTAX;
	st = smtp_path_parse(&arg, &ev->path);
	return st != SMTP_PATH_OK ? of[st] : take_params(arg, mail, ev);
}

enum smtp_reply_id
smtp_args_mail(struct span arg, struct smtp_server_event *ev)
{
	enum smtp_reply_id r;

	ev->size = 0;
	ev->eightbit = ev->smtputf8 = ev->prdr = false;
	r = take_path(arg, "FROM:", true, ev);
	if (r != SMTP_R_OK)
		return r;
	if (ev->path.is_postmaster)
		return SMTP_R_ADDRESS_SYNTAX;
	return ev->path.needs_smtputf8 && !ev->smtputf8 ? SMTP_R_ADDRESS_UTF8 : SMTP_R_OK;
}

enum smtp_reply_id
smtp_args_rcpt(struct span arg, struct smtp_server_event *ev)
{
	enum smtp_reply_id r = take_path(arg, "TO:", false, ev);

	if (r != SMTP_R_OK)
		return r;
	if (ev->path.is_null)
		return SMTP_R_ADDRESS_SYNTAX;
	/* `user%other@ours`: legal, but a server that trusts us may send it on to `other` */
	return ev->path.has_routing ? SMTP_R_ADDRESS : SMTP_R_OK;
}
