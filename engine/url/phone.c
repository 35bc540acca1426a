/* SPDX-License-Identifier: BSD-3-Clause
 * phone.c - runs of digits and separators that are phone numbers
 */
#include "engine/url/phone.h"
#include "base/block64.h"

void
phone_set_reset(struct phone_set *s)
{
	s->cnt = s->overflow_cnt = 0;
}

static void
add(struct phone_set *s, const char *digits, size_t len, bool has_plus, bool from_link,
    uint32_t part)
{
	struct phone *p;

	if (len < 7 || len > PHONE_DIGITS_MAX)
		return;
	for (unsigned i = 0; i < s->cnt; i++)
		if (s->phone[i].len == len && !memcmp(s->phone[i].digits, digits, len)) {
			s->phone[i].has_plus |= has_plus;
			s->phone[i].from_link |= from_link;
			return;
		}
	if (s->cnt == PHONES_PER_MAIL_MAX) {
		s->overflow_cnt++;
		return;
	}
	p = &s->phone[s->cnt++];
	memcpy(p->digits, digits, len);
	p->digits[len] = 0;
	p->len = (uint8_t)len;
	p->has_plus = has_plus;
	p->from_link = from_link;
	p->part = part;
}

static bool
begins(struct span s, const char *z)
{
	size_t n = strlen(z);

	return s.len >= n && span_ieq(span(s.p, n), span(z, n));
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

void
phone_add_link(struct phone_set *s, struct span href, uint32_t part)
{
	static const char *const schemes[] = { "tel:", "callto:", "sms:" };
	char digits[PHONE_DIGITS_MAX + 1];
	bool has_plus = false, is_ours = false;
	const char *at;
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(schemes) && !is_ours; i++)
		if (begins(href, schemes[i])) {
			href = span_skip(href, strlen(schemes[i]));
			is_ours = true;
		}
	at = !is_ours && begins(href, "whatsapp:") ? memmem(href.p, href.len, "phone=", 6) : NULL;
	if (at)
		href = span_skip(href, (size_t)(at - href.p) + 6);
	else if (!is_ours)
		return;
	for (size_t i = 0; i < href.len && n <= PHONE_DIGITS_MAX; i++) {
		if (href.p[i] == '%' && href.len - i > 2) { /* %20, %2B, %28 … */
			has_plus |= n == 0 && href.p[i + 1] == '2' && (href.p[i + 2] | 32) == 'b';
			i += 2;
		} else if (href.p[i] == '+') {
			has_plus |= n == 0;
		} else if (is_digit(href.p[i])) {
			digits[n++] = href.p[i];
		} else if (!strchr("-.() /", href.p[i])) {
			break;
		}
	}
	add(s, digits, n, has_plus, true, part);
}

struct shape {
	char digits[PHONE_RUN_MAX];
	unsigned digit_cnt, group_cnt, group[PHONE_RUN_MAX];
	bool has_plus, has_bracket;
	char first_sep;
	bool is_uniform; /* one kind of separator */
};

static void
read_shape(struct span s, struct shape *sh)
{
	bool in_group = false;

	memset(sh, 0, sizeof(*sh));
	sh->is_uniform = true;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];

		if (is_digit(c)) {
			if (!in_group)
				sh->group_cnt++;
			in_group = true;
			sh->digits[sh->digit_cnt++] = c;
			sh->group[sh->group_cnt - 1]++;
			continue;
		}
		in_group = false;
		sh->has_plus |= c == '+' && sh->digit_cnt == 0;
		sh->has_bracket |= c == '(';
		if (sh->digit_cnt > 0 && !sh->first_sep)
			sh->first_sep = c;
		else if (sh->digit_cnt > 0 && c != sh->first_sep)
			sh->is_uniform = false;
	}
}

