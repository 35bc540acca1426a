/* SPDX-License-Identifier: BSD-3-Clause
 * words.c - folded text to words and pairs of neighbours
 */
#include "engine/model/words.h"
#include "base/block64.h"

enum class {
	C_LETTER = 1u << 0,
	C_DIGIT = 1u << 1,
	C_HIGH = 1u << 2, /* of a character that is not ASCII */
	C_SIGN = 1u << 3, /* a word by itself */
	C_DOT = 1u << 4,
	C_AT = 1u << 5,
	C_COLON = 1u << 6,
	C_LINE = 1u << 7, /* what lines across a page are made of */
	C_OTHER = 1u << 8,
};
#define C_WORD (C_LETTER | C_DIGIT | C_HIGH)

/* clang-format off */
static const uint16_t class_of[256] = {
	[0 ... 0x20] = C_OTHER, ['"' ... '#'] = C_OTHER, ['&' ... ')'] = C_OTHER, ['+' ... ','] = C_OTHER,
	['/'] = C_OTHER, [';' ... '<'] = C_OTHER, ['>' ... '?'] = C_OTHER, ['[' ... '^'] = C_OTHER, ['`'] = C_OTHER,
	['{' ... 0x7f] = C_OTHER,
	['a' ... 'z'] = C_LETTER, ['A' ... 'Z'] = C_LETTER, ['0' ... '9'] = C_DIGIT, [0x80 ... 0xff] = C_HIGH,
	['!'] = C_SIGN, ['$'] = C_SIGN, ['%'] = C_SIGN,
	['.'] = C_DOT, ['@'] = C_AT, [':'] = C_COLON, ['_'] = C_LINE, ['-'] = C_LINE, ['='] = C_LINE, ['*'] = C_LINE,
};
/* clang-format on */

#define IN_SUBJECT 0x5bf03635f0935bd1ull
#define IN_HEAD    0xa24baed4963ee407ull
#define LINE_MIN   20 /* bytes of a line across the page */

/* In the chain of neighbours, what stands for words that are none. */
#define BEFORE_ADDRESS 1
#define BEFORE_URL     2
#define BEFORE_LONG    3

void
model_words_reset(struct model_words *w, struct model_vector *v)
{
	w->v = v;
	w->before = 0;
	w->before_text = span("", 0);
	w->in_subject = w->is_long = false;
	w->own_cnt = 0;
	w->mutes_left = MODEL_MUTES_MAX;
	w->muted_left = 0;
	w->head_left = MODEL_HEAD_WORDS;
	w->subject_len = 0;
	w->carry_len = 0;
}

static bool
is_own(const struct model_words *w, uint64_t hash)
{
	for (unsigned i = 0; i < w->own_cnt; i++)
		if (w->own[i] == hash)
			return true;
	return false;
}

/* For tools: the text that the next pair begins with. */
static void
keep_before(struct model_words *w, struct span text)
{
	w->before_text = span(w->before_buf, text.len);
	memcpy(w->before_buf, text.p, text.len);
}

static void
add_both(struct model_words *w, enum model_group g, uint64_t word, uint64_t pair, const char *kind,
         struct span text)
{
	model_vector_add_named(w->v, g, word, kind, text, span("", 0));
	if (w->has_pair)
		model_vector_add_named(w->v, g, pair, kind, w->before_text, text);
}

static void
add_word(struct model_words *w, uint64_t h, struct span text)
{
	uint64_t pair = model_mix(w->before ^ 0x8ebc6af09c88c6e3ull, h);

	w->has_pair = w->before != 0;
	if (unlikely(w->own_cnt > 0 && is_own(w, h))) {
		w->before = BEFORE_ADDRESS;
		w->before_text = span("", 0);
		return;
	}
	w->before = h;
	if (w->muted_left > 0) {
		w->muted_left--;
		w->before = 0;
		return;
	}
	if (w->in_subject) {
		add_both(w, MODEL_SUBJECT, h * IN_SUBJECT, pair * IN_SUBJECT, "subject", text);
	} else if (w->head_left > 0) {
		w->head_left--;
		add_both(w, MODEL_HEAD, h * IN_HEAD, pair * IN_HEAD, "first words", text);
	}
	add_both(w, w->in_subject ? MODEL_SUBJECT : MODEL_BODY, h, pair, "text", text);
	if (unlikely(w->v->on_new != NULL))
		keep_before(w, text);
}

static void
add_sign(struct model_words *w, uint64_t before)
{
	w->before = before;
	w->before_text = span("", 0);
}

/* Length of the UTF-8 character at p[0 .. n), as its first byte says. */
static size_t
char_len(const char *p, size_t n)
{
	unsigned char c = (unsigned char)*p;

	return MIN(n, (size_t)(c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4));
}

