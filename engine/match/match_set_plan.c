/* SPDX-License-Identifier: BSD-3-Clause
 * match_set_plan.c - inside the child: which way each pattern goes, then databases for each group
 *
 * Thread  The child has only this one (see match_compile.c).
 *
 * Over 500 lines: what is chosen, what is compiled of it and what is written share one plan.
 */
#include "engine/match/literal.h"
#include "engine/match/match_set_internal.h"
#include <stdarg.h>
#include <unistd.h>

/* How rare a literal must be, in bits, to stand before PCRE2 (literal.h): in texts whose matches begin at most LEAD_NEAR bytes before
 * it, so that few places are tried; elsewhere; and where there is no other way. */
#define BITS_NEAR 11.0
#define BITS_GOOD 16.0
#define BITS_POOR 10.0
#define LEAD_NEAR 256u

/* What PCRE2 may cost behind a literal, in nanoseconds a KiB: up to EASY it is not compared with Hyperscan. */
#define CONFIRM_EASY_NS 3000u
#define CONFIRM_MAX_NS  20000u

/* Longer expressions are not given to Hyperscan, which takes minutes over some; lists of words, with few classes, may be longer. */
#define HS_TEXT_MAX  1000
#define HS_WORDS_MAX 6000
#define HS_CLASSES   12

#define SHORT_SHARE 10u /* of a mail's bytes about a tenth are in fields that rules look at */

#define DEFAULT_MIN_BYTES   1
#define DEFAULT_MAX_NS_KIB  600
#define DEFAULT_MAX_PER_MIB 20000

struct item {
	char *expr; /* terminated */
	unsigned flags;
	struct literal_set literals;
	unsigned hs_width; /* shortest match by Hyperscan */
	bool hs_takes, hs_prefilters;
};

struct plan {
	const struct match_pieces *pieces;
	const struct match_set_spec *spec; /* of the pieces */
	struct match_limits limits;
	struct item *item;
	struct set_row *row;
	struct set_group *group;
	struct confirm_run *run;
	/* growing */
	uint32_t *link_start, *link, *re_id, *always;
	size_t literal_cnt, literal_room, link_cnt, link_room, re_cnt, re_room, always_cnt,
	        always_room;
	uint8_t *lit_len;
	size_t lit_len_room;
	char *db; /* serialised databases */
	size_t db_bytes, db_room;
};

static void *
grow(void *array, size_t need, size_t *room, size_t item)
{
	size_t n = *room ? *room : 64;

	if (need <= *room)
		return array;
	while (n < need)
		n *= 2;
	*room = n;
	array = realloc(array, n * item);
	if (!array)
		_exit(2);
	return array;
}

static void
push(uint32_t **array, size_t *cnt, size_t *room, uint32_t v)
{
	*array = grow(*array, *cnt + 1, room, sizeof(**array));
	(*array)[(*cnt)++] = v;
}

static void PRINTF(3, 4) refuse(struct plan *p, size_t i, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(p->row[i].why, sizeof(p->row[i].why), fmt, ap);
	va_end(ap);
}

/* Empty matches are asked for, so that they are found out here and not by refusal. */
static bool
hs_understands(struct item *x, unsigned more, char *why, size_t cap)
{
	hs_compile_error_t *err = NULL;
	hs_expr_info_t *info = NULL;
	bool ok = hs_expression_info(x->expr, x->flags | HS_FLAG_ALLOWEMPTY | more, &info, &err) ==
	          HS_SUCCESS;

	if (ok)
		x->hs_width = info->min_width;
	else
		snprintf(why, cap, "%s", err ? err->message : "refused");
	free(info);
	hs_free_compile_error(err);
	return ok;
}

static bool
is_too_long(struct span text)
{
	unsigned classes = 0;

	for (size_t i = 0; i < text.len; i++)
		classes += text.p[i] == '[';
	return text.len > (classes <= HS_CLASSES ? HS_WORDS_MAX : HS_TEXT_MAX);
}

