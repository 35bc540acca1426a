/* SPDX-License-Identifier: BSD-3-Clause
 * script.c - text of a packet script to lines
 */
#include "tests/packet/script.h"
#include <stdarg.h>

static const char *const verbs[V_VERBS] = {
	[V_CASE] = "case",     [V_SET] = "set",         [V_INJECT] = "inject",
	[V_EXPECT] = "expect", [V_SILENCE] = "silence", [V_IGNORE] = "ignore",
	[V_CALL] = "call",     [V_APP] = "app",         [V_STATE] = "state",
	[V_INFO] = "info",     [V_COUNT] = "count",     [V_USAGE] = "usage",
	[V_ICMP] = "icmp",     [V_PEER] = "peer",       [V_OPEN] = "open",
	[V_ISN] = "isn",
};

static const char flag_letters[] = "FSRPAUEC"; /* bit 0 first */

void
script_say(const struct script *s, const struct script_line *l, int col, const char *what, ...)
{
	va_list ap;

	printf("%s:%d:%d: ", s->path, l->number, col);
	va_start(ap, what);
	vprintf(what, ap);
	va_end(ap);
	printf("\n    %s\n    %*s^\n", l->text, col - 1, "");
}

/* A script that does not parse is our own mistake: the program ends. */
#define DIE(s, l, col, ...)                                                                        \
	do {                                                                                       \
		script_say(s, l, col, __VA_ARGS__);                                                \
		exit(2);                                                                           \
	} while (0)

const char *
script_flags(uint8_t flags, char *out)
{
	unsigned n = 0;

	/* in the order in which people say them: SYN, FIN, RST, PSH, ACK ... */
	static const uint8_t order[] = { TCP_SYN, TCP_FIN, TCP_RST, TCP_PSH,
		                         TCP_ACK, TCP_URG, TCP_ECE, TCP_CWR };

	for (size_t i = 0; i < ARRAY_LEN(order); i++)
		if (flags & order[i])
			out[n++] = flag_letters[__builtin_ctz(order[i])];
	if (n == 0)
		out[n++] = '-';
	out[n] = 0;
	return out;
}

/* --- words --- */

static void
split(const struct script *s, struct script_line *l)
{
	const char *p = l->text;

	while (*p) {
		const char *end;

		while (*p == ' ' || *p == '\t' || *p == ',')
			p++;
		if (!*p || *p == '#')
			break;
		end = p + strcspn(p, " \t,#");
		if (l->words == SCRIPT_WORDS || end - p >= (int)sizeof(l->word[0].text))
			DIE(s, l, (int)(p - l->text) + 1, "too many words, or one too long");
		memcpy(l->word[l->words].text, p, (size_t)(end - p));
		l->word[l->words].text[end - p] = 0;
		l->word[l->words++].col = (int)(p - l->text) + 1;
		p = end;
	}
}

static void
drop_words(struct script_line *l, unsigned n)
{
	memmove(l->word, l->word + n, sizeof(l->word[0]) * (l->words - n));
	l->words -= n;
}

struct script_num
script_number(const struct script *s, const struct script_line *l, const char *text, int col)
{
	struct script_num n = { .cmp = CMP_EQ, .col = col };
	char *end;

	if (!strcmp(text, "*")) {
		n.cmp = CMP_ANY;
		return n;
	}
	if (*text == '>' || *text == '<')
		n.cmp = *text++ == '>' ? CMP_GT : CMP_LT;
	else if (*text == '=') {
		n.absolute = true;
		text++;
	}
	n.v = strtoll(text, &end, 0);
	if (end == text || *end)
		DIE(s, l, col, "a number is wanted, not \"%s\"", text);
	return n;
}

/* --- segments --- */