/* Is it written like a phone number (see phone.h, Taken)? */
static bool
is_phone(const struct shape *s)
{
	unsigned n = s->digit_cnt, skip = s->digits[0] == '1' && n == 11;

	if (n < 7 || n > PHONE_DIGITS_MAX)
		return false;
	if (s->has_plus)
		return true;
	if (s->group_cnt == 1)
		return (n == 10 || skip) && s->digits[skip] >= '2' && s->digits[skip + 3] >= '2';
	for (unsigned i = 0; i < s->group_cnt;
	     i++) /* a card number or a list of figures has none this long or short */
		if (s->group[i] > 8)
			return false;
	if (s->group_cnt == 4 && s->first_sep == '.' && s->is_uniform && n <= 12 && s->group[0] > 1)
		return false; /* an IPv4 address; "1.800.555.0100" is not */
	if (s->group[0] == 4 && (s->digits[0] == '1' || s->digits[0] == '2') && s->group[1] <= 2)
		return false; /* a date */
	if (s->group_cnt == 4 && s->group[0] == 4 && s->group[1] == 4 && s->group[2] == 4)
		return false; /* a card */
	return n >= 10 || (s->has_bracket && n >= 9);
}

static void
end_run(struct phone_finder *f, bool glued)
{
	struct span s = span(f->run, f->run_len);
	struct shape sh;

	f->run_len = 0;
	if (glued || f->is_cut || s.len < 7)
		return;
	read_shape(s, &sh);
	if (is_phone(&sh))
		add(f->set, sh.digits, sh.digit_cnt, sh.has_plus, false, f->part);
}

void
phone_finder_begin(struct phone_finder *f, struct phone_set *s, uint32_t part)
{
	f->set = s;
	f->part = part;
	f->run_len = f->utf8_left = 0;
	f->in_word = f->is_cut = false;
}

static bool
is_separator(char c)
{
	return c == ' ' || c == '-' || c == '.' || c == '(' || c == ')' || c == '/' ||
	       c == '\xa0' || c == '\xc2';
}

/* Letters, and signs that make digits something else (an amount, a part of a URL). */
static bool
is_glue(char c)
{
	return (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || c == '_' || c == '@' ||
	       c == '=' || c == '&' || c == '%' || c == '#' || c == '$' || c == ',' || c == ':';
}

static void
run_byte(struct phone_finder *f, char c)
{
	if (f->run_len == 0) {
		bool begins_run = is_digit(c) || c == '+' || c == '(';

		if (begins_run && !f->in_word) {
			f->run[f->run_len++] = c;
			f->is_cut = false;
		} else {
			f->in_word = is_glue(c) || c == '/' || (f->in_word && begins_run);
		}
		return;
	}
	if (is_digit(c) || is_separator(c)) {
		char last = f->run[f->run_len - 1];

		if ((c == ' ' || c == '\xa0' || c == '\xc2') && last == ' ')
			return; /* several blanks, NBSP too, are one */
		if (f->run_len == PHONE_RUN_MAX)
			f->is_cut = true;
		else
			f->run[f->run_len++] = c == '\xa0' || c == '\xc2' ? ' ' : c;
		return;
	}
	/* a letter glued to the last digit spoils it; after a blank it is the next word */
	end_run(f, is_glue(c) && c != ',' && c != ':' && is_digit(f->run[f->run_len - 1]));
	f->in_word = is_glue(c);
}

/* Bytes before the next one that may begin a number. */
static size_t
until_number(struct span s)
{
	size_t i = 0;

	while (i < s.len) {
		bool is_part = s.len - i < BLOCK64;
		struct block64 b =
		        is_part ? block64_load_part(s.p + i, s.len - i) : block64_load(s.p + i);
		uint64_t begins_run =
		        block64_range(b, '0', '9') | block64_is(b, '+') | block64_is(b, '(');

		if (begins_run)
			return i + clear_run(begins_run);
		i += is_part ? s.len - i : BLOCK64;
	}
	return s.len;
}

void
phone_finder_feed(struct phone_finder *f, struct span s)
{
	while (s.len > 0) {
		size_t n = f->run_len == 0 ? until_number(s) : 0;

		if (n > 0) { /* of bytes that begin nothing the last one alone decides */
			run_byte(f, s.p[n - 1]);
			s = span_skip(s, n);
			continue;
		}
		/* a run, or digits glued to a word: as long as they last */
		do
			run_byte(f, span_shift(&s));
		while (s.len > 0 && (f->run_len > 0 || is_digit(s.p[0])));
	}
}

void
phone_finder_end(struct phone_finder *f)
{
	if (f->run_len > 0)
		end_run(f, false);
	f->in_word = false;
}
