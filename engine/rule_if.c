/* SPDX-License-Identifier: BSD-3-Clause
 * rule_if.c - if, ifplugin, else, endif: which lines of a file count
 *
 * Grammar or := and ("||" and)*; and := not ("&&" not)*; not := "!"* atom;
 *         atom := "(" or ")" | plugin(NAME) | has(NAME) | can(NAME) | number compared with number.
 * Plugins Those whose rules run here are there; one that is not there makes its rules go unread, as in SpamAssassin.
 */
#include "engine/ruleset_internal.h"

#define SA_VERSION   4.000001
#define PERL_VERSION 5.036000

/* What Debian's SpamAssassin loads: their rule types and tags are here, their evaluations are listed one by one as skipped. */
static const char *const plugins[] = {
	"AskDNS",
	"AutoLearnThreshold",
	"Bayes",
	"BodyEval",
	"DKIM",
	"DMARC",
	"DNSEval",
	"FreeMail",
	"HTMLEval",
	"HTTPSMismatch",
	"HashBL",
	"HeaderEval",
	"ImageInfo",
	"MIMEEval",
	"MIMEHeader",
	"Pyzor",
	"Razor2",
	"RelayEval",
	"ReplaceTags",
	"SPF",
	"SpamCop",
	"URIDNSBL",
	"URIDetail",
	"URIEval",
	"VBounce",
	"WLBLEval",
	"WelcomeListSubject",
};

/* Features of Mail::SpamAssassin::Conf 4.0.1; what of them does not run here is skipped where it stands. */
static const char *const features[] = {
	"feature_bayes_auto_learn_on_error",
	"feature_bayes_stopwords",
	"feature_blocklist_welcomelist",
	"feature_bug6558_free",
	"feature_capture_rules",
	"feature_compile_regexp",
	"feature_dns_block_rule",
	"feature_dns_local_ports_permit_avoid",
	"feature_dns_query_restriction",
	"feature_edns",
	"feature_geodb",
	"feature_get_host",
	"feature_header_address_parser",
	"feature_header_first_last",
	"feature_header_match_many",
	"feature_local_tests_only",
	"feature_meta_rules_matching",
	"feature_originating_ip_headers",
	"feature_registryboundaries",
	"feature_subjprefix",
	"feature_uri_host_listed",
	"feature_welcomelist_blocklist",
	"feature_yesno_takes_args",
	"has_tflags_nolog",
	"has_tflags_nosubject",
	"perl_min_version_5010000",
};

struct cond {
	struct line *l;
	struct span rest;
	unsigned depth;
	bool failed;
};

static bool
take(struct cond *c, const char *token)
{
	size_t n = strlen(token);

	c->rest = trim(c->rest);
	if (c->failed || c->rest.len < n || memcmp(c->rest.p, token, n))
		return false;
	c->rest = span_skip(c->rest, n);
	return true;
}

static bool
is_one_of(struct span s, const char *prefix, const char *const *list, size_t cnt)
{
	size_t n = strlen(prefix);

	if (s.len < n || memcmp(s.p, prefix, n))
		return false;
	s = span_skip(s, n);
	for (size_t i = 0; i < cnt; i++)
		if (span_is(s, list[i]))
			return true;
	return false;
}

static bool
has_plugin(struct span name)
{
	return is_one_of(name, "Mail::SpamAssassin::Plugin::", plugins, ARRAY_LEN(plugins));
}

/* Of methods of plugins: those of a plugin that is here. */
static bool
has_feature(struct span name)
{
	const char *last = memrchr(name.p, ':', name.len);

	if (is_one_of(name, "Mail::SpamAssassin::Conf::", features, ARRAY_LEN(features)))
		return true;
	return last && last > name.p + 1 && has_plugin(span(name.p, (size_t)(last - name.p) - 1));
}

/* The name between brackets. */
static struct span
bracketed(struct cond *c)
{
	const char *end;
	struct span name = span("", 0);

	if (!take(c, "(") || !(end = memchr(c->rest.p, ')', c->rest.len))) {
		c->failed = true;
		return name;
	}
	name = trim(span(c->rest.p, (size_t)(end - c->rest.p)));
	c->rest = span_skip(c->rest, (size_t)(end - c->rest.p) + 1);
	return name;
}

