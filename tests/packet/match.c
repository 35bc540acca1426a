/* SPDX-License-Identifier: BSD-3-Clause
 * match.c - segments of a script against those of the stack
 */
#include "tests/packet/match.h"
#include <stdarg.h>

enum {
	K_EOL,
	K_NOP,
	K_MSS,
	K_WSCALE,
	K_SACKOK,
	K_SACK,
	K_TS = 8,
};

static uint32_t
from(const struct script_num *n, uint32_t zero)
{
	return (uint32_t)n->v + (n->absolute ? 0 : zero);
}

/* --- to bytes --- */

static size_t
put_opt(const struct script_opt *o, uint8_t *p)
{
	size_t n = 2;

	switch (o->kind) {
	case O_NOP:
	case O_EOL:
		p[0] = o->kind == O_NOP ? K_NOP : K_EOL;
		return 1;
	case O_MSS:
		p[0] = K_MSS;
		store_be16(p + 2, (uint16_t)o->a.v);
		n = 4;
		break;
	case O_WSCALE:
		p[0] = K_WSCALE;
		p[2] = (uint8_t)o->a.v;
		n = 3;
		break;
	case O_SACKOK:
		p[0] = K_SACKOK;
		break;
	case O_SACK:
		p[0] = K_SACK;
		for (unsigned i = 0; i < o->cnt; i++, n += 8) {
			store_be32(p + n, o->blocks[i][0] + st.iss);
			store_be32(p + n + 4, o->blocks[i][1] + st.iss);
		}
		break;
	case O_TS:
		p[0] = K_TS;
		store_be32(p + 2, (uint32_t)o->a.v);
		store_be32(p + 6, from(&o->b, st.our_ts0));
		n = 10;
		break;
	case O_RAW:
		memcpy(p, o->raw, o->cnt);
		return o->cnt;
	}
	p[1] = (uint8_t)n;
	return n;
}

void
match_build(const struct script_seg *g, struct seg_value *out)
{
	uint8_t opts[SCRIPT_OPTS_MAX * TCP_OPTIONS_MAX];
	size_t n = 0;

	*out = (struct seg_value){ .seq = from(&g->seq, st.peer_isn),
		                   .ack = g->flags & TCP_ACK || g->ack.cmp ? from(&g->ack, st.iss)
		                                                           : 0,
		                   .len = (uint32_t)g->len.v,
		                   .flags = g->flags,
		                   .tos = (uint8_t)g->ecn.v,
		                   .wnd = g->win.cmp ? (uint16_t)g->win.v : 65535,
		                   .urg = (uint16_t)g->urg.v,
		                   .off = (uint8_t)g->off.v,
		                   .cut = (uint16_t)g->cut.v,
		                   .is_sum_bad = g->badsum };
	for (unsigned i = 0; i < g->opt_cnt; i++)
		n += put_opt(&g->opts[i], opts + n);
	while (n % 4)
		opts[n++] = K_EOL;
	BUG_ON(n > TCP_OPTIONS_MAX);
	memcpy(out->opts, opts, n);
	out->opts_len = (uint8_t)n;
}

/* --- compared --- */

bool
match_number(const struct script_num *n, int64_t got)
{
	switch (n->cmp) {
	case CMP_EQ:
		return got == n->v;
	case CMP_GT:
		return got > n->v;
	case CMP_LT:
		return got < n->v;
	default:
		return true;
	}
}

/* A number of 32 bits against one that counts from `zero`. */
static bool
match_relative(const struct script_num *n, uint32_t got, uint32_t zero)
{
	struct script_num plain = *n;

	if (n->absolute) {
		plain.v = (uint32_t)n->v;
		return match_number(&plain, got);
	}
	if (n->cmp == CMP_EQ)
		return got - zero == (uint32_t)n->v;
	return match_number(n, (int32_t)(got - zero));
}

static bool
match_opt(const struct script_opt *o, const uint8_t *p, size_t room, size_t *used)
{
	uint8_t want[TCP_OPTIONS_MAX + 2] = { 0 };
	size_t n = put_opt(o, want);

	*used = n;
	if (n > room)
		return false;
	if (o->kind <= O_EOL || o->kind == O_RAW)
		return !memcmp(want, p, n);
	if (p[0] != want[0] || p[1] != n)
		return false;
	switch (o->kind) {
	case O_MSS:
		return match_number(&o->a, load_be16(p + 2));
	case O_WSCALE:
		return match_number(&o->a, p[2]);
	case O_TS:
		return match_relative(&o->a, load_be32(p + 2), st.our_ts0) &&
		       match_number(&o->b, load_be32(p + 6));
	case O_SACK:
		for (unsigned i = 0; i < 2 * o->cnt; i++)
			if (load_be32(p + 2 + 4 * i) - st.peer_isn != (&o->blocks[0][0])[i])
				return false;
		return true;
	default:
		return true;
	}
}

