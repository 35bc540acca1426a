/* SPDX-License-Identifier: BSD-3-Clause
 * confirm.c - PCRE2 behind a small opaque type
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "engine/match/confirm.h"
#include <pcre2.h>

#define STACK_BYTES (64 * 1024)

struct confirm {
	pcre2_code *code;
};

struct confirm_run {
	pcre2_match_context *context;
	pcre2_match_data *data;
	pcre2_jit_stack *stack;
};

static uint32_t
options_of(const struct match_pattern *p)
{
	return (p->is_caseless ? PCRE2_CASELESS : 0u) | (p->is_multiline ? PCRE2_MULTILINE : 0u) |
	       (p->is_dotall ? PCRE2_DOTALL : 0u) | PCRE2_NEVER_UTF | PCRE2_NEVER_BACKSLASH_C;
}

struct confirm *
confirm_new(const struct match_pattern *p, char *why, size_t cap)
{
	struct confirm *c = calloc(1, sizeof(*c));
	PCRE2_SIZE at;
	int rc;

	BUG_ON(!c);
	c->code = pcre2_compile((PCRE2_SPTR)p->text.p, p->text.len, options_of(p), &rc, &at, NULL);
	if (!c->code) {
		PCRE2_UCHAR text[120];

		pcre2_get_error_message(rc, text, sizeof(text));
		snprintf(why, cap, "%s at %zu", (const char *)text, (size_t)at);
	} else if (pcre2_jit_compile(c->code, PCRE2_JIT_COMPLETE) != 0) {
		snprintf(why, cap, "no machine code for it");
	} else {
		return c;
	}
	confirm_free(c);
	return NULL;
}

void
confirm_free(struct confirm *c)
{
	if (!c)
		return;
	pcre2_code_free(c->code);
	free(c);
}

struct confirm_run *
confirm_run_new(void)
{
	struct confirm_run *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->context = pcre2_match_context_create(NULL);
	r->data = pcre2_match_data_create(1, NULL);
	r->stack = pcre2_jit_stack_create(STACK_BYTES, STACK_BYTES, NULL);
	if (!r->context || !r->data || !r->stack) {
		confirm_run_free(r);
		return NULL;
	}
	pcre2_jit_stack_assign(r->context, NULL, r->stack);
	return r;
}

void
confirm_run_free(struct confirm_run *r)
{
	if (!r)
		return;
	pcre2_match_data_free(r->data);
	pcre2_match_context_free(r->context);
	pcre2_jit_stack_free(r->stack);
	free(r);
}

unsigned
confirm_count(const struct confirm *c, struct confirm_run *r, struct span text, unsigned max,
              size_t *end, uint64_t *timeout_cnt)
{
	PCRE2_SIZE *v = pcre2_get_ovector_pointer(r->data);
	unsigned cnt = 0;
	size_t from = 0;

	pcre2_set_match_limit(r->context, CONFIRM_LIMIT + 2 * (uint32_t)text.len);
	while (cnt < max && from <= text.len) {
		int rc = pcre2_jit_match(c->code, (PCRE2_SPTR)text.p, text.len, from, 0, r->data,
		                         r->context);

		if (rc < 0) {
			*timeout_cnt += rc != PCRE2_ERROR_NOMATCH;
			break;
		}
		if (cnt++ == 0)
			*end = v[1];
		/* An empty match moves on by a byte; Perl would try a longer one there first, which rules do not need. */
		from = v[1] > v[0] ? v[1] : v[1] + 1;
	}
	return cnt;
}

bool
confirm_once(const struct match_pattern *p, struct span text)
{
	pcre2_match_data *data = pcre2_match_data_create(1, NULL);
	pcre2_match_context *context = pcre2_match_context_create(NULL);
	PCRE2_SIZE at;
	int rc;
	pcre2_code *code =
	        pcre2_compile((PCRE2_SPTR)p->text.p, p->text.len, options_of(p), &rc, &at, NULL);
	bool hit = false;

	BUG_ON(!data || !context);
	pcre2_set_match_limit(context, CONFIRM_LIMIT);
	if (code)
		hit = pcre2_match(code, (PCRE2_SPTR)text.p, text.len, 0, 0, data, context) >= 0;
	pcre2_code_free(code);
	pcre2_match_context_free(context);
	pcre2_match_data_free(data);
	return hit;
}