static bool
number(struct cond *c, double *out)
{
	char z[32], *end;
	size_t n = 0;

	if (take(c, "perl_version")) {
		*out = PERL_VERSION;
	} else if (take(c, "version")) {
		*out = SA_VERSION;
	} else if (take(c, "local_tests_only")) {
		*out = 1;
	} else {
		while (n < c->rest.len && n < sizeof(z) - 1 &&
		       ((c->rest.p[n] >= '0' && c->rest.p[n] <= '9') || c->rest.p[n] == '.'))
			n++;
		memcpy(z, c->rest.p, n);
		z[n] = 0;
		*out = strtod(z, &end);
		c->failed |= n == 0 || *end;
		c->rest = span_skip(c->rest, n);
	}
	return !c->failed;
}

static bool
comparison(struct cond *c)
{
	double a, b;

	if (!number(c, &a))
		return false;
	if (take(c, ">="))
		return number(c, &b) && a >= b;
	if (take(c, "<="))
		return number(c, &b) && a <= b;
	if (take(c, "=="))
		return number(c, &b) && a == b;
	if (take(c, "!="))
		return number(c, &b) && a != b;
	if (take(c, ">"))
		return number(c, &b) && a > b;
	if (take(c, "<"))
		return number(c, &b) && a < b;
	return a != 0;
}

static bool parse_or(struct cond *c);

static bool
parse_not(struct cond *c)
{
	bool is_negated = false, v;

	while (take(c, "!"))
		is_negated = !is_negated;
	if (take(c, "(")) {
		c->failed |= ++c->depth > IF_DEPTH_MAX;
		v = !c->failed && parse_or(c);
		c->failed |= !take(c, ")");
	} else if (take(c, "plugin")) {
		v = has_plugin(bracketed(c));
	} else if (take(c, "has") || take(c, "can")) {
		v = has_feature(bracketed(c));
	} else {
		v = comparison(c);
	}
	return v != is_negated;
}

static bool
parse_and(struct cond *c)
{
	bool v = parse_not(c);

	while (take(c, "&&"))
		v = parse_not(c) && v;
	return v;
}

static bool
parse_or(struct cond *c)
{
	bool v = parse_and(c);

	while (take(c, "||"))
		v = parse_and(c) || v;
	return v;
}

static void
push(struct line *l, bool is_true)
{
	struct rule_if *i = &l->cond;

	if (i->depth == IF_DEPTH_MAX) {
		rule_refuse(l, l->text.p, "more than %d ifs in one another", IF_DEPTH_MAX);
		return;
	}
	i->line[i->depth] = l->no;
	i->was_skipping[i->depth++] = i->is_skipping;
	i->is_skipping |= !is_true;
}

static void
on_if(struct line *l)
{
	struct cond c = { .l = l, .rest = l->rest };
	bool v = parse_or(&c);

	if (c.failed || trim(c.rest).len > 0)
		rule_refuse(l, l->rest.p, "not a condition");
	push(l, v && !c.failed);
}

static void
on_ifplugin(struct line *l)
{
	bool is_here = has_plugin(l->rest);

	if (l->rest.len == 0)
		rule_refuse(l, l->rest.p, "the name of a plugin was expected");
	else if (!is_here && !l->cond.is_skipping)
		skipped_add(l->e, line_at(l, l->rest.p), "%.*s is not here",
		            (int)MIN(l->rest.len, 80u), l->rest.p);
	push(l, is_here);
}

static void
on_else(struct line *l)
{
	struct rule_if *i = &l->cond;

	if (i->depth == 0)
		rule_refuse(l, l->text.p, "else without if");
	else if (!i->was_skipping[i->depth - 1])
		i->is_skipping = !i->is_skipping;
}

static void
on_endif(struct line *l)
{
	struct rule_if *i = &l->cond;

	if (i->depth == 0)
		rule_refuse(l, l->text.p, "endif without if");
	else
		i->is_skipping = i->was_skipping[--i->depth];
}

bool
rule_if_line(struct line *l, struct span word)
{
	static const struct {
		const char *word;
		void (*parse)(struct line *l);
	} rows[] = { { "if", on_if },
		     { "ifplugin", on_ifplugin },
		     { "else", on_else },
		     { "endif", on_endif } };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (span_is(word, rows[i].word)) {
			rows[i].parse(l);
			return true;
		}
	return l->cond.is_skipping;
}

void
rule_if_end(struct line *l)
{
	struct rule_if *i = &l->cond;

	if (i->depth > 0)
		error_add(l->e, (struct error_at){ l->s->files[l->file], i->line[i->depth - 1], 1 },
		          "if without endif");
	*i = (struct rule_if){ 0 };
}