static uint8_t
parse_flags(const struct script *s, const struct script_line *l, const struct script_word *w)
{
	uint8_t f = 0;

	if (!strcmp(w->text, "-"))
		return 0;
	for (const char *p = w->text; *p; p++) {
		const char *at = strchr(flag_letters, *p);

		if (!at)
			DIE(s, l, w->col + (int)(p - w->text), "flags are letters of %s, or -",
			    flag_letters);
		f |= (uint8_t)(1u << (at - flag_letters));
	}
	return f;
}

/* A-B or A/B */
static void
parse_pair(const struct script *s, const struct script_line *l, const struct script_word *w,
           const char *from, char between, struct script_num *a, struct script_num *b)
{
	char left[100];
	const char *at = strchr(from + 1, between);
	int col = w->col + (int)(from - w->text);

	if (!at)
		DIE(s, l, col, "two numbers with '%c' between them are wanted", between);
	memcpy(left, from, (size_t)(at - from));
	left[at - from] = 0;
	*a = script_number(s, l, left, col);
	*b = script_number(s, l, at + 1, w->col + (int)(at + 1 - w->text));
}

static void
parse_raw(const struct script *s, const struct script_line *l, const struct script_word *w,
          const char *hex, struct script_opt *o)
{
	for (; hex[0] && hex[1]; hex += 2) {
		char two[3] = { hex[0], hex[1], 0 };
		char *end;

		if (o->cnt == TCP_OPTIONS_MAX)
			DIE(s, l, w->col, "more than 40 bytes of options");
		o->raw[o->cnt++] = (uint8_t)strtoul(two, &end, 16);
		if (*end)
			break;
	}
	if (*hex)
		DIE(s, l, w->col, "pairs of hex digits are wanted");
}

static void
parse_opt(const struct script *s, const struct script_line *l, const struct script_word *w,
          struct script_opt *o)
{
	const char *eq = strchr(w->text, '='), *v = eq ? eq + 1 : "";
	size_t n = eq ? (size_t)(eq - w->text) : strlen(w->text);
	int col = w->col + (int)n + 1;
	static const char *const names[] = {
		[O_NOP] = "nop",       [O_EOL] = "eol",   [O_MSS] = "mss", [O_WSCALE] = "ws",
		[O_SACKOK] = "sackok", [O_SACK] = "sack", [O_TS] = "ts",   [O_RAW] = "raw"
	};

	memset(o, 0, sizeof(*o));
	for (o->kind = 0; o->kind <= O_RAW; o->kind++)
		if (strlen(names[o->kind]) == n && !memcmp(names[o->kind], w->text, n))
			break;
	switch (o->kind) {
	case O_MSS:
	case O_WSCALE:
		o->a = script_number(s, l, v, col);
		break;
	case O_TS:
		parse_pair(s, l, w, v, '/', &o->a, &o->b);
		break;
	case O_SACK:
		for (;; v = strchr(v, '+') + 1) {
			char block[100];
			size_t len = strcspn(v, "+");
			struct script_word one = *w;

			memcpy(block, v, len);
			block[len] = 0;
			memcpy(one.text, block, len + 1);
			one.col = w->col + (int)(v - w->text);
			if (o->cnt == TCP_SACK_MAX)
				DIE(s, l, one.col, "more than four blocks");
			parse_pair(s, l, &one, one.text, ':', &o->a, &o->b);
			o->blocks[o->cnt][0] = (uint32_t)o->a.v;
			o->blocks[o->cnt++][1] = (uint32_t)o->b.v;
			if (!strchr(v, '+'))
				break;
		}
		break;
	case O_RAW:
		parse_raw(s, l, w, v, o);
		break;
	case O_NOP:
	case O_EOL:
	case O_SACKOK:
		break;
	default:
		DIE(s, l, w->col, "no option \"%s\"", w->text);
	}
}