/* Scripts that put no blank between words: each two characters are a word. */
static void
add_characters(struct model_words *w, struct span s)
{
	size_t a = char_len(s.p, s.len);

	while (a < s.len) {
		size_t b = char_len(s.p + a, s.len - a);

		w->before = 0;
		add_word(w, model_hash(span(s.p, a + b)), span(s.p, a + b));
		s = span_skip(s, a);
		a = b;
	}
	w->before = 0;
}

static bool
has_ideographs(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] >= 0xe3 && (unsigned char)s.p[i] < 0xee)
			return true;
	return false;
}

static void
word(struct model_words *w, struct span s, unsigned classes)
{
	char digits[MODEL_WORD_MAX];

	if (classes & C_HIGH && has_ideographs(s)) {
		add_characters(w, s);
		return;
	}
	if (s.len > MODEL_WORD_MAX) {
		model_vector_add_named(w->v, MODEL_SHAPE, model_hash_pair(BEFORE_LONG, 0),
		                       "long word", span("", 0), span("", 0));
		add_sign(w, BEFORE_LONG);
		return;
	}
	if (classes & C_DIGIT) {
		for (size_t i = 0; i < s.len; i++)
			digits[i] = s.p[i] >= '0' && s.p[i] <= '9' ? '0' : s.p[i];
		s.p = digits;
	}
	add_word(w, model_hash(s), s);
}

/* Two letters, or one of the suffixes that people write without a scheme. */
static bool
is_suffix(struct span s)
{
	static const char *const words[] = { "com", "net",  "org", "info", "biz", "edu",
		                             "gov", "mil",  "int", "name", "pro", "xyz",
		                             "top", "site", "dev", "app",  "shop" };

	if (s.len == 2)
		return class_of[(unsigned char)s.p[0]] & class_of[(unsigned char)s.p[1]] & C_LETTER;
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (span_is(s, words[i]))
			return true;
	return false;
}

/* "http://…", "www.x.example", "x.example.com/y", "192.0.2.1:25": no words in it. */
static bool
is_host(struct span s)
{
	struct span label = span(s.p, 0);
	bool has_dot = false, has_letter = false;

	if (s.len > 3 && memmem(s.p, s.len, "://", 3))
		return true;
	if (s.len > 4 && memmem(s.p, s.len, "www.", 4))
		return true;
	while (s.len > 0 && !(class_of[(unsigned char)s.p[0]] & C_WORD))
		s = span_skip(s, 1);
	label.p = s.p;
	for (size_t i = 0; i < s.len; i++) {
		unsigned c = class_of[(unsigned char)s.p[i]];

		if (c & C_DOT && i + 1 < s.len && class_of[(unsigned char)s.p[i + 1]] & C_WORD) {
			has_dot = true;
			label = span(s.p + i + 1, 0);
		} else if (c & C_WORD || s.p[i] == '-') {
			has_letter |= !(c & C_DIGIT);
			label.len++;
		} else {
			break;
		}
	}
	return has_dot && has_letter && is_suffix(label);
}

static void
split(struct model_words *w, struct span s)
{
	while (s.len > 0) {
		unsigned classes = class_of[(unsigned char)s.p[0]];
		size_t n = 1;

		if (!(classes & (C_WORD | C_SIGN))) {
			s = span_skip(s, 1);
			continue;
		}
		while (classes & C_WORD && n < s.len && class_of[(unsigned char)s.p[n]] & C_WORD)
			classes |= class_of[(unsigned char)s.p[n++]];
		word(w, span(s.p, n), classes);
		s = span_skip(s, n);
	}
}

/* A run of non-blanks with what its characters are, or-ed. */
static void
chunk(struct model_words *w, struct span s, unsigned classes)
{
	if (likely(classes == C_LETTER)) {
		word(w, s, classes);
	} else if (classes & C_AT) {
		add_sign(w, BEFORE_ADDRESS);
	} else if (classes == C_LINE && s.len >= LINE_MIN) {
		w->before = 0;
		if (w->mutes_left > 0 && !w->in_subject) {
			w->mutes_left--;
			w->muted_left = MODEL_MUTED_WORDS;
		}
	} else if (classes & (C_DOT | C_COLON) && is_host(s)) {
		add_sign(w, BEFORE_URL);
	} else {
		split(w, s);
	}
}

static void
carry_end(struct model_words *w)
{
	unsigned classes = 0;

	for (uint32_t i = 0; i < w->carry_len; i++)
		classes |= class_of[(unsigned char)w->carry[i]];
	if (w->is_long) {
		if (classes == C_LINE)
			chunk(w, span(w->carry, w->carry_len), classes);
		else
			add_sign(w, BEFORE_LONG);
	} else if (w->carry_len > 0) {
		chunk(w, span(w->carry, w->carry_len), classes);
	}
	w->carry_len = 0;
	w->is_long = false;
}