static void
examine(struct plan *p, size_t i)
{
	const struct match_pattern *m = &p->spec->pattern[i].p;
	struct item *x = &p->item[i];
	char *why = p->row[i].why;

	x->expr = strndup(m->text.p, m->text.len);
	if (!x->expr)
		_exit(2);
	x->flags = (m->is_caseless ? HS_FLAG_CASELESS : 0u) |
	           (m->is_multiline ? HS_FLAG_MULTILINE : 0u) |
	           (m->is_dotall ? HS_FLAG_DOTALL : 0u);
	literal_require(m->text, &x->literals);
	if (is_too_long(m->text)) {
		snprintf(why, sizeof(p->row[i].why), "of %zu bytes, without a rare literal",
		         m->text.len);
		return;
	}
	x->hs_takes = hs_understands(x, 0, why, sizeof(p->row[i].why));
	if (!x->hs_takes)
		x->hs_prefilters = hs_understands(x, HS_FLAG_PREFILTER, why, sizeof(p->row[i].why));
}

/* What PCRE2 would cost on every text, or why it cannot run. */
static bool
pcre_takes(struct plan *p, size_t i, struct lint_result *cost)
{
	struct confirm *c =
	        confirm_new(&p->spec->pattern[i].p, p->row[i].why, sizeof(p->row[i].why));

	if (!c)
		return false;
	match_lint_confirm(c, p->run, p->spec->pattern[i].is_counted ? UINT32_MAX : 1,
	                   CONFIRM_EASY_NS, cost);
	confirm_free(c);
	return true;
}

static unsigned
max_ns_kib(const struct plan *p)
{
	return p->limits.max_ns_kib * (p->spec->is_short ? SHORT_SHARE : 1);
}

static bool
is_cheap(struct plan *p, size_t i, const struct lint_result *cost)
{
	unsigned max = max_ns_kib(p);
	char *why = p->row[i].why;
	size_t cap = sizeof(p->row[i].why);

	if (cost->ns_kib > max)
		snprintf(why, cap, "slow: %u ns a KiB of ordinary mail, limit %u", cost->ns_kib,
		         max);
	else if (cost->per_mib > p->limits.max_per_mib)
		snprintf(why, cap, "matches %u times a MiB of ordinary mail, limit %u",
		         cost->per_mib, p->limits.max_per_mib);
	else
		return true;
	return false;
}

/* By Hyperscan, as it is or as a sieve; false when that is not possible or out of bounds. */
static bool
try_hs(struct plan *p, size_t i, bool pcre)
{
	const struct item *x = &p->item[i];
	bool is_sieve = !x->hs_takes || p->spec->pattern[i].is_counted;
	struct lint_result cost;

	if ((!x->hs_takes && !x->hs_prefilters) || x->hs_width == 0 || (is_sieve && !pcre))
		return false;
	if (match_lint(x->expr, x->flags | (x->hs_takes ? 0u : HS_FLAG_PREFILTER), max_ns_kib(p),
	               &cost) != 0) {
		snprintf(p->row[i].why, sizeof(p->row[i].why),
		         "too large for the pattern compiler");
		return false;
	}
	if (!is_cheap(p, i, &cost))
		return false;
	p->row[i].way = is_sieve ? MATCH_BY_PREFILTER : MATCH_BY_HYPERSCAN;
	return true;
}

/* What is common in text is in every header: there only a rare one counts. */
static bool
has_rare_literal(const struct plan *p, const struct item *x, unsigned ns_kib)
{
	bool is_near = x->literals.lead < LEAD_NEAR && !p->spec->is_short;

	return x->literals.bits >= (is_near ? BITS_NEAR : BITS_GOOD) &&
	       ns_kib <= (is_near ? CONFIRM_MAX_NS : CONFIRM_EASY_NS);
}

