/* SPDX-License-Identifier: BSD-3-Clause
 * fuzz_rules.c - rule files and lists: any bytes; the same text gives the same tables and errors twice
 *
 * Property  An error names a line of the text. Every meta that compiled can be evaluated. What comes after a line does not
 *           change what was said about it: the errors of a prefix that ends at a line are a prefix of the errors, but for what
 *           is said of a file as a whole at its end. A text that begins with '!' is SpamAssassin's.
 */
#include "engine/match/literal.h"
#include "engine/ruleset.h"

/* Said at the end of a file. */
static bool
is_of_end(const struct snapshot_error *e)
{
	return strstr(e->text, "means nothing here") || strstr(e->text, "if without endif");
}

static size_t
drop_of_end(struct snapshot_errors *e)
{
	size_t n = 0;

	for (size_t i = 0; i < e->cnt; i++)
		if (!is_of_end(&e->item[i]))
			e->item[n++] = e->item[i];
	return e->cnt = n;
}

static size_t
parse(struct span text, bool list, struct ruleset *s, struct snapshot_errors *e)
{
	bool is_theirs = text.len > 0 && text.p[0] == '!';

	if (is_theirs)
		text = span_skip(text, 1);
	if (list)
		ruleset_parse_list(s, "f", text, e);
	else
		ruleset_parse_rules(s, is_theirs ? "f.cf" : "f", text, e);
	return e->cnt;
}

static void
check_metas(struct ruleset *s, struct snapshot_errors *e)
{
	uint32_t *seen = calloc(s->rule_cnt + 1, sizeof(*seen));
	float *hits = calloc(s->rule_cnt + 1, sizeof(*hits));
	struct literal_set literals;
	int64_t features[FEATURES] = { 0 };

	ruleset_finish(s, e);
	for (size_t i = 0; i < s->meta_cnt && e->error_cnt == 0; i++)
		rule_expr_eval(s, &s->rules[s->meta_order[i]], seen, 1, hits, features);
	for (enum lane k = 0; k < LANES; k++)
		for (size_t i = 0; i < s->lane[k].cnt; i++)
			literal_require(s->lane[k].item[i].text, &literals);
	free(seen);
	free(hits);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ruleset whole = { 0 }, part = { 0 };
	struct snapshot_errors we = { 0 }, pe = { 0 };
	struct span text = span(data, size);
	bool list = size > 0 && data[0] == '%';
	const char *cut = size ? memrchr(data, '\n', size) : NULL;
	uint32_t lines = 1;

	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	parse(text, list, &whole, &we);
	for (size_t i = 0; i < we.cnt; i++)
		BUG_ON(we.item[i].line > lines || (we.item[i].column > size + 1));
	if (cut && !list) {
		parse(span(data, (size_t)(cut - text.p) + 1), list, &part, &pe);
		drop_of_end(&pe);
		drop_of_end(&we);
		BUG_ON(pe.cnt > we.cnt);
		for (size_t i = 0; i < pe.cnt; i++)
			BUG_ON(memcmp(&pe.item[i], &we.item[i], sizeof(pe.item[i])) != 0);
	}
	if (!list)
		check_metas(&whole, &we);
	ruleset_fini(&whole);
	ruleset_fini(&part);
	snapshot_errors_fini(&we);
	snapshot_errors_fini(&pe);
	return 0;
}