static void
parse_options(const struct script *s, struct script_line *l, unsigned from)
{
	struct script_seg *g = &l->seg;

	g->has_opts = true;
	g->opts_col = l->word[from - 1].col;
	for (unsigned i = from; i < l->words; i++) {
		if (!strcmp(l->word[i].text, "none"))
			continue;
		if (g->opt_cnt == SCRIPT_OPTS_MAX)
			DIE(s, l, l->word[i].col, "too many options");
		parse_opt(s, l, &l->word[i], &g->opts[g->opt_cnt++]);
	}
}

/* FLAGS, then pairs of name and number, then `opt` and all else are options. */
static void
parse_segment(const struct script *s, struct script_line *l)
{
	struct script_seg *g = &l->seg;
	struct {
		const char *name;
		struct script_num *to;
	} fields[] = { { "seq", &g->seq }, { "ack", &g->ack }, { "len", &g->len },
		       { "win", &g->win }, { "ecn", &g->ecn }, { "off", &g->off },
		       { "cut", &g->cut }, { "urg", &g->urg } };

	if (l->words == 0)
		DIE(s, l, l->col, "flags are wanted");
	g->flags_col = l->word[0].col;
	g->flags = parse_flags(s, l, &l->word[0]);
	for (unsigned i = 1; i < l->words; i++) {
		const struct script_word *w = &l->word[i];
		size_t k = 0;

		if (!strcmp(w->text, "opt")) {
			parse_options(s, l, i + 1);
			break;
		}
		if (!strcmp(w->text, "burst")) {
			g->burst = true;
			continue;
		}
		if (!strcmp(w->text, "badsum")) {
			g->badsum = true;
			continue;
		}
		while (k < ARRAY_LEN(fields) && strcmp(fields[k].name, w->text))
			k++;
		if (k == ARRAY_LEN(fields) || i + 1 == l->words)
			DIE(s, l, w->col, "no field \"%s\", or its number is missing", w->text);
		i++;
		*fields[k].to = script_number(s, l, l->word[i].text, l->word[i].col);
	}
	if (g->seq.cmp == CMP_NONE)
		DIE(s, l, l->col, "seq is wanted");
	if (g->flags & TCP_ACK && g->ack.cmp == CMP_NONE)
		DIE(s, l, l->col, "ack is wanted");
}

static void
parse_line(const struct script *s, struct script_line *l)
{
	split(s, l);
	l->col = l->word[0].col;
	for (l->verb = 0; l->verb < V_VERBS; l->verb++)
		if (!strcmp(verbs[l->verb], l->word[0].text))
			break;
	if (l->verb == V_VERBS)
		DIE(s, l, l->col, "no verb \"%s\"", l->word[0].text);
	drop_words(l, 1);
	if (l->verb == V_CASE)
		return;
	if (l->words && l->word[0].text[0] == '+') {
		struct script_num n = script_number(s, l, l->word[0].text + 1, l->word[0].col);

		l->after_ms = (uint64_t)n.v;
		drop_words(l, 1);
	}
	if (l->verb == V_INJECT || l->verb == V_EXPECT)
		parse_segment(s, l);
}

void
script_open(const char *path, struct script *out)
{
	*out = (struct script){ .path = path, .f = fopen(path, "r") };
	if (!out->f) {
		printf("%s: %s\n", path, strerror(errno));
		exit(2);
	}
}

void
script_close(struct script *s)
{
	free(s->text);
	fclose(s->f);
}

bool
script_next(struct script *s, struct script_line *l)
{
	while (getline(&s->text, &s->cap, s->f) >= 0) {
		const char *first;

		s->number++;
		s->text[strcspn(s->text, "\n")] = 0;
		first = s->text + strspn(s->text, " \t");
		if (*first == '#' || !*first)
			continue;
		memset(l, 0, sizeof(*l));
		l->number = s->number;
		l->text = s->text;
		parse_line(s, l);
		return true;
	}
	return false;
}

void
script_line_of(const struct script *s, const struct script_line *from, const char *text,
               struct script_line *l)
{
	memset(l, 0, sizeof(*l));
	l->number = from->number;
	l->text = text;
	parse_line(s, l);
}