static void
choose(struct plan *p, size_t i, size_t in_group)
{
	const struct match_set_spec *s = p->spec;
	const struct item *x = &p->item[i];
	struct lint_result cost = { 0 };
	bool pcre = pcre_takes(p, i, &cost);

	if (!pcre && !x->hs_takes)
		return;
	if (!s->is_short && x->hs_takes && x->hs_width < p->limits.min_bytes)
		return refuse(p, i, "matches %u bytes at least, limit %u", x->hs_width,
		              p->limits.min_bytes);
	if (pcre && s->is_short && in_group <= MATCH_SHORT_GROUP && cost.ns_kib <= CONFIRM_EASY_NS)
		p->row[i].way = MATCH_BY_PCRE;
	else if (!s->is_short && in_group <= MATCH_FEW_GROUP && x->hs_takes && try_hs(p, i, pcre))
		return;
	else if (pcre && has_rare_literal(p, x, cost.ns_kib))
		p->row[i].way = MATCH_BY_LITERAL;
	else if (try_hs(p, i, pcre))
		return;
	else if (pcre && x->literals.bits >= BITS_POOR && cost.ns_kib <= CONFIRM_MAX_NS)
		p->row[i].way = MATCH_BY_LITERAL;
	else if (pcre && is_cheap(p, i, &cost))
		p->row[i].way = MATCH_BY_PCRE;
	else if (!p->row[i].why[0])
		refuse(p, i, "neither Hyperscan nor a literal can stand before it");
}

/* ---- databases ---- */

static void
add_db(struct plan *p, hs_database_t *db, uint64_t *at, uint64_t *bytes)
{
	char *z = NULL;
	size_t n = 0;

	if (hs_serialize_database(db, &z, &n) != HS_SUCCESS)
		_exit(2);
	p->db = grow(p->db, p->db_bytes + n + 64, &p->db_room, 1);
	memcpy(p->db + p->db_bytes, z, n);
	*at = p->db_bytes;
	*bytes = n;
	p->db_bytes += (n + 63) & ~(size_t)63;
	free(z);
	hs_free_database(db);
}

struct lit {
	struct literal l;
	uint32_t pattern;
};

static int
compare_lits(const void *x, const void *y)
{
	const struct lit *a = x, *b = y;
	int c = memcmp(a->l.text, b->l.text, MIN(a->l.len, b->l.len));

	if (c == 0)
		c = (a->l.len > b->l.len) - (a->l.len < b->l.len);
	return c ? c : (a->pattern > b->pattern) - (a->pattern < b->pattern);
}

static char *
escape(const struct literal *l)
{
	char *z = malloc(l->len * 4u + 1), *o = z;

	if (!z)
		_exit(2);
	for (unsigned i = 0; i < l->len; i++)
		o += sprintf(o, "\\x%02x", (unsigned char)l->text[i]);
	return z;
}

/* What becomes one database, numbered as it comes. */
struct exprs {
	char **expr;
	unsigned *flags, *ids;
	size_t cnt, expr_room, flags_room, ids_room;
};

static void
add_expr(struct exprs *e, char *expr, unsigned flags)
{
	e->expr = grow(e->expr, e->cnt + 1, &e->expr_room, sizeof(*e->expr));
	e->flags = grow(e->flags, e->cnt + 1, &e->flags_room, sizeof(*e->flags));
	e->ids = grow(e->ids, e->cnt + 1, &e->ids_room, sizeof(*e->ids));
	e->expr[e->cnt] = expr;
	e->flags[e->cnt] = flags;
	e->ids[e->cnt] = (unsigned)e->cnt;
	e->cnt++;
}

static void
compile(struct plan *p, struct exprs *e, uint64_t *at, uint64_t *bytes)
{
	hs_compile_error_t *err = NULL;
	hs_database_t *db = NULL;

	if (e->cnt == 0)
		return;
	if (hs_compile_multi((const char *const *)e->expr, e->flags, e->ids, (unsigned)e->cnt,
	                     HS_MODE_BLOCK, NULL, &db, &err) != HS_SUCCESS)
		_exit(4); /* each alone went well: memory, then */
	add_db(p, db, at, bytes);
}

static void
free_exprs(struct exprs *e, size_t own_cnt)
{
	for (size_t i = 0; i < own_cnt; i++)
		free(e->expr[i]);
	free(e->expr);
	free(e->flags);
	free(e->ids);
}

