/* SPDX-License-Identifier: BSD-3-Clause
 * words.c - folded text to words and pairs of neighbours
 */
#include "engine/model/words.h"
#include "engine/model/words_class.h"
#include "base/block64.h"
#ifdef __SSE2__
#include <emmintrin.h>
#endif

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
	w->own_mask = 0;
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

/* The word and its pair with the one before, in one or two spaces of hashes. */
static void
add_named(struct model_words *w, enum model_group g, uint64_t word, uint64_t pair, const char *kind,
          struct span text)
{
	model_vector_add_named(w->v, g, word, kind, text, span("", 0));
	if (w->has_pair)
		model_vector_add_named(w->v, g, pair, kind, w->before_text, text);
}

static inline void
put_both(struct model_words *w, enum model_group g, uint64_t word, uint64_t pair)
{
	model_vector_put(w->v, g, word);
	if (w->has_pair)
		model_vector_put(w->v, g, pair);
}

/* A word is at most four features. */
static inline void
add_features(struct model_words *w, uint64_t h, uint64_t pair, struct span text)
{
	enum model_group plain = w->in_subject ? MODEL_SUBJECT : MODEL_BODY;
	enum model_group marked = w->in_subject ? MODEL_SUBJECT : MODEL_HEAD;
	uint64_t mark = w->in_subject ? IN_SUBJECT : w->head_left > 0 ? IN_HEAD : 0;

	w->head_left = (uint8_t)(w->head_left - (mark == IN_HEAD));
	if (unlikely(w->v->cnt + 4 > MODEL_WORDS_MAX)) {
		w->v->is_full = true;
		return;
	}
	if (likely(!w->v->on_new)) {
		if (mark)
			put_both(w, marked, h * mark, pair * mark);
		put_both(w, plain, h, pair);
		return;
	}
	if (mark)
		add_named(w, marked, h * mark, pair * mark,
		          w->in_subject ? "subject" : "first words", text);
	add_named(w, plain, h, pair, "text", text);
	keep_before(w, text);
}