static bool
match_opts(const struct script_seg *g, const struct stack_out *o)
{
	size_t at = 0;

	for (unsigned i = 0; i < g->opt_cnt; i++) {
		size_t n;

		if (!match_opt(&g->opts[i], o->v.opts + at, o->v.opts_len - at, &n))
			return false;
		at += n;
	}
	return at == o->v.opts_len;
}

bool
match_out(const struct script_line *l, const struct stack_out *o, int *col)
{
	const struct script_seg *g = &l->seg;
	const struct script_num zero = { .cmp = CMP_EQ };
	struct {
		bool ok;
		int col;
	} row[] = {
		{ o->v.flags == g->flags, g->flags_col },
		{ match_relative(&g->seq, o->v.seq, st.iss), g->seq.col },
		{ !(g->flags & TCP_ACK) || match_relative(&g->ack, o->v.ack, st.peer_isn),
		  g->ack.col },
		{ match_number(g->len.cmp ? &g->len : &zero, o->v.len),
		  g->len.cmp ? g->len.col : l->col },
		{ match_number(&g->win, o->v.wnd), g->win.col },
		{ match_number(&g->ecn, o->v.tos), g->ecn.col },
		{ !g->has_opts || match_opts(g, o), g->opts_col },
		{ o->v.sport == st.our_port && o->v.dport == st.peer_port &&
		          addr_eq(&o->v.dst, &st.peer) && addr_eq(&o->v.src, &st.us),
		  l->col },
		{ !o->is_payload_wrong, g->len.cmp ? g->len.col : l->col },
	};

	for (size_t i = 0; i < ARRAY_LEN(row); i++)
		if (!row[i].ok) {
			*col = row[i].col;
			return false;
		}
	return true;
}

/* --- as text --- */

static void
say(char *out, const char *fmt, ...)
{
	size_t n = strlen(out);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(out + n, MATCH_TEXT - n, fmt, ap);
	va_end(ap);
}

static void
say_opt(const uint8_t *p, char *out)
{
	switch (p[0]) {
	case K_EOL:
		say(out, " eol");
		break;
	case K_NOP:
		say(out, " nop");
		break;
	case K_MSS:
		say(out, " mss=%u", load_be16(p + 2));
		break;
	case K_WSCALE:
		say(out, " ws=%u", p[2]);
		break;
	case K_SACKOK:
		say(out, " sackok");
		break;
	case K_SACK:
		for (unsigned i = 2; i + 8 <= p[1]; i += 8)
			say(out, "%s%d:%d", i == 2 ? " sack=" : "+",
			    (int32_t)(load_be32(p + i) - st.peer_isn),
			    (int32_t)(load_be32(p + i + 4) - st.peer_isn));
		break;
	case K_TS:
		say(out, " ts=%d/%u", (int32_t)(load_be32(p + 2) - st.our_ts0), load_be32(p + 6));
		break;
	default:
		say(out, " kind %u", p[0]);
	}
}

const char *
match_text_out(const struct stack_out *o, char *out)
{
	char flags[9];

	*out = 0;
	say(out, "%s seq %d", script_flags(o->v.flags, flags), (int32_t)(o->v.seq - st.iss));
	if (o->v.flags & TCP_ACK)
		say(out, " ack %d", (int32_t)(o->v.ack - st.peer_isn));
	if (o->v.len)
		say(out, " len %u", o->v.len);
	say(out, " win %u%s opt", o->v.wnd, o->v.tos ? " ecn" : "");
	for (unsigned i = 0; i < o->v.opts_len;) {
		say_opt(o->v.opts + i, out);
		i += o->v.opts[i] <= K_NOP ? 1u : MAX(o->v.opts[i + 1], 2);
	}
	if (o->is_payload_wrong)
		say(out, " (WRONG BYTES)");
	if (o->v.dport != st.peer_port || o->v.sport != st.our_port)
		say(out, " (ports %u to %u)", o->v.sport, o->v.dport);
	return out;
}
