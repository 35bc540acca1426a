/* SPDX-License-Identifier: BSD-3-Clause
 * phone.c - the numbers of a mail: from links, and from runs of digits and signs
 */
#include "engine/url/phone.h"
#include "engine/url/phone_run.h"
#include "engine/url/url_host.h"

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

/* What stands behind z in href; false without z. */
static bool
after(struct span href, const char *z, struct span *rest)
{
	const char *at = memmem(href.p, MIN(href.len, (size_t)256), z, strlen(z));

	if (!at)
		return false;
	*rest = span_skip(href, (size_t)(at - href.p) + strlen(z));
	return true;
}

/* The part of href that is a number. */
static bool
link_number(struct span href, struct span *number)
{
	static const char *const schemes[] = { "tel:", "callto:", "sms:", "smsto:" };
	bool is_web = begins(href, "https:") || begins(href, "http:");

	for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
		if (begins(href, schemes[i])) {
			*number = span_skip(href, strlen(schemes[i]));
			return true;
		}
	if (begins(href, "whatsapp:") || (is_web && after(href, "://api.whatsapp.com/", number)))
		return after(href, "phone=", number);
	return is_web && after(href, "://wa.me/", number);
}

void
phone_add_link(struct phone_set *s, struct span href, uint32_t part)
{
	char digits[PHONE_DIGITS_MAX + 1];
	bool has_plus = false;
	size_t n = 0;

	if (!link_number(href, &href))
		return;
	for (size_t i = 0; i < href.len && n <= PHONE_DIGITS_MAX; i++) {
		int code = url_percent(href, i);
		char c = code >= 0 ? (char)code : href.p[i];

		i += code >= 0 ? 2 : 0;
		if (c == '+')
			has_plus |= n == 0;
		else if (is_digit(c))
			digits[n++] = c;
		else if (c == 0 || !strchr("-.() /", c))
			break;
	}
	add(s, digits, n, has_plus, true, part);
}

struct shape {
	char digits[PHONE_RUN_MAX];
	unsigned digit_cnt, group_cnt, group[PHONE_RUN_MAX];
	unsigned letter_cnt, word_cnt; /* of the digits: written as a letter, as a word */
	bool has_plus, has_bracket;
	char first_sep;
	bool is_uniform; /* one kind of separator */
};

/* c as a digit; 0 when it is a sign. */
static char
digit_of(struct shape *sh, char c)
{
	if (is_digit(c))
		return c;
	if (c >= PHONE_WORD && c < PHONE_WORD + 10) {
		sh->word_cnt++;
		return (char)('0' + (c - PHONE_WORD));
	}
	if (c != PHONE_ZERO && c != PHONE_ONE)
		return 0;
	sh->letter_cnt++;
	return c == PHONE_ZERO ? '0' : '1';
}

static void
read_shape(struct span s, struct shape *sh)
{
	bool in_group = false;

	memset(sh, 0, sizeof(*sh));
	sh->is_uniform = true;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i], d = digit_of(sh, c);

		if (d) {
			if (!in_group)
				sh->group_cnt++;
			in_group = true;
			sh->digits[sh->digit_cnt++] = d;
			sh->group[sh->group_cnt - 1]++;
			continue;
		}
		in_group = false;
		sh->has_plus |= c == '+' && sh->digit_cnt == 0;
		if (c == '(' && sh->has_plus && sh->digit_cnt > 0 && s.len - i > 2 &&
		    s.p[i + 1] == '0' && s.p[i + 2] == ')') {
			i += 2; /* "+44 (0)20": the zero is not dialled from abroad */
			continue;
		}
		sh->has_bracket |= c == '(';
		if (sh->digit_cnt > 0 && !sh->first_sep)
			sh->first_sep = c;
		else if (sh->digit_cnt > 0 && c != sh->first_sep)
			sh->is_uniform = false;
	}
}

/* North American: area code and exchange begin with 2 to 9. */
static bool
is_north_american(const struct shape *s)
{
	unsigned n = s->digit_cnt, skip = s->digits[0] == '1' && n == 11;

	return (n == 10 || skip) && s->digits[skip] >= '2' && s->digits[skip + 3] >= '2';
}

/* Is it written like a phone number (see phone.h, Taken)? */
static bool
is_phone(const struct shape *s)
{
	unsigned n = s->digit_cnt;

	if (n < 7 || n > PHONE_DIGITS_MAX)
		return false;
	if (s->has_plus)
		return true;
	if (s->group_cnt == 1)
		return is_north_american(s);
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

/* One, two, three … up or down: somebody counts. */
static bool
is_counting(const struct shape *s)
{
	unsigned up = 0, down = 0;

	for (unsigned i = 1; i < s->digit_cnt; i++) {
		up += s->digits[i] == s->digits[i - 1] + 1;
		down += s->digits[i] == s->digits[i - 1] - 1;
	}
	return up + 3 > s->digit_cnt || down + 3 > s->digit_cnt;
}

/* With letters or words for digits: the whole number of a country, and enough that is certain. */
static bool
is_disguised_phone(const struct shape *s)
{
	unsigned n = s->digit_cnt;

	if (n < 10 || n > PHONE_DIGITS_MAX || is_counting(s))
		return false;
	if (s->word_cnt > 0 && s->word_cnt < 3)
		return false;
	if (s->letter_cnt > 0 && n - s->letter_cnt < 5)
		return false;
	return s->has_plus || is_north_american(s) ||
	       (s->digits[0] == '0' && s->group_cnt > 1 && n <= 12);
}

/* "0044 20 …" is "+44 20 …". */
static void
add_shape(struct phone_set *set, const struct shape *s, uint32_t part)
{
	bool is_abroad = !s->has_plus && s->group_cnt > 1 && s->digit_cnt >= 11 &&
	                 s->digits[0] == '0' && s->digits[1] == '0' && s->digits[2] != '0';
	unsigned skip = is_abroad ? 2 : 0;

	add(set, s->digits + skip, s->digit_cnt - skip, s->has_plus || is_abroad, false, part);
}

static bool
is_mark(char c)
{
	return c == PHONE_ZERO || c == PHONE_ONE || (c >= PHONE_WORD && c < PHONE_WORD + 10);
}

void
phone_judge(struct phone_set *set, struct span run, uint32_t part)
{
	struct shape sh;
	size_t from = 0, to;

	read_shape(run, &sh);
	if (sh.letter_cnt + sh.word_cnt == 0 ? is_phone(&sh) : is_disguised_phone(&sh)) {
		add_shape(set, &sh, part);
		return;
	}
	if (sh.letter_cnt + sh.word_cnt == 0)
		return;
	for (; from < run.len; from = to) { /* what stands between letters, not touched by any */
		while (from < run.len && is_mark(run.p[from]))
			from++;
		to = from;
		while (to < run.len && !is_mark(run.p[to]))
			to++;
		if (to - from < 7 || (from > 0 && is_digit(run.p[from])) ||
		    (to < run.len && is_digit(run.p[to - 1])))
			continue;
		read_shape(span(run.p + from, to - from), &sh);
		if (is_phone(&sh))
			add_shape(set, &sh, part);
	}
}