static inline void
add_word(struct model_words *w, uint64_t h, struct span text)
{
	uint64_t pair = model_mix(w->before ^ 0x8ebc6af09c88c6e3ull, h);

	w->has_pair = w->before != 0;
	if (unlikely(w->own_mask >> (h % 64) & 1) && is_own(w, h)) {
		w->before = BEFORE_ADDRESS;
		w->before_text = span("", 0);
		return;
	}
	w->before = h;
	if (unlikely(w->muted_left > 0)) {
		w->muted_left--;
		w->before = 0;
		return;
	}
	add_features(w, h, pair, text);
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

static void
split(struct model_words *w, struct span s)
{
	while (s.len > 0) {
		unsigned classes = words_class_of[(unsigned char)s.p[0]];
		size_t n = 1;

		if (!(classes & (C_WORD | C_SIGN))) {
			s = span_skip(s, 1);
			continue;
		}
		while (classes & C_WORD && n < s.len &&
		       words_class_of[(unsigned char)s.p[n]] & C_WORD)
			classes |= words_class_of[(unsigned char)s.p[n++]];
		word(w, span(s.p, n), classes);
		s = span_skip(s, n);
	}
}

/* A run of non-blanks with what its characters are, or-ed. */
static void
chunk(struct model_words *w, struct span s, unsigned classes)
{
	if (classes == C_LETTER) {
		word(w, s, classes);
	} else if (classes & C_AT) {
		add_sign(w, BEFORE_ADDRESS);
	} else if (classes == C_LINE && s.len >= LINE_MIN) {
		w->before = 0;
		if (w->mutes_left > 0 && !w->in_subject) {
			w->mutes_left--;
			w->muted_left = MODEL_MUTED_WORDS;
		}
	} else if (classes & (C_DOT | C_COLON) && words_is_host(s, classes)) {
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
		classes |= words_class_of[(unsigned char)w->carry[i]];
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
				*classes |= words_class_of[(unsigned char)s.p[n + i]];
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

#ifdef __SSE2__

#define STEP 32 /* bytes that are looked at once */

static uint32_t
mask_of(__m128i lo, __m128i hi)
{
	return (uint32_t)_mm_movemask_epi8(lo) | (uint32_t)_mm_movemask_epi8(hi) << 16;
}

static __m128i
blanks(__m128i v)
{
	return _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8(' ')),
	                    _mm_cmpeq_epi8(v, _mm_set1_epi8('\n')));
}

static __m128i
letters(__m128i v)
{
	__m128i from_a = _mm_sub_epi8(v, _mm_set1_epi8('a'));

	return _mm_cmpeq_epi8(_mm_min_epu8(from_a, _mm_set1_epi8('z' - 'a')), from_a);
}

/* The first n <= 16 bytes, as model_hash() takes them. */
static uint64_t
hash_word(__m128i v, unsigned n)
{
	static const char ones_zeros[32] = { -1, -1, -1, -1, -1, -1, -1, -1,
		                             -1, -1, -1, -1, -1, -1, -1, -1 };
	uint64_t w[2];

	v = _mm_and_si128(v, _mm_loadu_si128((const __m128i *)(ones_zeros + 16 - n)));
	_mm_storeu_si128((__m128i *)w, v);
	return model_hash_step(w[0], w[1], MODEL_K0 ^ n);
}

/* What may end a word without being one, or part of a host. */
static bool
is_stop(char c)
{
	return c == ',' || c == '.' || c == ';' || c == '?' || c == ')' || c == '"' || c == ':';
}

/*
 * Words of letters alone, with a mark behind them or none, while STEP bytes are there: most of a text, and by far the fastest way, as
 * no loop ends where a word happens to end. Stops before anything else; returns what is left.
 */
static struct span
read_plain_words(struct model_words *w, struct span s)
{
	while (s.len >= STEP) {
		__m128i lo = _mm_loadu_si128((const __m128i *)s.p);
		__m128i hi = _mm_loadu_si128((const __m128i *)(s.p + 16));
		uint32_t blank = mask_of(blanks(lo), blanks(hi));
		uint32_t other = ~mask_of(letters(lo), letters(hi));
		unsigned n = blank ? (unsigned)__builtin_ctz(blank) : STEP;
		unsigned len = (unsigned)__builtin_ctz(other | 1u << 31);

		if (len > 16 || len == 0 || len < n - 1 || n == STEP ||
		    (len < n && !is_stop(s.p[len])))
			return s;
		add_word(w, hash_word(lo, len), span(s.p, len));
		if (s.p[n] == '\n')
			text_end(w);
		s = span_skip(s, n + 1);
	}
	return s;
}

#else

static struct span
read_plain_words(struct model_words *w, struct span s)
{
	(void)w;
	return s;
}

#endif

static void
read_text(struct model_words *w, struct span s)
{
	while (s.len > 0) {
		unsigned classes;
		size_t n;

		if (w->carry_len == 0) {
			s = read_plain_words(w, s);
			if (s.len == 0)
				return;
		}
		n = chunk_end(s, &classes);
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

static void
own(struct model_words *w, uint64_t hash)
{
	w->own[w->own_cnt++] = hash;
	w->own_mask |= 1ull << (hash % 64);
}

void
model_words_own(struct model_words *w, struct span local)
{
	char lower[MODEL_WORD_MAX];
	size_t n = 0;

	for (size_t i = 0; i <= local.len && w->own_cnt < MODEL_OWN_MAX; i++) {
		unsigned c = i < local.len ? words_class_of[(unsigned char)local.p[i]] : 0;

		if (c & C_WORD && n < sizeof(lower)) {
			lower[n++] = c & C_DIGIT ? '0' : ascii_lower(local.p[i]);
			continue;
		}
		if (n > 2)
			own(w, model_hash(span(lower, n)));
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
