/* SPDX-License-Identifier: BSD-3-Clause
 * confirm.c - PCRE2 behind a small opaque type
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "engine/match/confirm.h"
#include <pcre2.h>

#define STACK_BYTES (64 * 1024)
#define STACK_MAX                                                                                  \
	(1024 *                                                                                    \
	 1024) /* address space alone until an expression is that deep; steps are bounded in any case */
#define FRAMES_BYTES (160 * 1024) /* PCRE2 begins with 20 KiB and doubles */

struct confirm {
	pcre2_code *code;
	bool is_interpreted; /* "(*NO_JIT)…": PCRE2 makes no machine code and no error of it */
};

/* What the interpreter goes back by, so that no worker allocates: PCRE2 asks for a larger block, copies, gives the smaller one back. */
struct frames {
	bool is_used[2];
	_Alignas(max_align_t) char block[2][FRAMES_BYTES];
};

struct confirm_run {
	pcre2_match_context *context;
	pcre2_match_data *data, *slow_data; /* slow_data: of the interpreter */
	pcre2_general_context *memory;
	pcre2_jit_stack *stack;
	bool is_made; /* from now on memory is of frames alone */
	struct frames frames;
};

static uint32_t
options_of(const struct match_pattern *p)
{
	return (p->is_caseless ? PCRE2_CASELESS : 0u) | (p->is_multiline ? PCRE2_MULTILINE : 0u) |
	       (p->is_dotall ? PCRE2_DOTALL : 0u) | PCRE2_NEVER_UTF | PCRE2_NEVER_BACKSLASH_C |
	       PCRE2_USE_OFFSET_LIMIT;
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
		size_t bytes = 0;

		pcre2_pattern_info(c->code, PCRE2_INFO_JITSIZE, &bytes);
		c->is_interpreted = bytes == 0;
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

static void *
take(size_t n, void *ctx)
{
	struct confirm_run *r = ctx;

	if (!r->is_made)
		return malloc(n);
	for (unsigned i = 0; i < 2 && n <= FRAMES_BYTES; i++)
		if (!r->frames.is_used[i]) {
			r->frames.is_used[i] = true;
			return r->frames.block[i];
		}
	return NULL; /* then there is no hit: PCRE2_ERROR_NOMEMORY */
}

static void
give(void *p, void *ctx)
{
	struct confirm_run *r = ctx;

	for (unsigned i = 0; i < 2; i++)
		if (p == r->frames.block[i]) {
			r->frames.is_used[i] = false;
			return;
		}
	free(p);
}

struct confirm_run *
confirm_run_new(void)
{
	struct confirm_run *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->context = pcre2_match_context_create(NULL);
	r->data = pcre2_match_data_create(1, NULL);
	r->memory = pcre2_general_context_create(take, give, r);
	r->slow_data = r->memory ? pcre2_match_data_create(1, r->memory) : NULL;
	r->stack = pcre2_jit_stack_create(STACK_BYTES, STACK_MAX, NULL);
	if (!r->context || !r->data || !r->slow_data || !r->stack) {
		confirm_run_free(r);
		return NULL;
	}
	pcre2_jit_stack_assign(r->context, NULL, r->stack);
	r->is_made = true;
	return r;
}

void
confirm_run_free(struct confirm_run *r)
{
	if (!r)
		return;
	pcre2_match_data_free(r->data);
	pcre2_match_data_free(r->slow_data);
	pcre2_general_context_free(r->memory);
	pcre2_match_context_free(r->context);
	pcre2_jit_stack_free(r->stack);
	free(r);
}

static int
match(const struct confirm *c, struct confirm_run *r, struct span text, size_t from)
{
	if (c->is_interpreted)
		return pcre2_match(c->code, (PCRE2_SPTR)text.p, text.len, from, PCRE2_NO_JIT,
		                   r->slow_data, r->context);
	return pcre2_jit_match(c->code, (PCRE2_SPTR)text.p, text.len, from, 0, r->data, r->context);
}

unsigned
confirm_count(const struct confirm *c, struct confirm_run *r, struct span text,
              struct confirm_range in, unsigned max, size_t *end, uint64_t *timeout_cnt)
{
	PCRE2_SIZE *v = pcre2_get_ovector_pointer(c->is_interpreted ? r->slow_data : r->data);
	unsigned cnt = 0;
	size_t from = in.from, until = MIN(in.until, text.len);

	pcre2_set_match_limit(r->context, CONFIRM_LIMIT + 2 * (uint32_t)text.len);
	pcre2_set_offset_limit(r->context, until);
	while (cnt < max && from <= until) {
		int rc = match(c, r, text, from);

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
