/* SPDX-License-Identifier: BSD-3-Clause
 * phone_find.c - runs of text that may be phone numbers, however their digits are written
 *
 * Why     Most text has no digit, and is passed 64 bytes at a glance. A run begins at a digit, '+', '(' or at a word for a digit that
 *         begins "ei" or "z" (toll-free numbers begin with eight, others with zero); then characters are read one by one.
 */
#include "engine/url/phone.h"
#include "engine/url/phone_run.h"
#include "base/block64.h"

#define OTHER '\x80' /* a character that ends a number and begins no word */

/* What the last characters were, when no run is under way. */
enum before {
	BEFORE_NOTHING, /* a number may begin */
	BEFORE_GLUE,    /* what comes belongs to something else */
	BEFORE_LETTER,
	BEFORE_E,    /* an e that begins a word */
	BEFORE_NAME, /* letters and a colon: "Tel:800-555-0100" */
};

static const char *const words[] = { "zero", "one",   "two",   "three", "four", "five",
	                             "six",  "seven", "eight", "nine",  "oh" };

void
phone_finder_begin(struct phone_finder *f, struct phone_set *s, uint32_t part)
{
	f->set = s;
	f->part = part;
	f->run_len = f->utf8_left = 0;
	f->before = BEFORE_NOTHING;
	f->is_cut = f->in_token = false;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_letter(char c)
{
	return ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z';
}

static bool
is_separator(char c)
{
	return c == ' ' || c == '-' || c == '.' || c == '(' || c == ')' || c == '/';
}

/* Signs that make digits something else (an amount, a part of a URL). */
static bool
is_glue(char c)
{
	return c == '_' || c == '@' || c == '=' || c == '&' || c == '%' || c == '#' || c == '$' ||
	       c == ',' || c == ':';
}

static bool
may_be_digit(char c)
{
	return is_digit(c) || c == 'o' || c == 'l' || c == 'i';
}

/* What a character beyond ASCII stands for in a number: 0 nothing, it is not shown. */
static char
plain_of(uint32_t cp)
{
	if (cp >= 0xff01 && cp <= 0xff5e) /* full-width */
		return (char)(cp - 0xff01 + '!');
	if (cp >= 0x1d7ce && cp <= 0x1d7ff) /* mathematical */
		return (char)('0' + (cp - 0x1d7ce) % 10);
	if ((cp >= 0x660 && cp <= 0x669) || (cp >= 0x6f0 && cp <= 0x6f9)) /* Arabic */
		return (char)('0' + (cp & 15));
	if ((cp >= 0x2010 && cp <= 0x2015) || cp == 0x2212)
		return '-';
	if (cp == 0xa0 || (cp >= 0x2000 && cp <= 0x200a) || cp == 0x202f || cp == 0x205f ||
	    cp == 0x3000)
		return ' ';
	if (cp == 0xb7 || cp == 0x2022 || cp == 0x2024 || cp == 0x2219 || cp == 0x22c5)
		return '.';
	if (cp == 0x41e || cp == 0x43e || cp == 0x39f || cp == 0x3bf) /* Cyrillic, Greek */
		return 'o';
	if (cp == 0x406 || cp == 0x456 || cp == 0x4cf || cp == 0x399)
		return 'l';
	if (cp == 0xad || (cp >= 0x200b && cp <= 0x200f) || cp == 0x2060 || cp == 0xfeff ||
	    (cp >= 0xfe00 && cp <= 0xfe0f) || cp == 0x20e3) /* the last: digits as keys */
		return 0;
	return OTHER;
}

static struct span
token(const struct phone_finder *f)
{
	return span(f->run + f->token_at, (size_t)(f->run_len - f->token_at));
}

static bool
all_digits(struct span t)
{
	for (size_t i = 0; i < t.len; i++)
		if (!is_digit(t.p[i]))
			return false;
	return true;
}

/* Digits and letters that look like some: "8OO". A letter alone is a word. */
static bool
is_look_alike(struct span t)
{
	for (size_t i = 0; i < t.len; i++)
		if (!may_be_digit(t.p[i]))
			return false;
	return true;
}

/* The digit that t, or what t may become, is the word for; -1. */
static int
word_digit(struct span t, bool is_whole)
{
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		size_t n = strlen(words[i]);

		if ((is_whole ? n == t.len : n >= t.len) && !memcmp(words[i], t.p, t.len))
			return (int)(i % 10);
	}
	return -1;
}