static void
carry_add(struct model_words *w, struct span s)
{
	size_t n = MIN(s.len, sizeof(w->carry) - w->carry_len);

	memcpy(w->carry + w->carry_len, s.p, n);
	w->carry_len += (uint32_t)n;
	w->is_long |= n < s.len;
}

/* Up to the next blank or line end: how many bytes, and what they are, or-ed. Most runs are letters in one block. */
static size_t
chunk_end(struct span s, unsigned *classes)
{
	size_t n = 0, len;

	*classes = 0;
	do {
		bool is_part = s.len - n < BLOCK64;
		struct block64 b =
		        is_part ? block64_load_part(s.p + n, s.len - n) : block64_load(s.p + n);
		unsigned room = is_part ? (unsigned)(s.len - n) : BLOCK64;
		uint64_t letters = block64_range(b, 'a', 'z') | block64_range(b, 'A', 'Z');

		len = MIN(clear_run(block64_is(b, ' ') | block64_is(b, '\n')), room);
		if (likely((~letters & low_bits((unsigned)len)) == 0))
			*classes |= len > 0 ? C_LETTER : 0;
		else
			for (size_t i = 0; i < len; i++)
				*classes |= class_of[(unsigned char)s.p[n + i]];
		n += len;
	} while (len == BLOCK64 && n < s.len);
	return n;
}

static void
text_end(struct model_words *w)
{
	w->before = 0;
	w->muted_left = 0;
}

static void
read_text(struct model_words *w, struct span s)
{
	while (s.len > 0) {
		unsigned classes;
		size_t n = chunk_end(s, &classes);

		if (n == s.len) { /* it may go on */
			carry_add(w, s);
			return;
		}
		if (w->carry_len > 0 || n > MODEL_CHUNK_MAX) {
			carry_add(w, span(s.p, n));
			carry_end(w);
		} else if (n > 0) {
			chunk(w, span(s.p, n), classes);
		}
		if (s.p[n] == '\n')
			text_end(w);
		s = span_skip(s, n + 1);
	}
}

void
model_words_own(struct model_words *w, struct span local)
{
	char lower[MODEL_WORD_MAX];
	size_t n = 0;

	for (size_t i = 0; i <= local.len && w->own_cnt < MODEL_OWN_MAX; i++) {
		unsigned c = i < local.len ? class_of[(unsigned char)local.p[i]] : 0;

		if (c & C_WORD && n < sizeof(lower)) {
			lower[n++] = c & C_DIGIT ? '0' : ascii_lower(local.p[i]);
			continue;
		}
		if (n > 2)
			w->own[w->own_cnt++] = model_hash(span(lower, n));
		n = 0;
	}
}

void
model_words_subject(struct model_words *w, struct span folded)
{
	size_t n = MIN(folded.len, sizeof(w->subject) - w->subject_len);

	memcpy(w->subject + w->subject_len, folded.p, n);
	w->subject_len = (uint16_t)(w->subject_len + n);
}

/* "re: [list] fwd: " go: what is in square brackets at the beginning is a list's. */
static struct span
without_tags(struct span s)
{
	static const char *const answers[] = { "re: ", "fwd: ", "fw: ", "aw: ", "re:" };

	for (;;) {
		size_t n = 0;

		for (size_t i = 0; i < ARRAY_LEN(answers) && n == 0; i++)
			if (s.len >= strlen(answers[i]) &&
			    !memcmp(s.p, answers[i], strlen(answers[i])))
				n = strlen(answers[i]);
		if (n == 0 && s.len > 0 && s.p[0] == '[') {
			const char *end = memchr(s.p, ']', MIN(s.len, (size_t)32));

			n = end ? (size_t)(end - s.p) + 1 : 0;
		}
		if (n == 0 && s.len > 0 && s.p[0] == ' ')
			n = 1;
		if (n == 0)
			return s;
		s = span_skip(s, n);
	}
}

static void
read_subject(struct model_words *w)
{
	struct span s = without_tags(span(w->subject, w->subject_len));

	w->subject_len = 0;
	w->in_subject = true;
	read_text(w, s);
	carry_end(w);
	text_end(w);
	w->in_subject = false;
}

void
model_words_feed(struct model_words *w, struct span folded)
{
	if (w->subject_len > 0)
		read_subject(w);
	read_text(w, folded);
}

void
model_words_end(struct model_words *w)
{
	if (w->subject_len > 0)
		read_subject(w);
	carry_end(w);
	text_end(w);
}