/* Patterns [from, to) are of group g. */
static void
group_literals(struct plan *p, struct set_group *g, size_t from, size_t to, struct exprs *e)
{
	struct lit *lit = NULL;
	size_t cnt = 0, room = 0;

	for (size_t i = from; i < to; i++)
		for (unsigned k = 0;
		     p->row[i].way == MATCH_BY_LITERAL && k < p->item[i].literals.cnt; k++) {
			lit = grow(lit, cnt + 1, &room, sizeof(*lit));
			lit[cnt++] = (struct lit){ p->item[i].literals.item[k], (uint32_t)i };
		}
	g->lit_first = (uint32_t)p->literal_cnt;
	if (cnt == 0)
		return;
	qsort(lit, cnt, sizeof(*lit), compare_lits);
	for (size_t i = 0; i < cnt; i++) {
		if (i == 0 || lit[i].l.len != lit[i - 1].l.len ||
		    memcmp(lit[i].l.text, lit[i - 1].l.text, lit[i].l.len) != 0) {
			/* Without SINGLEMATCH: each place of it counts. */
			add_expr(e, escape(&lit[i].l), HS_FLAG_CASELESS);
			p->lit_len = grow(p->lit_len, p->literal_cnt + 1, &p->lit_len_room, 1);
			p->lit_len[p->literal_cnt] = lit[i].l.len;
			push(&p->link_start, &p->literal_cnt, &p->literal_room,
			     (uint32_t)p->link_cnt);
		}
		push(&p->link, &p->link_cnt, &p->link_room, lit[i].pattern);
	}
	free(lit);
}

static void
group_expressions(struct plan *p, struct set_group *g, size_t from, size_t to, struct exprs *e)
{
	g->re_first = (uint32_t)p->re_cnt;
	g->always_first = (uint32_t)p->always_cnt;
	for (size_t i = from; i < to; i++) {
		const struct item *x = &p->item[i];

		if (p->row[i].way == MATCH_BY_PCRE) {
			push(&p->always, &p->always_cnt, &p->always_room, (uint32_t)i);
			continue;
		}
		if (p->row[i].way != MATCH_BY_HYPERSCAN && p->row[i].way != MATCH_BY_PREFILTER)
			continue;
		add_expr(e, x->expr,
		         x->flags | HS_FLAG_SINGLEMATCH | (x->hs_takes ? 0u : HS_FLAG_PREFILTER));
		push(&p->re_id, &p->re_cnt, &p->re_room, (uint32_t)i);
	}
	g->re_cnt = (uint32_t)p->re_cnt - g->re_first;
	g->always_cnt = (uint32_t)p->always_cnt - g->always_first;
}

/* Large sets are faster apart, on short texts one call instead of two counts more. */
static void
group_databases(struct plan *p, struct set_group *g, size_t from, size_t to)
{
	struct exprs lits = { 0 }, res = { 0 };
	bool is_joined = p->spec->is_short || p->spec->is_joined;
	size_t lit_cnt;

	group_literals(p, g, from, to, &lits);
	lit_cnt = lits.cnt;
	group_expressions(p, g, from, to, is_joined ? &lits : &res);
	if (is_joined) {
		g->joined_cnt = (uint32_t)lit_cnt;
		compile(p, &lits, &g->re_at, &g->re_bytes);
	} else {
		compile(p, &lits, &g->lit_at, &g->lit_bytes);
		compile(p, &res, &g->re_at, &g->re_bytes);
	}
	free_exprs(&lits, lit_cnt);
	free_exprs(&res, 0);
}

/* A piece that cannot run takes the whole pattern with it. */
static void
refuse_whole(struct plan *p, size_t from, size_t to)
{
	const uint32_t *of = p->pieces->of;

	for (size_t i = from, end; i < to; i = end) {
		size_t bad = to;

		for (end = i; end < to && of[end] == of[i]; end++)
			if (p->row[end].way == MATCH_BY_NONE)
				bad = MIN(bad, end);
		for (size_t k = i; bad < to && k < end; k++) {
			p->row[k].way = MATCH_BY_NONE;
			memmove(p->row[k].why, p->row[bad].why, sizeof(p->row[k].why));
		}
	}
}

static void
plan_groups(struct plan *p)
{
	const struct match_set_spec *s = p->spec;

	for (size_t from = 0, to; from < s->cnt; from = to) {
		struct set_group *g = &p->group[s->pattern[from].group];

		for (to = from; to < s->cnt && s->pattern[to].group == s->pattern[from].group; to++)
			;
		for (size_t i = from; i < to; i++)
			choose(p, i, to - from);
		refuse_whole(p, from, to);
		group_databases(p, g, from, to);
	}
}

/* ---- output ---- */