static void
end_run(struct phone_finder *f)
{
	struct span s = span(f->run, f->run_len);

	f->run_len = 0;
	f->in_token = false;
	if (!f->is_cut && s.len >= 7)
		phone_judge(f->set, s, f->part);
}

/* The token is none of ours. A word: the number was over before it; digits glued to one spoil the number. */
static void
bad_token(struct phone_finder *f)
{
	bool is_word = f->token_at < f->run_len && is_letter(f->run[f->token_at]);

	f->run_len = is_word ? f->token_at : 0;
	end_run(f);
	f->before = is_word ? BEFORE_LETTER : BEFORE_GLUE;
}

/* The token is complete: its letters become the digits they stand for. False: it was none, and the run is over. */
static bool
end_token(struct phone_finder *f)
{
	struct span t = token(f);
	int d;
	bool after_word =
	        f->token_at > 1 && f->run[f->token_at - 2] >= PHONE_WORD &&
	        f->run[f->token_at - 2] < PHONE_WORD + 10; /* "eight o o": there o is a word */

	f->in_token = false;
	if (all_digits(t))
		return true;
	d = span_is(t, "o") && after_word ? 0 : word_digit(t, true);
	if (d >= 0) {
		f->run[f->token_at] = (char)(PHONE_WORD + d);
		f->run_len = (uint8_t)(f->token_at + 1);
		return true;
	}
	if (t.len < 2 || f->is_cut || !is_look_alike(t)) {
		bad_token(f);
		return false;
	}
	for (unsigned i = f->token_at; i < f->run_len; i++)
		if (!is_digit(f->run[i]))
			f->run[i] = f->run[i] == 'o' ? PHONE_ZERO : PHONE_ONE;
	return true;
}

static void
token_char(struct phone_finder *f, char c)
{
	struct span t;

	if (!f->in_token) {
		f->in_token = true;
		f->token_at = f->run_len;
	}
	if (f->run_len == PHONE_RUN_MAX)
		f->is_cut = true;
	else
		f->run[f->run_len++] = ascii_lower(c);
	if (is_digit(c))
		return;
	t = token(f);
	if (t.len == 0 || (!is_look_alike(t) && (is_digit(t.p[0]) || word_digit(t, false) < 0)))
		bad_token(f);
}

/* No run is under way. */
static void
begin(struct phone_finder *f, char c)
{
	bool begins = is_digit(c) || c == '+' || c == '(';
	bool is_free = f->before == BEFORE_NOTHING || f->before == BEFORE_NAME;
	char l = ascii_lower(c);

	if ((begins || l == 'z') && is_free) {
		f->run[f->run_len++] = l;
		f->in_token = is_digit(c) || l == 'z';
		f->token_at = 0;
		f->is_cut = false;
		f->is_named = f->before == BEFORE_NAME;
	} else if (f->before == BEFORE_E && l == 'i') {
		memcpy(f->run, "ei", 2);
		f->run_len = 2;
		f->in_token = true;
		f->token_at = 0;
		f->is_cut = f->is_named = false;
	} else if (is_letter(c)) {
		f->before = l == 'e' && f->before == BEFORE_NOTHING ? BEFORE_E : BEFORE_LETTER;
	} else if (c == ':' && (f->before == BEFORE_LETTER || f->before == BEFORE_E)) {
		f->before = BEFORE_NAME;
	} else if (is_glue(c) || c == '/' || begins) {
		f->before = BEFORE_GLUE;
	} else {
		f->before = BEFORE_NOTHING;
	}
}