static uint64_t
place(uint64_t *at, size_t bytes)
{
	uint64_t here = *at;

	*at += (bytes + 63) & ~(size_t)63;
	return here;
}

static bool
write_at(int fd, uint64_t at, const void *p, size_t n)
{
	return lseek(fd, (off_t)at, SEEK_SET) >= 0 && match_write_all(fd, p, n);
}

static bool
write_plan(int fd, const struct plan *p)
{
	const struct match_set_spec *s = p->spec;
	uint64_t at = 0, db_at;
	struct set_head h = { .cnt = (uint32_t)s->cnt,
		              .group_cnt = (uint32_t)s->group_cnt,
		              .literal_cnt = (uint32_t)p->literal_cnt,
		              .link_cnt = (uint32_t)p->link_cnt,
		              .re_cnt = (uint32_t)p->re_cnt,
		              .always_cnt = (uint32_t)p->always_cnt };
	uint32_t end = (uint32_t)p->link_cnt;

	place(&at, sizeof(h));
	h.row_at = place(&at, s->cnt * sizeof(*p->row));
	h.group_at = place(&at, s->group_cnt * sizeof(*p->group));
	h.link_start_at = place(&at, (p->literal_cnt + 1) * sizeof(uint32_t));
	h.lit_len_at = place(&at, p->literal_cnt);
	h.link_at = place(&at, p->link_cnt * sizeof(uint32_t));
	h.re_at = place(&at, p->re_cnt * sizeof(uint32_t));
	h.always_at = place(&at, p->always_cnt * sizeof(uint32_t));
	db_at = place(&at, p->db_bytes);
	h.bytes = at;
	for (size_t i = 0; i < s->group_cnt; i++) {
		p->group[i].lit_at += db_at;
		p->group[i].re_at += db_at;
	}
	return ftruncate(fd, (off_t)at) == 0 && write_at(fd, 0, &h, sizeof(h)) &&
	       write_at(fd, h.row_at, p->row, s->cnt * sizeof(*p->row)) &&
	       write_at(fd, h.group_at, p->group, s->group_cnt * sizeof(*p->group)) &&
	       write_at(fd, h.link_start_at, p->link_start, p->literal_cnt * sizeof(uint32_t)) &&
	       write_at(fd, h.link_start_at + p->literal_cnt * sizeof(uint32_t), &end,
	                sizeof(end)) &&
	       write_at(fd, h.lit_len_at, p->lit_len, p->literal_cnt) &&
	       write_at(fd, h.link_at, p->link, p->link_cnt * sizeof(uint32_t)) &&
	       write_at(fd, h.re_at, p->re_id, p->re_cnt * sizeof(uint32_t)) &&
	       write_at(fd, h.always_at, p->always, p->always_cnt * sizeof(uint32_t)) &&
	       write_at(fd, db_at, p->db, p->db_bytes);
}

void
match_set_compile_to(int fd, const void *pieces)
{
	const struct match_pieces *of = pieces;
	const struct match_set_spec *s = &of->spec;
	struct plan p = { .pieces = of, .spec = s, .limits = s->limits };

	p.item = calloc(s->cnt + 1, sizeof(*p.item));
	p.row = calloc(s->cnt + 1, sizeof(*p.row));
	p.group = calloc(s->group_cnt + 1, sizeof(*p.group));
	p.run = confirm_run_new();
	if (!p.item || !p.row || !p.group || !p.run)
		_exit(2);
	if (p.limits.min_bytes == 0)
		p.limits.min_bytes = DEFAULT_MIN_BYTES;
	if (p.limits.max_ns_kib == 0)
		p.limits.max_ns_kib = DEFAULT_MAX_NS_KIB;
	if (p.limits.max_per_mib == 0)
		p.limits.max_per_mib = DEFAULT_MAX_PER_MIB;
	for (size_t i = 0; i < s->cnt; i++)
		examine(&p, i);
	plan_groups(&p);
	for (size_t i = 0; i < s->cnt; i++) {
		p.row[i].lead = p.item[i].literals.lead;
		if (p.row[i].way != MATCH_BY_NONE)
			p.row[i].why[0] = 0;
	}
	if (!write_plan(fd, &p))
		_exit(2);
}