static void
put_char(struct phone_finder *f, char c)
{
	char last;

	if (f->run_len == 0) {
		begin(f, c);
		return;
	}
	if (is_digit(c) || is_letter(c)) {
		token_char(f, c);
		return;
	}
	if (f->in_token && !end_token(f)) {
		begin(f, c);
		return;
	}
	last = f->run[f->run_len - 1];
	if (is_separator(c) && !(c == '/' && f->is_named)) { /* "host:8080/1/2" is no number */
		if (c == ' ' && last == ' ')
			return; /* several blanks are one */
		if (f->run_len == PHONE_RUN_MAX)
			f->is_cut = true;
		else
			f->run[f->run_len++] = c;
		return;
	}
	/* a sign glued to the last digit spoils it */
	if (((is_glue(c) && c != ',' && c != ':') || c == '/') && !is_separator(last))
		f->run_len = 0;
	end_run(f);
	f->before = is_glue(c) || c == '/' ? BEFORE_GLUE : BEFORE_NOTHING;
}

static void
put_byte(struct phone_finder *f, char c)
{
	unsigned char b = (unsigned char)c;

	if (f->utf8_left > 0) {
		if ((b & 0xc0) == 0x80) {
			f->cp = f->cp << 6 | (b & 0x3fu);
			if (--f->utf8_left == 0 && plain_of(f->cp) != 0)
				put_char(f, plain_of(f->cp));
			return;
		}
		f->utf8_left = 0;
		put_char(f, OTHER);
	}
	if (b < 0x80) {
		put_char(f, c);
		return;
	}
	if (b < 0xc2 || b > 0xf4 || (f->run_len == 0 && b != 0xef && b != 0xf0)) {
		put_char(f, OTHER);
		return;
	}
	f->utf8_left = b >= 0xf0 ? 3 : b >= 0xe0 ? 2 : 1;
	f->cp = b & (0x3fu >> f->utf8_left);
}

/* Bytes before the next one that may begin a number: 0xef and 0xf0 begin characters that are digits elsewhere. */
static size_t
until_number(struct span s)
{
	size_t i = 0;

	while (i < s.len) {
		bool is_part = s.len - i < BLOCK64;
		struct block64 b =
		        is_part ? block64_load_part(s.p + i, s.len - i) : block64_load(s.p + i);
		uint64_t e = block64_is(b, 'e') | block64_is(b, 'E'),
		         after_e = (block64_is(b, 'i') | block64_is(b, 'I')) >> 1 | 1ull << 63;
		uint64_t begins_run = block64_range(b, '0', '9') | block64_is(b, '+') |
		                      block64_is(b, '(') | block64_is(b, 'z') | block64_is(b, 'Z') |
		                      block64_is(b, 0xef) | block64_is(b, 0xf0) | (e & after_e);

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
		bool is_open = f->run_len > 0 || f->utf8_left > 0 || f->before == BEFORE_E;
		size_t n = is_open ? 0 : until_number(s);

		if (n > 0) { /* of bytes that begin nothing the last two alone decide */
			if (n > 1)
				put_byte(f, s.p[n - 2]);
			put_byte(f, s.p[n - 1]);
			s = span_skip(s, n);
			continue;
		}
		/* a run, or digits glued to a word: as long as they last */
		do
			put_byte(f, span_shift(&s));
		while (s.len > 0 && (f->run_len > 0 || f->utf8_left > 0 || f->before == BEFORE_E ||
		                     is_digit(s.p[0])));
	}
}

void
phone_finder_end(struct phone_finder *f)
{
	if (f->utf8_left > 0)
		put_char(f, OTHER);
	f->utf8_left = 0;
	if (f->run_len > 0 && (!f->in_token || end_token(f)))
		end_run(f);
	f->before = BEFORE_NOTHING;
}
